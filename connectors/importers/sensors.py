"""Hourly series of stations as the daily upload of a gateway: one record a station, metric and civil day."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from connectors.importers.output import filled
from connectors.importers.overlay import OVERLAY_NOTE, Cell, write_table

HOUR_MS = 3_600_000


class Sample(NamedTuple):
    """One hourly value; ``at`` is the beginning of its hour."""

    at: int
    value: float


class Station(NamedTuple):
    """A station as public maps show it: the place is approximate (some hundred metres)."""

    id: str
    name: str
    lon: float | None
    lat: float | None
    zone: str = "*"


def daily_records(
    source: str, device: str, metric: str, unit: str, samples: Iterable[Sample], zone: ZoneInfo
) -> Iterator[dict[str, Any]]:
    """``SensorReadings`` bodies in time order, each received when its last hour was over.

    Hours without a value are left out. Samples may come in any order; of two of one instant the first counts.
    """
    once = {sample.at: sample for sample in reversed(list(samples))}
    for day, group in groupby(sorted(once.values()), key=lambda sample: _day(sample.at // HOUR_MS, zone)):
        hours = list(group)
        yield filled(
            source_system=source,
            source_ref=f"{device}-{metric}-{day}",
            device_id=device,
            metric=metric,
            unit=unit,
            received_at=hours[-1].at + HOUR_MS,
            started_at=hours[0].at,
            offsets_ms=[sample.at - hours[0].at for sample in hours],
            values=[sample.value for sample in hours],
        )


@lru_cache(maxsize=1 << 17)  # many stations and metrics share the hours of some years
def _day(hour: int, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(hour * HOUR_MS / 1000, zone).strftime("%Y%m%d")


def write_devices(folder: Path, kind: str, metrics: tuple[str, ...], unit: str, stations: Iterable[Station]) -> None:
    """``devices.csv``: one row a station."""
    rows: Iterator[dict[str, Cell]] = (
        {
            "device_id": station.id,
            "kind": kind,
            "metrics": metrics,
            "lon": station.lon,
            "lat": station.lat,
            "zone": station.zone,
            "reporting_period_s": 3600,
            "unit": unit,
            "source": f"{station.name}: place from public maps, approximate",
            "confidence": "example",
        }
        for station in stations
    )
    write_table(folder / "devices.csv", rows, [OVERLAY_NOTE, "Places are approximate, zone classes are examples."])


def write_root(folder: Path, code: str, name: str) -> None:
    """``areas.csv`` with the city alone."""
    row: dict[str, Cell] = {"code": code, "name": name, "tier": "city", "level_role": "city", "local_level": 1}
    write_table(folder / "areas.csv", [row | {"system": "unit"}], [OVERLAY_NOTE])
