"""Rows that name who and where: departments, persons, duties, areas, grids, components, devices, the city."""

import msgspec
from msgspec import UNSET, UnsetType

from pipeline.domain.reference.base import CategoryKey, ManagedKind, Row

UNIT_KINDS = ("bureau", "street", "community", "utility", "police", "fire", "health", "centre", "company")
"""Kinds of departments; a city may have others."""


class Department(Row, frozen=True, kw_only=True, gc=False):
    """Who may be given work. ``kind``: see :data:`UNIT_KINDS`."""

    id: str
    name_zh: str
    name_en: str
    kind: str
    level: str
    has_enforcement_power: bool = False
    parent: str = ""
    area: str = ""
    """Code of the only area it acts in; blank is everywhere."""
    merged_into: str = ""
    """The unit that took over, when this one was renamed, merged or dissolved: it gets no more work."""


class Post(Row, frozen=True, kw_only=True, gc=False):
    """A post (岗位) that persons hold and that roles of transitions name."""

    id: str
    name_zh: str
    name_en: str
    level: str
    units: tuple[str, ...] = ()
    """Kinds of departments at which it is held; none: at any."""
    own_cases: bool = False
    """Whether who holds it acts only on the cases that his unit has."""


class Person(Row, frozen=True, kw_only=True, gc=False):
    """A person by pseudonymous id: two people of one name stay two."""

    id: str
    name: str
    department: str
    post: str
    areas: tuple[str, ...] = ()
    team: str = ""


class Team(Row, frozen=True, kw_only=True, gc=False):
    """A team and its roster: ``roster`` is ``7x24``, ``work_time`` or ``shift:HH:MM-HH:MM``."""

    id: str
    name_zh: str
    department: str
    kind: str
    roster: str
    areas: tuple[str, ...] = ()
    families: tuple[str, ...] = ()


class Duty(Row, frozen=True, kw_only=True, gc=False):
    """One line of the duty list. ``code`` is a category code, ``major:06``, ``family:waste`` or ``*``.

    ``area`` narrows it to an area (with everything below it); ``area_type`` to areas of a type. The smallest
    ``priority`` wins. ``owner_first`` sends a component to its registered owner when that is known; ``unknown_owner``
    acts while it is not. Without ``hours``, ``days`` and ``when`` a line always holds; with them it goes before the
    lines without, while they are met (``conditions``). They are unset, not empty, so that a set that uses none of them
    keeps its version.
    """

    id: str
    standard: str
    kind: ManagedKind
    code: str
    area: str = ""
    area_type: str = ""
    lead: str
    assist: tuple[str, ...] = ()
    legal_basis: str
    priority: int
    owner_first: bool = False
    unknown_owner: str = ""
    joint: bool = False
    hours: str | UnsetType = UNSET
    """``22:00-06:00``: from the first minute on, before the last, in the city's time; may cross midnight."""
    days: str | UnsetType = UNSET
    """``workday`` or ``holiday``: the civil day by the calendar, make-up days and weekends included."""
    when: str | UnsetType = UNSET
    """What the report must say: ``blocks_road=yes|depth>=15 cm``."""

    @property
    def conditional(self) -> bool:
        """Whether it holds at some hours, on some days or for some answers only."""
        return bool(self.hours or self.days or self.when)


class Area(Row, frozen=True, kw_only=True, gc=False):
    """A node of a tree of areas. ``tier`` is city, district, street, community or grid, whatever the local name.

    ``level_role`` is its part in its grid system (city, district, street, community, unit, responsibility, …) and
    ``local_level`` its depth there: trees of 3, 4 and 5 levels are equal.
    """

    code: str
    name: str
    parent: str = ""
    tier: str
    level_role: str
    local_level: int
    system: str = "unit"
    lon: float | None = None
    lat: float | None = None
    households: int | None = None
    area_m2: float | None = None
    area_type: str = ""
    aliases: tuple[str, ...] = ()


