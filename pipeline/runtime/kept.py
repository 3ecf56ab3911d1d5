"""The kept input: a run first takes its inputs into the store, to be continued and replayed.

Kept input holds personal data. Only its owner may read it and it is meant to be short-lived (``wangge forget``);
everything derived from it is redacted. Inputs are told apart by their contents: a file given twice is taken once.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import BinaryIO

import msgspec

from pipeline.events.base import Millis

OWNER_ONLY = 0o600
WRITE = os.O_CREAT | os.O_WRONLY | os.O_TRUNC
STDIN = Path("-")


class KeptInput(msgspec.Struct, kw_only=True):
    """One input as it was taken."""

    id: str
    """Digest of the contents and the reading options."""
    name: str
    """Name of the log: that of the file, numbered when the store has had another input of that name."""
    file: str
    size: int
    appended_at: Millis
    """When the store took it: the log's own append time, kept so that a replay judges times the same."""
    schema: str = ""
    mapping: str = ""


class KeptGroup(msgspec.Struct, kw_only=True):
    """Inputs that came together; they are read as one stream in order of time."""

    id: str
    inputs: list[KeptInput]


class KeptLog:
    """The inputs of a store, in the order they were taken."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._manifest = folder / "manifest.json"

    def groups(self) -> list[KeptGroup]:
        """All groups so far."""
        if not self._manifest.exists():
            return []
        return msgspec.json.decode(self._manifest.read_bytes(), type=list[KeptGroup])

    def path(self, kept: KeptInput) -> Path:
        """Where the bytes of an input are."""
        return self._folder / kept.file

    def take(
        self, files: Sequence[tuple[str, Path]], appended_at: Millis, *, schema: str, mapping: str
    ) -> KeptGroup | None:
        """Copy inputs that are new into the log and give back their group; ``None`` when all were taken before."""
        taken = [kept for group in self.groups() for kept in group.inputs]
        known, names = {kept.id for kept in taken}, {kept.name for kept in taken}
        fresh: list[KeptInput] = []
        for name, path in files:
            kept = self._copied(name, path, appended_at, schema, mapping)
            if kept.id in known:
                continue
            kept.name = _told_apart(name, names)
            known.add(kept.id)
            names.add(kept.name)
            fresh.append(kept)
        if not fresh:
            return None
        digest = hashlib.blake2b("".join(kept.id for kept in fresh).encode(), digest_size=8).hexdigest()
        group = KeptGroup(id=digest, inputs=fresh)
        self._write([*self.groups(), group])
        return group

    def _copied(self, name: str, path: Path, appended_at: Millis, schema: str, mapping: str) -> KeptInput:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        partial = self._folder / ".taking"
        digest = hashlib.blake2b(f"{name}\x1f{schema}\x1f{mapping}\x1f".encode(), digest_size=12)
        with _opened(path) as source, open(os.open(partial, WRITE, OWNER_ONLY), "wb") as sink:
            while block := source.read(1 << 20):
                digest.update(block)
                sink.write(block)
        identity = digest.hexdigest()
        target = f"{identity}{''.join(Path(name).suffixes[-2:])}"
        partial.replace(self._folder / target)
        size = (self._folder / target).stat().st_size
        return KeptInput(
            id=identity, name=name, file=target, size=size, appended_at=appended_at, schema=schema, mapping=mapping
        )

    def _write(self, groups: list[KeptGroup]) -> None:
        partial = self._manifest.with_suffix(".new")
        partial.write_bytes(msgspec.json.format(msgspec.json.encode(groups)))
        os.chmod(partial, OWNER_ONLY)
        partial.replace(self._manifest)

    def give_back(self, group: KeptGroup) -> None:
        """Let go of a group of which nothing was read, so that its inputs can be mended and come again."""
        self._write([other for other in self.groups() if other.id != group.id])
        for kept in group.inputs:
            self.path(kept).unlink(missing_ok=True)

    def forget(self) -> int:
        """Remove the kept bytes (personal data) and give back how many inputs were forgotten."""
        count = sum(len(group.inputs) for group in self.groups())
        shutil.rmtree(self._folder, ignore_errors=True)
        return count


def _told_apart(name: str, names: Collection[str]) -> str:
    """Tomorrow's file of the same name is another log: its first record is not the first record of today's."""
    number, told = 1, name
    while told in names:
        number += 1
        told = f"{name}#{number}"
    return told


def _opened(path: Path) -> BinaryIO:
    """The bytes of an input; ``-`` is standard input, taken to its end before the run begins."""
    return sys.stdin.buffer if path == STDIN else path.open("rb")
