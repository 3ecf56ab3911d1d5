"""Rows that hold rules: categories, standards, limits, words, classes, the lifecycle, weights."""

from pipeline.domain.calendar import ClockKind
from pipeline.domain.reference.base import AlarmType, CaseClass, CategoryKey, ManagedKind, Nature, ProblemDomain, Row


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
        return (self.standard, self.kind._value_, self.code)


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


REPEAT_HANDLING = "repeat_handling"
"""The stage limit that says how soon a problem must be back for its handling to be a repeat handling (重复处理)."""
RECURRENCE_DAYS = 30
"""How long after the end of a case a problem at its place is a recurrence: no period beyond it can be looked into."""


class StageLimit(Row, frozen=True, kw_only=True, gc=False):
    """How long a stage of the work may take. ``scope`` narrows it (channel, appeal type); ``*`` is the default."""

    id: str
    stage: str
    scope: str = "*"
    value: int
    clock: ClockKind
    note: str = ""


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
