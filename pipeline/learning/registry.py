"""The models of a city: a folder of model files, which of them are in force, and how that came about.

    models/registry.json            the history; what is in force follows from it
    models/classify-0123456789ab.wmodel

Every change is one atomic replacement of ``registry.json``; files are never changed, only added.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import msgspec

from pipeline.errors import ConfigFaults, Fault
from pipeline.learning.modelfile import TASKS, Card, read_model

ENDING = ".wmodel"


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One change: which model of a task came into force (none: the shipped default), when and why."""

    at: str
    action: str
    """``promote`` or ``rollback``."""
    task: str
    version: str
    note: str = ""


class _History(msgspec.Struct):
    steps: list[Step] = []


@dataclass(frozen=True, slots=True)
class Registry:
    """A folder of models."""

    folder: Path

    def history(self) -> list[Step]:
        """All changes, oldest first. Raises :class:`ConfigFaults` when the file is damaged."""
        path = self.folder / "registry.json"
        if not path.exists():
            return []
        try:
            return msgspec.json.decode(path.read_bytes(), type=_History).steps
        except msgspec.MsgspecError as error:
            raise ConfigFaults([Fault(str(path), "history", str(error), "restore the file from a copy")]) from None

    def in_force(self) -> dict[str, str]:
        """The version in force of each task that has one."""
        latest = {step.task: step.version for step in self.history()}
        return {task: version for task, version in latest.items() if version}

    def promoted(self) -> dict[str, Path]:
        """The file in force of each task that has one. Raises :class:`ConfigFaults` when one is gone."""
        found = {task: self.folder / f"{version}{ENDING}" for task, version in self.in_force().items()}
        faults = [
            Fault(str(path), "version", path.stem, "the promoted model is gone: copy it back or roll back")
            for path in found.values()
            if not path.exists()
        ]
        if faults:
            raise ConfigFaults(faults)
        return found

    def cards(self) -> list[Card]:
        """The cards of all models here, by version."""
        return [read_model(path).card for path in sorted(self.folder.glob(f"*{ENDING}"))]

    def path_of(self, named: str) -> Path:
        """The file of a model named by version, by the task whose model is in force, or by path."""
        if named in TASKS and named in self.in_force():
            return self.promoted()[named]
        path = self.folder / f"{named}{ENDING}"
        if path.exists():
            return path
        if Path(named).is_file():
            return Path(named)
        known = ", ".join(one.stem for one in sorted(self.folder.glob(f"*{ENDING}"))) or "none"
        raise ConfigFaults([Fault(str(self.folder), "model", named, f"name a file or one of these versions: {known}")])

    def promote(self, named: str, at: str, note: str = "", *, dry_run: bool = False) -> Step:
        """Put a model in force; a file from elsewhere is checked and copied here first."""
        path = self.path_of(named)
        card = read_model(path).card
        step = Step(at=at, action="promote", task=card.task, version=card.version, note=note)
        if not dry_run:
            self._keep(path, card)
            self._add(step)
        return step

    def rollback(self, task: str, at: str, note: str = "", *, dry_run: bool = False) -> Step:
        """Put in force what was so before the model in force now; the shipped default when there was none."""
        earlier = _before(task, self.history())
        if earlier is None:
            raise ConfigFaults([Fault(str(self.folder), "task", task, "no model is in force: nothing to roll back")])
        if earlier:
            read_model(self.path_of(earlier), task)
        step = Step(at=at, action="rollback", task=task, version=earlier, note=note)
        if not dry_run:
            self._add(step)
        return step

    def _keep(self, path: Path, card: Card) -> None:
        kept = self.folder / f"{card.version}{ENDING}"
        if kept.exists():
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = kept.with_suffix(".new")
        shutil.copyfile(path, partial)
        partial.replace(kept)

    def _add(self, step: Step) -> None:
        path = self.folder / "registry.json"
        document = msgspec.json.format(msgspec.json.encode(_History([*self.history(), step])))
        partial = path.with_suffix(".new")
        partial.write_bytes(document)
        partial.replace(path)


def _before(task: str, history: list[Step]) -> str | None:
    """The version in force before the present one ("" the default); None when none is in force now.

    Promotions make a stack, a rollback takes its top away, so rolling back twice goes back two steps.
    """
    stack: list[str] = []
    for step in history:
        if step.task == task and step.action == "promote":
            stack.append(step.version)
        elif step.task == task and stack:
            stack.pop()
    if not stack:
        return None
    return stack[-2] if len(stack) > 1 else ""
