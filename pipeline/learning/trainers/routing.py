"""Train the ranking of units: counts, a softmax, and the weights that join them.

The weights are learned from answers given out of time: the cases go by in their order, every case is asked before it
is learned, and units are known a day after. So the weights know how far counts and softmax are to be trusted.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize
from scipy.sparse import csr_matrix

from pipeline.domain.ids import DAY_MS
from pipeline.domain.unitfile import packed
from pipeline.domain.unitmodel import UnitModel
from pipeline.domain.unitquestion import FEATURES, Array, default_weights, named
from pipeline.errors import ConfigFaults, Fault
from pipeline.learning.modelfile import Card, write_model
from pipeline.learning.request import TrainRequest
from pipeline.learning.rows import digest_of
from pipeline.learning.unitrows import KNOWN_AFTER_MS, Handled, handled

HALF_LIFE_DAYS = 60.0
"""Counts fade: after this many days a case counts for half."""
SOFTMAX_HALF_LIFE_DAYS = 120.0
PENALTY = 0.5
"""Of the squares of the softmax (a Gaussian prior)."""
WEIGHTS_PENALTY = 10.0
"""Of the squares of the joining weights' distance from the stated ones."""
PARTS = (0.2, 0.3, 0.4, 0.55, 0.7, 0.85)
"""Where in time the softmax is learned anew, for answers out of time."""
MOST_JOINED = 4_000
"""Cases that the joining weights are learned from: the latest ones."""
LEAST_ROWS = 200
ROUNDS, JOINING_ROUNDS = 60, 80


def train(request: TrainRequest) -> Card:
    """Train on a set and write the model. Raises ``ConfigFaults``."""
    request.refuse_corrections(
        "leave it out: corrections count through `--dataset history`, where whoever had a case last counts as right"
    )
    rows = handled(request.dataset, request.path)
    rows = rows[: round(len(rows) * request.until)]
    if len(rows) < LEAST_ROWS:
        raise ConfigFaults([Fault(request.dataset, "rows", str(len(rows)), f"give at least {LEAST_ROWS} cases")])
    model, loss = fitted(rows, request)
    digest, sample = digest_of([row.id for row in rows])
    card = Card(
        task="routing", dataset=request.dataset, rows=len(rows), rows_digest=digest, rows_sample=sample,
        span=(rows[0].at, rows[-1].at), trained=request.day, seed=request.seed, features=tuple(FEATURES),
        labels=tuple(unit.id for unit in model.units), figures={"log_loss_out_of_time": loss},
        notes=(f"units known {KNOWN_AFTER_MS // DAY_MS} day after arrival", f"half-life {HALF_LIFE_DAYS:g} days"),
    )  # fmt: skip
    return write_model(request.out, card, *packed(model))


def fitted(rows: Sequence[Handled], request: TrainRequest) -> tuple[UnitModel, float]:
    """The model of all rows, and the mean log loss of the joined answers out of time."""
    cuts = sorted({int(len(rows) * part) for part in PARTS})
    words, matrix = _encoded(rows)
    numbers = {unit: at for at, unit in enumerate(dict.fromkeys(row.unit.id for row in rows))}
    truth = np.array([numbers[row.unit.id] for row in rows], np.int64)
    role_of, role_count = _roles(rows)
    days = np.array([row.at for row in rows], np.float64) / DAY_MS
    model = UnitModel("", [], None, HALF_LIFE_DAYS)
    model.capacity, model.role_of = len(numbers), np.zeros(len(numbers), np.int64)
    first = max(cuts[0], len(rows) - MOST_JOINED)
    features, softmax, known = np.zeros((len(rows) - first, len(FEATURES), len(numbers)), np.float32), None, 0
    role_softmax: Array | None = None
    for at, row in enumerate(rows):
        while known < at and rows[known].at <= row.at - KNOWN_AFTER_MS:
            model.learn(rows[known].asked, rows[known].unit, rows[known].at)
            known += 1
        if at in cuts and _next(cuts, at, len(rows)) > first:
            request.say(f"softmax on the first {at:,} of {len(rows):,} cases")
            softmax = _softmax(matrix[:at], truth[:at], days[:at], len(numbers), softmax)
            role_softmax = _softmax(matrix[:at], role_of[truth[:at]], days[:at], role_count, role_softmax)
            model.words, model.softmax, model.role_softmax = words, softmax, role_softmax
        if at >= first and model.units:
            # units that nobody knows yet have no features: a chance that is next to none
            features[at - first, 0] = -20.0
            features[at - first, :, : len(model.units)] = model.features(row.asked)
    request.say(f"weights on {len(features):,} cases")
    model.weights, loss = _joined(features, truth[first:])
    for row in rows[known:]:
        model.learn(row.asked, row.unit, row.at)
    request.say(f"softmax on all {len(rows):,} cases")
    model.softmax = _softmax(matrix, truth, days, len(numbers), softmax)
    model.role_softmax = _softmax(matrix, role_of[truth], days, role_count, role_softmax)
    model.words = words
    return model, loss


