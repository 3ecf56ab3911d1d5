"""A learned model of duplicates: how likely is a report one of a problem that an open case has already?

What it looks at are *sightings*: the reports of open cases near by (or of the same door), each with its age, distance,
and whether address and category are the same. They are summed up by nested scopes (same door, same category near by,
same family ...) into one row of features; boosted trees give a log-odds, a logistic curve calibrates it (Platt 1999).
Two thresholds make three outcomes: merge, suggest to a person, separate. No outcome of any case is looked at.

Plain lists and floats: no library, the same answer everywhere, some tens of microseconds for a report with sightings
and none for one without.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import exp, log
from typing import Any, NamedTuple

from pipeline.domain.mentions import Relation

FAR = 999.0
"""Stands for a distance or an age that there is none of; greater than any that is looked at."""
MANY = 32.0
"""Counts end here: more sightings say nothing new."""
NEAR_M = 40.0
SCOPES = ("door", "near", "code", "family", "other")
"""Same address and category; same category within ``NEAR_M`` or at the same address; same category; other categories of
the family; other families."""
NOBODY = (FAR, FAR, FAR, FAR, 0.0, 0.0, 0.0, 0.0)
"""What a scope without sightings says."""
SAME_CODE, SAME_FAMILY, OTHER = 0, 1, 2
"""How near akin a sighting's category is."""
FEATURES = (
    *(f"{scope}_{name}" for scope in SCOPES for name in
      ("last_days", "first_days", "nearest_m", "last_m", "in_day", "in_week", "in_month", "all")),
    "hour", "placed", "code_rate", "channel_rate",
)  # fmt: skip


STRANGE = (0.0, 1.5, 2.5)
"""What a sighting of another category counts for, in units of ``NEAR_M``."""


class Sighting(NamedTuple):
    """One earlier report of an open case, as seen from the report that is judged."""

    case: int
    """Which of the candidates it belongs to."""
    days: float
    """How far apart the two begin, in days, not negative."""
    metres: float
    """``FAR`` when either has no point."""
    same_address: bool
    kin: int
    """``SAME_CODE``, ``SAME_FAMILY`` or ``OTHER``."""


class Asked(NamedTuple):
    """The report that is judged."""

    hour: float
    """Of the day, UTC."""
    placed: bool
    code: str
    channel: str


class Judgement(NamedTuple):
    """How likely the report is a duplicate, which candidate is the most likely master, and what was looked at."""

    probability: float
    best: int
    features: tuple[float, ...]


def features_of(sightings: Sequence[Sighting], asked: Asked, code_rate: float, channel_rate: float) -> list[float]:
    """The row of ``FEATURES``."""
    row: list[float] = []
    for scope in _scoped(sightings):
        row += _summed(scope) if scope else NOBODY
    row += (asked.hour, 1.0 if asked.placed else 0.0, code_rate, channel_rate)
    return row


def _scoped(sightings: Sequence[Sighting]) -> tuple[list[Sighting], ...]:
    """The sightings of each of ``SCOPES``, gathered in one pass."""
    scopes: tuple[list[Sighting], ...] = ([], [], [], [], [])
    door, near, code, family, other = scopes
    for one in sightings:
        _, _, metres, same_address, kin = one
        if kin:
            (family if kin == SAME_FAMILY else other).append(one)
            continue
        code.append(one)
        if same_address:
            door.append(one)
        if same_address or metres <= NEAR_M:
            near.append(one)
    return scopes


def _summed(sightings: Sequence[Sighting]) -> tuple[float, ...]:
    last = first = nearest = last_m = FAR
    day = week = month = 0.0
    for _, days, metres, _, _ in sightings:
        if days < last or (days == last and metres < last_m):
            last, last_m = days, metres
        if days > first or first == FAR:
            first = days
        if metres < nearest:
            nearest = metres
        if days <= 30.0:
            month += 1.0
            if days <= 7.0:
                week += 1.0
                if days <= 1.0:
                    day += 1.0
    return last, first, nearest, last_m, min(day, MANY), min(week, MANY), min(month, MANY), min(len(sightings), MANY)


def likeliest(sightings: Sequence[Sighting]) -> int:
    """The candidate that a report most likely belongs to: near, recent, the same door and category (stated weights)."""
    best, least = -1, 0.0
    for one in sightings:
        far = 2.5 if one.metres == FAR else one.metres / NEAR_M
        cost = (0.0 if one.same_address else far) + 0.5 * log(1.0 + one.days) + STRANGE[one.kin]
        if best < 0 or cost < least:
            best, least = one.case, cost
    return best


