"""Write a simulated city: reference overlay, input files day by day, and the truth.

The same seed, scale, days, start and switches give the same bytes. A day is made from the seed and its number; only
what earlier days left to be received later is carried over, so memory holds one day and that rest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from pipeline.errors import ConfigFaults, Fault
from pipeline.simulation import work
from pipeline.simulation.city import City
from pipeline.simulation.city_files import write_city
from pipeline.simulation.clock import DAY, HOUR, epoch, folder
from pipeline.simulation.other import other_reports
from pipeline.simulation.problems import Problem, problems_of
from pipeline.simulation.records import NEWER_LIST_FROM, Made, Misconduct
from pipeline.simulation.reports import Press
from pipeline.simulation.sensors import Episode, readings
from pipeline.simulation.spoil import spoiled
from pipeline.simulation.switches import Switches
from pipeline.simulation.truth import Truth
from pipeline.wire.serde import write_container

Body = dict[str, Any]
Progress = Callable[[str], None]
"""Called with a line for people after the city and after each day."""
FILES = {"grid-worker": ("grid-worker", "GridWorkerReport"), "hotline": ("hotline", "HotlineOrder")}
OTHER = ("other", "Report")
LARGEST = 200
"""Above this scale the made-up division codes would run into assigned ones."""
LATEST_DAYS = 7
"""No report of a problem is received later than this many days after the problem's day."""
REDELIVERY_MS = 5 * 60_000
"""How long after the first a second delivery comes."""


@dataclass(slots=True)
class Summary:
    """What was written. ``records`` by file name, ``samples`` of sensors apart, ``reports`` in words."""

    days: int = 0
    problems: int = 0
    samples: int = 0
    reports: int = 0
    records: dict[str, int] = field(default_factory=dict)
    errors: dict[str, int] = field(default_factory=dict)
    expected: dict[str, int] = field(default_factory=dict)
    misconduct: dict[str, int] = field(default_factory=dict)


def simulate(
    out: Path, *, seed: int, days: int, scale: float = 1.0, start: date = date(2026, 3, 16),
    switches: Switches | None = None, progress: Progress | None = None,
) -> Summary:  # fmt: skip
    """Write ``city/``, ``inputs/<day>/`` and ``truth/`` under ``out``. At scale 1 a day has about 6,000 reports.

    Raises :class:`ConfigFaults` for fewer than one day, a scale that is not above 0, or one above :data:`LARGEST`.
    """
    _check(days, scale)
    switches = switches or Switches()
    city = City(seed, scale, switches.vacant_grids, switches.two_grids_per_worker)
    summary = Summary(days=days)
    write_city(out / "city", city, switches, start, days)
    _tell(progress, f"city: {len(city.communities)} communities, {len(city.cells)} unit grids")
    with Truth(out / "truth") as truth:
        (out / "truth" / "switches.json").write_text(switches.as_json(), encoding="utf-8")
        maker = DayMaker(city, switches, start, days)
        for day in range(days):
            before = sum(summary.records.values())
            _write_day(out / "inputs" / folder(start, day), maker, day, truth, summary)
            written = sum(summary.records.values()) - before
            _tell(progress, f"{folder(start, day)}: {written} records")
    return summary


def _check(days: int, scale: float) -> None:
    faults = [Fault("simulate", "days", str(days), "give at least 1 day")] if days < 1 else []
    if not 0 < scale <= LARGEST:
        faults.append(Fault("simulate", "scale", str(scale), f"give a scale above 0 and at most {LARGEST}"))
    if faults:
        raise ConfigFaults(faults)


def _tell(progress: Progress | None, line: str) -> None:
    if progress is not None:
        progress(line)


def _add(counts: dict[str, int], names: Iterable[str]) -> None:
    for name in names:
        counts[name] = counts.get(name, 0) + 1


