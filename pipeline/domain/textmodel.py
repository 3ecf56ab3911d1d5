"""A learned choice among labels from a text: hashed character n-grams, one linear table, calibrated probabilities.

For a text with counts ``c`` of n-grams ``g``: ``x_g = (1 + ln c) v_g``, scaled to length 1, where ``v_g`` is inverse
document frequency times how much the n-gram tells the labels apart (Wang and Manning 2012). The score of a label is
``x . w + b`` and probabilities are the softmax of the scores: training folds an average of several linear machines,
and a calibration found on held-out rows, into ``w`` and ``b``. Weights are whole numbers, and whole numbers are added,
so a text gets the same answer alone, among others, and on every machine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from pipeline.domain.textgrams import Array, grams

KEPT = 5
"""Candidates that a guess keeps."""
STEPS = 64
"""Parts of one in which the weight of a count is rounded."""


def headed(texts: Sequence[str], head: int) -> list[str]:
    """Texts with their first ``head`` signs once more behind them."""
    return [f"{text} {text[:head]}" for text in texts]


class Guess(NamedTuple):
    """What a text speaks for."""

    label: str | None
    """None where the best is below its threshold: a person decides."""
    confidence: float
    """Probability of the best label, whether it was taken or not."""
    candidates: tuple[tuple[str, float], ...]
    """The best labels with their probabilities, best first."""


@dataclass(frozen=True, slots=True)
class TextModel:
    """A text model made ready. All arrays are read only."""

    version: str
    labels: tuple[str, ...]
    categories: tuple[str, ...]
    """What each label stands for: a category (``standard|kind|code``), a family of categories, or "" for nothing."""
    orders: tuple[int, ...]
    head: int
    """Signs at the beginning of a text that count twice: messages begin with their title."""
    bits: int
    weights: Array = field(repr=False)
    """int16, (2**bits, k): ``v_g w_g`` in steps of ``scale``."""
    squares: Array = field(repr=False)
    """uint16, (2**bits,): ``v_g**2`` in steps of ``square_scale``; 0 for n-grams that training never saw twice."""
    scale: Array = field(repr=False)
    """float64, (k,)."""
    square_scale: float
    bias: Array = field(repr=False)
    thresholds: Array = field(repr=False)
    """Least probability at which each label is taken."""

    @classmethod
    def of(cls, version: str, arrays: Mapping[str, Array], tables: Mapping[str, Any]) -> TextModel:
        """A model out of its file. Raises ``ValueError`` that names everything that does not fit."""
        faults = _faults(arrays, tables)
        if faults:
            raise ValueError("; ".join(faults))
        options = tables["options"]
        labels = tuple(tables["labels"])
        named = tables.get("categories", {})
        thresholds = tables.get("thresholds", {})
        return cls(
            version, labels, tuple(named.get(label, label) for label in labels), tuple(options["orders"]),
            options["head"],
            options["bits"], arrays["weights"], arrays["squares"], arrays["scale"], float(options["square_scale"]),
            arrays["bias"],
            np.array([thresholds.get(label, 0.0) for label in labels], np.float64),
        )  # fmt: skip

    @property
    def category_of(self) -> dict[str, str]:
        """The category or family that each label stands for."""
        return dict(zip(self.labels, self.categories, strict=True))

    def scores(self, texts: Sequence[str]) -> Array:
        """Scores of ``n`` texts, (n, k); a text without any known n-gram has the biases alone."""
        found = grams(headed(texts, self.head), self.orders, self.bits)
        if not len(found.places):
            return np.tile(self.bias, (len(texts), 1))
        times = _TIMES.take(np.minimum(found.counts, len(_TIMES) - 1))
        filled = np.flatnonzero(np.diff(found.starts))
        starts = found.starts[filled]
        products = self.weights.take(found.places, axis=0) * times[:, None]
        sums = np.add.reduceat(products, starts, axis=0, dtype=np.int64)
        squares = np.add.reduceat(self.squares.take(found.places) * times.astype(np.int64) ** 2, starts, dtype=np.int64)
        length = np.sqrt(np.maximum(squares * self.square_scale, 1e-12))
        scores = np.tile(self.bias, (len(texts), 1))
        scores[filled] += sums * self.scale / length[:, None]
        return scores

    def probabilities(self, texts: Sequence[str]) -> Array:
        """Calibrated probabilities, (n, k); each row sums to 1."""
        logits = self.scores(texts)
        logits -= logits.max(axis=1, keepdims=True)
        np.exp(logits, out=logits)
        logits /= logits.sum(axis=1, keepdims=True)
        return logits

    def guess(self, text: str) -> Guess:
        """What one text speaks for."""
        return self.guess_many([text])[0]

    def guess_many(self, texts: Sequence[str]) -> list[Guess]:
        """The same for many, faster; equal to one by one."""
        if not texts:
            return []
        chances = self.probabilities(texts)
        best = np.argsort(-chances, axis=1, kind="stable")[:, :KEPT]
        taken = chances[np.arange(len(texts)), best[:, 0]] >= self.thresholds[best[:, 0]]
        tops = np.take_along_axis(chances, best, axis=1).tolist()
        return [
            Guess(
                self.labels[places[0]] if sure else None, shares[0],
                tuple([(self.labels[place], share) for place, share in zip(places, shares, strict=True)]),
            )
            for places, shares, sure in zip(best.tolist(), tops, taken.tolist(), strict=True)
        ]  # fmt: skip


_TIMES = np.round((1 + np.log(np.maximum(np.arange(4097), 1))) * STEPS).astype(np.int32)
"""``1 + ln c`` in whole steps, by count."""


def _faults(arrays: Mapping[str, Array], tables: Mapping[str, Any]) -> list[str]:
    options, labels = tables.get("options"), tables.get("labels")
    if not isinstance(options, dict) or not isinstance(labels, list) or len(labels) < 2:
        return ["options or labels are missing"]
    bits, orders, head = options.get("bits"), options.get("orders"), options.get("head")
    if not (isinstance(bits, int) and 8 <= bits <= 24):
        return [f"bits = {bits!r}: give 8 to 24"]
    faults = []
    if not (isinstance(orders, list) and orders and set(orders) <= set(range(1, 7))):
        faults.append(f"orders = {orders!r}: give some of 1 to 6")
    if not (isinstance(head, int) and 0 <= head <= 1000):
        faults.append(f"head = {head!r}: give 0 to 1000")
    if not (isinstance(options.get("square_scale"), float) and options["square_scale"] > 0):
        faults.append(f"square_scale = {options.get('square_scale')!r}: give a positive number")
    size = len(labels)
    shapes = {"weights": ((1 << bits, size), "int16"), "squares": ((1 << bits,), "uint16"),
              "scale": ((size,), "float64"), "bias": ((size,), "float64")}  # fmt: skip
    for name, (shape, kind) in shapes.items():
        array = arrays.get(name)
        if array is None or array.shape != shape or array.dtype != kind or not np.isfinite(array).all():
            faults.append(f"array {name}: give {kind} in shape {shape}, all finite")
    return faults
