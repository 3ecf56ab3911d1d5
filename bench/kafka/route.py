"""Task a: decode a record and say to which topic it goes, by what it is about. No state, no stages."""

from __future__ import annotations

from collections.abc import Sequence
from zlib import crc32

from pipeline.errors import InvalidRecord
from pipeline.wire.serde import decode

SUBJECTS = ("category_code", "category_text", "subject_code", "place_name", "source_ref")
"""The first of these that says something decides."""


class Route:
    """Spreads records over topics; the same record always goes to the same one."""

    def __init__(self, topics: Sequence[str]) -> None:
        self._topics = topics

    def __call__(self, value: bytes) -> str:
        """The topic of one record; the first one for what cannot be read."""
        try:
            _, body = decode(value)
        except InvalidRecord:
            return self._topics[0]
        subject = next((body[name] for name in SUBJECTS if body.get(name)), "")
        return self._topics[crc32(subject.encode()) % len(self._topics)]
