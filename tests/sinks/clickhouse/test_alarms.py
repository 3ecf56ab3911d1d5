"""What an operator has to look at is counted by its kind, and told in words that do not grow for ever."""

from __future__ import annotations

from contextlib import suppress

import msgspec
import pytest

from connectors.sinks.clickhouse.decide import Mode
from connectors.sinks.clickhouse.figures import MOST_ALARMS, Alarm, SinkFigures, Unwatched
from connectors.sinks.clickhouse.lane import SAFE_MS, Found, Lane
from connectors.sinks.clickhouse.plan import Plan, plan_of, to_metadata
from pipeline.runtime.metrics import LABELS
from tests.sinks.clickhouse.test_protocol import a_log
from tests.sinks.clickhouse.world import Process, Tables, World


class Counted(Unwatched):
    """Keeps the alarms that are counted."""

    def __init__(self) -> None:
        self.alarms = list[str]()

    def sink_alarm(self, alarm: str) -> None:
        self.alarms.append(alarm)


class Viewed(Process):
    """A process whose tables feed others."""

    def has_views(self, table: str) -> bool:
        return True


def planned(world: World, **changes: object) -> Plan:
    """A plan of the first block that somebody left behind."""
    port = Process(world, Mode.TOKEN, world.log.generation)
    return msgspec.structs.replace(plan_of(port._cut(0, 4), world.clock, "v"), **changes)


def recovered(world: World, plan: Plan) -> tuple[list[str], list[str]]:
    """Let a sink do everything with a plan to begin with; the alarms it counted, and its words."""
    port, figures = Viewed(world, Mode.TOKEN, world.log.generation), SinkFigures(watch=Counted())
    world.log.metadata = to_metadata(plan)
    lane = Lane(port, Mode.TOKEN, "v", figures, rebuild_changed=True).run(Found(0, plan, 0))
    with suppress(StopIteration):
        while True:
            lane.send(None)
    return figures.watch.alarms, figures.alarms  # type: ignore[attr-defined]


@pytest.fixture
def world() -> World:
    return World(a_log(6, []), Tables(window=100))


@pytest.mark.parametrize(
    ("changes", "alarms"),
    [
        pytest.param({}, [], id="as it was planned"),
        pytest.param({"sv": "old"}, [Alarm.OTHER_VERSION], id="planned by another version"),
        pytest.param({"h": "0"}, [Alarm.PLAN_CHANGED], id="other records than planned"),
    ],
)
def test_a_plan_that_does_not_fit_is_counted_by_why(
    world: World, changes: dict[str, object], alarms: list[Alarm]
) -> None:
    counted, words = recovered(world, planned(world, **changes))
    assert counted == [alarm.value for alarm in alarms]
    assert len(words) == len(alarms)
    assert all("facts.test/0: block 0-4" in word for word in words)


@pytest.mark.parametrize(("age_ms", "is_told"), [(SAFE_MS - 1_000, False), (SAFE_MS + 1_000, True)])
def test_a_block_that_is_there_and_too_old_to_repair_its_views_is_counted(
    world: World, age_ms: int, is_told: bool
) -> None:
    plan = planned(world)
    recovered(world, plan)
    world.log.offset, world.clock = 0, plan.t + age_ms
    counted, words = recovered(world, plan)
    assert set(counted) == ({"views_may_lack"} if is_told else set())
    assert all("views may lack rows of" in word for word in words)


def test_only_the_latest_are_kept_in_words_and_all_are_counted() -> None:
    watch = Counted()
    figures = SinkFigures(watch=watch)
    for number in range(MOST_ALARMS + 7):
        figures.alarm(Alarm.VIEWS_MAY_LACK, f"range {number}")
    assert figures.document()["alarms"] == [f"range {number}" for number in range(7, MOST_ALARMS + 7)]
    assert watch.alarms == ["views_may_lack"] * (MOST_ALARMS + 7)


def test_the_metric_knows_every_kind() -> None:
    assert LABELS["alarm"].values == tuple(alarm.value for alarm in Alarm)
