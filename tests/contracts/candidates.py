"""Every stage with inputs rich enough that each of its guards matters: what the contract suite runs over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from pipeline.domain.probes import DetectPolicy
from pipeline.errors import InvalidRecord, Reason
from pipeline.events.casework import CaseAction, LinkNotice, MergeNotice, NeighbourNotice, UnmergeNotice
from pipeline.events.intake import Classification, LocatedReport, Place, ScreenedReport
from pipeline.events.readings import Readings
from pipeline.events.records import Arrival, Origin
from pipeline.stage import Outcome, State
from pipeline.stages.casebook import CaseBook
from pipeline.stages.casework import Casework, policy_of
from pipeline.stages.detect import Detect
from pipeline.stages.devicebook import DeviceBook
from pipeline.stages.intake import Intake, IntakeBook
from tests.builders import PATH, a_body, an_action, arrival_of, case_of, located, measured
from tests.small_city import (
    BINS,
    COLLAPSE,
    COMPONENT,
    COVER,
    MINUTE,
    MONDAY,
    NOISE,
    ROAD,
    STREET_W,
    at,
    city,
    screening,
    topology,
)
from tests.town import Town


@dataclass(frozen=True)
class Candidate:
    """A stage under contract: how to make it, its state and its inputs."""

    stage: Callable[[], Any]
    state: Callable[[], State]
    inputs: Callable[[], Sequence[Any]]


def _log(*records: tuple[str, dict[str, Any]]) -> list[Arrival]:
    return [arrival_of(schema, a_body(schema, **fields), number) for number, (schema, fields) in enumerate(records, 1)]


def arrivals() -> list[Arrival]:
    """Reports, readings, actions and work; twice, in conflict, refused, and unreadable."""
    lon, lat = at(-500)
    spot = {"lon": lon, "lat": lat}
    personal = {"reporter_phone": "13812345678", "reporter_name": "张三", "address": "柳湾路10号3幢502室"}
    case = {"case_id": case_of(located("1"))}
    records = _log(
        ("HotlineOrder", spot | personal | {"text": "联系人：张三，井盖坏了 13812345678"}),
        ("HotlineOrder", spot | personal | {"text": "联系人：张三，井盖坏了 13812345678"}),
        ("HotlineOrder", spot | {"text": "other words"}),
        ("HotlineOrder", spot | {"source_ref": "o-2", "related_refs": ["o-1", "o-2"], "title": "a\x00b"}),
        ("GridWorkerReport", spot | {"source_ref": "g-1", "worker_id": "w", "self_handled": True}),
        ("GridWorkerReport", {"source_ref": "g-2", "lon": 0.0, "lat": 0.0, "grid_code": STREET_W}),
        ("Report", {"source_ref": "r-1", "lon": lat, "lat": lon, "evidence": [
            {"measure": "depth", "value": 3.5, "unit": "cm"}]}),
        ("Report", {"source_ref": "r-2", "channel": "drone", "received_at": 5}),
        ("SensorReadings", {"values": [50.0, 51.0], "offsets_ms": [0, 1000]}),
        ("SensorReadings", {"values": [float("nan")]}),
        ("CaseAction", case | {"reason": "电话 13812345678"}),
        ("CaseAction", case | {"reason": "电话 13812345678"}),
        ("CaseAction", {"case_id": "?", "source_ref": "a-2"}),
        ("PatrolLog", {"distance_m": 1200.0}), ("PatrolLog", {"distance_m": 1200.0}),
        ("Task", {}), ("StaffChange", {}), ("SurveyAnswer", {"report_system": "crm", "report_ref": "o-1"}),
        ("ExternalRating", {}), ("CallCounts", {"answered": 1}),
    )  # fmt: skip
    fault = InvalidRecord(Reason.UNDECODABLE, "Report", b"\xff", "encode it as its schema says")
    return [*records, Arrival("Report", Origin("reports.other", 0, 99), MONDAY, None, 99, b"\xff\x00", fault)]


def readings() -> list[Readings]:
    """A night of noise that raises, counts and clears alarms; an unknown device, unit and silence."""
    found: list[Readings] = []

    def hear(minute: int, *values: float, device: str = "d1", unit: str = "dB(A)") -> None:
        times = tuple(MONDAY + (minute + 5 * step) * MINUTE for step in range(len(values)))
        origin = Origin("readings", 0, len(found) + 1)
        ref = f"{device}|{minute}|{len(found)}"
        found.append(
            Readings(
                ref=ref, device_id=device, metric="noise", unit=unit, times=times, values=values,
                received_at=times[-1], origin=origin,
            )
        )  # fmt: skip

    for hour in range(6):
        level = 90.0 if hour % 3 else 40.0
        hear(hour * 60, *[level] * 12)
        hear(hour * 60 + 60, level, device="stranger")
    hear(400, 95.0, unit="ppm")
    for minute in range(420, 600, 5):
        hear(minute, 85.0 if minute < 500 else 30.0)
    hear(300, 99.0)
    return found


def casework_inputs() -> list[Any]:
    """Reports of every outcome, actions of every kind and the notices that they cause, in the order of one log."""
    town, heard = Town(shared=True), list[Any]()

    def say(*messages: Any, hold: bool = False) -> None:
        for message in messages:
            heard.append(message)
            town.send(message, hold=True)
            while town.waiting and not hold:
                heard.append(town.waiting[0])
                town.send(town.waiting.pop(0), hold=True)

    def act(case: str, *verbs: str, **fields: Any) -> None:
        say(*[an_action(case, verb, **fields) for verb in verbs])

    first, cover = located("1", 0, text="垃圾成堆", reporter_key="p"), located("c", 1, COVER, component_code=COMPONENT)
    say(first, located("2", 1, xy=(-505.0, 3.0)), located("3", 2, reporter_key="p"), cover)
    say(
        located("c2", 3, COVER, xy=(-450.0, 0.0), component_code=COMPONENT), located("4", 4, NOISE, related_refs=("1",))
    )
    say(
        located("5", 4, drill=True),
        located("6", 5, ROAD, xy=(-700.0, 0.0)),
        located("7", 5, None),
        located("8", 6, xy=None),
    )
    say(located("9", 6, xy=(-600.0, 0.0), evidence=measured("area", 0.2, "m2")), located("10", 7, COLLAPSE))
    say(located("11", 8, BINS, xy=None, placed={"area": STREET_W}, address_key="door"))
    say(located("12", 9, BINS, xy=None, placed={"area": STREET_W}, address_key="door", channel="alarm"))
    west, east = located("w", 10, xy=(-4.0, 0.0)), located("e", 11, xy=(4.0, 0.0))
    say(west, east, located("e2", 12, xy=(5.0, 1.0), reporter_key="q"), hold=True)
    heard.extend(waiting := list(town.waiting))
    town.waiting.clear()
    for notice in waiting:
        town.send(notice, hold=True)
    heard.extend(town.waiting)
    town.deliver()
    border = {"border_flags": ("BORDER",), "border_m": 4.0}
    say(located("13", 13, NOISE, xy=(4.0, 300.0), placed=border), located("14", 14, NOISE, xy=(-4.0, 300.0)))
    act(case_of(cover), "refuse", "refuse", "refuse", "sign", "sign", "handle", "check_pass", "close", "nonsense")
    act(case_of(first), "sign", "handle", actor_person="h")
    act(case_of(first), "check_pass", actor_person="h")
    act(case_of(first), "check_fail", "handle", "check_pass", "close")
    act(loser := next(case_of(one) for one in (west, east) if town.case(case_of(one)).merged_into), "unmerge")
    act(loser, "unmerge", actor_role="handler")
    act(case_of(first), "unmerge", report="crm|2")
    act(case_of(first), "unmerge", report="crm|2")
    say(owner := located("w3", 16, NOISE, xy=(-4.0, 900.0)), located("e3", 17, NOISE, xy=(4.0, 900.0)))
    act(case_of(owner), "unmerge", report="crm|e3")
    act(case_of(west), *PATH)
    say(located("15", 100, reporter_key="p"), located("16", 101, xy=(6.0, 0.0)))
    for number, ref in enumerate(("17", "18")):
        say(easy := located(ref, 102 + number, xy=(-900.0, 0.0)))
        act(case_of(easy), *PATH, minute=102 + number)
    spot = {"xy": (-900.0, 0.0), "self_handled": True, "reporter_unit": town.case(case_of(easy)).department}
    say(located("19", 104, **spot))
    return heard


CANDIDATES: dict[str, Candidate] = {
    "intake": Candidate(lambda: Intake(screening()), IntakeBook, arrivals),
    "detect": Candidate(lambda: Detect(DetectPolicy(city())), DeviceBook, readings),
    "casework": Candidate(lambda: Casework(policy_of(city())), CaseBook, casework_inputs),
}
"""The stages with a state."""

STATELESS = {"classifier": lambda: topology().classifier, "locator": lambda: topology().locator}
"""The stages without one."""

WIRED = (LocatedReport, CaseAction, NeighbourNotice, LinkNotice, MergeNotice, UnmergeNotice)
"""Messages with a form of their own on the wire."""


def as_wired(message: Any) -> Any:
    """A message in the form in which it travels: a screened report goes inside a located one."""
    if isinstance(message, ScreenedReport):
        return LocatedReport(report=message, classification=Classification(), place=Place(tile="t", method="none"))
    return message


# -- running them -------------------------------------------------------------------------------------------------


EVERY = pytest.mark.parametrize("candidate", CANDIDATES.values(), ids=CANDIDATES)
"""A test over all stages with a state."""


def entries(state: State) -> list[tuple[str, str, bytes]]:
    return list(state.entries())


def run(candidate: Candidate, state: State | None = None, inputs: Any = None) -> tuple[list[Outcome], State]:
    """All outcomes of the inputs one after the other, and the state they leave."""
    stage, book = candidate.stage(), state if state is not None else candidate.state()
    outcomes = []
    for event in candidate.inputs() if inputs is None else inputs:
        outcome = stage.step(book, event)
        book.apply(outcome.changes)
        outcomes.append(outcome)
    return outcomes, book


def parts(outcomes: list[Outcome]) -> list[Any]:
    """Everything that was said and changed, comparable."""
    return [(one.facts, one.messages, encoded(one.changes), one.settled) for one in outcomes]


def encoded(changes: Any) -> list[tuple[str, str, bytes | None]]:
    """The changes as a changelog keeps them."""
    pack = msgspec.msgpack.encode
    return [(one.space, one.key, None if one.value is None else pack(one.value)) for one in changes]


def facts(outcomes: list[Outcome]) -> list[Any]:
    return [fact for one in outcomes for fact in one.facts]