class NamedPlace(Row, frozen=True, kw_only=True, gc=False):
    """An entry of the gazetteer (标准地名地址库): a place that people name, with the point that is meant by it.

    A long road is written by sections, each with its own areas; two rows of one name in one area are one too many.
    """

    name: str
    aliases: tuple[str, ...] = ()
    """Other names: former, short, or said by the people."""
    kind: str
    """``crossing``, ``road`` (a section), ``estate`` or ``public_place``."""
    lon: float
    lat: float
    datum: str = "WGS84"
    error_m: float
    """How far off, in metres (1 sigma on each axis), what is told by this name lies from the point."""
    areas: tuple[str, ...] = ()
    """Codes of the areas it lies in; several where areas meet at it; none is anywhere."""
    roads: tuple[str, ...] = ()
    """Of a crossing: the roads that meet there. Who names both one after the other means it."""


class GridKind(Row, frozen=True, kw_only=True, gc=False):
    """A kind of grid and its size rule for a type of area (blank bounds are not checked)."""

    id: str
    system: str
    name_zh: str
    name_en: str
    area_type: str = "*"
    min_households: int | None = None
    max_households: int | None = None
    target_m2: float | None = None
    max_m2: float | None = None
    needs_person: bool = False


class GridSystem(Row, frozen=True, kw_only=True, gc=False):
    """A grid system that stands beside the others, with its levels from top to bottom."""

    id: str
    name_zh: str
    name_en: str
    department: str
    roles: tuple[str, ...]


class BorderRule(Row, frozen=True, kw_only=True, gc=False):
    """What a border of a layer is like, and from what doubt on a place beside it is a border case.

    ``id`` is a tier of the unit system (``district``, ``street``, ``community``, ``grid``) or the kind of a layer of
    another system (``responsibility``, ``road``, ``river``, ``maintenance``, …), which is asked only if it has a row.
    ``flag_at`` is the probability of lying in another area; 1 lists candidates without raising a flag.
    """

    id: str
    line: str
    """``rigid`` (刚性界线: runs where it is drawn) or ``flexible`` (弹性界线)."""
    drift_share: float = 0.0
    """Of a flexible line: how likely a place right beside it belongs to the other side."""
    drift_m: float = 50.0
    """The distance over which that falls to 37 %."""
    flag_at: float


class PracticeSpot(Row, frozen=True, kw_only=True, gc=False):
    """Earlier cases of a spot that the map draws in one area and that were held in the same or another."""

    lon: float
    lat: float
    tier: str
    drawn: str
    held: str
    border_m: float | None = None
    """Distance to the next area of the tier; blank where none was near."""
    cases: float


class Component(Row, frozen=True, kw_only=True, gc=False):
    """An entry of the component register."""

    code: str
    standard: str
    category: str
    owner: str = ""
    lon: float | None = None
    lat: float | None = None
    grid_code: str = ""
    status: str = "in_use"
    census_date: str = ""

    @property
    def category_key(self) -> CategoryKey:
        """Key of its category."""
        return (self.standard, ManagedKind.COMPONENT.value, self.category)


class Device(Row, frozen=True, kw_only=True, gc=False):
    """A sensor. ``zone`` is the zone whose limits apply at its place."""

    device_id: str
    kind: str
    metrics: tuple[str, ...]
    lon: float | None = None
    lat: float | None = None
    zone: str = "*"
    component_code: str = ""
    reporting_period_s: int = 300
    unit: str = ""
    area_code: str = ""


class City(msgspec.Struct, frozen=True, kw_only=True):
    """What is particular to one city (``city.toml``)."""

    name: str = "national"
    time_zone: str = "Asia/Shanghai"
    datum: str = "CGCS2000"
    bounding_box: tuple[float, float, float, float] = (73.0, 3.0, 136.0, 54.0)
    """West, south, east, north in degrees."""
    default_points: tuple[tuple[float, float], ...] = ((0.0, 0.0),)
    """Points that sources write when they know no place."""
    fallback_department: str = "grid-centre"
    hmac_key_env: str = "WANGGE_HMAC_KEY"
