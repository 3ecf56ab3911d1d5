"""One poll through the engine: what it writes, where it writes it, and what it leaves out when Kafka gives it again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Any, NamedTuple

import pytest

from connectors.librdkafka.transactions import Written
from pipeline.errors import StopRun
from pipeline.events.casework import LinkNotice
from pipeline.runtime.kafka.engine import TOLERANCE_MS, Batch, Engine
from pipeline.runtime.kafka.lanes import LANES, lanes_of
from pipeline.runtime.kafka.lanestate import LaneState
from pipeline.runtime.kafka.refusals import RefusalLimits, Refusals
from pipeline.runtime.kafka.retries import attempt_of, origin_of, put_off
from pipeline.stages.screen import YEAR_2000
from pipeline.stages.status import statuses
from pipeline.wire.serde import decode, encode, encode_struct
from tests.builders import MONDAY, a_body, case_of, located
from tests.small_city import at, topology

PARTITION = 3


class Polled(NamedTuple):
    """What aiokafka gives for a record, as far as it is looked at."""

    offset: int
    timestamp: int
    value: bytes
    key: bytes = b"key"
    headers: tuple[tuple[str, bytes], ...] = ()


def an_engine(*lanes: str, status_topics: Collection[str] = ()) -> Engine:
    """An engine with fresh states for one partition of each lane."""
    found = lanes_of(lanes or tuple(LANES), ["sanitation", "manual-triage"])
    engine = Engine(topology(), found, status_topics=status_topics)
    for lane in found:
        engine.states[lane.name, PARTITION] = LaneState(lane)
    return engine


def polled(*values: bytes, start: int = 0) -> list[Polled]:
    """Records with offsets from ``start``."""
    return [Polled(start + number, MONDAY + 60_000, value) for number, value in enumerate(values)]


def an_order(ref: str, **fields: Any) -> bytes:
    """A hotline order as its sender encodes it."""
    lon, lat = at(-20, 30)
    given = {"source_ref": ref, "lon": lon, "lat": lat, "title": "垃圾堆放", "text": "路边垃圾成堆无人清理"} | fields
    return encode("HotlineOrder", a_body("HotlineOrder", **given))


def topics(batch: Batch) -> Counter[str]:
    """How many records go to each topic."""
    return Counter(one.topic for one in batch.written)


def values(batch: Batch, topic: str) -> list[tuple[str, Any]]:
    """Schema and body of what goes to a topic."""
    return [decode(one.value) for one in batch.written if one.topic == topic and one.value is not None]


def through(engine: Engine, first: Batch) -> Batch:
    """Casework over what intake wrote, as if the topics had one partition."""
    located = [one.value or b"" for one in first.written if one.topic.startswith("reports.located")]
    return engine.feed({("reports.located", PARTITION): polled(*located)})


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
    ("urgent", "topic"), [(False, "reports.located"), (True, "reports.located.urgent")], ids=["ordinary", "urgent"]
)
def test_an_emergency_goes_ahead_on_a_topic_of_its_own(urgent: bool, topic: str):
    batch = an_engine().feed({("reports.hotline", PARTITION): polled(an_order("1", urgent=urgent))})
    assert topics(batch)[topic] == 1


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"", "undecodable"),
        (b"\xc3\x01 short", "undecodable"),
        (encode("SensorReadings", a_body("SensorReadings")), "unknown_schema"),
        (an_order("1")[:-4], "undecodable"),
    ],
    ids=["empty", "no whole fingerprint", "a schema of another topic", "cut short"],
)
def test_a_record_that_cannot_be_taken_is_quarantined_with_its_place(value: bytes, reason: str):
    batch = an_engine().feed({("reports.hotline", PARTITION): polled(value, an_order("2"), start=7)})
    ((name, kept),) = values(batch, "quarantine")
    assert (name, kept["topic"], kept["partition"], kept["offset"]) == ("RecordQuarantined", "reports.hotline", 3, 7)
    assert kept["reason"] == reason
    assert kept["raw"] == (value or b"{}")
    assert topics(batch)["reports.located"] == 1


def test_an_unreadable_message_between_stages_is_quarantined_and_the_next_one_goes_on():
    engine = an_engine()
    located = [
        one.value or b""
        for one in engine.feed({("reports.hotline", PARTITION): polled(an_order("1"))}).written
        if one.topic == "reports.located"
    ]
    batch = engine.feed({("reports.located", PARTITION): polled(located[0][:20], located[0])})
    assert topics(batch)["quarantine"] == 1
    assert topics(batch)["facts.reports"] >= 1


def a_notice() -> bytes:
    """A notice between tiles."""
    town = located("9")
    notice = LinkNotice(
        tile=town.place.tile, case_id=case_of(town), report_id="r", reporter_key="", at=MONDAY, recorded=1
    )
    return encode_struct(notice)


BELONGS = {"reports.located": "located", "reports.located.urgent": "located", "casework.notices": "notice"}


@pytest.mark.parametrize("topic", BELONGS)
@pytest.mark.parametrize("kind", ["located", "notice", "fact", "status", "order"])
def test_casework_takes_from_a_topic_only_what_belongs_there(topic: str, kind: str):
    engine = an_engine("casework", status_topics=STATUSES)
    report = located("9")
    book: Any = engine.states["casework", PARTITION].books["casework"]
    said = engine.topology.casework.step(book, report)
    record = {
        "located": encode_struct(report), "notice": a_notice(), "fact": encode_struct(said.facts[0]),
        "status": encode_struct(statuses(book, report, said)[0]), "order": an_order("1"),
    }[kind]  # fmt: skip
    batch = engine.feed({(topic, PARTITION): polled(record, start=5)})
    refused = [(body["reason"], body["topic"], body["offset"]) for _, body in values(batch, "quarantine")]
    assert refused == ([] if BELONGS[topic] == kind else [("unknown_schema", topic, 5)])
    if refused:
        assert topics(batch).keys() <= {"quarantine", "facts.counts", "changelog.casework"}


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


UNKNOWN = b"\xc3\x01 a schema of next year"


@pytest.mark.parametrize(
    ("tried", "topic"), [(0, "retry.1m"), (1, "retry.5m"), (2, "retry.30m")], ids=["first", "second", "third"]
)
def test_a_schema_nobody_knows_yet_is_tried_again_later(tried: int, topic: str):
    headers = put_off(Polled(7, 0, UNKNOWN), "reports.hotline", 1, tried).headers if tried else ()
    batch = an_engine().feed({("reports.hotline", PARTITION): [Polled(9, MONDAY, UNKNOWN, b"k", headers)]})
    (later,) = [one for one in batch.written if one.topic.startswith("retry.")]
    place = "reports.hotline/1/7" if tried else "reports.hotline/3/9"
    assert (later.topic, later.key, later.value) == (topic, b"k", UNKNOWN)
    assert (origin_of(later.headers), attempt_of(later.headers)) == (place, tried + 1)
    assert batch.settled == []


def test_after_the_last_attempt_it_is_quarantined_and_says_how_often_it_was_tried():
    headers = put_off(Polled(7, 0, UNKNOWN), "reports.hotline", 1, 3).headers
    batch = an_engine().feed({("reports.hotline", PARTITION): [Polled(9, MONDAY, UNKNOWN, b"k", headers)]})
    ((_, kept),) = values(batch, "quarantine")
    assert (kept["reason"], kept["attempts"]) == ("unknown_schema", 4)


@pytest.mark.parametrize(
    ("bad", "good", "stops"),
    [(199, 0, False), (200, 0, True), (200, 799, True), (200, 800, False)],
    ids=["too few", "enough", "just above the ratio", "at the ratio"],
)
def test_too_many_refusals_stop_the_worker_before_anything_is_written(bad: int, good: int, stops: bool):
    engine = an_engine("intake")
    engine.refusals["intake"].add(0, good)
    poll = {("reports.hotline", PARTITION): polled(*[b"bad"] * bad)}
    if stops:
        with pytest.raises(StopRun, match=r"--max-refused 1"):
            engine.feed(poll)
    else:
        assert engine.feed(poll).records == bad


def test_refusals_in_a_row_stop_a_worker_whatever_came_before():
    refusals = Refusals("intake", RefusalLimits())
    refusals.add(0, 1_000_000)
    for _ in range(4):
        refusals.add(100, 100)
    with pytest.raises(StopRun, match="500 records in a row"):
        refusals.add(100, 100)
