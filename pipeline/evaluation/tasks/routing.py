"""Routing: is the unit that handled a case among the first that would have been named?

Cases go by in order of time. A case is judged when it arrives; its unit is learned a day later (handling units are
known to dispatchers at once or when the case is handled). What lies in the time span that the model was trained on is
taken as learned already. Without a model nothing is known at the start and the stated weights join the counts.
"""

from __future__ import annotations

import warnings
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pipeline.domain.ids import DAY_MS
from pipeline.domain.unitfile import unpacked
from pipeline.domain.unitmodel import UnitModel
from pipeline.domain.unitquestion import named
from pipeline.errors import ConfigFaults, Fault
from pipeline.evaluation.measures import bootstrap, surest, wilson
from pipeline.evaluation.report import DEFAULT, EvaluateRequest, Figures, Report, warn_if_known
from pipeline.evaluation.routing_simulated import evaluate_simulated
from pipeline.learning.modelfile import Card, read_model
from pipeline.learning.unitrows import KNOWN_AFTER_MS, Handled, handled

STEP = 0.05
"""Of the softmax along its gradient when the unit of a case becomes known."""
MOST_FOR_LOGISTIC = 12_000
"""The plain logistic beside it learns from this many of the latest cases before those that are scored."""
LEAST_FOR_LOGISTIC = 500
LEAST_SLICE = 20


class Answer(NamedTuple):
    """What was said on a case: units surest first with the probability of the first, and the department."""

    units: tuple[str, ...]
    sure: float
    department: str
    reason: str


def evaluate(request: EvaluateRequest) -> Report:
    """Measure a set in order of time. Raises ``ConfigFaults``."""
    if request.dataset == "simulated":
        return evaluate_simulated(request)
    rows = handled(request.dataset, request.path)
    first = round(len(rows) * request.after)
    if first >= len(rows):
        raise ConfigFaults([Fault(request.dataset, "rows", str(len(rows)), "no case is left to score")])
    card, model = None, UnitModel(DEFAULT, [])
    if request.model is not None:
        file = read_model(request.model, "routing")
        card, model = file.card, unpacked(file.card.version, file.arrays, file.tables)
    request.say(f"{len(rows):,} cases, {len(rows) - first:,} of them scored")
    answers = answered(rows, model, first, card)
    return _report(request, rows, first, answers, card)


def answered(rows: Sequence[Handled], model: UnitModel, first: int = 0, card: Card | None = None) -> list[Answer]:
    """One answer for every case from ``first`` on; the model learns on the way."""
    trained_until = card.span[1] if card is not None and card.span else -1
    above = {row.unit.id: row.department for row in rows if row.at <= trained_until}
    found, known = list[Answer](), 0
    for at, row in enumerate(rows):
        while known < at and rows[known].at <= row.at - KNOWN_AFTER_MS:
            past = rows[known]
            above[past.unit.id] = past.department
            if past.at > trained_until:
                model.learn(past.asked, past.unit, past.at, STEP if len(model.softmax) else 0.0)
            known += 1
        if at >= first:
            found.append(_answer(model, row, above))
    return found


def _answer(model: UnitModel, row: Handled, above: dict[str, str]) -> Answer:
    if not model.units:
        return Answer((), 0.0, "", "no case is known yet")
    ranked = model.rank(row.asked, most=len(model.units))
    by_department: Counter[str] = Counter()
    for one in ranked:
        by_department[above.get(one.unit, one.unit.partition("|")[0])] += one.probability  # type: ignore[assignment]
    department = by_department.most_common(1)[0][0]
    return Answer(tuple(one.unit for one in ranked[:3]), ranked[0].probability, department, ranked[0].reason)


def _report(
    request: EvaluateRequest, rows: Sequence[Handled], first: int, answers: Sequence[Answer], card: Card | None
) -> Report:
    scored = rows[first:]
    truth = [row.unit.id for row in scored]
    one = np.array([answer.units[:1] == (unit,) for answer, unit in zip(answers, truth, strict=True)])
    three = np.array([unit in answer.units for answer, unit in zip(answers, truth, strict=True)])
    sure = np.array([answer.sure for answer in answers])
    figures: Figures = {
        "top1": float(one.mean()), "top3": float(three.mean()), "surest_half": surest(sure, one, 0.5),
    }  # fmt: skip
    intervals = {name: wilson(share * len(one), len(one)) for name, share in figures.items()}
    intervals["surest_half"] = bootstrap(lambda at: surest(sure[at], one[at], 0.5), len(one), seed=request.seed)
    if any(row.department != row.unit.id for row in rows):
        right = np.array([answer.department == row.department for answer, row in zip(answers, scored, strict=True)])
        figures |= {"department": float(right.mean()), "queue": float(one.mean())}
        intervals |= {"department": wilson(right.sum(), len(right)), "queue": wilson(one.sum(), len(one))}
    report = Report(
        task="routing", dataset=request.dataset, model=card.version if card else DEFAULT, rows=len(scored),
        figures=figures, intervals=intervals, slices=_slices(scored, one, three),
        peers=_peers(request, rows, first), notes=_notes(rows, answers),
    )  # fmt: skip
    warn_if_known(report, card, [row.id for row in scored])
    return report


