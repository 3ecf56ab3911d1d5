"""Writes commits in the background: facts to the store, then the frame of the changelog, one commit after the other.

At most one commit waits while the next is being made, so memory stays bounded. A fault of the store or the disk comes
back to the run at its next hand-over: nothing is acknowledged that was not written.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from pipeline.events.facts import Fact, Samples
from pipeline.runtime.changelog import Changelog, Commit, Entry


class FactStore(Protocol):
    """Where facts are kept; writing the same facts again changes nothing."""

    def write(self, facts: Mapping[type[Fact], Sequence[Fact]], samples: Sequence[Samples] = ()) -> int:
        """Keep them; return when they are safe."""


class _Job(NamedTuple):
    facts: Mapping[type[Fact], Sequence[Fact]]
    samples: Sequence[Samples]
    commit: Commit
    entries: list[Entry]


class Committer:
    """One thread, one commit at a time, in order."""

    def __init__(self, store: FactStore, changelog: Changelog) -> None:
        self._store, self._changelog = store, changelog
        self._jobs: queue.Queue[_Job | None] = queue.Queue(maxsize=1)
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="committer", daemon=True)
        self._thread.start()

    def hand_over(
        self,
        facts: Mapping[type[Fact], Sequence[Fact]],
        samples: Sequence[Samples],
        commit: Commit,
        entries: list[Entry],
    ) -> None:
        """Queue one commit; waits while another is queued. Raises what an earlier commit failed with."""
        self._check()
        self._jobs.put(_Job(facts, samples, commit, entries))

    def wait(self) -> None:
        """Wait until everything handed over is written."""
        self._jobs.join()
        self._check()

    def close(self) -> None:
        """Write what is queued and end the thread."""
        self._jobs.put(None)
        self._thread.join()
        self._changelog.close()
        self._check()

    def _check(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                if self._failure is None:
                    self._store.write(job.facts, job.samples)
                    self._changelog.append(job.commit, job.entries)
            except BaseException as failure:
                self._failure = failure
            finally:
                self._jobs.task_done()
        self._jobs.task_done()
