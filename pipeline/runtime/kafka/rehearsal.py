"""A simulated day through Kafka: topics, workers, departments and citizens that answer, and tables of what came out.

What came out is written by `wangge sink` to a ClickHouse, or without one to a store of this process. Kafka is given by
its settings, or started for the rehearsal as `make stack` does. Topics have a prefix and tables a database of their
own, so an old rehearsal, or a city on the same servers, is not met.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from connectors.sources.files import FileSource
from pipeline.errors import StopRun
from pipeline.events.facts import Fact, Samples
from pipeline.runtime.answers import Responder
from pipeline.runtime.city import load_city, topology_of
from pipeline.runtime.committer import FactStore
from pipeline.runtime.kafka.conductor import Conductor, Played
from pipeline.runtime.kafka.crew import Crew
from pipeline.runtime.kafka.lanes import LANES, departments_of
from pipeline.runtime.kafka.stillness import groups_of
from pipeline.runtime.local import RunPolicy
from pipeline.runtime.merge import Merged
from pipeline.runtime.workspace import Workspace
from pipeline.settings import ClickHouseSettings, KafkaSettings, Settings

ROOT = Path(__file__).resolve().parents[3]
KEEP = 20_000
"""Facts that wait before they are written to the store."""
ANY_PORT = "127.0.0.1:0"
"""Where workers tell of their health: nobody asks here, and another rehearsal may run on this machine."""
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """How a day is played."""

    folder: Path
    """Where logs of processes go, and the servers that are started for it."""
    city: Path
    workers: int = 2
    partitions: int = 8
    clickhouse: ClickHouseSettings | None = None
    """Where a sink writes the facts; None: no sink is started."""


class StoreFiller:
    """Facts one by one into a store that wants many."""

    def __init__(self, store: FactStore) -> None:
        self._store = store
        self._facts: dict[type[Fact], list[Fact]] = {}
        self._samples: list[Samples] = []
        self._waiting = 0

    def hear(self, fact: Fact | Samples) -> None:
        """Keep one."""
        if isinstance(fact, Samples):
            self._samples.append(fact)
        else:
            self._facts.setdefault(fact.__class__, []).append(fact)
        self._waiting += 1
        if self._waiting >= KEEP:
            self.write()

    def write(self) -> None:
        """Write what waits."""
        self._store.write_packed([self._store.packed(self._facts, self._samples)])
        self._facts, self._samples, self._waiting = {}, [], 0


@contextmanager
def broker(given: str, folder: Path, say: Say) -> Iterator[str]:
    """The address of Kafka: the given one, or that of a stack which lives as long as the context."""
    if given:
        yield given
        return
    say("starting Kafka and what belongs to it")
    try:
        yield _stack("up", folder)
    finally:
        _stack("down", folder)


def own_prefix(kafka: KafkaSettings) -> KafkaSettings:
    """The same broker, with a prefix that no other rehearsal has."""
    return replace(kafka, prefix=f"{kafka.prefix}demo-{_mark()}-")


def own_database(clickhouse: ClickHouseSettings) -> ClickHouseSettings:
    """The same server, with a database that no other rehearsal has."""
    return replace(clickhouse, database=f"{clickhouse.database}_demo_{_mark()}")


def _mark() -> str:
    """Seconds and process: two rehearsals may begin in the same second."""
    return f"{int(time.time())}p{os.getpid()}"


def play(
    rehearsal: Rehearsal, kafka: KafkaSettings, settings: Settings, sources: Sequence[tuple[str, FileSource]],
    store: FactStore | None, responder: Responder | None, policy: RunPolicy, say: Say,
    progress: Callable[[Played], None],
) -> Played:  # fmt: skip
    """Play the sources through Kafka until all facts are in the store, and with a sink in its tables.

    Raises :class:`StopRun` when a process ends.
    """
    city = load_city(settings.reference, rehearsal.city)
    filler, lanes = None if store is None else StoreFiller(store), ",".join(LANES)
    with Crew(rehearsal.folder / "logs", _variables(kafka, rehearsal.clickhouse)) as crew:
        _begin(crew, rehearsal, lanes, say)
        conductor = Conductor(
            topology_of(city, settings), kafka, groups_of([lanes], kafka.prefix), departments_of(city.reference),
            policy, responder, hear=filler.hear if filler else _unheard, progress=progress, check=crew.check,
        )  # fmt: skip
        try:
            played = conductor.play(Merged(sources, {}))
        finally:
            conductor.close()
        if filler:
            filler.write()
        if rehearsal.clickhouse is not None:
            say("waiting until the sink has written everything")
            # the one that ran hands over all partitions, so that this one sees the end of each
            crew.finish("sink")
            crew.once("sink-rest", "sink", "--until-done")
    return played


def sources_of(workspace: Workspace) -> list[tuple[str, FileSource]]:
    """The inputs that a store has taken, as it reads them."""
    kept = [one for group in workspace.kept.groups() for one in group.inputs]
    return [
        (
            one.id,
            FileSource(workspace.kept.path(one), one.name, one.appended_at, one.schema or None, one.mapping or None),
        )
        for one in kept
    ]


def _unheard(fact: Fact | Samples) -> None:
    """The sink writes it."""


def _variables(kafka: KafkaSettings, clickhouse: ClickHouseSettings | None) -> dict[str, str]:
    """What the processes are told besides what the environment says."""
    found = {"WANGGE_KAFKA": kafka.bootstrap, "WANGGE_KAFKA_PREFIX": kafka.prefix}
    return found if clickhouse is None else found | {"WANGGE_CLICKHOUSE_DATABASE": clickhouse.database}


def _begin(crew: Crew, rehearsal: Rehearsal, lanes: str, say: Say) -> None:
    say(f"making topics with {rehearsal.partitions} partitions")
    crew.once("topics", "topics", "apply", "--city", rehearsal.city, "--partitions", rehearsal.partitions,
              "--replication", 1)  # fmt: skip
    if rehearsal.clickhouse is not None:
        say("making tables, starting the sink")
        crew.once("migrate", "migrate")
        crew.start("sink", "sink", "--health", "127.0.0.1:0")
    say(f"starting {rehearsal.workers} workers")
    for number in range(rehearsal.workers):
        crew.start(
            f"worker-{number}", "worker", "--stages", lanes, "--city", rehearsal.city, "--health", ANY_PORT,
            "--poll-records", 1_000,
        )  # fmt: skip


def _stack(what: str, folder: Path) -> str:
    """Start or stop the servers of one machine; gives back the address of Kafka."""
    command = [sys.executable, "-m", "deploy.stack", what, "--json", "--folder", str(folder.absolute())]
    ended = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=False)
    if what == "down":
        return ""
    if ended.returncode != 0:
        message = f"the servers did not start (code {ended.returncode}): name a broker by WANGGE_KAFKA"
        raise StopRun(message)
    address: str = json.loads(ended.stdout)["kafka"]["address"]
    return address