def _slices(rows: Sequence[Handled], one: np.ndarray, three: np.ndarray) -> dict[str, dict[str, Figures]]:
    """By channel, family and street."""
    found: dict[str, dict[str, Figures]] = {}
    for field in ("channel", "family", "street"):
        members: defaultdict[str, list[int]] = defaultdict(list)
        for at, row in enumerate(rows):
            members[getattr(row.asked, field) or "-"].append(at)
        found[field] = {
            name: {"rows": float(len(at)), "top1": float(one[at].mean()), "top3": float(three[at].mean())}
            for name, at in sorted(members.items(), key=lambda item: (-len(item[1]), item[0]))
            if len(at) >= LEAST_SLICE
        }
    return found


def _notes(rows: Sequence[Handled], answers: Sequence[Answer]) -> list[str]:
    names: defaultdict[str, set[str]] = defaultdict(set)
    for row in rows:
        names[row.unit.id].add(row.name)
    renamed = sum(len(called) > 1 for called in names.values())
    silent = sum(not answer.units for answer in answers)
    notes = [
        f"the unit of a case is taken as known {KNOWN_AFTER_MS // DAY_MS} day after the case arrived",
        f"{len(names)} units; {renamed} of them changed their name and count as one unit before and after",
    ]
    return [*notes, f"{silent} cases came before any unit was known"] if silent else notes


# --- others on the same rows ----------------------------------------------------------------------------------------


def _peers(request: EvaluateRequest, rows: Sequence[Handled], first: int) -> dict[str, Figures]:
    truth = [row.unit.id for row in rows[first:]]
    found = {
        "most frequent unit of (kind, street), learned on the way": _scored(_frequent(rows, first), truth),
        "most frequent unit of the kind, learned on the way": _scored(_frequent(rows, first, ("kind",)), truth),
    }
    if first >= LEAST_FOR_LOGISTIC:
        request.say("plain logistic on the cases before")
        found["plain logistic on the cases before"] = _scored(_logistic(rows, first), truth)
    return found


def _scored(answers: Sequence[Sequence[str]], truth: Sequence[str]) -> Figures:
    one = sum(list(answer[:1]) == [unit] for answer, unit in zip(answers, truth, strict=True))
    three = sum(unit in answer[:3] for answer, unit in zip(answers, truth, strict=True))
    return {"top1": one / len(truth), "top3": three / len(truth)}


def _frequent(rows: Sequence[Handled], first: int, fields: tuple[str, ...] = ("kind", "street")) -> list[list[str]]:
    """The units that handled most, by these fields, else by the first of them alone."""
    counts: defaultdict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    found, known = list[list[str]](), 0
    for at, row in enumerate(rows):
        while known < at and rows[known].at <= row.at - KNOWN_AFTER_MS:
            for width in range(1, len(fields) + 1):
                counts[_values(rows[known], fields[:width])][rows[known].unit.id] += 1
            known += 1
        if at >= first:
            narrow = counts.get(_values(row, fields)) or counts.get(_values(row, fields[:1])) or Counter()
            found.append([unit for unit, _ in narrow.most_common(3)])
    return found


def _values(row: Handled, fields: Sequence[str]) -> tuple[str, ...]:
    return tuple(getattr(row.asked, field) for field in fields)


def _logistic(rows: Sequence[Handled], first: int) -> list[list[str]]:
    """Multinomial logistic regression on single fields, without words, learned once on what came before."""
    from sklearn.feature_extraction import DictVectorizer
    from sklearn.linear_model import LogisticRegression

    def fields(row: Handled) -> dict[str, float]:
        return dict(named(row.asked._replace(words=())))

    before, vectors = rows[max(0, first - MOST_FOR_LOGISTIC) : first], DictVectorizer()
    learned = LogisticRegression(C=3.0, max_iter=60)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it need not have converged to the last digit
        learned.fit(vectors.fit_transform([fields(row) for row in before]), [row.unit.id for row in before])
    chances = learned.predict_proba(vectors.transform([fields(row) for row in rows[first:]]))
    order = np.argsort(-chances, axis=1, kind="stable")[:, :3]
    return [[str(learned.classes_[at]) for at in three] for three in order]
