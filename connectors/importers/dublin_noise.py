"""Dublin: hourly LAeq of the city's sound stations, tab-separated, a station a file (``datetime``, ``laeq_<name>``).

A repeated hour when summer time ends is the second of the two; hours that are missing stay missing.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from connectors.importers.base import ImportSummary, Job
from connectors.importers.output import write_inputs
from connectors.importers.overlay import slug, write_city
from connectors.importers.points import number
from connectors.importers.sensors import HOUR_MS, Sample, Station, daily_records, write_devices, write_root
from connectors.importers.times import is_repeated, millis

NAME = "dublin-noise"
ZONE = ZoneInfo("Europe/Dublin")
UNIT = "dB(A)"
METRIC = "leq"
LEVEL = "laeq_"

PLACES: dict[str, tuple[float, float, str]] = {
    "drumcondra": (-6.255, 53.370, "2"),
    "bullisland": (-6.150, 53.368, "1"),
    "ballyfermot": (-6.351, 53.343, "2"),
    "ballymun": (-6.265, 53.391, "2"),
    "rowingclub": (-6.310, 53.347, "1"),
    "walkinstown": (-6.335, 53.320, "2"),
    "woodstock": (-6.249, 53.325, "1"),
    "navanroad": (-6.326, 53.372, "4a"),
    "raheny": (-6.177, 53.380, "2"),
    "irishtown": (-6.220, 53.338, "2"),
    "chancerypark": (-6.273, 53.347, "2"),
    "blessin": (-6.271, 53.357, "1"),
    "dolphinsbarn": (-6.291, 53.333, "4a"),
    "seanmoore": (-6.214, 53.338, "4a"),
    "mellows": (-6.291, 53.394, "1"),
}
"""Approximate place and an example of a zone class of GB 3096-2008, by a part of the station's name."""


def import_set(job: Job) -> ImportSummary:
    """One ``SensorReadings`` record a station and day, with up to 24 hourly levels."""
    bodies: list[dict[str, Any]] = []
    stations: list[Station] = []
    for path in _files(job):
        name, samples = _samples(job, path)
        station = _station(name)
        stations.append(station)
        bodies += daily_records(NAME, station.id, METRIC, UNIT, samples, ZONE)
    bodies.sort(key=lambda body: (body["received_at"], body["source_ref"]))
    records = write_inputs(job.out, "readings.avro", "SensorReadings", bodies)
    folder = job.out / "city"
    write_city(folder, name="Dublin", time_zone="Europe/Dublin", box=(-6.45, 53.28, -6.05, 53.43))
    write_root(folder, "DUB", "Dublin")
    write_devices(folder, "noise", (METRIC,), UNIT, sorted(set(stations)))
    return job.summary(records, ["inputs/readings.avro"], sum(len(body["values"]) for body in bodies))


def _files(job: Job) -> list[Path]:
    return job.tables("*.csv") if job.has("*.csv") else job.tables("*.tsv")


def _samples(job: Job, path: Path) -> tuple[str, list[Sample]]:
    """Name of the station, and its hours in time order."""
    name, found, last = path.name.partition(".")[0], list[Sample](), None
    for row in job.rows(path, "datetime"):
        column = next((column for column in row if column.startswith(LEVEL)), "")
        name = column.removeprefix(LEVEL) or name
        at = millis(row["datetime"], ZONE)
        value = number(row.get(column, ""))
        if at is None or value is None:
            job.skipped["no_time" if at is None else "no_value"] += 1
            continue
        if at == last and is_repeated(at, ZONE):
            at += HOUR_MS
        last = at
        found.append(Sample(at, value))
    return name, found


def _station(name: str) -> Station:
    letters = re.sub("[^a-z]", "", name.casefold())
    lon, lat, zone = next((place for part, place in PLACES.items() if part in letters), (None, None, "*"))
    return Station(f"dub-{slug(name)}", name, lon, lat, zone)
