"""Which unit handles a matter: learned from who handled like ones.

Two experts look at a question (:class:`Asked`). *Counts* answer by how often units handled the same kind at the same
place, backing off from the narrow to the wide (kind and community, kind and street, kind, group, family), for units
and for their roles ("the enforcement team of the street" is one role in every street). A *softmax* weighs single
features and words. A log-linear rule with learned weights joins them. Counts fade with a half-life, because units are
renamed, merged and given other duties. Ranking is pure: the same model and question, the same answer.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from pipeline.domain.ids import DAY_MS

Array = np.ndarray[Any, np.dtype[Any]]
Level = tuple[str, ...]

SPARE = 64
"""Units that may come up after the training and still be learned."""
SMOOTHING = 2.0
"""Cases that the wider level counts for beside the narrower one (Dirichlet prior)."""
FEW, SOME = 3.0, 10.0
"""Below these numbers of cases a level speaks with weights of its own."""
SHORT_TEXT = 60
"""Longer texts are no key: they hardly ever come again."""

UNIT_LEVELS: dict[Level, Level | None] = {
    (): None,
    ("family",): (),
    ("family", "street"): ("family",),
    ("family", "community"): ("family", "street"),
    ("family", "channel"): ("family",),
    ("group",): ("family",),
    ("group", "street"): ("group",),
    ("group", "community"): ("group", "street"),
    ("kind",): ("group",),
    ("kind", "street"): ("kind",),
    ("kind", "community"): ("kind", "street"),
    ("kind", "channel"): ("kind",),
    ("kind", "street", "channel"): ("kind", "street"),
    ("kind", "nature"): ("kind",),
    ("kind", "text"): ("kind",),
    ("kind", "text", "street"): ("kind", "text"),
    ("community",): (),
}
"""Levels of the counts of units, each with the wider level that it backs off to."""
ROLE_LEVELS: dict[Level, Level | None] = {
    (): None,
    ("family",): (),
    ("group",): ("family",),
    ("group", "street"): ("group",),
    ("group", "channel"): ("group",),
    ("kind",): ("group",),
    ("kind", "channel"): ("kind",),
    ("kind", "street"): ("kind",),
    ("kind", "nature"): ("kind",),
}
PLACE_LEVELS: dict[Level, Level | None] = {
    (): None,
    ("street",): (),
    ("street", "family"): ("street",),
    ("community",): ("street",),
    ("community", "family"): ("community",),
}
"""Levels of the counts of units within their role: which of the like teams works here?"""
LATEST: tuple[Level, ...] = (("kind", "community"), ("kind", "street"), ("kind",), ("group", "community"))
"""Levels at which the unit of the latest case counts by itself."""
FEATURES = (
    ["all"]
    + [f"{'+'.join(level)}/{much}" for level in UNIT_LEVELS if level for much in ("few", "some", "many")]
    + ["role"]
    + [f"role {'+'.join(level)}/{much}" for level in ROLE_LEVELS if level for much in ("few", "many")]
    + ["place"]
    + [f"place {'+'.join(level)}" for level in PLACE_LEVELS if level]
    + [f"latest {'+'.join(level)}" for level in LATEST]
    + ["softmax"]
)


class Asked(NamedTuple):
    """A question: what is known of a matter when it arrives. Blank is unknown."""

    kind: str
    """The finest category."""
    group: str
    family: str
    """The widest category."""
    street: str
    community: str
    """The smallest area known: a community, a cell of a map."""
    channel: str
    nature: str
    """Complaint, question, praise …"""
    text: str = ""
    words: tuple[str, ...] = ()
    """Words or letters of the names of its categories and of its text."""


class Unit(NamedTuple):
    """A unit as a model knows it."""

    id: str
    role: str
    """What it has in common with units of other places, such as "enforcement team"."""


class Ranked(NamedTuple):
    """One candidate, with its probability and what speaks for it."""

    unit: str
    probability: float
    reason: str


def words_of(*texts: str) -> tuple[str, ...]:
    """Words of texts in letters, single characters and pairs of them of Chinese texts; in order, each once."""
    found: dict[str, None] = {}
    for text in texts:
        for word in text.casefold().split():
            if word.isascii():
                found[word.strip(".,:;()/\\")] = None
            else:
                found.update(dict.fromkeys(word))
                found.update(dict.fromkeys(word[at : at + 2] for at in range(len(word) - 1)))
    found.pop("", None)
    return tuple(found)


def key_of(level: Level, asked: Asked) -> str | None:
    """The key of a question at a level; ``None`` when a field of the level is unknown."""
    values = [getattr(asked, name) for name in level]
    if not all(values) or ("text" in level and len(asked.text) > SHORT_TEXT):
        return None
    return "\x1f".join(["+".join(level), *values])


class _Tally:
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
        self.tallies: dict[str, _Tally] = {}
        self.words: dict[str, int] = {}
        self.softmax: Array = np.zeros((0, self.capacity), np.float32)
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
        found.append(self._log_softmax(asked))
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

    def _log_softmax(self, asked: Asked) -> Array:
        size = len(self.units)
        at, values = self.encoded(asked)
        if not len(at):
            return np.full(size, -math.log(size))
        scores = values @ self.softmax[at, :size]
        scores = scores - scores.max()
        found: Array = np.maximum(scores - np.log(np.exp(scores).sum()), -13.8)
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
        self.role_of[at] = self.roles.setdefault(unit.role, len(self.roles))
        if (bias := self.words.get("")) is not None and at:
            self.softmax[bias, at] = self.softmax[bias, :at].min()
        return at

    def learn(self, asked: Asked, unit: Unit, at: int, step: float = 0.0) -> None:
        """A case that ``unit`` handled at ``at`` (ms). ``step`` > 0 also moves the softmax along its gradient."""
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

    def _tally(self, key: str, at: int) -> _Tally:
        known = self.tallies.get(key)
        if known is None:
            known = self.tallies[key] = _Tally(self.capacity, at)
        return known

    def _step(self, asked: Asked, number: int, step: float) -> None:
        at, values = self.encoded(asked)
        if len(at):
            error = -np.exp(self._log_softmax(asked))
            error[number] += 1.0
            self.softmax[at, : len(self.units)] += step * values[:, None] * error[None, :].astype(np.float32)


WORD_VALUE = 0.3
"""Words count for less than fields, so that the penalty keeps them small."""


def named(asked: Asked) -> list[tuple[str, float]]:
    """The features of the softmax and their values: a constant, one a field, one a word."""
    fields = [(f"{name}={value}", 1.0) for name, value in zip(Asked._fields[:7], asked[:7], strict=True) if value]
    text = [(f"text={asked.text}", 1.0)] if 0 < len(asked.text) <= SHORT_TEXT else []
    return [("", 1.0), *fields, *text, *((f"~{word}", WORD_VALUE) for word in asked.words)]


def default_weights() -> Array:
    """Weights that are stated, not learned: plain back-off along kind, street and community, and place within role."""
    chain = {("family",), ("group",), ("kind",), ("kind", "street"), ("kind", "community")}
    names = {f"{'+'.join(level)}/{much}" for level in chain for much in ("few", "some", "many")}
    return np.array([float(name == "all" or name in names) for name in FEATURES])


def packed(model: UnitModel) -> tuple[dict[str, Array], dict[str, Any]]:
    """The arrays and tables of a model file."""
    keys = sorted(model.tallies)
    entries = [
        (row, int(unit), float(model.tallies[key].counts[unit]))
        for row, key in enumerate(keys)
        for unit in np.flatnonzero(model.tallies[key].counts)
    ]
    arrays = {
        "weights": model.weights,
        "softmax": model.softmax[:, : len(model.units)].astype(np.float32),
        "count_key": np.array([row for row, _, _ in entries], np.int32),
        "count_unit": np.array([unit for _, unit, _ in entries], np.int32),
        "count": np.array([count for _, _, count in entries], np.float32),
        "key_at": np.array([model.tallies[key].at for key in keys], np.int64),
        "key_latest": np.array([model.tallies[key].latest for key in keys], np.int32),
    }
    tables: dict[str, Any] = {
        "units": [list(unit) for unit in model.units],
        "keys": keys,
        "words": sorted(model.words, key=model.words.__getitem__),
        "settings": {"half_life": model.half_life_ms / DAY_MS},
    }
    return arrays, tables


def unpacked(version: str, arrays: Mapping[str, Array], tables: Mapping[str, Any]) -> UnitModel:
    """A model from its file. Raises ``ValueError`` when arrays and tables do not fit together."""
    try:
        units = [Unit(str(id), str(role)) for id, role in tables["units"]]
        keys, words = [str(key) for key in tables["keys"]], [str(word) for word in tables["words"]]
        half_life = float(tables["settings"]["half_life"])
        count_key, count_unit, count = (arrays[name] for name in ("count_key", "count_unit", "count"))
        weights, softmax, key_at, key_latest = (arrays[name] for name in ("weights", "softmax", "key_at", "key_latest"))
    except (KeyError, TypeError) as error:
        message = f"a part is missing or of another kind: {error}"
        raise ValueError(message) from None
    faults = [
        text
        for text, holds in (
            ("weights of other features", weights.shape == (len(FEATURES),)),
            ("a softmax of other words or units", softmax.shape == (len(words), len(units))),
            ("counts of different length", count_key.shape == count_unit.shape == count.shape),
            ("keys without a time", key_at.shape == key_latest.shape == (len(keys),)),
            ("counts of unknown keys or units", _within(count_key, len(keys)) and _within(count_unit, len(units))),
            ("a latest unit that is unknown", _within(key_latest + 1, len(units) + 1)),
            ("a unit twice", len({unit.id for unit in units}) == len(units) > 0),
            ("no half-life", half_life > 0),
        )
        if not holds
    ]
    if faults:
        raise ValueError("; ".join(faults))
    model = UnitModel(version, units, weights, half_life)
    _fill(model, keys, (count_key, count_unit, count), key_at, key_latest)
    model.words = {word: at for at, word in enumerate(words)}
    model.softmax = np.zeros((len(words), model.capacity), np.float32)
    model.softmax[:, : len(units)] = softmax
    return model


def _within(numbers: Array, size: int) -> bool:
    return not len(numbers) or (int(numbers.min()) >= 0 and int(numbers.max()) < size)


def _fill(
    model: UnitModel, keys: Sequence[str], counts: tuple[Array, Array, Array], at: Array, latest: Iterable[Any]
) -> None:
    for key, when, unit in zip(keys, at.tolist(), latest, strict=True):
        tally = model.tallies[key] = _Tally(model.capacity, int(when))
        tally.latest = int(unit)
    for row, unit, count in zip(*(part.tolist() for part in counts), strict=True):
        model.tallies[keys[row]].counts[unit] = count
