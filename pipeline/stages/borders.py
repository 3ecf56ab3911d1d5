"""Is a place a border case? The doubt about its district, street and community, with the candidates and the reason.

The finest layer above the unit grids is scanned (every point is near the border of a 100 m cell); the tree of areas
makes the doubt about street and district of it. A place is ``BORDER`` when it lies in another area of some tier with at
least the probability that ``border_rules`` give for that tier: by the error of the position, by a flexible line, and by
what the ledger of practice tells. Where earlier cases were rather held in another area than drawn, it is
``ACTUAL_VS_GRID``. Layers of other systems (roads, rivers, maintenance) are scanned when they have a rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.domain.geo.borders import BorderFlag, BorderScan
from pipeline.domain.geo.index import LARGEST_REACH_M, LayerIndex
from pipeline.domain.geo.layers import Layer
from pipeline.domain.geo.practice import Practice, weighed
from pipeline.domain.geo.probability import RIGID, Line, beyond, loosened
from pipeline.domain.geo.projection import Floats, Ints
from pipeline.domain.reference.model import BorderRule, PracticeSpot
from pipeline.events.base import Millis
from pipeline.events.intake import BorderCandidate
from pipeline.stages.levels import TIERS, AreaTree

BAND_M = 15.0
"""Borders are looked for at least this far, however exact a position is."""
LEDGER_BAND_M = 100.0
"""The same where a ledger of practice speaks: it is asked by the distance to the border."""
SPREAD = 1.75
"""And so many times the error: beyond, less than 4 % lies on the other side."""
DOUBTED = TIERS[1:4]
"""District, street and community: the tiers at which another area means another unit or person."""
GRID = TIERS[4]
PRACTICE_DOUBT = 0.5
"""From this probability that a place is held elsewhere practice and map are at odds."""
LISTED = 0.005
"""Candidates below this probability are not told."""

GRID_ERROR_M = 15.0
"""Unit grids, 100 m wide, are told of places that are exact enough to choose between a few of them."""

Bools = NDArray[np.bool_]
Near = tuple[int, float, float]
"""A cell within reach: its number, the signed distance of its border, its probability."""
Likely = dict[str, tuple[float, float]]
"""Probability and signed distance of each area; the largest reach where practice names one that is not near."""


class Found(NamedTuple):
    """What a border scan says of one place."""

    flags: tuple[str, ...] = ()
    candidates: tuple[BorderCandidate, ...] = ()
    border_m: float | None = None
    """Distance to the nearest border between two areas, when one is within reach."""


NOTHING = Found()


class Spot(NamedTuple):
    """A place as the scan found it."""

    lon: float
    lat: float
    own: int
    """Number of its cell, -1 for none."""
    border_m: float


class TierLayer:
    """One version of the scanned layer: which area of each tier each cell belongs to."""

    def __init__(self, index: LayerIndex, tree: AreaTree) -> None:
        self.index = index
        # Codes of district, street and community of each cell.
        self._codes = [tree.levels(code)[1:4] for code in index.layer.codes]
        # A last row stands for "no cell", which is number -1.
        self.areas = {
            tier: np.array([*_numbers([codes[place] for codes in self._codes]), -1], np.int64)
            for place, tier in enumerate(DOUBTED)
        }

    def own(self, cell: int, tier: str) -> str:
        """The area of a tier that a cell belongs to; "" for none."""
        return self._codes[cell][DOUBTED.index(tier)]

    def likely(self, near: list[Near]) -> dict[str, Likely]:
        """Areas of each tier: their cells' shares summed, at the distance of the nearest of their borders."""
        found: dict[str, Likely] = {}
        for place, tier in enumerate(DOUBTED):
            areas = found[tier] = {}
            for cell, metres, share in near:
                if area := self._codes[cell][place]:
                    before = areas.get(area)
                    areas[area] = (share, metres) if before is None else (before[0] + share, min(before[1], metres))
        return found


