"""A store folder: kept input, state, city and tables of one run, and the lock that makes it one process at a time.

<store>/kept/       inputs as taken (personal data: owner only, short-lived)
<store>/city/       the reference overlay the store was begun with
<store>/state/      changelog of the stages
<store>/tables/     ClickHouse (chdb)
<store>/store.json  what must not change between two runs over the store
"""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path
from typing import IO, Any

import msgspec

from connectors.sinks.chdb import ChdbStore
from pipeline.errors import StopRun
from pipeline.runtime.changelog import Changelog
from pipeline.runtime.kept import KeptLog
from pipeline.runtime.local import RunPolicy
from schemas.catalogue import FOLDER

REBUILDING = ""


class StoreFacts(msgspec.Struct, kw_only=True):
    """What a store was begun with; runs that differ would not be equal to one run."""

    reference_version: str
    """:data:`REBUILDING` while tables and state are to be made again: the next run does it, whichever it is."""
    poll_records: int
    polls_per_commit: int
    partitions: int
    responder: bool = False
    forgotten: bool = False
    """Kept input was removed: tables hold what cannot be made again."""
    facts_per_commit: int = 0
    """0 in a store that was begun before commits were cut by facts."""
    key_mark: str = ""
    """A digest of the key of the pseudonyms: another key would make new persons of all that are known."""


class Workspace:
    """One store folder, locked for as long as it is open."""

    def __init__(self, folder: Path, *, create: bool = True) -> None:
        if not create and not (folder / "store.json").exists():
            message = f"{folder} is no store: begin one with `wangge run INPUT --store {folder}`"
            raise StopRun(message)
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._lock = locked(folder / ".lock")
        self.kept = KeptLog(folder / "kept")
        self._tables: ChdbStore | None = None

    @property
    def city_folder(self) -> Path | None:
        """The overlay of the store's city, if it has one."""
        folder = self.folder / "city"
        return folder if folder.is_dir() else None

    def adopt_city(self, overlay: Path | None) -> None:
        """Keep the overlay a first run was given; later runs and replays use the kept one.

        Until the store has begun a mended overlay takes the place of one that was found faulty.
        """
        if overlay is None or (self.folder / "store.json").exists():
            return
        partial = self.folder / ".city"
        for left in (partial, self.folder / "city"):
            shutil.rmtree(left, ignore_errors=True)
        shutil.copytree(overlay, partial)
        partial.replace(self.folder / "city")

    def agree(self, facts: StoreFacts) -> StoreFacts:
        """Write down what a first run uses, and refuse a later one that differs in it."""
        path = self.folder / "store.json"
        if not path.exists():
            return self._written(facts)
        begun = self._begun()
        if begun.reference_version == REBUILDING:
            self._drop_derived()
            fresh = msgspec.structs.replace(begun, reference_version=facts.reference_version, key_mark=facts.key_mark)
            return self._written(fresh)
        if begun.key_mark and facts.key_mark and begun.key_mark != facts.key_mark:
            message = (
                "the store was begun with another key of pseudonyms: set WANGGE_HMAC_KEY as it was then, or rebuild "
                f"with `wangge replay --store {self.folder}` to give everybody new pseudonyms"
            )
            raise StopRun(message)
        if facts.reference_version != begun.reference_version:
            message = (
                f"the store was begun with reference set {begun.reference_version}, now it is "
                f"{facts.reference_version}: "
                f"rebuild it with `wangge replay --store {self.folder}` or begin another store"
            )
            raise StopRun(message)
        return begun

    def tables(self) -> ChdbStore:
        """The tables, opened at the first call."""
        if self._tables is None:
            ddl = sorted((FOLDER / "clickhouse").glob("*.sql"))
            self._tables = ChdbStore(self.folder / "tables", ddl)
        return self._tables

    def changelog(self) -> Changelog:
        """The changelog of the stages."""
        return Changelog(self.folder / "state" / "changes.log")

    def forget_derived(self) -> None:
        """Have the next run make tables and state again from the kept input, as the store was begun.

        Only a mark is set here, so that a crash at any moment leaves a store that is either whole or still marked.
        """
        begun = self._begun()
        if begun.forgotten:
            message = (
                f"the kept input of {self.folder} was forgotten, its tables cannot be made again: begin another store"
            )
            raise StopRun(message)
        self._written(msgspec.structs.replace(begun, reference_version=REBUILDING))

    def forget_kept(self) -> None:
        """Remove the kept input; from now on tables and state are the only ones there will be."""
        self._written(msgspec.structs.replace(self._begun(), forgotten=True))
        self.kept.forget()

    def _begun(self) -> StoreFacts:
        return msgspec.json.decode((self.folder / "store.json").read_bytes(), type=StoreFacts)

    def _drop_derived(self) -> None:
        self.close_tables()
        for name in ("tables", "state"):
            shutil.rmtree(self.folder / name, ignore_errors=True)

    def _written(self, facts: StoreFacts) -> StoreFacts:
        path = self.folder / "store.json"
        partial = path.with_suffix(".new")
        partial.write_bytes(msgspec.json.format(msgspec.json.encode(facts)))
        partial.replace(path)
        return facts

    def close_tables(self) -> None:
        """Close the tables."""
        if self._tables is not None:
            self._tables.close()
            self._tables = None

    def close(self) -> None:
        """Close everything and let go of the lock."""
        self.close_tables()
        self._lock.close()

    def __enter__(self) -> Workspace:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()


def policy_of(begun: StoreFacts, **changes: Any) -> RunPolicy:
    """The run policy that a store was begun with."""
    return RunPolicy(
        poll_records=begun.poll_records,
        polls_per_commit=begun.polls_per_commit,
        facts_per_commit=begun.facts_per_commit,
        partitions=begun.partitions,
        **changes,
    )


def locked(path: Path) -> IO[str]:
    """Take a file as the lock of its folder until it is closed. Raises :class:`StopRun` when another process has it."""
    file = path.open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.seek(0)
        message = (
            f"{path.parent} is in use by process {file.read().strip() or '?'}: wait for it or choose another store"
        )
        file.close()
        raise StopRun(message) from None
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file
