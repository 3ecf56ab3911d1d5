"""Backfills: history once more into shadow tables, by the stages of today or from the facts as they are.

A work folder keeps what was planned (the ranges of the log are fixed when it begins), the state of the stages and how
far it is, so the same command goes on after any end, kill -9 included. What is read stays where it is: no personal data
is copied.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import msgspec

from connectors.librdkafka.following import Read
from connectors.librdkafka.ranges import Bounds, Logs, Place
from connectors.sinks.clickhouse.plan import Range, Record
from pipeline.errors import InvalidRecord, StopRun
from pipeline.events.base import Millis
from pipeline.events.facts import Fact, Samples
from pipeline.events.records import Arrival
from pipeline.runtime.changelog import Changelog
from pipeline.runtime.committer import WholeFacts
from pipeline.runtime.kafka.arriving import arrival_of
from pipeline.runtime.kafka.lanes import LANES, STATE_READERS
from pipeline.runtime.kafka.retries import attempt_of
from pipeline.runtime.local import LocalRun, RunPolicy
from pipeline.runtime.merge import Merged, Source
from pipeline.runtime.workspace import locked
from pipeline.topology import Topology
from pipeline.wire.serde import decode_struct, encode_struct

FACTS, INPUTS, FILES = "facts", "inputs", "files"
GROUPS = {FACTS: "verify", INPUTS: STATE_READERS, FILES: "verify"}
"""Names that are asked for at the broker, of users that may read what is read; no group is joined."""
BLOCK = 10_000
"""Records of one block of rows."""
MOST_IN_COMMIT = 1 << 24
"""Facts of one commit of the stages: their places in the log of a backfill are numbered apart."""
Ranges = dict[str, tuple[int, int]]
"""``topic/partition`` (without prefix) to where reading begins and ends."""


class Plan(msgspec.Struct, kw_only=True):
    """What a backfill was begun as."""

    name: str
    kind: str
    """``facts``: rows of the facts that stand in Kafka; ``inputs``, ``files``: what the stages make of them today."""
    database: str
    begun_at: Millis
    since: Millis | None = None
    until: Millis | None = None
    ranges: Ranges = {}
    facts: Ranges = {}
    """Where the topics of facts began and ended: rows from elsewhere are not made anew."""
    files: list[tuple[str, str, int]] = []
    """Name, path and size."""
    city: str = ""
    reference_version: str = ""
    key_mark: str = ""


class Writes(Protocol):
    """Where ranges of records become rows (``Filler``)."""

    def write(self, taken: Range, *, again: bool) -> None:
        """All rows of a range; ``again`` when it may have been written before."""


class Work:
    """The folder of one backfill, locked for as long as it is open."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._lock = locked(folder / ".lock")

    def plan(self) -> Plan | None:
        """What was planned, if anything was."""
        path = self.folder / "plan.json"
        return msgspec.json.decode(path.read_bytes(), type=Plan) if path.exists() else None

    def keep(self, name: str, value: Any) -> None:
        """Write a document so that a crash leaves the old one or the new one."""
        partial = self.folder / f".{name}"
        with partial.open("wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(value)))
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self.folder / f"{name}.json")

    def kept(self, name: str) -> dict[str, Any]:
        """A document, empty when there is none."""
        path = self.folder / f"{name}.json"
        found: dict[str, Any] = msgspec.json.decode(path.read_bytes()) if path.exists() else {}
        return found

    def changelog(self) -> Changelog:
        """The state of the stages."""
        return Changelog(self.folder / "state" / "changes.log")

    def close(self) -> None:
        """Let go of the lock."""
        self._lock.close()

    def __enter__(self) -> Work:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


Tell = Callable[[int, int, int], None]
"""Told of places done, places in all and records; raises :class:`StopRun` to end in order."""


def fill_from_facts(
    work: Work, plan: Plan, logs: Logs, prefix: str, filler: Writes, tell: Tell, size: int = BLOCK
) -> int:
    """The rows of facts that stand in Kafka, partition by partition. Gives back how many records were read."""
    done: dict[str, int] = work.kept("progress")
    total = sum(end - begin for begin, end in plan.ranges.values())
    records = 0
    for name, (begin, end) in sorted(plan.ranges.items()):
        place, start, again = _place(name, prefix), done.get(name, begin), True
        for block in _blocks(logs.read(place, Bounds(start, end)), place, Bounds(start, end), size):
            kept = [one for one in block.records if in_period(one.value, plan)]
            filler.write(Range(*place, block.start, block.end, kept), again=again)
            done[name], again = block.end, False
            work.keep("progress", done)
            records += len(block.records)
            tell(_through(plan.ranges, done), total, records)
    return records


def _blocks(batches: Iterable[list[Read]], place: Place, bounds: Bounds, size: int) -> Iterator[Range]:
    """Cut by number of records alone, so that blocks fall alike however often it is begun at their ends."""
    (start, end), waiting = bounds, list[Record]()
    for batch in batches:
        waiting += [Record(one.offset, one.timestamp, one.value or b"") for one in batch]
        while len(waiting) >= size:
            head, waiting = waiting[:size], waiting[size:]
            yield Range(*place, start, head[-1].offset + 1, head)
            start = head[-1].offset + 1
    yield Range(*place, start, end, waiting)


def in_period(value: bytes, plan: Plan) -> bool:
    """Whether a fact belongs to the period; what cannot be read is left to the sink's own check."""
    if plan.since is None and plan.until is None:
        return True
    try:
        fact = decode_struct(value)
    except InvalidRecord:
        return True
    return fact_in_period(fact, plan)