def _roles(rows: Sequence[Handled]) -> tuple[Array, int]:
    """The number of each unit's role, in the order in which a model meets them, and how many roles there are."""
    roles: dict[str, int] = {}
    units = {row.unit.id: row.unit.role for row in reversed(rows)}  # a unit keeps the first role it was known by
    met = dict.fromkeys(row.unit.id for row in rows)
    return np.array([roles.setdefault(units[unit], len(roles)) for unit in met], np.int64), len(roles)


def _next(cuts: Sequence[int], at: int, last: int) -> int:
    return next((cut for cut in cuts if cut > at), last)


def _encoded(rows: Sequence[Handled]) -> tuple[dict[str, int], csr_matrix]:
    """Features by number, and the rows as a sparse matrix."""
    words: dict[str, int] = {}
    at, column, value = [0], list[int](), list[float]()
    for row in rows:
        for name, weight in named(row.asked):
            column.append(words.setdefault(name, len(words)))
            value.append(weight)
        at.append(len(column))
    return words, csr_matrix((value, column, at), shape=(len(rows), len(words)))


def _softmax(rows: csr_matrix, truth: Array, days: Array, units: int, start: Array | None) -> Array:
    """Multinomial logistic regression with a squared penalty; later cases count for more."""
    shape, across, number = (rows.shape[1], units), rows.T.tocsr(), np.arange(rows.shape[0])
    counts_for = np.exp2((days - days[-1]) / SOFTMAX_HALF_LIFE_DAYS)

    def loss(flat: Array) -> tuple[float, Array]:
        weights = flat.reshape(shape)
        chances = _chances(rows @ weights)
        value = -(counts_for * np.log(chances[number, truth] + 1e-12)).sum() + PENALTY * (flat @ flat) / 2
        chances[number, truth] -= 1.0
        return value, (across @ (chances * counts_for[:, None]) + PENALTY * weights).ravel()

    begin = np.zeros(shape) if start is None else start
    found = minimize(loss, begin.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": ROUNDS})
    weights: Array = np.ascontiguousarray(found.x.reshape(shape))
    return weights


def _joined(features: Array, truth: Array) -> tuple[Array, float]:
    """Weights of the log-linear rule by maximum likelihood, held near the stated ones; and the loss they have."""
    number, stated = np.arange(len(truth)), default_weights()

    def loss(weights: Array) -> tuple[float, Array]:
        scores = np.einsum("nfu,f->nu", features, weights.astype(np.float32), optimize=True)
        chances = _chances(scores.astype(np.float64))
        apart = weights - stated
        value = -np.log(chances[number, truth] + 1e-9).sum() + WEIGHTS_PENALTY * (apart @ apart) / 2
        chances[number, truth] -= 1.0
        slope = np.einsum("nfu,nu->f", features, chances.astype(np.float32), optimize=True)
        return float(value), slope.astype(np.float64) + WEIGHTS_PENALTY * apart

    found = minimize(loss, stated, jac=True, method="L-BFGS-B", options={"maxiter": JOINING_ROUNDS})
    chances = _chances(np.einsum("nfu,f->nu", features, found.x.astype(np.float32), optimize=True))
    weights: Array = found.x
    return weights, float(-np.log(chances[number, truth] + 1e-9).mean())


def _chances(scores: Array) -> Array:
    scores = scores - scores.max(axis=1, keepdims=True)
    chances: Array = np.exp(scores)
    chances /= chances.sum(axis=1, keepdims=True)
    return chances
