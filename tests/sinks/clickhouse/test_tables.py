"""Blocks into tables: what is done at the moment when rows are sent."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from connectors.sinks.clickhouse.blocks import Part, columns_in
from connectors.sinks.clickhouse.decide import Mode
from connectors.sinks.clickhouse.figures import SinkFigures
from connectors.sinks.clickhouse.lane import Stale
from connectors.sinks.clickhouse.preflight import Target
from connectors.sinks.clickhouse.server import Server
from connectors.sinks.clickhouse.tables import TablesPort
from connectors.sinks.columns import READINGS
from pipeline.settings import ClickHouseSettings

PART = Part(READINGS, columns_in(READINGS), tuple([0] for _ in columns_in(READINGS)))


class Notes(Server):
    """A server that only notes what is sent."""

    def __init__(self) -> None:
        super().__init__(ClickHouseSettings())
        self.sent: list[str] = []

    def insert(self, table: str, *_: Any) -> None:
        self.sent.append(table)


class OwnTime(TablesPort):
    """A port whose time of day is the test's."""

    time = 0

    def now(self) -> int:
        return self.time


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


@pytest.mark.parametrize(("until", "sent"), [(100, []), (101, [READINGS]), (None, [READINGS])])
def test_rows_that_waited_for_a_thread_until_they_may_be_another_s_are_not_sent(
    threads: ThreadPoolExecutor, until: int | None, sent: list[str]
) -> None:
    server, free = Notes(), threading.Event()
    target = Target("25", Mode.PROBE, {}, {}, {READINGS: (list,) * len(PART.values)})
    port = OwnTime(server, target, threads, SinkFigures(), "test", ("t", 0))

    async def insert() -> None:
        threads.submit(free.wait)  # another partition's insert hangs
        waiting = asyncio.create_task(port.insert(PART, "token", until))
        await asyncio.sleep(0)
        port.time = 100
        free.set()
        await waiting

    if sent:
        asyncio.run(insert())
    else:
        with pytest.raises(Stale):
            asyncio.run(insert())
    assert server.sent == sent
