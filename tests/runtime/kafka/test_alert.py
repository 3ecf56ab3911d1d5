"""An alert lasts a little longer than the last emergency, and is not on for ever."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.runtime.kafka.alert import CREDIT_S, LASTS_S, LONGEST_REST_S, REST, SHARE, Alert
from tests.runtime.kafka.test_worker_waits import Clock


class Waits:
    """An event nobody sets, and how long it was waited for."""

    def __init__(self) -> None:
        self.waited: list[float] = []

    def wait(self, seconds: float) -> bool:
        self.waited.append(seconds)
        return False


def test_it_is_on_until_a_moment_after_the_last_emergency():
    alert = Alert(clock := Clock())
    assert not alert.is_on
    alert.heard()
    clock.now += LASTS_S * 0.75
    alert.heard()
    clock.now += LASTS_S * 0.75
    assert alert.is_on
    clock.now += LASTS_S * 0.25
    assert not alert.is_on


@pytest.mark.parametrize(
    ("worked_s", "on", "rests"),
    [
        pytest.param(0.1, True, [REST * 0.1], id="some times as long as it worked"),
        pytest.param(9.0, True, [LONGEST_REST_S], id="at most"),
        pytest.param(0.1, False, [], id="no emergency"),
    ],
)
def test_who_gives_way_rests_as_long_as_an_alert_is_on(worked_s: float, on: bool, rests: list[float]):
    alert = Alert(Clock())
    alert.over = waits = Waits()  # type: ignore[assignment]
    if on:
        alert.heard()
    alert.give_way(worked_s)
    assert waits.waited == pytest.approx(rests)


def test_nobody_rests_once_the_process_stops():
    alert = Alert(Clock())
    alert.heard()
    alert.over.set()
    alert.give_way(1_000.0)  # would be a second


def on_s(gaps: list[float]) -> tuple[float, float]:
    """Seconds for which an alert was on, and all seconds, when emergencies come with these gaps."""
    alert, total = Alert(clock := Clock()), 0.0
    for gap in gaps:
        alert.heard()
        left = max(alert._until - clock.now, 0.0)
        total += min(left, gap)
        clock.now += gap
    return total, clock.now - 100.0


@given(st.lists(st.floats(min_value=0.0, max_value=5.0), max_size=400))
def test_it_is_never_on_for_longer_than_its_credit(gaps: list[float]):
    on, passed = on_s(gaps)
    assert on <= CREDIT_S + SHARE * passed + 1e-6


def test_emergencies_without_end_are_the_load_and_not_the_exception():
    on, passed = on_s([0.1] * 36_000)
    assert on == pytest.approx(CREDIT_S + SHARE * passed, rel=0.01)
    assert on_s([0.1] * 300) == pytest.approx((30.0, 30.0)), "half a minute of them is no load yet"
    assert on_s([10.0] * 300)[0] == pytest.approx(300 * LASTS_S), "now and then: each of them"
