"""Bring a database to the numbered statements of ``schemas/clickhouse``: each file once, in order, with its checksum.

A file that was applied and changed since is a fault, for the tables would no longer be what it says; files that only
replace views are run again instead. Statements are such that running one again changes nothing, so a migration that
was cut off is simply started anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from connectors.sinks.clickhouse.ddl import Migration, for_server
from pipeline.errors import ConfigFaults, Fault
from pipeline.settings import ClickHouseSettings

_LEDGER = """CREATE TABLE IF NOT EXISTS wangge.migrations
(
    number UInt32,
    name String,
    checksum String,
    applied_at DateTime
)
ENGINE = ReplacingMergeTree(applied_at)
ORDER BY (number)"""

_YOUNGEST = "DateTime64"
"""A type that the tables need and that servers before 20.1 lack, among them Debian's 18.16."""

PATIENCE_S = 200.0
"""Longer than ClickHouse waits for all servers of a cluster (``distributed_ddl_task_timeout``, 180 s as a rule): who
gives up sooner does not hear which of them did not answer."""


class Runs(Protocol):
    """What is asked of a server."""

    settings: ClickHouseSettings

    def rows(self, sql: str, values: dict[str, object] | None = None) -> list[tuple[object, ...]]:
        """The rows of a query."""

    def run(self, sql: str, **settings: Any) -> None:
        """Run one statement."""


_MACROS = ("shard", "replica")
"""What the paths of replicated tables are made of."""
_DESCRIBED = "describe it under <remote_servers> of every server, or correct WANGGE_CLICKHOUSE_CLUSTER"
_OWN = "give every server a <macros> with a shard and a replica of its own"
_INTERNAL = "say <internal_replication>true</internal_replication> for each shard: its tables copy rows by themselves"


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be done with one migration: ``apply``, ``again`` or ``keep``."""

    migration: Migration
    what: str


def refuse_old(server: Runs) -> None:
    """Raise :class:`ConfigFaults` when a server is too old for the tables, before it says so in its own words."""
    ((known, version),) = server.rows(
        "SELECT count(), version() FROM system.data_type_families WHERE name = %(type)s", {"type": _YOUNGEST}
    )
    if not known:
        remedy = f"it has no {_YOUNGEST}, which the tables need: name a current server by WANGGE_CLICKHOUSE"
        raise ConfigFaults([Fault("ClickHouse", "version", str(version), remedy)])


def refuse_unready(server: Runs) -> None:
    """Raise :class:`ConfigFaults` with all that this server lacks for its cluster, before half of the tables are made.

    What the other servers lack they say themselves, by the first statement that reaches them.
    """
    name = server.settings.cluster
    if not name:
        return
    faults = [] if _internal(server, name) else [Fault("ClickHouse", name, "internal_replication is off", _INTERNAL)]
    if not _count(server, "system.clusters WHERE cluster = %(name)s", name):
        faults = [Fault("ClickHouse", name, "no such cluster", _DESCRIBED)]
    known = {str(row[0]) for row in server.rows("SELECT macro FROM system.macros")}
    faults += [Fault("ClickHouse", f"macro {{{macro}}}", "not set", _OWN) for macro in _MACROS if macro not in known]
    if faults:
        raise ConfigFaults(faults)


def _internal(server: Runs, name: str) -> bool:
    """Whether replicas copy rows by themselves, as far as this release of ClickHouse tells."""
    column = "internal_replication"
    told = _count(server, "system.columns WHERE database = 'system' AND table = 'clusters' AND name = %(name)s", column)
    return not told or not _count(server, f"system.clusters WHERE cluster = %(name)s AND {column} = 0", name)


def _count(server: Runs, source: str, name: str) -> int:
    ((found,),) = server.rows(f"SELECT count() FROM {source}", {"name": name})
    return int(str(found))


def planned(wanted: Sequence[Migration], applied: dict[int, str]) -> list[Step]:
    """What is to be done, by number. Raises :class:`ConfigFaults` when an applied file has changed or is missing."""
    faults = [
        Fault("migrations", one.name, "changed after it was applied", "undo the change and write a new numbered file")
        for one in wanted
        if applied.get(one.number, one.checksum) != one.checksum and not one.repeatable
    ]
    known = {one.number for one in wanted}
    faults += [
        Fault("migrations", f"{number:04d}", "applied, but not in this release", "run a release that has it")
        for number in sorted(applied.keys() - known)
    ]
    if faults:
        raise ConfigFaults(faults)
    return [Step(one, _what(one, applied)) for one in wanted]


def _what(one: Migration, applied: dict[int, str]) -> str:
    if one.number not in applied:
        return "apply"
    return "keep" if applied[one.number] == one.checksum else "again"


def applied_on(server: Runs) -> dict[int, str]:
    """Checksums of what was applied, by number; empty for a database that is not there yet."""
    database = server.settings.database
    ledger = server.rows(
        "SELECT count() FROM system.tables WHERE database = %(database)s AND name = 'migrations'",
        {"database": database},
    )
    if not ledger[0][0]:
        return {}
    sql = f"SELECT number, argMax(checksum, applied_at) FROM {database}.migrations GROUP BY number"
    return {int(str(number)): str(checksum) for number, checksum in server.rows(sql)}


def migrate(server: Runs, wanted: Sequence[Migration]) -> list[Step]:
    """Apply what is missing and tell what was done. Raises :class:`ConfigFaults` before anything is changed."""
    steps = planned(wanted, applied_on(server))
    settings = server.settings
    cluster = f" ON CLUSTER '{settings.cluster}'" if settings.cluster else ""
    server.run(f"CREATE DATABASE IF NOT EXISTS {settings.database}{cluster}")
    for statement in for_server(_LEDGER, settings):
        server.run(statement)
    for step in steps:
        if step.what != "keep":
            for statement in step.migration.statements:
                server.run(statement)
            _note(server, step.migration)
    return steps


def _note(server: Runs, one: Migration) -> None:
    # a front hands rows on later unless told otherwise: whoever migrates next would not know of this one
    at_once = {"insert_distributed_sync": 1} if server.settings.cluster else {}
    server.run(
        f"INSERT INTO {server.settings.database}.migrations (number, name, checksum, applied_at) "
        f"SELECT {one.number}, '{one.name}', '{one.checksum}', now()",
        **at_once,
    )
