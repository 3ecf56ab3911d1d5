"""What intake makes of a report: screened, classified, located. Nothing here holds personal data."""

from __future__ import annotations

from pipeline.events.base import Millis, Value
from pipeline.events.records import Evidence, Origin


class ScreenedReport(Value, frozen=True, kw_only=True):
    """A report that keeps its contract, in one shape for all channels, with personal data removed.

    ``report_id`` is derived from ``source_system`` and ``source_ref``. Coordinates are WGS-84 degrees or ``None``.
    ``reporter_key`` and ``address_key`` are keyed pseudonyms ("" when unknown): they tell that two reports come from
    the same person or door and nothing else. ``flags`` name what was mended or missing (closed list in ``screen``).
    """

    report_id: str
    channel: str
    source_system: str
    source_ref: str
    source_family: str
    origin: Origin
    content_hash: int
    received_at: Millis
    occurred_at: Millis | None = None
    found_at: Millis | None = None
    sent_at: Millis | None = None
    lon: float | None = None
    lat: float | None = None
    error_m: float | None = None
    address: str = ""
    address_key: str = ""
    area_code: str = ""
    place_name: str = ""
    title: str = ""
    text: str = ""
    signature: bytes = b""
    mentions: bytes = b""
    """Marks of the roads, estates and poles that its texts name (:mod:`pipeline.domain.mentions`)."""
    category_standard: str = ""
    category_kind: str = ""
    category_code: str = ""
    category_text: str = ""
    appeal_type: str = ""
    subject_code: str = ""
    reporter_key: str = ""
    reporter_role: str = ""
    reporter_unit: str = ""
    reporter_worker: str = ""
    component_code: str = ""
    device_id: str = ""
    alarm_id: str = ""
    evidence: tuple[Evidence, ...] = ()
    photos: int = 0
    urgent: bool = False
    drill: bool = False
    self_handled: bool = False
    vulnerable: bool = False
    related_refs: tuple[str, ...] = ()
    """Order numbers of this or another system that the report names as the same matter."""
    campaign: str = ""
    flags: tuple[str, ...] = ()

    @property
    def begun_at(self) -> Millis:
        """The earliest time known of the problem: occurred, else found, else sent, else received."""
        return self.occurred_at or self.found_at or self.sent_at or self.received_at


class Candidate(Value, frozen=True, kw_only=True):
    """One of several possible answers, with how likely it is (0..1)."""

    key: str
    share: float


class Classification(Value, frozen=True, kw_only=True):
    """What the problem is: a category or none (``code`` ""), and its case class, each with its reason."""

    standard: str = ""
    kind: str = ""
    code: str = ""
    family: str = ""
    nature: str = "fault"
    confidence: float = 0.0
    method: str = ""
    candidates: tuple[Candidate, ...] = ()
    case_class: str = "general"
    class_rule: str = ""
    class_reason: str = ""
    urgent_words: tuple[str, ...] = ()
    referral: str = ""
    """Where the hotline refers matters it may not take (110, courts ...); "" when the matter is in scope."""
    referral_rule: str = ""
    flags: tuple[str, ...] = ()
    """``unknown_category``, ``unknown_component``: codes that came with the report and that nobody knows here."""


class BorderCandidate(Value, frozen=True, kw_only=True):
    """An area the true place may lie in: the signed distance is negative inside."""

    layer: str
    code: str
    distance_m: float
    probability: float


class Place(Value, frozen=True, kw_only=True):
    """Where the problem is: tile (partition key of casework), five levels, unit grid, component and border flags."""

    tile: str
    method: str
    """``point``, ``component``, ``area_code``, ``gazetteer``, ``place_name`` or ``none``."""
    city: str = ""
    district: str = ""
    street: str = ""
    community: str = ""
    grid: str = ""
    grid_version: str = ""
    systems: tuple[str, ...] = ()
    """Cells of the other grid systems (police, 综治, Party ...) as ``system:code``."""
    zone: str = ""
    component_code: str = ""
    component_owner: str = ""
    border_flags: tuple[str, ...] = ()
    border_candidates: tuple[BorderCandidate, ...] = ()
    border_m: float | None = None
    neighbour_tiles: tuple[str, ...] = ()
    """Other tiles within the largest search radius of the place: they get a neighbour notice."""
    areas: tuple[str, ...] = ()
    """The path from city to grid, without the unknown levels."""
    named: str = ""
    """The name in the gazetteer that gave the point; "" where something else did."""


class LocatedReport(Value, frozen=True, kw_only=True):
    """The end of intake and the input of casework, keyed by ``place.tile``."""

    report: ScreenedReport
    classification: Classification
    place: Place
