"""The sink as a process: start, serve signals, end in order.

A start waits for ClickHouse, looks at it (:mod:`preflight`) and joins the group. SIGTERM and SIGINT finish the blocks
in flight, commit and leave. Log lines are JSON, one a line, on standard error.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec

from connectors.sinks.clickhouse.broker import Broker, Committer
from connectors.sinks.clickhouse.brokerfaults import told
from connectors.sinks.clickhouse.consumer import LOG, Consumer, Options
from connectors.sinks.clickhouse.figures import SinkFigures
from connectors.sinks.clickhouse.flush import backoff
from connectors.sinks.clickhouse.givingup import GivingUp
from connectors.sinks.clickhouse.port import Neighbours
from connectors.sinks.clickhouse.preflight import Target, preflight
from connectors.sinks.clickhouse.server import Server
from connectors.sinks.clickhouse.turning import turning
from pipeline.errors import NeighbourAway
from pipeline.settings import ClickHouseSettings, KafkaSettings
from schemas.topics import topics

DONE_TURNS = 4
"""How often in a row nothing must be left before the sink says that it is done."""
_USUAL = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


def topics_of_sink() -> list[str]:
    """The topics whose records become rows: all facts, and what was refused."""
    return [name for name in topics() if name.startswith("facts.") or name == "quarantine"]


async def run_sink(
    kafka: KafkaSettings, clickhouse: ClickHouseSettings, options: Options, *, writers: int = 2, patience: float = 30.0,
    until_done: bool = False, give_up: float | None = None, figures: SinkFigures | None = None,
) -> SinkFigures:  # fmt: skip
    """Run the sink until a signal (or, with ``until_done``, until everything readable is written).

    ``patience`` bounds each query in seconds, ``give_up`` how long neighbours may be away without a break. Raises
    :class:`ConfigFaults`, :class:`StopRun`, and :class:`NeighbourAway` when it gives up.
    """
    figures = figures or SinkFigures()
    giving_up = GivingUp(figures, give_up)
    server = Server(clickhouse, patience=patience)
    stopping = asyncio.Event()
    _on_signals(stopping)
    target = await _looked_at(server, stopping, figures, giving_up, int(max(patience - 5, 1)))
    if target is None:
        return figures
    figures.mode = target.mode
    LOG.info("clickhouse", extra={"version": target.version, "mode": target.mode.value, "views": sorted(target.fed)})
    broker = Broker(kafka, topics_of_sink())
    threads = ThreadPoolExecutor(writers, "writer")
    shared = Neighbours(broker, Committer(broker), server, target, threads, figures, kafka.cluster)
    consumer = Consumer(broker, shared, options)
    watch = asyncio.create_task(_ended(consumer, stopping, giving_up, until_done=until_done))
    try:
        with told(kafka, f"{', '.join(broker.topics)} and the group {broker.group}"):
            await consumer.run()
        await watch
    finally:
        watch.cancel()
        server.close()
        threads.shutdown(wait=False, cancel_futures=True)
        LOG.info("ended", extra=figures.document())
    return figures


def _on_signals(stopping: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)


async def _looked_at(
    server: Server, stopping: asyncio.Event, figures: SinkFigures, giving_up: GivingUp, longest: int
) -> Target | None:
    """The target, as soon as the server answers; ``None`` when the process is to end before."""
    attempt = 0
    database = server.settings.database
    while not stopping.is_set():
        try:
            look = asyncio.to_thread(preflight, server, database, longest=longest)
            found = await turning(look, figures.watch.touched, stopping)
        except NeighbourAway as away:
            attempt += 1
            figures.retries += 1
            figures.neighbour("clickhouse", there=False)
            LOG.warning("ClickHouse does not answer", extra={"why": str(away), "attempt": attempt})
            giving_up.look()
            await _sleep(stopping, backoff(attempt))
        else:
            if found is not None:
                figures.neighbour("clickhouse", there=True)
            return found
    return None


async def _ended(consumer: Consumer, stopping: asyncio.Event, giving_up: GivingUp, *, until_done: bool) -> None:
    """Stop the consumer on a signal, when it has written everything there was, or when it gives up (then raises so)."""
    turns = 0
    try:
        while not stopping.is_set() and turns < DONE_TURNS:
            await _sleep(stopping, 0.3)
            turns = turns + 1 if until_done and consumer.caught_up() else 0
            giving_up.look()
    finally:
        consumer.stop()


async def _sleep(stopping: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stopping.wait(), seconds)
    except TimeoutError:
        return


class JsonLines(logging.Formatter):
    """A log record as one JSON document: time, level, what, and whatever was given with it."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        line: dict[str, Any] = {
            "at": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "log": record.name,
            "what": record.getMessage(),
        }
        line |= {name: value for name, value in vars(record).items() if name not in _USUAL}
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line, enc_hook=str).decode()


class Seldom(logging.Filter):
    """Lets the same line of a client (logger and wording) through once in ``seconds``, with how many were left out.

    A client of Kafka says fifty times a second that its broker is away. Our own lines all pass.
    """

    def __init__(self, seconds: float = 10.0) -> None:
        super().__init__()
        self._seconds = seconds
        self._told: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to let it through."""
        if record.name.startswith("wangge"):
            return True
        kind = (record.name, str(record.msg))
        told, left_out = self._told.get(kind, (record.created - self._seconds, 0))
        if record.created - told < self._seconds:
            self._told[kind] = (told, left_out + 1)
            return False
        if left_out:
            record.left_out = left_out
        self._told[kind] = (record.created, 0)
        return True


def log_as_json() -> None:
    """Send all logging to standard error as JSON lines, those of clients not more often than tells something."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    handler.addFilter(Seldom())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("aiokafka").setLevel(logging.WARNING)
    logging.getLogger("clickhouse_driver").setLevel(logging.CRITICAL)
