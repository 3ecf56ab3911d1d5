"""Writes commits in the background: facts to the store, then the frame of the changelog, one commit after the other.

At most one commit waits while the next is being made, so memory stays bounded. A fault of the store or the disk comes
back to the run at its next hand-over: nothing is acknowledged that was not written.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from pipeline.events.facts import Fact, Samples
from pipeline.runtime.changelog import Changelog, Commit, Entry

Facts = Mapping[type[Fact], Sequence[Fact]]
"""Facts by their kind."""


class FactStore(Protocol):
    """Where facts are kept; writing the same facts again changes nothing."""

    def packed(self, facts: Facts, samples: Sequence[Samples]) -> Any:
        """What will be written of them. Asked for as soon as a poll is done, while its facts are in the caches of the
        processor that made them: an object that another thread meets later costs several times as much."""

    def write_packed(self, parts: Sequence[Any]) -> int:
        """Keep what was packed, in its order, and give back how many rows; return when they are safe."""


class WholeFacts:
    """A store that takes facts as they are: what is packed is the facts themselves."""

    def write(self, facts: Facts, samples: Sequence[Samples] = ()) -> int:
        """Keep them; return when they are safe."""
        raise NotImplementedError

    def packed(self, facts: Facts, samples: Sequence[Samples]) -> tuple[Facts, Sequence[Samples]]:
        """The facts and samples themselves."""
        return facts, samples

    def write_packed(self, parts: Sequence[tuple[Facts, Sequence[Samples]]]) -> int:
        """All parts as one."""
        together: dict[type[Fact], list[Fact]] = {}
        for facts, _ in parts:
            for kind, some in facts.items():
                together.setdefault(kind, []).extend(some)
        return self.write(together, [one for _, samples in parts for one in samples])


class _Job(NamedTuple):
    parts: Sequence[Any]
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

    def hand_over(self, parts: Sequence[Any], commit: Commit, entries: list[Entry]) -> None:
        """Queue one commit, its facts as the store packed them; waits while another is queued. Raises what an earlier
        commit failed with."""
        self._check()
        self._jobs.put(_Job(parts, commit, entries))

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
                    self._store.write_packed(job.parts)
                    self._changelog.append(job.commit, job.entries)
            except BaseException as failure:
                self._failure = failure
            finally:
                self._jobs.task_done()
        self._jobs.task_done()
