"""The scenarios of the matrix. Each one runs to its end and gives a row; none of them may lose or double anything."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from deploy.stack.servers import KafkaServer
from pipeline.runtime.kafka.points import POINTS
from pipeline.settings import KafkaSettings
from pipeline.wire.serde import encode
from tests.faults.world import Record, World, inputs_of
from tests.support.servers import FrontServer, clickhouse_settings_of

SESSION_S = 6
"""Session of every member here; a frozen worker is out of its group after it."""
PATIENCE_S = 300


@dataclass
class Row:
    """One line of the table."""

    scenario: str
    records: int
    distinct: int
    lost: int
    doubled: int
    kills: int
    recovery_s: float
    notes: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Nothing lost, nothing doubled."""
        return self.lost == 0 and self.doubled == 0


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
    def world(self, name: str, front: FrontServer | None = None) -> Iterator[World]:
        """A world with topics of its own, and tables when there is a ClickHouse."""
        settings = KafkaSettings(bootstrap=self.kafka.address, prefix=f"{name}-{os.getpid()}.")
        clickhouse = clickhouse_settings_of(front, "wangge") if front is not None else None
        with World(settings, self.city, self.folder / name, clickhouse) as world:
            yield world

    @contextmanager
    def front(self, name: str) -> Iterator[FrontServer]:
        """A current ClickHouse of its own."""
        with FrontServer(self.folder / f"front-{name.strip(':')}-{time.monotonic_ns()}", leash=os.getpid()) as front:
            yield front


Scenario = Callable[[Stage], Row]


def _ended(name: str, world: World, records: int, deaths: Sequence[float] | None = None, **notes: object) -> Row:
    """Wait until all is settled and everything is quiet, then count."""
    world.published()
    world.ledger.wait(records, PATIENCE_S)
    world.ledger.rest()
    ledger, dead = world.ledger, list(world.deaths() if deaths is None else deaths)
    return Row(
        name, records, ledger.distinct(), records - min(ledger.records, records),
        ledger.doubled() + max(ledger.records - records, 0), len(dead), ledger.recovery(dead),
        [f"{key} {value}" for key, value in notes.items()],
    )  # fmt: skip


def marked(stages: str, *, at: int = 2) -> Scenario:
    """kill -9 of the worker of some lanes at every marked point of its loop, when it comes there the ``at``-th time."""

    def run(stage: Stage) -> Row:
        with stage.world(f"marked-{stages.replace(',', '-')}") as world:
            points = [f"{point}:{at}" for point in POINTS]
            for lanes in ("intake,detect,urgent", "casework"):
                world.worker(lanes.partition(",")[0], lanes, points if lanes == stages else ())
            world.publish(stage.inputs(), per_second=stage.per_second)
            return _ended(f"kill -9 at every point: {stages}", world, stage.records)

    return run


def at_random(kills: int, seed: int) -> Scenario:
    """kill -9 of either worker at any moment."""

    def run(stage: Stage) -> Row:
        dice = random.Random(seed)
        with stage.world("random") as world:
            workers = [world.worker("intake", "intake,detect,urgent"), world.worker("casework", "casework")]
            world.publish(stage.inputs(), per_second=stage.per_second)
            for _ in range(kills):
                watch(world, dice.uniform(0.5, 4.0))
                dice.choice(workers).kill()
            return _ended("kill -9 at random", world, stage.records)

    return run


