"""The scenarios of the sink: killed, frozen, its ClickHouse hung, killed, away, or a million records ahead of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from connectors.sinks.clickhouse.broker import GROUP
from pipeline.wire.serde import encode
from tests.faults.judging import PATIENCE_S, judge
from tests.faults.progress import Struck
from tests.faults.rows import Row
from tests.faults.scenarios import INTAKE, Scenario, Stage, frozen, patrol, until_killed, watch, with_spoiled
from tests.faults.world import MEMORY_MB, Record, World
from tests.faults.world import PATIENCE_S as INSERT_S
from tests.support.front.disturbance import Disturbance
from tests.support.servers import FrontServer

LIVES = ("taken", "planned", "recovering", "probed", "between", "inserted", "quarantined", "done")
"""Where the sink dies in each of its lives: after a death behind a plan, the next two die while they repair."""
SPOILED_SINCE = 0.65
"""After the life that dies between two tables, before the one that dies behind quarantine."""
FLOOD = 100_000
LAG = 1_000_000
AWAY_S = 60
HANGING = 2
"""Inserts that hang: as many as the sink does at a time."""
HELD_MB = 2 * MEMORY_MB
"""Megabytes of records that may wait in a sink: what it was given, and fetches that were on their way. The flood alone
would be half as much again."""
MOST_MB = 160
"""Megabytes that its process may take in all: what Python and its libraries take, and what waits."""
LAG_S = 480
"""Seconds in which a lag of a million has to be settled."""


def _lives(at: int) -> list[str]:
    once = ("recovering", "probed", "quarantined")
    return [f"{point}:{1 if point in once else at}" for point in LIVES]


def killed(name: str, *, at: int = 2, old: bool = False) -> Scenario:
    """kill -9 of the sink at every marked point of its loop."""
    server = "18.16, which knows no tokens" if old else "a current ClickHouse"

    def run(stage: Stage) -> Row:
        with stage.chain(name, {"sink": _lives(at)}, old=old) as world:
            held = until_killed([world.processes["sink"]], len(LIVES))
            world.publish(with_spoiled(stage.inputs(), SPOILED_SINCE), per_second=stage.per_second, held=held)
            what = f"kill -9 of sink at every point ({server})"
            row = judge(name, what, world, stage.records, wanted_kills=len(LIVES))
            row.notes.append(f"{world.ledger.unreadable} spoiled facts set aside")
            return row

    return run


Act = Callable[[World], list[Struck]]


def disturbed(name: str, what: str, act: Act, *, old: bool = False) -> Scenario:
    """The chain under load, while ``act`` does what it does to ClickHouse."""

    def run(stage: Stage) -> Row:
        with stage.chain(name, old=old) as world:
            started = threading.Event()
            world.publish(stage.inputs(), per_second=stage.per_second, held=_until(started))
            until_writing(world)
            started.set()
            return judge(name, what, world, stage.records, struck=act(world))

    return run


def _until(started: threading.Event) -> Callable[[float], bool]:
    """Holds most of the load back until there is somebody to carry it, so that the fault meets a load."""
    return lambda share: share > 0.1 and not started.is_set()


def until_writing(world: World) -> None:
    """Wait until the sink has written its first blocks: only then is there something to disturb."""
    deadline = time.monotonic() + PATIENCE_S
    while not world.status("sink").get("blocks", 0):
        watch(world, 0.2)
        if time.monotonic() > deadline:
            message = "the sink writes nothing"
            raise TimeoutError(message)


def _hung(world: World) -> list[Struck]:
    """Inserts hang until the sink has given them up and done them again; then they take effect after all."""
    assert isinstance(world.engine, FrontServer)
    world.engine.disturb(Disturbance("hang", on="INSERT INTO", times=HANGING))
    while not world.engine.disturbed():
        world.ledger.read()
    begun = time.monotonic()
    while world.status("sink").get("retries", 0) < HANGING:
        watch(world, 0.1)
    done = time.monotonic()
    world.notes.append(f"the inserts that hung were given up and sent again after {done - begun:.1f} s")
    watch(world, INSERT_S)
    world.engine.heal()
    return [Struck(begun, (GROUP,), until=done)]


def _stopped(world: World) -> list[Struck]:
    """The whole server hangs until the sink has given its inserts up; then it does what it was sent."""
    struck = []
    for _ in range(2):
        world.engine.pause()
        struck.append(Struck(time.monotonic(), (GROUP,)))
        watch(world, INSERT_S + 3)
        world.engine.resume()
        watch(world, 3)
    return struck


def _engine_killed(world: World) -> list[Struck]:
    struck = []
    for _ in range(3):
        watch(world, 3)
        world.engine.kill9()
        struck.append(Struck(time.monotonic(), (GROUP,)))
        world.engine.start()
    return struck


@dataclass
class Held:
    """What a sink held while ClickHouse was away, at most."""

    paused: int = 0
    """Partitions that were not read on."""
    waiting_mb: float = 0.0
    """Megabytes of records that waited."""
    peak_mb: int = 0
    """Megabytes that the process took."""

    def look(self, told: dict[str, Any]) -> None:
        """Take in what the sink says of itself."""
        self.paused = max(self.paused, told.get("paused", 0))
        self.waiting_mb = max(self.waiting_mb, told.get("size", 0) / 1e6)

    def unmet(self) -> list[str]:
        """What should have been otherwise."""
        wrong = {
            "no partition was held back": not self.paused,
            f"{self.waiting_mb:.1f} MB of records waited, {HELD_MB:g} MB may": self.waiting_mb > HELD_MB,
            f"the sink took {self.peak_mb} MB, {MOST_MB} MB it may": self.peak_mb > MOST_MB,
        }
        return [what for what, so in wrong.items() if so]


def away(stage: Stage) -> Row:
    """No ClickHouse for a minute under load, and a flood on top of it: the sink holds back and goes on by itself."""
    with stage.chain("away") as world:
        started = threading.Event()
        rate = min(stage.per_second, stage.records / AWAY_S)
        world.publish(stage.inputs(), per_second=rate, held=_until(started))
        until_writing(world)
        started.set()
        world.engine.kill9()
        struck = Struck(time.monotonic(), (GROUP,))
        world.publish(list(patrols(FLOOD)))
        held = Held()
        while time.monotonic() < struck.at + AWAY_S:
            watch(world, 1)
            held.look(world.status("sink"))
        held.peak_mb = world.processes["sink"].peak_mb
        world.engine.start()
        row = judge("away", "ClickHouse away for 60 s under load", world, stage.records + FLOOD, struck=[struck])
        row.unmet = held.unmet()
        row.notes.append(
            f"{held.paused} partitions held back with {held.waiting_mb:.0f} MB of records waiting; the sink took at "
            f"most {held.peak_mb} MB of memory"
        )
        return row


def rebalanced(stage: Stage) -> Row:
    """1, then 3, then 2 sinks under load."""
    with stage.chain("sinks") as world:
        world.publish(stage.inputs(), per_second=stage.per_second)
        world.ledger.wait(stage.records // 5, PATIENCE_S)
        world.sink("sink-b")
        world.sink("sink-c")
        grown = time.monotonic()
        world.ledger.wait(stage.records * 3 // 5, PATIENCE_S)
        world.retire("sink-b")
        struck = [Struck(grown, (GROUP,), until=time.monotonic())]
        return judge("sinks", "rebalance: 1, 3, 2 sinks", world, stage.records, struck=struck)


def lagging(stage: Stage) -> Row:
    """Intake and a sink that start with a million records waiting."""
    with stage.world("lag") as world:
        world.fill(patrols(LAG))
        begun = time.monotonic()
        intake, sink = world.worker("intake", INTAKE, poll=1_000), world.sink()
        world.ledger.wait(LAG, LAG_S)
        settled = time.monotonic() - begun
        row = judge("lag", "intake and sink lag by 1,000,000 records", world, LAG)
        row.notes.append(
            f"settled after {settled:.0f} s; memory up to {intake.peak_mb} MB in intake, {sink.peak_mb} MB in sink"
        )
        return row


def patrols(number: int) -> Iterator[Record]:
    """So many patrols, each with an id of its own."""
    return (("work.logs", f"grid-app/p-{one}", encode("PatrolLog", patrol(one))) for one in range(number))


SINKING: dict[str, Scenario] = {
    "sink": killed("sink"),
    "sink-18": killed("sink-18", old=True),
    "sink-zombie": frozen("sink-zombie", "sink: SIGSTOP past the session, SIGCONT"),
    "hung": disturbed("hung", "inserts hang, and take effect late", _hung),
    "hung-18": disturbed("hung-18", "ClickHouse 18.16 hangs, twice", _stopped, old=True),
    "clickhouse": disturbed("clickhouse", "kill -9 and restart of ClickHouse, 3 times", _engine_killed),
    "clickhouse-18": disturbed(
        "clickhouse-18", "kill -9 and restart of ClickHouse 18.16, 3 times", _engine_killed, old=True
    ),
    "away": away,
    "sinks": rebalanced,
    "lag": lagging,
}
"""Scenarios of the sink by name."""
