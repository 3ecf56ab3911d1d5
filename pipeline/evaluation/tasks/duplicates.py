"""``wangge evaluate duplicates``: does a report join the case of the problem it repeats, and only then?

Real sets are fed to the stage of duplicates in order of time, without any outcome, closings included (see
:mod:`pipeline.learning.duplicates`). ``simulated`` runs all stages over the inputs of a simulated city.
"""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.domain import pairmodel
from pipeline.evaluation.duplicate_measures import PEERS, Told, by_radius, figures_of, slices_of
from pipeline.evaluation.duplicates_simulated import evaluate_city
from pipeline.evaluation.report import DEFAULT, EvaluateRequest, Report, warn_if_known
from pipeline.learning.duplicates import Labelled, read_parts_of, replay
from pipeline.learning.modelfile import Card, read_model
from pipeline.stages.duplicate_policy import DuplicatePolicy


def evaluate(request: EvaluateRequest) -> Report:
    """The report. Raises ``ConfigFaults`` for a set, part or model that does not fit."""
    if request.dataset == "simulated":
        return evaluate_city(request)
    policy, card = policy_of(request)
    parts = read_parts_of(request.dataset, request.path, request.part, request.truth)
    told, peers = dict[str, list[Told]](), {name: list[Told]() for name in PEERS if request.peers}
    for name, rows in parts.items():
        request.say(f"{name}: {len(rows):,} rows")
        first = int(len(rows) * request.after)
        told[name] = judged(rows, policy, first)
        for peer in peers:
            answers = zip(rows, by_radius(rows, PEERS[peer]), strict=True)
            peers[peer] += [Told(row, *answer, scored=n >= first) for n, (row, answer) in enumerate(answers)]
    return _report(request, card, told, peers)


def policy_of(request: EvaluateRequest) -> tuple[DuplicatePolicy, Card | None]:
    """The policy with the model that was asked for, and the model's card."""
    if request.model is None:
        return DuplicatePolicy(), None
    file = read_model(request.model, "duplicates")
    return DuplicatePolicy(model=pairmodel.build(file.card.version, file.arrays, file.tables)), file.card


def judged(rows: Sequence[Labelled], policy: DuplicatePolicy, first: int) -> list[Told]:
    """All rows fed in their order; those from ``first`` are scored."""
    return [
        Told(row, bool(verdict.case_id), case, bool(verdict.suggested), scored=n >= first)
        for n, (row, verdict, case) in enumerate(replay(rows, policy))
    ]


def _report(
    request: EvaluateRequest, card: Card | None, told: dict[str, list[Told]], peers: dict[str, list[Told]]
) -> Report:
    every = [one for part in told.values() for one in part]
    figures, intervals = figures_of(every, request.seed)
    slices = slices_of(every)
    if len(told) > 1:
        slices["part"] = {name: figures_of(part, request.seed)[0] for name, part in told.items()}
    report = Report(
        task="duplicates", dataset=request.dataset, model=card.version if card else DEFAULT,
        rows=sum(one.scored for one in every), figures=figures, intervals=intervals, slices=slices,
        peers={name: figures_of(rows, request.seed)[0] for name, rows in peers.items()},
        notes=["decided at arrival; no outcome is used, and no case is closed while rows are fed"],
    )  # fmt: skip
    warn_if_known(report, card, [one.row.id for one in every if one.scored])
    return report
