"""A file of records as JSON Lines that has each record once, whatever is killed: what was written is what was taken.

Appended and synced record by record; a line that a crash cut short is taken off again at the next start, and its record
comes once more from Kafka.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from pipeline.events.base import Value

OWNER_ONLY = 0o600


class KeptFile:
    """Appends records whose ``fact_id`` is not in the file yet."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, OWNER_ONLY), "r+b")
        self._ids = self._known()
        self._file.seek(0, os.SEEK_END)

    def add(self, record: Value, line: Callable[[Value], bytes] = msgspec.json.encode) -> bool:
        """Append a record and wait until the disk has it; false when it was there already."""
        identity = str(getattr(record, "fact_id", ""))
        if identity in self._ids:
            return False
        self._file.write(line(record) + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self._ids.add(identity)
        return True

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _known(self) -> set[str]:
        """The ids in the file; a last line without its end is cut off."""
        decode = msgspec.json.Decoder(_Known).decode
        known: set[str] = set()
        whole = 0
        for line in self._file:
            if not line.endswith(b"\n"):
                break
            whole += len(line)
            known.add(decode(line).fact_id)
        self._file.truncate(whole)
        return known


class _Known(msgspec.Struct):
    fact_id: str
