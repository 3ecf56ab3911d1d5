"""Writing the input records of an import."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pipeline.wire.serde import write_container


def write_inputs(out: Path, file: str, schema: str, bodies: Iterable[dict[str, Any]]) -> int:
    """Write ``inputs/<file>`` and return how many records it holds."""
    path = out / "inputs" / file
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as stream:
        return write_container(stream, schema, bodies)


def cut(text: str, length: int) -> str:
    """A text no longer than its field may be; feeds of cities hold the odd runaway text."""
    return text if len(text) <= length else text[:length]


def filled(**fields: Any) -> dict[str, Any]:
    """A body without the fields that are not given, so that they take their defaults."""
    return {name: value for name, value in fields.items() if value not in (None, "")}
