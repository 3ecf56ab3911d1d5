"""What a worker looks for on the broker before it joins its group."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from connectors.kafka.plan import wanted
from pipeline.errors import ConfigFaults
from pipeline.runtime.kafka.doorway import casework_partitions, checked, status_topics
from pipeline.runtime.kafka.lanes import LANES

DEPARTMENTS = ("manual-triage", "water")
VALUES = {"department": DEPARTMENTS, "source_system": ("crm", "unlisted")}
WHOLE = {name: shape.partitions for name, shape in wanted(VALUES, 1, 4).items()}


def faults(changes: Mapping[str, int | None], *lanes: str) -> list[tuple[str, str, str]]:
    """Topic, what is wrong with it and the remedy, of every fault."""
    counts = {name: count for name, count in {**WHOLE, **changes}.items() if count is not None}
    try:
        checked(counts, lanes or tuple(LANES), DEPARTMENTS)
    except ConfigFaults as found:
        return [(fault.where, f"{fault.field} {fault.value}", fault.remedy) for fault in found.faults]
    return []


def test_a_worker_starts_where_all_is_as_the_topic_files_say() -> None:
    assert faults({}) == []
    assert faults({"reports.unknown": 3, "status.crm": 1}) == []


@pytest.mark.parametrize(
    ("topic", "lane"),
    [
        ("reports.hotline", "intake"), ("work.logs", "intake"), ("reports.urgent", "urgent"),
        ("readings.sensor", "detect"), ("reports.located", "casework"), ("reports.located.urgent", "casework"),
        ("reports.spotted", "urgent"), ("reports.located.spotted", "casework"),
        ("casework.notices", "casework"), ("actions.water", "casework"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("count", [3, 5], ids=["fewer", "more"])
def test_a_count_that_differs_from_that_of_the_state_is_refused_with_both_and_the_remedy(
    topic: str, lane: str, count: int
) -> None:
    ((where, wrong, remedy),) = faults({topic: count})
    assert (where, wrong) == (topic, f"partitions {count}")
    assert f"state of {lane} lies in 4 partitions" in remedy
    assert "replay" in remedy
    others = [name for name in LANES if name != lane]
    assert faults({topic: count}, *others) == []


@pytest.mark.parametrize(
    ("topic", "lanes"),
    [
        ("changelog.intake", ["intake"]), ("reports.hotline", ["intake"]), ("facts.cases", ["casework"]),
        ("reports.located", ["intake", "casework"]), ("assignments.water", ["casework"]),
        ("status.unlisted", ["casework"]), ("retry.1m", ["detect"]), ("quarantine", ["urgent"]),
    ],
)  # fmt: skip
def test_a_topic_that_is_missing_is_told_once_with_what_makes_it(topic: str, lanes: list[str]) -> None:
    assert faults({topic: None}, *lanes) == [(topic, "topic missing", "create it: wangge topics apply")]


def test_all_faults_are_told_at_once() -> None:
    found = faults({"reports.hotline": 3, "actions.water": None, "facts.cases": None, "readings.sensor": 9})
    assert {where for where, *_ in found} == {"reports.hotline", "actions.water", "facts.cases", "readings.sensor"}


def test_only_topics_of_sources_are_for_statuses() -> None:
    assert status_topics(WHOLE) == {"status.crm", "status.unlisted"}


def test_only_a_worker_of_casework_looks_for_its_changelog() -> None:
    """The users of other stages do not see that topic."""
    assert casework_partitions(WHOLE, ["urgent", "casework"]) == 4
    assert casework_partitions({}, ["intake", "urgent"]) == 0
