"""The changelog: whole commits or none, whatever a crash cut off, and the same state after compaction."""

from __future__ import annotations

from pathlib import Path
from typing import IO, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.runtime.changelog import Changelog, Commit, Entry

State = dict[tuple[str, str, str], bytes]
KEYS = st.tuples(st.sampled_from(["intake", "casework-0"]), st.sampled_from(["case", "seen"]), st.text(max_size=3))
ENTRIES = st.lists(st.tuples(KEYS, st.none() | st.binary(max_size=8)), max_size=6)


def recovered(path: Path) -> tuple[Commit, State]:
    """What a runner knows after it has read the file."""
    commit, state = Commit(), State()
    for frame in Changelog(path).recover():
        for store, space, key, data in frame.entries:
            if data is None:
                state.pop((store, space, key), None)
            else:
                state[store, space, key] = data
        commit = frame.commit or commit
    return commit, state


def entry(key: str, data: bytes | None = b"x") -> Entry:
    return ("intake", "answered", key, data)


def filled(path: Path, commits: int = 3) -> list[int]:
    """A log of some commits, and its size after each."""
    log, sizes = Changelog(path), []
    for number in range(1, commits + 1):
        log.append(Commit(number=number, order=10 * number, position={"a": number}), [entry(f"k{number}")])
        sizes.append(log.size)
    log.close()
    return sizes


def test_a_log_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert recovered(tmp_path / "state" / "changes.log") == (Commit(), {})


def test_the_last_commit_and_all_entries_come_back(tmp_path: Path) -> None:
    filled(tmp_path / "log")
    commit, state = recovered(tmp_path / "log")
    assert (commit.number, commit.order, commit.position) == (3, 30, {"a": 3})
    assert sorted(key for _, _, key in state) == ["k1", "k2", "k3"]


def test_a_crash_at_any_byte_of_the_last_frame_leaves_the_commits_before_it(tmp_path: Path) -> None:
    path = tmp_path / "log"
    sizes = filled(path)
    whole = path.read_bytes()
    for cut in range(sizes[1], sizes[2]):
        path.write_bytes(whole[:cut])
        commit, state = recovered(path)
        assert (commit.number, len(state)) == (2, 2), cut
        assert path.stat().st_size == sizes[1], "what the crash left is cut off"


def test_after_a_cut_the_next_commit_follows_the_last_whole_one(tmp_path: Path) -> None:
    path = tmp_path / "log"
    filled(path)
    path.write_bytes(path.read_bytes()[:-3])
    log = Changelog(path)
    list(log.recover())
    log.append(Commit(number=3, order=99), [entry("again")])
    log.close()
    commit, state = recovered(path)
    assert (commit.order, len(state)) == (99, 3)


def test_a_frame_whose_bytes_changed_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "log"
    sizes = filled(path)
    damaged = bytearray(path.read_bytes())
    damaged[sizes[1] + 12] ^= 0x40
    path.write_bytes(damaged)
    assert recovered(path)[0].number == 2


@given(commits=st.lists(ENTRIES, min_size=1, max_size=5))
def test_compaction_keeps_the_state_and_the_last_commit(
    commits: list[list[tuple[tuple[str, str, str], bytes | None]]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("log") / "log"
    log = Changelog(path)
    for number, entries in enumerate(commits, 1):
        log.append(Commit(number=number), [(*key, data) for key, data in entries])
    before = recovered(path)
    log.compact(before[0], [(*key, data) for key, data in before[1].items()])
    assert recovered(path) == before
    log.append(Commit(number=99), [entry("after")])
    log.close()
    commit, state = recovered(path)
    assert commit.number == 99
    assert state == {**before[1], ("intake", "answered", "after"): b"x"}


def test_a_large_state_is_written_in_several_frames_and_counts_only_when_the_last_is_there(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = Changelog(path)
    log.compact(Commit(number=7), [entry(str(number)) for number in range(25_000)])
    assert [frame.commit is not None for frame in Changelog(path).recover()] == [False, False, False, True]
    assert len(recovered(path)[1]) == 25_000


class Crash(Exception):
    pass


@pytest.mark.parametrize("step", ["while writing", "before the rename"])
def test_a_crash_during_compaction_leaves_the_old_log(
    tmp_path: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "log"
    filled(path)
    before = recovered(path)

    def crash(*_: Any) -> None:
        raise Crash

    def entries() -> Any:
        yield entry("half")
        if step == "while writing":
            raise Crash

    monkeypatch.setattr(Path, "replace", crash)
    with pytest.raises(Crash):
        Changelog(path).compact(Commit(number=9), entries())
    monkeypatch.undo()
    assert recovered(path) == before
    Changelog(path).compact(*_compacted(before))
    assert recovered(path) == before


def _compacted(known: tuple[Commit, State]) -> tuple[Commit, list[Entry]]:
    return known[0], [(*key, data) for key, data in known[1].items()]


def test_compaction_is_wanted_when_most_of_a_large_file_is_history(tmp_path: Path) -> None:
    log = Changelog(tmp_path / "log", compact_bytes=2_000)
    assert not log.wants_compaction()
    while not log.wants_compaction():
        log.append(Commit(), [entry("same", bytes(100))])
    assert log.size > 2_000
    log.compact(Commit(), [entry("same", bytes(100))])
    assert not log.wants_compaction()
    assert log.size < 500
    log.close()


def test_a_commit_is_on_the_disk_when_append_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr("os.fsync", lambda number: synced.append(number))
    log = Changelog(tmp_path / "log")
    log.append(Commit(), [entry("k")])
    file: IO[bytes] = log._file
    assert synced == [file.fileno()]
    log.close()
