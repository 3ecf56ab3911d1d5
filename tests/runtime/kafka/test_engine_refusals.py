"""Records that the engine cannot take: quarantined with their place, tried again later, or too many to go on."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.errors import StopRun
from pipeline.events.casework import LinkNotice
from pipeline.runtime.kafka.refusals import RefusalLimits, Refusals
from pipeline.runtime.kafka.retries import attempt_of, origin_of, put_off
from pipeline.stages.status import statuses
from pipeline.wire.serde import encode, encode_struct
from tests.builders import MONDAY, a_body, case_of, located
from tests.runtime.kafka.feeding import PARTITION, Polled, an_engine, an_order, polled, topics, values


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


BELONGS = {
    "reports.located": "located", "reports.located.urgent": "located", "reports.located.spotted": "located",
    "casework.notices": "notice",
}  # fmt: skip


@pytest.mark.parametrize("topic", BELONGS)
@pytest.mark.parametrize("kind", ["located", "notice", "fact", "status", "order"])
def test_casework_takes_from_a_topic_only_what_belongs_there(topic: str, kind: str):
    engine = an_engine("casework", status_topics=("status.crm",))
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
    ("value", "key", "reason"),
    [
        pytest.param(UNKNOWN + b"x" * 1_040_000, b"k", "oversize", id="a topic takes it, no schema does"),
        pytest.param(UNKNOWN + b"x" * 5_000_000, b"k", "oversize", id="its sender compressed it"),
        pytest.param(UNKNOWN + b"x" * 990_000, b"k" * 58_450, "unknown_schema", id="no room for headers"),
    ],
)
@pytest.mark.parametrize("topic", ["reports.other", "readings.sensor", "casework.notices", "actions.sanitation"])
def test_what_is_too_large_to_be_put_off_is_quarantined_at_once(value: bytes, key: bytes, reason: str, topic: str):
    """Put off, it would be refused by the topic it waits on, and its worker would do the same work for ever."""
    batch = an_engine().feed({(topic, PARTITION): [Polled(9, MONDAY, value, key)]})
    ((_, kept),) = values(batch, "quarantine")
    assert (kept["reason"], kept["topic"], kept["offset"], kept["attempts"]) == (reason, topic, 9, 1)
    assert kept["raw"] == value[:65_536]
    assert not [one for one in batch.written if one.topic.startswith("retry.")]
    assert all(len(one.value or b"") < 100_000 for one in batch.written)


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
