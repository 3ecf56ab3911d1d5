"""Places managed otherwise than drawn (实际管理与网格不一致): what earlier cases near a spot tell of the next one.

A ledger of earlier cases: where each lay, the area the map draws there and the area it was held in. The map's answer is
the prior; every earlier case near by, on the same side and about as far from the border, weighs beside it. So a
border that is drawn ten metres off, a house that its street office never let go, or an older map shows after a case or
two, and a place where map and practice agree soon raises no doubt at all.

Only cases that came before may be in the ledger: what became of the case that is judged is not known yet.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isfinite

from pipeline.domain.geo.projection import LocalPlane

Weights = dict[str, float]
"""Evidence for each area, in cases."""


@dataclass(frozen=True, slots=True)
class PracticeRules:
    """How far and how strongly an earlier case speaks. Lengths are metres; starting values, not of any standard."""

    reach_m: float = 100.0
    """Cases farther off say nothing; nearer ones weigh by the biweight kernel (1 - d²/reach²)²."""
    depth_m: float = 10.0
    """The same kernel over the difference of the distances to the border, which widens by half the distance itself."""
    spot_m: float = 1.0
    spot_weight: float = 3.0
    """A case at the very spot counts for so many: one address is one place."""
    prior_weight: float = 1.0
    """How many cases the map's own answer counts for."""


USUAL = PracticeRules()


@dataclass(slots=True)
class Held:
    """Earlier cases of one spot (a square metre) that were held in one area."""

    x: float
    y: float
    border_m: float
    """Distance to the nearest border; infinite where none was within reach."""
    count: float


class Practice:
    """The ledger about one map. It grows by :meth:`add`; a look-up asks nine squares of the reach's side."""

    def __init__(self, plane: LocalPlane, rules: PracticeRules = USUAL) -> None:
        self.plane = plane
        self.rules = rules
        self._squares: dict[tuple[int, int, str], dict[tuple[int, int, str], Held]] = {}

    def __len__(self) -> int:
        return sum(len(spots) for spots in self._squares.values())

    def add(self, lon: float, lat: float, drawn: str, held: str, border_m: float, count: float = 1.0) -> None:
        """An earlier case: drawn in one area, held in another or the same."""
        x, y = self.plane.to_metres(lon, lat)
        spots = self._squares.setdefault((*self._square(x, y), drawn), {})
        spot = spots.get(key := (round(x), round(y), held))
        if spot is None:
            spots[key] = Held(x, y, border_m, count)
        else:
            spot.count += count

    def near(self, lon: float, lat: float, drawn: str, border_m: float) -> Weights:
        """Evidence of the cases within reach that the map draws in the same area; empty where there is none."""
        x, y = self.plane.to_metres(lon, lat)
        found: Weights = {}
        for held, spot in self._around(x, y, drawn):
            weight = self._weight((spot.x - x) ** 2 + (spot.y - y) ** 2, spot.border_m, border_m)
            if weight > 0.0:
                found[held] = found.get(held, 0.0) + weight * spot.count
        return found

    def _square(self, x: float, y: float) -> tuple[int, int]:
        return int(x // self.rules.reach_m), int(y // self.rules.reach_m)

    def _around(self, x: float, y: float, drawn: str) -> Iterator[tuple[str, Held]]:
        column, row = self._square(x, y)
        for i in (column - 1, column, column + 1):
            for j in (row - 1, row, row + 1):
                for key, spot in self._squares.get((i, j, drawn), {}).items():
                    yield key[2], spot

    def _weight(self, square_m: float, one_m: float, other_m: float) -> float:
        rules = self.rules
        if square_m <= rules.spot_m * rules.spot_m:
            return rules.spot_weight
        across = square_m / (rules.reach_m * rules.reach_m)
        if across >= 1.0:
            return 0.0
        depth = _depth(one_m, other_m, rules.depth_m)
        return (1.0 - across) ** 2 * (1.0 - depth) if depth < 1.0 else 0.0


def _depth(one_m: float, other_m: float, scale_m: float) -> float:
    """Square of how unlike two distances to the border are; two that are beyond reach are alike."""
    if not (isfinite(one_m) and isfinite(other_m)):
        return 0.0 if one_m == other_m else 1.0
    return ((one_m - other_m) / (scale_m + 0.5 * min(one_m, other_m))) ** 2


def weighed(prior: Mapping[str, float], near: Weights, rules: PracticeRules = USUAL) -> dict[str, float]:
    """The probability of each area after the evidence; sums to what the prior sums to (1)."""
    total = rules.prior_weight + sum(near.values())
    scale = rules.prior_weight / total
    result = {area: share * scale for area, share in prior.items()}
    for area, weight in near.items():
        result[area] = result.get(area, 0.0) + weight / total
    return result
