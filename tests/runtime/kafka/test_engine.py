"""One poll through the engine: what it writes, where it writes it, and what it leaves out when Kafka gives it again."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from connectors.librdkafka.transactions import Written
from pipeline.runtime.kafka.batch import Batch
from pipeline.runtime.kafka.engine import TOLERANCE_MS
from pipeline.runtime.kafka.lanes import LANES
from pipeline.stages.screen import YEAR_2000
from pipeline.wire.serde import decode, encode
from tests.builders import MONDAY, a_body
from tests.runtime.kafka.feeding import PARTITION, Polled, an_engine, an_order, polled, through, topics, values


def test_a_report_goes_to_its_tile_with_state_and_position_beside_it():
    batch = an_engine().feed({("reports.hotline", PARTITION): polled(an_order("1"))})
    assert topics(batch) == {"reports.located": 1, "changelog.intake": 3}
    (located,) = [one for one in batch.written if one.topic == "reports.located"]
    assert located.key is not None
    assert located.key.decode() == decode(located.value or b"")[1]["place"]["tile"]
    assert all(one.partition == PARTITION for one in batch.written if one.topic == "changelog.intake")
    assert batch.offsets == {("reports.hotline", PARTITION): 1}


def test_a_case_goes_to_its_facts_and_to_its_department():
    engine = an_engine()
    batch = through(engine, engine.feed({("reports.hotline", PARTITION): polled(an_order("1"))}))
    written = topics(batch)
    assert written["facts.reports"] >= 1
    assert written["facts.cases"] == 2
    assert sum(number for topic, number in written.items() if topic.startswith("assignments.")) == 1
    ((_, settled),) = [(name, body) for name, body in values(batch, "facts.reports") if name == "ReportSettled"]
    assert settled["fate"] == "filed"


def test_records_below_the_position_are_left_out():
    engine = an_engine()
    records = polled(an_order("1"), an_order("2"), an_order("3"))
    engine.feed({("reports.hotline", PARTITION): records[:2]})
    again = engine.feed({("reports.hotline", PARTITION): records})
    assert again.records == 1
    assert topics(again)["reports.located"] == 1
    assert again.offsets == {("reports.hotline", PARTITION): 3}


def test_a_poll_of_nothing_new_writes_nothing_and_still_notes_the_offset():
    engine = an_engine()
    records = polled(an_order("1"))
    engine.feed({("reports.hotline", PARTITION): records})
    again = engine.feed({("reports.hotline", PARTITION): records})
    assert (again.written, again.records) == ([], 0)
    assert again.offsets == {("reports.hotline", PARTITION): 1}


def test_a_state_read_back_from_its_changelog_goes_on_where_the_first_one_was():
    first, second = an_engine(), an_engine()
    opening = first.feed({("reports.hotline", PARTITION): polled(an_order("1"))})
    filed = through(first, opening)
    for batch in (opening, filed):
        for name in LANES:
            kept = [(one.key or b"", one.value) for one in batch.written if one.topic == f"changelog.{name}"]
            second.states[name, PARTITION].restore(kept)
    more = {("reports.hotline", PARTITION): polled(an_order("1"), an_order("2", text="路边垃圾成堆，请清理"))}
    assert _bytes(first.feed(more)) == _bytes(second.feed(more))
    for name in LANES:
        ours, theirs = (engine.states[name, PARTITION] for engine in (first, second))
        assert dict(ours.entries()) == dict(theirs.entries())
        assert (ours.positions, ours.time) == (theirs.positions, theirs.time)


def test_the_same_report_by_two_lanes_is_settled_twice_and_filed_once():
    engine = an_engine()
    both = {("reports.urgent", PARTITION): polled(an_order("1")), ("reports.hotline", PARTITION): polled(an_order("1"))}
    batch = through(engine, engine.feed(both))
    fates = Counter((one.fate, one.outcome) for one in batch.settled)
    assert fates["logged", "redelivered"] == 1
    assert sum(number for (fate, _), number in fates.items() if fate == "filed") == 1


@pytest.mark.parametrize(
    ("came", "fields", "topic"),
    [
        pytest.param("reports.hotline", {}, "reports.located", id="ordinary"),
        pytest.param("reports.hotline", {"urgent": True}, "reports.located.urgent", id="its source calls it urgent"),
        pytest.param("reports.hotline", {"text": "有人被困，起火了"}, "reports.located.spotted", id="by words alone"),
        pytest.param("reports.spotted", {"text": "有人被困，起火了"}, "reports.located.spotted", id="by words, a copy"),
        pytest.param(
            "reports.spotted", {"text": "有人被困，起火了", "urgent": True}, "reports.located.urgent", id="both"
        ),
        pytest.param("reports.urgent", {}, "reports.located.urgent", id="sent as urgent, whatever it says"),
        pytest.param("reports.spotted", {}, "reports.located", id="a copy of something ordinary"),
    ],
)
def test_an_emergency_goes_ahead_on_a_topic_of_its_own(came: str, fields: dict[str, Any], topic: str):
    batch = an_engine().feed({(came, PARTITION): polled(an_order("1", **fields))})
    assert {name: count for name, count in topics(batch).items() if name.startswith("reports.located")} == {topic: 1}


def test_an_action_moves_its_case_and_its_repetition_is_settled_as_such():
    engine = an_engine()
    filed = through(engine, engine.feed({("reports.hotline", PARTITION): polled(an_order("1"))}))
    case = next(body["case_id"] for name, body in values(filed, "facts.cases") if name == "CaseDispatched")
    body = a_body(
        "CaseAction", source_ref="a1", case_id=case, action="sign", actor_role="department", actor_unit="sanitation"
    )
    action = encode("CaseAction", body)
    batch = engine.feed({("actions.sanitation", PARTITION): polled(action, action)})
    assert [(one.fate, one.outcome) for one in batch.settled][-1][0] == "logged"
    assert Counter(one.outcome for one in batch.settled)["redelivered"] == 1


# -- what sources hear ----------------------------------------------------------------------------------------------

STATUSES = ("status.crm", "status.unlisted")


def heard(*batches: Batch) -> list[tuple[str, str, str]]:
    """Topic, number of the report at its source, and what happened, of every status."""
    found = [(one, decode(one.value or b"")[1]) for batch in batches for one in batch.written if "status." in one.topic]
    assert all(one.key == body["report_id"].encode() for one, body in found)
    return [(one.topic, body["source_ref"], body["action"]) for one, body in found]


def test_a_source_hears_of_its_reports_in_the_transaction_that_decided_on_them():
    engine = an_engine(status_topics=STATUSES)
    orders = polled(an_order("1"), an_order("2"), an_order("3", drill=True))
    first = engine.feed({("reports.hotline", PARTITION): orders})
    assert heard(first) == []
    filed = through(engine, first)
    assert heard(filed) == [
        ("status.crm", "1", "filed"), ("status.crm", "2", "linked"), ("status.crm", "3", "logged"),
    ]  # fmt: skip
    case = next(body["case_id"] for name, body in values(filed, "facts.cases") if name == "CaseDispatched")
    action = a_body("CaseAction", source_ref="a1", case_id=case, action="sign", actor_role="department-clerk")
    signed = engine.feed({("actions.sanitation", PARTITION): polled(encode("CaseAction", action))})
    assert heard(signed) == [("status.crm", "1", "sign"), ("status.crm", "2", "sign")]
    assert (list(filed.acted), list(signed.acted)) == ([], [MONDAY + 60_000]), "the delay of an action can be measured"


def test_a_source_without_a_topic_is_told_on_that_of_the_unlisted():
    engine = an_engine(status_topics=STATUSES)
    orders = polled(an_order("1", source_system="a new one"), an_order("2"))
    filed = through(engine, engine.feed({("reports.hotline", PARTITION): orders}))
    assert heard(filed) == [("status.unlisted", "1", "filed"), ("status.crm", "2", "linked")]


def test_records_that_were_answered_before_tell_nothing_again():
    engine = an_engine(status_topics=STATUSES)
    first = engine.feed({("reports.hotline", PARTITION): polled(an_order("1"), an_order("1"))})
    assert len(heard(through(engine, first))) == 1
    assert heard(through(engine, first)) == []


def test_without_topics_of_sources_nothing_is_told():
    engine = an_engine()
    assert heard(through(engine, engine.feed({("reports.hotline", PARTITION): polled(an_order("1"))}))) == []


def test_every_count_has_an_id_of_its_own_and_they_add_up():
    engine = an_engine()
    values_seen: list[str] = []
    total = 0
    for number in range(4):
        batch = engine.feed({("reports.hotline", PARTITION): polled(b"bad", start=number)})
        for _, body in values(batch, "facts.counts"):
            values_seen.append(body["fact_id"])
            total += body["records"]
    assert len(values_seen) == len(set(values_seen)) == total == 4


DAY_LATER = MONDAY + 86_400_000


def a_tick(at: int) -> bytes:
    """The bytes of a tick."""
    return encode("Tick", a_body("Tick", at=at, partition=PARTITION))


def noise(values: tuple[float, ...] = (50.0,), **fields: Any) -> bytes:
    """A reading of the device of the small city."""
    return encode(
        "SensorReadings", a_body("SensorReadings", device_id="d1", metric="noise", unit="dB(A)", values=list(values),
                                 **fields)
    )  # fmt: skip


def test_readings_and_ticks_keep_their_order():
    engine = an_engine("detect")
    records = [Polled(0, MONDAY + 60_000, noise()), Polled(1, DAY_LATER, a_tick(DAY_LATER))]
    batch = engine.feed({("readings.sensor", PARTITION): records})
    assert topics(batch)["facts.readings"] >= 1
    changes = [body["change"] for name, body in values(batch, "facts.readings") if name == "AlarmChanged"]
    assert changes == ["raised"], "a device that is silent for a day is noticed by the tick behind its reading"


@pytest.mark.parametrize(
    ("at", "reason"),
    [
        (DAY_LATER, None),
        (DAY_LATER + TOLERANCE_MS, None),
        (DAY_LATER + TOLERANCE_MS + 1, "future_time"),
        (4_102_444_800_000, "future_time"),
        (YEAR_2000 - 1, "ancient_time"),
    ],
    ids=["now", "as far ahead as a clock may be", "a millisecond more", "far future", "before 2000"],
)
def test_a_tick_beyond_the_time_of_the_log_is_refused_and_moves_nothing(at: int, reason: str | None):
    engine = an_engine("detect")
    engine.feed({("readings.sensor", PARTITION): [Polled(0, MONDAY + 60_000, noise())]})
    state = engine.states["detect", PARTITION]
    before, time = dict(state.entries()), state.time
    batch = engine.feed({("readings.sensor", PARTITION): [Polled(1, DAY_LATER, a_tick(at))]})
    refused = [(body["reason"], body["field"], body["offset"]) for _, body in values(batch, "quarantine")]
    assert refused == ([] if reason is None else [(reason, "at", 1)])
    assert (dict(state.entries()) == before) is (reason is not None)
    assert state.time == time
    assert batch.offsets == {("readings.sensor", PARTITION): 2}


def test_old_numbers_go_when_a_day_of_stream_time_begins():
    engine = an_engine("intake")
    state = engine.states["intake", PARTITION]
    engine.feed({("reports.hotline", PARTITION): polled(an_order("1"))})
    held = len(list(state.entries()))
    late = MONDAY + 40 * 86_400_000
    order = an_order("2", received_at=late, occurred_at=late, sent_at=late)
    batch = engine.feed({("reports.hotline", PARTITION): [Polled(1, late, order)]})
    gone = [one for one in batch.written if one.topic == "changelog.intake" and one.value is None]
    assert len(gone) == held == 1


def _bytes(batch: Batch) -> set[Written]:
    return set(batch.written)
