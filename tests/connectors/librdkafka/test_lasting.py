"""A call that lasts is waited for, and whoever waits is told meanwhile."""

from __future__ import annotations

from threading import Event

import pytest

from connectors.librdkafka.lasting import lasting
from pipeline.errors import NeighbourAway


def test_it_is_told_that_a_call_lasts_until_it_is_done() -> None:
    done, turns = Event(), list[int]()

    def lasts() -> None:
        turns.append(1)
        if len(turns) == 3:
            done.set()

    lasting(lambda: done.wait(), lasts, 0.01)
    assert done.is_set()
    assert len(turns) >= 3


def test_what_a_call_raises_is_raised() -> None:
    def call() -> None:
        message = "refused"
        raise NeighbourAway(message)

    with pytest.raises(NeighbourAway, match="refused"):
        lasting(call, lambda: None)
