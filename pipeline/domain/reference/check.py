"""Judging a reference set as a whole: every fault at once, each with its place and remedy.

A check is a function from the set to its faults and belongs to one of four families: ``check_codes`` (codes that
name nothing, keys given twice, words outside their list), ``check_rules`` (gaps, dead rules, who may act),
``check_trees`` (areas, grids, lifecycle, weights) and ``check_places`` (the gazetteer). None stops at the first fault
and none needs another to have passed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pipeline.domain.reference import check_codes, check_places, check_rules, check_trees
from pipeline.domain.reference.model import Reference
from pipeline.errors import Fault

CHECKS: tuple[Callable[[Reference], Iterator[Fault]], ...] = (
    *check_codes.CHECKS,
    *check_rules.CHECKS,
    *check_trees.CHECKS,
    *check_places.CHECKS,
)


def check(reference: Reference) -> list[Fault]:
    """All faults of a set, in the order of the checks; empty when it may start something."""
    return [fault for rule in CHECKS for fault in rule(reference)]
