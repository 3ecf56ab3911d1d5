"""Rows of the reference tables: one frozen struct per table, named as the columns are.

Promises shared by all rows:

* ``valid_from`` and ``valid_to`` are milliseconds UTC, half open ``[from, to)``; a blank cell is open ended.
* Longitudes and latitudes are degrees WGS-84/CGCS2000 unless the city file names another datum.
* ``confidence`` says how far a row may be trusted: ``sourced``, ``adopted`` (a local rule taken as the default),
  ``proposal`` (a starting value of this project), ``unverified`` or ``example``.
* A category is named by three columns, ``standard``, ``kind`` and ``code``: the newer standard gives components and
  matters the same numbers, so no two of them are enough.
"""

from enum import StrEnum

import msgspec

from pipeline.domain.calendar import ClockKind, Millis

GBT_30428_2 = "GB/T 30428.2-2013"
GBT_47678_5 = "GB/T 47678.5-2026"
EXTENSION = "wangge"
"""Own categories of this project, for what hotlines and sensors bring and neither national list names."""

BEGIN: Millis = -(1 << 60)
END: Millis = 1 << 60

CategoryKey = tuple[str, str, str]
"""(standard, kind, code)."""


class ManagedKind(StrEnum):
    """部件 component (a registered thing) or 事件 incident (something that happened)."""

    COMPONENT = "component"
    INCIDENT = "incident"


class CaseClass(StrEnum):
    """一般, 疑难, 应急: decides lane, clocks and who may act."""

    GENERAL = "general"
    DIFFICULT = "difficult"
    EMERGENCY = "emergency"


class Nature(StrEnum):
    """What kind of matter a category is: a thing out of order, a quarrel between people, or a wish for a service."""

    FAULT = "fault"
    DISPUTE = "dispute"
    SERVICE = "service"


class ProblemDomain(StrEnum):
    """公共服务, 公共管理, 公共安全."""

    SERVICE = "public_service"
    MANAGEMENT = "public_management"
    SAFETY = "public_safety"


class Confidence(StrEnum):
    """How far a row may be trusted."""

    SOURCED = "sourced"
    ADOPTED = "adopted"
    PROPOSAL = "proposal"
    UNVERIFIED = "unverified"
    EXAMPLE = "example"


class AlarmType(StrEnum):
    """SIMPLE: one averaged value; DURATION: held for ``hold_s``; REPEATING: more than ``allowed`` per window."""

    SIMPLE = "SIMPLE"
    DURATION = "DURATION"
    REPEATING = "REPEATING"
    NO_DATA = "NO_DATA"


