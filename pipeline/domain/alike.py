"""Texts that speak of the same thing: letter groups weighed by rarity, likeness, and groups by average linkage.

Letter groups need no dictionary, and names of places weigh most because they are rare. Average linkage (UPGMA; Sokal
and Michener 1958) joins two groups only when all their texts are alike on the average, so that a chain of chance
likenesses cannot join two subjects, as it does with single linkage.
"""

from __future__ import annotations

import heapq
import math
import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pipeline.domain.text import fold

LENGTHS = (2, 3)
"""Letters of a group."""
FEW_TEXTS = 20
"""What stands in no more texts than this is not common, however few texts there are."""
_APART = re.compile(r"[\W_]+")

Vector = dict[str, float]


class Edge(NamedTuple):
    """How alike two texts are (cosine, 0 to 1); ``first < second``."""

    likeness: float
    first: int
    second: int


def letter_groups(text: str) -> Counter[str]:
    """All runs of two and three letters within words, of the folded text."""
    return Counter(
        run[at : at + length]
        for run in _APART.split(fold(text))
        for length in LENGTHS
        for at in range(len(run) - length + 1)
    )


def vectors(texts: Sequence[tuple[str, str]], text_weight: float, most_letters: int, common: float) -> list[Vector]:
    """Unit vectors of (title, text) pairs: counts times ln(texts / texts that have the group).

    A title counts fully, the first ``most_letters`` of the text by ``text_weight``. Groups that stand in one text only,
    or in more than the share ``common`` of all (and more than 20), say nothing on likeness and are left out.
    """
    raw = [_weighed(title, text[:most_letters], text_weight) for title, text in texts]
    spread = Counter(group for one in raw for group in one)
    most = max(FEW_TEXTS, common * len(texts))
    rarity = {group: math.log(len(texts) / count) for group, count in spread.items() if 2 <= count <= most}
    return [_unit({group: count * rarity[group] for group, count in one.items() if group in rarity}) for one in raw]


def _weighed(title: str, text: str, text_weight: float) -> Vector:
    found: Vector = dict(letter_groups(title))
    for group, count in letter_groups(text).items():
        found[group] = found.get(group, 0.0) + text_weight * (1.0 + math.log(count))
    return found


def _unit(vector: Vector) -> Vector:
    length = math.sqrt(sum(value * value for value in vector.values()))
    return {group: value / length for group, value in vector.items()} if length else {}


def edges(texts: Sequence[Vector], least: float) -> list[Edge]:
    """All pairs at least so alike, through an index of the letter groups: memory grows with the pairs, not with n²."""
    where: dict[str, list[int]] = {}
    values: dict[str, list[float]] = {}
    for number, vector in enumerate(texts):
        for group, value in vector.items():
            where.setdefault(group, []).append(number)
            values.setdefault(group, []).append(value)
    index = {group: (np.array(where[group]), np.array(values[group])) for group in where}
    found: list[Edge] = []
    for number, vector in enumerate(texts):
        if not vector:
            continue
        others = np.concatenate([index[group][0] for group in vector])
        shares = np.concatenate([index[group][1] * value for group, value in vector.items()])
        likeness = np.bincount(others, shares, len(texts))
        near = np.flatnonzero(likeness[number + 1 :] >= least) + number + 1
        found += [Edge(float(likeness[other]), number, other) for other in near.tolist()]
    return found


def average_linkage(pairs: Sequence[Edge], size: int, least: float) -> list[list[int]]:
    """Groups of at least two whose mean likeness stays at ``least`` or above; pairs without an edge count as 0.

    The two most alike groups are joined first (ties by number), so the answer does not hang on the order of ``pairs``.
    """
    sums: list[dict[int, float]] = [{} for _ in range(size)]
    members = [[number] for number in range(size)]
    queue = []
    for likeness, first, second in pairs:
        sums[first][second] = sums[second][first] = likeness
        queue.append((-likeness, first, second))
    heapq.heapify(queue)
    while queue and -queue[0][0] >= least:
        value, first, second = heapq.heappop(queue)
        total = sums[first].get(second)
        if total is None or not members[first] or not members[second]:
            continue
        if abs(total / (len(members[first]) * len(members[second])) + value) > 1e-12:
            continue  # one of them has grown since; its present likeness stands in the queue too
        _join(first, second, sums, members, queue)
    return sorted((sorted(group) for group in members if len(group) > 1), key=lambda group: (-len(group), group[0]))


def _join(
    first: int, second: int, sums: list[dict[int, float]], members: list[list[int]],
    queue: list[tuple[float, int, int]],
) -> None:  # fmt: skip
    """``second`` becomes part of ``first``."""
    members[first] += members[second]
    members[second] = []
    del sums[first][second], sums[second][first]
    for other, total in sums[second].items():
        del sums[other][second]
        sums[first][other] = sums[other][first] = sums[first].get(other, 0.0) + total
    sums[second] = {}
    for other, total in sums[first].items():
        mean = total / (len(members[first]) * len(members[other]))
        heapq.heappush(queue, (-mean, min(first, other), max(first, other)))
