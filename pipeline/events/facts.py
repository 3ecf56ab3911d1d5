"""Facts: what was decided or happened, in the past tense. Each has a table of the same columns in ClickHouse.

Every fact carries ``fact_id`` (derived from what it is about and what caused it, so the same input gives the same id),
``at`` (event time) and ``recorded`` (the order of its cause in the input log; never a wall clock).
"""

from __future__ import annotations

from pipeline.events.base import Millis, Value


class Fact(Value, frozen=True, kw_only=True):
    """The head that all facts share."""

    fact_id: str
    at: Millis
    recorded: int


class ReportSettled(Fact, frozen=True, kw_only=True):
    """What became of one report: its fate, the reason, and all that was decided on the way (no personal data).

    ``lon`` and ``lat`` are those that it came with; where ``place_method`` is not ``point`` the place is another's, and
    ``error_m`` says how exact that is.
    """

    report_id: str
    channel: str
    source_system: str
    source_ref: str
    source_family: str
    fate: str
    outcome: str
    reason: str
    rule: str
    case_id: str
    tile: str
    occurred_at: Millis | None
    found_at: Millis | None
    sent_at: Millis | None
    received_at: Millis
    lon: float | None
    lat: float | None
    error_m: float | None
    address: str
    place_method: str
    city: str
    district: str
    street: str
    community: str
    grid: str
    grid_version: str
    systems: tuple[str, ...]
    zone: str
    standard: str
    kind: str
    code: str
    family: str
    nature: str
    confidence: float
    method: str
    case_class: str
    class_rule: str
    class_reason: str
    appeal_type: str
    reporter_key: str
    reporter_role: str
    reporter_unit: str
    address_key: str
    component_code: str
    border_flags: tuple[str, ...]
    border_m: float | None
    evidence: tuple[str, ...]
    flags: tuple[str, ...]
    title: str
    text: str
    candidates: tuple[str, ...] = ()
    """Categories or labels that the words or a model spoke for, best first; empty where a code decided."""
    candidate_shares: tuple[float, ...] = ()
    """How likely each candidate is, 0..1. ``method`` names the version of the model."""
    place_named: str = ""
    """The name in the gazetteer that gave the point (``place_method`` is then ``gazetteer``); else ""."""


class CaseFiled(Fact, frozen=True, kw_only=True):
    """A case was opened (立案, or waiting before filing); ``at`` is when. It holds the rules it was filed under."""

    case_id: str
    tile: str
    report_id: str
    channel: str
    state: str
    waits_for: str
    standard: str
    kind: str
    code: str
    family: str
    nature: str
    case_class: str
    class_rule: str
    class_reason: str
    filing_rule: str
    filing_reason: str
    measured: float | None
    unit: str
    begun_at: Millis
    lon: float | None
    lat: float | None
    city: str
    district: str
    street: str
    community: str
    grid: str
    grid_version: str
    zone: str
    component_code: str
    component_owner: str
    border_flags: tuple[str, ...]
    recurrence_of: str
    repeat_complaint_of: str
    reference_version: str


class CaseDispatched(Fact, frozen=True, kw_only=True):
    """A case was assigned (派遣): the assignment that a department reads. ``candidates`` are the others considered."""

    case_id: str
    tile: str
    department: str
    assistants: tuple[str, ...]
    person: str
    team: str
    hop: int
    urgent: bool
    standard: str
    kind: str
    code: str
    case_class: str
    due_at: Millis | None
    limit_value: int
    clock: str
    duty: str
    reason: str
    candidates: tuple[str, ...]
    legal_basis: str
    law_overlap: bool
    street: str
    grid: str
    lon: float | None
    lat: float | None
    address: str
    summary: str
    probabilities: tuple[float, ...] = ()
    model: str = ""
    features: tuple[str, ...] = ()


class CaseMoved(Fact, frozen=True, kw_only=True):
    """A case changed state by an action of a person or the system."""

    case_id: str
    tile: str
    action: str
    from_state: str
    to_state: str
    actor_role: str
    actor_unit: str
    actor_person: str
    post: str
    department: str
    reason_code: str
    reason: str
    hop: int
    due_at: Millis | None
    from_category: str = ""
    """Before a reclassification, as ``standard|kind|code``; "" for every other move. So are the next three."""
    to_category: str = ""
    from_class: str = ""
    to_class: str = ""


class CaseMerged(Fact, frozen=True, kw_only=True):
    """Two tiles had filed the same problem: the later filed (then the greater id) became part of the earlier."""

    case_id: str
    tile: str
    into: str
    distance_m: float
    gap_ms: int
    error_m: float = 0.0
    """Location error of both cases together in metres (1 sigma)."""
    similarity: float = 0.0
    """Likeness of their texts, 0..1."""
    how: str = ""
    """``duplicate``, or ``reminder`` when the same person reported both; "" where nothing was kept of the reasons."""
    score: float = 0.0
    """How likely they are one problem, 0..1."""
    rule: str = ""
    candidates: tuple[str, ...] = ()
    """Cases of ``tile`` that were compared with ``into`` beside ``case_id`` (at most five), the likeliest first."""
    probabilities: tuple[float, ...] = ()
    """The score of each candidate, in their order."""


class CaseUnmerged(Fact, frozen=True, kw_only=True):
    """A person took apart what was merged: ``case_id`` is the case that stands by itself now."""

    case_id: str
    tile: str
    from_case: str
    """The case it was part of."""
    undone: str
    """``link``: a report got a case of its own; ``merge``: a case that was merged goes on."""
    undoes: str
    """``fact_id`` of the ``ReportLinked`` or ``CaseMerged`` that holds no longer."""
    report_id: str
    """The first report of ``case_id``."""
    reports: int
    """How many reports ``case_id`` has."""
    action_id: str
    actor_role: str
    actor_unit: str
    actor_person: str
    post: str
    reason_code: str
    reason: str