class BorderJudge:
    """Layers, rules and ledger of one reference set. Pure: the same place, the same finding."""

    def __init__(
        self, tree: AreaTree, scanned: Iterable[LayerIndex], grids: Iterable[LayerIndex], others: Iterable[LayerIndex]
    ) -> None:
        tables = tree.reference.tables
        self.rules = {rule.id: rule for rule in tables.border_rules}
        self._layers = [TierLayer(index, tree) for index in scanned]
        self._grids = list(grids) if GRID in self.rules else []
        self._others = [index for index in others if index.layer.kind in self.rules]
        self._practice = _ledger(tables.practices, self._layers)
        lines = [_line(self.rules[tier]) for tier in DOUBTED if tier in self.rules]
        self._line = max(lines, key=lambda line: line.drift_share, default=RIGID)

    def judge(self, lons: Floats, lats: Floats, errors: Floats, times: Sequence[Millis]) -> list[Found]:
        """The finding of each place."""
        found = [NOTHING] * len(times)
        for layer in self._layers:
            for number, one in self._tiers(layer, *_in_force(layer.index.layer, lons, lats, errors, times)):
                found[number] = one
        for index in self._others:
            for number, one in self._other(index, *_in_force(index.layer, lons, lats, errors, times)):
                found[number] = _joined(found[number], one)
        exact = (errors <= GRID_ERROR_M).tolist()
        rows = np.flatnonzero([fine and "BORDER" in one.flags for fine, one in zip(exact, found, strict=True)])
        for index in self._grids if len(rows) else ():
            at = [times[row] for row in rows.tolist()]
            for number, told in _grids(index, *_in_force(index.layer, lons[rows], lats[rows], errors[rows], at)):
                one = found[rows[number]]
                found[rows[number]] = one._replace(candidates=one.candidates + told)
        return found

    # --- the unit system --------------------------------------------------------------------------------------------

    def _tiers(
        self, layer: TierLayer, rows: Ints, lons: Floats, lats: Floats, errors: Floats
    ) -> Iterable[tuple[int, Found]]:
        scan = layer.index.borders(lons, lats, errors, LEDGER_BAND_M if self._practice else BAND_M, SPREAD)
        shares = loosened(scan.distances_m, scan.probabilities, scan.starts, self._line)
        crossing, doubtful = self._doubt(layer, scan, shares)
        asked = doubtful | (scan.flags & ~np.uint8(BorderFlag.BORDER) > 0)
        if self._practice:
            asked[:] = True
        quiet = crossing & ~asked & np.isfinite(scan.border_m)
        for row, metres in zip(rows[quiet].tolist(), scan.border_m[quiet].tolist(), strict=True):
            yield row, Found(border_m=metres)
        cells, metres, told = scan.cells.tolist(), scan.distances_m.tolist(), shares.tolist()
        for number in np.flatnonzero(asked).tolist():
            part = slice(int(scan.starts[number]), int(scan.starts[number + 1]))
            near = list(zip(cells[part], metres[part], told[part], strict=True))
            spot = Spot(float(lons[number]), float(lats[number]), int(scan.own[number]), float(scan.border_m[number]))
            flags = BorderFlag.names_of(int(scan.flags[number]) & ~int(BorderFlag.BORDER))
            yield int(rows[number]), self._one(layer, spot, near, flags, doubtful=bool(doubtful[number]))

    def _doubt(self, layer: TierLayer, scan: BorderScan, shares: Floats) -> tuple[Bools, Bools]:
        """Whether a border of some tier is within reach, and whether the doubt of some tier reaches its bound."""
        count = len(scan.own)
        point = np.repeat(np.arange(count), np.diff(scan.starts))
        crossing, doubtful = np.zeros(count, np.bool_), np.zeros(count, np.bool_)
        inside = scan.own[point] >= 0
        for tier in DOUBTED:
            areas = layer.areas[tier]
            other = inside & (areas[scan.cells] != areas[scan.own[point]])
            crossing[point[other]] = True
            rule = self.rules.get(tier)
            if rule is not None:
                doubtful |= np.bincount(point[other], shares[other], minlength=count) >= rule.flag_at
        return crossing, doubtful

    def _one(self, layer: TierLayer, spot: Spot, near: list[Near], flags: tuple[str, ...], *, doubtful: bool) -> Found:
        by_tier = layer.likely(near)
        if self._practice and spot.own >= 0:
            practised, odds = self._practised(layer, spot, by_tier)
            if practised:
                doubtful = any(self._open(tier, areas, layer.own(spot.own, tier)) for tier, areas in by_tier.items())
            flags += odds
        candidates = [one for tier, areas in by_tier.items() for one in _told(tier, areas)] if doubtful or flags else ()
        if doubtful:
            flags += ("BORDER",)
        crossed = spot.border_m < np.inf and any([len(areas) > 1 for areas in by_tier.values()])
        return Found(
            tuple(sorted(flags)) if len(flags) > 1 else flags, tuple(candidates), spot.border_m if crossed else None
        )

    def _practised(self, layer: TierLayer, spot: Spot, by_tier: dict[str, Likely]) -> tuple[bool, tuple[str, ...]]:
        """Weigh the ledger into the areas of each tier; whether it knew anything, and whether it is at odds."""
        known, odds = False, False
        for tier, ledger in self._practice.items():
            drawn, areas = layer.own(spot.own, tier), by_tier[tier]
            distance = min([abs(metres) for area, (_, metres) in areas.items() if area != drawn], default=np.inf)
            evidence = ledger.near(spot.lon, spot.lat, drawn, distance) if drawn else {}
            if evidence:
                known = True
                prior = {area: share for area, (share, _) in areas.items()} or {drawn: 1.0}
                for area, share in weighed(prior, evidence, ledger.rules).items():
                    areas[area] = (share, areas[area][1] if area in areas else LARGEST_REACH_M)
                odds |= 1.0 - areas.get(drawn, (0.0, 0.0))[0] >= PRACTICE_DOUBT
        return known, ("ACTUAL_VS_GRID",) if odds else ()

    def _open(self, tier: str, areas: Likely, drawn: str) -> bool:
        """Whether the doubt of a tier reaches its bound."""
        rule = self.rules.get(tier)
        return rule is not None and sum([share for area, (share, _) in areas.items() if area != drawn]) >= rule.flag_at

    # --- other systems ----------------------------------------------------------------------------------------------

    def _other(
        self, index: LayerIndex, rows: Ints, lons: Floats, lats: Floats, errors: Floats
    ) -> Iterable[tuple[int, Found]]:
        """Cells of a layer that need not cover the city: each is held with the share of the error beyond its line."""
        rule, codes = self.rules[index.layer.kind], index.layer.codes
        scan = index.borders(lons, lats, errors, BAND_M, SPREAD)
        for number in np.flatnonzero(np.diff(scan.starts)).tolist():
            error = float(errors[number])
            near = [(cell, metres, beyond(metres, error)) for cell, metres, _ in scan.candidates(number)]
            inside = [share for cell, _, share in near if cell == scan.own[number]]
            doubt = 1.0 - inside[0] if inside else max(share for _, _, share in near)
            if doubt >= rule.flag_at:
                told = [_candidate(index.layer.kind, codes[cell], metres, share) for cell, metres, share in near]
                yield int(rows[number]), Found(("BORDER",), tuple(told), min(abs(metres) for _, metres, _ in near))


