"""Hot issues: are messages that people put together in one group, and those they kept apart in several?

Judged over all pairs of the messages that the given grouping names; the others are grouped with them and counted. The
grouping looks at open messages as a whole and uses no outcome.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from connectors.importers.base import Job, Row
from connectors.importers.taidi import ZONE
from connectors.importers.times import millis
from pipeline.domain.alike import average_linkage, edges, vectors
from pipeline.domain.hotissues import Issue, Settings, Told, hot_issues
from pipeline.errors import ConfigFaults, Fault
from pipeline.evaluation.measures import Array, Score, bootstrap, pairwise
from pipeline.evaluation.report import DEFAULT, EvaluateRequest, Figures, Report
from pipeline.learning.rows import read_rows

MESSAGES, GIVEN = "messages*.csv", "hot_issues*.csv"
NUMBER, GROUP, TEAM = "留言编号", "问题ID", "team"


def evaluate(request: EvaluateRequest) -> Report:
    """Group all messages and judge by the given grouping. Raises ``ConfigFaults``."""
    if request.dataset != "taidi":
        raise ConfigFaults([Fault("dataset", "name", request.dataset, "a grouping is known of taidi only")])
    told = read_told(read_rows("taidi", request.path, MESSAGES, NUMBER, "留言主题", "留言时间", "留言详情"))
    given = _given(request)
    settings = Settings()
    request.say(f"{len(told):,} messages, {len(given):,} of them in given groups")
    issues = hot_issues(told, settings._replace(least_reports=2))
    groups = [issue.members for issue in issues]
    found = _by_id(told, groups)
    teams = sorted({team for team, _, _ in given})
    kept = [row for row in given if row[1] in {one.id for one in told}]
    truth = [(team, group) for team, _, group in kept]
    answer = [_in_team(team, found.get(number)) for team, number, _ in kept]
    score = pairwise(truth, answer)
    report = Report(
        task="hot-issues", dataset=request.dataset, model=DEFAULT, rows=len(kept),
        figures=_figures(score), intervals=_intervals(truth, answer, request.seed),
        peers={
            name: _figures(pairwise(truth, [_in_team(t, by.get(n)) for t, n, _ in kept]))
            for name, by in _peers(told, settings).items()
        },
        per_class=_by_group(kept, answer, found),
        notes=_notes(told, issues, settings, found, kept, len(given) - len(kept)),
    )  # fmt: skip
    if len(teams) > 1:
        report.slices["team"] = {
            team: _figures(pairwise([t for t in truth if t[0] == team],
                                    [a for t, a in zip(truth, answer, strict=True) if t[0] == team]))
            for team in teams
        }  # fmt: skip
    return report


def read_told(rows: Sequence[Row]) -> list[Told]:
    """Messages in order of time; one without a time comes first."""
    told = [
        Told(
            row[NUMBER].strip(), millis(row["留言时间"], ZONE) or 0, row["留言主题"].strip(), row["留言详情"].strip(),
            row.get("留言用户", "").strip(), _count(row.get("点赞数", "")),
        )
        for row in rows
    ]  # fmt: skip
    return sorted(told, key=lambda one: (one.at, one.id))


def _count(text: str) -> int:
    return int(text) if text.strip().isdecimal() else 0


def _given(request: EvaluateRequest) -> list[tuple[str, str, str]]:
    """(team, message, group) of the given grouping."""
    if request.truth is not None:
        job = Job("taidi", request.truth.parent, request.truth.parent)
        rows = list(job.rows(Path(request.truth), NUMBER, GROUP))
    else:
        rows = read_rows("taidi", request.path, GIVEN, NUMBER, GROUP)
    return [(row.get(TEAM, "").strip(), row[NUMBER].strip(), row[GROUP].strip()) for row in rows]


def _by_id(told: Sequence[Told], groups: Sequence[Sequence[int]]) -> dict[str, int]:
    return {told[member].id: number for number, group in enumerate(groups) for member in group}


def _in_team(team: str, group: int | None) -> tuple[str, int] | None:
    return None if group is None else (team, group)


def _figures(score: Score) -> Figures:
    return {"pairwise_f1": score.f1, "pair_precision": score.precision, "pair_recall": score.recall}


def _intervals(
    truth: Sequence[tuple[str, str]], answer: Sequence[tuple[str, int] | None], seed: int
) -> dict[str, tuple[float, float]]:
    def f1(at: Array) -> float:
        drawn = np.unique(at)  # a message drawn twice would be a pair with itself
        return pairwise([truth[n] for n in drawn], [answer[n] for n in drawn]).f1

    return {"pairwise_f1": bootstrap(f1, len(truth), seed=seed)}


def _by_group(
    kept: Sequence[tuple[str, str, str]], answer: Sequence[tuple[str, int] | None], found: dict[str, int]
) -> dict[str, Figures]:
    """Each given group: its messages, how many share the group where most of them are, and who else is there."""
    named, sizes = {number for _, number, _ in kept}, Counter(found.values())
    table: dict[str, Figures] = {}
    for team, group in sorted({(team, group) for team, _, group in kept}):
        own = [a for (t, _, g), a in zip(kept, answer, strict=True) if (t, g) == (team, group)]
        places = Counter(a[1] for a in own if a is not None)
        place, together = places.most_common(1)[0] if places else (-1, 1)
        others = sizes[place] - sum(found[number] == place for number in named if number in found)
        table[f"{team}/{group}".strip("/")] = {
            "messages": float(len(own)), "together": float(together), "unlabelled_beside": float(max(0, others)),
        }  # fmt: skip
    return table


def _peers(told: Sequence[Told], settings: Settings) -> dict[str, dict[str, int]]:
    """The same title; and single linkage over the same likenesses, at the threshold of ours and at a strict one."""
    titles: dict[str, int] = {}
    same = {one.id: titles.setdefault(one.title, len(titles)) for one in told}
    texts = vectors([(one.title, one.text) for one in told], settings.text_weight, settings.most_letters,
                    settings.common)  # fmt: skip
    pairs = edges(texts, settings.least_likeness)
    found = {"same title": same}
    for least in (settings.least_likeness, 0.3):
        chained = _connected(len(told), [(edge.first, edge.second) for edge in pairs if edge.likeness >= least])
        found[f"single linkage at {least:g}"] = {one.id: chained[at] for at, one in enumerate(told)}
    strict = average_linkage(pairs, len(told), 0.3)
    found["average linkage at 0.3"] = _by_id(told, strict)
    return found


def _connected(size: int, pairs: Sequence[tuple[int, int]]) -> list[int]:
    root = list(range(size))

    def top(at: int) -> int:
        while root[at] != at:
            root[at] = root[root[at]]
            at = root[at]
        return at

    for first, second in pairs:
        root[top(first)] = top(second)
    return [top(at) for at in range(size)]


def _notes(
    told: Sequence[Told], issues: Sequence[Issue], settings: Settings, found: dict[str, int],
    kept: Sequence[tuple[str, str, str]], missing: int,
) -> list[str]:  # fmt: skip
    named = {number for _, number, _ in kept}
    where = {found[number] for number in named if number in found}
    beside = sum(len(issues[at].members) for at in where) - sum(number in found for number in named)
    large = [issue for issue in issues if len(issue.members) >= settings.least_reports]
    notes = [
        f"{beside} messages without a label lie in the groups of labelled ones",
        f"{len(large)} issues of {settings.least_reports} messages or more, {sum(i.burst for i in large)} of them "
        "with a burst",
        f"places of the labelled groups by heat: {_ranks(told, issues, kept)}",
    ]
    return [*notes, f"{missing} labelled messages are not in the set"] if missing else notes


def _ranks(told: Sequence[Told], issues: Sequence[Issue], kept: Sequence[tuple[str, str, str]]) -> str:
    at = {told[member].id: rank for rank, issue in enumerate(issues, 1) for member in issue.members}
    found = []
    for team, group in sorted({(team, group) for team, _, group in kept}):
        ranks = Counter(at[number] for t, number, g in kept if (t, g) == (team, group) and number in at)
        found.append(f"{team}/{group} {ranks.most_common(1)[0][0] if ranks else 'none'}".strip("/"))
    return ", ".join(found)
