"""Backfills without servers: which facts belong to a period, how ranges are cut, what goes on after an end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from connectors.librdkafka.following import Read
from connectors.librdkafka.ranges import Bounds, Place
from connectors.sinks.clickhouse.plan import Range
from pipeline.errors import StopRun
from pipeline.events.base import Value
from pipeline.events.facts import CaseFiled
from pipeline.events.records import Origin
from pipeline.runtime.backfilling import (
    MOST_IN_COMMIT,
    KafkaSource,
    Plan,
    RangeStore,
    Work,
    fact_in_period,
    fill_from_facts,
    ranges_of,
)
from pipeline.runtime.kafka.retries import put_off
from pipeline.wire.serde import encode, encode_struct
from tests.builders import MONDAY, a_body
from tests.sinks.facts import AT, a_fact, samples

DEAD = "dead"


def a_plan(**fields: Any) -> Plan:
    return Plan(**{"name": "n", "kind": "facts", "database": "d", "begun_at": AT} | fields)


class Logs:
    """Partitions in memory."""

    def __init__(self, logs: dict[Place, list[Read]]) -> None:
        self.logs = logs

    def places(self, topics: Any) -> list[Place]:
        return sorted(place for place in self.logs if place[0] in topics)

    def bounds(self, place: Place) -> Bounds:
        return Bounds(self.logs[place][0].offset, self.logs[place][-1].offset + 1)

    def at(self, places: Any, time_ms: int) -> dict[Place, int]:
        return {place: next(one.offset for one in self.logs[place] if one.timestamp >= time_ms) for place in places}

    def read(self, place: Place, bounds: Bounds) -> Iterator[list[Read]]:
        for one in self.logs[place]:
            if bounds.begin <= one.offset < bounds.end:
                yield [one]


class Written:
    """Ranges that were written, and whether they might have been before; dies when it is told to."""

    def __init__(self, dies_after: int = 1_000_000) -> None:
        self.ranges: list[tuple[str, int, int, int, bool]] = []
        self._left = dies_after

    def write(self, taken: Range, *, again: bool) -> None:
        self._left -= 1
        if self._left < 0:
            raise StopRun(DEAD)
        self.ranges.append((taken.topic, taken.start, taken.end, len(taken.records), again))


def a_log(topic: str, partition: int, count: int, start: int = 100) -> list[Read]:
    facts = [a_fact(CaseFiled, f"f{number}") for number in range(count)]
    return [Read(topic, partition, start + 2 * n, b"k", encode_struct(fact), AT + n) for n, fact in enumerate(facts)]


def logs() -> Any:
    return Logs(
        {("p-facts.cases", 0): a_log("p-facts.cases", 0, 7), ("p-facts.cases", 1): a_log("p-facts.cases", 1, 3)}
    )


def nothing(*_: int) -> None:
    """Tell nobody."""


def test_ranges_go_from_the_beginning_of_a_log_to_its_end_unless_it_is_said_otherwise() -> None:
    whole = {"facts.cases/0": (100, 113), "facts.cases/1": (100, 105)}
    assert ranges_of(logs(), "p-", ["facts.cases"], {}, {}) == whole
    some = ranges_of(
        logs(), "p-", ["facts.cases"], {"facts.cases/0": 104}, {"facts.cases/1": 102, "facts.cases/0": 999}
    )
    assert some == {"facts.cases/0": (104, 113), "facts.cases/1": (100, 102)}
    early = ranges_of(logs(), "p-", ["facts.cases"], {}, {}, AT + 2)
    assert early == {"facts.cases/0": (104, 113), "facts.cases/1": (104, 105)}


@pytest.mark.parametrize(
    ("begins", "told"),
    [({"facts.cases/0": 99}, "offset 99 is gone"), ({"facts.cases/7": 1}, "no such partition: facts.cases/7")],
    ids=["before the log", "another partition"],
)
def test_a_range_that_cannot_be_read_is_refused(begins: dict[str, int], told: str) -> None:
    with pytest.raises(StopRun, match=told):
        ranges_of(logs(), "p-", ["facts.cases"], begins, {})


def test_after_any_end_it_goes_on_at_the_same_blocks_and_looks_before_the_first(tmp_path: Path) -> None:
    plan = a_plan(ranges=ranges_of(logs(), "p-", ["facts.cases"], {}, {}))
    whole = Written()
    with Work(tmp_path / "whole") as work:
        fill_from_facts(work, plan, logs(), "p-", whole, nothing, 2)
    parts: list[tuple[str, int, int, int, bool]] = []
    with Work(tmp_path / "parts") as work:
        for dies in (1, 2, 100):
            some = Written(dies)
            with suppress(StopRun):
                fill_from_facts(work, plan, logs(), "p-", some, nothing, 2)
            assert some.ranges[0][-1], "the first block of a call may have been written before"
            parts += some.ranges
    assert [one[:4] for one in parts] == [one[:4] for one in whole.ranges]
    assert sum(one[3] for one in whole.ranges) == 10
    assert [one[1:3] for one in whole.ranges if one[3]][:4] == [(100, 103), (103, 107), (107, 111), (111, 113)]


@pytest.mark.parametrize(
    ("fact", "since", "until", "belongs"),
    [
        pytest.param(a_fact(CaseFiled, "a", at=5), None, None, True, id="no period"),
        pytest.param(a_fact(CaseFiled, "a", at=5), 5, None, True, id="from its moment on"),
        pytest.param(a_fact(CaseFiled, "a", at=5), 6, None, False, id="before"),
        pytest.param(a_fact(CaseFiled, "a", at=5), None, 5, False, id="up to its moment"),
        pytest.param(a_fact(CaseFiled, "a", at=5), None, 6, True, id="just before the end"),
        pytest.param(samples("d", [1, 9]), 8, None, True, id="one sample of two"),
        pytest.param(samples("d", [1, 9]), 2, 9, False, id="between two samples"),
    ],
)
def test_what_belongs_to_a_period(fact: Value, since: int | None, until: int | None, belongs: bool) -> None:
    assert fact_in_period(fact, a_plan(since=since, until=until)) is belongs


def test_the_place_of_a_commit_follows_from_its_number() -> None:
    written, facts = Written(), {CaseFiled: [a_fact(CaseFiled, "a"), a_fact(CaseFiled, "b")]}
    store = RangeStore(a_plan(), written)
    store.number = 6
    store.write(facts)
    store.write({})
    store.write(facts, [samples("d", [1])])
    at = [7 * MOST_IN_COMMIT, 9 * MOST_IN_COMMIT]
    assert written.ranges == [
        ("backfill.n", at[0], at[0] + 2, 2, True), ("backfill.n", at[1], at[1] + 3, 3, False),
    ]  # fmt: skip


def test_a_partition_of_inputs_leaves_out_ticks_and_what_a_retry_sent_back() -> None:
    order = encode("HotlineOrder", a_body("HotlineOrder"))
    tick = encode("Tick", a_body("Tick", at=MONDAY, partition=0))
    back = put_off(Read("reports.hotline", 0, 1, b"k", order, MONDAY), "reports.hotline", 0, 1).headers
    records = [
        Read("p-reports.hotline", 0, 5, b"k", order, MONDAY), Read("p-reports.hotline", 0, 6, b"k", tick, MONDAY),
        Read("p-reports.hotline", 0, 7, b"k", order, MONDAY, back), Read("p-reports.hotline", 0, 9, b"k", b"x", MONDAY),
    ]  # fmt: skip
    source = KafkaSource(Logs({("p-reports.hotline", 0): records}), "p-", "reports.hotline/0", (5, 10))  # type: ignore[arg-type]
    found = list(source)
    assert [one.origin for one in found] == [Origin("reports.hotline", 0, 5), Origin("reports.hotline", 0, 9)]
    assert (found[0].fault, found[1].fault is None) == (None, False)
    later = KafkaSource(Logs({("p-reports.hotline", 0): records}), "p-", "reports.hotline/0", (5, 10))  # type: ignore[arg-type]
    later.skip(6)
    assert [one.origin.offset for one in later] == [9]


def test_a_folder_is_one_process_at_a_time_and_keeps_its_plan(tmp_path: Path) -> None:
    with Work(tmp_path) as work:
        assert work.plan() is None
        work.keep("plan", a_plan(ranges={"facts.cases/0": (1, 2)}))
        assert work.plan() == a_plan(ranges={"facts.cases/0": (1, 2)})
        with pytest.raises(StopRun, match="in use"):
            Work(tmp_path)
