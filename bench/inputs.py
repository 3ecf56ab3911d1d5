"""What is measured on, made once: a simulated city with its text reports, and readings of registered devices.

The same sizes and the same simulation give the same bytes, so two runs of the bench measure the same work.
"""

from __future__ import annotations

import csv
import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import msgspec

from pipeline.simulation import simulate as simulation
from pipeline.simulation.city import City
from pipeline.simulation.city_files import write_city
from pipeline.simulation.switches import Switches
from pipeline.wire.serde import write_container

SEED = 1
START = date(2026, 3, 16)
FIRST_AT = 1_773_626_400_000
"""2026-03-16T10:00:00+08:00: by day, in one limit window."""
MINUTE = 60_000
BATCH = 60
"""Samples in a record of a gateway."""
MAKES = (
    ("noise", "leq", "dB(A)", "2", 48.0, 1.0, 25.0),
    ("dust", "tsp", "mg/m3", "*", 0.3, 1.0, 2.0),
    ("water_level", "depth", "cm", "underpass", 0.0, 0.0, 40.0),
)
"""Kind, metric, unit, zone, usual value, how far it wavers, and what a spell adds that breaks a limit. An underpass is
dry: any water that stays is worth a warning."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is made. ``scale`` is that of the simulated city: 1 gives about 5,500 reports a day."""

    scale: float
    devices: int
    single: int
    batches: int
    growth: tuple[int, ...]


FULL = Sizes(scale=8.0, devices=2_000, single=400_000, batches=20_000, growth=(10_000, 100_000, 1_000_000))
QUICK = Sizes(scale=0.4, devices=200, single=20_000, batches=1_000, growth=(1_000, 5_000))


def prepared(scratch: Path, sizes: Sizes) -> Path:
    """The folder with ``city/``, ``reports/``, ``single/`` and ``batches/``; made when missing or made otherwise."""
    mark = _mark(sizes)
    folder = scratch / f"inputs-{mark}"
    if not (folder / "ready").exists():
        for old in scratch.glob(f"inputs-*-{sizes.scale:g}") if scratch.is_dir() else ():
            shutil.rmtree(old)
        shutil.rmtree(folder, ignore_errors=True)
        _make(folder, sizes)
        (folder / "ready").touch()
    return folder


def _mark(sizes: Sizes) -> str:
    """Changes with the sizes and with the code that makes the inputs."""
    root = Path(__file__).resolve().parent.parent
    makers = [Path(__file__), *sorted((root / "pipeline/simulation").glob("*.py"))]
    schemas = sorted((root / "schemas/avro/records").rglob("*.avsc"))
    digest = hashlib.blake2b(msgspec.json.encode(asdict(sizes)), digest_size=5)
    for path in (*makers, *schemas):
        digest.update(path.read_bytes())
    return f"{digest.hexdigest()}-{sizes.scale:g}"


def _make(folder: Path, sizes: Sizes) -> None:
    switches = Switches()
    city = City(SEED, sizes.scale, switches.vacant_grids, switches.two_grids_per_worker)
    write_city(folder / "city", city, switches, START, 1)
    (folder / "city" / "behaviour.json").unlink()
    _write_devices(folder / "city" / "devices.csv", city, sizes.devices)
    _write_reports(folder / "reports", simulation.DayMaker(city, switches, START, 1))
    for name, records, samples in (("single", sizes.single, 1), ("batches", sizes.batches, BATCH)):
        (folder / name).mkdir()
        with (folder / name / "readings.avro").open("wb") as stream:
            write_container(stream, "SensorReadings", _readings(sizes.devices, records, samples))


def _write_reports(folder: Path, maker: simulation.DayMaker) -> None:
    """The reports of a day, those with mistakes and those to be refused among them, as the simulation makes them."""
    folder.mkdir()
    made = maker.reports(0, [])
    for name, schema in (*simulation.FILES.values(), simulation.OTHER):
        rows = (item.body for item in made if simulation.FILES.get(item.channel, simulation.OTHER)[0] == name)
        with (folder / f"{name}.avro").open("wb") as stream:
            write_container(stream, schema, rows)


def _write_devices(path: Path, city: City, count: int) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(
            ("device_id", "kind", "metrics", "lon", "lat", "zone", "reporting_period_s", "source", "confidence")
        )
        for number in range(count):
            kind, metric, _, zone, *_ = MAKES[number % len(MAKES)]
            lon, lat = city.lattice.at(city.cells[number * 7 % len(city.cells)], 0.5, 0.5)
            writer.writerow((_device(number), kind, metric, lon, lat, zone, 60, "bench", "example"))


def _device(number: int) -> str:
    return f"D{number:05d}"


def _readings(devices: int, records: int, samples: int) -> Iterator[dict[str, Any]]:
    """Every device in turn, a sample a minute; one device in fifty has a spell of ten minutes over its limit."""
    for number in range(records):
        turn, device = divmod(number, devices)
        _, metric, unit, _, usual, wavers, extra = MAKES[device % len(MAKES)]
        started = FIRST_AT + turn * samples * MINUTE + device % 40 * 1_000
        minutes = range(turn * samples, (turn + 1) * samples)
        spell = device % 50 == 7
        yield {
            "source_system": "bench-gateway",
            "source_ref": f"{_device(device)}-{turn}",
            "device_id": _device(device),
            "metric": metric,
            "unit": unit,
            "received_at": started + (samples - 1) * MINUTE + 200,
            "started_at": started,
            "offsets_ms": [nth * MINUTE for nth in range(samples)],
            "values": [
                _value(usual, wavers, extra if spell and 60 <= minute < 70 else 0.0, minute, device)
                for minute in minutes
            ],
            "seq": turn,
            "status": "ok",
        }


def _value(usual: float, wavers: float, extra: float, minute: int, device: int) -> float:
    return round(usual + wavers * ((minute * 7919 + device * 31) % 97 / 97) + extra, 2)
