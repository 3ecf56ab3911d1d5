"""Sensors of the simulated city and what they read: quiet days, and episodes that ought to raise alarms."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.simulation.city import City
from pipeline.simulation.clock import HOUR, day_start
from pipeline.simulation.dice import chance, dice, digest
from pipeline.simulation.lattice import Cell, Point
from pipeline.simulation.switches import Switches

Body = dict[str, Any]
Floats = NDArray[np.float64]
SYSTEM = "iot-gateway"
DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Make:
    """A kind of device: how many a hundred communities, its metrics with units, and its rhythm."""

    kind: str
    letters: str
    per_100: float
    metrics: dict[str, str]
    period_s: int
    samples: int
    """Samples in one record."""


AIR = {name: "ug/m3" for name in ("pm25", "pm10", "so2", "no2", "o3")} | {"co": "mg/m3", "aqi": "index"}
MAKES = (
    Make("noise", "NZ", 31, {"leq": "dB(A)"}, 60, 10),
    Make("air", "AQ", 6, AIR, 3600, 1),
    Make("dust", "YC", 10, {"tsp": "mg/m3"}, 60, 15),
    Make("water_level", "SW", 20, {"depth": "cm"}, 300, 1),
    Make("manhole", "JG", 83, {"tilt": "degree"}, 600, 1),
    Make("bin", "LJ", 100, {"fill": "%", "temperature": "Cel"}, 900, 1),
)


@dataclass(frozen=True, slots=True)
class Device:
    """One sensor."""

    id: str
    make: Make
    cell: Cell
    point: Point
    zone: str
    component: str = ""

    @property
    def kind(self) -> str:
        """Kind of device."""
        return self.make.kind

    @property
    def metrics(self) -> tuple[str, ...]:
        """What it measures."""
        return tuple(self.make.metrics)

    @property
    def period_s(self) -> int:
        """How often it reports, in seconds: a record may hold several samples."""
        return self.make.period_s * self.make.samples


@dataclass(frozen=True, slots=True)
class Episode:
    """Something a sensor saw: kept with the truth. ``what`` names it, times are milliseconds UTC."""

    device: str
    metric: str
    what: str
    begun_at: int
    ended_at: int
    peak: float


def devices(city: City) -> Iterator[Device]:
    """All sensors; manhole and bin sensors sit on a component where there is one."""
    for make in MAKES:
        for number in range(max(1, round(make.per_100 * len(city.communities) / 100))):
            rng = dice(city.seed, "device", make.kind, number)
            cell = rng.choice(city.cells)
            component = ""
            point = city.lattice.at(cell, rng.uniform(0.05, 0.95), rng.uniform(0.05, 0.95))
            wanted = {"manhole": ("01001", "01002", "01003", "01005", "01007"), "bin": ("03005",)}.get(make.kind, ())
            for item in city.components_in(cell):
                if item.category in wanted and not component:
                    component, point = item.code, item.point
            zone = {"noise": city.zone(cell).replace("4", "4a"), "water_level": "underpass" if number % 2 else "*"}
            yield Device(f"{make.letters}{number:05d}", make, cell, point, zone.get(make.kind, "*"), component)


def readings(
    city: City, switches: Switches, day: int, start: int, episodes: list[Episode]
) -> Iterator[tuple[Body, str]]:
    """Records of a day in the order they are received, each with what is wrong with it ('' is nothing).

    What the sensors saw is added to ``episodes``. An hour at a time is built; the samples of a day are held as numbers.
    """
    begun = day_start(start, day)
    series = [
        (device, metric, *_series(city, switches, device, metric, day, begun, episodes))
        for device in devices(city)
        for metric in device.make.metrics
    ]
    for hour in range(24):
        made: list[tuple[int, str, Body, str]] = []
        for device, metric, values, silent in series:
            made.extend(_records(city.seed, switches, device, metric, values, silent, day, begun, hour))
        made.sort(key=lambda item: item[:2])
        for _, _, body, fault in made:
            yield body, fault


def _records(
    seed: int, switches: Switches, device: Device, metric: str, values: Floats, silent: tuple[int, int], day: int,
    begun: int, hour: int,
) -> Iterator[tuple[int, str, Body, str]]:  # fmt: skip
    """Records of one device and metric whose last sample falls into the hour."""
    make = device.make
    step = make.period_s * make.samples
    unknown = switches.sensor_faults > 0 and digest(seed, "unknown device", device.id) % 1000 < 4
    for number in range(-(-hour * 3600 // step), -(-(hour + 1) * 3600 // step)):
        at = number * step
        if silent[0] <= at < silent[1]:
            continue
        draw = digest(seed, "record", device.id, metric, day, number)
        part = values[number * make.samples : (number + 1) * make.samples]
        if not len(part):
            continue
        started = begun + at * 1000
        ref = f"{device.id}-{metric}-{day:03d}-{number:04d}"
        received = started + (step - make.period_s) * 1000 + 200 + draw % 4000
        numbers = [float(value) for value in part]
        fault = ""
        if switches.refused_records and draw % 20_000 < 3:
            numbers[0], fault = float("nan"), "not_a_number"
        body: Body = {
            "source_system": SYSTEM,
            "source_ref": ref,
            "device_id": f"X{device.id}" if unknown else device.id,
            "metric": metric,
            "unit": make.metrics[metric],
            "received_at": received,
            "started_at": started,
            "offsets_ms": [nth * make.period_s * 1000 for nth in range(len(numbers))],
            "values": numbers,
            "seq": day * 10_000 + number,
            "status": "ok",
        }
        yield received, ref, body, fault or ("unknown_device" if unknown else "")


def _series(
    city: City, switches: Switches, device: Device, metric: str, day: int, begun: int, episodes: list[Episode]
) -> tuple[Floats, tuple[int, int]]:
    """The values of a day and the seconds in which the device is silent."""
    rng = np.random.Generator(np.random.PCG64(digest(city.seed, "series", device.id, metric, day)))
    count = DAY_S // device.make.period_s
    hours = np.arange(count) * device.make.period_s / 3600
    make = {
        "leq": _noise, "tsp": _dust, "depth": _depth, "tilt": _tilt, "fill": _fill, "temperature": _temperature,
    }.get(metric, _air)  # fmt: skip
    values, seen = make(city, device, metric, day, hours, rng)
    for what, first, last in seen:
        peak = float(np.max(values[first:last]))
        episodes.append(
            Episode(
                device.id, metric, what, begun + int(hours[first] * HOUR), begun + int(hours[last - 1] * HOUR), peak
            )
        )
    silent = (0, 0)
    if chance(city.seed, "silent", device.id, day) < switches.sensor_faults:
        since = int(chance(city.seed, "silent since", device.id, day) * 18 * 3600)
        silent = (since, since + 3600 + int(chance(city.seed, "silent for", device.id, day) * 5 * 3600))
        if metric == device.metrics[0]:
            episodes.append(
                Episode(device.id, metric, "silent", begun + silent[0] * 1000, begun + silent[1] * 1000, 0.0)
            )
    return np.round(values, 3 if metric in ("tsp", "co") else 1), silent


Seen = list[tuple[str, int, int]]


def _span(rng: np.random.Generator, hours: Floats, low: float, high: float, length: float) -> tuple[int, int]:
    """Index range of an episode that begins between two hours and lasts some hours."""
    begin = rng.uniform(low, high)
    first = int(np.searchsorted(hours, begin))
    return first, max(first + 1, int(np.searchsorted(hours, min(begin + length, 24.0))))


def _noise(
    city: City, device: Device, metric: str, day: int, hours: Floats, rng: np.random.Generator
) -> tuple[Floats, Seen]:
    """About 5 dB under the limit of the zone, with a loud spell now and then (more by night)."""
    limit = {"1": (55, 45), "2": (60, 50), "3": (65, 55), "4a": (70, 55)}[device.zone]
    base = np.where((hours >= 6) & (hours < 22), limit[0], limit[1]) - 6.0
    values = base + rng.normal(0, 1.6, len(hours))
    seen: Seen = []
    if rng.random() < 0.15:
        first, last = _span(rng, hours, 17.0, 23.2, rng.uniform(0.3, 1.5))
        values[first:last] += rng.uniform(9, 16)
        seen.append(("loud", first, last))
    return values, seen


def _dust(
    city: City, device: Device, metric: str, day: int, hours: Floats, rng: np.random.Generator
) -> tuple[Floats, Seen]:
    values = 0.25 + 0.1 * np.sin(hours / 24 * 2 * np.pi) + np.abs(rng.normal(0, 0.06, len(hours)))
    seen: Seen = []
    if rng.random() < 0.12:
        first, last = _span(rng, hours, 7.0, 18.0, rng.uniform(0.5, 1.5))
        values[first:last] += rng.uniform(1.2, 2.6)
        seen.append(("dust", first, last))
    return values, seen


def rain(city: City, day: int) -> tuple[float, float, float] | None:
    """Begin and end in hours and strength (0..1) of the rain of a day; none on about seven days of ten."""
    rng = dice(city.seed, "rain", day)
    if rng.random() > 0.3:
        return None
    begin = rng.uniform(3, 17)
    return begin, begin + rng.uniform(1, 5), rng.random()


def _depth(
    city: City, device: Device, metric: str, day: int, hours: Floats, rng: np.random.Generator
) -> tuple[Floats, Seen]:
    values = np.zeros(len(hours))
    wet = rain(city, day)
    if wet is None or rng.random() > 0.2 + 0.6 * wet[2]:
        return values, []
    begin, end, strength = wet
    peak = rng.uniform(8, 20) + 30 * strength
    values = np.clip(peak * np.minimum((hours - begin - 0.3) / 1.5, 1.0), 0, None)
    values = np.where(hours > end, np.clip(values - (hours - end) * peak / 2, 0, None), values)
    wetted = np.flatnonzero(values > 0)
    return values, [("ponding", int(wetted[0]), int(wetted[-1]) + 1)] if len(wetted) else []


def _tilt(
    city: City, device: Device, metric: str, day: int, hours: Floats, rng: np.random.Generator
) -> tuple[Floats, Seen]:
    values = np.abs(rng.normal(1.0, 0.4, len(hours)))
    if rng.random() > 0.03:
        return values, []
    first, last = _span(rng, hours, 0.0, 22.0, rng.uniform(1.0, 8.0))
    values[first:last] = rng.choice((rng.uniform(14, 40), rng.uniform(92, 140)))
    return values, [("tilted", first, last)]


def _fill(
    city: City, device: Device, metric: str, day: int, hours: Floats, rng: np.random.Generator
) -> tuple[Floats, Seen]:
    """Filling steadily, emptied twice a day, unless the round is missed."""
    rate = rng.uniform(2.0, 5.0)
    missed = rng.random() < 0.08
    emptied = np.where(hours < 6, 0.0, np.where(hours < 15, 6.0, 6.0 if missed else 15.0))
    values = np.clip(
        (hours - emptied) * rate + np.where(hours < 6, 9 * rate, 0) + rng.normal(0, 0.5, len(hours)), 0, 100
    )
    full = np.flatnonzero(values >= 80)
    return values, [("full", int(full[0]), int(full[-1]) + 1)] if len(full) else []


def _temperature(
    city: City, device: Device, metric: str, day: int, hours: Floats, rng: np.random.Generator
) -> tuple[Floats, Seen]:
    values = 16 + 7 * np.sin((hours - 9) / 24 * 2 * np.pi) + rng.normal(0, 0.4, len(hours))
    if rng.random() > 0.004:
        return values, []
    first, last = _span(rng, hours, 8.0, 22.0, 0.8)
    values[first:last] = rng.uniform(62, 110)
    return values, [("burning", first, last)]


_USUAL = {"pm25": 38.0, "pm10": 62.0, "so2": 8.0, "no2": 34.0, "o3": 80.0, "co": 0.7, "aqi": 60.0}


def _air(
    city: City, device: Device, metric: str, day: int, hours: Floats, rng: np.random.Generator
) -> tuple[Floats, Seen]:
    """One weather for the whole district: a hazy day is hazy at every station."""
    haze = 1.0 + (3.6 if chance(city.seed, "haze", day) < 0.06 else 0.8 * chance(city.seed, "air", day) - 0.3)
    shape = 1 + 0.25 * np.sin((hours - (14 if metric == "o3" else 8)) / 24 * 2 * np.pi)
    values = np.clip(_USUAL[metric] * haze * shape * (1 + rng.normal(0, 0.06, len(hours))), 0, None)
    return values, [("haze", 0, len(hours))] if haze > 3 and metric == "aqi" else []
