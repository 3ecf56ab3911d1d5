"""A sink that is to end does not wait for ever for a neighbour that is away."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from connectors.sinks.clickhouse.figures import SinkFigures
from connectors.sinks.clickhouse.givingup import GivingUp
from pipeline.commands import command_named
from pipeline.errors import ConfigFaults, NeighbourAway
from tests.support.clock import Clock


def test_only_an_absence_without_a_break_counts() -> None:
    figures, clock = SinkFigures(records=1_200), Clock()
    giving_up = GivingUp(figures, 10, clock)
    for there in (True, False, True, False):
        figures.neighbour("clickhouse", there=there)
        for _ in range(2):
            clock.now += 4.9
            giving_up.look()
    figures.neighbour("kafka", there=False)
    clock.now += 5.2
    with pytest.raises(NeighbourAway, match=r"^ClickHouse did not take.* 10 s.* 1,200 records are written: run"):
        giving_up.look()


def test_who_has_no_bound_waits_on() -> None:
    figures, clock = SinkFigures(), Clock()
    giving_up = GivingUp(figures, None, clock)
    figures.neighbour("clickhouse", there=False)
    for _ in range(3):
        giving_up.look()
        clock.now += 1e9


def test_a_sink_that_does_not_end_has_nothing_to_give_up() -> None:
    ended = CliRunner().invoke(command_named("sink"), ["--give-up", "9"])
    assert isinstance(ended.exception, ConfigFaults)
    assert [fault.field for fault in ended.exception.faults] == ["--give-up"]
