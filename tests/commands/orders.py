"""Orders of a hotline as text, in the middle of the simulated town."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

NOON = "2026-03-16T12:00:00+08:00"


def an_order(ref: str, **fields: Any) -> dict[str, Any]:
    """A good order; places that are 300 m apart and matters of their own kind keep orders from being duplicates."""
    return {
        "schema": "HotlineOrder", "source_system": "hotline", "source_ref": ref, "received_at": NOON,
        "lon": 121.4101234, "lat": 31.2001234, "text": "路边垃圾成堆，无人清扫",
        "category_standard": "GB/T 30428.2-2013", "category_kind": "incident", "category_code": "0101", **fields,
    }  # fmt: skip


def without(record: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name not in names}


def lines(records: Iterable[dict[str, Any] | bytes]) -> bytes:
    """JSON Lines; bytes stand for a line as it is."""
    texts = (one if isinstance(one, bytes) else json.dumps(one, ensure_ascii=False).encode() for one in records)
    return b"".join(text + b"\n" for text in texts)


def written(path: Path, records: Iterable[dict[str, Any] | bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(lines(records))
    return path
