"""What becomes of every kind of record that comes in, and of one that comes twice."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.domain.ids import digest
from pipeline.errors import InvalidRecord, Reason
from pipeline.events.casework import CaseAction
from pipeline.events.facts import RecordQuarantined, SurveyAnswered
from pipeline.events.intake import ScreenedReport
from pipeline.events.readings import Readings
from pipeline.events.records import Arrival, Origin
from pipeline.stage import Outcome
from pipeline.stages.intake import KEEP_DAYS, RAW_LIMIT, Intake, IntakeBook
from tests.builders import a_body, an_arrival, arrival_of, case_of, located
from tests.small_city import DAY, HOUR, MINUTE, MONDAY, screening
from tests.town import kinds

STAGE = Intake(screening())
CASE = case_of(located("1"))


def taken(arrival: Arrival, book: IntakeBook | None = None) -> Outcome:
    """One record, applied."""
    book = book if book is not None else IntakeBook()
    outcome = STAGE.step(book, arrival)
    book.apply(outcome.changes)
    return outcome


@pytest.mark.parametrize(
    ("schema", "fields", "message"),
    [
        ("HotlineOrder", {}, ScreenedReport), ("GridWorkerReport", {}, ScreenedReport), ("Report", {}, ScreenedReport),
        ("SensorReadings", {}, Readings), ("CaseAction", {"case_id": CASE}, CaseAction),
    ],
)  # fmt: skip
def test_what_goes_on(schema: str, fields: Any, message: type[Any]) -> None:
    found = taken(an_arrival(schema, **fields))
    assert [type(one) for one in found.messages] == [message]
    assert (found.facts, found.settled) == ((), ())


@pytest.mark.parametrize(
    ("schema", "fact", "channel", "outcome"),
    [
        ("PatrolLog", "PatrolLogged", "patrol", "patrol"), ("Task", "TaskLogged", "task", "task"),
        ("StaffChange", "StaffChanged", "staff", "staff_change"),
        ("SurveyAnswer", "SurveyAnswered", "survey", "survey"),
        ("ExternalRating", "RatingReceived", "rating", "rating"),
        ("CallCounts", "CallsCounted", "calls", "call_counts"),
    ],
)  # fmt: skip
def test_work_and_opinion_become_facts_at_once(schema: str, fact: str, channel: str, outcome: str) -> None:
    found = taken(an_arrival(schema))
    assert kinds(found.facts) == [fact]
    assert [(one.channel, one.fate, one.outcome) for one in found.settled] == [(channel, "logged", outcome)]


def test_an_action_is_keyed_by_the_tile_of_its_case_and_its_reason_holds_no_personal_data() -> None:
    (action,) = taken(an_arrival("CaseAction", case_id=CASE, reason="电话 13812345678")).messages
    assert (action.tile, action.case_id) == (CASE.partition("-")[0], CASE)
    assert "138" not in action.reason


def test_a_survey_names_the_report_it_is_about() -> None:
    (fact,) = taken(an_arrival("SurveyAnswer", report_system="crm", report_ref="1")).facts
    assert isinstance(fact, SurveyAnswered)
    assert fact.report_id == digest("crm", "1")


BAD: list[Any] = [
    pytest.param("CaseAction", {"case_id": "nonsense"}, Reason.MISSING_FIELD, "case_id", id="no case id"),
    pytest.param("CaseAction", {"case_id": CASE, "at": MONDAY + DAY}, Reason.FUTURE_TIME, "at", id="acted tomorrow"),
    pytest.param("PatrolLog", {"source_ref": " "}, Reason.MISSING_FIELD, "source_ref", id="no number"),
    pytest.param("PatrolLog", {"started_at": 0}, Reason.ANCIENT_TIME, "started_at", id="walked in 1970"),
    pytest.param("PatrolLog", {"ended_at": MONDAY + DAY}, Reason.FUTURE_TIME, "ended_at", id="walks on tomorrow"),
    pytest.param("PatrolLog", {"distance_m": float("nan")}, Reason.NOT_A_NUMBER, "distance_m", id="walked NaN"),
    pytest.param("Task", {"done_at": MONDAY + DAY}, Reason.FUTURE_TIME, "done_at", id="done tomorrow"),
    pytest.param("SurveyAnswer", {"answered_at": 0}, Reason.ANCIENT_TIME, "answered_at", id="answered in 1970"),
    pytest.param("ExternalRating", {"rated_at": MONDAY + DAY}, Reason.FUTURE_TIME, "rated_at", id="rated tomorrow"),
    pytest.param("ExternalRating", {"score": float("inf")}, Reason.NOT_A_NUMBER, "score", id="rated infinite"),
    pytest.param("CallCounts", {"period_end": MONDAY + DAY}, Reason.FUTURE_TIME, "period_end", id="calls of tomorrow"),
    pytest.param("HotlineOrder", {"lon": 1e9, "lat": 0.0}, Reason.IMPOSSIBLE_COORDINATES, "lon, lat", id="nowhere"),
    pytest.param("SensorReadings", {"values": [float("nan")]}, Reason.NOT_A_NUMBER, "values", id="a NaN reading"),
]


@pytest.mark.parametrize(("schema", "fields", "reason", "field"), BAD)
def test_a_bad_record_goes_to_quarantine_with_reason_field_value_and_remedy(
    schema: str, fields: Any, reason: Reason, field: str
) -> None:
    arrival = an_arrival(schema, **fields)
    found = taken(arrival)
    (fact,) = found.facts
    assert isinstance(fact, RecordQuarantined)
    assert (fact.reason, fact.field, fact.schema, fact.recorded) == (reason, field, schema, arrival.order)
    assert Origin(fact.topic, fact.partition, fact.offset) == arrival.origin
    assert fact.remedy
    assert fact.raw
    assert [(one.fate, one.outcome) for one in found.settled] == [("quarantined", reason)]
    assert (found.changes, found.messages) == ((), ())


@pytest.mark.parametrize("channel", ["drone", ""])
def test_a_record_that_could_not_be_read_is_kept_with_its_bytes(channel: str) -> None:
    fault = InvalidRecord(Reason.UNDECODABLE, "Report", b"\x00", "encode it")
    body = {"channel": channel} if channel else None
    arrival = Arrival("Report", Origin("t", 1, 2), MONDAY, body, 5, b"\xff" * (RAW_LIMIT + 9), fault)
    found = taken(arrival)
    (fact,) = found.facts
    assert isinstance(fact, RecordQuarantined)
    assert (fact.reason, len(fact.raw), fact.at) == ("undecodable", RAW_LIMIT, 0)
    assert found.settled[0].channel == (channel or "unknown")


def test_an_unknown_schema_is_refused_and_named() -> None:
    (fact,) = taken(Arrival("Ufo", Origin("t", 0, 1), MONDAY, {"received_at": MONDAY}, 1)).facts
    assert (fact.reason, fact.value) == ("unknown_schema", "'Ufo'")  # type: ignore[union-attr]  # quarantined


@pytest.mark.parametrize(("at", "kept"), [(MONDAY, MONDAY), (10**15, 0), (-(10**14), 0), ("soon", 0)])
def test_a_wild_time_is_kept_only_in_the_bytes(at: Any, kept: int) -> None:
    fault = InvalidRecord(Reason.WRONG_TYPE, "x", at, "mend it")
    (fact,) = taken(Arrival("Report", Origin("t", 0, 1), MONDAY, {"received_at": at}, 1, b"", fault)).facts
    assert fact.at == kept  # type: ignore[union-attr]  # quarantined


def test_the_value_of_a_refused_record_holds_no_personal_data() -> None:
    (fact,) = taken(an_arrival("CaseAction", case_id="13812345678")).facts
    assert "13812345678" not in fact.value  # type: ignore[union-attr]  # quarantined


# -- the same number again ----------------------------------------------------------------------------------------

TWICE = ["HotlineOrder", "GridWorkerReport", "Report", "PatrolLog", "Task", "SurveyAnswer", "CaseAction"]


def _case(schema: str) -> dict[str, str]:
    return {"case_id": CASE} if schema == "CaseAction" else {}


@pytest.mark.parametrize("schema", TWICE)
@pytest.mark.parametrize("batch", [False, True], ids=["apart", "in one batch"])
def test_the_same_number_with_the_same_content_is_answered_once(schema: str, batch: bool) -> None:
    first, again = an_arrival(schema, **_case(schema)), an_arrival(schema, received_at=MONDAY + MINUTE, **_case(schema))
    book = IntakeBook()
    if batch:
        outcome = STAGE.steps(book, [first, again])
        said = len(outcome.messages) + len(outcome.facts)
        assert (said, outcome.settled[-1].outcome) == (1, "redelivered")
    else:
        taken(first, book)
        outcome = taken(again, book)
        assert (outcome.messages, outcome.facts, outcome.changes) == ((), (), ())
        assert [one.outcome for one in outcome.settled] == ["redelivered"]


@pytest.mark.parametrize("schema", ["HotlineOrder", "Report", "GridWorkerReport"])
def test_the_same_number_with_other_content_is_refused(schema: str) -> None:
    book = IntakeBook()
    taken(an_arrival(schema), book)
    (fact,) = taken(an_arrival(schema, text="other"), book).facts
    assert (fact.reason, fact.field) == ("conflicting_content", "source_ref")  # type: ignore[union-attr]  # quarantined
    assert taken(an_arrival(schema), book).settled[0].outcome == "redelivered"


def test_the_same_place_in_the_log_is_a_replay_and_gets_the_same_answer() -> None:
    book, arrival = IntakeBook(), an_arrival()
    first = taken(arrival, book)
    again = STAGE.step(book, arrival)
    assert (again.messages, again.changes) == (first.messages, ())


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(an_arrival(source_system="app"), id="of another system"),
        pytest.param(an_arrival(source_ref="o-2"), id="another number"),
        pytest.param(an_arrival("Task", source_ref="o-1"), id="another kind of record"),
    ],
)
def test_other_numbers_are_other_records(other: Arrival) -> None:
    book = IntakeBook()
    taken(an_arrival(), book)
    outcome = taken(other, book)
    assert len(outcome.messages) + len(outcome.facts) == 1


def test_a_refused_record_does_not_take_its_number() -> None:
    book = IntakeBook()
    taken(an_arrival(lon=1e9, lat=0.0), book)
    assert len(taken(an_arrival(), book).messages) == 1


@pytest.mark.parametrize(("days", "known"), [(KEEP_DAYS - 1, True), (KEEP_DAYS, False)])
def test_a_number_is_remembered_for_its_time_and_no_longer(days: int, known: bool) -> None:
    book = IntakeBook()
    taken(an_arrival(), book)
    book.apply(STAGE.expire(book, MONDAY // DAY + days).changes)
    assert (taken(an_arrival(), book).messages == ()) is known


def test_what_was_looked_at_is_not_looked_at_again() -> None:
    book = IntakeBook()
    taken(an_arrival(), book)
    taken(an_arrival(source_ref="o-2", received_at=MONDAY + 2 * DAY), book)
    day = MONDAY // DAY + KEEP_DAYS
    assert len(book.leaving(day)) == 1
    book.left(day)
    assert (book.leaving(day), len(book.leaving(day + 2))) == ([], 1)


@pytest.mark.parametrize(
    ("schema", "key"), [("HotlineOrder", "crm|o-1"), ("SensorReadings", "d1")], ids=["by number", "by device"]
)
def test_the_key_of_a_record(schema: str, key: str) -> None:
    assert STAGE.key(an_arrival(schema)) == key


def test_a_clock_that_is_ahead_of_the_log_is_refused_by_the_logs_time_not_by_its_own() -> None:
    late = a_body(received_at=MONDAY + HOUR)
    (fact,) = taken(arrival_of("HotlineOrder", late, appended_at=MONDAY)).facts
    assert (fact.reason, fact.field) == ("future_time", "received_at")  # type: ignore[union-attr]  # quarantined
