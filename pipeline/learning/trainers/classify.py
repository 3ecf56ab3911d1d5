"""Learn categories from labelled texts: weighted characters, linear machines averaged, probabilities of held-out rows.

Rows that are nearly the same stay in one fold, so no text is judged by a machine that saw its twin. What is held out
gives the figures of the card, the calibration, and the thresholds below which a person decides; the table that is kept
is then learned from all rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import floor

import numpy as np

from pipeline.domain.textgrams import grams
from pipeline.domain.textmodel import STEPS, TextModel, headed
from pipeline.errors import ConfigFaults, Fault
from pipeline.evaluation.measures import Array, accuracy, ece, macro_f1, surest
from pipeline.learning.labelled import (
    Labelled,
    corrected_texts,
    folds_of,
    labelled_texts,
    segmented_texts,
    simulated_texts,
)
from pipeline.learning.matrices import Matrix, counts
from pipeline.learning.modelfile import Card, write_model
from pipeline.learning.request import TrainRequest
from pipeline.learning.rows import digest_of
from pipeline.learning.textmachines import MACHINES, Table, averaged, fitted, scored

FOLDS = 5
ORDERS = (1, 2)
HEAD = 25
MOST_BYTES = 8 << 20
"""Of the table: the model stays below 10 MB."""
SURE_ENOUGH = 0.9
"""Share of right ones that every label's threshold must reach on held-out rows."""


def train(request: TrainRequest) -> Card:
    """Train, write, and give back the card. Raises ``ConfigFaults`` when the rows cannot be learned from."""
    rows = _rows(request)
    labels = sorted({row.label for row in rows})
    bits = bits_for(len(labels))
    texts = [row.text for row in rows]
    request.say(f"{len(rows):,} rows, {len(labels)} labels, 2^{bits} places")
    matrix = counts(grams(headed(texts, HEAD), ORDERS, bits), bits)
    wanted = np.array([labels.index(row.label) for row in rows])
    fold = folds_of(texts, FOLDS, request.seed)
    raw = np.array([row.raw for row in rows])
    scores = held_out(matrix, wanted, fold, raw, len(labels), request)
    figures, thresholds = judged(across_folds(scores[raw], wanted[raw], fold[raw]), wanted[raw], labels)
    factors = calibration(scores[raw], wanted[raw])
    request.say("all rows")
    table = averaged(fitted(matrix, wanted, len(labels), request.seed), factors)
    return _written(request, rows, labels, bits, table, figures, thresholds)


def bits_for(labels: int) -> int:
    """The largest table of int16 weights and uint16 squares within ``MOST_BYTES``; 8 to 18 bits."""
    return max(8, min(18, int(np.log2(MOST_BYTES / (2 * (labels + 1))))))


def _rows(request: TrainRequest) -> list[Labelled]:
    if request.dataset not in ("taidi", "simulated"):
        raise ConfigFaults([Fault("arguments", "--dataset", request.dataset, "use taidi or simulated")])
    rows = labelled_texts(request.path) if request.dataset == "taidi" else simulated_texts(request.path)
    if request.until < 1:
        rows = rows[: int(request.until * len(rows))]  # words alone have no time, so none of them are taken
    elif request.dataset == "taidi":
        rows += segmented_texts(request.path)
    if request.corrections is not None:
        rows += corrected_texts(request.corrections)
    few = {row.label for row in rows} if len({row.label for row in rows}) < 2 else set()
    if few or not rows:
        raise ConfigFaults([Fault(str(request.path), "label", ", ".join(few), "give rows of two labels or more")])
    return rows


def held_out(matrix: Matrix, wanted: Array, fold: Array, raw: Array, labels: int, request: TrainRequest) -> Array:
    """Scores of every row by the machines that did not see it, (n, machines, k); only raw rows are filled."""
    scores = np.zeros((len(wanted), MACHINES, labels))
    for number in range(FOLDS):
        request.say(f"held out: fold {number + 1} of {FOLDS}")
        inside, outside = np.flatnonzero(fold != number), np.flatnonzero((fold == number) & raw)
        if not len(inside) or not len(outside):
            continue
        scores[outside] = scored(matrix[outside], fitted(matrix[inside], wanted[inside], labels, request.seed))
    return scores


def softmax(scores: Array) -> Array:
    """Probabilities, (n, k)."""
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def temperature(scores: Array, wanted: Array) -> float:
    """The factor of the scores with the least log loss on held-out rows (Guo et al. 2017); 1 without rows."""
    if not len(wanted):
        return 1.0
    rows = np.arange(len(wanted))
    tried = np.geomspace(0.5, 50, 200)
    return float(min(tried, key=lambda t: -np.log(np.maximum(softmax(scores * t)[rows, wanted], 1e-12)).mean()))


