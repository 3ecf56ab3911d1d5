"""Personal data: none of it in any table, and the input that holds it can be read by its owner only."""

from __future__ import annotations

import csv
import stat
from collections import Counter
from pathlib import Path

import pytest

from connectors.sinks.columns import ALL_TABLES, TABLES, columns_of
from pipeline.domain.privacy import redact, scan
from tests.integration.conftest import Whole
from tests.integration.stores import rows

WORDS = {"title", "text", "reason", "class_reason", "filing_reason", "address", "summary", "message", "value", "remedy",
         "evidence", "candidates", "legal_basis", "flags"}  # fmt: skip
"""Columns that hold words of people or are made of them; the others hold codes, ids and closed sets."""


def planted(city: Path) -> list[tuple[str, str]]:
    with (city / "truth" / "personal.csv").open(encoding="utf-8", newline="") as file:
        return sorted({(row["kind"], row["value"]) for row in csv.DictReader(file)})


@pytest.mark.parametrize("table", ALL_TABLES)
def test_no_planted_personal_detail_is_in_any_column_of(table: str, whole: Whole, city: Path) -> None:
    text = whole.tables[table].decode()
    leaked = [(kind, value) for kind, value in planted(city) if value in text]
    assert leaked == [], Counter(kind for kind, _ in leaked)


@pytest.mark.parametrize("name", ["于环", "高月霞", "马雅丽", "程慧洋"])
def test_a_name_after_a_bare_label_is_redacted_though_its_surname_is_also_a_word(name: str) -> None:
    assert name not in redact(f"请转相关部门处置。当事人{name}。").text


def test_the_simulated_city_plants_personal_details_of_many_kinds(city: Path) -> None:
    kinds = Counter(kind for kind, _ in planted(city))
    assert len(kinds) >= 4, kinds
    assert kinds.total() > 100


@pytest.mark.parametrize("table", list(TABLES.values()))
def test_the_scanner_finds_nothing_in_the_words_of(table: str, whole: Whole) -> None:
    kind = next(kind for kind, name in TABLES.items() if name == table)
    names = [column.name for column in columns_of(kind) if column.name in WORDS]
    found = [
        (row["fact_id"], name, item) for row in rows(whole.tables[table]) for name in names for item in scan(row[name])
    ]
    assert found == []


def test_the_kept_input_is_for_its_owner_only(whole: Whole) -> None:
    kept = whole.store / "kept"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o700
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in kept.iterdir()}
    assert {name for name, mode in modes.items() if mode != 0o600} == set()
    assert len(modes) > 5
