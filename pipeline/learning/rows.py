"""Rows of a labelled set: reading them from a folder, and telling whether two sets of rows are the same ones."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from hashlib import blake2b
from pathlib import Path

from connectors.importers.base import Job, Row

SAMPLE = 512
"""Hashes that a card keeps of the ids of its rows."""


def read_rows(name: str, path: Path, pattern: str, *required: str) -> list[Row]:
    """All rows of the tables ``pattern`` (packed or not) in folder ``path``, in order of the files.

    Raises ``ConfigFaults`` when there is no such table or a required column is missing.
    """
    job = Job(name, path, path)
    return [row for table in job.tables(pattern) for row in job.rows(table, *required)]


def has_rows(name: str, path: Path, pattern: str) -> bool:
    """Whether the folder holds such a table."""
    return Job(name, path, path).has(pattern)


def _hashes(ids: Iterable[str]) -> list[str]:
    return sorted({blake2b(one.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest() for one in ids})


def digest_of(ids: Collection[str]) -> tuple[str, tuple[str, ...]]:
    """A digest of a set of ids in any order, and its smallest hashes, for the model card."""
    hashes = _hashes(ids)
    return blake2b("".join(hashes).encode(), digest_size=8).hexdigest(), tuple(hashes[:SAMPLE])


def share_known(sample: Sequence[str], ids: Collection[str]) -> float:
    """Which share of ``ids`` a model was trained on, estimated from the sample of its card (exact for small sets).

    Hashes are uniform, so the ids whose hash lies within the sample's reach stand for all of them.
    """
    if not sample:
        return 0.0
    reach = sample[-1] if len(sample) >= SAMPLE else "g"
    near = [one for one in _hashes(ids) if one <= reach]
    known = frozenset(sample)
    return sum(one in known for one in near) / len(near) if near else 0.0
