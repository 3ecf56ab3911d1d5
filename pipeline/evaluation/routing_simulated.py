"""Routing on a simulated city: does the first assignment name the true owner of the problem behind a report?

Reports go through intake, classification and location as they come; filing and routing then decide as casework does.
Reports that wait for a person (no category, no place) count as not decided: they are no assignment.
"""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

import numpy as np

from pipeline.domain.models import Models
from pipeline.domain.unitfile import unpacked
from pipeline.evaluation.measures import bootstrap, surest, wilson
from pipeline.evaluation.report import DEFAULT, EvaluateRequest, Figures, Report
from pipeline.evaluation.simulated import Simulated, open_simulated
from pipeline.events.base import Fate
from pipeline.events.intake import LocatedReport
from pipeline.learning.modelfile import read_model
from pipeline.stages.decisions import Route
from pipeline.stages.file import DISPATCHED, file
from pipeline.stages.route import OWNED, TRIAGE

POLL = 2_000


class Decided(NamedTuple):
    """One report: who owns its problem, who was named, and what kind of report it is."""

    owner: str
    units: tuple[str, ...]
    sure: float
    reason: str
    channel: str
    family: str
    at: int


def evaluate_simulated(request: EvaluateRequest) -> Report:
    """Measure a folder of ``wangge simulate``. Raises ``ConfigFaults``."""
    models, version = Models(), DEFAULT
    if request.model is not None:
        found = read_model(request.model, "routing")
        version = found.card.version
        models = Models(units=unpacked(version, found.arrays, found.tables))
    decided = _decided(open_simulated(request.path, models))
    scored = decided[round(len(decided) * request.after) :]
    one = np.array([row.units[:1] == (row.owner,) for row in scored])
    three = np.array([row.owner in row.units[:3] for row in scored])
    sure = np.array([row.sure for row in scored])
    acted = np.array([row.units[:1] != (TRIAGE,) for row in scored])
    figures: Figures = {
        "top1": float(one.mean()), "top3": float(three.mean()), "surest_half": surest(sure, one, 0.5),
        "top1_of_decided": float(one[acted].mean()), "to_a_person": float(1 - acted.mean()),
    }  # fmt: skip
    intervals = {name: wilson(figures[name] * len(one), len(one)) for name in ("top1", "top3", "to_a_person")}
    intervals["top1_of_decided"] = wilson(one[acted].sum(), acted.sum())
    intervals["surest_half"] = bootstrap(lambda at: surest(sure[at], one[at], 0.5), len(one), seed=request.seed)
    return Report(
        task="routing", dataset="simulated", model=version, rows=len(scored), figures=figures, intervals=intervals,
        slices={name: _slice(scored, name, one, three) for name in ("channel", "family", "reason")},
        notes=["reports of cases with a problem behind them are scored; one that waits for a person is not right"],
    )  # fmt: skip


def _decided(city: Simulated) -> list[Decided]:
    found, waiting = list[Decided](), []
    for report in city.screened():
        waiting.append(report)
        if len(waiting) >= POLL:
            found += [one for located in city.topology.place(waiting) if (one := _judged(city, located))]
            waiting = []
    found += [one for located in city.topology.place(waiting) if (one := _judged(city, located))]
    return sorted(found, key=lambda row: row.at)


def _judged(city: Simulated, located: LocatedReport) -> Decided | None:
    problem = city.problem_of(located.report)
    if problem is None or not problem["owner"]:
        return None
    route = _route(city, located)
    if route is None:
        return None
    others = tuple(unit for unit in route.candidates if unit != route.department)
    chances = dict(zip(route.candidates, route.probabilities, strict=False))
    owned = route.reason.startswith(OWNED)
    sure = max(chances.get(route.department, 0.0), 0.5 if route.duty else 0.0, 0.9 if owned else 0.0)
    return Decided(
        problem["owner"], (route.department, *others), sure, route.reason.partition(";")[0],
        located.report.channel, located.classification.family, located.report.received_at,
    )  # fmt: skip


def _route(city: Simulated, located: LocatedReport) -> Route | None:
    """As casework does: only what may be dispatched goes to a unit, and what is no case goes nowhere."""
    filing, router = file(located, city.topology.reference), city.topology.casework.policy.router
    urgent = located.classification.case_class == "emergency"
    if filing.fate == Fate.LOGGED:
        return None
    if filing.state != DISPATCHED:
        return Route(department=TRIAGE, reason=f"waits: {filing.outcome}", candidates=(TRIAGE, router.fallback))
    return router.route(located, filing.limit_value, filing.clock, located.report.received_at, urgent=urgent)


def _slice(rows: list[Decided], field: str, one: np.ndarray, three: np.ndarray) -> dict[str, Figures]:
    members: defaultdict[str, list[int]] = defaultdict(list)
    for at, row in enumerate(rows):
        members[getattr(row, field) or "-"].append(at)
    return {
        name: {"rows": float(len(at)), "top1": float(one[at].mean()), "top3": float(three[at].mean())}
        for name, at in sorted(members.items(), key=lambda item: (-len(item[1]), item[0]))
    }
