"""What cannot be written to a table goes to quarantine, once: with the position behind it in one transaction.

Two steps would not do: a sink that dies between them sets the same records aside again when it comes back.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

import msgspec

from connectors.kafka.config import for_librdkafka, prefixed
from connectors.kafka.positions import settled_positions
from connectors.librdkafka.transactions import Membership, Superseded, TakenOver, Transactions, Written
from connectors.sinks.clickhouse.blocks import Reject, quarantined
from connectors.sinks.clickhouse.flush import backoff
from connectors.sinks.clickhouse.lane import Fenced
from connectors.sinks.clickhouse.plan import Range
from pipeline.errors import FateUnknown, InvalidRecord, NeighbourAway, StopRun
from pipeline.events.facts import RecordQuarantined
from pipeline.settings import KafkaSettings
from pipeline.wire import serde

LOG = logging.getLogger("wangge.sink")
QUARANTINE = "quarantine"


def facts_of(taken: Range, rejects: Sequence[Reject]) -> list[RecordQuarantined]:
    """The facts that records were set aside, in order. Raises :class:`StopRun` for what was set aside before."""
    by_offset = {record.offset: record for record in taken.records}
    facts = [quarantined(taken, by_offset[reject.offset], reject) for reject in rejects]
    for fact in facts:
        if fact.topic.endswith(QUARANTINE) and b"sink:" + fact.topic.encode() in fact.raw:
            message = f"{fact.topic} offset {fact.offset}: what was quarantined for the quarantine is refused again"
            raise StopRun(message)
    return facts


class Aside:
    """The transactions of one partition; whoever owns the partition next shuts this one out."""

    def __init__(self, settings: KafkaSettings, place: tuple[str, int]) -> None:
        self._settings, self._place = settings, place
        self._transactions: Transactions | None = None

    async def put(self, facts: Sequence[RecordQuarantined], end: int, member: Membership) -> None:
        """Have Kafka keep the facts and the position ``end``, or neither; waits for Kafka. Raises :class:`Fenced`."""
        attempt = 0
        while True:
            try:
                await asyncio.to_thread(self._put, facts, end, member)
            except (NeighbourAway, FateUnknown) as away:  # whether it took effect is looked up before the next attempt
                attempt += 1
                LOG.warning("Kafka takes no transaction", extra={"why": str(away), "attempt": attempt})
                await asyncio.sleep(backoff(attempt))
            except (Superseded, TakenOver) as lost:
                raise Fenced(str(lost)) from lost
            else:
                return

    def _put(self, facts: Sequence[RecordQuarantined], end: int, member: Membership) -> None:
        if self._transactions is None:
            name = prefixed(self._settings, f"sink-{self._place[0]}-{self._place[1]}")
            self._transactions = Transactions(for_librdkafka(self._settings), name)
            if self._is_done(end, member):  # the last attempt took effect, and only its answer was lost
                return
        try:
            self._transactions.commit(map(self._written, facts), {self._place: end}, member)
        except (NeighbourAway, FateUnknown):
            self._transactions.forget()
            self._transactions = None
            raise

    def _is_done(self, end: int, member: Membership) -> bool:
        found = settled_positions(self._settings, member.group, [self._place])
        return found[self._place][0] >= end

    def _written(self, fact: RecordQuarantined) -> Written:
        key = f"{fact.topic}/{fact.partition}/{fact.offset}".encode()
        return Written(prefixed(self._settings, QUARANTINE), key, _encoded(fact))


def _encoded(fact: RecordQuarantined) -> bytes:
    try:
        return serde.encode_struct(fact)
    except InvalidRecord:  # too large with its bytes: they are still in the topic it came from
        return serde.encode_struct(msgspec.structs.replace(fact, raw=b""))