def _grids(
    index: LayerIndex, rows: Ints, lons: Floats, lats: Floats, errors: Floats
) -> Iterable[tuple[int, tuple[BorderCandidate, ...]]]:
    """The unit grids a border case may lie in: nothing hangs on the line between two, so they raise no flag."""
    scan, codes = index.borders(lons, lats, errors, BAND_M, SPREAD), index.layer.codes
    for number in np.flatnonzero(np.diff(scan.starts) > 1).tolist():
        near = {codes[cell]: (share, metres) for cell, metres, share in scan.candidates(number)}
        yield int(rows[number]), tuple(_told(GRID, near))


def _numbers(codes: Sequence[str]) -> list[int]:
    known: dict[str, int] = {}
    return [known.setdefault(code, len(known)) for code in codes]


def _line(rule: BorderRule) -> Line:
    return Line(rule.drift_share, rule.drift_m) if rule.line == "flexible" else RIGID


def _ledger(spots: Sequence[PracticeSpot], layers: Sequence[TierLayer]) -> dict[str, Practice]:
    """The ledger of each tier that has rows."""
    found: dict[str, Practice] = {}
    for spot in spots if layers else ():
        ledger = found.setdefault(spot.tier, Practice(layers[0].index.layer.plane))
        near = np.inf if spot.border_m is None else spot.border_m
        ledger.add(spot.lon, spot.lat, spot.drawn, spot.held, near, spot.cases)
    return {tier: ledger for tier, ledger in found.items() if tier in DOUBTED}


def _in_force(
    layer: Layer, lons: Floats, lats: Floats, errors: Floats, times: Sequence[Millis]
) -> tuple[Ints, Floats, Floats, Floats]:
    """Rows at whose time this version holds, with their columns."""
    if all(layer.valid_at(at) for at in (times[0], times[-1], min(times), max(times))):
        return np.arange(len(times)), lons, lats, errors
    rows = np.flatnonzero([layer.valid_at(at) for at in times])
    return rows, lons[rows], lats[rows], errors[rows]


def _told(tier: str, areas: Likely) -> list[BorderCandidate]:
    """Candidates of a tier at which there are several, the likeliest first."""
    if len(areas) < 2:
        return []
    ordered = sorted([(-share, code, metres) for code, (share, metres) in areas.items() if share >= LISTED])
    return [_candidate(tier, code, metres, -share) for share, code, metres in ordered]


def _candidate(layer: str, code: str, metres: float, share: float) -> BorderCandidate:
    return BorderCandidate(layer=layer, code=code, distance_m=metres, probability=share)


def _joined(one: Found, other: Found) -> Found:
    near = [metres for metres in (one.border_m, other.border_m) if metres is not None]
    return Found(
        tuple(sorted({*one.flags, *other.flags})),
        tuple(chain(one.candidates, other.candidates)),
        min(near, default=None),
    )
