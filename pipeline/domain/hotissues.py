"""Hot issues: reports of many people on one subject, across places and words, hottest first, and whether they burst.

Grouping and heat are for people who look at the city as a whole (one topic a month, early warning). They change no
case. Pure: the same reports and settings, the same issues.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

from pipeline.domain.alike import average_linkage, edges, vectors
from pipeline.domain.ids import DAY_MS


class Told(NamedTuple):
    """One report as hot issues see it."""

    id: str
    at: int
    title: str
    text: str
    reporter: str = ""
    likes: int = 0
    place: str = ""


class Settings(NamedTuple):
    """The parameters, all of them; the table in docs/decisions.md says why."""

    text_weight: float = 0.3
    most_letters: int = 300
    common: float = 0.05
    least_likeness: float = 0.12
    """Mean cosine within a group."""
    edge_likeness: float = 0.05
    """Pairs below it count as 0."""
    least_reports: int = 3
    window_days: int = 14
    """Of the burst test; windows overlap by half."""
    false_discoveries: float = 0.05
    half_life_days: float = 30.0
    """Of the heat of an issue since its last report."""


class Issue(NamedTuple):
    """One subject: its reports (numbers into what was given, by time), the people, the time, the burst and the heat."""

    members: tuple[int, ...]
    people: int
    likes: int
    first_at: int
    last_at: int
    places: tuple[str, ...]
    peak_from: int
    """Start of the window with the strongest burst, ms."""
    peak_reports: int
    peak_usual: float
    """Reports that the window would have at the usual rate: the issue's share of all reports, at all times alike."""
    p_value: float
    """Of the strongest window, times the windows looked at (Bonferroni)."""
    burst: bool
    """Significant among all issues (Benjamini and Hochberg 1995)."""
    heat: float


def hot_issues(told: Sequence[Told], settings: Settings | None = None) -> list[Issue]:
    """Issues of at least ``least_reports`` reports, hottest first."""
    chosen = settings or Settings()
    groups = [group for group in grouped(told, chosen) if len(group) >= chosen.least_reports]
    if not groups:
        return []
    times = sorted(one.at for one in told)
    bursts = [_burst(sorted(told[number].at for number in group), times, chosen) for group in groups]
    significant = benjamini_hochberg([burst.p_value for burst in bursts], chosen.false_discoveries)
    issues = [
        _issue(told, group, burst, times[-1], chosen, significant=sure)
        for group, burst, sure in zip(groups, bursts, significant, strict=True)
    ]
    return sorted(issues, key=lambda issue: (-issue.heat, issue.first_at, issue.members))


def grouped(told: Sequence[Told], settings: Settings) -> list[list[int]]:
    """Reports on one subject, as numbers; reports that stand alone are left out."""
    found = vectors(
        [(one.title, one.text) for one in told], settings.text_weight, settings.most_letters, settings.common
    )
    return average_linkage(edges(found, settings.edge_likeness), len(told), settings.least_likeness)


class _Burst(NamedTuple):
    begins: int
    reports: int
    usual: float
    p_value: float


def _burst(own: Sequence[int], every: Sequence[int], settings: Settings) -> _Burst:
    """The window in which the issue has most more reports than its share of all reports makes usual (Poisson)."""
    width = settings.window_days * DAY_MS
    step = width // 2
    begins = range(every[0], every[-1] + 1, step)
    share = len(own) / len(every)
    best = _Burst(every[0], 0, 0.0, 1.0)
    for begin in begins:
        reports = _between(own, begin, begin + width)
        if reports < 2:
            continue
        usual = share * _between(every, begin, begin + width)
        p_value = poisson_tail(reports, usual)
        if p_value < best.p_value:
            best = _Burst(begin, reports, usual, p_value)
    return best._replace(p_value=min(1.0, best.p_value * len(begins)))


def _between(times: Sequence[int], begin: int, end: int) -> int:
    return bisect_left(times, end) - bisect_left(times, begin)


def poisson_tail(count: int, mean: float) -> float:
    """Probability of ``count`` or more when ``mean`` are expected."""
    if count <= 0:
        return 1.0
    if mean <= 0:
        return 0.0
    term = math.exp(count * math.log(mean) - mean - math.lgamma(count + 1))
    if count <= mean:
        below, one = 0.0, math.exp(-mean)
        for number in range(count):
            below += one
            one *= mean / (number + 1)
        return max(0.0, 1.0 - below)
    total, number = 0.0, count
    while term > total * 1e-15:
        total += term
        number += 1
        term *= mean / number
    return min(1.0, total)


def benjamini_hochberg(p_values: Sequence[float], rate: float) -> list[bool]:
    """Which findings stand when at most the share ``rate`` of them may be false ones."""
    order = sorted(range(len(p_values)), key=lambda at: p_values[at])
    passed = [place for place, at in enumerate(order, 1) if p_values[at] <= rate * place / len(order)]
    standing = set(order[: max(passed, default=0)])
    return [at in standing for at in range(len(p_values))]


def _issue(
    told: Sequence[Told], group: Sequence[int], burst: _Burst, now: int, settings: Settings, *, significant: bool
) -> Issue:
    members = tuple(sorted(group, key=lambda number: (told[number].at, told[number].id)))
    rows = [told[number] for number in members]
    people = len({row.reporter or row.id for row in rows})
    likes = sum(row.likes for row in rows)
    fresh = 2.0 ** (-(now - rows[-1].at) / (settings.half_life_days * DAY_MS))
    heat = math.log1p(len(rows)) + math.log1p(people) + 0.5 * math.log1p(max(0, likes)) + fresh + float(significant)
    return Issue(
        members, people, likes, rows[0].at, rows[-1].at, tuple(sorted({row.place for row in rows if row.place})),
        burst.begins, burst.reports, burst.usual, burst.p_value, significant, heat,
    )  # fmt: skip