def frozen(stage: Stage) -> Row:
    """SIGSTOP past the session in the middle of a transaction, another worker takes over, SIGCONT wakes the zombie."""
    with stage.world("zombie") as world:
        world.worker("intake", "intake,detect,urgent")
        zombie = world.worker("casework-a", "casework", ["flushed:5:stop"])
        world.publish(stage.inputs(), per_second=stage.per_second)
        world.ledger.wait(stage.records // 20, PATIENCE_S)
        world.worker("casework-b", "casework")
        watch(world, SESSION_S * 2 + 4)
        zombie.kill(signal.SIGCONT)
        return _ended("SIGSTOP past the session, SIGCONT", world, stage.records)


def kafka_killed(stage: Stage) -> Row:
    """kill -9 and restart of the broker under load."""
    with stage.world("broker") as world:
        world.worker("intake", "intake,detect,urgent")
        world.worker("casework", "casework")
        world.publish(stage.inputs(), per_second=stage.per_second)
        deaths = []
        for share in (5, 2):
            world.ledger.wait(stage.records // share // 2, PATIENCE_S)
            stage.kafka.kill9()
            deaths.append(time.monotonic())
            time.sleep(1)
            stage.kafka.start()
        row = _ended("kill -9 and restart of Kafka", world, stage.records, deaths)
        row.notes.append(f"worker restarts {len(world.deaths())}")
        return row


def rebalanced(stage: Stage) -> Row:
    """1, then 3, then 2 workers under load."""
    with stage.world("rebalance") as world:
        lanes = "intake,detect,urgent,casework"
        world.worker("one", lanes)
        world.publish(stage.inputs(), per_second=stage.per_second)
        world.ledger.wait(stage.records // 5, PATIENCE_S)
        world.worker("two", lanes)
        world.worker("three", lanes)
        world.ledger.wait(stage.records * 3 // 5, PATIENCE_S)
        world.processes.pop("two").stop()
        return _ended("rebalance 1, 3, 2 workers", world, stage.records)


def poisoned(stage: Stage) -> Row:
    """Records that nobody can read among the good ones, on every kind of topic."""
    good = list(stage.inputs())
    bad: list[Record] = []
    for number in range(60):
        topic = ("reports.hotline", "reports.located", "readings.sensor", "actions.sanitation")[number % 4]
        value = (b"", b"\xc3\x01garbage", b"\x00" * 300, encode("PatrolLog", _patrol(number))[:-3])[number % 3]
        bad.append((topic, f"poison-{number}", value))
    mixed = [record for number, one in enumerate(good) for record in (one, *bad[number : number + 1])]
    with stage.world("poison") as world:
        world.worker("intake", "intake,detect,urgent")
        world.worker("casework", "casework")
        world.publish(mixed, per_second=stage.per_second)
        row = _ended("poison records", world, len(mixed))
        row.notes.append(f"in quarantine {len(world.ledger.effects['RecordQuarantined'])}")
        return row


def repeated(stage: Stage) -> Row:
    """A producer that sends every report three times: settled three times, filed once."""
    reports = [record for record in stage.inputs() if record[0].startswith("reports.")]
    with stage.world("repeat") as world:
        world.worker("intake", "intake,detect,urgent")
        world.worker("casework", "casework")
        world.publish(reports, times=3)
        row = _ended("producer that repeats (3 times)", world, 3 * len(reports))
        redelivered = sum(n for (_, _, outcome), n in world.ledger.settled.items() if outcome == "redelivered")
        row.notes.append(f"redelivered {redelivered}")
        return row


def _patrol(number: int) -> dict[str, object]:
    return {
        "source_system": "grid-app", "source_ref": f"p-{number}", "received_at": 1_785_718_800_000, "worker_id": "w1",
        "started_at": 1_785_718_800_000, "ended_at": 1_785_718_800_000,
    }  # fmt: skip


def watch(world: World, seconds: float) -> None:
    """Read the ledger for a while."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        world.ledger.read()


SHORT: dict[str, Scenario] = {
    "casework": marked("casework", at=1),
    "intake": marked("intake,detect,urgent", at=1),
}
"""What ``make test`` runs."""
WORKERS: dict[str, Scenario] = {
    "casework": marked("casework"),
    "intake": marked("intake,detect,urgent"),
    "random": at_random(10, seed=7),
    "zombie": frozen,
    "broker": kafka_killed,
    "rebalance": rebalanced,
    "poison": poisoned,
    "repeat": repeated,
}
"""Scenarios of the workers by name."""
