"""Training of the model of duplicates: boosted trees on what the stage itself saw when it was fed the rows in order.

While features are gathered a report that is known to repeat another joins the case that the stage finds likeliest, so
cases look as they do when decisions are right. Later rows weigh more (half as much every ``HALF_DAYS`` days back): how
often a city calls something a duplicate drifts. Calibration and thresholds come from rows held out day by day.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from pipeline.domain.ids import DAY_MS
from pipeline.domain.pairmodel import FEATURES
from pipeline.errors import ConfigFaults, Fault
from pipeline.learning.duplicates import Labelled, read_parts_of, replay
from pipeline.learning.modelfile import Card, write_model
from pipeline.learning.recorder import REACH_M, WINDOW_DAYS, Recorder
from pipeline.learning.request import TrainRequest
from pipeline.learning.rows import digest_of
from pipeline.stages.duplicate_policy import DuplicatePolicy

HALF_DAYS = 30.0
STEADY = 20.0
"""Reports of the usual rate that are added to each category before its own rate is taken."""
FOLDS = 5
FAMILY_ROWS = 10
"""Duplicates that a family needs for its cases to be looked at by reports of others."""
SUGGEST_SHARE = 0.5
"""The threshold of a suggestion, as a share of that of a merge."""
TREES: dict[str, Any] = {
    "max_iter": 100, "learning_rate": 0.07, "max_leaf_nodes": 12, "min_samples_leaf": 25, "l2_regularization": 5.0,
    "max_features": 0.4, "early_stopping": False,
}  # fmt: skip
Array = np.ndarray[Any, np.dtype[Any]]


def train(request: TrainRequest) -> Card:
    """Learn from a set and write the model. Raises ``ConfigFaults`` where there is too little to learn from."""
    request.refuse_corrections("leave it out: no table of corrections says which reports are duplicates")
    parts = read_parts_of(request.dataset, request.path, request.part)
    parts = {name: rows[: int(len(rows) * request.until)] for name, rows in parts.items()}
    rows = [row for part in parts.values() for row in part]
    if sum(row.duplicate for row in rows) < 50:
        remedy = "give a set with at least 50 rows flagged in column dup"
        raise ConfigFaults([Fault("duplicates", "dup", str(sum(row.duplicate for row in rows)), remedy)])
    request.say(f"{len(rows):,} rows, {sum(row.duplicate for row in rows):,} duplicates")
    table = Table(parts)
    arrays, rules, figures = fitted(table, request.seed)
    ids = [row.id for row in rows]
    digest, sample = digest_of(ids)
    card = Card(
        task="duplicates", dataset=request.dataset, rows=len(rows), rows_digest=digest, rows_sample=sample,
        span=(min(row.at for row in rows), max(row.at for row in rows)), trained=request.day, seed=request.seed,
        features=FEATURES, labels=("separate", "duplicate"), figures=figures,
        notes=(f"reach {REACH_M:g} m, window {WINDOW_DAYS} days, later rows weigh more (half in {HALF_DAYS:g} days)",),
    )  # fmt: skip
    return write_model(request.out, card, arrays, {"rules": rules})


class Table:
    """Features of all rows that had sightings, with labels, weights, days, and the rates of categories and channels."""

    def __init__(self, parts: dict[str, list[Labelled]]) -> None:
        rows: list[list[float]] = []
        labels, weights, days = list[bool](), list[float](), list[int]()
        self.codes, self.channels = list[str](), list[str]()
        self.families = families_of(row for part in parts.values() for row in part)
        self.every: list[tuple[str, str, bool, float]] = []
        for part in parts.values():
            recorder, last = Recorder(self.families), part[-1].at
            for row, _, _ in replay(part, DuplicatePolicy(model=recorder), lambda row, _: row.duplicate):
                asked, weight = recorder.asked, 0.5 ** ((last - row.at) / DAY_MS / HALF_DAYS)
                about = row.located.classification
                code = f"{about.standard}|{about.kind}|{about.code}"
                self.every.append((code, row.located.report.channel, row.duplicate, weight))
                if recorder.row is not None and asked is not None:
                    rows.append(recorder.row)
                    labels.append(row.duplicate)
                    weights.append(weight)
                    days.append(row.at // DAY_MS)
                    self.codes.append(asked.code)
                    self.channels.append(asked.channel)
                recorder.row = None
        self.rows, self.labels = np.array(rows), np.array(labels)
        self.weights, self.days = np.array(weights), np.array(days)

    def with_rates(self, rates: tuple[dict[str, float], dict[str, float], float]) -> Array:
        """The features with the rates of category and channel filled in."""
        codes, channels, usual = rates
        rows = self.rows.copy()
        rows[:, -2] = [codes.get(code, usual) for code in self.codes]
        rows[:, -1] = [channels.get(channel, usual) for channel in self.channels]
        return rows

    def rates(self) -> tuple[dict[str, float], dict[str, float], float]:
        """Share of duplicates by category and channel, drawn towards the share of all, later rows weighing more."""
        total = sum(weight for *_, weight in self.every)
        usual = sum(weight for *_, flag, weight in self.every if flag) / total
        return _shares(self.every, 0, usual), _shares(self.every, 1, usual), usual


def families_of(rows: Iterable[Labelled]) -> tuple[str, ...]:
    """Families in which duplicates were flagged often: a report of one may repeat a case of another."""
    counts = Counter(row.located.classification.family for row in rows if row.duplicate)
    return tuple(sorted(name for name, count in counts.items() if name and count >= FAMILY_ROWS))


def _shares(every: Sequence[tuple[str, str, bool, float]], column: int, usual: float) -> dict[str, float]:
    counts: dict[str, list[float]] = {}
    for one in every:
        count = counts.setdefault(str(one[column]), [STEADY * usual, STEADY])
        count[0] += one[3] * one[2]
        count[1] += one[3]
    return {name: round(hits / of, 6) for name, (hits, of) in sorted(counts.items())}


def fitted(table: Table, seed: int) -> tuple[dict[str, Array], dict[str, Any], dict[str, float]]:
    """Arrays and rules of the model, and what was measured on rows held out."""
    rates = table.rates()
    rows, labels, weights = table.with_rates(rates), table.labels, table.weights
    odds = np.zeros(len(labels))
    for fold in range(FOLDS):
        held = table.days % FOLDS == fold
        if held.any() and len(set(labels[~held])) == 2:
            odds[held] = _trees(rows[~held], labels[~held], weights[~held], seed).decision_function(rows[held])
    curve = LogisticRegression(C=1e6).fit(odds[:, None], labels, sample_weight=weights)
    slope, shift = float(curve.coef_[0, 0]), float(curve.intercept_[0])
    probability = 1.0 / (1.0 + np.exp(-(slope * odds + shift)))
    missed = sum(one[3] for one in table.every if one[2]) - float(weights[labels].sum())
    merge, best = threshold(probability, labels, weights, missed)
    model = _trees(rows, labels, weights, seed)
    rules = {
        "merge": merge, "suggest": round(merge * SUGGEST_SHARE, 6), "reach_m": REACH_M, "window_days": WINDOW_DAYS,
        "slope": slope, "shift": shift, "codes": rates[0], "channels": rates[1], "rate": rates[2],
        "families": table.families,
    }  # fmt: skip
    return flat(model), rules, {"held_out_f1": best, "merge": merge, "with_sightings": float(len(labels))}


def _trees(rows: Array, labels: Array, weights: Array, seed: int) -> HistGradientBoostingClassifier:
    return HistGradientBoostingClassifier(random_state=seed, **TREES).fit(rows, labels, sample_weight=weights)


def threshold(probability: Array, labels: Array, weights: Array, missed: float) -> tuple[float, float]:
    """The threshold with the best weighted F1, and that F1; of nearly equal ones the lowest, which finds more.

    ``missed`` is the weight of duplicates without sightings, which no threshold can find.
    """
    order = np.argsort(-probability, kind="stable")
    hits, found = np.cumsum((weights * labels)[order]), np.cumsum(weights[order])
    f1 = 2 * hits / (found + hits[-1] + missed)
    near = np.flatnonzero(f1 >= f1.max() - 0.004)
    return round(float(min(0.9, max(0.05, probability[order][near[-1]]))), 6), float(f1.max())


def flat(model: HistGradientBoostingClassifier) -> dict[str, Array]:
    """The trees as flat arrays of the model file."""
    lists: dict[str, list[Any]] = {name: [] for name in ("feature", "threshold", "left", "right", "value")}
    roots = []
    for (tree,) in model._predictors:
        start = len(lists["feature"])
        roots.append(start)
        for node in tree.nodes:
            leaf = bool(node["is_leaf"])
            lists["feature"].append(-1 if leaf else int(node["feature_idx"]))
            lists["threshold"].append(0.0 if leaf else float(node["num_threshold"]))
            lists["left"].append(start if leaf else start + int(node["left"]))
            lists["right"].append(start if leaf else start + int(node["right"]))
            lists["value"].append(float(node["value"]) if leaf else 0.0)
    kinds = {"feature": np.int16, "threshold": np.float64, "left": np.int32, "right": np.int32, "value": np.float64}
    arrays = {name: np.array(values, kinds[name]) for name, values in lists.items()}
    base = np.array(model._baseline_prediction, np.float64).reshape(-1)[:1]
    return arrays | {"roots": np.array(roots, np.int32), "base": base}
