"""The local runner: the stages of the pipeline in one process, kept inputs in, the embedded store out.

It has no ability that Kafka lacks: records are polled in batches, casework is partitioned by tile, a step sees only the
state of its partition, and what one tile says to another travels as a message. What makes it safe against kill -9:

1. records are taken from the kept log, whose order is a function of the inputs;
2. a commit ends after so many polls, or facts that they brought, so commits fall on the same records however often a
   run is interrupted;
3. facts go to the store first, then one frame of the changelog holds state, position and counts together; a frame that
   is not whole never happened, and its records are read again: they give the same facts with the same ids.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from pipeline.domain.ids import DAY_MS
from pipeline.errors import StopRun
from pipeline.events.base import Fate, Millis, Value
from pipeline.events.casework import CaseworkInput, tile_of_input
from pipeline.events.facts import Fact, Samples
from pipeline.events.intake import LocatedReport, ScreenedReport
from pipeline.events.readings import Readings
from pipeline.events.records import Arrival
from pipeline.runtime.answers import Responder, expected
from pipeline.runtime.books import Books
from pipeline.runtime.changelog import Changelog, Commit
from pipeline.runtime.committer import Committer, FactStore
from pipeline.runtime.counts import Counts
from pipeline.runtime.merge import Merged
from pipeline.runtime.partitioning import partition_of
from pipeline.runtime.polling import horizon_of, latest_received, next_poll, ticks
from pipeline.stage import Change, Outcome, State, packed
from pipeline.topology import Topology

SAMPLES = 20
"""So many samples are as large as one fact."""


@dataclass(frozen=True, slots=True)
class RunPolicy:
    """How a run polls, commits and when it stops. Poll and commit sizes are part of what makes runs equal."""

    poll_records: int = 2_000
    polls_per_commit: int = 40
    """Most polls in a commit."""
    facts_per_commit: int = 50_000
    """A commit ends with the poll that brings so many facts, so that one of reports is written while the next is made,
    and one of readings, which say little, goes on. 0: polls alone decide."""
    partitions: int = 8
    max_refused: float = 0.2
    """Share of refused records within a commit that stops the run (a broken schema, not a broken record)."""
    min_refused: int = 200
    """Fewer refusals than this within a commit never stop it."""
    answer_days: int = 60
    """How long after the last input answers of a simulated city are waited for."""


class LocalRun:
    """One run over a store: recover, then read groups of inputs to their end."""

    def __init__(
        self,
        topology: Topology,
        store: FactStore,
        changelog: Changelog,
        policy: RunPolicy,
        responder: Responder | None = None,
        progress: Callable[[int], None] = lambda records: None,
    ) -> None:
        self.topology, self.policy, self.responder, self.progress = topology, policy, responder, progress
        self.books = Books(policy.partitions)
        self.commit = Commit()
        self._changelog = changelog
        self._store = store
        self._committer = Committer(store, changelog)
        self._facts: dict[type[Fact], list[Fact]] = {}
        self._samples: list[Samples] = []
        self._held = 0
        """How many facts there were since the last commit; many samples count as one."""
        self._parts: list[Any] = []
        """The facts since the last commit but those of the poll at hand, as the store packs them."""
        self._changed: dict[tuple[str, str], dict[str, Value | bytes | None]] = {}
        """What changed since the last commit, by book and space."""
        self._partitions: dict[str, int] = {}
        """The partition of each tile met so far."""
        self._names = [f"casework-{number}" for number in range(policy.partitions)]
        self._recover()
        self.counts = Counts(self.commit.counts)

    # --- life of a run --------------------------------------------------------------------------------------------

    def _recover(self) -> None:
        books = self.books.named()
        for frame in self._changelog.recover():
            for name, space, key, data in frame.entries:
                books[name].restore(space, key, data)
            if frame.commit is not None:
                self.commit = frame.commit
        day = self.commit.stream_time // DAY_MS
        for book in self.books.casework:
            book.left(day)
        self.books.intake.left(day)

    def read(self, group: str, log: Merged) -> None:
        """Read one group of inputs to its end, answers included, and commit it as done."""
        polls = 0
        while batch := self._poll(log):
            self._feed(batch)
            polls += 1
            if polls == self.policy.polls_per_commit or 0 < self.policy.facts_per_commit <= self._held:
                self._commit(log, [])
                polls = 0
        self._commit(log, [group])
        self._committer.wait()

    def close(self) -> None:
        """Wait for what was handed over and let go."""
        self._committer.close()

    # --- polling --------------------------------------------------------------------------------------------------

    def _poll(self, log: Merged) -> list[Arrival]:
        """The next records in order of time, with the answers whose time has come between them."""
        commit, horizon = self.commit, horizon_of(self.commit.stream_time, self.policy.answer_days)
        batch = next_poll(log, self.books.answers, self.policy.poll_records, commit.order, horizon, self._answered)
        commit.order += len(batch)
        return batch

    def _answered(self, change: Change) -> None:
        self._apply("answers", self.books.answers, (change,))

    # --- the stages -----------------------------------------------------------------------------------------------

    def _feed(self, batch: Sequence[Arrival]) -> None:
        """One poll through all stages."""
        taken = self.topology.intake.steps(self.books.intake, batch)
        self._note("intake", self.books.intake, taken)
        reports = [message for message in taken.messages if message.__class__ is ScreenedReport]
        readings = [message for message in taken.messages if message.__class__ is Readings]
        actions = [message for message in taken.messages if message.__class__ not in (ScreenedReport, Readings)]
        if readings:
            found = self.topology.detect.steps(self.books.detect, readings)
            self._note("detect", self.books.detect, found)
            reports += found.messages
        self._tell(sorted([*self.topology.place(reports), *actions], key=_recorded))
        self._advance_time(batch)
        self._check_refusals()
        self._pack()
        self.progress(len(batch))

    def _tell(self, messages: list[Any]) -> None:
        """Give messages to their partitions in their order, each with the notices that follow until none is left.

        So a neighbour tile has heard of a case before the next report is judged, as it has in a city, and what comes
        out does not hang on how the log is cut into polls.
        """
        for message in messages:
            waiting: Sequence[Any] = self._work(message)
            while waiting:
                waiting = [notice for one in waiting for notice in self._work(one)]

    def _work(self, message: CaseworkInput) -> tuple[Any, ...]:
        """Casework of one message in its partition."""
        number = self._partition(tile_of_input(message))
        book = self.books.casework[number]
        outcome = self.topology.casework.step(book, message)
        self._note(self._names[number], book, outcome)
        return outcome.messages

    def _partition(self, tile: str) -> int:
        number = self._partitions.get(tile)
        if number is None:
            number = self._partitions[tile] = zlib.crc32(tile.encode()) % self.policy.partitions
        return number

    def _place(self, device: str) -> int:
        """The partition of a device, by the partitioner of Kafka."""
        return partition_of(device.encode(), self.policy.partitions)

    def _note(self, name: str, book: State, outcome: Outcome) -> None:
        """Keep what a step said and change what it changed."""
        if outcome.changes:
            self._apply(name, book, outcome.changes)
        if outcome.facts:
            self._keep(outcome.facts)
        if outcome.settled:
            self.counts.add(outcome.settled)
        if self.responder is not None and outcome.facts:
            said = (fact for fact in outcome.facts if not isinstance(fact, Samples))
            self._apply("answers", self.books.answers, tuple(expected(self.responder, said)))

    def _keep(self, facts: Iterable[Fact | Samples]) -> None:
        kept: list[Any] = []
        last: type | None = None
        for fact in facts:
            kind = fact.__class__
            if kind is not last:
                kept = self._samples if kind is Samples else self._facts.setdefault(kind, [])  # type: ignore[arg-type]
                last = kind
            kept.append(fact)

    def _apply(self, name: str, book: State, changes: tuple[Change, ...]) -> None:
        changed, last = dict[str, Value | bytes | None](), ""
        for space, key, data in book.apply(changes):
            if space != last:
                changed, last = self._changed.setdefault((name, space), {}), space
            changed[key] = data

    # --- time -----------------------------------------------------------------------------------------------------

    def _advance_time(self, batch: Sequence[Arrival]) -> None:
        """Stream time is the latest time received so far; a new day lets old entries go, a tick asks silent devices."""
        latest = latest_received(batch)
        if latest <= self.commit.stream_time:
            return
        before, self.commit.stream_time = self.commit.stream_time, latest
        if latest // DAY_MS > before // DAY_MS:
            self._new_day(latest // DAY_MS)
        if ticks(before, latest):
            self._tick(latest)

    def _new_day(self, day: int) -> None:
        self._note("intake", self.books.intake, self.topology.intake.expire(self.books.intake, day))
        self.books.intake.left(day)
        for number, book in enumerate(self.books.casework):
            self._note(f"casework-{number}", book, self.topology.casework.expire(book, day))
            book.left(day)

    def _tick(self, now: Millis) -> None:
        """Judge periods that are over and devices that are silent."""
        silent = self.topology.detect.tick(self.books.detect, now)
        self._note("detect", self.books.detect, silent)
        # What became due at one moment comes partition by partition, as ticks reach the devices on Kafka.
        found = sorted(silent.messages, key=lambda one: (one.received_at, self._place(one.device_id)))
        self._tell(list(self.topology.place(found)) if found else [])

    # --- commit ---------------------------------------------------------------------------------------------------

    def _commit(self, log: Merged, done: list[str]) -> None:
        """Hand facts, state and position over; the next poll goes on while they are written."""
        commit = self.commit
        commit.number += 1
        self._keep(self.counts.commit(commit.number, commit.stream_time, commit.order))
        commit.position = {**commit.position, **log.position}
        commit.read_to = log.reached
        commit.done = [*commit.done, *done]
        commit.counts = dict(self.counts.totals)
        entries = [
            (name, space, key, packed(data))
            for (name, space), held in self._changed.items()
            for key, data in held.items()
        ]
        self._pack()
        self._committer.hand_over(self._parts, _copied(commit), entries)
        self._parts, self._changed, self._held = [], {}, 0
        if self._changelog.wants_compaction():
            self._committer.wait()
            self._changelog.compact(commit, self.books.entries())

    def _pack(self) -> None:
        if self._facts or self._samples:
            self._held += (
                sum(map(len, self._facts.values())) + sum([len(one.times) for one in self._samples]) // SAMPLES
            )
            self._parts.append(self._store.packed(self._facts, self._samples))
            self._facts, self._samples = {}, []

    def _check_refusals(self) -> None:
        """A schema that broke must not empty a log into quarantine: stop, and commit nothing of it."""
        pending = self.counts.pending()
        refused = sum(number for key, number in pending.items() if key.split("|")[1] == Fate.QUARANTINED)
        total = sum(number for key, number in pending.items() if not key.endswith("|samples"))
        if refused >= self.policy.min_refused and refused > self.policy.max_refused * total:
            message = (
                f"{refused} of the last {total} records were refused, more than --max-refused "
                f"{self.policy.max_refused:g}: "
                "mend the sender (see `wangge quarantine list` of a run with a higher limit) and run again"
            )
            raise StopRun(message)


def _recorded(message: Any) -> int:
    if message.__class__ is LocatedReport:
        return int(message.report.origin.offset)
    return int(message.origin.offset)


def _copied(commit: Commit) -> Commit:
    return replace(commit, position=dict(commit.position), counts=dict(commit.counts), done=list(commit.done))
