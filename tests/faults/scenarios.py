"""The scenarios of the workers. Each runs the whole chain, from sources to ClickHouse, to its end and gives a row."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.stack.servers import ClickHouseServer, KafkaServer
from pipeline.runtime.kafka.points import POINTS
from pipeline.settings import KafkaSettings
from pipeline.wire.serde import encode
from tests.faults.judging import PATIENCE_S, judge
from tests.faults.kept import Kept
from tests.faults.progress import Struck
from tests.faults.rows import Row
from tests.faults.world import SESSION_MS, Engine, Record, World, inputs_of
from tests.support.servers import FrontServer

INTAKE, CASEWORK = "intake,detect,urgent", "casework"
BOTH = f"{INTAKE},{CASEWORK}"
PAST_SESSION_S = SESSION_MS / 1000 * 2 + 4


@dataclass(frozen=True)
class Stage:
    """What scenarios share: a broker of their own, a simulated city, a folder, and how much is sent."""

    kafka: KafkaServer
    city: Path
    folder: Path
    limit: int
    per_second: float

    @property
    def records(self) -> int:
        """How many records a scenario sends."""
        return len(self.inputs())

    def inputs(self) -> Sequence[Record]:
        """The input of each scenario."""
        return inputs_of(self.city, self.limit)

    @contextmanager
    def world(self, name: str, *, old: bool = False) -> Iterator[World]:
        """A world with topics, a ClickHouse and tables of its own: a current one, or 18.16."""
        settings = KafkaSettings(bootstrap=self.kafka.address, prefix=f"{name}-{os.getpid()}.")
        folder, own = self.folder / name / "clickhouse", os.getpid()
        engine: Engine = ClickHouseServer(folder, leash=own) if old else FrontServer(folder, leash=own)
        with engine, World(settings, self.city, self.folder / name, engine) as world:
            yield world

    @contextmanager
    def chain(self, name: str, dying: Mapping[str, Sequence[str]] = {}, *, old: bool = False) -> Iterator[World]:
        """A world with intake, casework and sink, some of them dying at points in turn."""
        with self.world(name, old=old) as world:
            world.worker("intake", INTAKE, dying.get("intake", ()))
            world.worker("casework", CASEWORK, dying.get("casework", ()))
            world.sink(variants=dying.get("sink", ()))
            yield world


SPOILED: Record = ("facts.work", "spoiled", b"no fact at all")
Scenario = Callable[[Stage], Row]


def until_killed(kept: Sequence[Kept], kills: int) -> Callable[[float], bool]:
    """Holds the load back so that an equal part of it is sent in each life, however fast the machine is."""
    return lambda share: share * (kills + 1) > sum(len(one.deaths) for one in kept) + 1


def lived(stage: Stage, world: World, name: str, what: str, kills: int) -> Row:
    """The load, an equal part of it in each life of the process of this name, and what became of it."""
    world.publish(stage.inputs(), per_second=stage.per_second, held=until_killed([world.processes[name]], kills))
    return judge(name, what, world, stage.records, wanted_kills=kills)


def marked(name: str, *, at: int = 2) -> Scenario:
    """kill -9 of a worker at every marked point of its loop, when it comes there the ``at``-th time."""
    points = [f"{point}:{at}" for point in POINTS]

    def run(stage: Stage) -> Row:
        with stage.chain(name, {name: points}) as world:
            return lived(stage, world, name, f"kill -9 of {name} at every point", len(points))

    return run


def whole(stage: Stage) -> Row:
    """kill -9 of a worker for all stages at every marked point: casework's messages are worked with intake's polls."""
    points = [f"{point}:3" for point in POINTS]
    with stage.world("whole") as world:
        world.worker("whole", BOTH, points)
        world.sink()
        return lived(stage, world, "whole", "kill -9 of a worker for all stages at every point", len(points))


def at_random(kills: int, seed: int) -> Scenario:
    """kill -9 of intake, casework or sink at any moment."""

    def run(stage: Stage) -> Row:
        dice = random.Random(seed)
        with stage.chain("random") as world:
            kept = list(world.processes.values())
            world.publish(stage.inputs(), per_second=stage.per_second, held=until_killed(kept, kills))
            world.ledger.wait(stage.records // 50, PATIENCE_S)
            for number in range(kills):
                watch(world, dice.uniform(0.5, 4.0))
                kept[number % len(kept)].kill()
            watch(world, 1)
            return judge("random", "kill -9 of any process at random", world, stage.records, wanted_kills=kills)

    return run


def frozen(name: str, what: str) -> Scenario:
    """SIGSTOP past the session in the middle of a block, another takes over, SIGCONT wakes the zombie."""

    def run(stage: Stage) -> Row:
        points = {"casework": ["flushed:5:stop"]} if name == "zombie" else {"sink": ["planned:5:stop"]}
        (first,) = points
        with stage.chain(name, points) as world:
            zombie, woken, second = world.processes[first], threading.Event(), f"{first}-b"

            def held(share: float) -> bool:
                return (share > 0.3 and second not in world.processes) or (share > 0.7 and not woken.is_set())

            world.publish(stage.inputs(), per_second=stage.per_second, held=held)
            struck = until_frozen(world, zombie)
            if first == "sink":
                world.sink(second)
            else:
                world.worker(second, CASEWORK)
            watch(world, PAST_SESSION_S)
            zombie.kill(signal.SIGCONT)
            woken.set()
            return judge(name, what, world, stage.records, struck=[struck])

    return run


def until_frozen(world: World, kept: Kept) -> Struck:
    """Wait until a process has stopped itself. Raises ``TimeoutError``."""
    deadline = time.monotonic() + PATIENCE_S
    while not kept.frozen():
        world.ledger.read()
        if time.monotonic() > deadline:
            message = "the point at which it is to freeze was not reached"
            raise TimeoutError(message)
    return Struck(time.monotonic(), (kept.group,))


def with_spoiled(records: Sequence[Record], since: float = 0.0) -> list[Record]:
    """Now and then a record among the facts that no sink can write, so that it is set aside.

    ``since`` is the share of the load before the first: a block of nothing else has no row to look for or to insert.
    """
    every, first = max(len(records) // 40, 1), int(len(records) * since)
    spoiled = {number for number in range(first, len(records), every)}
    return [one for number, record in enumerate(records) for one in (record, *([SPOILED] * (number in spoiled)))]


def kafka_killed(stage: Stage) -> Row:
    """kill -9 and restart of the broker under load."""
    with stage.chain("kafka") as world:
        groups = tuple(kept.group for kept in world.processes.values())
        world.publish(with_spoiled(stage.inputs()), per_second=stage.per_second)
        struck = []
        for share in (5, 2):
            world.ledger.wait(stage.records // share // 2, PATIENCE_S)
            stage.kafka.kill9()
            struck.append(Struck(time.monotonic(), groups))
            time.sleep(1)
            stage.kafka.start()
        row = judge("kafka", "kill -9 and restart of Kafka, twice", world, stage.records, struck=struck)
        row.notes.append(f"processes that started again: {len(world.deaths())}")
        return row


def rebalanced(stage: Stage) -> Row:
    """1, then 3, then 2 workers under load."""
    with stage.world("rebalance") as world:
        world.sink()
        world.worker("one", BOTH)
        world.publish(stage.inputs(), per_second=stage.per_second)
        world.ledger.wait(stage.records // 5, PATIENCE_S)
        world.worker("two", BOTH)
        world.worker("three", BOTH)
        grown = time.monotonic()
        world.ledger.wait(stage.records * 3 // 5, PATIENCE_S)
        world.retire("two")
        struck = [Struck(grown, (world.processes["one"].group,), until=time.monotonic())]
        return judge("rebalance", "rebalance: 1, 3, 2 workers", world, stage.records, struck=struck)


def poisoned(stage: Stage) -> Row:
    """Records that nobody can read among the good ones, on every kind of topic."""
    good = list(stage.inputs())
    bad: list[Record] = []
    for number in range(60):
        topic = ("reports.hotline", "reports.located", "readings.sensor", "actions.sanitation")[number % 4]
        value = (b"", b"\xc3\x01garbage", b"\x00" * 300, encode("PatrolLog", patrol(number))[:-3])[number % 3]
        bad.append((topic, f"poison-{number}", value))
    mixed = [record for number, one in enumerate(good) for record in (one, *bad[number : number + 1])]
    with stage.chain("poison") as world:
        world.publish(mixed, per_second=stage.per_second)
        row = judge("poison", "poison records on every kind of topic", world, len(mixed))
        kept = len(world.ledger.effects["RecordQuarantined"])
        row.notes.append(f"{len(bad)} poisoned, {kept} records in quarantine")
        row.lost += max(len(bad) - kept, 0)
        return row


def repeated(stage: Stage) -> Row:
    """A producer that sends every report three times: settled three times, answered once."""
    reports = [record for record in stage.inputs() if record[0].startswith("reports.")]
    with stage.chain("repeat") as world:
        world.publish(reports, times=3, per_second=stage.per_second)
        row = judge("repeat", "producer that sends each report 3 times", world, 3 * len(reports))
        again = sum(n for (_, _, outcome), n in world.ledger.settled.items() if outcome == "redelivered")
        row.notes.append(f"{again} of {3 * len(reports)} answered as redelivered")
        row.doubled += max(2 * len(reports) - again, 0)
        return row


def patrol(number: int) -> dict[str, object]:
    """A patrol as a source system would log it."""
    return {
        "source_system": "grid-app", "source_ref": f"p-{number}", "received_at": 1_785_718_800_000, "worker_id": "w1",
        "started_at": 1_785_718_800_000, "ended_at": 1_785_718_800_000,
    }  # fmt: skip


def watch(world: World, seconds: float) -> None:
    """Read the ledger for a while."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        world.ledger.read()


WORKERS: dict[str, Scenario] = {
    "intake": marked("intake"),
    "casework": marked("casework"),
    "whole": whole,
    "random": at_random(12, seed=7),
    "zombie": frozen("zombie", "casework: SIGSTOP past the session, SIGCONT"),
    "kafka": kafka_killed,
    "rebalance": rebalanced,
    "poison": poisoned,
    "repeat": repeated,
}
"""Scenarios of the workers by name."""