def fact_in_period(fact: Any, plan: Plan) -> bool:
    """By the time of the fact; samples when any of them lies in it."""
    times = fact.times if isinstance(fact, Samples) else (fact.at,)
    since, until = plan.since, plan.until
    return any((since is None or time >= since) and (until is None or time < until) for time in times)


class RangeStore(WholeFacts):
    """The store of a local run: what a commit says becomes a range of a log of the backfill's own.

    The range follows from the number of the commit, and commits fall on the same records however often a run is
    interrupted: the same facts get the same places and tokens.
    """

    def __init__(self, plan: Plan, filler: Writes) -> None:
        self._plan, self._filler = plan, filler
        self.number = 0
        """Of the last commit that is durable; the run says it when it has recovered."""
        self._again = True

    def write(self, facts: Mapping[type[Fact], Sequence[Fact]], samples: Sequence[Samples] = ()) -> int:
        """Write one commit."""
        self.number += 1
        said = [fact for some in facts.values() for fact in some if fact_in_period(fact, self._plan)]
        said += [part for part in samples if fact_in_period(part, self._plan)]  # type: ignore[misc]
        first = self.number * MOST_IN_COMMIT
        for at in range(0, len(said), BLOCK):
            part = said[at : at + BLOCK]
            records = [Record(first + at + n, 0, encode_struct(fact)) for n, fact in enumerate(part)]
            taken = Range(f"backfill.{self._plan.name}", 0, first + at, first + at + len(records), records)
            self._filler.write(taken, again=self._again)
        self._again = False
        return len(said)


def fill_from_inputs(
    work: Work, plan: Plan, sources: Sequence[tuple[str, Source]], topology: Topology, filler: Writes, tell: Tell,
    policy: RunPolicy,
) -> int:  # fmt: skip
    """What the stages make of inputs today, in one process. Gives back how many records were read."""
    store = RangeStore(plan, filler)
    runner = LocalRun(topology, store, work.changelog(), policy)
    store.number, before = runner.commit.number, runner.commit.order
    total = sum(end - begin for begin, end in plan.ranges.values()) or sum(size for _, _, size in plan.files)
    try:
        if plan.name not in runner.commit.done:
            log = Merged(sources, runner.commit.position, runner.commit.read_to)
            runner.progress = lambda _: tell(_read(plan, sources, log), total, runner.commit.order)
            runner.read(plan.name, log)
    finally:
        runner.close()
    return runner.commit.order - before


def _read(plan: Plan, sources: Sequence[tuple[str, Source]], log: Merged) -> int:
    if plan.ranges:
        return _through(plan.ranges, log.position)
    return sum(source.bytes_read for _, source in sources)


def _through(ranges: Ranges, position: Mapping[str, int]) -> int:
    return sum(max(position.get(name, begin), begin) - begin for name, (begin, _) in ranges.items())


class KafkaSource:
    """The records of one partition as the stages take them, committed ones only.

    Ticks are left out (a local run has its own), and what a retry sent back: the record stands earlier in the log.
    """

    def __init__(self, logs: Logs, prefix: str, name: str, bounds: tuple[int, int]) -> None:
        self._logs, self._place = logs, _place(name, prefix)
        self._topic = name.rpartition("/")[0]
        self._bounds = Bounds(*bounds)
        self.bytes_read = 0

    def skip(self, count: int) -> None:
        """Begin at an offset."""
        self._bounds = self._bounds._replace(begin=max(count, self._bounds.begin))

    def __iter__(self) -> Iterator[Arrival]:
        """The records to the end of the range."""
        for batch in self._logs.read(self._place, self._bounds):
            for one in batch:
                self.bytes_read += len(one.value or b"")
                arrival = arrival_of(self._topic, one.partition, one)
                if arrival.schema != "Tick" and not attempt_of(one.headers):
                    yield arrival


def input_topics(departments: Iterable[str]) -> list[str]:
    """Topics that come from outside: what a backfill of inputs reads."""
    raw = [*LANES["intake"].topics, *LANES["urgent"].topics, *LANES["detect"].topics]
    return [*raw, *departments]


def ranges_of(
    logs: Logs, prefix: str, topics: Sequence[str], begins: Mapping[str, int], ends: Mapping[str, int],
    since: Millis | None = None,
) -> Ranges:  # fmt: skip
    """Where each partition is read: from its beginning (or a time, or a named offset) to its end as of now.

    Raises :class:`StopRun` for a named place that is not there and an offset that the log no longer has.
    """
    found: Ranges = {}
    places = logs.places([prefix + topic for topic in topics])
    early = logs.at(places, since) if since is not None else {}
    for place in places:
        name, bounds = f"{place[0][len(prefix) :]}/{place[1]}", logs.bounds(place)
        begin, end = begins.get(name, early.get(place, bounds.begin)), min(ends.get(name, bounds.end), bounds.end)
        if begin < bounds.begin:
            message = f"{name}: offset {begin} is gone, the log begins at {bounds.begin}"
            raise StopRun(message)
        found[name] = (begin, max(begin, end))
    unknown = sorted({*begins, *ends} - found.keys())
    if unknown:
        message = f"no such partition: {', '.join(unknown)}; there are {', '.join(sorted(found)[:6])} …"
        raise StopRun(message)
    return found


def _place(name: str, prefix: str) -> Place:
    topic, _, partition = name.rpartition("/")
    return prefix + topic, int(partition)
