"""The bench works, and its table tells medians, targets and ratios as they are. How fast anything is, is not tested."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from bench.inputs import QUICK, prepared
from bench.report import Line, as_markdown, as_text, lines_of
from bench.run import processes

ROOT = Path(__file__).parent.parent.parent


def run_of(records: int, seconds: float, samples: int = 0) -> dict[str, Any]:
    return {"records": records, "samples": samples, "seconds": seconds}


def test_it_runs_on_small_inputs_and_tells_every_stage(tmp_path: Path) -> None:
    words = [sys.executable, "bench/run.py", "--quick", "--only", "e", "--json", "--scratch", str(tmp_path)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    costs = json.loads(done.stdout)["runs"]["e"][0]
    assert list(costs["text report"]) == ["read", "intake", "classify", "locate", "casework", "columns"]
    assert list(costs["single reading"]) == ["read", "intake", "detect", "columns"]
    assert all(cost > 0 for way in costs.values() for cost in way.values())
    made = sorted(tmp_path.rglob("*.avro"))
    assert prepared(tmp_path, QUICK) == made[0].parent.parent, "inputs are made once"


@pytest.mark.parametrize(
    ("rate", "verdict"),
    [
        pytest.param(9_999, "missed", id="just below the target"),
        pytest.param(10_000, "reached", id="on it"),
    ],
)
def test_a_rate_is_the_median_of_its_runs_beside_its_target(rate: int, verdict: str) -> None:
    runs = [run_of(rate, 1.0), run_of(rate * 9, 1.0), run_of(rate, 2.0)]
    (line,) = lines_of({"a": runs})
    assert line == Line("text reports, all stages", f"{rate:,}", "reports/s", "10,000", verdict, "")


def test_the_ratio_is_that_to_the_yardstick_of_the_same_inputs() -> None:
    whole, bare = lines_of({"c": [run_of(10, 2.0, 600)], "d:c": [run_of(10, 1.0, 600)]})
    assert (whole.figure, whole.ratio) == ("300", "0.50")
    assert bare == Line("samples, 60 a record, bare decode and insert", "600", "samples/s")


@pytest.mark.parametrize(
    ("size", "verdict"),
    [pytest.param(999, "reached", id="just under 1 KB"), pytest.param(1_000, "missed", id="1 KB is too much")],
)
def test_memory_a_case_stands_beside_its_target(size: int, verdict: str) -> None:
    grown = {"cases": 10_000, "bytes_per_case": size, "entry_bytes_per_case": 500, "us_per_report": 30.0}
    first, *_ = lines_of({"f": [[grown]]})
    assert (first.target, first.verdict) == ("< 1,000", verdict)


def test_a_size_for_which_memory_is_short_is_told_with_its_reason() -> None:
    (line,) = lines_of({"f": [[{"cases": 1_000_000, "note": "not measured: 1 MiB wanted, 0 MiB at hand"}]]})
    assert (line.figure, line.unit) == ("-", "not measured: 1 MiB wanted, 0 MiB at hand")


@pytest.mark.parametrize(
    ("chosen", "started"),
    [
        pytest.param({"a", "d"}, ["a", "d:a"], id="a yardstick only for what is measured"),
        pytest.param({"d"}, ["d:a", "d:b", "d:c"], id="all yardsticks when nothing else is"),
        pytest.param({"e", "f"}, ["e", "f"], id="stages and growth"),
    ],
)
def test_only_what_was_chosen_is_started(chosen: set[str], started: list[str]) -> None:
    assert [case for case, _ in processes(chosen)] == started


def test_both_tables_hold_every_line() -> None:
    lines = [Line("a", "1", "us"), Line("b", "2", "us", "3", "missed", "0.5")]
    assert as_markdown(lines).splitlines()[2:] == ["| a | 1 | us |  |  |  |", "| b | 2 | us | 3 | missed | 0.5 |"]
    assert len(as_text(lines).splitlines()) == 3
