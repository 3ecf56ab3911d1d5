"""What the comparison of Kafka and ClickHouse says, without either."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.sinks.clickhouse.plan import Range, Record
from connectors.sinks.clickhouse.verify import Account, Auditor
from connectors.sinks.columns import READINGS
from pipeline.wire import serde
from tests.sinks.facts import samples


class Readings:
    """A server that has readings of one device, with what kind of times."""

    def __init__(self, server_type: str, times: list[int]) -> None:
        self.server_type, self.times = server_type, times

    def rows(self, sql: str, values: Any = None, **_: Any) -> list[tuple[Any, ...]]:
        if "system.columns" in sql:
            return [(READINGS, "at", self.server_type)]
        if "quarantine" in sql:
            return []
        return [("d1", "noise", at, "t", 0, 5) for at in self.times if values["from"] <= at <= values["until"]]


@pytest.mark.parametrize(
    ("server_type", "times", "found", "superseded", "missing"),
    [
        pytest.param("DateTime64(3, 'UTC')", [1_234, 1_999, 61_001], 3, 0, 0, id="milliseconds"),
        pytest.param("DateTime64(3, 'UTC')", [1_000, 1_000, 61_001], 1, 0, 2, id="other milliseconds"),
        pytest.param("DateTime('UTC')", [1_000, 1_000, 61_000], 3, 0, 0, id="seconds"),
        pytest.param("DateTime('UTC')", [1_000, 61_000], 2, 1, 0, id="seconds, after a merge"),
        pytest.param("DateTime('UTC')", [1_000, 1_000], 2, 0, 1, id="seconds, of which one is missing"),
    ],
)
def test_readings_are_accounted_for_as_exactly_as_their_times_are_kept(
    server_type: str, times: list[int], found: int, superseded: int, missing: int
) -> None:
    account = Account("t", 0)
    record = Record(5, 1, serde.encode_struct(samples("d1", [1_234, 1_999, 61_001])))
    Auditor(Readings(server_type, times), "db").compare(Range("t", 0, 5, 6, [record]), account, sample=True)
    assert (account.found, account.superseded, account.missing) == (found, superseded, missing)
