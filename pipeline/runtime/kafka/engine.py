"""One poll through the stages: records of any partitions in, everything to write and the offsets to note out.

No Kafka here: the engine holds the states of the partitions it was given and is as deterministic as its stages. What it
gives back must be written whole or not at all; when it was not written, the touched states are dropped and read again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from time import perf_counter
from typing import Any

from connectors.librdkafka.transactions import Written
from pipeline.domain.ids import DAY_MS
from pipeline.errors import InvalidRecord
from pipeline.events.base import Fate
from pipeline.events.casework import CaseworkInput, tile_of_input
from pipeline.events.intake import LocatedReport, ScreenedReport
from pipeline.events.readings import Readings
from pipeline.events.records import Arrival
from pipeline.runtime.kafka.arriving import TOLERANCE_MS, Incoming, Poll, arrival_of, belongs, latest_of
from pipeline.runtime.kafka.batch import Batch
from pipeline.runtime.kafka.lanes import ACTIONS, CASEWORK, Lane, departments_of
from pipeline.runtime.kafka.lanestate import LaneState
from pipeline.runtime.kafka.outbox import casework_records, fact_records, status_records
from pipeline.runtime.kafka.refusals import RefusalLimits, Refusals
from pipeline.runtime.kafka.retries import RETRIES, attempt_of, comes_back, note_attempts, put_off
from pipeline.runtime.kafka.speakers import Speakers
from pipeline.runtime.kafka.steps import Stopwatch
from pipeline.runtime.kafka.work import Work
from pipeline.runtime.partitioning import partition_of
from pipeline.stage import Outcome, Settlement
from pipeline.stages.intake import IntakeBook, quarantined
from pipeline.stages.signs import sign_all
from pipeline.stages.status import statuses
from pipeline.stages.track import refused
from pipeline.stages.work import tick_time
from pipeline.topology import Topology
from pipeline.wire.serde import HEAD, MARKER, NAMES, decode_struct, name_of


class Engine:
    """The stages over the states of the partitions at hand.

    ``status_topics`` are the topics on which sources hear of their reports; without any, nobody is told. ``counted`` is
    whether the outcomes of each poll are told. ``partitions`` is how many casework has in all. ``clock`` gives seconds
    and decides nothing: it tells how long the steps took.
    """

    def __init__(
        self,
        topology: Topology,
        lanes: Sequence[Lane],
        limits: RefusalLimits | None = None,
        status_topics: Collection[str] = (),
        *,
        counted: bool = True,
        partitions: int = 0,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        self._clock = clock
        self.topology, self.status_topics = topology, frozenset(status_topics)
        self.refusals = {lane.name: Refusals(lane.name, limits or RefusalLimits()) for lane in lanes}
        self.lane_of = {topic: lane for lane in lanes for topic in lane.topics}
        self.lanes = tuple(lanes)
        self.states: dict[tuple[str, int], LaneState] = {}
        self._speakers = Speakers(departments_of(topology.reference))
        self._nothing = IntakeBook()
        self._counts, self._partitions = counted, partitions

    def feed(self, poll: Poll, at_hand: Collection[int] = ()) -> Batch:
        """One poll through all its stages. Raises ``KeyError`` when a partition's state was not brought back.

        What follows for partitions of casework that are ``at_hand`` is worked at once, in the order in which it would
        have come back; for all others it is written to the topics of casework.
        """
        work = Work(Stopwatch(self._clock))
        for lane in self.lanes:
            self._feed_lane(work, lane, poll)
        beyond = self._worked_here(work, [*work.messages, *self._placed(work)], at_hand)
        written = [
            *work.later,
            *casework_records(beyond),
            *fact_records([*work.facts, *(work.counted() if self._counts else ())]),
            *status_records(work.statuses, self.status_topics),
        ]
        for (_, number), state in self.states.items():
            topic = state.lane.changelog
            written += [Written(topic, key.encode(), data, number) for key, data in state.taken().items()]
        work.watch.lap("encode", len(written))
        return Batch(written, work.offsets, work.records, work.settled, work.facts, work.acted, work.watch.steps)

    def _feed_lane(self, work: Work, lane: Lane, poll: Poll) -> None:
        before, partitions = work.records, {number for topic, number in poll if topic in lane.topics}
        for partition in sorted(partitions):
            self._feed_partition(work, lane, partition, poll)
        if partitions:
            work.watch.lap(lane.name, work.records - before)

    def _feed_partition(self, work: Work, lane: Lane, partition: int, poll: Poll) -> None:
        state = self.states[lane.name, partition]
        latest = 0
        for topic in lane.topics:
            records = poll.get((topic, partition))
            if records is None:
                continue
            position = state.positions.get(topic, 0)
            fresh = records if records[0].offset >= position else [one for one in records if one.offset >= position]
            after = max(position, records[-1].offset + 1)
            work.offsets[topic, partition] = after
            if fresh:
                work.records += len(fresh)
                fresh = [one for one in fresh if not self._put_off(work, topic, partition, one)]
                refused, told = len(work.settled), len(work.facts)
                latest = max(latest, _STEPS[lane.name](self, work, state, topic, partition, fresh))
                self._limit(lane, work.settled[refused:], len(fresh))
                note_attempts(work.facts, told, fresh)
                state.read_to(topic, after)
        if state.at(latest):
            self._new_day(work, state)
        work.latest = max(work.latest, state.time)

    def _placed(self, work: Work) -> list[LocatedReport]:
        """The reports of all lanes and partitions: signed, classified and located at once."""
        if not work.screened:
            return []
        sign_all(work.unsigned)
        located = self.topology.place(work.screened)
        work.watch.lap("place", len(located))
        return located

    def _worked_here(
        self, work: Work, messages: list[CaseworkInput], at_hand: Collection[int]
    ) -> list[CaseworkInput]:  # fmt: skip
        """Work on the messages for partitions that are at hand, and on what follows from each before the next one.

        Gives back those for others. Notices are heard before the next report is judged, as in one process.
        """
        if not at_hand or not messages:
            return messages
        beyond, latest = list[CaseworkInput](), dict[int, int]()
        waiting = messages[::-1]
        while waiting:
            message = waiting.pop()
            number = partition_of(tile_of_input(message).encode(), self._partitions)
            if number not in at_hand:
                beyond.append(message)
                continue
            work.messages, work.at_hand = [], work.at_hand + 1
            self._step(work, self.states[CASEWORK, number], message)
            waiting += work.messages[::-1]
            if message.__class__ is LocatedReport:
                latest[number] = max(latest.get(number, 0), message.report.received_at)
        self.refusals[CASEWORK].add(0, work.at_hand)
        for number, time in latest.items():
            state = self.states[CASEWORK, number]
            if state.at(time):
                self._new_day(work, state)
            work.latest = max(work.latest, state.time)
        if work.at_hand:
            work.watch.lap(CASEWORK, work.at_hand)
        return beyond

    def _limit(self, lane: Lane, settled: Sequence[Settlement], records: int) -> None:
        self.refusals[lane.name].add(sum(one.fate == Fate.QUARANTINED for one in settled), records)

    def _put_off(self, work: Work, topic: str, partition: int, one: Incoming) -> bool:
        """A schema not known *yet* may pass: tried again three times, each later, if it can come back."""
        value = one.value or b""
        if len(value) < HEAD or value[:2] != MARKER or name_of(value) is not None:
            return False
        attempt = attempt_of(one.headers) + 1
        if attempt > len(RETRIES):
            return False
        later = put_off(one, topic, partition, attempt)
        if not comes_back(later, topic):
            return False
        work.later.append(later)
        return True

    # --- lanes ----------------------------------------------------------------------------------------------------

    def _intake(self, work: Work, state: LaneState, topic: str, partition: int, records: Sequence[Incoming]) -> int:
        arrivals = [arrival_of(topic, partition, one) for one in records]
        taken = self._screened(work, state, "intake", arrivals)
        reports = [message for message in taken if message.__class__ is ScreenedReport]
        work.screened += reports
        work.unsigned += reports
        work.messages += [message for message in taken if message.__class__ is not ScreenedReport]
        return latest_of(arrivals)

    def _detect(self, work: Work, state: LaneState, topic: str, partition: int, records: Sequence[Incoming]) -> int:
        """Readings in their order, and between them the ticks that tell of time passing."""
        waiting: list[Arrival] = []
        latest = 0
        for one in records:
            arrival = arrival_of(topic, partition, one)
            if arrival.schema != "Tick" or arrival.body is None:
                waiting.append(arrival)
                continue
            self._readings(work, state, waiting)
            latest, waiting = max(latest, latest_of(waiting)), []
            self._tick(work, state, arrival)
        self._readings(work, state, waiting)
        return max(latest, latest_of(waiting))

    def _tick(self, work: Work, state: LaneState, arrival: Arrival) -> None:
        """Time passes for the devices of a partition; a tick from the future is refused and moves nothing."""
        try:
            now = tick_time(arrival, TOLERANCE_MS)
        except InvalidRecord as fault:
            self._took(work, state, "", quarantined(arrival, fault))
            return
        self._took(work, state, "detect", self.topology.detect.tick(state.books["detect"], now))  # type: ignore[arg-type]

    def _readings(self, work: Work, state: LaneState, arrivals: list[Arrival]) -> None:
        if not arrivals:
            return
        screened = self.topology.intake.steps(self._nothing, arrivals)
        self._took(work, state, "", screened)
        readings = [message for message in screened.messages if message.__class__ is Readings]
        self._took(work, state, "detect", self.topology.detect.steps(state.books["detect"], readings))  # type: ignore[arg-type]

    def _casework(self, work: Work, state: LaneState, topic: str, partition: int, records: Sequence[Incoming]) -> int:
        if topic.startswith(ACTIONS):
            return self._actions(work, state, topic, partition, records)
        latest = 0
        for one in records:
            try:
                message: Any = decode_struct(one.value)
                belongs(NAMES[message.__class__], topic)
            except InvalidRecord as fault:
                self._took(work, state, "", quarantined(arrival_of(topic, partition, one), fault))
                continue
            self._step(work, state, message)
            if message.__class__ is LocatedReport:
                latest = max(latest, message.report.received_at)
        return latest

    def _actions(self, work: Work, state: LaneState, topic: str, partition: int, records: Sequence[Incoming]) -> int:
        """Actions as departments sent them are screened here: their key is their tile, so all of one id meet here."""
        arrivals = [arrival_of(topic, partition, one) for one in records]
        work.acted += [one.timestamp for one in records]
        for message in self._screened(work, state, "actions", arrivals):
            action, fault = self._speakers.named(topic, message)
            if fault:
                self._took(work, state, "casework", refused(action, "", fault))
            else:
                self._step(work, state, action)
        return latest_of(arrivals)

    def _step(self, work: Work, state: LaneState, message: Any) -> None:
        book: Any = state.books["casework"]
        outcome = self.topology.casework.step(book, message)
        if self.status_topics:
            work.statuses += statuses(book, message, outcome)  # of the book as it was before
        self._took(work, state, "casework", outcome)
        work.messages += outcome.messages

    def _screened(self, work: Work, state: LaneState, book: str, arrivals: Sequence[Arrival]) -> tuple[Any, ...]:
        outcome = self.topology.intake.unsigned(state.books[book], arrivals)  # type: ignore[arg-type]
        self._took(work, state, book, outcome)
        return outcome.messages

    def _took(self, work: Work, state: LaneState, book: str, outcome: Outcome) -> None:
        if outcome.changes:
            state.apply(book, outcome.changes)
        work.facts += outcome.facts
        work.settled += outcome.settled
        if book == "detect":
            work.screened += outcome.messages

    def _new_day(self, work: Work, state: LaneState) -> None:
        """Old entries go when a day of stream time begins."""
        day = state.time // DAY_MS
        for name, book in state.books.items():
            stage: Any = self.topology.casework if name == "casework" else self.topology.intake
            if name != "detect":
                self._took(work, state, name, stage.expire(book, day))
                book.left(day)  # type: ignore[attr-defined]


_STEPS: Mapping[str, Any] = {
    "intake": Engine._intake,
    "urgent": Engine._intake,
    "detect": Engine._detect,
    "casework": Engine._casework,
}