class HandlingRepeated(Fact, frozen=True, kw_only=True):
    """A unit handled a problem that was back soon after it had handled it at the same place (重复处理)."""

    report_id: str
    """The report that opened the case, or that its reporter settled on the spot."""
    case_id: str
    """The case that was handled; "" for a report settled on the spot (自处置)."""
    tile: str
    department: str
    """The unit that handled both."""
    earlier_case: str
    """The case that it handled there before and that was closed."""
    first_case: str
    """The case that the row began with."""
    number: int
    """Which in the row of cases that the unit handled there: 2 is the first repeat."""
    gap_ms: int
    """From the end of the earlier case to the report."""


class ReportLinked(Fact, frozen=True, kw_only=True):
    """A report became part of an open case; nothing is deleted and its reporter still hears the outcome."""

    report_id: str
    case_id: str
    tile: str
    case_tile: str
    how: str
    distance_m: float | None
    gap_ms: int
    similarity: float
    score: float
    rule: str
    reporter_key: str
    channel: str


class BoundaryFlagged(Fact, frozen=True, kw_only=True):
    """A case lies at a border: its kinds, the candidates and the named lead that answers meanwhile."""

    report_id: str
    case_id: str
    tile: str
    flags: tuple[str, ...]
    layers: tuple[str, ...]
    codes: tuple[str, ...]
    distances_m: tuple[float, ...]
    probabilities: tuple[float, ...]
    lead: str
    due_at: Millis | None = None
    """By when the lead must have settled who is responsible; ``None`` when there is no limit."""


class AlarmChanged(Fact, frozen=True, kw_only=True):
    """An alarm of a device was raised, updated or cleared. One alarm is active per device and kind."""

    alarm_id: str
    device_id: str
    device_kind: str
    metric: str
    change: str
    alarm_type: str
    severity: str
    value: float
    limit: float
    unit: str
    period_start: Millis
    period_end: Millis
    limit_id: str
    standard: str
    exceedances: int


class FeedbackSent(Fact, frozen=True, kw_only=True):
    """The source of a report is told how its case ended (反馈); one for each report of the case."""

    case_id: str
    tile: str
    report_id: str
    state: str
    department: str
    message: str


class ActionRefused(Fact, frozen=True, kw_only=True):
    """An action that the state machine or the separation of powers does not allow; nothing changed."""

    action_id: str
    case_id: str
    tile: str
    action: str
    state: str
    actor_role: str
    actor_unit: str
    reason: str


class PatrolLogged(Fact, frozen=True, kw_only=True):
    """A patrol visit (巡查): tells a clean grid from a grid nobody walked."""

    worker: str
    unit: str
    grid: str
    started_at: Millis
    ended_at: Millis
    distance_m: float
    found: int


class TaskLogged(Fact, frozen=True, kw_only=True):
    """Work that is no case (information collection, service visits, temporary tasks); counts as workload only."""

    task_id: str
    worker: str
    unit: str
    grid: str
    task_type: str
    acting_as: str
    minutes: float
    items: int


class StaffChanged(Fact, frozen=True, kw_only=True):
    """A post was filled, left vacant or handed over."""

    person: str
    unit: str
    post: str
    grid: str
    change: str
    successor: str


class SurveyAnswered(Fact, frozen=True, kw_only=True):
    """A citizen's answer to a follow-up (回访), by case when it names one."""

    survey_id: str
    case_id: str
    report_id: str
    contacted: bool | None
    solved: bool | None
    satisfaction: str
    department: str


class RatingReceived(Fact, frozen=True, kw_only=True):
    """A rating from outside: media, opinion, survey, mystery inspection (外评价)."""

    rating_id: str
    rater: str
    subject_kind: str
    subject: str
    measure: str
    score: float
    scale_max: float


class CallsCounted(Fact, frozen=True, kw_only=True):
    """Calls of a hotline in a period: taken, answered, answered within 15 s, abandoned."""

    hotline: str
    period_start: Millis
    period_end: Millis
    incoming: int
    answered: int
    answered_15s: int
    abandoned: int


class RecordQuarantined(Fact, frozen=True, kw_only=True):
    """A record that broke its contract, kept with its bytes so that it can be mended and sent again."""

    topic: str
    partition: int
    offset: int
    schema: str
    reason: str
    field: str
    value: str
    remedy: str
    raw: bytes
    attempts: int


class OutcomesCounted(Fact, frozen=True, kw_only=True):
    """How many records of one channel ended in one way within one batch of the log; the counts that reconcile."""

    channel: str
    fate: str
    outcome: str
    records: int
    samples: int
    derived: bool
    """True for reports the pipeline derived itself (alarms): they were never received from outside."""


class Samples(Value, frozen=True, kw_only=True):
    """Many readings of one device and metric as columns; the sink writes them to ``readings``."""

    device_id: str
    metric: str
    unit: str
    recorded: int
    received_at: Millis
    times: tuple[Millis, ...]
    values: tuple[float, ...]
    flags: str


FACTS: tuple[type[Fact], ...] = (
    ReportSettled, CaseFiled, CaseDispatched, CaseMoved, CaseMerged, CaseUnmerged, HandlingRepeated, ReportLinked,
    BoundaryFlagged, AlarmChanged, FeedbackSent, ActionRefused, PatrolLogged, TaskLogged, StaffChanged, SurveyAnswered,
    RatingReceived, CallsCounted, RecordQuarantined, OutcomesCounted,
)  # fmt: skip
"""All kinds of fact; tests walk this list against schemas and tables."""
