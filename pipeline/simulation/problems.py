"""What is really wrong in the city: the problems of one day, with their true place, owner and history.

A day's problems depend on the seed and the day alone. Chronic sites are drawn once from the seed, so a recurrence can
name its predecessor without anybody having looked at that day.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random

from pipeline.domain.geo.tiles import tile_of
from pipeline.simulation import kinds
from pipeline.simulation.city import City, Component
from pipeline.simulation.clock import HOUR, MINUTE, day_start
from pipeline.simulation.dice import dice
from pipeline.simulation.kinds import Kind
from pipeline.simulation.lattice import CELL_M, Cell, Point, shifted
from pipeline.simulation.switches import Switches

PER_DAY = 3900
"""Problems a day at scale 1 and volume 1 (assumed)."""
BY_HOUR = (2, 1, 1, 1, 1, 2, 4, 8, 10, 10, 9, 8, 6, 7, 8, 8, 8, 8, 8, 8, 7, 6, 4, 3)
"""How problems spread over the hours of a day (assumed)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One true problem. ``twin`` is a place a few metres away across a border from which it is reported as well."""

    id: str
    day: int
    kind: Kind
    cell: Cell
    u: float
    v: float
    point: Point
    begun_at: int
    owner: str
    component: Component | None = None
    value: float | None = None
    below: bool = False
    recurrence_of: str = ""
    twin: Point | None = None
    twin_kind: str = ""
    law_overlap: bool = False
    chronic_idle: bool = False

    def border_m(self, city: City) -> float:
        """Distance to the nearest border with another responsibility grid, within the cell; infinite when none."""
        i, j = self.cell
        mine = city.responsibility_of[self.cell]
        sides = (
            (self.u, (i - 1, j)),
            (1 - self.u, (i + 1, j)),
            (self.v, (i, j - 1)),
            (1 - self.v, (i, j + 1)),
        )
        return min(
            (CELL_M * part for part, cell in sides if city.responsibility_of.get(cell) is not mine),
            default=float("inf"),
        )


def problems_of(city: City, switches: Switches, day: int, start: int) -> Iterator[Problem]:
    """All problems that begin on a day (chronic idle ones count as beginning on day 0)."""
    count = daily(city, switches)
    if day == 0:
        yield from idle_problems(city, switches, start)
    yield from _recurrences(city, switches, day, start)
    for number in range(round(count * (1 - switches.recurring_problems))):
        yield _ordinary(city, switches, day, number, start)


def daily(city: City, switches: Switches) -> int:
    """Problems a day."""
    return max(1, round(PER_DAY * len(city.communities) / 96 * switches.volume))


def _ordinary(city: City, switches: Switches, day: int, number: int, start: int) -> Problem:
    rng = dice(city.seed, "problem", day, number)
    draw = rng.random()
    if draw < switches.emergencies:
        kind = rng.choices(kinds.EMERGENCIES, [kind.weight for kind in kinds.EMERGENCIES])[0]
    else:
        kind = rng.choices(kinds.ORDINARY, _WEIGHTS)[0]
    made = _placed(city, switches, rng, f"P{day:03d}-{number:06d}", day, kind, start)
    return _beside_border(city, switches, rng, made)


_WEIGHTS = [kind.weight for kind in kinds.ORDINARY]


def _placed(
    city: City, switches: Switches, rng: Random, id: str, day: int, kind: Kind, start: int, cell: Cell | None = None
) -> Problem:
    cell = rng.choice(city.cells) if cell is None else cell
    u, v = rng.uniform(0.01, 0.99), rng.uniform(0.01, 0.99)
    component = _component(city, rng, kind, cell) if kind.component else None
    if component is not None:
        cell, point = component.cell, component.point
        u, v = rng.uniform(0.2, 0.8), rng.uniform(0.2, 0.8)
    else:
        point = city.lattice.at(cell, u, v)
    owner = component.owner if component is not None else kind.owner
    hour = rng.choices(range(24), BY_HOUR)[0]
    value, below = _measure(city, switches, rng, kind, cell, hour)
    return Problem(
        id=id,
        day=day,
        kind=kind,
        cell=cell,
        u=u,
        v=v,
        point=point,
        begun_at=day_start(start, day) + hour * HOUR + rng.randrange(60 * MINUTE),
        owner=owner,
        component=component,
        value=value,
        below=below,
        law_overlap=kind.road_occupation and rng.random() < switches.law_overlap,
    )


def _component(city: City, rng: Random, kind: Kind, cell: Cell) -> Component | None:
    """A component of the right kind nearby, or none after a few tries (then it is in no register)."""
    for _ in range(12):
        for component in city.components_in(cell):
            if component.category == kind.component:
                return component
        cell = rng.choice(city.cells)
    return None


NOISE = {"1": (55.0, 45.0), "2": (60.0, 50.0), "3": (65.0, 55.0), "4": (70.0, 55.0)}
"""Limits by noise class, day and night (GB 3096-2008)."""
SITE_NOISE = (70.0, 55.0)
"""Limits at the border of a building site, day and night (GB 12523)."""


def threshold(city: City, switches: Switches, kind: Kind, cell: Cell, hour: int) -> float:
    """The filing threshold at a place and hour. Zones of class 3 have their own while ``area_thresholds`` is on."""
    assert kind.measured is not None
    night = hour < 6 or hour >= 22
    if kind.measured.measure == "noise":
        return (SITE_NOISE if kind.key == "site-noise" else NOISE[city.zone(cell)])[night]
    rural = switches.area_thresholds > 0 and city.zone(cell) == "3" and kind.key in ZONED
    return kind.measured.rural if rural else kind.measured.threshold


ZONED = ("rubbish", "pothole", "stall")
"""Kinds whose thresholds differ by zone (see ``city_files``)."""


def _measure(
    city: City, switches: Switches, rng: Random, kind: Kind, cell: Cell, hour: int
) -> tuple[float | None, bool]:
    if kind.measured is None:
        return None, False
    limit = threshold(city, switches, kind, cell, hour)
    loud = kind.measured.measure == "noise"
    whole = kind.measured.unit in ("count", "dB(A)", "%")
    if rng.random() < switches.below_standard:
        value = limit * (rng.uniform(0.86, 0.98) if loud else rng.uniform(0.3, 0.9))
        return (float(int(value)) if whole else round(value, 2)), True
    value = rng.uniform(limit + 1, limit + 18) if loud else rng.uniform(limit * 1.1, max(kind.measured.top, limit * 2))
    value = min(value, 100.0) if kind.measured.unit == "%" else value
    return (float(int(value)) if whole else round(value, 2)), False


def _beside_border(city: City, switches: Switches, rng: Random, made: Problem) -> Problem:
    """Move some problems to a grid border, or to the border of two tiles, and give them a twin place beyond it."""
    draw = rng.random()
    if made.component is not None or draw >= switches.border_pairs + switches.tile_pairs:
        return made
    if draw >= switches.border_pairs:
        return _beside_tile(city, made)
    i, j = made.cell
    if (i - 1, j) not in city.community_of:
        return made
    near, beyond = city.lattice.at((i, j), 0.03, made.v), city.lattice.at((i - 1, j), 0.97, made.v)
    return replace(made, u=0.03, point=near, twin=beyond, twin_kind="border_pair")


def _beside_tile(city: City, made: Problem) -> Problem:
    """Move a problem to three metres before the nearest edge of its tile, with a twin three metres beyond."""
    found = tile_border(made.point)
    if found is None:
        return made
    cell, u, v = city.lattice.locate(found[0])
    if cell not in city.community_of:
        return made
    return replace(made, cell=cell, u=u, v=v, point=found[0], twin=found[1], twin_kind="tile_pair")


def tile_border(point: Point, reach_m: float = 900.0, step_m: float = 60.0) -> tuple[Point, Point] | None:
    """Two places six metres apart on two sides of a tile's edge near ``point``, or none within reach."""
    here = tile_of(*point)
    for number in range(1, int(reach_m / step_m) + 1):
        for east, north in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            far = number * step_m
            if tile_of(*shifted(point, east * far, north * far)) == here:
                continue
            low, high = far - step_m, far
            while high - low > 0.5:
                middle = (low + high) / 2
                if tile_of(*shifted(point, east * middle, north * middle)) == here:
                    low = middle
                else:
                    high = middle
            return (
                shifted(point, east * (low - 3), north * (low - 3)),
                shifted(point, east * (high + 3), north * (high + 3)),
            )
    return None