class PairWeights(NamedTuple):
    """The rule without a model: stated weights of a log-odds, chosen on the simulated city (proposal).

    Two reports of one problem differ in place by ``sigma`` (1 sigma of both errors together and ``spread_m``, the size
    of a problem), so the odds fall with the squared distance over it; the larger it is, the more strangers lie within.
    """

    base: float = 15.5
    distance: float = 0.9
    crowd: float = 4.16
    wide_m: float = 45.0
    wide_crowd: float = 2.0
    """In place of ``crowd`` for what ``sigma`` has above ``wide_m``: strangers grow with the area, no faster."""
    gap: float = 1.94
    code: float = 4.5
    likely: float = 4.1
    """In place of ``code`` where one of the two has no category: the likeliest are the same."""
    thinkable: float = 2.4
    """The same where only one of the first candidates is common to both."""
    text: float = 0.9
    person: float = 1.5
    worker: float = -3.5
    """In place of ``person`` for two reports of one grid worker, who knows what is reported already."""
    same_road: float = 0.1
    other_road: float = -0.2
    same_place: float = 0.5
    other_place: float = -0.4
    same_number: float = 3.0
    other_number: float = -4.0
    """Where both texts name a road, an estate or another place, a pole or cover."""
    spread_m: float = 12.0
    door: float = 7.0
    """In place of the terms of distance where only door, person or component is known."""

    def places(self, near: Relation) -> float:
        """Log-odds of the places that both texts name."""
        odds = 0.0
        if near.road:
            odds += self.same_road if near.road > 0 else self.other_road
        if near.place:
            odds += self.same_place if near.place > 0 else self.other_place
        if near.number:
            odds += self.same_number if near.number > 0 else self.other_number
        return odds

    def probability(self, metres: float | None, square: float, hours: float, likeness: float, said: float) -> float:
        """How likely a report and an open case are the same problem.

        ``square`` is the variance of their distance in m² without the size of a problem, ``said`` the log-odds of
        all that is compared by name: category, person, places.
        """
        if metres is None:
            odds = self.door
        else:
            square += self.spread_m * self.spread_m
            odds = self.base - self.distance * metres * metres / (2.0 * square) - self.crowd * 0.5 * log(square)
            wide = self.wide_m * self.wide_m
            if square > wide:
                odds += (self.crowd - self.wide_crowd) * 0.5 * log(square / wide)
        odds += self.text * likeness - self.gap * log(1.0 + hours)
        odds += said
        return 1.0 / (1.0 + exp(-max(-30.0, min(30.0, odds))))


class Forest:
    """Boosted trees as flat lists: node ``i`` goes left when ``row[feature[i]] <= threshold[i]``; -1 marks a leaf."""

    def __init__(
        self, feature: list[int], threshold: list[float], left: list[int], right: list[int], value: list[float],
        roots: list[int], base: float,
    ) -> None:  # fmt: skip
        self.feature, self.threshold, self.left, self.right = feature, threshold, left, right
        self.value, self.roots, self.base = value, roots, base

    def log_odds(self, row: Sequence[float]) -> float:
        """Sum of the leaves that ``row`` falls into."""
        feature, threshold, left, right = self.feature, self.threshold, self.left, self.right
        total = self.base
        for node in self.roots:
            of = feature[node]
            while of >= 0:
                node = left[node] if row[of] <= threshold[node] else right[node]
                of = feature[node]
            total += self.value[node]
        return total


class PairModel:
    """A model ready to judge."""

    def __init__(self, version: str, forest: Forest, rules: Mapping[str, Any]) -> None:
        self.version, self.forest = version, forest
        self.merge, self.suggest = float(rules["merge"]), float(rules["suggest"])
        self.reach_m, self.window_days = float(rules["reach_m"]), int(rules["window_days"])
        self.slope, self.shift = float(rules["slope"]), float(rules["shift"])
        self.codes: dict[str, float] = {str(key): float(rate) for key, rate in rules["codes"].items()}
        self.channels: dict[str, float] = {str(key): float(rate) for key, rate in rules["channels"].items()}
        self.rate = float(rules["rate"])
        self.families: tuple[str, ...] = tuple(map(str, rules["families"]))

    def judge(self, sightings: Sequence[Sighting], asked: Asked) -> Judgement:
        """Judge one report; without sightings it is surely new."""
        if not sightings:
            return Judgement(0.0, -1, ())
        codes, channels = self.codes.get(asked.code, self.rate), self.channels.get(asked.channel, self.rate)
        row = features_of(sightings, asked, codes, channels)
        odds = self.slope * self.forest.log_odds(row) + self.shift
        probability = 1.0 / (1.0 + exp(-max(-30.0, min(30.0, odds))))
        return Judgement(probability, likeliest(sightings), tuple(row))


def build(version: str, arrays: Mapping[str, Any], tables: Mapping[str, Any]) -> PairModel:
    """A model of the arrays and tables of its file. Raises ``ValueError`` with every fault when they do not fit."""
    faults = [f"array {name} is missing" for name in ("feature", "threshold", "left", "right", "value", "roots", "base")
              if name not in arrays]  # fmt: skip
    rules = tables.get("rules")
    needed = ("merge", "suggest", "reach_m", "window_days", "slope", "shift", "codes", "channels", "families", "rate")
    faults += [f"rules lack {name}" for name in needed if not isinstance(rules, dict) or name not in rules]
    if not faults and rules is not None:
        faults = _faults_of_trees(arrays)
        faults += ["merge is below suggest"] if not 0 < float(rules["suggest"]) <= float(rules["merge"]) < 1 else []
    if faults or rules is None:
        raise ValueError("; ".join(faults))
    lists = {name: arrays[name].tolist() for name in ("feature", "threshold", "left", "right", "value", "roots")}
    return PairModel(version, Forest(**lists, base=float(arrays["base"].tolist()[0])), rules)


def _faults_of_trees(arrays: Mapping[str, Any]) -> list[str]:
    """Trees must end: children lie behind their parent and inside the lists, features are those known here."""
    size, faults = len(arrays["feature"]), []
    if any(len(arrays[name]) != size for name in ("threshold", "left", "right", "value")):
        return ["the lists of the trees differ in length"]
    for node, (of, left, right) in enumerate(
        zip(arrays["feature"].tolist(), arrays["left"].tolist(), arrays["right"].tolist(), strict=True)
    ):
        if of >= len(FEATURES) or (of >= 0 and not (node < left < size and node < right < size)):
            faults.append(f"node {node} leads astray")
            break
    if not all(0 <= root < size for root in arrays["roots"].tolist()):
        faults.append("a root lies outside")
    return faults
