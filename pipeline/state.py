"""State of one partition as keyed entries, held as the bytes that the changelog gets.

An entry costs its bytes and a dictionary slot; it is decoded only when a step looks at it. A subclass adds indexes by
overriding :meth:`KeyedState.noted` and :meth:`KeyedState.forgotten`, which see every entry on its way in and out, also
when the state is rebuilt from a changelog.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

import msgspec

from pipeline.stage import Change

_encode = msgspec.msgpack.Encoder().encode


class KeyedState:
    """Entries by space and key. ``spaces`` names the spaces with the type of their entries."""

    spaces: ClassVar[dict[str, type[msgspec.Struct]]] = {}

    def __init__(self) -> None:
        self._entries: dict[str, dict[str, bytes]] = {space: {} for space in self.spaces}
        self._decoders = {space: msgspec.msgpack.Decoder(kind) for space, kind in self.spaces.items()}

    def get(self, space: str, key: str) -> Any:
        """The entry, decoded; ``None`` when there is none."""
        data = self._entries[space].get(key)
        return None if data is None else self._decoders[space].decode(data)

    def holds(self, space: str, key: str) -> bool:
        """Whether there is such an entry (cheaper than decoding it)."""
        return key in self._entries[space]

    def __len__(self) -> int:
        return sum(map(len, self._entries.values()))

    def count(self, space: str) -> int:
        """How many entries a space has."""
        return len(self._entries[space])

    def apply(self, changes: Iterable[Change]) -> list[tuple[str, str, bytes | None]]:
        """Write the changes of one step and give them back as a changelog keeps them."""
        written: list[tuple[str, str, bytes | None]] = []
        for change in changes:
            space, key, value = change.space, change.key, change.value
            data = None if value is None else _encode(value)
            if data is None:
                self._remove(space, key)
            else:
                self._put(space, key, data, value)
            written.append((space, key, data))
        return written

    def restore(self, space: str, key: str, data: bytes | None) -> None:
        """Write one entry in its encoded form, as a changelog keeps it (``None`` removes it)."""
        if data is None:
            self._remove(space, key)
        else:
            self._put(space, key, data, self._decoders[space].decode(data))

    def entries(self) -> Iterator[tuple[str, str, bytes]]:
        """All entries in their encoded form, in order of space and first writing."""
        for space, entries in self._entries.items():
            for key, data in entries.items():
                yield space, key, data

    def _put(self, space: str, key: str, data: bytes, value: Any) -> None:
        entries = self._entries[space]
        fresh = key not in entries
        entries[key] = data
        self.noted(space, key, value, fresh=fresh)

    def _remove(self, space: str, key: str) -> None:
        before = self._entries[space].pop(key, None)
        if before is not None:
            self.forgotten(space, key, self._decoders[space].decode(before))

    def noted(self, space: str, key: str, value: Any, *, fresh: bool) -> None:
        """An entry was written (``fresh``: for the first time): index it."""

    def forgotten(self, space: str, key: str, value: Any) -> None:
        """An entry was removed: take it out of the indexes."""
