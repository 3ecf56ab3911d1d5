"""One client a thread: threads that share a server never share a connection, whatever becomes of one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

import pytest

from connectors.sinks.clickhouse.server import Server, ServerAway
from pipeline.errors import StopRun
from pipeline.settings import ClickHouseSettings

THREADS, TURNS = 4, 20
PATIENCE_S = 60
"""Seconds after which a thread that waits for the others gives up."""
T = TypeVar("T")


@pytest.fixture
def server(clickhouse_settings: ClickHouseSettings) -> Iterator[Server]:
    """With an empty table."""
    made = Server(clickhouse_settings)
    made.run(
        f"CREATE TABLE {clickhouse_settings.database}.t (thread Int64, turn Int64) ENGINE = MergeTree ORDER BY turn"
    )
    made.close()
    made = Server(clickhouse_settings)
    yield made
    made.close()


def in_threads(work: Callable[[int], T]) -> list[T]:
    """What so many threads give back that begin at the same moment."""
    together = Barrier(THREADS, timeout=PATIENCE_S)

    def begin(number: int) -> T:
        together.wait()
        return work(number)

    with ThreadPoolExecutor(THREADS) as threads:
        return [begun.result() for begun in [threads.submit(begin, number) for number in range(THREADS)]]


def client_of_this_thread(server: Server) -> int:
    return id(server._client())


def asked_and_written(server: Server, number: int) -> set[int]:
    """Queries and inserts in turn; the clients that they went through."""
    clients = set()
    for turn in range(TURNS):
        assert server.rows("SELECT %(number)s, %(turn)s", {"number": number, "turn": turn}) == [(number, turn)]
        server.insert("t", ["thread", "turn"], [[number] * 3, [turn] * 3], f"{number}-{turn}", {})
        clients.add(client_of_this_thread(server))
    return clients


def test_each_thread_has_a_client_of_its_own_and_keeps_it(server: Server) -> None:
    clients = in_threads(lambda number: asked_and_written(server, number))
    assert [len(own) for own in clients] == [1] * THREADS
    assert len(set().union(*clients)) == THREADS
    counted = server.rows(f"SELECT thread, count() FROM {server.settings.database}.t GROUP BY thread ORDER BY thread")
    assert counted == [(number, TURNS * 3) for number in range(THREADS)]


def test_a_thread_whose_query_fails_gets_another_client_and_takes_none_from_the_others(server: Server) -> None:
    failed = Barrier(THREADS, timeout=PATIENCE_S)

    def work(number: int) -> tuple[int, int]:
        before = client_of_this_thread(server)
        server.rows("SELECT 1")
        if number == 0:
            with pytest.raises(StopRun):
                server.rows("SELECT nothing_of_that_name")
        failed.wait()
        assert server.rows("SELECT %(number)s", {"number": number}) == [(number,)]
        return before, client_of_this_thread(server)

    kept = [before == after for before, after in in_threads(work)]
    assert kept == [False, True, True, True]


def test_a_closed_server_gives_no_thread_a_client(server: Server) -> None:
    server.rows("SELECT 1")
    server.close()

    def work(_: int) -> None:
        with pytest.raises(ServerAway, match="closed"):
            server.rows("SELECT 1")

    in_threads(work)
