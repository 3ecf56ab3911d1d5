"""The entry of an answer that is still to come, as a changelog keeps it."""

from __future__ import annotations

from typing import Any

from pipeline.events.base import Millis, Value


class PendingAnswer(Value, frozen=True, kw_only=True, array_like=True):
    """One record to come."""

    due: Millis
    schema: str
    body: dict[str, Any]
