"""Three linear machines over the same weighted n-grams of texts, averaged into one table.

They differ in what they minimise and in how they trust an n-gram, so they err on different rows, and an average of
them is right more often than each (Perrone and Cooper 1993). All use the same value of a place and so the same length
of a text: their sum is again one linear table, and applying three costs what applying one costs.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import sparse

from pipeline.domain.textgrams import Array
from pipeline.learning.matrices import Matrix, inverse_frequency, weighted

RIDGE = 0.5
"""Weight of the penalty of the two ridge regressions."""
LOGISTIC = 20.0
"""Inverse weight of the penalty of the logistic regression."""
SMOOTH = 0.5
"""Weight that every n-gram has in every label before any is seen."""
MACHINES = 3


class Table(NamedTuple):
    """A linear machine over m places and k labels: value of a place (m,), weights (m, k), biases (k,)."""

    value: Array
    weights: Array
    bias: Array


class Spread(NamedTuple):
    """How much every place tells: its value for all labels (m,), and beside it for each label alone (m, k)."""

    value: Array
    own: Array


def fitted(matrix: Matrix, wanted: Array, labels: int, seed: int) -> list[Table]:
    """The machines, one table each, all with the same values of places."""
    value, own = telling(matrix, wanted, labels)
    known = np.flatnonzero(value)
    features = weighted(matrix, value)[:, known]
    found = (
        _ridge(features, _signs(wanted, labels), seed),
        _logistic(features, wanted, labels),
        _ridge_by_label(features, wanted, own[known], seed),
    )
    return [_widened(value, known, weights, bias) for weights, bias in found]


def averaged(tables: Sequence[Table], factors: Array) -> Table:
    """One table whose scores are the sum of theirs, each times its factor."""
    weights = sum(table.weights * factor for table, factor in zip(tables, factors, strict=True))
    bias = sum(table.bias * factor for table, factor in zip(tables, factors, strict=True))
    return Table(tables[0].value, np.asarray(weights), np.asarray(bias))


def scored(matrix: Matrix, tables: Sequence[Table]) -> Array:
    """Scores of every row by every machine, (n, machines, k)."""
    features = weighted(matrix, tables[0].value)
    return np.stack([features @ table.weights + table.bias for table in tables], axis=1)


def telling(matrix: Matrix, wanted: Array, labels: int) -> Spread:
    """Inverse document frequency times the root mean square of the log odds over labels, and the log odds beside it.

    The log odds are those of naive Bayes (Wang and Manning 2012), of any label against all others; the mean square over
    all places of their spread, and of every label's own share of it, is scaled to 1.
    """
    idf = inverse_frequency(matrix)
    here = np.asarray(weighted(matrix, idf).T @ _members(wanted, labels), np.float64) + SMOOTH
    there = here.sum(axis=1, keepdims=True) - here
    odds = np.log((here / here.sum(axis=0)) / (there / there.sum(axis=0)))
    spread = np.sqrt((odds**2).mean(axis=1))
    own = np.abs(odds) / np.maximum(spread, 1e-12)[:, None]
    known = idf > 0
    return Spread(np.asarray(idf * spread / _size(spread)), own / _size(own[known] if known.any() else own))


def _size(numbers: Array) -> Array:
    """Root mean square of every column, never 0."""
    return np.asarray(np.maximum(np.sqrt((numbers**2).mean(axis=0)), 1e-12))


def _members(wanted: Array, labels: int) -> Array:
    """1 where a row has the label, else 0; (n, k)."""
    return np.asarray((wanted[:, None] == np.arange(labels)[None]).astype(np.float32))


def _signs(wanted: Array, labels: int) -> Array:
    return np.asarray(2 * _members(wanted, labels) - 1)


def _ridge(features: Matrix, signs: Array, seed: int) -> tuple[Array, Array]:
    """Ridge regression on +1 and -1 for every label (a least squares support vector machine, Suykens 1999)."""
    from sklearn.linear_model import Ridge

    machine = Ridge(alpha=RIDGE, solver="sparse_cg", tol=1e-3, random_state=seed).fit(features, signs)
    return np.asarray(machine.coef_, np.float64).T, np.asarray(machine.intercept_, np.float64)


def _ridge_by_label(features: Matrix, wanted: Array, own: Array, seed: int) -> tuple[Array, Array]:
    """The same with places weighted for each label by its own log odds (Wang and Manning 2012)."""
    signs, weights, bias = _signs(wanted, own.shape[1]), np.zeros(own.shape), np.zeros(own.shape[1])
    for label in range(own.shape[1]):
        scaled = features @ sparse.diags(own[:, label].astype(np.float32))
        found, bias[label] = _ridge(scaled, signs[:, label], seed)
        weights[:, label] = found * own[:, label]
    return weights, bias


def _logistic(features: Matrix, wanted: Array, labels: int) -> tuple[Array, Array]:
    """Multinomial logistic regression; a label without rows is as unlikely as one row among all."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    weights, bias = np.zeros((features.shape[1], labels)), np.full(labels, -np.log(len(wanted) + 1))
    seen = np.unique(wanted)
    if len(seen) < 2:
        bias[seen] = 0
        return weights, bias
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        machine = LogisticRegression(C=LOGISTIC, tol=1e-3, max_iter=100).fit(features, wanted)
    one_side = len(machine.coef_) == 1  # of two labels: the score of the second less that of the first
    turn = np.array([[-0.5], [0.5]]) if one_side else np.eye(len(seen))
    weights[:, seen] = (turn @ machine.coef_).T
    bias[seen] = turn @ machine.intercept_
    return weights, bias


def _widened(value: Array, known: Array, weights: Array, bias: Array) -> Table:
    """Weights of known places as weights of all."""
    whole = np.zeros((len(value), weights.shape[1]))
    whole[known] = weights
    return Table(value, whole, bias)
