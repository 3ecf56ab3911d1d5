"""Entries of the state of intake and casework, as a changelog keeps them.

Fields are only ever appended: entries of old versions stay readable.
"""

from __future__ import annotations

from msgspec.structs import asdict

from pipeline.domain.ids import DAY_MS, case_id, report_of
from pipeline.events.base import Millis, Value
from pipeline.events.casework import NeighbourNotice
from pipeline.events.intake import LocatedReport

KEEP_SIGHTS = 7
"""Reports beside the first that a case keeps the place of."""


class Answered(Value, frozen=True, kw_only=True, array_like=True):
    """A number of a source system that was answered, and what it said then."""

    content: int
    origin: int
    day: int


class Sight(Value, frozen=True, kw_only=True, array_like=True, omit_defaults=True):
    """A report that joined a case, as far as telling duplicates needs it."""

    at: Millis
    """When the problem began by this report."""
    lon: float | None = None
    lat: float | None = None
    error_m: float = 0.0
    code: str = ""
    address_key: str = ""


class Earlier(Value, frozen=True, kw_only=True, array_like=True, omit_defaults=True):
    """The closed case that a report came after, as far as telling repeat handling (重复处理) needs it."""

    case_id: str
    unit: str
    """Who handled it."""
    code: str
    """Its category."""
    gap_ms: int
    """From its end to the report."""
    number: int = 1
    """Which it is in the row of cases that the unit handled there."""
    first: str = ""
    """The case that the row began with."""
    said: bool = False
    """Whether the repeat handling was stated."""


class CaseEntry(Value, frozen=True, kw_only=True, array_like=True, omit_defaults=True):
    """A case as casework needs it. Fields are only ever appended (entries of old versions stay readable)."""

    case_id: str
    tile: str
    family: str
    standard: str
    kind: str
    code: str
    case_class: str
    state: str
    filed_at: Millis
    begun_at: Millis
    lon: float | None = None
    lat: float | None = None
    error_m: float = 0.0
    department: str = ""
    first_department: str = ""
    """Who had it first, once it was handed over (the first receiver stays accountable)."""
    hop: int = 0
    due_at: Millis | None = None
    ended_at: Millis | None = None
    street: str = ""
    grid: str = ""
    handler: str = ""
    signature: bytes = b""
    address_key: str = ""
    reporter_key: str = ""
    component_code: str = ""
    members: tuple[str, ...] = ()
    """The reports of the case as :func:`pipeline.domain.ids.member` writes them."""
    refused_by: tuple[str, ...] = ()
    candidates: tuple[str, ...] = ()
    neighbour_tiles: tuple[str, ...] = ()
    merged_into: str = ""
    limit_value: int = 0
    clock: str = ""
    acted: tuple[str, ...] = ()
    address: str = ""
    summary: str = ""
    told: int = 0
    """How many of ``members`` heard the outcome."""
    extensions: int = 0
    left_ms: Millis | None = None
    """What was left of the limit when the case was suspended, in its own clock."""
    findable_days: int = 150
    """How long after it began an open case can still be a duplicate's master: the window of its category."""

    also: tuple[Sight, ...] = ()
    """Where and when the latest reports that joined it saw the problem (at most ``KEEP_SIGHTS``)."""
    was: str = ""
    """The state before it was merged."""
    unmerged: int = 0
    """How often its merge was undone."""
    apart: tuple[str, ...] = ()
    """Marks (:func:`pipeline.domain.ids.mark_of_report`) of reports and cases that a person says are something else."""
    handled_by: str = ""
    """The unit that handled it last."""
    row: int = 1
    """Which it is in the row of cases that this unit handled there (1: the first)."""
    again: Earlier | None = None
    """The closed case that it may be a repeat handling of."""
    likely: tuple[str, ...] = ()
    """Where nobody could name its category: the likeliest as ``family|standard|kind|code``, first the best."""
    mentions: bytes = b""
    """Marks of the places that the texts of its reports name, at most four."""

    @property
    def report_ids(self) -> tuple[str, ...]:
        """The ids of its reports."""
        return tuple([report_of(member) for member in self.members])

    @property
    def open(self) -> bool:
        """Whether the case still runs."""
        return self.ended_at is None


def families_of(known: CaseEntry | Ghost) -> tuple[str, ...]:
    """The families under which a case is found: its own, or those of its likeliest categories."""
    if known.family or not known.likely:
        return (known.family,)
    return tuple(dict.fromkeys([one.partition("|")[0] for one in known.likely]))


class SeenLink(Value, frozen=True, kw_only=True, array_like=True):
    """Why a report was linked."""

    case_id: str
    how: str
    score: float
    distance_m: float | None
    gap_ms: int
    similarity: float
    rule: str


class SeenReport(Value, frozen=True, kw_only=True, array_like=True, omit_defaults=True):
    """How a report was answered, so that its replay is answered the same; the id of a case it opened is derived."""

    tile: str
    origin: int
    day: int
    opened: bool = False
    link: SeenLink | None = None
    after: str = ""
    """The ended case of which the opened case is a recurrence."""
    complaint: bool = False
    """Whether it came from the person who had reported that one."""
    maybe: str = ""
    """The case that it may repeat: too unsure to merge."""
    likely: float = 0.0
    now: str = ""
    """The case of its own that it got when a person took it out of the one it was linked to."""
    again: Earlier | None = None
    """For a report that opened no case: the closed case that it came after."""

    def case_of(self, report_id: str) -> str:
        """The case the report is part of; "" when it opened none and joined none."""
        if self.now:
            return self.now
        if self.link is not None:
            return self.link.case_id
        return case_id(self.tile, self.day * DAY_MS, report_id) if self.opened else ""


class KeptReport(Value, frozen=True, kw_only=True, array_like=True):
    """A linked report as it was judged: what its own case is made of should a person take it out."""

    day: int
    located: LocatedReport


class Ghost(Value, frozen=True, kw_only=True, array_like=True):
    """A case of a neighbour tile within the search radius of this one: its notice, kept without the field names."""

    tile: str
    case_id: str
    report_id: str
    family: str
    standard: str
    kind: str
    code: str
    case_class: str
    lon: float
    lat: float
    error_m: float
    filed_at: Millis
    begun_at: Millis
    signature: bytes
    address_key: str
    component_code: str
    reporter_key: str
    open: bool
    at: Millis
    recorded: int
    revived: int = 0
    handled_by: str = ""
    row: int = 1
    row_first: str = ""
    mentions: bytes = b""
    likely: tuple[str, ...] = ()

    @classmethod
    def of(cls, notice: NeighbourNotice) -> Ghost:
        """The ghost of a notice."""
        return cls(**asdict(notice))

    @property
    def notice(self) -> NeighbourNotice:
        """The notice it was made of."""
        return NeighbourNotice(**asdict(self))
