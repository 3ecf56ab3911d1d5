"""Judging a reference set as a whole: every fault at once, each with its place and remedy."""

from __future__ import annotations

from pipeline.domain.reference.model import Reference
from pipeline.errors import Fault


def check(reference: Reference) -> list[Fault]:
    """All faults of a set."""
    return []