def _recurrences(city: City, switches: Switches, day: int, start: int) -> Iterator[Problem]:
    """Chronic sites whose turn it is: each comes back every 2 to 6 days."""
    for site in range(round(daily(city, switches) * switches.recurring_problems * 3.45)):
        rng = dice(city.seed, "chronic", site)
        kind, cell = rng.choice(kinds.CHRONIC), rng.choice(city.cells)
        period = rng.randrange(2, 7)
        if (day + site) % period:
            continue
        made = _placed(city, switches, rng, f"R{site:05d}-{day:03d}", 0, kind, start, cell)
        before = f"R{site:05d}-{day - period:03d}" if day >= period else ""
        hour = dice(city.seed, "chronic hour", site, day).randrange(6, 22)
        yield replace(made, day=day, begun_at=day_start(start, day) + hour * HOUR, recurrence_of=before)


def idle_problems(city: City, switches: Switches, start: int) -> Iterator[Problem]:
    """Problems nobody owns, begun before the first day and never mended: they are complained of day after day."""
    for site in range(round(daily(city, switches) * switches.ownerless_idle)):
        rng = dice(city.seed, "idle", site)
        made = _placed(city, switches, rng, f"O{site:05d}", 0, rng.choice(kinds.CHRONIC), start)
        begun = day_start(start, 0) - rng.randrange(5, 120) * 24 * HOUR
        yield replace(made, begun_at=begun, owner="", component=None, chronic_idle=True, below=False)
