"""Which unit handles a matter: learned from who handled like ones.

Two experts look at a question (:class:`Asked`). *Counts* answer by how often units handled the same kind at the same
place, backing off from the narrow to the wide (kind and community, kind and street, kind, group, family), for units
and for their roles ("the enforcement team of the street" is one role in every street). Two *softmaxes*, of units and
of their roles, weigh single features and words; that of roles speaks for a unit on kinds that only its like elsewhere
has handled. A log-linear rule with learned weights joins them. Counts fade with a half-life, because units are
renamed, merged and given other duties. Ranking is pure: the same model and question, the same answer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from pipeline.domain.ids import DAY_MS
from pipeline.domain.unitquestion import (
    LATEST,
    PLACE_LEVELS,
    ROLE_LEVELS,
    UNIT_LEVELS,
    Array,
    Asked,
    Level,
    Ranked,
    Unit,
    default_weights,
    key_of,
    named,
)

SPARE = 64
"""Units that may come up after the training and still be learned."""
SMOOTHING = 2.0
"""Cases that the wider level counts for beside the narrower one (Dirichlet prior)."""
FEW, SOME = 3.0, 10.0
"""Below these numbers of cases a level speaks with weights of its own."""


class Tally:
    """Counts of units under one key: faded to ``at``, with the unit of the latest case."""

    __slots__ = ("at", "counts", "latest")

    def __init__(self, size: int, at: int) -> None:
        self.counts: Array = np.zeros(size, np.float64)
        self.at = at
        self.latest = -1


class UnitModel:
    """Counts, softmax and the weights that join them. ``rank`` changes nothing; ``learn`` is for trainers only."""

    def __init__(self, version: str, units: Sequence[Unit], weights: Array | None = None, half_life: float = 60.0):
        self.version = version
        self.units: list[Unit] = []
        self.weights = default_weights() if weights is None else np.asarray(weights, np.float64)
        self.half_life_ms = half_life * DAY_MS
        self.capacity = len(units) + SPARE
        self.index: dict[str, int] = {}
        self.roles: dict[str, int] = {}
        self.role_of: Array = np.zeros(self.capacity, np.int64)
        self.tallies: dict[str, Tally] = {}
        self.words: dict[str, int] = {}
        self.softmax: Array = np.zeros((0, self.capacity), np.float32)
        self.role_softmax: Array = np.zeros((0, self.capacity), np.float32)
        for unit in units:
            self.add(unit)

    # --- asking ---------------------------------------------------------------------------------------------------

    def rank(self, asked: Asked, most: int = 5) -> list[Ranked]:
        """The likeliest units, surest first (equal ones in order of their ids)."""
        chances = self.chances(asked)
        order = sorted(range(len(self.units)), key=lambda at: (-chances[at], self.units[at].id))[:most]
        return [Ranked(self.units[at].id, float(chances[at]), self._reason(asked, at)) for at in order]

    def chances(self, asked: Asked) -> Array:
        """A probability for every unit, in the order of ``units``."""
        scores = self.weights @ self.features(asked)
        chances: Array = np.exp(scores - scores.max(initial=-np.inf))
        chances /= chances.sum()
        return chances

    def features(self, asked: Asked) -> Array:
        """What the experts say on every unit: shape (``FEATURES``, units)."""
        size, roles = len(self.units), self.role_of[: len(self.units)]
        none: Array = np.zeros(size)
        found = self._of_units(asked, none) + self._of_roles(asked, roles, none) + self._of_places(asked, roles, none)
        for level in LATEST:
            row, key = none, key_of(level, asked)
            if key is not None and (tally := self.tallies.get(key)) is not None and tally.latest >= 0:
                row = np.zeros(size)
                row[tally.latest] = 1.0
            found.append(row)
        at, values = self.encoded(asked)
        found.append(log_softmax(self.softmax, at, values, size))
        found.append(log_softmax(self.role_softmax, at, values, len(self.roles))[roles])
        return np.array(found)

    def _counts(self, prefix: str, level: Level, asked: Asked, size: int) -> Array | None:
        key = key_of(level, asked)
        tally = self.tallies.get(prefix + key) if key is not None else None
        return None if tally is None else tally.counts[:size]

    def _of_units(self, asked: Asked, none: Array) -> list[Array]:
        size, shares = len(self.units), dict[Level, Array]()
        found: list[Array] = []
        for level, parent in UNIT_LEVELS.items():
            counts = self._counts("", level, asked, size)
            if parent is None:
                known = none if counts is None else counts
                shares[level] = (known + 0.1) / (known.sum() + 0.1 * size)
                found.append(np.log(shares[level]))
                continue
            if counts is None:
                shares[level] = shares[parent]
                found += [none, none, none]
                continue
            much = counts.sum()
            shares[level] = (counts + SMOOTHING * shares[parent]) / (much + SMOOTHING)
            gain = np.log(shares[level] / shares[parent])
            found += [
                gain if much < FEW else none,
                gain if FEW <= much < SOME else none,
                gain if much >= SOME else none,
            ]
        return found

    def _of_roles(self, asked: Asked, roles: Array, none: Array) -> list[Array]:
        size, shares = len(self.roles), dict[Level, Array]()
        found: list[Array] = []
        for level, parent in ROLE_LEVELS.items():
            counts = self._counts("", level, asked, len(self.units))
            by_role = np.zeros(size) if counts is None else np.bincount(roles, counts, size)
            if parent is None:
                shares[level] = (by_role + 0.1) / (by_role.sum() + 0.1 * size)
                found.append(np.log(shares[level])[roles])
                continue
            if counts is None:
                shares[level] = shares[parent]
                found += [none, none]
                continue
            much = by_role.sum()
            shares[level] = (by_role + SMOOTHING * shares[parent]) / (much + SMOOTHING)
            gain = np.log(shares[level] / shares[parent])[roles]
            found += [gain if much < 5 else none, gain if much >= 5 else none]
        return found

    def _of_places(self, asked: Asked, roles: Array, none: Array) -> list[Array]:
        """How likely each unit is among those of its role; these counts do not fade, for places stay."""
        size, shares = len(self.roles), dict[Level, Array]()
        alike = np.bincount(roles, minlength=size)[roles]
        found: list[Array] = []
        for level, parent in PLACE_LEVELS.items():
            counts = self._counts("place ", level, asked, len(self.units))
            known = none if counts is None else counts
            total = np.bincount(roles, known, size)[roles]
            if parent is None:
                shares[level] = (known + 0.5) / (total + 0.5 * alike)
                found.append(np.log(shares[level]))
            else:
                shares[level] = (known + shares[parent]) / (total + 1.0)
                found.append(np.log(shares[level] / shares[parent]))
        return found

    def encoded(self, asked: Asked) -> tuple[Array, Array]:
        """The rows of the softmax that a question touches, and their values; unknown ones are left out."""
        pairs = [(self.words[name], value) for name, value in named(asked) if name in self.words]
        return np.array([at for at, _ in pairs], np.int64), np.array([value for _, value in pairs], np.float32)

    def _reason(self, asked: Asked, at: int) -> str:
        """The narrowest level at which this unit was seen, in numbers of (faded) cases."""
        for level in (("kind", "community"), ("kind", "street"), ("kind",), ("group",), ("family",)):
            counts = self._counts("", level, asked, len(self.units))
            if counts is not None and counts[at] >= 0.5:
                return f"{counts[at]:.0f} of {counts.sum():.0f} like cases by {' and '.join(level)}"
        return "no like case"

    # --- learning -------------------------------------------------------------------------------------------------

    def add(self, unit: Unit) -> int:
        """The number of a unit, new or known; -1 when there is no room for it."""
        known = self.index.get(unit.id)
        if known is not None:
            return known
        if len(self.units) >= self.capacity:
            return -1
        at = self.index[unit.id] = len(self.units)
        self.units.append(unit)
        roles = len(self.roles)
        role = self.role_of[at] = self.roles.setdefault(unit.role, roles)
        if (bias := self.words.get("")) is not None and at:
            self.softmax[bias, at] = self.softmax[bias, :at].min()
            if role == roles:
                self.role_softmax[bias, role] = self.role_softmax[bias, :role].min()
        return at

    def learn(self, asked: Asked, unit: Unit, at: int, step: float = 0.0) -> None:
        """A case that ``unit`` handled at ``at`` (ms). ``step`` > 0 also moves both softmaxes."""
        number = self.add(unit)
        if number < 0:
            return
        for level in dict.fromkeys((*UNIT_LEVELS, *ROLE_LEVELS)):
            if (key := key_of(level, asked)) is not None:
                tally = self._tally(key, at)
                tally.counts *= 2.0 ** (-max(0, at - tally.at) / self.half_life_ms)
                tally.counts[number] += 1.0
                tally.at, tally.latest = max(at, tally.at), number
        for level in PLACE_LEVELS:
            if (key := key_of(level, asked)) is not None:
                self._tally("place " + key, at).counts[number] += 1.0
        if step:
            self._step(asked, number, step)

    def _tally(self, key: str, at: int) -> Tally:
        known = self.tallies.get(key)
        if known is None:
            known = self.tallies[key] = Tally(self.capacity, at)
        return known

    def _step(self, asked: Asked, number: int, step: float) -> None:
        """Along the gradient of the likelihood."""
        at, values = self.encoded(asked)
        role = int(self.role_of[number])
        tables = ((self.softmax, number, len(self.units)), (self.role_softmax, role, len(self.roles)))
        for table, right, size in tables if len(at) else ():
            error = -np.exp(log_softmax(table, at, values, size))
            error[right] += 1.0
            table[at, :size] += step * values[:, None] * error[None, :].astype(np.float32)


def log_softmax(table: Array, at: Array, values: Array, size: int) -> Array:
    """Log-probabilities of the first ``size`` columns of a softmax, for the rows ``at`` that a question touches."""
    if not len(at):
        return np.full(size, -math.log(size))
    scores = values @ table[at, :size]
    scores = scores - scores.max()
    found: Array = np.maximum(scores - np.log(np.exp(scores).sum()), -13.8)
    return found
