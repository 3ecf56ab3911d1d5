"""Models from the command line: trained, promoted, used by a run, corrected by people, and rolled back."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.commands.conftest import Wangge
from tests.commands.orders import an_order, written
from tests.learning.labels import messages, write_set

WASTE, NOISE, LAMP = (f"GB/T 47678.5-2026|incident|{code}" for code in ("06010", "06028", "01037"))
NAMES = {"垃圾": WASTE, "噪声": NOISE, "路灯": LAMP}
TOLD = "垃圾没人清，臭味很大，苍蝇很多"


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [{**row, "label": NAMES[row["label"]]} for row in messages(150)]
    return write_set(tmp_path_factory.mktemp("labels"), rows)


@pytest.fixture
def city(tmp_path: Path, town: Path) -> Path:
    """The small town, with a folder of models of its own."""
    return Path(shutil.copytree(town, tmp_path / "city"))


def trained(wangge: Wangge, labels: Path, out: Path, *more: str) -> dict[str, Any]:
    ended = wangge("train", "classify", "--dataset", "taidi", labels, "--out", out, "--json", "--quiet", *more)
    assert ended.code == 0, ended.err
    card: dict[str, Any] = ended.document
    return card


def orders(path: Path, *records: dict[str, Any]) -> Path:
    return written(path, records)


def uncoded(ref: str, text: str) -> dict[str, Any]:
    blank = {"category_standard": "", "category_kind": "", "category_code": ""}
    return an_order(ref, text=text, **blank)


def test_a_promoted_model_decides_in_a_run_and_people_correct_it(
    wangge: Wangge, labels: Path, city: Path, tmp_path: Path
) -> None:
    card = trained(wangge, labels, tmp_path / "m")
    assert wangge("models", "promote", tmp_path / "m", "--city", city, "--note", "first").code == 0
    store, inputs = tmp_path / "S", orders(tmp_path / "a.jsonl", uncoded("1", TOLD))
    run = ("--store", store, "--city", city, "--no-answers", "--json")
    assert wangge("run", inputs, *run).code == 0
    sql = """SELECT r.method AS method, r.candidates AS candidates, r.candidate_shares AS shares, r.code AS code,
             c.case_id AS case_id FROM reports AS r, cases AS c"""
    (report,) = wangge("sql", sql, "--store", store, "--json").document["data"]
    assert report["method"].startswith(f"model {card['version']}")
    assert report["code"] == "06010"
    assert report["candidates"][0] == WASTE
    assert report["shares"] == sorted(report["shares"], reverse=True)
    assert sum(report["shares"]) == pytest.approx(1, abs=0.001)

    action = {
        "schema": "CaseAction", "source_system": "desk", "source_ref": "a1", "case_id": report["case_id"],
        "received_at": "2026-03-16T13:00:00+08:00", "at": "2026-03-16T13:00:00+08:00", "action": "reclassify",
        "actor_role": "acceptor", "actor_unit": "grid-centre", "reason_code": "wrong_category", "to_category": NOISE,
    }  # fmt: skip
    assert wangge("run", orders(tmp_path / "b.jsonl", action), *run).code == 0
    out = tmp_path / "corrections.csv"
    assert wangge("models", "corrections", "--store", store, "--out", out, "--json").document["rows"] == 1
    with out.open(encoding="utf-8", newline="") as rows:
        (row,) = csv.DictReader(rows)
    assert (row["task"], row["before"], row["after"], row["by"]) == ("classify", WASTE, NOISE, "acceptor@grid-centre")
    assert TOLD in row["text"]
    assert trained(wangge, labels, tmp_path / "n", "--corrections", str(out))["rows"] == card["rows"] + 1


def test_a_store_knows_under_which_model_it_was_begun(wangge: Wangge, labels: Path, city: Path, tmp_path: Path) -> None:
    store, inputs = tmp_path / "S", orders(tmp_path / "a.jsonl", uncoded("1", TOLD))
    assert wangge("run", inputs, "--store", store, "--city", city, "--no-answers").code == 0
    trained(wangge, labels, tmp_path / "m")
    assert wangge("models", "promote", tmp_path / "m", "--city", store / "city").code == 0
    refused = wangge("run", inputs, "--store", store)
    assert refused.code == 3
    assert "wangge replay" in refused.err
    assert wangge("models", "rollback", "classify", "--city", store / "city").code == 0
    assert wangge("run", inputs, "--store", store).code == 0


def test_a_spoiled_model_stops_a_run_before_it_begins(wangge: Wangge, labels: Path, city: Path, tmp_path: Path) -> None:
    trained(wangge, labels, tmp_path / "m")
    wangge("models", "promote", tmp_path / "m", "--city", city)
    (path,) = (city / "models").glob("*.wmodel")
    path.write_bytes(path.read_bytes()[:-50])
    ended = wangge("run", orders(tmp_path / "a.jsonl", uncoded("1", TOLD)), "--store", tmp_path / "S", "--city", city)
    assert ended.code == 2
    assert path.name in ended.err


def test_models_are_listed_compared_and_shown(wangge: Wangge, labels: Path, tmp_path: Path) -> None:
    registry = ("--registry", tmp_path / "models")
    first = trained(wangge, labels, tmp_path / "m", "--date", "2026-01-01")
    second = trained(wangge, labels, tmp_path / "n", "--date", "2026-01-02", "--until", "0.7")
    assert wangge("models", "promote", tmp_path / "m", *registry, "--dry-run").code == 0
    assert wangge("models", "list", *registry, "--json").document == []
    for name in ("m", "n"):
        assert wangge("models", "promote", tmp_path / name, *registry).code == 0
    listed = {row["version"]: row["in_force"] for row in wangge("models", "list", *registry, "--json").document}
    assert listed == {first["version"]: False, second["version"]: True}
    compared = wangge("models", "compare", first["version"], "classify", *registry, "--json").document
    assert compared[0] == {"figure": "rows", first["version"]: 150, second["version"]: 105}
    assert wangge("models", "show", "classify", *registry, "--json").document["version"] == second["version"]
    assert len(wangge("models", "list", *registry, "--history", "--json").document) == 2
    nothing = wangge("models", "show", "absent", *registry)
    assert (nothing.code, "absent" in nothing.err) == (2, True)


def test_an_evaluation_prints_tables_and_json(wangge: Wangge, labels: Path, tmp_path: Path) -> None:
    trained(wangge, labels, tmp_path / "m")
    call = ("evaluate", "classification", "--dataset", "taidi", labels, "--model", tmp_path / "m", "--quiet")
    text = wangge(*call, "--no-peers")
    assert text.code == 0
    assert "! WARNING" in text.out
    assert "macro_f1" in text.out
    document = wangge(*call, "--json").document
    assert {"macro_f1", "accuracy", "ece", "micros_per_text", "surest_80"} <= set(document["figures"])
    assert {"intervals", "slices", "peers", "per_class", "notes"} <= set(document)
