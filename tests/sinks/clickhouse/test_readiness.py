"""What a server must have for its cluster before tables are made on it."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.sinks.clickhouse.migrate import refuse_unready
from pipeline.errors import ConfigFaults
from pipeline.settings import ClickHouseSettings


class Described:
    """A server by its list of clusters and its macros. ``internal`` is what it says of its shards, if it says that."""

    def __init__(self, *macros: str, clusters: tuple[str, ...] = ("city",), internal: int | None = 1) -> None:
        self.settings = ClickHouseSettings(cluster="city")
        self.macros, self.clusters, self.internal = macros, clusters, internal

    def rows(self, sql: str, values: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
        if "system.macros" in sql:
            return [(macro,) for macro in self.macros]
        if "system.columns" in sql:
            return [(int(self.internal is not None),)]
        if "internal_replication = 0" in sql:
            return [(int(self.internal == 0),)]
        return [(self.clusters.count("city"),)]

    def run(self, sql: str, **settings: Any) -> None:
        raise AssertionError(sql)


def told(server: Described) -> list[str]:
    with pytest.raises(ConfigFaults) as caught:
        refuse_unready(server)
    return [fault.field for fault in caught.value.faults]


@pytest.mark.parametrize("internal", [1, None], ids=["says so", "of a release that does not say"])
def test_a_server_that_is_ready_is_taken(internal: int | None) -> None:
    refuse_unready(Described("shard", "replica", "layer", internal=internal))


def test_without_a_cluster_nothing_is_asked() -> None:
    server = Described()
    server.settings = ClickHouseSettings()
    refuse_unready(server)


def test_all_that_is_missing_is_told_at_once() -> None:
    assert told(Described("shard", clusters=())) == ["city", "macro {replica}"]
    assert told(Described(internal=0)) == ["city", "macro {shard}", "macro {replica}"]
