"""What the broker should hold and what it would take to get there. Pure: :mod:`connectors.kafka.admin` looks and acts.

Nothing here shrinks or deletes a topic. The partition count of a stateful topic never changes: its state lies by
partition, so another count means new topics and a replay.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from pipeline.domain.reference.model import Reference
from pipeline.errors import ConfigFaults, Fault
from schemas.topics import DAY_MS, UNLISTED, Topic, instances, topics

COPIES = 3
"""Copies of each partition in production; two of them must have a record before it counts as written."""
COMPACTED_SEGMENT_BYTES = 64 * 1024 * 1024
"""The segment being written is never compacted, so a changelog's are small: less to read after a crash."""
TRIAGE = "manual-triage"
"""The desk of people that decides what no rule decides: it has topics like any department."""
CREATE, GROW, CONFIGURE, LEAVE, REFUSE, UNKNOWN = "create", "grow", "configure", "leave", "refuse", "unknown"
CHANGES = (CREATE, GROW, CONFIGURE)


@dataclass(frozen=True, slots=True)
class Shape:
    """A topic as it should be or as it is: names without prefix, settings as Kafka writes them."""

    name: str
    partitions: int
    copies: int
    config: Mapping[str, str] = field(default_factory=dict)
    group: str = ""
    """The copartition group of a stateful topic, or ""."""


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a plan. ``shape`` is what is wanted (``unknown``: what is there), ``changes`` the settings to set."""

    action: str
    shape: Shape
    said: str = ""
    changes: Mapping[str, str] = field(default_factory=dict)


class Counts(Protocol):
    """Who knows how many partitions each topic has."""

    def counts(self) -> dict[str, int]:
        """Topic (without prefix) to its number of partitions."""
        ...


def parameters(reference: Reference, sources: Iterable[str] = ()) -> dict[str, tuple[str, ...]]:
    """The values of the parameters of topics for a city: its departments and its source systems.

    A department is one of the departments' table, one the duty list names, or the triage desk. Sources are those given,
    those whose words the reference set translates, and ``unlisted``.
    """
    tables = reference.tables
    named = {TRIAGE, *(row.id for row in tables.departments)}
    for duty in tables.duties:
        named |= {duty.lead, *duty.assist, duty.unknown_owner} - {""}
    known = {*sources, *(row.source_system for row in tables.source_categories), UNLISTED}
    return {"department": tuple(sorted(named)), "source_system": tuple(sorted(known))}


def wanted(
    values: Mapping[str, Iterable[str]], copies: int = COPIES, partitions: int | None = None
) -> dict[str, Shape]:
    """Every topic of a city. ``partitions`` is for development: stateful topics get it, others at most that."""
    found = {}
    for name, topic in instances(values).items():
        count = topic.partitions
        if partitions is not None:
            count = partitions if topic.stateful else min(count, partitions)
        group = topic.copartitioned if topic.stateful else ""
        found[name] = Shape(name, count, copies, settings_of(topic, copies), group)
    return found


def settings_of(topic: Topic, copies: int) -> dict[str, str]:
    """What is set on a topic.

    Inputs carry the broker's time, since nobody upstream is trusted with retention. Personal data leaves at most a day
    after its time: Kafka deletes whole segments.
    """
    found = {
        "cleanup.policy": topic.cleanup,
        "retention.ms": str(-1 if topic.retention_ms is None else topic.retention_ms),
        "min.insync.replicas": "2" if copies >= COPIES else "1",
        "max.message.bytes": str(topic.max_bytes),
        "message.timestamp.type": "LogAppendTime" if {"sources", "departments"} & {*topic.producers} else "CreateTime",
    }
    if topic.restricted:
        found["segment.ms"] = str(DAY_MS)
    if topic.cleanup == "compact":
        found["segment.bytes"] = str(COMPACTED_SEGMENT_BYTES)
    return found


def plan(wish: Mapping[str, Shape], seen: Mapping[str, Shape]) -> list[Step]:
    """What to do, by name of the topic. Applied and planned again it is all ``leave``."""
    steps = [step for name in sorted(wish) for step in _steps(wish[name], seen.get(name))]
    strangers = [
        Step(UNKNOWN, seen[name], "in no topic file: left alone") for name in sorted(seen.keys() - wish.keys())
    ]
    return steps + strangers


def _steps(wish: Shape, seen: Shape | None) -> list[Step]:
    if seen is None:
        return [Step(CREATE, wish, f"{wish.partitions} partitions, {wish.copies} copies", wish.config)]
    steps = _partition_steps(wish, seen)
    changes = {key: value for key, value in wish.config.items() if seen.config.get(key) != value}
    if changes:
        said = ", ".join(f"{key}: {seen.config.get(key, 'not set')} -> {value}" for key, value in changes.items())
        steps.append(Step(CONFIGURE, wish, said, changes))
    if seen.copies < wish.copies:
        said = f"has {seen.copies} copies, {wish.copies} are wanted: kafka-reassign-partitions.sh adds them"
        steps.append(Step(REFUSE, wish, said))
    return steps or [Step(LEAVE, wish, "as it should be")]


def _partition_steps(wish: Shape, seen: Shape) -> list[Step]:
    has, wants = seen.partitions, wish.partitions
    if has == wants:
        return []
    if wish.group:
        said = (
            f"has {has} partitions, {wants} are wanted, and the state of {wish.group} lies in them: keep {has} "
            "everywhere in the group, or make new topics under another prefix and replay"
        )
        return [Step(REFUSE, wish, said)]
    if has > wants:
        return [Step(LEAVE, wish, f"has {has} partitions, {wants} would do: topics never shrink")]
    return [Step(GROW, wish, f"{has} -> {wants} partitions: keys move, so order across the change is not kept")]


def refused(steps: Iterable[Step]) -> list[Fault]:
    """The steps that nobody takes, as faults."""
    return [Fault(step.shape.name, "topic", step.action, step.said) for step in steps if step.action == REFUSE]


def enforce_partitions(admin: Counts, group: str, departments: Iterable[str] = ()) -> dict[str, int]:
    """The partition counts of a copartition group, by topic without prefix, for a worker that is about to start.

    Raises :class:`ConfigFaults` with every topic of the group that is missing (those of ``departments`` too) and every
    one whose count differs from the group's. The group's count is that of its changelog, which holds the state.
    """
    counts = admin.counts()
    due = [topic for topic in topics().values() if topic.stateful]
    names = {
        topic.name for topic in instances({"department": departments}, due).values() if topic.copartitioned == group
    }
    names |= {name for name in counts if _belongs(name, group)}
    agreed = counts.get(f"changelog.{group}")
    faults = []
    for name in sorted(names):
        if name not in counts:
            faults.append(Fault(name, "topic", "missing", "create it: wangge topics apply"))
        elif agreed is not None and counts[name] != agreed:
            remedy = f"state of {group} lies in {agreed} partitions: give this topic as many, or replay into new topics"
            faults.append(Fault(name, "partitions", str(counts[name]), remedy))
    if not names:
        faults.append(Fault(group, "group", group, "name one of intake, urgent, detect, casework"))
    if faults:
        raise ConfigFaults(faults)
    return {name: counts[name] for name in sorted(names)}


def missing_outputs(counts: Mapping[str, int], stages: Collection[str], departments: Iterable[str]) -> list[Fault]:
    """The topics that ``stages`` write and the broker does not have, as faults of a start.

    Of the topics of sources only that of sources without one of their own is asked for.
    """
    made = instances({"department": departments, "source_system": (UNLISTED,)})
    due = [name for name, topic in made.items() if not set(stages).isdisjoint(topic.producers)]
    return [Fault(name, "topic", "missing", "create it: wangge topics apply") for name in due if name not in counts]


def _belongs(name: str, group: str) -> bool:
    """Whether a topic of the broker was made from a template of the group (the actions of any department)."""
    for topic in topics().values():
        head = topic.name.partition("<")[0]
        if topic.parameter and topic.copartitioned == group and name.startswith(head) and "." not in name[len(head) :]:
            return True
    return False


def without_prefix(shape: Shape, prefix: str) -> Shape:
    """The shape under its name in the topic files."""
    return replace(shape, name=shape.name[len(prefix) :])
