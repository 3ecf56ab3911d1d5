"""Labelled texts: sets, corrections, and folds that keep near-duplicates together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from connectors.importers.taidi import ZONE
from connectors.importers.times import millis
from connectors.sources.files import discover
from pipeline.domain.ids import report_id
from pipeline.domain.textgrams import grams
from pipeline.learning.corrections import read_corrections
from pipeline.learning.matrices import near_pairs
from pipeline.learning.rows import has_rows, read_rows

ALIKE = 0.5
"""Cosine of the bigrams of two texts from which they count as nearly the same: one must not judge the other."""
BITS = 18


@dataclass(frozen=True, slots=True)
class Labelled:
    """One text with its label."""

    id: str
    text: str
    label: str
    raw: bool = True
    """Whether it is a text as people wrote it; else its words alone are left (stop words are gone)."""
    at: int | None = None
    """Milliseconds."""
    source: str = "set"
    """``set``, or ``correction`` for a decision of a person."""


def labelled_texts(path: Path) -> list[Labelled]:
    """The raw texts of a folder in the layout of ``taidi`` (``labelled*.csv``), in order of time.

    Raises ``ConfigFaults`` when there is no such table.
    """
    rows = read_rows("taidi", path, "labelled*.csv", "label", "text")
    found = [
        Labelled(row.get("id") or f"row {number}", row["text"], row["label"], True, _at(row.get("time", "")))
        for number, row in enumerate(rows)
    ]
    return sorted(found, key=lambda row: row.at if row.at is not None else 1 << 62)


def segmented_texts(path: Path) -> list[Labelled]:
    """Texts of which only the words are left (``segmented*.csv``); none when there is no such table."""
    if not has_rows("taidi", path, "segmented*.csv"):
        return []
    rows = read_rows("taidi", path, "segmented*.csv", "label", "tokens")
    return [
        Labelled(f"words {number}", row["tokens"].replace(" ", ""), row["label"], False)
        for number, row in enumerate(rows)
    ]


def simulated_texts(path: Path) -> list[Labelled]:
    """Reports in words of a folder of ``wangge simulate`` with their true category, in order of time.

    The label is ``standard|kind|code``. Raises ``ConfigFaults`` when there is no truth.
    """
    truth, columns = path / "truth", ("source_system", "source_ref", "problem")
    problems = {row["problem"]: row for row in read_rows("simulated", truth, "problems.csv", "problem", "code")}
    behind = {
        (row["source_system"], row["source_ref"]): problems[row["problem"]]
        for row in read_rows("simulated", truth, "reports.csv", *columns)
        if row["problem"] in problems
    }
    found: dict[str, Labelled] = {}
    for source in discover([path], 0):
        for arrival in source:
            body = arrival.body or {}
            problem = behind.get((str(body.get("source_system")), str(body.get("source_ref"))))
            text = f"{body.get('title') or ''} {body.get('text') or ''}".strip()
            if problem is not None and text and isinstance(body.get("received_at"), int):
                label = "|".join((problem["standard"], problem["category_kind"], problem["code"]))
                name = report_id(body["source_system"], body["source_ref"])
                found[name] = Labelled(name, text, label, True, body["received_at"])
    return sorted(found.values(), key=lambda row: (row.at or 0, row.id))


def corrected_texts(path: Path) -> list[Labelled]:
    """Reclassified reports as labelled texts: what a person decided is the label."""
    return [
        Labelled(row["subject"], row["text"], row["after"], True, int(row["at"]), "correction")
        for row in read_corrections(path, "classify")
        if row["text"] and row["after"]
    ]


def _at(text: str) -> int | None:
    return millis(text, ZONE)


def folds_of(texts: Sequence[str], folds: int, seed: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """The fold of every text, (n,); texts that are nearly the same, and all that hang together by them, in one fold."""
    group = groups_of(texts)
    names = np.unique(group)
    deal = np.random.default_rng(seed).permutation(len(names)) % folds
    return deal[np.searchsorted(names, group)]


def groups_of(texts: Sequence[str]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """A number for every text, (n,), equal for texts nearly the same: cosine of weighted bigrams at least ``ALIKE``."""
    parent = list(range(len(texts)))

    def root(at: int) -> int:
        while parent[at] != at:
            parent[at] = parent[parent[at]]
            at = parent[at]
        return at

    for one, other in near_pairs(grams(texts, (2,), BITS), BITS, ALIKE):
        parent[max(root(one), root(other))] = min(root(one), root(other))
    return np.array([root(at) for at in range(len(texts))], np.int64)
