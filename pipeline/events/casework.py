"""What casework hears besides located reports: actions of people, and notices between tiles. All keyed by tile."""

from __future__ import annotations

from pipeline.events.base import Millis, Value
from pipeline.events.intake import LocatedReport
from pipeline.events.records import Origin


class CaseAction(Value, frozen=True, kw_only=True):
    """An action on a case: sign, refuse, handle, check, close ... (verbs of the lifecycle table)."""

    action_id: str
    case_id: str
    tile: str
    action: str
    at: Millis
    origin: Origin
    content_hash: int
    actor_role: str = ""
    actor_unit: str = ""
    actor_person: str = ""
    post: str = ""
    reason_code: str = ""
    reason: str = ""
    to_department: str = ""
    to_category: str = ""
    """For ``reclassify``: ``standard|kind|code``; "" keeps the category."""
    to_class: str = ""
    """For ``reclassify``: the case class; "" keeps it."""
    report: str = ""
    """For ``unmerge``: the report to take out, by its id or as ``source_system|source_ref``; "" for a merged case."""


class NeighbourNotice(Value, frozen=True, kw_only=True):
    """Case ``case_id`` lies within the search radius of ``tile``: the tile keeps it as a ghost and links to it."""

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
    """False when the case has ended: the ghost then only serves to recognise a recurrence."""
    at: Millis
    recorded: int
    revived: int = 0
    """How often a merge of the case was undone: what was said of its earlier life is old."""
    handled_by: str = ""
    """The unit that handled the case, once it is closed."""
    row: int = 1
    """Which the closed case is in the row of cases that the unit handled there."""
    row_first: str = ""
    """The case that the row began with."""
    mentions: bytes = b""
    """Marks of the places that the texts of its reports name."""
    likely: tuple[str, ...] = ()
    """While nobody could name its category: the likeliest as ``family|standard|kind|code``."""


class LinkNotice(Value, frozen=True, kw_only=True):
    """A neighbour tile linked a report to a case of this tile: the owner keeps it for feedback."""

    tile: str
    case_id: str
    report_id: str
    reporter_key: str
    at: Millis
    recorded: int
    source_system: str = ""
    source_ref: str = ""


class MergeNotice(Value, frozen=True, kw_only=True):
    """The sender's case ``case_id`` was merged into this tile's ``into``; its reports come with it."""

    tile: str
    case_id: str
    into: str
    report_ids: tuple[str, ...]
    at: Millis
    recorded: int
    members: tuple[str, ...] = ()
    """The same reports with their sources, as :func:`pipeline.domain.ids.member` writes them."""


class UnmergeNotice(Value, frozen=True, kw_only=True):
    """A person takes reports out of ``case_id``.

    Sent to the tile of that case it says that the reports have left; sent to any other tile it asks whoever judged
    them there to give them a case of their own.
    """

    tile: str
    case_id: str
    report_ids: tuple[str, ...]
    action_id: str
    at: Millis
    recorded: int
    actor_role: str = ""
    actor_unit: str = ""
    actor_person: str = ""
    post: str = ""
    reason_code: str = ""
    reason: str = ""


class Tick(Value, frozen=True, kw_only=True):
    """The time ``at``, told to one partition: deadlines pass and devices fall silent though no record comes."""

    at: Millis
    partition: int
    source_system: str


Notice = NeighbourNotice | LinkNotice | MergeNotice | UnmergeNotice
CaseworkInput = LocatedReport | CaseAction | NeighbourNotice | LinkNotice | MergeNotice | UnmergeNotice
"""Everything on the casework topics."""


def tile_of_input(message: CaseworkInput) -> str:
    """The partition key."""
    return message.place.tile if isinstance(message, LocatedReport) else message.tile
