"""Scenarios of the sink: killed, frozen, its ClickHouse hung, killed, away; `wangge verify` is the judge."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable

import msgspec
from confluent_kafka import Producer

from connectors.kafka.config import for_librdkafka
from pipeline.events.facts import PatrolLogged
from pipeline.wire.serde import encode_struct
from tests.faults.scenarios import PATIENCE_S, SESSION_S, Row, Scenario, Stage, watch
from tests.faults.world import World
from tests.support.front.disturbance import Disturbance
from tests.support.servers import FrontServer

POINTS = ("taken", "planned", "between", "inserted", "done")
"""Points of the sink's loop that every block passes."""
LAG = 1_000_000


def _judged(name: str, stage: Stage, world: World, front: FrontServer, deaths: list[float], **notes: object) -> Row:
    """Wait until every record is settled and written, then let `verify` say what is missing or doubled."""
    world.published()
    world.ledger.wait(stage.records, PATIENCE_S)
    world.ledger.rest()
    return judge(name, stage.records, world, deaths, **notes)


def judge(name: str, records: int, world: World, deaths: list[float], **notes: object) -> Row:
    """What `wangge verify` says once nothing is pending."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        told = _verify(world)
        total = told["totals"]
        settled = not total["pending"] and (total["missing"] == 0 or time.monotonic() > deadline)
        if settled or time.monotonic() > deadline:
            break
        time.sleep(1)
    lost = total["missing"] + total["pending"] + total["differing"]
    ledger = world.ledger
    return Row(
        name, records, total["rows"], lost, total["doubled"] + total["stray"] + ledger.doubled(), len(deaths),
        ledger.recovery(deaths), [f"verify {told['right']}", *(f"{key} {value}" for key, value in notes.items())],
    )  # fmt: skip


def _verify(world: World) -> dict[str, dict[str, int]]:
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", "verify", "--json"],
        env=world.environment(),
        capture_output=True,
        check=False,
    )
    if not done.stdout:
        raise RuntimeError(done.stderr.decode())
    found: dict[str, dict[str, int]] = msgspec.json.decode(done.stdout)
    return found


def _with_sink(
    name: str, act: Callable[[Stage, World, FrontServer], list[float]], points: tuple[str, ...] = ()
) -> Scenario:
    """Both workers and a sink under load, while ``act`` does what it does."""

    def run(stage: Stage) -> Row:
        with stage.front(name.split()[0]) as front, stage.world(f"sink-{act.__name__.strip('_')}", front) as world:
            world.migrate()
            world.worker("intake", "intake,detect,urgent")
            world.worker("casework", "casework")
            world.sink(variants=[f"{point}:2" for point in points])
            world.publish(stage.inputs(), per_second=stage.per_second)
            deaths = act(stage, world, front)
            return _judged(name, stage, world, front, deaths or world.deaths())

    return run


def _killed(stage: Stage, world: World, front: FrontServer) -> list[float]:
    sink = world.processes["sink"]
    while len(sink.deaths) < len(POINTS):
        world.ledger.read()
        if not world.busy() and world.ledger.records >= stage.records:
            break
    return []


def _hung(stage: Stage, world: World, front: FrontServer) -> list[float]:
    watch(world, 3)
    front.disturb(Disturbance("hang", on="INSERT INTO", times=2))
    begun = time.monotonic()
    watch(world, 35)
    front.heal()
    return [begun]


def _engine_killed(stage: Stage, world: World, front: FrontServer) -> list[float]:
    deaths = []
    for _ in range(3):
        watch(world, 3)
        front.kill9()
        deaths.append(time.monotonic())
        front.start()
    return deaths


def _away(stage: Stage, world: World, front: FrontServer) -> list[float]:
    watch(world, 3)
    front.kill9()
    begun = time.monotonic()
    watch(world, 60)
    front.start()
    return [begun]


def _zombie(stage: Stage, world: World, front: FrontServer) -> list[float]:
    sink = world.processes["sink"]
    watch(world, 3)
    sink.kill(signal.SIGSTOP)
    world.sink("sink-b")
    watch(world, SESSION_S * 2 + 4)
    sink.kill(signal.SIGCONT)
    return []


def lagging(stage: Stage) -> Row:
    """A sink that starts with a million records waiting."""
    with stage.front("lag") as front, stage.world("sink-lag", front) as world:
        world.migrate()
        _fill(world, LAG)
        begun = time.monotonic()
        world.sink()
        row = judge("sink that lags by 1M records", LAG, world, [])
        row.notes.append(f"{LAG / (time.monotonic() - begun):,.0f} records/s with start and verify")
        return row


def _fill(world: World, records: int) -> None:
    producer = Producer(for_librdkafka(world.kafka) | {"queue.buffering.max.messages": 1_000_000, "linger.ms": 20})
    for number in range(records):
        at = 1_785_718_800_000 + number
        fact = PatrolLogged(fact_id=f"lag-{number}", at=at, recorded=number, **_patrol(at))  # type: ignore[arg-type]  # names and values of a patrol
        producer.produce(world.kafka.prefix + "facts.work", encode_struct(fact), fact.fact_id)
        if number % 10_000 == 0:
            producer.poll(0)
    producer.flush()


def _patrol(at: int) -> dict[str, object]:
    """The fields of a patrol beside the head of every fact, empty or zero by their type."""
    usual = {str: "", int: 0, float: 0.0, tuple: (), bool: False}
    fields = {field.name: field.type for field in msgspec.structs.fields(PatrolLogged)}
    made: dict[str, object] = {}
    for name, kind in fields.items():
        if name not in ("fact_id", "at", "recorded"):
            made[name] = usual.get(getattr(kind, "__origin__", kind))
    return made | {name: at for name in ("started_at", "ended_at") if name in fields}


SINKING: dict[str, Scenario] = {
    "sink": _with_sink("sink: kill -9 at every point", _killed, POINTS),
    "sink-hung": _with_sink("sink: hung insert", _hung),
    "clickhouse": _with_sink("sink: kill -9 and restart of ClickHouse, 3 times", _engine_killed),
    "clickhouse-away": _with_sink("sink: ClickHouse away for 60 s", _away),
    "sink-zombie": _with_sink("sink: SIGSTOP past the session, SIGCONT", _zombie),
    "lag": lagging,
}
"""Scenarios of the sink by name."""
