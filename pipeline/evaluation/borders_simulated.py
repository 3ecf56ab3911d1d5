"""Borders of a simulated city: are the reports flagged whose true place lies in another area than their point?

Truth is the place of the problem behind a report. Its district, street and community are held against those of the
reported point; what is measured is the finding of the stage itself, on every report that has a point.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pipeline.evaluation.borders import Bools, Flagging, briers, by_group, calibration
from pipeline.evaluation.report import EvaluateRequest, Figures, Report
from pipeline.evaluation.simulated import Row, Simulated, open_simulated
from pipeline.events.intake import Place, ScreenedReport
from pipeline.stages.borders import DOUBTED

PLACED = ("BORDER", "OVERLAP", "GAP", "ACTUAL_VS_GRID")
"""Findings about where a place belongs; the others are about duties and other systems."""
BAND_M = 15.0
POLL = 2_000


class Seen(NamedTuple):
    """A report with its truth and what the stage found."""

    report: ScreenedReport
    truth: Row
    place: Place


def evaluate(request: EvaluateRequest) -> Report:
    """The report of a folder of ``wangge simulate``."""
    city = open_simulated(request.path)
    seen = _seen(city)
    request.say(f"{len(seen):,} reports with a point and a known problem")
    return report_of(seen[int(request.after * len(seen)) :], request)


def _seen(city: Simulated) -> list[Seen]:
    known = [(report, truth) for report in city.screened() if (truth := city.problem_of(report)) is not None]
    found: list[Seen] = []
    for start in range(0, len(known), POLL):
        part = known[start : start + POLL]
        reports = [report for report, _ in part]
        places = city.topology.locator.locate_many(reports, city.topology.classifier.classify_many(reports))
        pairs = zip(part, places, strict=True)
        found += [Seen(report, truth, place) for (report, truth), place in pairs if place.method == "point"]
    return found


def report_of(seen: Sequence[Seen], request: EvaluateRequest) -> Report:
    """Recall over reports that lie in another community (so street, district) than their problem."""
    flagged = _column([bool(set(one.place.border_flags) & {*PLACED}) for one in seen])
    apart = {tier: _column([_area(one.place, tier) != one.truth[tier] for one in seen]) for tier in DOUBTED}
    every = np.ones(len(seen), np.bool_)
    wrong = apart["community"]
    flags = Flagging(flagged, wrong, every)
    figures, limits = flags.figures()
    doubt = np.array([_doubt(one.place) for one in seen], np.float64)
    scores, more = briers(doubt, wrong, request.seed)
    among = _column([one.truth["community"] in {c.code for c in one.place.border_candidates} for one in seen])
    held = wrong & flagged
    figures |= scores | {
        "true_area_among_candidates": float(among[held].mean()) if held.any() else 0.0,
        "disagreements": int(wrong.sum()),
    }
    rows = np.arange(len(seen))
    groups = {"channel": tuple([one.report.channel for one in seen])}
    return Report(
        task="boundary", dataset="simulated", rows=len(seen), figures=figures, intervals=limits | more,
        slices={**by_group(groups, flags, rows), "probability": calibration(doubt, wrong), "flag": _by_flag(seen)},
        peers=_peers(seen, wrong, every),
        per_class={tier: {"disagreements": int(column.sum()), **Flagging(flagged, column, every).figures()[0]}
                   for tier, column in apart.items()},
        notes=["a disagreement is a report whose point lies in another community than its problem; the probability is "
               "the stage's own, 0 where it names no candidates"],
    )  # fmt: skip


def _column(values: Sequence[bool]) -> Bools:
    return np.array(values, np.bool_)


def _area(place: Place, tier: str) -> str:
    return str(getattr(place, tier))


def _doubt(place: Place) -> float:
    """What the stage says of the community: 1 without one, 0 where it names no other candidate."""
    if not place.community:
        return 1.0
    others = [one.probability for one in place.border_candidates if one.layer == "community"
              and one.code != place.community]  # fmt: skip
    return min(1.0, sum(others))


def _by_flag(seen: Sequence[Seen]) -> dict[str, Figures]:
    names = sorted({flag for one in seen for flag in one.place.border_flags})
    return {name: {"share": sum(name in one.place.border_flags for one in seen) / len(seen)} for name in names}


def _peers(seen: Sequence[Seen], wrong: Bools, every: Bools) -> dict[str, Figures]:
    """A border within a fixed band, and within the error or the band, on the same rows."""
    border_m = np.array([np.inf if one.place.border_m is None else one.place.border_m for one in seen])
    gap = _column([not one.place.community for one in seen])
    reach = np.array([max(BAND_M, one.report.error_m or 0.0) for one in seen])
    return {
        f"a border within {BAND_M:.0f} m": Flagging((border_m <= BAND_M) | gap, wrong, every).figures()[0],
        "a border within the error, at least 15 m": Flagging((border_m <= reach) | gap, wrong, every).figures()[0],
    }