def calibration(scores: Array, wanted: Array) -> Array:
    """The factor of every machine, (machines,), from held-out scores (n, machines, k).

    Each machine is brought to its own temperature, so that none drowns the others; then the average of them to its.
    """
    each = np.array([temperature(scores[:, at], wanted) for at in range(scores.shape[1])]) / scores.shape[1]
    return np.asarray(each * temperature(summed(scores, each), wanted))


def summed(scores: Array, factors: Array) -> Array:
    """Scores of all machines together, (n, k)."""
    return np.asarray(np.einsum("nmk,m->nk", scores, factors))


def across_folds(scores: Array, wanted: Array, fold: Array) -> Array:
    """Probabilities of held-out rows, (n, k), each calibrated by the other folds alone."""
    chances = np.zeros((len(scores), scores.shape[2]))
    for number in np.unique(fold):
        here = fold == number
        chances[here] = softmax(summed(scores[here], calibration(scores[~here], wanted[~here])))
    return chances


def judged(chances: Array, wanted: Array, labels: Sequence[str]) -> tuple[dict[str, float], dict[str, float]]:
    """Figures on held-out rows, and for each label the least probability that is right often enough."""
    best = chances.argmax(axis=1)
    sure, right = chances.max(axis=1), best == wanted
    figures = {
        "macro_f1": macro_f1(wanted.tolist(), best.tolist()), "accuracy": accuracy(wanted.tolist(), best.tolist()),
        "ece": ece(sure, right), "surest_80": surest(sure, right, 0.8), "held_out_rows": float(len(wanted)),
    }  # fmt: skip
    thresholds = {label: threshold(sure[best == number], right[best == number]) for number, label in enumerate(labels)}
    taken = sure >= np.array([thresholds[label] for label in labels])[best]
    figures |= {"coverage": float(taken.mean()), "accuracy_taken": float(right[taken].mean()) if taken.any() else 0.0}
    return figures, thresholds


def threshold(sure: Array, right: Array) -> float:
    """The least probability from which at least ``SURE_ENOUGH`` of the rows above it are right; 1 if there is none.

    Cut off behind four digits, never rounded up: the rows that set it must stay above it.
    """
    order = np.argsort(-sure, kind="stable")
    share = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    enough = np.flatnonzero(share >= SURE_ENOUGH)
    return floor(float(sure[order][enough[-1]]) * 1e4) / 1e4 if len(enough) else 1.0


def packed(table: Table) -> tuple[dict[str, Array], float]:
    """The table in whole numbers, and the step of the squares."""
    products = table.weights * table.value[:, None]
    scale = np.maximum(np.abs(products).max(axis=0), 1e-12) / np.iinfo(np.int16).max
    squares = table.value**2
    step = float(max(squares.max(), 1e-12)) / np.iinfo(np.uint16).max
    arrays = {
        "weights": np.round(products / scale).astype(np.int16),
        "squares": np.round(squares / step).astype(np.uint16),
        "scale": scale / STEPS,
        "bias": table.bias,
    }
    return arrays, step / STEPS**2


def _written(
    request: TrainRequest, rows: list[Labelled], labels: list[str], bits: int, table: Table,
    figures: dict[str, float], thresholds: dict[str, float],
) -> Card:  # fmt: skip
    arrays, step = packed(table)
    options = {"orders": list(ORDERS), "head": HEAD, "bits": bits, "square_scale": step}
    tables = {"labels": labels, "options": options, "thresholds": thresholds}
    TextModel.of("", arrays, tables)
    digest, sample = digest_of([row.id for row in rows])
    times = [row.at for row in rows if row.at is not None]
    corrections = sum(row.source == "correction" for row in rows)
    card = Card(
        task="classify", dataset=request.dataset, rows=len(rows), rows_digest=digest, rows_sample=sample,
        span=(min(times), max(times)) if times else None, trained=request.day, seed=request.seed,
        features=tuple(f"character {order}-grams" for order in ORDERS), labels=tuple(labels), figures=figures,
        notes=(
            f"{sum(row.raw for row in rows)} raw texts, {sum(not row.raw for row in rows)} as words, "
            f"{corrections} corrections; figures on held-out raw texts, near-duplicates kept in one fold",
        ),
    )  # fmt: skip
    return write_model(request.out, card, arrays, tables)
