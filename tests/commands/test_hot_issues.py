"""Hot issues of a store: open reports by subject, with the cases behind."""

from __future__ import annotations

from pathlib import Path

from tests.commands.conftest import Wangge
from tests.commands.orders import an_order, written
from tests.domain.test_hotissues import MIXER, OTHERS


def test_hot_issues_of_a_store_name_their_cases(wangge: Wangge, tmp_path: Path, town: Path) -> None:
    texts = [*MIXER, *OTHERS]
    orders = [
        an_order(str(number), text=text, lon=121.425 + number * 0.0005, category_text="", category_code="")
        for number, text in enumerate(texts)
    ]
    store = tmp_path / "S"
    ended = wangge("run", written(tmp_path / "a.jsonl", orders), "--store", store, "--city", town, "--json")
    assert ended.code == 0, ended.err
    found = wangge("hot-issues", "--store", store, "--ended", "--json").document
    assert found["reports"] == len(texts)
    (issue,) = found["hottest"]
    assert issue["reports"] == len(issue["report_ids"]) == len(issue["cases"]) == len(MIXER)
    assert wangge("hot-issues", "--store", store, "--json").document["reports"] == 0, "all cases have ended here"
    assert wangge("hot-issues", "--store", store).code == 0
    assert wangge("hot-issues", "--store", store, "--since", "2100-01-01", "--json").document["reports"] == 0
