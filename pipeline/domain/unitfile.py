"""The model of units as arrays and tables, and back: what a model file holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from pipeline.domain.ids import DAY_MS
from pipeline.domain.unitmodel import Tally, UnitModel
from pipeline.domain.unitquestion import FEATURES, Array, Unit


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
        "role_softmax": model.role_softmax[:, : len(model.roles)].astype(np.float32),
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
        weights, softmax, role_softmax = (arrays[name] for name in ("weights", "softmax", "role_softmax"))
        key_at, key_latest = arrays["key_at"], arrays["key_latest"]
    except (KeyError, TypeError) as error:
        message = f"a part is missing or of another kind: {error}"
        raise ValueError(message) from None
    roles = len({unit.role for unit in units})
    faults = [
        text
        for text, holds in (
            ("weights of other features", weights.shape == (len(FEATURES),)),
            ("a softmax of other words or units", softmax.shape == (len(words), len(units))),
            ("a softmax of other words or roles", role_softmax.shape == (len(words), roles)),
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
    model.role_softmax = np.zeros((len(words), model.capacity), np.float32)
    model.role_softmax[:, : len(model.roles)] = role_softmax
    return model


def _within(numbers: Array, size: int) -> bool:
    return not len(numbers) or (int(numbers.min()) >= 0 and int(numbers.max()) < size)


def _fill(
    model: UnitModel, keys: Sequence[str], counts: tuple[Array, Array, Array], at: Array, latest: Iterable[Any]
) -> None:
    for key, when, unit in zip(keys, at.tolist(), latest, strict=True):
        tally = model.tallies[key] = Tally(model.capacity, int(when))
        tally.latest = int(unit)
    for row, unit, count in zip(*(part.tolist() for part in counts), strict=True):
        model.tallies[keys[row]].counts[unit] = count
