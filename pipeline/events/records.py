"""What comes in: a record as it was read from a log, before anything was believed of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from pipeline.errors import InvalidRecord
from pipeline.events.base import Millis, Value

Body = Mapping[str, Any]
"""The fields of a decoded record by the names of its Avro schema; times are ``Millis``."""

REPORT_SCHEMAS = ("GridWorkerReport", "HotlineOrder", "Report")
"""The three shapes in which somebody reports a problem."""

READINGS_SCHEMA = "SensorReadings"
ACTION_SCHEMA = "CaseAction"
WORK_SCHEMAS = ("PatrolLog", "Task", "StaffChange", "SurveyAnswer", "ExternalRating", "CallCounts")
"""Work and opinion that is no report of a problem, but is measured all the same."""


class Origin(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """Where a record stands in its log. The same origin again is a *replay*, never a duplicate."""

    topic: str
    partition: int
    offset: int


class Arrival(msgspec.Struct, gc=False):
    """One record of an input log: its schema's name and fields, or the fault that kept it from being read."""

    schema: str
    origin: Origin
    appended_at: Millis
    """When the log took it (Kafka's log append time; for files the time the input was first kept)."""
    body: Body | None = None
    order: int = -1
    """Its place in the order of the whole log (on Kafka the offset): what facts keep as ``recorded``."""
    raw: bytes = b""
    fault: InvalidRecord | None = None


class Evidence(Value, frozen=True, kw_only=True):
    """One measured value that came with a report, for example ``depth = 18 cm``."""

    measure: str
    value: float
    unit: str
