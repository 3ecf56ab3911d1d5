"""Detect as a stage: pure, the same for a batch, deaf to redelivery and late samples, aware of silence."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.domain.reference.rows import AlarmType
from pipeline.events.records import Origin
from pipeline.stages.devicebook import DeviceBook
from tests.stages.sensor_builders import (
    DAYTIME,
    HOUR,
    MIDNIGHT,
    MINUTE,
    NIGHT,
    Bench,
    a_limit,
    entries,
    instant,
    no_data,
)


def test_a_step_leaves_state_and_input_untouched_and_answers_the_same_again() -> None:
    bench = Bench(a_limit("a"), instant("b"), no_data())
    bench.hours(60.0, 30.0, 70.0)
    record = bench.readings(4 * HOUR, 80.0, 20.0)
    before, sent = entries(bench.book), msgspec.msgpack.encode(record)
    assert bench.detect.step(bench.book, record) == bench.detect.step(bench.book, record)
    bench.detect.tick(bench.book, MIDNIGHT + 9 * HOUR)
    assert entries(bench.book) == before
    assert msgspec.msgpack.encode(record) == sent


def test_the_book_is_rebuilt_from_its_entries() -> None:
    bench = Bench(a_limit("a"), instant("b", limit=70.0), no_data())
    bench.hours(60.0, 80.0)
    bench.hear(0, 1.0, device_id="nobody")
    copy = DeviceBook()
    for space, key, data in bench.book.entries():
        copy.restore(space, key, data)
    record = bench.readings(3 * HOUR, 80.0)
    assert entries(copy) == entries(bench.book)
    assert len(copy) == len(bench.book) == 3
    assert bench.detect.step(copy, record) == bench.detect.step(bench.book, record)


def test_a_removed_series_is_forgotten() -> None:
    bench = Bench(a_limit("a"))
    bench.hear(0, 1.0)
    bench.book.restore("series", "d1|x", None)
    assert (len(bench.book), bench.book.metrics["d1"]) == (0, ())


LIMITS = (
    a_limit("mean"), a_limit("day", metric="leq", aggregate="leq", limit=55.0, **DAYTIME),
    a_limit("night", metric="leq", aggregate="leq", limit=45.0, **NIGHT), a_limit("daily", period_minutes=1440),
    instant("peak", limit=70.0), instant("hold", limit=60.0, alarm=AlarmType.DURATION, hold_s=1200),
    a_limit("burst", metric="leq", aggregate="max", limit=65.0, **NIGHT),
    a_limit("often", alarm=AlarmType.REPEATING, allowed=1, allowed_per_h=6, limit=45.0), no_data(),
)  # fmt: skip

records = st.lists(
    st.tuples(
        st.sampled_from(["d1", "d2"]),
        st.sampled_from(["x", "leq"]),
        st.integers(0, 40),
        st.sampled_from([MINUTE, 7 * MINUTE, 10 * MINUTE]),
        st.lists(st.sampled_from([0.0, 30.0, 50.0, 58.0, 66.0, 90.0]), min_size=1, max_size=8),
        st.booleans(),
    ),
    max_size=40,
)


@settings(max_examples=150, deadline=None)
@given(records)
def test_a_batch_gives_what_its_records_give_one_after_the_other(rows: list[Any]) -> None:
    single, batch = Bench(*LIMITS), Bench(*LIMITS)
    clock, sent = 0, []
    for device, metric, gap, step, values, back in rows:
        clock += gap * 5 * MINUTE
        sent.append(single.readings(clock - back * HOUR, *values, step=step, device_id=device, metric=metric))
    for record in sent:
        single.take(single.detect.step(single.book, record))
    whole = batch.take(batch.detect.steps(batch.book, sent))
    assert whole.facts == tuple(single.facts)
    assert whole.messages == tuple(single.reports)
    assert len(whole.settled) == len(sent)
    assert entries(batch.book) == entries(single.book)
    assert batch.detect.tick(batch.book, MIDNIGHT + clock + 9 * HOUR) == single.detect.tick(
        single.book, MIDNIGHT + clock + 9 * HOUR
    )


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(st.floats(0, 200), min_size=6, max_size=6), min_size=1, max_size=6), st.data())
def test_averages_are_those_of_brute_force(hours: list[list[float]], data: st.DataObject) -> None:
    bench = Bench(a_limit("a", limit=-1.0, clear=-2.0))
    samples = [value for hour in hours for value in hour]
    while samples:  # cut into records anywhere
        size = data.draw(st.integers(1, len(samples)))
        done = len(hours) * 6 - len(samples)
        bench.hear(done * 10 * MINUTE, *samples[:size])
        samples = samples[size:]
    bench.hear(len(hours) * HOUR, 0.0)
    told = {fact.period_start: fact.value for fact in bench.alarms}
    assert set(told) == {MIDNIGHT + n * HOUR for n in range(len(hours)) if (n + 1) & n == 0}
    for start, value in told.items():
        hour = hours[(start - MIDNIGHT) // HOUR]
        assert value == pytest.approx(sum(hour) / 6, abs=1e-6)


@pytest.mark.parametrize("kind", [a_limit, instant])
def test_a_redelivered_record_changes_nothing(kind: Any) -> None:
    bench = Bench(kind("a"))
    bench.hours(60.0)
    record = bench.readings(70 * MINUTE, 60.0, 60.0)
    bench.take(bench.detect.step(bench.book, record))
    before, told = entries(bench.book), list(bench.changes)
    again = bench.take(bench.detect.step(bench.book, record))
    copy = bench.take(bench.detect.step(bench.book, msgspec.structs.replace(record, origin=Origin("readings", 0, 99))))
    assert (again.changes, copy.changes) == ((), ())
    assert (entries(bench.book), bench.changes) == (before, told)
    assert [s.outcome for s in (*again.settled, *copy.settled)] == ["readings", "redelivered"]


def test_the_record_that_raised_an_alarm_says_so_again() -> None:
    bench = Bench(instant())
    record = bench.readings(0, 60.0)
    first = bench.take(bench.detect.step(bench.book, record))
    again = bench.detect.step(bench.book, record)
    assert (again.facts, again.messages, again.settled) == (first.facts, first.messages, first.settled)


def test_samples_sent_twice_in_other_records_are_averaged_once() -> None:
    bench = Bench(a_limit("a", limit=29.9))
    bench.hear(0, 60.0, 60.0, 0.0)
    bench.hear(0, 60.0, 60.0)
    bench.hear(30 * MINUTE, 20.0, 20.0, 19.0)
    bench.hear(HOUR, 0.0)
    assert bench.changes == []  # 29.83, and more if the first two counted twice
    assert bench.flags[1] == "out_of_order"


def test_a_single_sample_sent_twice_is_averaged_once() -> None:
    bench = Bench(a_limit("a", limit=34.0), every_s=60)
    for minute in range(60):
        bench.hear(minute * MINUTE, 60.0 if minute < 30 else 0.0)
        bench.hear(minute * MINUTE, 60.0) if minute < 30 else None
    outcome = bench.hear(HOUR, 0.0)
    assert (bench.changes, [s.outcome for s in outcome.settled]) == ([], ["readings"])


def test_changed_limits_take_over_the_averages_of_a_book() -> None:
    bench, other = Bench(instant(), a_limit("a")), Bench(instant(limit=20.0), a_limit("a"), a_limit("b", limit=29.0))
    bench.hear(0, 30.0, 30.0, 30.0)
    other.book = bench.book
    other.hear(30 * MINUTE, 30.0, origin=Origin("readings", 0, 100))
    other.hear(40 * MINUTE, 30.0, 30.0, origin=Origin("readings", 0, 101))
    other.hear(HOUR, 0.0, origin=Origin("readings", 0, 102))
    assert [(f.limit_id, f.change, f.value) for f in other.alarms] == [("now", "raised", 30.0)]
    assert other.book.alarms["d1|x"].holders == ("x|now", "x|b")


def test_a_sample_out_of_order_fills_its_empty_place() -> None:
    bench = Bench(a_limit("a"))
    bench.hear(0, 60.0, 60.0, 60.0, 60.0)
    bench.hear(50 * MINUTE, 20.0)
    bench.hear(40 * MINUTE, 80.0)
    bench.hear(HOUR, 0.0)
    assert [fact.value for fact in bench.alarms] == [pytest.approx(340 / 6)]


@pytest.mark.parametrize("kind", [a_limit, instant])
def test_a_late_reading_neither_raises_nor_reopens(kind: Any) -> None:
    bench = Bench(kind("a"))
    bench.hours(60.0, 30.0, 30.0)
    assert bench.changes == ["raised", "cleared"]
    before = entries(bench.book)
    bench.hear(HOUR + 5 * MINUTE, 90.0)
    bench.hear(HOUR + 7 * MINUTE, *[90.0] * 5)
    assert (bench.changes, entries(bench.book)) == (["raised", "cleared"], before)
    assert bench.flags[-1] in ("late", "out_of_order")
    assert len([fact for fact in bench.facts if hasattr(fact, "times")][-1].times) == 5


def test_a_record_that_is_partly_late_counts_with_its_other_part() -> None:
    bench = Bench(a_limit("a"))
    bench.hear(0, 60.0)
    bench.hear(HOUR, 1.0)
    bench.hear(50 * MINUTE, 90.0, 1.0, 90.0, 90.0, 90.0, 90.0, 90.0)
    bench.hear(2 * HOUR, 1.0)
    assert bench.flags[2] == "late_part"
    assert [fact.value for fact in bench.alarms] == [pytest.approx((1 + 5 * 90) / 6)]


def test_time_alone_closes_a_period_after_a_grace() -> None:
    bench = Bench(a_limit("a"))
    bench.hear(0, *[60.0] * 6)
    bench.tick(HOUR + 10 * MINUTE - 1)
    assert bench.changes == []
    bench.tick(HOUR + 10 * MINUTE)
    assert bench.changes == ["raised"]
    bench.tick(3 * HOUR)
    bench.hear(HOUR - MINUTE, 90.0)
    assert (bench.changes, bench.flags[-1]) == (["raised"], "late")


@pytest.mark.parametrize(
    ("after", "silent"),
    [pytest.param(30 * MINUTE, False, id="exactly 3 periods"), pytest.param(30 * MINUTE + 1, True, id="1 ms more")],
)
def test_a_silent_device_is_noticed_by_a_tick(after: int, silent: bool) -> None:
    bench = Bench(no_data())
    bench.hear(0, 1.0)
    bench.tick(after)
    bench.tick(after + MINUTE)
    expected = ["raised"] if silent or after + MINUTE > 30 * MINUTE else []
    assert bench.changes == expected
    assert len(bench.reports) == len(expected)
    assert [fact.at for fact in bench.alarms] == [MIDNIGHT + 30 * MINUTE] * len(expected)


def test_silence_ends_with_the_next_record_also_with_a_buffered_one() -> None:
    bench = Bench(no_data())
    bench.hear(0, 1.0)
    bench.tick(HOUR)
    bench.hear(10 * MINUTE, 1.0)
    assert bench.changes == ["raised", "cleared"]
    assert bench.alarms[0].alarm_type == "NO_DATA"


def test_a_gap_that_is_over_when_it_is_noticed_is_told_but_opens_no_case() -> None:
    bench = Bench(no_data())
    bench.hear(0, 1.0)
    bench.hear(2 * HOUR, 1.0)
    assert (bench.changes, bench.reports) == (["raised", "cleared"], [])


def test_a_device_that_sends_another_metric_is_not_silent() -> None:
    bench = Bench(no_data())
    bench.hear(0, 1.0)
    bench.hear(0, 1.0, metric="y")
    bench.hear(25 * MINUTE, 1.0, metric="y")
    bench.tick(45 * MINUTE)
    bench.tick(55 * MINUTE)
    bench.hear(55 * MINUTE, 1.0)
    assert bench.changes == []
    bench.tick(86 * MINUTE)
    assert bench.changes == ["raised"]


def test_an_unknown_device_is_kept_counted_and_reported_once() -> None:
    bench = Bench(a_limit("a"))
    record = bench.readings(0, 1.0, device_id="nobody")
    first = bench.take(bench.detect.step(bench.book, record))
    again = bench.take(bench.detect.step(bench.book, record))
    bench.hear(HOUR, 2.0, device_id="nobody")
    assert [s.outcome for s in first.settled] == ["readings_unknown_device"]
    assert bench.flags == ["unknown_device"] * 3
    assert first.messages == again.messages
    assert [(r.device_id, r.flags, r.category_code) for r in first.messages] == [("nobody", ("unknown_device",), "")]
    assert len(bench.reports) == 2


def test_an_absurd_level_does_not_overflow() -> None:
    bench = Bench(a_limit("a", aggregate="leq"))
    bench.hear(0, 1e9)
    bench.hear(10 * MINUTE, -1e9, 1e9)
    assert bench.flags == ["", ""]
