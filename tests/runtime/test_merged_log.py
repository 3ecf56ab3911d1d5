"""Several inputs as one log: in order of time, the same order wherever the reading begins."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.events.records import Arrival, Origin
from pipeline.runtime.merge import Merged

APPENDED = 1_000_000_000_000
Times = list[Any]


class Listed:
    """A source over a list of times; ``None`` stands for a record without a readable time."""

    def __init__(self, name: str, times: Times) -> None:
        self._name, self._times, self._skip = name, times, 0

    def skip(self, count: int) -> None:
        self._skip = count

    def __iter__(self) -> Iterator[Arrival]:
        for offset, time in enumerate(self._times):
            if offset >= self._skip:
                body = None if time is None else {"received_at": time}
                yield Arrival("Report", Origin(self._name, 0, offset), APPENDED, body)

    @property
    def bytes_read(self) -> int:
        return 0


def merged(inputs: dict[str, Times], position: dict[str, int] | None = None, reached: int = 0) -> Merged:
    return Merged([(name, Listed(name, times)) for name, times in inputs.items()], position or {}, reached)


def rest(log: Merged) -> list[tuple[str, int, int | None]]:
    """Origin and the log's time of each record to the end."""
    found: list[tuple[str, int, int | None]] = []
    while (time := log.next_time()) is not None:
        arrival = log.take()
        found.append((arrival.origin.topic, arrival.origin.offset, time))
    return found


def order(inputs: dict[str, Times]) -> list[str]:
    return [f"{name}{offset}" for name, offset, _ in rest(merged(inputs))]


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        pytest.param({}, [], id="no input"),
        pytest.param({"a": [1, 4], "b": [2, 3]}, ["a0", "b0", "b1", "a1"], id="by time"),
        pytest.param({"a": [5], "b": [5]}, ["a0", "b0"], id="equal times: the earlier named input first"),
        pytest.param({"b": [5], "a": [5]}, ["b0", "a0"], id="named as they were given"),
        pytest.param({"a": [5, None, 9], "b": [6]}, ["a0", "a1", "b0", "a2"], id="no time: right after the one before"),
        pytest.param({"a": [5, 1, 7], "b": [3, 6]}, ["b0", "a0", "a1", "b1", "a2"], id="late: stays in its file"),
        pytest.param(
            {"a": [5, APPENDED + 86_400_001, 7], "b": [6]}, ["a0", "a1", "b0", "a2"], id="far future moves nothing"
        ),
        pytest.param({"a": [5, "soon", 7], "b": [6]}, ["a0", "a1", "b0", "a2"], id="a time that is no number"),
    ],
)
def test_the_order_is_that_of_time(inputs: dict[str, Times], expected: list[str]) -> None:
    assert order(inputs) == expected


def test_a_record_with_a_fault_keeps_its_place_whatever_time_it_names() -> None:
    from pipeline.errors import InvalidRecord, Reason

    faulty = Arrival("Report", Origin("a", 0, 0), APPENDED, {"received_at": 99}, fault=None)
    faulty.fault = InvalidRecord(Reason.NAIVE_TIME, "received_at", "x", "y")

    class One(Listed):
        def __iter__(self) -> Iterator[Arrival]:
            yield faulty

    log = Merged([("a", One("a", [])), ("b", Listed("b", [5]))], {})
    assert [name for name, _, _ in rest(log)] == ["a", "b"]


INPUTS = st.dictionaries(
    st.sampled_from("abc"), st.lists(st.none() | st.integers(1, 12), max_size=8), min_size=1, max_size=3
)


@given(INPUTS, st.integers(0, 24))
def test_reading_that_goes_on_from_a_position_gives_the_same_tail_with_the_same_times(
    inputs: dict[str, Times], taken: int
) -> None:
    whole, log = rest(merged(inputs)), merged(inputs)
    for _ in range(min(taken, len(whole))):
        log.take()
    again = merged(inputs, dict(log.position), log.reached)
    assert rest(again) == whole[taken:]


@given(INPUTS)
def test_time_never_runs_back(inputs: dict[str, Times]) -> None:
    times = [time for _, _, time in rest(merged(inputs))]
    assert times == sorted(times)  # type: ignore[type-var]
    assert len(times) == sum(map(len, inputs.values()))
