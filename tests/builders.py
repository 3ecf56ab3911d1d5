"""Builders for records, reports and actions. Times are minutes after Monday 2026-08-03 09:00 in Shanghai."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from itertools import count
from typing import Any

from pipeline.domain.geo.tiles import NO_PLACE, area_tile, neighbours_within, tile_of
from pipeline.domain.ids import case_id, digest, report_id
from pipeline.domain.text import fold, sketch
from pipeline.events.casework import CaseAction
from pipeline.events.intake import Classification, LocatedReport, Place, ScreenedReport
from pipeline.events.records import Arrival, Body, Evidence, Origin
from pipeline.stages.locate import REACH_M
from schemas.catalogue import newest
from tests.small_city import (
    CITY_CODE,
    COMMUNITY_E,
    COMMUNITY_W,
    DISTRICT,
    GRID_E,
    GRID_W,
    HOUR,
    MINUTE,
    MONDAY,
    PLANE,
    STREET_E,
    STREET_W,
    WASTE,
    at,
    city,
)

_order = count(1)


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
    "return": "dispatcher", "designate": "duty-chief", "reclassify": "acceptor", "unmerge": "dispatcher",
}  # fmt: skip
REASONS = {
    "refuse": "not_our_territory", "check_fail": "still_there", "reassign": "relief", "decline": "out_of_scope",
    "extend": "weather", "suspend": "no_budget", "reopen": "still_there", "cancel": "drill", "not_found": "not_there",
    "force_close": "no_owner", "merge": "duplicate", "ask_information": "information_missing",
    "return": "wrong_category", "reclassify": "wrong_category", "unmerge": "not_the_same", "designate": "arbitration",
}  # fmt: skip
PATH = ("sign", "handle", "check_pass", "close")
"""The plain path from dispatch to closing."""