class DayMaker:
    """Makes the records of any day. Days may be asked for in any order; in order is fastest."""

    def __init__(self, city: City, switches: Switches, start: date, days: int) -> None:
        self.city, self.switches, self.days = city, switches, days
        self.start = epoch(start)
        redivided_from = max(1, days // 2) if switches.grid_redivision and days > 1 else days + 1
        self._press = Press(city, switches, self.start, redivided_from)
        self._next = 0
        self._rest: dict[int, dict[int, list[Made]]] = {}

    def problems(self, day: int) -> Iterator[tuple[Problem, str]]:
        """The true problems of a day with their unit grid."""
        for problem in problems_of(self.city, self.switches, day, self.start):
            yield problem, self._press.grid_of(problem, day)

    def reports(self, day: int, misconduct: list[Misconduct]) -> list[Made]:
        """The reports received on a day in the order of receipt; misconduct of the day's problems is added."""
        if day != self._next:
            self._rest.clear()
        self._next = day + 1
        made = list(self._received(day, misconduct))
        made.sort(key=lambda item: (_delivered(item), item.body["source_ref"], item.copy))
        return made

    def _received(self, day: int, misconduct: list[Misconduct]) -> Iterator[Made]:
        for earlier in range(max(0, day - LATEST_DAYS), day):
            if earlier not in self._rest:
                self._emit(earlier, [])
            yield from self._rest[earlier].pop(day, ())
        self._rest.pop(day - LATEST_DAYS, None)
        self._emit(day, misconduct)
        yield from self._rest[day].pop(day, ())

    def _emit(self, day: int, misconduct: list[Misconduct]) -> None:
        """Make what a day causes, sorted by the day it is received on. What comes after the last day is dropped."""
        found: dict[int, list[Made]] = {}
        emitted: Iterable[Made | Misconduct] = (
            *self._press.emit(day),
            *other_reports(self.city, self.switches, day, self.start),
        )
        for item in emitted:
            if isinstance(item, Misconduct):
                misconduct.append(item)
                continue
            received_on = (item.received_at - self.start) // DAY
            if received_on < self.days and received_on - day <= LATEST_DAYS:
                found.setdefault(max(day, received_on), []).extend(spoiled(self.city.seed, self.switches, item))
        self._rest[day] = found


def _delivered(made: Made) -> int:
    """When it was delivered: a second delivery of an unchanged record comes some minutes after the first."""
    again = "redelivered" in made.errors and made.copy
    return made.received_at + (REDELIVERY_MS if again else 0)


def _write_day(target: Path, maker: DayMaker, day: int, truth: Truth, summary: Summary) -> None:
    target.mkdir(parents=True, exist_ok=True)
    newer = maker.start + day * DAY >= NEWER_LIST_FROM
    for problem, grid in maker.problems(day):
        truth.problem(maker.city, problem, grid, newer=newer)
        summary.problems += 1
    misconduct: list[Misconduct] = []
    made = maker.reports(day, misconduct)
    for name, schema in (*FILES.values(), OTHER):
        rows = [item for item in made if FILES.get(item.channel, OTHER)[0] == name]
        _container(target / f"{name}.avro", schema, (item.body for item in rows), summary)
        for item in rows:
            truth.report(day, name, item)
            _add(summary.errors, item.errors)
            _add(summary.expected, [item.expected or "open"])
        summary.reports += len(rows)
    _write_readings(target, maker, day, truth, summary)
    _write_work(target, maker, day, made, misconduct, summary)
    truth.misconduct(day, misconduct)
    _add(summary.misconduct, (item.what for item in misconduct))


def _write_readings(target: Path, maker: DayMaker, day: int, truth: Truth, summary: Summary) -> None:
    episodes: list[Episode] = []
    faults: list[tuple[str, str, str]] = []

    def bodies() -> Iterator[Body]:
        for body, fault in readings(maker.city, maker.switches, day, maker.start, episodes):
            summary.samples += len(body["values"])
            if fault:
                faults.append((body["source_ref"], body["device_id"], fault))
            yield body

    _container(target / "readings.avro", "SensorReadings", bodies(), summary)
    truth.sensors(day, episodes, faults)


def _write_work(
    target: Path, maker: DayMaker, day: int, made: list[Made], misconduct: list[Misconduct], summary: Summary
) -> None:
    city, switches, start = maker.city, maker.switches, maker.start
    found = Counter(item.body["patrol_ref"] for item in made if item.body.get("patrol_ref") and not item.copy)
    orders = Counter((item.received_at - start) % DAY // HOUR for item in made if item.channel == "hotline")
    for name, schema, bodies in (
        ("patrol", "PatrolLog", work.patrols(city, switches, day, start, found, misconduct)),
        ("task", "Task", work.tasks(city, switches, day, start)),
        ("staff", "StaffChange", work.staff_changes(city, switches, day, start, misconduct)),
        ("rating", "ExternalRating", work.ratings(city, day, start)),
        ("calls", "CallCounts", work.calls(city, day, start, orders)),
    ):
        rows = sorted(bodies, key=lambda body: (body["received_at"], body["source_ref"]))
        _container(target / f"{name}.avro", schema, rows, summary)


def _container(path: Path, schema: str, bodies: Iterable[Body], summary: Summary) -> None:
    with path.open("wb") as stream:
        count = write_container(stream, schema, bodies)
    summary.records[path.stem] = summary.records.get(path.stem, 0) + count
