"""Scale: more workers, more partitions, more departments; and what a record weighs in Kafka and in ClickHouse."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import msgspec

from bench.kafka import sinking
from bench.kafka.compare import Say, race_of
from bench.kafka.inputs import Sent, readings
from bench.kafka.layout import routing, staging
from bench.kafka.race import CONTENDERS, ROOT, Race
from bench.kafka.sizes import Sizes
from bench.kafka.topics import Cluster
from pipeline.runtime.kafka.lanes import LANES

WANGGE = next(one for one in CONTENDERS if one.module == "wangge")


def measured(cluster: Cluster, sizes: Sizes, folder: Path, sent: Sequence[Sent], say: Say) -> dict[str, Any]:
    """One size larger than the others at a time; medians of the runs."""
    city = folder / "city"
    stages = race_of("stages", cluster, sizes, city, sent)
    spread = race_of("stages", cluster, replace(sizes, partitions=sizes.many_partitions), city, sent)
    few, many = (_routes(cluster, sizes, city, sent, targets) for targets in (1, sizes.departments))
    usual = f"1 worker, {sizes.partitions} partitions"
    plan: dict[str, tuple[Race, int]] = {
        usual: (stages, 1),
        f"2 workers, {sizes.partitions} partitions": (stages, 2),
        f"1 worker, {sizes.many_partitions} partitions": (spread, 1),
        "1 department topic": (few, 1),
        f"{sizes.departments} department topics": (many, 1),
    }
    found: dict[str, float] = {}
    for what, (race, workers) in plan.items():
        found[what] = _rate(race, workers, sizes.runs)
        say(f"scale: {what}: {found[what]:,.0f}/s")
    return {"rates": found}


def weighed(cluster: Cluster, sizes: Sizes, folder: Path, sent: Sequence[Sent]) -> dict[str, Any]:
    """What the sizing of a city stands on beside the rate of text reports."""
    sensed = staging(sizes.partitions, folder / "city", read=(LANES["detect"],))
    race = Race(cluster, sensed, "readings", folder / "city", lambda _: readings(folder / "single"))
    return {
        "readings": {"rate": _rate(race, 1, 1)},
        "sink": sinking.measured(cluster, sizes, folder, sent),
        "bytes": weights(folder),
    }


def _routes(cluster: Cluster, sizes: Sizes, city: Path, sent: Sequence[Sent], targets: int) -> Race:
    base = race_of("route", cluster, sizes, city, sent)
    return Race(cluster, routing(sizes.partitions, targets), "route", city, base.sent)


def _rate(race: Race, workers: int, runs: int) -> float:
    return float(median(race.run(WANGGE, workers)["rate"] for _ in range(runs)))


def weights(folder: Path) -> dict[str, Any]:
    """Rows and bytes on the disk of each table after the prepared day, reports and readings apart."""
    return {name: _stored(folder, name) for name in ("reports", "single")}


def _stored(folder: Path, inputs: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "pipeline"]
    tables = (
        "SELECT table, sum(rows) AS n, sum(bytes_on_disk) AS size FROM system.parts "
        "WHERE active AND database = 'wangge' GROUP BY table"
    )
    with tempfile.TemporaryDirectory(prefix="wangge-bench-") as place:
        store = f"{place}/store"
        run = [*command, "run", str(folder / inputs), "--city", str(folder / "city"), "--no-answers", "--store", store]
        text = subprocess.run([*run, "--max-refused", "1", "--json"], cwd=ROOT, check=True, capture_output=True).stdout
        sql = [*command, "sql", "--store", store, "--json", tables]
        rows = msgspec.json.decode(subprocess.run(sql, cwd=ROOT, check=True, capture_output=True).stdout)["data"]
    tables_found = {row["table"]: {"rows": int(row["n"]), "bytes": int(row["size"])} for row in rows}
    return {"records": msgspec.json.decode(text)["records"], "tables": tables_found}
