"""The grouping of messages measured against a given one."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from pipeline.errors import ConfigFaults
from pipeline.evaluation.report import EvaluateRequest
from pipeline.evaluation.tasks.hot_issues import evaluate
from tests.domain.test_hotissues import MIXER, OTHERS, PARKING


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    titles = [*MIXER, *PARKING, *OTHERS, *(f"{word}{other}" for word in "甲乙丙丁戊" for other in OTHERS)]
    with (tmp_path / "messages.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["留言编号", "留言用户", "留言主题", "留言时间", "留言详情", "反对数", "点赞数"])
        writer.writerows([n, f"u{n}", title, f"2020-01-{n % 28 + 1:02d}", "", 0, n] for n, title in enumerate(titles))
    _grouping(tmp_path / "hot_issues_a.csv", {n: 1 + n // 4 for n in range(8)})
    return tmp_path


def _grouping(path: Path, groups: dict[int, int]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["问题ID", "留言编号", "team"])
        writer.writerows([group, number, "t"] for number, group in groups.items())
    return path


def test_what_people_put_together_is_found_together(folder: Path) -> None:
    report = evaluate(EvaluateRequest("taidi", folder))
    assert report.rows == 8
    assert report.figures["pairwise_f1"] > 0.8
    low, high = report.intervals["pairwise_f1"]
    assert 0 <= low <= report.figures["pairwise_f1"] <= high <= 1
    assert report.per_class["t/1"]["messages"] == 4
    assert report.peers["same title"]["pairwise_f1"] == 0


def test_a_grouping_from_elsewhere_that_goes_across_ours_scores_low(folder: Path, tmp_path: Path) -> None:
    other = _grouping(tmp_path / "other.csv", {n: n % 2 for n in range(8)} | {999: 1})
    report = evaluate(EvaluateRequest("taidi", folder, truth=other))
    assert report.figures["pairwise_f1"] < 0.5
    assert any("1 labelled messages are not in the set" in note for note in report.notes)


def test_another_set_has_no_grouping(folder: Path) -> None:
    with pytest.raises(ConfigFaults, match="taidi only"):
        evaluate(EvaluateRequest("boston311", folder))
