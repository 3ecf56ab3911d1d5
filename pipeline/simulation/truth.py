"""What is true of the simulated city, written beside the input so that everything the pipeline says can be judged."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from pipeline.simulation.city import CITY_CODE, City
from pipeline.simulation.kinds import other_category
from pipeline.simulation.problems import Problem
from pipeline.simulation.records import Made, Misconduct
from pipeline.simulation.sensors import Episode

COLUMNS: dict[str, tuple[str, ...]] = {
    "problems": (
        "problem", "day", "lon", "lat", "city", "district", "street", "community", "grid", "community_grid", "zone",
        "kind", "standard", "category_kind", "code", "other_category", "begun_at", "owner", "component_code",
        "emergency", "measured", "below_standard", "recurrence_of", "law_overlap", "ownerless_idle", "pair",
    ),
    "reports": (
        "day", "file", "source_system", "source_ref", "copy", "problem", "lon", "lat", "errors", "expected",
        "received_at",
    ),
    "misconduct": ("day", "who", "what", "at", "detail"),
    "personal": ("day", "source_system", "source_ref", "kind", "value"),
    "episodes": ("day", "device_id", "metric", "what", "begun_at", "ended_at", "peak"),
    "readings": ("day", "source_ref", "device_id", "fault"),
}  # fmt: skip


class Truth:
    """The truth files of one simulation, grown day by day."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._streams: dict[str, IO[str]] = {}
        self._writers: dict[str, Any] = {}
        for name, columns in COLUMNS.items():
            stream = (folder / f"{name}.csv").open("w", encoding="utf-8", newline="")
            self._streams[name] = stream
            self._writers[name] = csv.writer(stream, lineterminator="\n")
            self._writers[name].writerow(columns)

    def __enter__(self) -> Truth:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for stream in self._streams.values():
            stream.close()

    def _row(self, name: str, *cells: object) -> None:
        self._writers[name].writerow(cells)

    def problem(self, city: City, problem: Problem, grid: str, *, newer: bool) -> None:
        """One true problem; ``grid`` is the unit grid in force when it began."""
        community = city.community_of[problem.cell]
        self._row(
            "problems", problem.id, problem.day, f"{problem.point[0]:.7f}", f"{problem.point[1]:.7f}", CITY_CODE,
            community.street.district.code, community.street.code, community.code, grid,
            city.responsibility_of[problem.cell].code, city.zone(problem.cell), problem.kind.key,
            *problem.kind.category(newer=newer), other_category(problem.kind, newer=newer), problem.begun_at,
            problem.owner, problem.component.code if problem.component else "", int(problem.kind.emergency),
            "" if problem.value is None else problem.value, int(problem.below), problem.recurrence_of,
            int(problem.law_overlap), int(problem.chronic_idle), problem.twin_kind,
        )  # fmt: skip

    def report(self, day: int, file: str, made: Made) -> None:
        """One record of an input file, and the private pieces in it."""
        body, point = made.body, made.point
        lon, lat = (f"{point[0]:.7f}", f"{point[1]:.7f}") if point else ("", "")
        self._row(
            "reports", day, file, body["source_system"], body["source_ref"], made.copy, made.problem, lon, lat,
            "|".join(made.errors), made.expected, body["received_at"],
        )  # fmt: skip
        for kind, value in dict.fromkeys(made.private):
            self._row("personal", day, body["source_system"], body["source_ref"], kind, value)

    def misconduct(self, day: int, items: Sequence[Misconduct]) -> None:
        """What was done on purpose."""
        for item in items:
            self._row("misconduct", day, item.who, item.what, item.at, item.detail)

    def sensors(self, day: int, episodes: Sequence[Episode], faults: Sequence[tuple[str, str, str]]) -> None:
        """What sensors saw, and records of theirs that are faulty."""
        for item in episodes:
            self._row(
                "episodes", day, item.device, item.metric, item.what, item.begun_at, item.ended_at, round(item.peak, 3)
            )
        for ref, device, fault in faults:
            self._row("readings", day, ref, device, fault)
