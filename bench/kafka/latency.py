"""Latency of the whole pipeline under a steady stream.

The processes are those an operator starts: a worker for all stages, the spotter, the sink before a current ClickHouse.
All clocks are this machine's; a report counts as seen when a reader of committed records has it in hand.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from clickhouse_driver import Client

from bench.kafka.actors import Actors
from bench.kafka.allstages import topology_at
from bench.kafka.clocks import Ear, Rows, numbered, publish, spread, until
from bench.kafka.inputs import FOREVER, Sent
from bench.kafka.layout import Layout, staging
from bench.kafka.processes import Processes
from bench.kafka.sizes import Sizes
from bench.kafka.topics import Cluster
from connectors.kafka.contract import key_of, topic_of
from connectors.sources.files import discover
from pipeline.domain.ids import report_id
from pipeline.stages.intake import IntakeBook
from pipeline.stages.route import TRIAGE
from pipeline.wire.serde import decode, encode
from tests.support.servers import FrontServer

WORKERS = {"casework": "urgent,intake,casework"}
"""The worker of a small installation, by name: its lanes, and what else it is told."""
WARM_LIMIT_S = 180.0
"""The stream before the timed one must have come through by then."""
QUIET_S = 3.0
"""No assignment for so long: what was sent has come through."""
APART_DEGREES = 0.003
"""When the day begins again its reports lie some 300 m away, or most of them would join the cases of the first time."""
ROWS_A_SECOND = 50
TOLD_OF = ("check_pass", "feedback")
"""What a status says after the check that is timed."""
ONE_IN = 20
"""Of so many assignments one is handled and checked at once."""
SETTLE_S = 30.0
YIELDING, SCANNING = 10, 5
"""Niceness of who works off a backlog and of who reads ahead of it, as the handbook says."""
Bodies = Sequence[tuple[str, Mapping[str, Any]]]


@dataclass
class Stage:
    """Where a latency run takes place."""

    cluster: Cluster
    prefix: str
    layout: Layout
    city: Path
    bodies: Bodies
    processes: Processes
    clickhouse: tuple[str, int]

    def ends(self, start: str) -> dict[tuple[str, int], int]:
        """Where topics whose names begin so end now."""
        names = [name for name in self.layout.partitions if name.startswith(start)]
        return self.cluster.ends(self.layout.under(self.prefix, names))

    def work(self, workers: Mapping[str, str], *, sink: bool, yielding: Collection[str] = ()) -> None:
        """Start everyone and wait until all are ready; workers that are ``yielding``, and then the spotter too, leave
        the processor to others and give way to emergencies."""
        for name, lane in workers.items():
            words, gives = ("worker", "--stages", *lane.split(), "--city", str(self.city)), name in yielding
            self.processes.start(
                f"worker-{name}", *words, *(["--give-way"] if gives else []), niceness=YIELDING if gives else 0
            )
        spotter = ["--give-way"] if yielding else []
        self.processes.start("spotter", "spotter", *spotter, niceness=SCANNING if yielding else 0)
        if sink:
            self.processes.start("sink", "sink")
        self.processes.wait_ready()


@contextmanager
def stage(cluster: Cluster, sizes: Sizes, folder: Path) -> Iterator[Stage]:
    """Topics, a ClickHouse and the tables in it; all of it ends with the block."""
    bodies = passing(folder)
    systems = tuple(sorted({body["source_system"] for _, body in bodies}))
    layout, prefix = staging(sizes.partitions, folder / "city", systems, actions=True), f"bench{os.getpid()}-latency-"
    with tempfile.TemporaryDirectory(prefix="wangge-bench-") as place:
        front = FrontServer(Path(place) / "clickhouse", leash=os.getpid())
        cluster.make(layout.under(prefix, tuple(layout.partitions)), [prefix + name for name in layout.compacted])
        front.start()
        host, _, port = front.address.partition(":")
        environment = {
            "WANGGE_KAFKA": cluster.bootstrap,
            "WANGGE_KAFKA_PREFIX": prefix,
            "WANGGE_CLICKHOUSE": front.address,
        }
        try:
            with Processes(environment, Path(place)) as processes:
                processes.once("migrate")
                yield Stage(cluster, prefix, layout, folder / "city", bodies, processes, (host, int(port)))
        finally:
            front.stop()
            cluster.remove(prefix)


def passing(folder: Path) -> Bodies:
    """The reports of the prepared day that intake lets through, each once, in order of receipt."""
    arrivals = [one for source in discover([folder / "reports"], FOREVER) for one in source]
    for arrival in arrivals:
        arrival.order = arrival.origin.offset
    taken = topology_at(folder / "city").intake.steps(IntakeBook(), arrivals)
    passed = {message.origin for message in taken.messages}
    bodies = [(one.schema, one.body) for one in arrivals if one.origin in passed and one.body is not None]
    return sorted(bodies, key=lambda one: int(one[1]["received_at"]))


def steady(cluster: Cluster, sizes: Sizes, folder: Path) -> dict[str, Any]:
    """A steady stream from publishing to department, row and status."""
    with stage(cluster, sizes, folder) as place:
        return {"steady": Steady(place, sizes.rate, sizes.warm_s, sizes.steady_s).measured()}


class Steady:
    """A steady stream of reports; some departments answer at once."""

    def __init__(self, place: Stage, rate: int, warm_s: int, seconds: int) -> None:
        self.place, self.rate = place, rate
        self._client = Client(place.clickhouse[0], port=place.clickhouse[1], database="wangge")
        bootstrap = place.cluster.bootstrap
        self._rows = Rows(lambda ids: _visible(self._client, ids))
        self._stream_ms = 0
        """When the report that was published last was received, by its own word."""
        self._actors = Actors(bootstrap, place.prefix, lambda: self._stream_ms)
        self._ears = [
            Ear(bootstrap, place.ends("assignments."), self._assigned),
            Ear(bootstrap, place.ends("status."), self._status),
        ]
        reports = list(islice(numbered(place.bodies, "s", apart=APART_DEGREES), rate * (warm_s + seconds)))
        self._warming, self._timed = reports[: rate * warm_s], reports[rate * warm_s :]
        self._sent: dict[str, float] = {}
        """First letters of a report id, as a case id carries them, to the time of sending."""
        self._dispatched: dict[str, float] = {}
        self._told: dict[str, float] = {}
        self._last = 0.0

    def measured(self) -> dict[str, Any]:
        """Publish, listen, ask; then wait for what is still on its way."""
        self.place.work(WORKERS, sink=True)
        threads: list[Rows | Actors | Ear] = [self._rows, self._actors, *self._ears]
        for thread in threads:
            thread.start()
        self._warm_up()
        self._publish(self._timed, self._noted)
        until(lambda: self._quiet() and self._actors.idle() and len(self._told) == len(self._actors.answered), SETTLE_S)
        until(self._rows.idle, SETTLE_S)
        for thread in threads:
            thread.end()
        answered = self._actors.answered
        actions = [self._told[case] - at for case, at in answered.items() if case in self._told]
        unheard = [case for case in answered if case not in self._told]
        return {
            "published_to_department": spread(self._dispatched.values()),
            "published_to_row": spread(self._rows.seen.values()) | {"missing": self._rows.missing()},
            "action_to_status": spread(actions)
            | {
                "missing": len(unheard), "never_handled": self._actors.waiting(),
                "unheard": _history(self._client, unheard) if unheard else {},
            },
        }  # fmt: skip

    def _warm_up(self) -> None:
        """Some seconds of the stream go through before anything is timed."""
        self._publish(self._warming, lambda *_: None)
        if not until(self._quiet, WARM_LIMIT_S):
            message = f"no assignment within {WARM_LIMIT_S:.0f} s; {self.place.processes.tail('worker-casework')}"
            raise RuntimeError(message)

    def _quiet(self) -> bool:
        return 0 < self._last < time.time() - QUIET_S

    def _publish(self, reports: Bodies, noted: Callable[[int, float], None]) -> None:
        sent = [ordinary(schema, body) for schema, body in reports]

        def going(number: int, at: float) -> None:
            self._stream_ms = max(self._stream_ms, int(reports[number][1]["received_at"]))
            noted(number, at)

        publish(self.place.cluster.bootstrap, self.place.prefix, sent, self.rate, going)

    def _noted(self, number: int, at: float) -> None:
        _, body = self._timed[number]
        key = report_id(body["source_system"], body["source_ref"])
        self._sent[key[:12]] = at
        if number % max(1, self.rate // ROWS_A_SECOND) == 0:
            self._rows.expect(key, at)

    def _assigned(self, message: Any, now: float) -> None:
        self._last = now
        _, body = decode(message.value())
        sent = self._sent.pop(body["case_id"].rpartition("-")[2], None)
        if sent is None:
            return
        self._dispatched[body["case_id"]] = now - sent
        if len(self._dispatched) % ONE_IN == 0 and body["department"] != TRIAGE:
            self._actors.handle(body["case_id"], body["department"])

    def _status(self, message: Any, now: float) -> None:
        _, body = decode(message.value())
        if body["action"] == "handle":
            self._actors.handled(body["case_id"])
        elif body["action"] in TOLD_OF and body["case_id"] in self._actors.answered:
            self._told.setdefault(body["case_id"], now)


def _visible(client: Client, ids: Sequence[str]) -> list[str]:
    """Which of these reports have a row: ``fact_id`` of a report's fact is its id, and the table is sorted by it."""
    return [row[0] for row in client.execute("SELECT DISTINCT fact_id FROM reports WHERE fact_id IN %(ids)s",
                                             {"ids": list(ids)})]  # fmt: skip


def _history(client: Client, cases: Sequence[str]) -> dict[str, list[str]]:
    """What became of some cases by the tables: moves, merges and what was refused."""
    sql = """SELECT case_id, action, concat(from_state, ' to ', to_state, ' ', reason_code) AS what, at FROM case_moves
             WHERE case_id IN %(cases)s UNION ALL
             SELECT case_id, action, concat('refused: ', state, ' ', reason), at FROM actions_refused
             WHERE case_id IN %(cases)s UNION ALL
             SELECT case_id, 'merge', concat('into ', into), at FROM case_merges WHERE case_id IN %(cases)s"""
    found: dict[str, list[str]] = {case: [] for case in cases}
    for case, action, what, at in sorted(client.execute(sql, {"cases": list(cases)}), key=lambda row: row[3]):
        found[case].append(f"{at:%H:%M:%S} {action}: {what}")
    return found


def ordinary(schema: str, body: Mapping[str, Any]) -> Sent:
    """A report on the topic of its channel, whatever it says of its urgency."""
    return Sent(topic_of(schema), key_of(schema, body), encode(schema, body))
