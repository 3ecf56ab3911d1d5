"""A city learns who handles what from its own store: the statement of docs/decisions.md, trained, promoted, asked."""

from __future__ import annotations

import csv
import io
import re
import shutil
from pathlib import Path

from tests.integration.conftest import Whole
from tests.integration.stores import rows, run, wangge

DECISIONS = Path(__file__).parents[2] / "docs" / "decisions.md"


def statement() -> str:
    """The statement as the page prints it, so that what people copy is what is tested."""
    (found,) = re.findall(r"```sql\n(SELECT c\.case_id.*?)```", DECISIONS.read_text(encoding="utf-8"), re.DOTALL)
    return str(found)


def test_a_model_learned_from_a_store_is_promoted_and_asked_in_the_next_run(
    whole: Whole, city: Path, tmp_path: Path
) -> None:
    history = wangge("sql", statement(), "--store", whole.store, "--format", "CSVWithNames")
    cases = list(csv.DictReader(io.StringIO(history)))
    assert {row["case_id"] for row in cases} == {row["case_id"] for row in rows(whole.tables["assignments"])}
    last = {row["case_id"]: row["department"] for row in sorted(rows(whole.tables["assignments"]), key=_hop)}
    assert {row["case_id"]: row["department"] for row in cases} == last

    (tmp_path / "history").mkdir()
    (tmp_path / "history" / "cases.csv").write_text(history, encoding="utf-8")
    model = tmp_path / "m.wmodel"
    wangge("train", "routing", "--dataset", "history", tmp_path / "history", "--out", model)
    again = shutil.copytree(city, tmp_path / "city")
    wangge("models", "promote", model, "--city", again / "city")
    run(again, tmp_path / "S")

    asked = "SELECT count() FROM assignments WHERE model != '' AND length(candidates) = length(probabilities)"
    assert int(wangge("sql", asked, "--store", tmp_path / "S", "--format", "TSVWithNames").split()[-1]) > 100


def _hop(row: dict[str, str]) -> int:
    return int(row["hop"])
