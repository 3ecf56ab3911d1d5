"""A store folder: one process at a time, what must not change between runs, and rebuilding that survives a crash."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from pipeline.errors import StopRun
from pipeline.runtime.workspace import REBUILDING, StoreFacts, Workspace, policy_of

FACTS = StoreFacts(reference_version="v1", poll_records=7, polls_per_commit=3, partitions=2, responder=False)


def changed(**fields: object) -> StoreFacts:
    return msgspec.structs.replace(FACTS, **fields)


def overlay(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "city.toml").write_text(text)
    return folder


def test_a_second_process_is_refused_with_the_number_of_the_first(tmp_path: Path) -> None:
    second = (
        "import sys; from pathlib import Path; from pipeline.runtime.workspace import Workspace\n"
        "Workspace(Path(sys.argv[1]))"
    )
    with Workspace(tmp_path / "store"):
        ended = subprocess.run([sys.executable, "-c", second, str(tmp_path / "store")], capture_output=True, text=True)
    assert ended.returncode != 0
    assert f"in use by process {os.getpid()}" in ended.stderr
    assert "choose another store" in ended.stderr


def test_the_lock_is_let_go_at_the_end(tmp_path: Path) -> None:
    with Workspace(tmp_path / "store"):
        pass
    with Workspace(tmp_path / "store"):
        pass


def test_a_folder_that_is_no_store_is_not_made_one_by_looking_at_it(tmp_path: Path) -> None:
    with pytest.raises(StopRun, match="is no store: begin one with"):
        Workspace(tmp_path / "nothing", create=False)
    assert not (tmp_path / "nothing").exists()


def test_a_store_goes_on_as_it_was_begun(tmp_path: Path) -> None:
    with Workspace(tmp_path / "store") as workspace:
        assert workspace.agree(FACTS) == FACTS
    with Workspace(tmp_path / "store", create=False) as workspace:
        assert workspace.agree(changed(poll_records=99, responder=True)) == FACTS
    policy = policy_of(FACTS, max_refused=0.5)
    assert (policy.poll_records, policy.polls_per_commit, policy.partitions, policy.max_refused) == (7, 3, 2, 0.5)


def test_another_reference_set_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with Workspace(tmp_path / "store") as workspace:
        workspace.agree(FACTS)
        with pytest.raises(StopRun, match=r"begun with reference set v1, now it is v2: .*wangge replay"):
            workspace.agree(changed(reference_version="v2"))


def test_rebuilding_takes_the_new_reference_set_and_keeps_how_the_store_was_begun(tmp_path: Path) -> None:
    with Workspace(tmp_path / "store") as workspace:
        workspace.agree(FACTS)
        for name in ("tables", "state"):
            (workspace.folder / name).mkdir()
        workspace.forget_derived()
        assert (workspace.folder / "tables").exists(), "nothing is dropped before the next run agrees"
        found = workspace.agree(changed(reference_version="v2", poll_records=99, responder=True))
        assert found == changed(reference_version="v2")
        assert not (workspace.folder / "tables").exists()
        assert not (workspace.folder / "state").exists()
        assert workspace.agree(changed(reference_version="v2")) == found


@pytest.mark.parametrize("left", [(), ("tables",), ("state",)], ids=["nothing", "tables", "state"])
def test_a_crash_while_dropping_is_made_good_by_the_next_run(tmp_path: Path, left: tuple[str, ...]) -> None:
    with Workspace(tmp_path / "store") as workspace:
        workspace.agree(FACTS)
        for name in left:
            (workspace.folder / name).mkdir()
        workspace.forget_derived()
    with Workspace(tmp_path / "store", create=False) as workspace:
        begun = msgspec.json.decode((workspace.folder / "store.json").read_bytes(), type=StoreFacts)
        assert begun.reference_version == REBUILDING
        assert workspace.agree(FACTS) == FACTS
        assert not any((workspace.folder / name).exists() for name in left)


def test_the_overlay_of_the_first_run_is_kept_and_a_later_one_is_not_taken(tmp_path: Path) -> None:
    with Workspace(tmp_path / "store") as workspace:
        assert workspace.city_folder is None
        workspace.adopt_city(overlay(tmp_path / "a", "first"))
        workspace.agree(FACTS)
        workspace.adopt_city(overlay(tmp_path / "b", "second"))
        folder = workspace.city_folder
        assert folder is not None
        assert (folder / "city.toml").read_text() == "first"


def test_an_overlay_that_was_faulty_is_replaced_by_the_mended_one(tmp_path: Path) -> None:
    """The set is checked after it was kept, so what is kept may be faulty until the store has begun."""
    with Workspace(tmp_path / "store") as workspace:
        workspace.adopt_city(overlay(tmp_path / "a", "faulty"))
    with Workspace(tmp_path / "store") as workspace:
        workspace.adopt_city(overlay(tmp_path / "a", "mended"))
        folder = workspace.city_folder
        assert folder is not None
        assert (folder / "city.toml").read_text() == "mended"


def test_what_was_forgotten_cannot_be_rebuilt(tmp_path: Path) -> None:
    with Workspace(tmp_path / "store") as workspace:
        workspace.agree(FACTS)
        (workspace.folder / "tables").mkdir()
        workspace.forget_kept()
        with pytest.raises(StopRun, match="was forgotten"):
            workspace.forget_derived()
        assert workspace.agree(FACTS) == changed(forgotten=True)
        assert (workspace.folder / "tables").exists()
