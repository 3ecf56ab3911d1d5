"""Is the category right, is the probability honest, and is no emergency missed?

Labelled texts (``taidi``): a model, or without one the shipped lexicon, whose categories stand for the labels of the
set by ``CLASS_OF_FAMILY``. A simulated city: the whole of intake, with the categories and emergencies of its truth.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pipeline.domain.models import Models
from pipeline.domain.reference.load import load_reference
from pipeline.domain.textmodel import TextModel
from pipeline.errors import ConfigFaults, Fault
from pipeline.evaluation.classification_peers import tfidf_svm
from pipeline.evaluation.classification_simulated import evaluate_simulated
from pipeline.evaluation.measures import Array, accuracy, bootstrap, ece, macro_f1, per_class, surest, wilson
from pipeline.evaluation.report import DEFAULT, EvaluateRequest, Report, warn_if_known
from pipeline.learning.labelled import Labelled, labelled_texts
from pipeline.learning.modelfile import Card, read_model
from pipeline.settings import settings_from
from pipeline.stages.classify import Classifier

SURE = 0.8
"""The share of ``surest_80``."""
BATCH = 256
"""Texts of one call when speed is measured: about a poll."""

CLASS_OF_FAMILY = {
    "air": "环境保护", "noise": "环境保护", "water": "环境保护", "monitoring": "环境保护",
    "traffic": "交通运输", "dispute": "劳动和社会保障",
    "street_order": "城乡建设", "parking": "城乡建设",
}  # fmt: skip
"""The label of the seven-class set that a family of categories stands for; all others are 城乡建设 (the built town)."""
CLASS_OF_CODE = {
    "社会保险": "劳动和社会保障", "劳资纠纷": "劳动和社会保障", "医疗服务": "卫生计生", "教育与入学": "教育文体",
    "消费纠纷": "商贸旅游", "公交服务": "交通运输", "出租汽车服务": "交通运输", "传染病疫情": "卫生计生",
}  # fmt: skip
"""The same for single categories, by name."""


def evaluate(request: EvaluateRequest) -> Report:
    """Measure one model, or the shipped default, on one set. Raises ``ConfigFaults``."""
    if request.dataset == "simulated":
        card, models = _models(request)
        return evaluate_simulated(request, models, card)
    if request.dataset != "taidi":
        raise ConfigFaults([Fault("arguments", "--dataset", request.dataset, "use taidi or simulated")])
    rows = labelled_texts(request.path)
    rows = rows[int(request.after * len(rows)) :]
    texts, truth = [row.text for row in rows], [row.label for row in rows]
    card, models = _models(request)
    if models.text is None:
        labels, sure = _by_lexicon(texts)
        seconds = _seconds(lambda batch: _by_lexicon(batch), texts)
    else:
        labels, sure = _by_model(models.text, texts)
        seconds = _seconds(models.text.guess_many, texts)
    report = Report(
        task="classification", dataset=request.dataset, model=card.version if card else DEFAULT, rows=len(rows),
        figures=_figures(truth, labels, sure, seconds), intervals=_intervals(truth, labels, sure, request.seed),
        per_class=_classes(truth, labels),
    )  # fmt: skip
    if models.text is not None:
        _coverage(report, models.text, texts, truth)
    if request.peers:
        _peers(report, rows, request)
    report.slices["length"] = _by_length(rows, labels)
    warn_if_known(report, card, [row.id for row in rows])
    return report


def _models(request: EvaluateRequest) -> tuple[Card | None, Models]:
    if request.model is None:
        return None, Models()
    found = read_model(request.model, "classify")
    try:
        return found.card, Models(text=TextModel.of(found.card.version, found.arrays, found.tables))
    except ValueError as error:
        raise ConfigFaults([Fault(request.model.name, "content", str(error), "train the model anew")]) from None


def _by_model(model: TextModel, texts: Sequence[str]) -> tuple[list[str], list[float]]:
    guesses = model.guess_many(texts)
    return [guess.candidates[0][0] for guess in guesses], [guess.confidence for guess in guesses]


def _by_lexicon(texts: Sequence[str]) -> tuple[list[str], list[float]]:
    """The best candidate of the shipped lexicon, as a label of the set; "" where no word is found."""
    classifier = _shipped()
    choices = [classifier.by_words(text) for text in texts]
    return [_label(classifier, choice.shares) for choice in choices], [choice.confidence for choice in choices]


def _label(classifier: Classifier, shares: tuple[tuple[str, float], ...]) -> str:
    category = classifier.category(shares[0][0]) if shares else None
    if category is None:
        return ""
    return CLASS_OF_CODE.get(category.name_zh) or CLASS_OF_FAMILY.get(category.family, "城乡建设")


def _shipped() -> Classifier:
    global _classifier
    if _classifier is None:
        _classifier = Classifier(load_reference(settings_from().reference, None))
    return _classifier


_classifier: Classifier | None = None


def _seconds(work: Callable[[Sequence[str]], Any], texts: Sequence[str], rounds: int = 3) -> float:
    """Least processor time of all texts in batches, on the one core that Python uses."""
    least = float("inf")
    for _ in range(rounds):
        begun = time.process_time()
        for start in range(0, len(texts), BATCH):
            work(texts[start : start + BATCH])
        least = min(least, time.process_time() - begun)
    return least


def _figures(truth: list[str], labels: list[str], sure: list[float], seconds: float) -> dict[str, float]:
    right = [one == other for one, other in zip(truth, labels, strict=True)]
    return {
        "macro_f1": macro_f1(truth, labels), "accuracy": accuracy(truth, labels), "ece": ece(sure, right),
        "surest_80": surest(sure, right, SURE), "micros_per_text": seconds / max(len(truth), 1) * 1e6,
    }  # fmt: skip


def _intervals(truth: list[str], labels: list[str], sure: list[float], seed: int) -> dict[str, tuple[float, float]]:
    names = sorted({*truth, *labels})
    place = {name: number for number, name in enumerate(names)}
    wanted, given = np.array([place[one] for one in truth]), np.array([place[one] for one in labels])
    right = wanted == given
    confidence = np.array(sure)
    kept = int(np.ceil(SURE * len(truth)))
    return {
        "macro_f1": bootstrap(lambda rows: _macro(wanted[rows], given[rows], len(names)), len(truth), seed=seed),
        "accuracy": wilson(float(right.sum()), len(truth)),
        "ece": bootstrap(lambda rows: ece(confidence[rows], right[rows]), len(truth), seed=seed),
        "surest_80": wilson(surest(confidence, right, SURE) * kept, kept),
    }


def _macro(wanted: Array, given: Array, names: int) -> float:
    """Macro-F1 by counts; equal to :func:`pipeline.evaluation.measures.macro_f1`, for many draws of the bootstrap."""
    table = np.bincount(wanted * names + given, minlength=names * names).reshape(names, names)
    there = table.sum(1) > 0
    both = table.sum(0) + table.sum(1)
    return float((2 * table.diagonal()[there] / both[there]).mean()) if there.any() else 0.0


def _classes(truth: list[str], labels: list[str]) -> dict[str, dict[str, float]]:
    scores = per_class(truth, labels)
    return {str(name): one._asdict() | {"rows": float(truth.count(str(name)))} for name, one in scores.items()}


def _coverage(report: Report, model: TextModel, texts: list[str], truth: list[str]) -> None:
    """What is taken without a person, and how much of it is right."""
    guesses = model.guess_many(texts)
    taken = [guess.label == one for guess, one in zip(guesses, truth, strict=True) if guess.label is not None]
    report.figures["coverage"] = len(taken) / max(len(texts), 1)
    report.figures["accuracy_taken"] = sum(taken) / max(len(taken), 1)
    report.intervals["accuracy_taken"] = wilson(sum(taken), len(taken))


def _by_length(rows: list[Labelled], labels: list[str]) -> dict[str, dict[str, float]]:
    bounds = ((0, 100), (100, 250), (250, 1000), (1000, 1 << 30))
    found = {}
    for low, high in bounds:
        here = [(row.label, label) for row, label in zip(rows, labels, strict=True) if low <= len(row.text) < high]
        if here:
            right = sum(one == other for one, other in here)
            lowest, highest = wilson(right, len(here))
            name = f"{low} to {high - 1} signs" if high < 1 << 30 else f"{low} signs or more"
            found[name] = {"rows": float(len(here)), "accuracy": right / len(here), "low": lowest, "high": highest}
    return found


def _peers(report: Report, rows: list[Labelled], request: EvaluateRequest) -> None:
    request.say("peers: character TF-IDF with a linear SVM, cross-validated on the same rows")
    truth = [row.label for row in rows]
    labels, seconds = tfidf_svm(rows, request.seed)
    report.peers["char TF-IDF + linear SVM (5 folds of these rows)"] = {
        "macro_f1": macro_f1(truth, labels), "accuracy": accuracy(truth, labels),
        "micros_per_text": seconds / max(len(rows), 1) * 1e6,
    }  # fmt: skip
    common = max(sorted(set(truth)), key=truth.count)
    report.peers["most frequent class"] = {
        "macro_f1": macro_f1(truth, [common] * len(truth)), "accuracy": truth.count(common) / len(truth)
    }  # fmt: skip
