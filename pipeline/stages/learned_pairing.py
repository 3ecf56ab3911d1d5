"""A learned model in place of the rule: all sightings of the open cases around a report, judged together."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.domain.geo.projection import distance_m
from pipeline.domain.ids import DAY_MS
from pipeline.domain.pairmodel import FAR, OTHER, SAME_CODE, SAME_FAMILY, Asked, Judgement, PairModel, Sighting
from pipeline.domain.text import likeness as text_likeness
from pipeline.events.base import Millis
from pipeline.events.intake import LocatedReport
from pipeline.stages.decisions import Verdict
from pipeline.stages.duplicate_policy import HOUR_MS, DuplicatePolicy, Known
from pipeline.stages.entries import CaseEntry, Sight
from pipeline.stages.pairing import best_of, distance_between, judged, linked

MOST_CANDIDATES = 64
"""Open cases that a learned model looks at, latest first: bounds the cost at a place with hundreds of open cases."""


def learned(running: list[Known], located: LocatedReport, model: PairModel, policy: DuplicatePolicy) -> Verdict | None:
    """The same component still settles it; else the model judges all sightings of open cases together."""
    code = located.place.component_code or located.report.component_code
    if code and (exact := best_of(judged(one, located, policy) for one in running if one.component_code == code)):
        return exact
    near = sorted(running, key=_order)[:MOST_CANDIDATES]
    found = model.judge(_sightings(near, located, model), _asked(located))
    if found.best < 0 or found.probability < model.suggest:
        return None
    verdict = _merged(near[found.best], located, found, model)
    if found.probability >= model.merge:
        return verdict
    return Verdict(rule=f"D8-{model.version}", suggested=verdict.case_id, score=verdict.score)


def _merged(known: Known, located: LocatedReport, found: Judgement, model: PairModel) -> Verdict:
    report = located.report
    same_person = bool(report.reporter_key) and report.reporter_key == known.reporter_key
    return linked(
        known, same_person, found.probability, distance_between(report.lon, report.lat, known),
        report.begun_at - known.begun_at, text_likeness(report.signature, known.signature), f"D7-{model.version}",
    )  # fmt: skip


def _order(known: Known) -> tuple[Millis, str]:
    """Latest first; a total order, so the answer never hangs on storage order."""
    return (-known.begun_at, known.case_id)


def _sightings(running: Sequence[Known], located: LocatedReport, model: PairModel) -> list[Sighting]:
    """All reports of these cases that lie within reach and window of the model, seen from this report."""
    found: list[Sighting] = []
    view = _View(located, model)
    for number_of, known in enumerate(running):
        view.add(found, number_of, known.family, known, known.begun_at)
        for sight in known.also if isinstance(known, CaseEntry) else ():
            view.add(found, number_of, known.family, sight, sight.at)
    return found


class _View:
    """What is asked of every sighting, read once; cheap questions come first, since most sightings fall early."""

    __slots__ = ("address", "at", "lat", "located", "lon", "reach", "window")

    def __init__(self, located: LocatedReport, model: PairModel) -> None:
        report = located.report
        self.located, self.at, self.address = located, report.begun_at, report.address_key
        self.lon, self.lat = report.lon, report.lat
        self.window, self.reach = model.window_days * DAY_MS, model.reach_m

    def add(self, found: list[Sighting], case: int, family: str, seen: Known | Sight, at: Millis) -> None:
        """Note one report of a case, unless it is too old, or too far away and of another door."""
        apart = abs(self.at - at)
        if apart > self.window:
            return
        lon, lat, metres = seen.lon, seen.lat, FAR
        if self.lon is not None and self.lat is not None and lon is not None and lat is not None:
            metres = distance_m(self.lon, self.lat, lon, lat)
        same_address = bool(self.address) and self.address == seen.address_key
        if metres <= self.reach or same_address:
            found.append(Sighting(case, apart / DAY_MS, metres, same_address, _kin(family, seen.code, self.located)))


def _kin(family: str, code: str, located: LocatedReport) -> int:
    about = located.classification
    return OTHER if family != about.family else SAME_CODE if code == about.code else SAME_FAMILY


def _asked(located: LocatedReport) -> Asked:
    report, about = located.report, located.classification
    hour = report.received_at % DAY_MS // HOUR_MS
    return Asked(float(hour), report.lon is not None, f"{about.standard}|{about.kind}|{about.code}", report.channel)
