"""A whole run over a store: take the inputs, recover, read every unfinished group, and give back the counts."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connectors.sources.files import FileSource, discover
from pipeline.errors import StopRun
from pipeline.runtime.answers import Responder
from pipeline.runtime.city import load_city, topology_of
from pipeline.runtime.collector import RUN, ease_collector
from pipeline.runtime.counts import tally
from pipeline.runtime.kept import KeptGroup
from pipeline.runtime.local import LocalRun, RunPolicy
from pipeline.runtime.merge import Merged
from pipeline.runtime.workspace import StoreFacts, Workspace, policy_of
from pipeline.settings import Settings

ReportProgress = Callable[[str, int, int, int], None]
"""Told of group, bytes read, bytes in all and records so far."""


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What one call of ``run`` asks for."""

    inputs: Sequence[Path]
    city: Path | None = None
    schema: str | None = None
    mapping: str | None = None
    responder: Callable[[Path], Responder | None] | None = None
    """Makes the responder of a simulated city from the store's city folder."""
    max_refused: float = 0.2
    answers: bool = True
    """Whether a store begun by this call lets its city answer; a store begun before goes on as it was begun."""


def run(workspace: Workspace, request: RunRequest, settings: Settings, progress: ReportProgress) -> dict[str, Any]:
    """Do the main job. Continues where an earlier run was interrupted; the same inputs again change nothing."""
    workspace.adopt_city(request.city)
    city = load_city(settings.reference, workspace.city_folder)
    begun = workspace.agree(_facts(city.version, settings, responder=request.answers))
    taken = _take(workspace, request)
    policy = policy_of(begun, max_refused=request.max_refused)
    folder = workspace.city_folder
    responder = request.responder(folder) if begun.responder and request.responder and folder else None
    topology = topology_of(city, settings)
    ease_collector(RUN)
    runner = LocalRun(topology, workspace.tables(), workspace.changelog(), policy, responder)
    before, started = runner.commit.order, time.monotonic()
    try:
        for group in workspace.kept.groups():
            if group.id not in runner.commit.done:
                _read(runner, workspace, group, progress)
    except StopRun:
        if taken is not None and not any(kept.id in runner.commit.position for kept in taken.inputs):
            workspace.kept.give_back(taken)
        raise
    finally:
        runner.close()
    seconds = time.monotonic() - started
    records = runner.commit.order - before
    return {
        "counts": tally(runner.commit.counts),
        "records": records,
        "seconds": round(seconds, 3),
        "rate": round(records / seconds) if seconds else 0,
        "new_inputs": len(taken.inputs) if taken is not None else 0,
        "store": str(workspace.folder),
    }


def _facts(version: str, settings: Settings, *, responder: bool) -> StoreFacts:
    usual = RunPolicy()
    return StoreFacts(
        reference_version=version, poll_records=usual.poll_records, polls_per_commit=usual.polls_per_commit,
        facts_per_commit=usual.facts_per_commit, partitions=usual.partitions, responder=responder,
        key_mark=settings.key_mark,
    )  # fmt: skip


def _take(workspace: Workspace, request: RunRequest) -> KeptGroup | None:
    appended_at = int(time.time() * 1000)
    found = discover(request.inputs, appended_at, request.schema, request.mapping)
    files = [(source.name, source.path) for source in found]
    return workspace.kept.take(files, appended_at, schema=request.schema or "", mapping=request.mapping or "")


def _read(runner: LocalRun, workspace: Workspace, group: KeptGroup, progress: ReportProgress) -> None:
    """One group of inputs, in order of time."""
    sources = [
        (
            kept.id,
            FileSource(
                workspace.kept.path(kept), kept.name, kept.appended_at, kept.schema or None, kept.mapping or None
            ),
        )
        for kept in group.inputs
    ]
    total = sum(kept.size for kept in group.inputs)
    runner.progress = lambda _: progress(
        group.id, sum(source.bytes_read for _, source in sources), total, runner.commit.order
    )
    runner.read(group.id, Merged(sources, runner.commit.position, runner.commit.read_to))
