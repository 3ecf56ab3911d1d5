"""The kept input: taken once by its contents, in order, for its owner only, told apart when names are equal."""

from __future__ import annotations

import io
import stat
import sys
from pathlib import Path

import pytest

from pipeline.runtime.kept import STDIN, KeptLog

NOW = 1_790_000_000_000


def take(log: KeptLog, *files: Path, schema: str = "", at: int = NOW) -> list[str] | None:
    group = log.take([(file.name, file) for file in files], at, schema=schema, mapping="")
    return None if group is None else [kept.name for kept in group.inputs]


def file(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text)
    return folder / name


def test_inputs_are_kept_in_the_order_they_came_and_copied_byte_for_byte(tmp_path: Path) -> None:
    log = KeptLog(tmp_path / "kept")
    assert take(log, file(tmp_path, "b.jsonl", "1"), file(tmp_path, "a.jsonl", "2")) == ["b.jsonl", "a.jsonl"]
    assert take(log, file(tmp_path, "c.jsonl", "3")) == ["c.jsonl"]
    kept = [one for group in log.groups() for one in group.inputs]
    assert [log.path(one).read_text() for one in kept] == ["1", "2", "3"]
    assert [one.appended_at for one in kept] == [NOW] * 3


def test_the_same_contents_again_are_not_taken(tmp_path: Path) -> None:
    log, one = KeptLog(tmp_path / "kept"), file(tmp_path, "a.jsonl", "1")
    take(log, one)
    assert take(log, one, at=NOW + 1) is None
    assert take(KeptLog(tmp_path / "kept"), one, file(tmp_path, "new.jsonl", "2")) == ["new.jsonl"]
    assert [one.appended_at for group in log.groups() for one in group.inputs] == [NOW, NOW]


def test_the_same_file_read_another_way_is_another_input(tmp_path: Path) -> None:
    log, one = KeptLog(tmp_path / "kept"), file(tmp_path, "a.jsonl", "1")
    take(log, one)
    assert take(log, one, schema="HotlineOrder") == ["a.jsonl#2"]


def test_tomorrows_file_of_the_same_name_is_a_log_of_its_own(tmp_path: Path) -> None:
    log = KeptLog(tmp_path / "kept")
    names = [take(log, file(tmp_path / day, "orders.csv", day)) for day in ("mon", "tue", "wed", "mon")]
    assert names == [["orders.csv"], ["orders.csv#2"], ["orders.csv#3"], None]
    assert {log.path(one).suffix for group in log.groups() for one in group.inputs} == {".csv"}


def test_only_the_owner_can_read_what_is_kept(tmp_path: Path) -> None:
    log = KeptLog(tmp_path / "kept")
    take(log, file(tmp_path, "a.jsonl", "13800000000"))
    assert stat.S_IMODE((tmp_path / "kept").stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "kept").iterdir()} == {0o600}


def test_a_file_half_taken_by_a_crash_is_taken_by_the_next_run(tmp_path: Path) -> None:
    log, one = KeptLog(tmp_path / "kept"), file(tmp_path, "a.jsonl", "whole")
    (tmp_path / "kept").mkdir(mode=0o700)
    (tmp_path / "kept" / ".taking").write_text("wh")
    assert log.groups() == []
    assert take(log, one) == ["a.jsonl"]
    assert log.path(log.groups()[0].inputs[0]).read_text() == "whole"


def test_standard_input_is_taken_to_its_end_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"{}\n{}\n")))
    log = KeptLog(tmp_path / "kept")
    group = log.take([("stdin", STDIN)], NOW, schema="Report", mapping="")
    assert group is not None
    assert log.path(group.inputs[0]).read_bytes() == b"{}\n{}\n"
    assert group.inputs[0].schema == "Report"


def test_a_group_of_which_nothing_was_read_can_be_given_back(tmp_path: Path) -> None:
    log, one = KeptLog(tmp_path / "kept"), file(tmp_path, "a.jsonl", "1")
    take(log, file(tmp_path, "before.jsonl", "0"))
    group = log.take([("a.jsonl", one)], NOW, schema="", mapping="")
    assert group is not None
    log.give_back(group)
    assert [kept.name for left in log.groups() for kept in left.inputs] == ["before.jsonl"]
    assert not log.path(group.inputs[0]).exists()
    assert take(log, one) == ["a.jsonl"]


def test_forgetting_removes_every_byte_and_tells_how_many_inputs(tmp_path: Path) -> None:
    log = KeptLog(tmp_path / "kept")
    take(log, file(tmp_path, "a.jsonl", "1"), file(tmp_path, "b.jsonl", "2"))
    assert log.forget() == 2
    assert not (tmp_path / "kept").exists()
    assert log.groups() == []
