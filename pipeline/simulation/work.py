"""Work that is no report: patrols walked and invented, other tasks, people who come and go, ratings, calls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from pipeline.simulation.city import City
from pipeline.simulation.clock import DAY, HOUR, MINUTE, day_start
from pipeline.simulation.dice import chance, dice
from pipeline.simulation.records import Misconduct, patrol_ref
from pipeline.simulation.switches import Switches

Body = dict[str, Any]
TASKS = (
    ("信息采集", "综治", 25), ("入户走访", "民政", 40), ("反诈宣传", "公安", 20), ("台账填报", "街道", 35),
    ("消防检查", "消防", 30), ("防汛值守", "应急", 90), ("人口核查", "公安", 45), ("垃圾分类督导", "绿化市容", 30),
    ("政策宣传", "党建", 20), ("独居老人探访", "民政", 30),
)  # fmt: skip
"""Kinds of task: name, on whose behalf, usual minutes (assumed)."""


def patrols(
    city: City, switches: Switches, day: int, start: int, found: Counter[str], misconduct: list[Misconduct]
) -> Iterator[Body]:
    """Two walks a day through each grid that has a worker. ``found`` counts finds by patrol number."""
    for worker, grids in city.workers.items():
        for grid in grids:
            for half in (0, 1):
                rng = dice(city.seed, "patrol", grid.code, day, half)
                begun = day_start(start, day) + (8 + 5 * half) * HOUR + rng.randrange(40 * MINUTE)
                ref = patrol_ref(day, grid.code, half)
                padded = not found[ref] and rng.random() < switches.patrol_padding
                minutes = rng.uniform(2, 6) if padded else rng.uniform(50, 130)
                if padded:
                    misconduct.append(Misconduct(worker, "patrol_padding", begun, ref))
                ended = begun + int(minutes * MINUTE)
                yield {
                    "source_system": "grid-terminal",
                    "source_ref": ref,
                    "received_at": ended + rng.randrange(1, 60) * 1000,
                    "worker_id": worker,
                    "unit": grid.community.street.office,
                    "grid_code": grid.code,
                    "started_at": begun,
                    "ended_at": ended,
                    "distance_m": round(rng.uniform(1800, 4200) if padded else minutes * rng.uniform(28, 45), 1),
                    "found": found[ref],
                }


def tasks(city: City, switches: Switches, day: int, start: int) -> Iterator[Body]:
    """One to four other tasks a worker."""
    for worker, grids in city.workers.items():
        rng = dice(city.seed, "tasks", worker, day)
        for number in range(rng.randrange(1, 5)):
            name, behalf, usual = rng.choice(TASKS)
            done = day_start(start, day) + rng.randrange(9 * HOUR, 18 * HOUR)
            yield {
                "source_system": "grid-terminal",
                "source_ref": f"TK{day:03d}-{worker}-{number}",
                "received_at": done + rng.randrange(1, 300) * 1000,
                "worker_id": worker,
                "unit": grids[0].community.street.office,
                "grid_code": rng.choice(grids).code,
                "task_type": name,
                "acting_as": behalf,
                "minutes": round(usual * rng.uniform(0.5, 1.8), 1),
                "items": rng.randrange(1, 12),
                "done_at": done,
            }


def staff_changes(city: City, switches: Switches, day: int, start: int, misconduct: list[Misconduct]) -> Iterator[Body]:
    """Workers who leave; some are followed by somebody, some leave the grid vacant."""
    for worker, grids in city.workers.items():
        if chance(city.seed, "turnover", worker, day) >= switches.staff_turnover:
            continue
        rng = dice(city.seed, "staff", worker, day)
        change = rng.choice(("left", "moved", "vacant"))
        at = day_start(start, day) + 9 * HOUR + rng.randrange(HOUR)
        successor = "" if change == "vacant" or rng.random() < 0.4 else f"{worker}N{day:03d}"
        misconduct.append(Misconduct(worker, "staff_change", at, f"{change}, successor {successor or 'none'}"))
        for grid in grids:
            yield {
                "source_system": "personnel",
                "source_ref": f"ST{day:03d}-{grid.code}",
                "received_at": at,
                "person_id": worker,
                "unit": grid.community.street.office,
                "post": "grid-worker",
                "grid_code": grid.code,
                "change": change,
                "successor": successor,
                "effective_at": at,
            }


def ratings(city: City, day: int, start: int) -> Iterator[Body]:
    """Once a week every street is rated from outside."""
    if day % 7 != 4:
        return
    at = day_start(start, day) + 17 * HOUR
    for street in city.streets:
        rng = dice(city.seed, "rating", street.code, day)
        for rater, measure, usual in (
            ("第三方巡查", "实地检查", 82),
            ("市民问卷", "满意度", 78),
            ("媒体监督", "曝光整改", 85),
        ):
            yield {
                "source_system": "assessment",
                "source_ref": f"RT{day:03d}-{street.code}-{measure}",
                "received_at": at,
                "rater": rater,
                "subject_kind": "area",
                "subject": street.code,
                "measure": measure,
                "score": round(min(100.0, rng.gauss(usual, 7)), 1),
                "scale_max": 100.0,
                "rated_at": at - DAY,
            }


def calls(city: City, day: int, start: int, orders: Counter[int]) -> Iterator[Body]:
    """Calls of the hotline by the hour: rather more than orders (``orders`` by hour)."""
    for hour in range(24):
        rng = dice(city.seed, "calls", day, hour)
        answered = int(orders[hour] * rng.uniform(1.2, 1.6)) + rng.randrange(3)
        abandoned = int(answered * rng.uniform(0.01, 0.08))
        begun = day_start(start, day) + hour * HOUR
        yield {
            "source_system": "hotline-12345",
            "source_ref": f"CC{day:03d}-{hour:02d}",
            "received_at": begun + HOUR + 2000,
            "hotline": "12345",
            "period_start": begun,
            "period_end": begun + HOUR,
            "incoming": answered + abandoned,
            "answered": answered,
            "answered_15s": int(answered * rng.uniform(0.75, 0.98)),
            "abandoned": abandoned,
        }