class Row(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What every row carries."""

    valid_from: Millis = BEGIN
    valid_to: Millis = END
    source: str = ""
    confidence: Confidence = Confidence.SOURCED

    def valid_at(self, at: Millis) -> bool:
        """Whether the row is in force at ``at``."""
        return self.valid_from <= at < self.valid_to


class Category(Row, frozen=True, kw_only=True, gc=False):
    """A kind of component or incident. ``family`` is the coarse group used to block duplicate candidates."""

    standard: str
    kind: ManagedKind
    code: str
    name_zh: str
    name_en: str
    major: str
    family: str
    nature: Nature = Nature.FAULT
    problem_domain: ProblemDomain = ProblemDomain.MANAGEMENT
    case_class_default: CaseClass = CaseClass.GENERAL
    requires_enforcement: bool = False
    requires_specialist: bool = False
    successor: str = ""
    """``standard|kind|code`` of the same thing in the newer standard; blank where there is none."""
    component: str = ""
    """For the fault of a component (井盖异常): the code of that component in the same standard."""
    radius_m: float = 30.0
    window_h: int = 168

    @property
    def key(self) -> CategoryKey:
        """(standard, kind, code)."""
        return (self.standard, self.kind.value, self.code)


class FilingStandard(Row, frozen=True, kw_only=True, gc=False):
    """One measurable or observed condition under which a case is filed, with its limit.

    Rows of a category with the same ``group`` must hold together (AND); different groups are alternatives (OR).
    ``operator`` is one of ``> >= < <= ==``, ``observed`` (a person saw it, no number asked) or ``default`` (the row
    only gives the handling limit of a category without a condition of its own).
    """

    id: str
    standard: str
    kind: ManagedKind
    code: str
    group: str
    operator: str
    measure: str = ""
    threshold: float | None = None
    unit: str = ""
    zone: str = ""
    period: str = ""
    condition: str
    closing: str
    limit_value: int
    limit_clock: ClockKind
    version: str

    @property
    def numeric(self) -> bool:
        """Whether a measured value decides."""
        return self.threshold is not None


class SensorLimit(Row, frozen=True, kw_only=True, gc=False):
    """A limit for a metric of a kind of device, always with its averaging period.

    ``window`` is ``any``, ``day`` or ``night``; ``window_from``/``window_to`` are minutes of the civil day (a night
    wraps past midnight). ``aggregate`` tells how samples become a value: ``leq`` (energy mean), ``mean``, ``max``,
    ``last`` or ``max8h`` (largest running 8 h mean). More than ``allowed`` exceedances within ``allowed_per_h`` hours
    make the alarm. An alarm clears at or below ``clear`` (at or above it when the operator is ``<`` or ``<=``). For
    ``NO_DATA`` the limit is a count of missing reporting periods. ``opens_*`` is the category that an alarm opens.
    """

    id: str
    device_kind: str
    metric: str
    unit: str
    zone: str = "*"
    aggregate: str
    period_minutes: int
    window: str = "any"
    window_from: int = 0
    window_to: int = 1440
    operator: str
    limit: float
    allowed: int = 0
    allowed_per_h: int = 0
    alarm: AlarmType
    hold_s: int = 0
    clear: float
    severity: str
    opens_standard: str
    opens_kind: ManagedKind
    opens_code: str
    standard: str
    action: str = "alarm"
    """``alarm`` opens a case, ``warn`` only informs, ``assess`` is for long-term figures and never opens a case."""


class StageLimit(Row, frozen=True, kw_only=True, gc=False):
    """How long a stage of the work may take. ``scope`` narrows it (channel, appeal type); ``*`` is the default."""

    id: str
    stage: str
    scope: str = "*"
    value: int
    clock: ClockKind
    note: str = ""


class Department(Row, frozen=True, kw_only=True, gc=False):
    """Who may be given work. ``kind``: bureau, street, community, utility, police, fire, health, centre, company."""

    id: str
    name_zh: str
    name_en: str
    kind: str
    level: str
    has_enforcement_power: bool = False
    parent: str = ""
    area: str = ""
    """Code of the only area it acts in; blank is everywhere."""


class Post(Row, frozen=True, kw_only=True, gc=False):
    """A post (岗位) that persons hold and that roles of transitions name."""

    id: str
    name_zh: str
    name_en: str
    level: str


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
    acts while it is not.
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


class State(Row, frozen=True, kw_only=True, gc=False):
    """A state of a case. ``clock`` is the stage whose limit runs in it; blank means that none does."""

    state: str
    name_zh: str
    name_en: str
    phase: str
    clock: str = ""
    terminal: bool = False
    initial: bool = False


class Transition(Row, frozen=True, kw_only=True, gc=False):
    """One allowed move. ``reasons`` are the only reason codes accepted when ``reason_required``."""

    from_state: str
    action: str
    to_state: str
    roles: tuple[str, ...]
    reason_required: bool = False
    reasons: tuple[str, ...] = ()
    guard: str = ""


class ReasonCode(Row, frozen=True, kw_only=True, gc=False):
    """A typed reason for a refusal, a return, a suspension …"""

    code: str
    action: str
    name_zh: str
    name_en: str


class HotlineSubject(Row, frozen=True, kw_only=True, gc=False):
    """A leaf of the hotline's own tree: appeal type × subject, and the category it meets (blank: none)."""

    code: str
    appeal: str
    subject: str
    name_zh: str
    name_en: str
    nature: Nature
    standard: str = ""
    kind: ManagedKind | None = None
    category: str = ""
    family: str = ""
    department: str = ""


class ReferralRule(Row, frozen=True, kw_only=True, gc=False):
    """What the hotline does not take: words that recognise it, and where the caller is sent."""

    id: str
    name_zh: str
    name_en: str
    words: tuple[str, ...]
    target: str
    urgent: bool = False
    """An urgent referral is handed over at once and may still open a case for the scene."""
    strips: tuple[str, ...] = ()
    """Phrases that contain a word without meaning it (火车站 … ), removed before looking."""


class ClassRule(Row, frozen=True, kw_only=True, gc=False):
    """One rule for the case class; the smallest ``priority`` whose filled conditions all hold decides."""

    id: str
    priority: int
    case_class: CaseClass
    family: str = ""
    code: str = ""
    nature: Nature | None = None
    word_class: str = ""
    min_casualties: int | None = None
    min_affected: int | None = None
    min_reports: int | None = None
    min_dispatches: int | None = None
    min_departments: int | None = None
    min_refusals: int | None = None
    min_recurrences: int | None = None
    ownership: str = ""
    """``none`` or ``disputed``: nobody owns the thing, or several deny it."""
    unfunded: bool | None = None
    min_severity: str = ""
    category_default: CaseClass | None = None
    channel: str = ""
    reason: str
    reason_en: str


class EmergencyWord(Row, frozen=True, kw_only=True, gc=False):
    """A word that speaks of danger. ``word_class`` is what class rules ask for."""

    word: str
    word_class: str
    rule_id: str


class LexiconEntry(Row, frozen=True, kw_only=True, gc=False):
    """A phrase that points to a category with a weight; weights of one text add up."""

    phrase: str
    standard: str
    kind: ManagedKind
    code: str
    weight: float = 1.0
    language: str = "zh"

    @property
    def category_key(self) -> CategoryKey:
        """Key of the category it points to."""
        return (self.standard, self.kind.value, self.code)


class SourceCategory(Row, frozen=True, kw_only=True, gc=False):
    """How a source system's own words for a category are read."""

    source_system: str
    text: str
    standard: str
    kind: ManagedKind
    code: str


class Weight(Row, frozen=True, kw_only=True, gc=False):
    """One indicator of a weighted score; the weights of a set sum to 1. ``direction`` is ``up`` or ``down``."""

    set: str
    indicator: str
    weight: float
    direction: str


class AqiBreakpoint(Row, frozen=True, kw_only=True, gc=False):
    """A corner of the piecewise linear air quality sub-index."""

    standard: str
    pollutant: str
    averaging: str
    unit: str
    iaqi: float
    concentration: float


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
