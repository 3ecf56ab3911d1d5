"""The committer: facts before the changelog, in order, and nothing acknowledged that the store refused."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from pipeline.events.facts import Fact
from pipeline.runtime.changelog import Changelog, Commit
from pipeline.runtime.committer import Committer, WholeFacts


class Recording(WholeFacts):
    """A store that notes what it was given, waits when told to and fails when told to."""

    def __init__(self, path: Path, fails_at: int = 0) -> None:
        self.path, self.fails_at, self.written = path, fails_at, 0
        self.numbers_before: list[list[int]] = []
        self.gate = threading.Event()
        self.gate.set()

    def write(self, facts: Mapping[type[Fact], Sequence[Fact]], samples: Sequence[Any] = ()) -> int:
        self.gate.wait(10)
        self.written += 1
        self.numbers_before.append(numbers(self.path))
        if self.written == self.fails_at:
            raise OSError(28, "no space left")
        return 0


def numbers(path: Path) -> list[int]:
    return [frame.commit.number for frame in Changelog(path).recover() if frame.commit]


def test_facts_are_in_the_store_before_their_commit_is_in_the_changelog(tmp_path: Path) -> None:
    store = Recording(tmp_path / "log")
    committer = Committer(store, Changelog(tmp_path / "log"))
    for number in (1, 2, 3):
        committer.hand_over([({}, [])], Commit(number=number), [])
    committer.wait()
    assert store.numbers_before == [[], [1], [1, 2]]
    assert numbers(tmp_path / "log") == [1, 2, 3]
    committer.close()


def test_a_store_that_fails_surfaces_at_the_next_hand_over_and_nothing_after_it_is_written(tmp_path: Path) -> None:
    store = Recording(tmp_path / "log", fails_at=2)
    committer = Committer(store, Changelog(tmp_path / "log"))
    committer.hand_over([({}, [])], Commit(number=1), [])
    committer.wait()
    store.gate.clear()
    committer.hand_over([({}, [])], Commit(number=2), [])
    committer.hand_over([({}, [])], Commit(number=3), [])
    store.gate.set()
    with pytest.raises(OSError, match="no space left"):
        committer.wait()
    with pytest.raises(OSError, match="no space left"):
        committer.hand_over([({}, [])], Commit(number=4), [])
    with pytest.raises(OSError, match="no space left"):
        committer.close()
    assert store.written == 2, "the commit behind the failed one never reaches the store"
    assert numbers(tmp_path / "log") == [1]


def test_closing_writes_what_was_handed_over(tmp_path: Path) -> None:
    store = Recording(tmp_path / "log")
    committer = Committer(store, Changelog(tmp_path / "log"))
    committer.hand_over([({}, [])], Commit(number=1), [])
    committer.close()
    assert numbers(tmp_path / "log") == [1]


def test_at_most_one_commit_waits_while_another_is_written(tmp_path: Path) -> None:
    store = Recording(tmp_path / "log")
    store.gate.clear()
    committer = Committer(store, Changelog(tmp_path / "log"))
    done = threading.Event()

    def three() -> None:
        for number in (1, 2, 3):
            committer.hand_over([({}, [])], Commit(number=number), [])
        done.set()

    thread = threading.Thread(target=three)
    thread.start()
    assert not done.wait(0.1), "the third waits until the first is written"
    store.gate.set()
    assert done.wait(10)
    thread.join()
    committer.close()
    assert numbers(tmp_path / "log") == [1, 2, 3]
