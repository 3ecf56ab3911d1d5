"""The front over chdb is a ClickHouse of today: what the driver sends arrives, refusals are told, faults happen."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from clickhouse_driver import Client
from clickhouse_driver.errors import Error, ServerException

from pipeline.settings import ClickHouseSettings
from tests.support.front.disturbance import Disturbance
from tests.support.front.engine import Refused
from tests.support.front.statements import Change, Insert, Other, Statement, Use, read
from tests.support.servers import FrontServer, Servers, clickhouse_settings_of, client_of

TABLE = """CREATE TABLE t (id UInt64, at DateTime64(3, 'Asia/Shanghai'), kind LowCardinality(String),
    note Nullable(String), words Array(String)) ENGINE = MergeTree ORDER BY id
    SETTINGS non_replicated_deduplication_window = 100"""
INSERT = "INSERT INTO t (id, at, kind, note, words) VALUES"
NOON = datetime(2026, 3, 16, 4, 0, 0, 123_000, tzinfo=UTC)


def rows(count: int, start: int = 0) -> list[tuple[Any, ...]]:
    return [(number, NOON, f"kind {number % 3}", None, ["网格", "b"]) for number in range(start, start + count)]


def count(client: Client) -> int:
    found: int = client.execute("SELECT count() FROM t")[0][0]
    return found


def until(condition: Callable[[], bool]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        pytest.param("INSERT INTO t (a, b) VALUES", Insert("t", "a, b"), id="insert"),
        pytest.param("insert into `d`.`t`\nvalues;", Insert("`d`.`t`", ""), id="insert of all columns"),
        pytest.param("INSERT INTO t FORMAT Native", Insert("t", ""), id="insert in a format"),
        pytest.param("INSERT INTO t VALUES (1)", Other("INSERT INTO t VALUES (1)", False), id="rows in the text"),
        pytest.param("INSERT INTO t SELECT 1", Other("INSERT INTO t SELECT 1", False), id="rows of a query"),
        pytest.param("SET a = 1, b = 'it\\'s'", Change({"a": "1", "b": "it's"}), id="settings"),
        pytest.param("USE `d`", Use("d"), id="database"),
        pytest.param("-- why\nSELECT ';' ;\n", Other("-- why\nSELECT ';'", True), id="a semicolon in a text"),
        pytest.param("WITH 1 AS x SELECT x", Other("WITH 1 AS x SELECT x", True), id="with"),
        pytest.param("DROP TABLE t", Other("DROP TABLE t", False), id="another"),
    ],
)
def test_a_statement_is_read(sql: str, found: Statement) -> None:
    assert read(sql) == found


@pytest.mark.parametrize("sql", ["SELECT 1; SELECT 2", "SET a = [1]", "DROP TABLE t;-- x\nDROP TABLE u"])
def test_what_the_front_cannot_read_is_refused(sql: str) -> None:
    with pytest.raises(Refused) as refused:
        read(sql)
    assert refused.value.code == 62


@pytest.fixture
def client(clickhouse_settings: ClickHouseSettings) -> Iterator[Client]:
    with client_of(clickhouse_settings) as made:
        made.execute(TABLE)
        yield made


def test_the_front_keeps_every_type(client: Client) -> None:
    client.execute(INSERT, rows(3))
    client.execute(INSERT, [list(column) for column in zip(*rows(3, 3), strict=True)], columnar=True)
    found, columns = client.execute("SELECT * FROM t ORDER BY id", with_column_types=True)
    assert found == rows(6)
    assert dict(columns)["kind"] == "LowCardinality(String)"


def test_a_token_makes_an_insert_happen_once(client: Client) -> None:
    for _ in range(2):
        client.execute(INSERT, rows(100), settings={"insert_deduplication_token": "one"})
    assert count(client) == 100
    client.execute(INSERT, rows(100), settings={"insert_deduplication_token": "other"})
    assert count(client) == 200


def test_a_changed_table_is_seen_by_the_next_insert(client: Client) -> None:
    client.execute(INSERT, rows(1))
    client.execute("ALTER TABLE t ADD COLUMN more String DEFAULT 'usual', DROP COLUMN note")
    client.execute("INSERT INTO t VALUES", [(2, NOON, "kind", [], "said")])
    assert client.execute("SELECT more FROM t ORDER BY id") == [("usual",), ("said",)]
    with pytest.raises(ServerException):
        client.execute(INSERT, rows(1))


def test_settings_hold_for_one_query_or_for_one_session(
    client: Client, clickhouse_settings: ClickHouseSettings
) -> None:
    asked = "SELECT getSetting('max_threads')"
    usual = client.execute(asked)
    assert client.execute(asked, settings={"max_threads": 3}) == [(3,)]
    assert client.execute(asked) == usual
    client.execute("SET max_threads = 5, max_block_size = 100")
    assert client.execute(asked) == [(5,)]
    with client_of(clickhouse_settings) as another:
        assert another.execute(asked) == usual


def test_a_session_has_a_database(client: Client, clickhouse_settings: ClickHouseSettings) -> None:
    with client_of(clickhouse_settings_of_default(clickhouse_settings)) as another:
        with pytest.raises(ServerException):
            count(another)
        another.execute(f"USE {clickhouse_settings.database}")
        assert count(another) == 0


def clickhouse_settings_of_default(settings: ClickHouseSettings) -> ClickHouseSettings:
    return ClickHouseSettings(host=settings.host, port=settings.port, database="default")


def test_parameters_are_put_into_the_text(client: Client) -> None:
    asked = "SELECT %(text)s, %(number)s + 1, %(list)s"
    assert client.execute(asked, {"text": "it's; ", "number": 4, "list": [1, 2]}) == [("it's; ", 5, [1, 2])]


def test_no_rows_have_columns_all_the_same(client: Client) -> None:
    asked = client.execute("SELECT id AS x, kind FROM t", with_column_types=True)
    assert asked == ([], [("x", "UInt64"), ("kind", "LowCardinality(String)")])


def test_many_rows_come_in_blocks(client: Client) -> None:
    blocks = client.execute_iter("SELECT number FROM numbers(200000)", settings={"max_block_size": 50_000})
    assert sum(number for (number,) in blocks) == 200_000 * 199_999 // 2


@pytest.mark.parametrize(
    ("sql", "given", "code"),
    [
        pytest.param("SELECT nope", None, 47, id="unknown column"),
        pytest.param("SELECT 1 FROM nope", None, 60, id="unknown table"),
        pytest.param("INSERT INTO nope (a) VALUES", [(1,)], 60, id="insert into no table"),
        pytest.param("INSERT INTO t (id, nope) VALUES", [(1, 2)], 16, id="insert of no column"),
        pytest.param("SELECT 1; SELECT 2", None, 62, id="two statements"),
        pytest.param("SELECT throwIf(1)", None, 395, id="while it runs"),
        pytest.param("SET nope = 1", None, 115, id="unknown setting"),
    ],
)
def test_a_refusal_has_its_code_and_the_session_goes_on(client: Client, sql: str, given: Any, code: int) -> None:
    with pytest.raises(ServerException) as refused:
        client.execute(sql, given)
    assert refused.value.code == code
    assert count(client) == 0


def test_a_database_that_is_not_there_is_refused_at_once(clickhouse: FrontServer) -> None:
    with pytest.raises(ServerException) as refused:
        client_of(clickhouse_settings_of(clickhouse, "nowhere")).execute("SELECT 1")
    assert refused.value.code == 81


def test_many_clients_at_once_get_their_own_answers(client: Client, clickhouse_settings: ClickHouseSettings) -> None:
    def write(number: int) -> None:
        with client_of(clickhouse_settings) as own:
            for turn in range(5):
                own.execute(INSERT, rows(10), settings={"insert_deduplication_token": f"{number} {turn}"})
                answers.append(own.execute(f"SELECT {number}") == [(number,)])

    answers: list[bool] = []
    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [True] * 40
    assert count(client) == 400


@pytest.fixture
def front(servers: Servers) -> FrontServer:
    """A front to kill and to disturb, with an empty table."""
    made = servers.front()
    with client_of(clickhouse_settings_of(made)) as client:
        client.execute(TABLE)
    return made


def again(front: FrontServer) -> int:
    """How many rows a new client sees."""
    with client_of(clickhouse_settings_of(front)) as client:
        return count(client)


def test_a_killed_front_has_its_rows_and_its_tokens(front: FrontServer) -> None:
    for _ in range(2):
        with client_of(clickhouse_settings_of(front)) as client:
            client.execute(INSERT, rows(100), settings={"insert_deduplication_token": "one"})
        front.kill9()
        front.start()
    assert again(front) == 100


def test_the_front_is_disturbed_on_request(front: FrontServer) -> None:
    settings = clickhouse_settings_of(front)
    front.disturb(Disturbance("fail", on=r"insert into t\b", code=241, message="no memory", times=1))
    with client_of(settings) as client:
        with pytest.raises(ServerException, match="no memory") as refused:
            client.execute(INSERT, rows(1))
        assert (refused.value.code, count(client)) == (241, 0)
        client.execute(INSERT, rows(1))
    front.disturb(Disturbance("drop", on="insert", when="after"))
    with client_of(settings) as client, pytest.raises((Error, EOFError, OSError)):
        client.execute(INSERT, rows(2))
    front.heal()
    assert again(front) == 3
    front.disturb(Disturbance("die", on="insert", when="after", times=1))
    with client_of(settings) as client, pytest.raises((Error, EOFError, OSError)):
        client.execute(INSERT, rows(4))
    until(lambda: not front.running())
    assert again(front.start()) == 7


def test_a_hung_insert_takes_effect_when_it_is_healed(front: FrontServer) -> None:
    front.disturb(Disturbance("hang", on="insert"))
    with client_of(clickhouse_settings_of(front), send_receive_timeout=1) as client, pytest.raises(TimeoutError):
        client.execute(INSERT, rows(5))
    assert (front.disturbed(), again(front)) == ([INSERT], 0)
    front.heal()
    until(lambda: again(front) == 5)
