"""How long the steps of a poll took: what is told is what worked, no more looks at the clock than that."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from pipeline.runtime.kafka.batch import Batch, together
from pipeline.runtime.kafka.steps import Step, Stopwatch
from tests.builders import MONDAY
from tests.runtime.kafka import test_at_hand
from tests.runtime.kafka.feeding import PARTITION, Polled, an_engine, an_order, polled
from tests.runtime.kafka.test_engine import noise

ORDERS = {("reports.hotline", PARTITION): polled(an_order("1"), an_order("2"))}
URGENT = {("reports.urgent", PARTITION): polled(an_order("3"))}
READINGS: Any = {("readings.sensor", PARTITION): [Polled(0, MONDAY + 60_000, noise())]}


def located() -> dict[tuple[str, int], list[Polled]]:
    """What intake makes of the orders, for casework."""
    written = [one.value or b"" for one in an_engine().feed(ORDERS).written if one.topic == "reports.located"]
    return {("reports.located", PARTITION): polled(*written)}


def ticking() -> Callable[[], float]:
    """A clock for which every look takes a second, and nothing else any time."""
    seconds = count()
    return lambda: float(next(seconds))


def records(batch: Batch) -> dict[str, int]:
    """How many records went through each step."""
    return {name: step.records for name, step in batch.steps.items()}


@pytest.mark.parametrize(
    ("poll", "steps"),
    [
        pytest.param(ORDERS, {"intake": 2, "place": 2}, id="reports"),
        pytest.param(URGENT, {"urgent": 1, "place": 1}, id="emergencies"),
        pytest.param(READINGS, {"detect": 1}, id="readings that raise no alarm"),
        pytest.param(located(), {"casework": 2}, id="casework"),
        pytest.param({("reports.hotline", PARTITION): polled(b"bad")}, {"intake": 1}, id="nothing to be placed"),
        pytest.param(ORDERS | URGENT | READINGS | located(),
                     {"intake": 2, "urgent": 1, "detect": 1, "casework": 2, "place": 3}, id="all lanes"),
    ],
)  # fmt: skip
def test_the_steps_that_worked_are_told_and_no_others(poll: dict[Any, Any], steps: dict[str, int]) -> None:
    batch = an_engine(clock=ticking()).feed(poll)
    assert records(batch) == steps | {"encode": len(batch.written)}
    assert {name: step.seconds for name, step in batch.steps.items()} == dict.fromkeys(batch.steps, 1.0)


def test_reports_that_are_worked_at_once_are_casework_too() -> None:
    orders = [test_at_hand.order(str(number), -200.0 * (number + 1)) for number in range(3)]
    batch = test_at_hand.fed(test_at_hand.an_engine(clock=ticking()), *orders, at_hand=test_at_hand.BOTH)
    assert records(batch) == {"intake": 3, "place": 3, "casework": 3, "encode": len(batch.written)}


def test_a_poll_of_many_records_is_timed_with_as_many_looks_as_one_of_a_single_record() -> None:
    looks = list[float]()

    def clock() -> float:
        looks.append(0.0)
        return 0.0

    engine = an_engine(clock=clock)
    for number in (1, 50):
        looks.clear()
        fed = polled(*(an_order(f"{number}-{one}") for one in range(number)), start=number)
        assert engine.feed({("reports.hotline", PARTITION): fed}).records == number
        assert len(looks) == 4, "the beginning, and the ends of intake, place and encode"


def test_what_a_clock_says_changes_nothing_that_is_written() -> None:
    one, other = an_engine(clock=ticking()).feed(ORDERS), an_engine().feed(ORDERS)
    assert one._replace(steps={}) == other._replace(steps={})


def test_a_step_in_two_laps_is_told_once() -> None:
    times = iter([10.0, 12.0, 13.0, 17.0])
    watch = Stopwatch(lambda: next(times))
    for name, number in [("casework", 5), ("place", 3), ("casework", 2)]:
        watch.lap(name, number)
    assert watch.steps == {"casework": Step(7, 6.0), "place": Step(3, 1.0)}


def test_steps_of_batches_that_are_written_together_are_added_up() -> None:
    fed = [
        Batch([], {}, 2, [], [], (), {"intake": Step(2, 0.5), "encode": Step(4, 0.25)}),
        Batch([], {}, 0, [], []),
        Batch([], {}, 3, [], [], (), {"urgent": Step(3, 1.0), "encode": Step(6, 0.5)}),
    ]
    assert together(fed).steps == {"intake": Step(2, 0.5), "encode": Step(10, 0.75), "urgent": Step(3, 1.0)}
