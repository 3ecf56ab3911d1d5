"""Borders of Boston's wards: the ward that the city recorded with a case against the ward its point lies in.

Truth is ``ward_boundary.csv``. Addresses were geocoded to the street side and rounded to four decimals, many of them
are crossings of streets that are ward lines, and some recorded wards follow an older map.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from connectors.importers.base import Row
from connectors.importers.points import number, rounding_m
from connectors.importers.polygons import polygon_files
from connectors.importers.times import millis
from pipeline.domain.geo.geojson import read_layer
from pipeline.domain.geo.layers import Layer, LayerFaults, LayerSpec
from pipeline.domain.geo.probability import FLEXIBLE
from pipeline.domain.geo.projection import Floats
from pipeline.errors import ConfigFaults, Fault
from pipeline.evaluation.borders import (
    BorderCases,
    BorderRule,
    Flagging,
    Judged,
    briers,
    by_group,
    calibration,
    judge,
)
from pipeline.evaluation.measures import brier
from pipeline.evaluation.report import EvaluateRequest, Figures, Report
from pipeline.learning.rows import read_rows

ZONE = ZoneInfo("America/New_York")
POLYGONS = "boston_wards*"
RULE = BorderRule(FLEXIBLE)
USUAL_ERROR_M = 4.0
"""Standard deviation of a point whose digits do not tell it."""
DISTANCES_M = (25.0, 50.0)
SHARE = 0.08
_NUMBER = re.compile(r"(\d+)")


def ward(text: str) -> str:
    """``Ward 3``, ``03`` and ``3.0`` are ward ``3``; "" where no number is named."""
    found = _NUMBER.search(text)
    return str(int(found[1])) if found else ""


def evaluate(request: EvaluateRequest) -> Report:
    """The report of a folder in the layout of the set."""
    cases = read_cases(request.path, request.truth)
    layer = read_wards(request.path)
    request.say(f"{len(cases.ids):,} cases with a place, {len(layer.cells)} wards")
    without = judge(cases, layer, replace(RULE, practice=None))
    return report_of(cases, judge(cases, layer, RULE), without, request)


def read_wards(path: Path) -> Layer:
    """The wards from ``polygons`` in the folder, beside it or one above, else from the folder itself."""
    whole = path.resolve()
    for file in [*polygon_files(path, POLYGONS), *polygon_files(whole.parent, POLYGONS), *whole.glob(POLYGONS)][:1]:
        spec = LayerSpec(name="ward", system="ward", kind="ward", version="1", code_property="WARD", mend=True)
        try:
            return read_layer(file.read_bytes(), spec)
        except LayerFaults as exc:
            raise ConfigFaults(list(exc.faults)) from exc
    remedy = f"put {POLYGONS}.geojson[.gz] into a folder `polygons` in it or beside it"
    raise ConfigFaults([Fault("boundary", "path", str(path), remedy)])


def read_cases(path: Path, truth: Path | None = None) -> BorderCases:
    """Cases that have a row of truth and a place, in order of time; the first row of a number counts."""
    cases: dict[str, Row] = {}
    for row in read_rows("boston311", path, "cases*.csv", "case_id", "opened_at", "lon", "lat", "address", "channel"):
        cases.setdefault(row["case_id"], row)
    folder, pattern = (truth.parent, truth.name) if truth else (path, "*boundary*.csv")
    found = []
    for row in read_rows("boston311", folder, pattern, "case_enquiry_id", "ward", "ward_polygon"):
        case = cases.pop(row["case_enquiry_id"], None)
        if case is not None and number(case["lon"]) is not None and number(case["lat"]) is not None:
            found.append((millis(case["opened_at"], ZONE) or 0, row["case_enquiry_id"], case, row))
    found.sort(key=lambda item: item[:2])
    return columns([(id_, case, row) for _, id_, case, row in found])


def columns(rows: Sequence[tuple[str, Row, Row]]) -> BorderCases:
    """Number, case and row of truth, in order of time, as columns."""
    thirds = ("first third", "second third", "last third")
    return BorderCases(
        ids=tuple([id_ for id_, _, _ in rows]),
        lons=np.array([number(case["lon"]) for _, case, _ in rows], np.float64),
        lats=np.array([number(case["lat"]) for _, case, _ in rows], np.float64),
        errors_m=np.array([rounding_m(case["lon"], case["lat"]) or USUAL_ERROR_M for _, case, _ in rows]),
        recorded=tuple([ward(truth["ward"]) for _, _, truth in rows]),
        drawn=tuple([ward(truth["ward_polygon"]) for _, _, truth in rows]),
        groups={
            "time": tuple([thirds[3 * place // len(rows)] for place in range(len(rows))]),
            "address": tuple(["crossing" if "INTERSECTION" in case["address"] else "house" for _, case, _ in rows]),
            "channel": tuple([case["channel"] or "unknown" for _, case, _ in rows]),
        },
    )


def report_of(cases: BorderCases, judged: Judged, without: Judged, request: EvaluateRequest) -> Report:
    """All figures over the cases after the share of time that was asked for; ``without`` is without the ledger."""
    scored = np.arange(int(request.after * len(cases.ids)), len(cases.ids))
    recorded, drawn = np.array(cases.recorded)[scored], np.array(cases.drawn)[scored]
    sure = (recorded != "") & (drawn != "")
    wrong = sure & (recorded != drawn)
    doubt = judged.doubt[scored]
    flags = Flagging(doubt >= RULE.flag_at, wrong, sure)
    figures, limits = flags.figures()
    scores, more = briers(doubt[sure], wrong[sure], request.seed)
    figures |= scores | {f"recall_at_{SHARE:.0%}": flags.at(doubt, SHARE), "disagreements": int(wrong.sum())}
    return Report(
        task="boundary", dataset=request.dataset, rows=len(scored), figures=figures, intervals=limits | more,
        slices={**by_group(cases.groups, flags, scored), "probability": calibration(doubt[sure], wrong[sure])},
        peers=_peers(flags, judged.border_m[scored], without.doubt[scored]),
        notes=_notes(int((recorded == "").sum()), int((drawn == "").sum())),
    )  # fmt: skip


def _peers(flags: Flagging, border_m: Floats, doubt: Floats) -> dict[str, Figures]:
    """Simple rules on the same rows: distance alone, and the map with its error but without the ledger."""
    wrong, sure = flags.wrong, flags.sure
    found = {
        f"a border within {metres:.0f} m": Flagging(border_m <= metres, wrong, sure).figures()[0]
        for metres in DISTANCES_M
    }
    found[f"distance, {SHARE:.0%} flagged"] = {"recall": flags.at(-border_m, SHARE), "flagged": SHARE}
    found["without the ledger"] = {
        **Flagging(doubt >= RULE.flag_at, wrong, sure).figures()[0],
        "brier": brier(doubt[sure], wrong[sure]),
    }
    return found


def _notes(unknown: int, outside: int) -> list[str]:
    return [
        f"flagged from a probability of {RULE.flag_at:g} that the case belongs to another ward; the ledger of practice "
        "starts empty and is told the recorded ward of a case after that case was judged",
        f"{unknown} cases without a recorded ward and {outside} outside all wards are neither agreement nor "
        "disagreement; they count among all cases, and as flagged when they are",
    ]
