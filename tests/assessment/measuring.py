"""Holding facts in a store and reading figures from it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from connectors.sinks.chdb import ChdbStore
from connectors.sinks.columns import TABLES
from pipeline.assessment.bases import BASES
from pipeline.assessment.catalogue import Catalogue, load_catalogue
from pipeline.assessment.compiler import compile_indicators
from pipeline.events.facts import Fact
from tests.assessment import ward

ROOT = Path(__file__).parent.parent.parent
DDL = sorted((ROOT / "schemas/clickhouse").glob("*.sql"))
CATALOGUE = load_catalogue(ROOT / "deploy/reference/assessment/indicators.csv")
Figures = dict[tuple[str, str], dict[str, Any]]


HELD: list[Fact] = []
"""What the store holds, so that it is not filled again with the same."""


def fill(store: ChdbStore, facts: Sequence[Fact]) -> None:
    """Hold these facts and nothing else."""
    if facts == HELD:
        return
    for table in TABLES.values() if HELD else ():
        store.query(f"TRUNCATE TABLE wangge.{table}")
    HELD.clear()
    add(store, facts)


def add(store: ChdbStore, facts: Sequence[Fact]) -> None:
    HELD.extend(facts)
    store.write(ward.by_kind(facts))


def measure(store: ChdbStore, by: str = "department", catalogue: Catalogue = CATALOGUE, **given: Any) -> Figures:
    query = compile_indicators(catalogue, by, **given)
    return {(row["dimension"], row["indicator"]): row for row in store.rows(query.sql, query.parameters)}


def everything(store: ChdbStore) -> list[Any]:
    """All figures and all rows of the views."""
    views = [
        store.rows(f"SELECT * FROM wangge.{base.view.removesuffix('_at')} ORDER BY {base.key}")
        for base in BASES.values()
    ]
    return [measure(store), measure(store, "none"), views]


def value(store: ChdbStore, department: str, indicator: str, **given: Any) -> Any:
    return measure(store, "department", CATALOGUE.only([indicator]), **given)[department, indicator]["value"]


def pairs(found: Figures, dimension: str) -> dict[str, tuple[Any, Any]]:
    return {name: (row["numerator"], row["denominator"]) for (one, name), row in found.items() if one == dimension}
