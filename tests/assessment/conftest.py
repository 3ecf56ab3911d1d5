"""One store for the tests of a module: chdb allows one session a process."""

from collections.abc import Iterator

import pytest

from connectors.sinks.chdb import ChdbStore
from tests.assessment import measuring


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChdbStore]:
    opened = ChdbStore(tmp_path_factory.mktemp("store"), measuring.DDL)
    measuring.HELD.clear()
    opened.query("SET compile_expressions = 0, compile_aggregate_expressions = 0")  # a few rows gain nothing by it
    opened.query("SET final = 0")  # the views themselves must see through replays, whatever a session says
    yield opened
    opened.close()
