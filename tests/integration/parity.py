"""One small input for both runners: a few hours of a simulated district, and pairs of reports across a tile's edge."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import msgspec

from connectors.sources.files import FileSource, discover
from pipeline.commands.run import responder_of
from pipeline.domain.geo.tiles import tile_bounds, tile_of
from pipeline.events.facts import Fact, OutcomesCounted, RecordQuarantined, Samples
from pipeline.runtime.changelog import Changelog
from pipeline.runtime.city import load_city, topology_of
from pipeline.runtime.committer import WholeFacts
from pipeline.runtime.local import LocalRun, RunPolicy
from pipeline.runtime.merge import Merged
from pipeline.settings import settings_from
from pipeline.simulation.simulate import simulate
from pipeline.simulation.switches import Switches
from pipeline.topology import Topology
from pipeline.wire.serde import write_container
from schemas.catalogue import newest

PARTITIONS = 8
POLICY = RunPolicy(poll_records=120, polls_per_commit=4, answer_days=3)
START = date(2026, 3, 16)
MORNING: Mapping[str, tuple[int, int]] = {"SensorReadings": (8, 10)}
"""Hours of the day (UTC) that are kept of a schema; of all others 7 to 11."""
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
MIDNIGHT = 1_773_590_400_000
"""2026-03-16T00:00:00+08:00."""
SPOILED = ("sensor_faults=0.3", "refused_records=0.05", "below_standard=0.1", "redelivered=0.2")
METRES = 1 / 95_000
"""Degrees of longitude of a metre in the simulated district."""


def make_city(folder: Path) -> None:
    """A city and its input."""
    simulate(folder / "whole", seed=5, days=1, scale=0.05, start=START, switches=Switches.from_pairs(SPOILED))
    (folder / "whole" / "city").rename(folder / "city")
    inputs = folder / "inputs"
    inputs.mkdir()
    edge = _edge(folder)
    for source in discover([folder / "whole" / "inputs"], 0, None, None):
        _keep(inputs / source.name, [arrival for arrival in source])
    with (inputs / "border.avro").open("wb") as stream:
        write_container(stream, "HotlineOrder", sorted(border_orders(edge), key=lambda body: body["received_at"]))


def _edge(folder: Path) -> tuple[float, float]:
    """A point on the eastern edge of the tile in which most reports lie."""
    reports = [arrival.body for source in discover([folder / "whole"], 0, None, None) for arrival in source]
    placed = [body for body in reports if body and body.get("lon") and 121 < body["lon"] < 122]
    tile = Counter(tile_of(body["lon"], body["lat"]) for body in placed).most_common(1)[0][0]
    return tile_bounds(tile)[2], sum(body["lat"] for body in placed) / len(placed)


def _keep(path: Path, arrivals: Sequence[Any]) -> None:
    if not arrivals:
        return
    schema = arrivals[0].schema
    first, last = MORNING.get(schema, (7, 11))
    kept = [
        arrival.body
        for arrival in arrivals
        if MIDNIGHT + first * HOUR_MS <= arrival.body["received_at"] < MIDNIGHT + last * HOUR_MS
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as stream:
        write_container(stream, schema, kept)


TEXTS = ("路边垃圾堆积，异味明显", "道路坑洼积水，行人绊倒", "燃气泄漏，气味很浓", "路灯不亮，夜间行走困难")


def border_orders(edge: tuple[float, float]) -> Iterator[dict[str, Any]]:
    """Pairs of orders about one problem a few metres apart, one on each side of the edge, some minutes apart."""
    lon, lat = edge
    for number, text in enumerate(TEXTS * 2):
        sides = (-1, 1) if number % 2 else (1, -1)
        for which, side in enumerate(sides):
            yield _order(
                f"BP-{number}-{which}", MIDNIGHT + 8 * HOUR_MS + number * 600_000 + which * 240_000, text,
                lon + side * 6 * METRES, lat + number * 0.001 - 0.004, urgent=text.startswith("燃气") and number > 3,
            )  # fmt: skip


def _order(ref: str, at: int, text: str, lon: float, lat: float, *, urgent: bool) -> dict[str, Any]:
    fields = newest("HotlineOrder").fields
    body = {one["name"]: one["default"] for one in fields if "default" in one}
    body |= {"source_system": "hotline-12345", "source_ref": ref, "received_at": at, "text": text}
    return body | {"lon": lon, "lat": lat, "urgent": urgent}


def log_of(city: Path, taken_at: int) -> Merged:
    """The input as one log, in order of time."""
    sources: list[FileSource] = discover([city / "inputs"], taken_at, None, None)
    return Merged([(source.name, source) for source in sources], {})


def topology(city: Path) -> Topology:
    """The city's stages."""
    settings = settings_from({})
    return topology_of(load_city(settings.reference, city / "city"), settings)


@dataclass
class Kept(WholeFacts):
    """A store that only collects."""

    facts: list[Fact | Samples] = field(default_factory=list)

    def write(self, facts: Mapping[type[Fact], Sequence[Fact]], samples: Sequence[Samples] = ()) -> int:
        """Keep them."""
        for some in facts.values():
            self.facts += some
        self.facts += samples
        return len(samples)


def run_locally(city: Path, folder: Path, taken_at: int) -> tuple[list[Fact | Samples], dict[str, int]]:
    """All facts of the local runner, and its counts."""
    kept = Kept()
    runner = LocalRun(topology(city), kept, Changelog(folder / "changes.log"), POLICY, responder_of(city / "city"))
    runner.read("all", log_of(city, taken_at))
    runner.close()
    return kept.facts, runner.commit.counts


def comparable(facts: Iterable[Fact | Samples]) -> Counter[bytes]:
    """Facts without what differs by design: their place in the log, and how counts are cut into transactions.

    A refused record is kept as the bytes of its log, under its place there: both are left out.
    """
    found: Counter[bytes] = Counter()
    for fact in facts:
        if isinstance(fact, OutcomesCounted):
            continue
        left_out: dict[str, Any] = {"recorded": 0}
        if isinstance(fact, RecordQuarantined):
            left_out |= {"fact_id": "", "topic": "", "partition": 0, "offset": 0, "raw": b""}
        found[type(fact).__name__.encode() + b" " + msgspec.json.encode(msgspec.structs.replace(fact, **left_out))] += 1
    return found


def different(one: Counter[bytes], other: Counter[bytes]) -> list[str]:
    """What only one of them has: how many, and the first three of each."""
    ways = (("only in the first", one - other), ("only in the second", other - one))
    return [f"{said}: {left.total()}, e.g. {sorted(left)[:3]}" for said, left in ways if left]
