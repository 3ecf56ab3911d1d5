"""Logical polls: which records of the log, and which answers whose time has come, go through the stages together.

Both runners of a simulated city cut their input here, so that they meet the same records in the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from pipeline.domain.ids import DAY_MS
from pipeline.events.base import Millis
from pipeline.events.records import Arrival, Origin
from pipeline.runtime.answers import AnswerBook
from pipeline.runtime.merge import Merged
from pipeline.stage import Change

ANSWERS_TOPIC = "answers"
TICK_MS = 10 * 60_000
"""Stream time between two looks at silent devices."""


def next_poll(
    log: Merged, answers: AnswerBook, limit: int, order: int, horizon: Millis, took: Callable[[Change], object]
) -> list[Arrival]:
    """The next records in order of time, with the answers whose time has come between them, numbered from ``order``.

    ``took`` is told of each answer that leaves the book and takes it out. After the last input answers are waited for
    until ``horizon``.
    """
    batch = log.take_many(limit) if answers.next_due() is None else []
    while len(batch) < limit:
        due, coming = answers.next_due(), log.next_time()
        if due is not None and (coming is None or due < coming):
            if coming is None and due > horizon:
                break
            batch.append(_answer(answers, order + len(batch), took))
        elif coming is not None:
            batch.append(log.take())
        else:
            break
    for number, arrival in enumerate(batch):
        arrival.order = order + number
    return batch


def horizon_of(stream_time: Millis, days: int) -> Millis:
    """Until when answers are waited for."""
    return stream_time + days * DAY_MS


def latest_received(batch: Sequence[Arrival]) -> Millis:
    """The latest time of a poll that may move stream time; 0 when it has none."""
    latest = 0
    for arrival in batch:
        latest = max(latest, _received(arrival))
    return latest


def day_by_day(batch: Sequence[Arrival], stream_time: Millis) -> Iterator[range]:
    """The numbers of the records of a poll, day of stream time by day of stream time."""
    start, day = 0, stream_time // DAY_MS
    for number, arrival in enumerate(batch):
        if _received(arrival) // DAY_MS > day:
            if number > start:
                yield range(start, number)
            start, day = number, _received(arrival) // DAY_MS
    yield range(start, len(batch))


def ticks(before: Millis, latest: Millis) -> bool:
    """Whether silent devices are looked at when stream time goes from ``before`` to ``latest``."""
    return latest // TICK_MS > before // TICK_MS


def _answer(answers: AnswerBook, order: int, took: Callable[[Change], object]) -> Arrival:
    answer, change = answers.take()
    took(change)
    return Arrival(answer.schema, Origin(ANSWERS_TOPIC, 0, order), answer.due, answer.body)


def _received(arrival: Arrival) -> Millis:
    """The time of a record that may move stream time: one that lies not beyond its own log's append time."""
    time = arrival.body.get("received_at") if arrival.body is not None and arrival.fault is None else None
    return time if isinstance(time, int) and time <= arrival.appended_at + 300_000 else 0
