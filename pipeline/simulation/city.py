"""The simulated district: areas, grid systems, workers, components and devices, all derived from (seed, scale).

At scale 1 it has 96 communities in six streets and towns, some of them villages: about 2,900 unit grids, 490
responsibility grids of 300 to 500 households, 190,000 households. Division codes begin with 310199, which is assigned
to nobody, so that nothing can be mistaken for a real place.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from math import ceil, sqrt

from pipeline.simulation import names
from pipeline.simulation.dice import chance, dice
from pipeline.simulation.lattice import Cell, Lattice, Point

PER_STREET = 16
SIDE = 4
"""Communities along each side of a street's area."""
COLUMNS, ROWS = 5, 6
"""Cells of a community before its border was bent."""
STREETS_PER_DISTRICT = 60
CITY_CODE, CITY_NAME = "310000", "模拟市"


@dataclass(frozen=True, slots=True)
class District:
    """A district."""

    code: str
    name: str


@dataclass(frozen=True, slots=True)
class Street:
    """A street (街道) or town (镇) with its office."""

    code: str
    name: str
    district: District
    town: bool

    @property
    def office(self) -> str:
        """Id of its office among the departments."""
        return f"street-{self.code}"


@dataclass(frozen=True, slots=True)
class Community:
    """A community (社区) or village (村) and its cells, west to east, north to south."""

    code: str
    name: str
    street: Street
    village: bool
    households: int
    cells: tuple[Cell, ...]
    estates: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Responsibility:
    """A responsibility grid: some unit grids of a community, with the worker who answers for it ('' is vacant)."""

    code: str
    community: Community
    cells: tuple[Cell, ...]
    households: int
    worker: str


@dataclass(frozen=True, slots=True)
class Component:
    """A managed thing with its 17-digit code."""

    code: str
    category: str
    owner: str
    cell: Cell
    point: Point


