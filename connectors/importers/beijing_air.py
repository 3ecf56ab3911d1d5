"""Beijing: hourly air quality of national stations, 2013-2017 (columns ``year, month, day, hour, PM2.5 … station``).

The concentrations are ug/m3 in the source, CO too. ``NA`` hours are left out.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from connectors.importers.base import ImportSummary, Job, Row
from connectors.importers.output import write_inputs
from connectors.importers.overlay import slug, write_city
from connectors.importers.points import number
from connectors.importers.sensors import Sample, Station, daily_records, write_devices, write_root
from connectors.importers.times import millis

NAME = "beijing-air"
ZONE = ZoneInfo("Asia/Shanghai")
METRICS = {"PM2.5": "pm25", "PM10": "pm10", "SO2": "so2", "NO2": "no2", "CO": "co", "O3": "o3"}
UNIT = "ug/m3"
COLUMNS = ("year", "month", "day", "hour", "station")
PLACES = {
    "Aotizhongxin": (116.397, 39.982),
    "Changping": (116.230, 40.217),
    "Dingling": (116.220, 40.292),
    "Dongsi": (116.417, 39.929),
    "Guanyuan": (116.339, 39.929),
    "Gucheng": (116.184, 39.914),
    "Huairou": (116.628, 40.328),
    "Nongzhanguan": (116.461, 39.937),
    "Shunyi": (116.655, 40.127),
    "Tiantan": (116.407, 39.886),
    "Wanliu": (116.287, 39.987),
    "Wanshouxigong": (116.352, 39.878),
}


def import_set(job: Job) -> ImportSummary:
    """One ``SensorReadings`` record a station, pollutant and day, with up to 24 hourly samples."""
    bodies: list[dict[str, Any]] = []
    stations: dict[str, Station] = {}
    for path in job.tables("*.csv"):
        for name, series in _series(job, path).items():
            stations[name] = _station(name)
            for metric, samples in series.items():
                bodies += daily_records(NAME, stations[name].id, metric, UNIT, samples, ZONE)
    bodies.sort(key=lambda body: (body["received_at"], body["source_ref"]))
    records = write_inputs(job.out, "readings.avro", "SensorReadings", bodies)
    folder = job.out / "city"
    write_city(folder, name="北京市", time_zone="Asia/Shanghai", datum="CGCS2000", box=(115.4, 39.4, 117.6, 41.1))
    write_root(folder, "110000", "北京市")
    write_devices(folder, "air", tuple(METRICS.values()), UNIT, sorted(stations.values()))
    return job.summary(records, ["inputs/readings.avro"], sum(len(body["values"]) for body in bodies))


def _series(job: Job, path: Path) -> dict[str, dict[str, list[Sample]]]:
    """Samples by station and metric of one file (a file holds one station, but need not)."""
    found: dict[str, dict[str, list[Sample]]] = {}
    for row in job.rows(path, *COLUMNS):
        at = _hour(row)
        if at is None:
            job.skipped["no_time"] += 1
            continue
        series = found.setdefault(row["station"].strip() or path.name.partition(".")[0], {})
        for column, metric in METRICS.items():
            value = number(row.get(column, ""))
            if value is not None:
                series.setdefault(metric, []).append(Sample(at, value))
    return found


def _hour(row: Row) -> int | None:
    return millis(f"{row['year']}-{row['month']}-{row['day']} {row['hour']}:00", ZONE)


def _station(name: str) -> Station:
    lon, lat = PLACES.get(name, (None, None))
    return Station(f"bj-{slug(name)}", name, lon, lat, "*")
