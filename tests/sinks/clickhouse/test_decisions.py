"""Each decision of the sink by itself, as tables."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sinks.clickhouse.decide import RejectLimits, Step, Strikes, Trust, missing_rows, trust_of
from connectors.sinks.clickhouse.faultpoints import POINTS, FaultPoints
from connectors.sinks.clickhouse.faults import Fate, cause_of, fate_of
from connectors.sinks.clickhouse.flush import Limits, Pace, after_block, after_failure, backoff, first_pace, is_due
from connectors.sinks.clickhouse.plan import (
    MOST_BYTES,
    Plan,
    Range,
    Record,
    digest_of,
    from_metadata,
    plan_of,
    to_metadata,
    token_of,
    version,
)
from pipeline.errors import StopRun

RECORDS = [Record(3, 1_000, b"a"), Record(5, 1_000, b"b")]
TAKEN = Range("facts.cases", 4, 2, 7, RECORDS)
PLAN = plan_of(TAKEN, 99, "v1")


# -- plans ----------------------------------------------------------------------------------------------------------


def test_a_plan_comes_back_from_the_metadata_as_it_was() -> None:
    text = to_metadata(PLAN)
    assert from_metadata(text) == PLAN
    assert len(text) < 150, "far below what brokers take"
    assert (to_metadata(None), from_metadata("")) == ("", None)


def test_a_plan_that_no_broker_would_take_stops_before_it_is_sent() -> None:
    with pytest.raises(StopRun, match=f"brokers take {MOST_BYTES}"):
        to_metadata(msgspec.structs.replace(PLAN, sv="v" * MOST_BYTES))


@pytest.mark.parametrize("text", ["text", "{}", '{"v":2,"end":1,"n":1,"h":"","t":1,"sv":""}'])
def test_metadata_of_somebody_else_is_not_written_over(text: str) -> None:
    with pytest.raises(StopRun):
        from_metadata(text)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param([RECORDS[0]], id="one less"),
        pytest.param([*RECORDS, Record(6, 1_000, b"")], id="one more"),
        pytest.param([RECORDS[0], Record(5, 1_000, b"c")], id="another value"),
        pytest.param([RECORDS[0], Record(6, 1_000, b"b")], id="another place"),
        pytest.param([Record(3, 1_000, b"a5 1 b")], id="bytes that look like two"),
        pytest.param(RECORDS[::-1], id="another order"),
    ],
)
def test_the_digest_tells_other_records_apart(other: list[Record]) -> None:
    assert digest_of(other) != digest_of(RECORDS)


def test_a_token_names_cluster_topic_partition_and_range() -> None:
    assert token_of("city", TAKEN) == "city:facts.cases:4:2-7"


def test_the_version_is_the_same_in_every_process() -> None:
    assert version() == version()
    assert len(version()) == 8


# -- restart --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("plan", "log_start", "expected"),
    [
        pytest.param(PLAN, 0, Trust.SAME, id="as planned"),
        pytest.param(PLAN, 2, Trust.SAME, id="the log begins where the block does"),
        pytest.param(PLAN, 3, Trust.LOST, id="the log begins behind it"),
        pytest.param(msgspec.structs.replace(PLAN, n=3), 0, Trust.CHANGED, id="another number"),
        pytest.param(msgspec.structs.replace(PLAN, h="0"), 0, Trust.CHANGED, id="other records"),
        pytest.param(msgspec.structs.replace(PLAN, sv="v0"), 0, Trust.OTHER_VERSION, id="another release made it"),
        pytest.param(msgspec.structs.replace(PLAN, sv="v0", h="0"), 0, Trust.CHANGED, id="both"),
    ],
)
def test_what_is_made_of_a_plan_that_was_found(plan: Plan, log_start: int, expected: Trust) -> None:
    assert trust_of(plan, TAKEN.start, log_start, len(RECORDS), digest_of(RECORDS), "v1") is expected


@pytest.mark.parametrize(
    ("present", "views", "age", "expected"),
    [
        pytest.param(set(), False, 0, Step(range(3)), id="nothing is there"),
        pytest.param(set(), True, 10**9, Step(range(3)), id="nothing is there, long ago"),
        pytest.param({0, 1, 2}, False, 0, Step(()), id="all is there"),
        pytest.param({0, 1, 2}, True, 60_000, Step(range(3)), id="all is there, its views may lack: the token repairs"),
        pytest.param({0, 1, 2}, True, 60_001, Step((), views_may_lack=True), id="the token may be forgotten"),
        pytest.param({1}, False, 0, Step([0, 2], ":r2.0.2"), id="some is there"),
    ],
)
def test_only_what_is_missing_is_inserted_again(present: set[int], views: bool, age: int, expected: Step) -> None:
    step = missing_rows(3, present, has_views=views, age_ms=age, safe_ms=60_000)
    assert (list(step.rows), step.mark, step.views_may_lack) == (
        list(expected.rows), expected.mark, expected.views_may_lack,
    )  # fmt: skip


# -- limits of what is refused --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("blocks", "passed"),
    [
        pytest.param([(1, 1)], False, id="one bad record alone"),
        pytest.param([(99, 99)], True, id="half a hundred and every one of them"),
        pytest.param([(40, 40)], False, id="too few to say"),
        pytest.param([(10_000, 60)], False, id="few of many"),
        pytest.param([(1_000, 0), (200, 150)], True, id="more than a tenth"),
        pytest.param([(10_000, 0), (100, 100)], True, id="a hundred in a row"),
        pytest.param([(10_000, 0), (60, 60), (10_000, 0), (60, 60)], False, id="a good one between"),
    ],
)
def test_many_refused_records_stop_the_sink(blocks: list[tuple[int, int]], passed: bool) -> None:
    strikes, limits = Strikes(), RejectLimits()
    for records, bad in blocks:
        strikes = strikes.after(range(records), set(range(records - bad, records)), limits.window)
    assert strikes.passed(limits) is passed


@pytest.mark.parametrize(
    ("code", "fate", "cause"),
    [
        pytest.param(241, Fate.AGAIN, "memory", id="memory"),
        pytest.param(252, Fate.AGAIN, "parts", id="too many parts"),
        pytest.param(159, Fate.AGAIN, "timeout", id="timeout"),
        pytest.param(210, Fate.AGAIN, "network", id="network"),
        pytest.param(216, Fate.AGAIN, "server", id="the same insert still runs"),
        pytest.param(99_999, Fate.AGAIN, "server", id="unknown"),
        pytest.param(469, Fate.ROWS, "server", id="a constraint"),
        pytest.param(53, Fate.ROWS, "server", id="a type"),
        pytest.param(60, Fate.STOP, "server", id="no table"),
        pytest.param(497, Fate.REFUSED, "server", id="no right"),
    ],
)
def test_an_error_of_the_server_has_one_fate(code: int, fate: Fate, cause: str) -> None:
    assert (fate_of(code), cause_of(code)) == (fate, cause)


# -- blocks ---------------------------------------------------------------------------------------------------------

LIMITS = Limits(records=1_000, least_records=100, bytes=10_000, shortest_ms=100, longest_ms=1_000, share=0.2)


@pytest.mark.parametrize(
    ("records", "size", "age", "due"),
    [
        pytest.param(0, 0, 10_000, False, id="nothing waits"),
        pytest.param(1, 10, 99, False, id="young"),
        pytest.param(1, 10, 100, True, id="old enough"),
        pytest.param(999, 9_999, 0, False, id="just too few"),
        pytest.param(1_000, 10, 0, True, id="enough records"),
        pytest.param(1, 10_000, 0, True, id="enough bytes"),
    ],
)
def test_a_block_is_due_by_records_bytes_or_age(records: int, size: int, age: float, due: bool) -> None:
    assert is_due(first_pace(LIMITS), LIMITS, records, size, age) is due


def test_a_slow_server_gets_fewer_and_larger_blocks_and_a_failing_one_smaller() -> None:
    pace = after_block(first_pace(LIMITS), LIMITS, took_ms=100)
    assert pace.age_ms == 500, "a fifth of its time is spent writing"
    assert after_block(pace, LIMITS, took_ms=4).age_ms < 500
    assert after_failure(pace, LIMITS) == Pace(500, 1_000)


@given(st.lists(st.one_of(st.none(), st.floats(0, 1e6)), max_size=200))
def test_the_pace_stays_within_its_limits(times: list[float | None]) -> None:
    pace = first_pace(LIMITS)
    for took in times:
        pace = after_failure(pace, LIMITS) if took is None else after_block(pace, LIMITS, took)
        assert LIMITS.least_records <= pace.records <= LIMITS.records
        assert LIMITS.shortest_ms <= pace.age_ms <= LIMITS.longest_ms


@pytest.mark.parametrize(
    "fields", [{"records": 0}, {"bytes": 0}, {"shortest_ms": 2_000}, {"share": 0.0}, {"least_records": 30_000}]
)
def test_impossible_limits_are_refused(fields: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="impossible limits"):
        Limits(**fields)  # type: ignore[arg-type]


def test_waiting_doubles_up_to_its_bound() -> None:
    assert [backoff(attempt) for attempt in (1, 2, 3, 50)] == [0.2, 0.4, 0.8, 15.0]


# -- points of fault tests ------------------------------------------------------------------------------------------


def test_points_are_named_and_counted() -> None:
    points = FaultPoints.from_text(("planned:3", "done"))
    assert points.armed == {"planned": 3, "done": 1}
    points.hit("planned")
    assert points.armed["planned"] == 2
    assert len(POINTS) >= 6


@pytest.mark.parametrize("text", ["nowhere:1", "planned:0", "planned:x"])
def test_a_point_that_does_not_exist_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write NAME:N"):
        FaultPoints.from_text((text,))
