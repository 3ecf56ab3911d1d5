"""How far consumer groups have come, looked at from outside: what recovery is measured by."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaException, TopicPartition

from connectors.kafka.config import for_librdkafka
from pipeline.settings import KafkaSettings

EVERY_S = 0.5
"""Recovery is exact to this."""
ANSWER_S = 2.0


@dataclass(frozen=True)
class Struck:
    """A fault: when (monotonic), and which groups it struck.

    One with ``until`` lasts (a rebalance): what counts is the longest pause of a group that began within it.
    """

    at: float
    groups: tuple[str, ...]
    until: float = 0.0


class Progress:
    """Notes the committed offsets of groups, summed up over their partitions, as long as it runs."""

    def __init__(self, settings: KafkaSettings, topics: Iterable[str], partitions: int) -> None:
        self._settings = settings
        self._places = [TopicPartition(topic, number) for topic in topics for number in range(partitions)]
        self._lookers: dict[str, Consumer] = {}
        self._seen: dict[str, list[tuple[float, int]]] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def follow(self, group: str) -> None:
        """Look at this group too (its name without prefix)."""
        self._seen.setdefault(group, [])

    def longest(self, struck: Iterable[Struck]) -> float:
        """The longest recovery: seconds from a fault until a group that it struck had committed something new.

        A fault after which there was nothing left to do counts nothing.
        """
        waits = [self._wait(one, group) for one in struck for group in one.groups]
        return max(waits, default=0.0)

    def _wait(self, struck: Struck, group: str) -> float:
        if struck.until:
            return self.pause(group, struck.at, struck.until)
        return self.recovery(struck.at, group)

    def recovery(self, at: float, group: str) -> float:
        """Seconds from ``at`` until the group went on. What was committed just before is in the next look's sum."""
        seen = self._seen.get(group, [])
        before = max((total for when, total in seen if when <= at + EVERY_S), default=0)
        return next((when - at for when, total in seen if when > at + EVERY_S and total > before), 0.0)

    def pause(self, group: str, since: float, until: float) -> float:
        """The longest time without a new commit that began between ``since`` and ``until`` and ended."""
        longest, last, most = 0.0, since, -1
        for when, total in self._seen.get(group, []):
            if total > most:
                longest = max(longest, when - last) if since <= last <= until and when > since else longest
                last, most = max(when, since), total
        return longest

    def behind(self) -> list[str]:
        """Where the groups stand behind the end of a partition by more than the mark of one transaction."""
        found = []
        for group, looker in self._lookers.items():
            for place in looker.committed(self._places, ANSWER_S):
                end = looker.get_watermark_offsets(place, ANSWER_S)[1]
                if place.offset > 0 and end - place.offset > 1:
                    topic = place.topic.removeprefix(self._settings.prefix)
                    found.append(f"{group} at {place.offset} of {end} in {topic}/{place.partition}")
        return found

    def unread(self, topics: Collection[str]) -> list[str]:
        """How many records ``topics`` (without prefix) have, and where nobody has read the last of them."""
        counts: Counter[str] = Counter()
        found = []
        for place in self._places:
            topic = place.topic.removeprefix(self._settings.prefix)
            if topic not in topics or not self._lookers:
                continue
            end = next(iter(self._lookers.values())).get_watermark_offsets(place, ANSWER_S)[1]
            counts[topic] += end
            read = max(looker.committed([place], ANSWER_S)[0].offset for looker in self._lookers.values())
            if end > max(read, 0):
                found.append(f"{topic}/{place.partition} read to {read} of {end}")
        return [*found, *(f"{topic} has {number}" for topic, number in sorted(counts.items()))]

    def stop(self) -> None:
        """Look no more."""
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(EVERY_S):
            for group in list(self._seen):
                try:
                    total = self._total(group)
                except KafkaException:  # the broker is away
                    continue
                self._seen[group].append((time.monotonic(), total))
        for looker in self._lookers.values():
            looker.close()

    def _total(self, group: str) -> int:
        if group not in self._lookers:
            name = self._settings.prefix + group
            config = {"group.id": name, "enable.auto.commit": False, "log_level": 2}
            self._lookers[group] = Consumer(for_librdkafka(self._settings) | config)
        places = self._lookers[group].committed(self._places, ANSWER_S)
        return sum(place.offset for place in places if place.offset > 0)
