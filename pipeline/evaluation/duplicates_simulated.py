"""Duplicates in a simulated city: all stages over its inputs, links and merges against the true problems.

A report repeats another when one of the same problem became or joined a case before it. Nobody acts on cases here, so
every case stays open. A report counts as joined when it was linked at its arrival, or when its case was merged into one
of another tile that had been filed before.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from pipeline.domain import pairmodel
from pipeline.domain.models import Models
from pipeline.evaluation.duplicate_measures import PEERS, Told, by_radius, figures_of, slices_of
from pipeline.evaluation.report import DEFAULT, EvaluateRequest, Figures, Report
from pipeline.evaluation.simulated import POLL, Simulated, open_simulated
from pipeline.events.base import Channel
from pipeline.events.facts import CaseFiled, CaseMerged, ReportLinked
from pipeline.events.intake import LocatedReport
from pipeline.learning.duplicates import Labelled
from pipeline.learning.modelfile import Card, read_model
from pipeline.stages.casebook import CaseBook


def evaluate_city(request: EvaluateRequest) -> Report:
    """The report on a folder of ``wangge simulate``. Raises ``ConfigFaults`` when it is none."""
    model, card = _model(request)
    city = open_simulated(request.path, Models(pairs=model) if model is not None else None)
    told, emergencies = _told(city, request)
    figures, intervals = figures_of(told, request.seed)
    slices = slices_of(told) | {"tiles": _tiles(told)}
    figures["emergencies_merged"] = float(emergencies)
    rows = [one.row for one in told]
    peers = {}
    for name, rule in PEERS.items() if request.peers else ():
        answers = zip(told, by_radius(rows, rule), strict=True)
        peers[name] = figures_of([Told(one.row, *found, scored=one.scored) for one, found in answers])[0]
    return Report(
        task="duplicates", dataset=request.dataset, model=card.version if card else DEFAULT,
        rows=sum(one.scored for one in told), figures=figures, intervals=intervals, slices=slices, peers=peers,
        notes=["all stages are run; nobody acts, so cases stay open", "a report repeats another of the same problem"],
    )  # fmt: skip


def _model(request: EvaluateRequest) -> tuple[Any, Card | None]:
    if request.model is None:
        return None, None
    file = read_model(request.model, "duplicates")
    return pairmodel.build(file.card.version, file.arrays, file.tables), file.card


def _told(city: Simulated, request: EvaluateRequest) -> tuple[list[Told], int]:
    """What was said of every report that became or joined a case, and how many emergencies joined ordinary cases."""
    told, first, classes, into = list[Told](), dict[str, str](), dict[str, str](), dict[str, str]()
    emergencies = 0
    for located, facts in _worked(city):
        into |= {fact.case_id: fact.into for fact in facts if isinstance(fact, CaseMerged)}
        classes |= {fact.case_id: fact.case_class for fact in facts if isinstance(fact, CaseFiled)}
        case = _case_of(located, facts)
        row = city.reports.get((located.report.source_system, located.report.source_ref))
        if not case or row is None or located.report.channel == Channel.ALARM:
            continue
        joined = any(isinstance(fact, ReportLinked) for fact in facts)
        urgent = located.classification.case_class == "emergency"
        emergencies += joined and urgent and classes.get(case, "emergency") != "emergency"
        name, problem = f"{located.report.source_system}|{located.report.source_ref}", row["problem"]
        parent = first.get(problem, "") if problem else ""
        first.setdefault(problem, name)
        kind = located.classification.code or "none"
        group = {"channel": located.report.channel, "category": kind, "area": located.place.tile}
        labelled = Labelled(name, located.report.received_at, located, bool(parent), parent, group)
        told.append(Told(labelled, joined, case))
    begin = int(len(told) * request.after)
    return [
        replace(one, case=(final := _final(one.case, into)), joined=one.joined or final != one.case, scored=n >= begin)
        for n, one in enumerate(told)
    ], emergencies  # fmt: skip


def _worked(city: Simulated) -> Iterator[tuple[LocatedReport, list[Any]]]:
    """Every report with the facts of its own step and of the notices that followed."""
    book, batch, casework = CaseBook(), [], city.topology.casework
    for report in city.screened():
        batch.append(report)
        if len(batch) == POLL:
            yield from ((one, _steps(casework, book, one)) for one in city.topology.place(batch))
            batch = []
    yield from ((one, _steps(casework, book, one)) for one in city.topology.place(batch))


def _steps(casework: Any, book: CaseBook, located: LocatedReport) -> list[Any]:
    facts, waiting = list[Any](), list[Any]([located])
    while waiting:
        outcome = casework.step(book, waiting.pop(0))
        book.apply(outcome.changes)
        facts += outcome.facts
        waiting += outcome.messages
    return facts


def _case_of(located: LocatedReport, facts: list[Any]) -> str:
    own = (fact for fact in facts if getattr(fact, "report_id", "") == located.report.report_id)
    return next((fact.case_id for fact in own if isinstance(fact, ReportLinked | CaseFiled)), "")


def _final(case: str, into: dict[str, str]) -> str:
    while case in into:
        case = into[case]
    return case


def _tiles(told: list[Told]) -> dict[str, Figures]:
    """Whether a duplicate is found as often across the edge of a tile as within."""
    placed = [one for one in told if one.row.located.report.lon is not None]
    tile = {one.row.id: one.row.group["area"] for one in placed}
    groups: dict[str, list[Told]] = {"within": [], "across": []}
    for one in placed:
        if one.scored and one.row.duplicate and one.row.parent in tile:
            groups["within" if tile[one.row.parent] == one.row.group["area"] else "across"].append(one)
    return {
        name: {"known": len(rows), "recall": sum(one.joined for one in rows) / len(rows) if rows else 0.0}
        for name, rows in groups.items()
    }