@dataclass(frozen=True)
class City:
    """Everything that stays as it is while the days pass."""

    seed: int
    scale: float
    vacant: float = 0.05
    shared: float = 0.30
    lattice: Lattice = field(init=False)

    def __post_init__(self) -> None:
        """Lay out the lattice."""
        object.__setattr__(self, "lattice", Lattice(self.seed))

    # --- areas -------------------------------------------------------------------------------------------------
    @cached_property
    def blocks(self) -> dict[Cell, int]:
        """Community number by its position in the plan of communities."""
        total = SIDE * max(1, round(96 * self.scale / SIDE))
        streets = ceil(total / PER_STREET)
        across = ceil(sqrt(streets))
        found: dict[Cell, int] = {}
        for number in range(total):
            street, inner = divmod(number, PER_STREET)
            row, column = divmod(inner, SIDE)
            found[street % across * SIDE + column, street // across * SIDE + row] = number
        return found

    @cached_property
    def streets(self) -> tuple[Street, ...]:
        """All streets and towns; the last third are towns."""
        count = ceil(len(self.blocks) / PER_STREET)
        rng = dice(self.seed, "street names")
        made = []
        for number in range(count):
            district_no, within = divmod(number, STREETS_PER_DISTRICT)
            here = min(STREETS_PER_DISTRICT, count - district_no * STREETS_PER_DISTRICT)
            town = within >= here - max(1, here // 3) if here > 1 else False
            code = f"{310199 - district_no}{(100 if town else 1) + within:03d}"
            name = names.place(rng) + ("镇" if town else "街道")
            made.append(Street(code, name, self.district(district_no), town))
        return tuple(made)

    def district(self, number: int) -> District:
        """A district; further ones exist only above scale 10."""
        return District(str(310199 - number), "演示区" if number == 0 else f"演示{number + 1}区")

    @cached_property
    def districts(self) -> tuple[District, ...]:
        """All districts."""
        return tuple(dict.fromkeys(street.district for street in self.streets))

    def _border(self, border: int, row: int) -> int:
        """Where a border between two communities runs in a row of cells: bent by a cell here and there."""
        block_row = row // ROWS
        if (border - 1, block_row) not in self.blocks or (border, block_row) not in self.blocks:
            return border * COLUMNS
        return border * COLUMNS + int(chance(self.seed, "bend", border, row // 2) * 3) - 1

    @cached_property
    def communities(self) -> tuple[Community, ...]:
        """All communities in the order of their numbers."""
        made: list[Community | None] = [None] * len(self.blocks)
        serial: dict[str, int] = {}
        for (column, row), number in sorted(self.blocks.items(), key=lambda item: item[1]):
            street = self.streets[number // PER_STREET]
            rng = dice(self.seed, "community", number)
            village = street.town and rng.random() < 0.5
            key = street.code + ("2" if village else "0")
            serial[key] = serial.get(key, 0) + 1
            cells = tuple(
                (i, j)
                for j in range(row * ROWS + ROWS - 1, row * ROWS - 1, -1)
                for i in range(self._border(column, j), self._border(column + 1, j))
            )
            made[number] = Community(
                code=f"{street.code}{(200 if village else 0) + serial[key]:03d}",
                name=names.place(rng) + ("村" if village else "社区"),
                street=street,
                village=village,
                households=rng.randrange(140, 170) if village and rng.random() < 0.2 else rng.randrange(1700, 2300),
                cells=cells,
                estates=tuple(names.estate(rng) for _ in range(6)),
            )
        return tuple(item for item in made if item is not None)

    @cached_property
    def community_of(self) -> dict[Cell, Community]:
        """The community of each cell."""
        return {cell: community for community in self.communities for cell in community.cells}

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        """All cells."""
        return tuple(self.community_of)

    @cached_property
    def grid_codes(self) -> dict[Cell, str]:
        """15-digit code of each unit grid: serials run west to east, north to south inside a community."""
        return {
            cell: f"{community.code}{serial:03d}"
            for community in self.communities
            for serial, cell in enumerate(community.cells, 1)
        }

    def redivided(self, count: float) -> frozenset[str]:
        """Codes of the streets whose unit grids are divided anew half way: the first ``count``."""
        return frozenset(street.code for street in self.streets[: int(count)])

    @cached_property
    def _rows(self) -> dict[Cell, tuple[int, int, int]]:
        """For each cell: west end and length of its row in the community, and the serial of the row's first cell."""
        found: dict[Cell, tuple[int, int, int]] = {}
        for community in self.communities:
            rows: dict[int, list[Cell]] = {}
            for cell in community.cells:
                rows.setdefault(cell[1], []).append(cell)
            first = 501
            for cells in rows.values():
                for cell in cells:
                    found[cell] = (cells[0][0], len(cells), first)
                first += max(1, len(cells) - 1)
        return found

    def new_grid(self, cell: Cell, u: float) -> str:
        """Code of the unit grid after a re-division: borders half a cell east, a grid fewer a row, serials from 501."""
        west, length, first = self._rows[cell]
        nth = min(max(0, int(cell[0] - west + u - 0.5)), max(0, length - 2))
        return f"{self.community_of[cell].code}{first + nth:03d}"

    def new_grids(self, community: Community) -> Iterator[tuple[str, list[Point]]]:
        """The unit grids of a community after a re-division: code and ring."""
        for cell in community.cells:
            west, length, first = self._rows[cell]
            if cell[0] != west:
                continue
            cuts = [0.0, *(nth + 0.5 for nth in range(1, length - 1)), float(length)]
            for nth, (begin, end) in enumerate(pairwise(cuts)):
                yield f"{community.code}{first + nth:03d}", self._strip(west, cell[1], begin, end)

    def _strip(self, west: int, row: int, begin: float, end: float) -> list[Point]:
        stops = sorted({begin, end, *(float(stop) for stop in range(ceil(begin), int(end) + 1))})
        low = [self._along(west, row, stop) for stop in stops]
        high = [self._along(west, row + 1, stop) for stop in reversed(stops)]
        return [*low, *high, low[0]]

    def _along(self, west: int, line: int, stop: float) -> Point:
        here = int(stop)
        a, b = self.lattice.corner(west + here, line), self.lattice.corner(west + here + 1, line)
        part = stop - here
        return (round(a[0] + (b[0] - a[0]) * part, 7), round(a[1] + (b[1] - a[1]) * part, 7))

    # --- workers -----------------------------------------------------------------------------------------------
    @cached_property
    def responsibilities(self) -> tuple[Responsibility, ...]:
        """Responsibility grids of 300 to 500 households; a village under 500 residents is one grid."""
        made: list[Responsibility] = []
        for community in self.communities:
            parts = max(1, round(community.households / 400))
            rest = community.households
            for part in range(parts):
                cells = community.cells[
                    len(community.cells) * part // parts : len(community.cells) * (part + 1) // parts
                ]
                code = f"Z{community.code}{part + 1:02d}"
                households = rest // (parts - part)
                rest -= households
                made.append(Responsibility(code, community, cells, households, self._worker(code, made, part)))
        return tuple(made)

    def _worker(self, code: str, made: list[Responsibility], part: int) -> str:
        if chance(self.seed, "vacant", code) < self.vacant:
            return ""
        if part and made[-1].worker and chance(self.seed, "shared", code) < self.shared:
            return made[-1].worker
        return f"W{code[1:]}"

    @cached_property
    def responsibility_of(self) -> dict[Cell, Responsibility]:
        """The responsibility grid of each cell."""
        return {cell: grid for grid in self.responsibilities for cell in grid.cells}

    @cached_property
    def workers(self) -> dict[str, tuple[Responsibility, ...]]:
        """The grids of each worker."""
        found: dict[str, list[Responsibility]] = {}
        for grid in self.responsibilities:
            if grid.worker:
                found.setdefault(grid.worker, []).append(grid)
        return {worker: tuple(grids) for worker, grids in found.items()}

    # --- other grid systems ------------------------------------------------------------------------------------
    def blocks_of(self, width: int, height: int, east: int, north: int) -> Iterator[tuple[Cell, list[Cell]]]:
        """Cells in blocks that know nothing of communities: grids of other systems."""
        found: dict[Cell, list[Cell]] = {}
        for i, j in self.cells:
            found.setdefault(((i + east) // width, (j + north) // height), []).append((i, j))
        yield from sorted(found.items())

    def zone(self, cell: Cell) -> str:
        """Noise function class (GB 3096-2008): 4 beside main roads, 3 and 2 in blocks, else 1."""
        i, j = cell
        if j % 24 == 12 or i % 20 == 10:
            return "4"
        draw = chance(self.seed, "zone", i // 10, j // 12)
        return "1" if draw < 0.35 else "2" if draw < 0.85 else "3"

    # --- names of places ---------------------------------------------------------------------------------------
    def roads(self, cell: Cell) -> tuple[str, str]:
        """The roads that run east-west and north-south past a cell."""
        i, j = cell
        return self._road("ew", j // 3), self._road("ns", i // 3)

    @cached_property
    def _roads(self) -> dict[tuple[str, int], str]:
        return {}

    def _road(self, way: str, line: int) -> str:
        found = self._roads.get((way, line))
        if found is None:
            found = self._roads[way, line] = names.road(dice(self.seed, "road", way, line))
        return found

    # --- components --------------------------------------------------------------------------------------------
    def components_in(self, cell: Cell) -> tuple[Component, ...]:
        """The managed things of a cell, always the same ones."""
        found = self._components.get(cell)
        if found is None:
            found = self._components[cell] = tuple(self._make_components(cell))
        return found

    @cached_property
    def _components(self) -> dict[Cell, tuple[Component, ...]]:
        return {}

    @cached_property
    def _cell_number(self) -> dict[Cell, int]:
        seen: dict[str, int] = {}
        found = {}
        for cell, community in self.community_of.items():
            district = community.street.district.code
            found[cell] = seen.get(district, 0)
            seen[district] = found[cell] + 1
        return found

    def _make_components(self, cell: Cell) -> Iterator[Component]:
        rng = dice(self.seed, "components", *cell)
        street = self.community_of[cell].street
        district = street.district.code
        for slot in range(COMPONENTS_PER_CELL):
            category, owner = rng.choices(COMPONENT_MIX, COMPONENT_WEIGHTS)[0]
            code = f"{district}{category}{self._cell_number[cell] * COMPONENTS_PER_CELL + slot + 1:06d}"
            owner = street.office if owner == STREET else owner
            point = self.lattice.at(cell, rng.uniform(0.02, 0.98), rng.uniform(0.02, 0.98))
            yield Component(code, category, "" if rng.random() < 0.03 else owner, cell, point)


COMPONENTS_PER_CELL = 5
STREET = "street"
"""Owner of what belongs to the street office of its place."""
COMPONENT_MIX = (
    ("01001", "water-supply"),
    ("01002", "water"),
    ("01003", "water"),
    ("01004", "water"),
    ("01005", "power"),
    ("01007", "telecom"),
    ("01011", "gas"),
    ("01013", "fire"),
    ("01023", ""),
    ("01037", "street-lighting"),
    ("02010", "traffic-police"),
    ("02017", "road-works"),
    ("03005", "sanitation"),
    ("03008", STREET),
    ("04002", "greening-appearance"),
)
"""Category code of GB/T 47678.5-2026 and the owner (a department id; '' is unknown, as for 不明井盖)."""
COMPONENT_WEIGHTS = (6, 8, 9, 8, 5, 6, 3, 3, 1, 14, 5, 6, 10, 3, 16)
