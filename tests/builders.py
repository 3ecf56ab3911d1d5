"""Builders for reports, records and actions in a small city whose tile edge runs through its middle.

Places are metres east and north of a point on the border of two tiles: x < 0 lies in ``WEST``, x > 0 in ``EAST``, and
anything within 150 m of x = 0 is told to the other tile. Times are minutes after Monday 2026-08-03 09:00 in Shanghai.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace as with_fields
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import Any

from pipeline.domain.geo.layers import Cell, Layer, Shape, polygon
from pipeline.domain.geo.projection import LocalPlane
from pipeline.domain.geo.tiles import NO_PLACE, area_tile, neighbours_within, tile_bounds, tile_of
from pipeline.domain.ids import case_id, digest, report_id
from pipeline.domain.reference.load import load_reference
from pipeline.domain.reference.model import (
    Area,
    City,
    Component,
    Department,
    Device,
    ManagedKind,
    Person,
    Reference,
    SourceCategory,
)
from pipeline.domain.text import fold, sketch
from pipeline.events.casework import CaseAction, CaseworkInput, tile_of_input
from pipeline.events.facts import Fact
from pipeline.events.intake import Classification, LocatedReport, Place, ScreenedReport
from pipeline.events.records import Arrival, Body, Evidence, Origin
from pipeline.stage import Outcome, Settlement
from pipeline.stages.casebook import CaseBook
from pipeline.stages.casework import Casework, policy_of
from pipeline.stages.locate import REACH_M
from pipeline.stages.screen import ScreenPolicy
from pipeline.topology import Topology
from schemas.catalogue import limits, newest

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
MONDAY = 1_785_718_800_000
"""2026-08-03T09:00:00+08:00."""
NEW, OLD = "GB/T 47678.5-2026", "GB/T 30428.2-2013"
WASTE = (NEW, "incident", "06010")
"""Exposed garbage: filed from 1 m2 or on sight, 30 m, a week; sanitation, no power to enforce needed."""
BINS = (NEW, "incident", "06042")
"""Overflowing bins: same family as ``WASTE``."""
NOISE = (NEW, "incident", "06028")
STALLS = (NEW, "incident", "09006")
"""Trading on the road: needs the power to enforce, three laws fit."""
ROAD = (NEW, "incident", "06013")
"""Road damage: measured only; one of its groups has two rows."""
COVER = (NEW, "component", "01002")
"""Sewage manhole cover: owner first, then the street, then the water bureau."""
COLLAPSE = (OLD, "incident", "0505")

_MIDDLE = tile_bounds(tile_of(121.5, 31.2))
PLANE = LocalPlane(_MIDDLE[2], (_MIDDLE[1] + _MIDDLE[3]) / 2)
_order = count(1)


def at(x: float, y: float = 0.0) -> tuple[float, float]:
    """Degrees of a point in metres."""
    return PLANE.to_degrees(x, y)


WEST, EAST = tile_of(*at(-10)), tile_of(*at(10))
CITY_CODE, DISTRICT, STREET_W, STREET_E = "310000", "310199", "310199001", "310199002"
COMMUNITY_W, COMMUNITY_E, GRID_W, GRID_E = "310199001001", "310199002001", "310199001001001", "310199002001001"
COMPONENT, NOBODYS = "3101990102000001", "3101990102000002"
KEY = b"a key for the tests, not a secret"


# -- the city -----------------------------------------------------------------------------------------------------


def box(west: float, south: float, east: float, north: float) -> Shape:
    """A rectangle in metres."""
    return polygon([at(west, south), at(east, south), at(east, north), at(west, north)])


def a_layer(kind: str, shapes: Mapping[str, Shape], **given: Any) -> Layer:
    """A layer of shapes by code."""
    named: dict[str, Any] = {"name": kind, "system": "unit", "kind": kind, "version": "2026"} | given
    return Layer(cells=tuple(Cell(code=code, shape=shape) for code, shape in shapes.items()), **named)


def layers() -> tuple[Layer, ...]:
    """Two communities that meet at x = 0, one unit grid in each, police districts and noise zones."""
    return (
        a_layer("community", {COMMUNITY_W: box(-900, -900, 0, 900), COMMUNITY_E: box(0, -900, 900, 900)}),
        a_layer("unit", {GRID_W: box(-200, -100, 0, 100), GRID_E: box(0, -100, 200, 100)}),
        a_layer("police", {"P1": box(-900, -900, 300, 900)}, system="police"),
        a_layer("zones", {"2-0001": box(-900, -900, 0, 900), "4-0001": box(0, -900, 900, 900)}, system="noise_zone"),
    )


def _areas() -> tuple[Area, ...]:
    tree = [
        ("city", CITY_CODE, ""), ("district", DISTRICT, CITY_CODE), ("street", STREET_W, DISTRICT),
        ("street", STREET_E, DISTRICT), ("community", COMMUNITY_W, STREET_W), ("community", COMMUNITY_E, STREET_E),
        ("grid", GRID_W, COMMUNITY_W), ("grid", GRID_E, COMMUNITY_E),
    ]  # fmt: skip
    units = [
        Area(
            code=code, name=f"{tier} {code}", parent=parent, tier=tier, level_role=tier, local_level=1,
            aliases=("柳湾小区",) if code == COMMUNITY_W else ("同名村",) if tier == "community" else (),
        )
        for tier, code, parent in tree
    ]  # fmt: skip
    double = Area(code="310199009", name="同名村", parent=DISTRICT, tier="street", level_role="street", local_level=3)
    police = Area(
        code="P1", name="Police 1", parent=STREET_W, tier="community", level_role="beat", local_level=1, system="police"
    )
    return (*units, double, police)


@lru_cache
def national() -> Reference:
    """The reference set that the product ships."""
    return load_reference(Path(__file__).parent.parent / "deploy" / "reference")


@lru_cache
def city() -> Reference:
    """The shipped set with a small city: two streets, two communities, two grids, two manhole covers, one device."""
    return with_tables()


def with_tables(**changes: Any) -> Reference:
    """The small city with other tables."""
    base = national()
    t = base.tables
    streets = tuple(
        Department(id=f"street-{code}", name_zh=code, name_en=code, kind="street", level="street", area=code)
        for code in (STREET_W, STREET_E)
    )
    worker = Person(id="p-west", name="W", department="sanitation", post="handler", areas=(GRID_W,))
    given: dict[str, Any] = {
        "areas": _areas(),
        "departments": (*t.departments, *streets),
        "persons": (*t.persons, worker),
        "components": (
            Component(code=COMPONENT, standard=NEW, category="01002", owner="telecom", grid_code=GRID_W),
            Component(code=NOBODYS, standard=NEW, category="01002"),
        ),
        "devices": (
            Device(device_id="d1", kind="noise_meter", metrics=("noise",), lon=at(-500)[0], lat=at(-500)[1], zone="2"),
        ),
        "source_categories": (
            SourceCategory(source_system="311", text="Pothole", standard=NEW, kind=ManagedKind.INCIDENT, code="06013"),
        ),
    }  # fmt: skip
    return Reference(with_fields(t, **(given | changes)), City(), "test", base.calendar)


def screening(**changes: Any) -> ScreenPolicy:
    """The screening of the small city: 20 km around it are the city."""
    west, south = at(-20_000, -20_000)
    east, north = at(20_000, 20_000)
    given: dict[str, Any] = {
        "key": KEY, "bounding_box": (west, south, east, north), "default_points": frozenset({(0.0, 0.0), at(7777)}),
        "max_lengths": {name: limits(name) for name in ("GridWorkerReport", "HotlineOrder", "Report")},
    }  # fmt: skip
    return ScreenPolicy(**(given | changes))


def topology() -> Topology:
    """All stages of the small city."""
    return Topology(city(), layers(), screening())


# -- records that come in -----------------------------------------------------------------------------------------


@lru_cache
def _defaults(schema: str) -> Mapping[str, Any]:
    return {field["name"]: field["default"] for field in newest(schema).fields if "default" in field}


_NEEDED: dict[str, dict[str, Any]] = {
    "Report": {"channel": "citizen-app"},
    "SensorReadings": {"device_id": "d1", "metric": "noise", "unit": "dB(A)", "values": [50.0], "offsets_ms": [0]},
    "CaseAction": {"case_id": "", "action": "sign", "at": MONDAY},
    "PatrolLog": {"worker_id": "w1", "started_at": MONDAY - HOUR, "ended_at": MONDAY},
    "Task": {"worker_id": "w1", "done_at": MONDAY, "task_type": "visit"},
    "StaffChange": {"person_id": "p1", "change": "moved", "effective": MONDAY},
    "SurveyAnswer": {"answered_at": MONDAY},
    "ExternalRating": {"rated_at": MONDAY, "score": 80.0},
    "CallCounts": {"period_start": MONDAY - HOUR, "period_end": MONDAY, "incoming": 1},
}


def a_body(schema: str = "HotlineOrder", **fields: Any) -> dict[str, Any]:
    """A good record of a schema in the shape that the decoder gives."""
    body: dict[str, Any] = dict(_defaults(schema))
    body |= {"source_system": "crm", "source_ref": "o-1", "received_at": MONDAY, "started_at": MONDAY}
    body |= _NEEDED.get(schema, {}) | fields
    wanted = [field["name"] for field in newest(schema).fields]
    for name in wanted:
        body.setdefault(name, "x")
    unknown = sorted(fields.keys() - set(wanted))
    assert not unknown, f"{schema} has no field {unknown}"
    return {name: body[name] for name in wanted}


def an_arrival(schema: str = "HotlineOrder", offset: int | None = None, **fields: Any) -> Arrival:
    """A record of a log, appended when it was received."""
    return arrival_of(schema, a_body(schema, **fields), offset)


def arrival_of(schema: str, body: Body, offset: int | None = None, appended_at: int = 0) -> Arrival:
    """A body as it stands in a log."""
    number = next(_order) if offset is None else offset
    when = appended_at or int(body.get("received_at") or MONDAY)
    return Arrival(schema, Origin(f"reports.{schema}", 0, number), when, body, number)


# -- what casework hears ------------------------------------------------------------------------------------------


def a_report(ref: str, minute: float = 0, **fields: Any) -> ScreenedReport:
    """A screened hotline report; ``xy`` gives its place in metres (``None``: no coordinates)."""
    xy = fields.pop("xy", (-500.0, 0.0))
    lon, lat = at(*xy) if xy is not None else (None, None)
    number = fields.pop("offset", None)
    text = fields.get("text", "")
    given: dict[str, Any] = {
        "report_id": report_id("crm", ref), "channel": "hotline", "source_system": "crm", "source_ref": ref,
        "source_family": "public_service", "origin": Origin("reports.hotline", 0, number if number else next(_order)),
        "content_hash": int(digest(ref)[:12], 16), "received_at": MONDAY + round(minute * MINUTE), "lon": lon,
        "lat": lat, "error_m": None if xy is None else 0.0, "signature": sketch(fold(text)),
    }  # fmt: skip
    return ScreenedReport(**(given | fields))


def about(category: tuple[str, str, str] | None = WASTE, **fields: Any) -> Classification:
    """The classification by code."""
    found = city().category(*category) if category else None
    given: dict[str, Any] = {"method": "none"}
    if found is not None:
        given = {
            "standard": found.standard, "kind": found.kind.value, "code": found.code, "family": found.family,
            "nature": found.nature.value, "confidence": 1.0, "method": "code",
            "case_class": found.case_class_default.value,
        }  # fmt: skip
    return Classification(**(given | fields))


def a_place(report: ScreenedReport, **fields: Any) -> Place:
    """The place by the point; without one by ``area`` or none."""
    area = fields.pop("area", "")
    if report.lon is not None and report.lat is not None:
        west = report.lon < PLANE.lon
        given: dict[str, Any] = {
            "tile": tile_of(report.lon, report.lat), "method": "point", "city": CITY_CODE, "district": DISTRICT,
            "street": STREET_W if west else STREET_E, "community": COMMUNITY_W if west else COMMUNITY_E,
            "grid": GRID_W if west else GRID_E, "zone": "2" if west else "4",
            "neighbour_tiles": neighbours_within(report.lon, report.lat, REACH_M),
        }  # fmt: skip
    elif area:
        given = {"tile": area_tile(area), "method": "area_code", "city": CITY_CODE, "street": area}
    else:
        given = {"tile": NO_PLACE, "method": "none"}
    given |= fields
    levels = (given.get(level, "") for level in ("city", "district", "street", "community", "grid"))
    return Place(**({"areas": tuple(code for code in levels if code)} | given))


def located(
    ref: str,
    minute: float = 0,
    category: tuple[str, str, str] | None = WASTE,
    *,
    classified: Mapping[str, Any] | None = None,
    placed: Mapping[str, Any] | None = None,
    **fields: Any,
) -> LocatedReport:
    """A report ready for casework."""
    report = a_report(ref, minute, **fields)
    place = a_place(report, **dict(placed or {}))
    return LocatedReport(report=report, classification=about(category, **dict(classified or {})), place=place)


def measured(measure: str, value: float, unit: str) -> tuple[Evidence, ...]:
    """One measured value."""
    return (Evidence(measure=measure, value=value, unit=unit),)


def case_of(report: LocatedReport) -> str:
    """The id of the case that a report opens."""
    return case_id(report.place.tile, report.report.received_at, report.report.report_id)


def an_action(case: str, verb: str, minute: float = 60, **fields: Any) -> CaseAction:
    """An action on a case by somebody who may take it, with a reason that is taken."""
    number = fields.pop("offset", None) or next(_order)
    given: dict[str, Any] = {
        "action_id": digest("action", case, verb, str(number)), "case_id": case, "tile": case.partition("-")[0],
        "action": verb, "at": MONDAY + round(minute * MINUTE), "origin": Origin("actions", 0, number),
        "content_hash": number, "actor_role": ROLES.get(verb, "system"), "reason_code": REASONS.get(verb, ""),
    }  # fmt: skip
    return CaseAction(**(given | fields))


ROLES = {
    "sign": "department-clerk", "handle": "handler", "refuse": "department-clerk", "check": "acceptor",
    "check_pass": "inspector", "check_fail": "inspector", "close": "acceptor", "reassign": "dispatcher",
    "decline": "acceptor", "extend": "dispatcher", "suspend": "dispatcher", "reopen": "duty-chief",
    "cancel": "duty-chief", "force_close": "supervisor", "verified": "inspector", "not_found": "inspector",
    "return": "dispatcher", "designate": "duty-chief",
}  # fmt: skip
REASONS = {
    "refuse": "not_our_territory", "check_fail": "still_there", "reassign": "relief", "decline": "out_of_scope",
    "extend": "weather", "suspend": "no_budget", "reopen": "still_there", "cancel": "drill", "not_found": "not_there",
    "force_close": "no_owner", "merge": "duplicate", "ask_information": "information_missing",
    "return": "wrong_category", "designate": "arbitration",
}  # fmt: skip
PATH = ("sign", "handle", "check_pass", "close")
"""The plain path from dispatch to closing."""


class Town:
    """Casework of the small city with a book for each tile (or one for all), and the notices still on their way."""

    def __init__(self, *, shared: bool = False, reference: Reference | None = None) -> None:
        self.stage = Casework(policy_of(reference or city()))
        self.books: dict[str, CaseBook] = {}
        self.shared = shared
        self.facts: list[Any] = []
        self.settled: list[Settlement] = []
        self.waiting: list[Any] = []
        """Notices that were sent and not heard yet."""

    def book(self, tile: str) -> CaseBook:
        """The state of a tile."""
        return self.books.setdefault("" if self.shared else tile, CaseBook())

    def send(self, message: CaseworkInput, *, hold: bool = False) -> Outcome:
        """One message, applied; its notices are heard at once unless they are held."""
        book = self.book(tile_of_input(message))
        outcome = self.stage.step(book, message)
        book.apply(outcome.changes)
        self.facts += outcome.facts
        self.settled += outcome.settled
        self.waiting += outcome.messages
        if not hold:
            self.deliver()
        return outcome

    def deliver(self, choose: Callable[[int], int] = lambda waiting: 0) -> None:
        """Hear all notices, the next being the one ``choose`` names of so many."""
        while self.waiting:
            self.send(self.waiting.pop(choose(len(self.waiting))), hold=True)

    def act(self, case: str, *verbs: str, minute: float = 60, **fields: Any) -> None:
        """Actions one after the other."""
        for verb in verbs:
            self.send(an_action(case, verb, minute, **fields))

    def said(self, kind: type[Any]) -> list[Any]:
        """Facts of one kind."""
        return [fact for fact in self.facts if fact.__class__ is kind]

    def case(self, case: str) -> Any:
        """A case as its tile holds it."""
        return self.book(case.partition("-")[0]).case(case)


def kinds(facts: object) -> list[str]:
    """Names of the facts' classes."""
    return [fact.__class__.__name__ for fact in facts]  # type: ignore[attr-defined]


def without_order(fact: Fact) -> Fact:
    """A fact as it is whatever its place in the log."""
    from msgspec.structs import replace

    return replace(fact, recorded=0)
