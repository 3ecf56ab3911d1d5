"""How the fields of facts become columns of ClickHouse: one rule per type of field, the same for every sink.

``Millis`` becomes ``DateTime64(3, 'UTC')``; texts of small closed sets become ``LowCardinality(String)``.
"""

from __future__ import annotations

import re
import types
import typing
from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec

from pipeline.events import facts
from pipeline.events.base import Millis

SMALL_SETS = frozenset(
    [
        "channel",
        "source_system",
        "source_family",
        "fate",
        "outcome",
        "rule",
        "place_method",
        "city",
        "district",
        "street",
        "community",
        "grid_version",
        "zone",
        "standard",
        "kind",
        "code",
        "family",
        "nature",
        "method",
        "case_class",
        "class_rule",
        "appeal_type",
        "reporter_role",
        "reporter_unit",
        "state",
        "waits_for",
        "filing_rule",
        "unit",
        "department",
        "person",
        "team",
        "clock",
        "duty",
        "action",
        "from_state",
        "to_state",
        "actor_role",
        "actor_unit",
        "post",
        "reason_code",
        "how",
        "device_id",
        "device_kind",
        "metric",
        "change",
        "alarm_type",
        "severity",
        "limit_id",
        "topic",
        "schema",
        "field",
        "task_type",
        "acting_as",
        "satisfaction",
        "rater",
        "subject_kind",
        "subject",
        "measure",
        "hotline",
        "component_owner",
        "reference_version",
        "lead",
        "worker",
        "flags_text",
    ]
)
"""Columns whose values come from small sets, whatever table they are in."""
TIMES = re.compile(r"_at$|^at$|^period_(start|end)$")


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, its ClickHouse type and whether it may be null."""

    name: str
    sql_type: str
    shape: str
    """``text``, ``texts``, ``int``, ``float``, ``floats``, ``bool`` or ``time`` (``bytes`` have no column)."""


TABLES: dict[type[facts.Fact], str] = {
    facts.ReportSettled: "reports",
    facts.CaseFiled: "cases",
    facts.CaseDispatched: "assignments",
    facts.CaseMoved: "case_moves",
    facts.CaseMerged: "case_merges",
    facts.CaseUnmerged: "case_unmerges",
    facts.HandlingRepeated: "repeat_handling",
    facts.ReportLinked: "report_links",
    facts.BoundaryFlagged: "boundaries",
    facts.AlarmChanged: "alarms",
    facts.FeedbackSent: "feedback",
    facts.ActionRefused: "actions_refused",
    facts.PatrolLogged: "patrols",
    facts.TaskLogged: "tasks",
    facts.StaffChanged: "staff_changes",
    facts.SurveyAnswered: "surveys",
    facts.RatingReceived: "ratings",
    facts.CallsCounted: "calls",
    facts.RecordQuarantined: "quarantine",
    facts.OutcomesCounted: "outcomes",
}
"""The table of each kind of fact."""
READINGS = "readings"
READING_COLUMNS = (
    Column("device_id", "LowCardinality(String)", "text"),
    Column("metric", "LowCardinality(String)", "text"),
    Column("at", "DateTime64(3, 'UTC')", "time"),
    Column("value", "Float64", "float"),
    Column("unit", "LowCardinality(String)", "text"),
    Column("flags", "LowCardinality(String)", "text"),
    Column("received_at", "DateTime64(3, 'UTC')", "time"),
    Column("recorded", "Int64", "int"),
)
"""The columns of readings: one row a sample."""
ORIGIN = (
    Column("_topic", "LowCardinality(String)", "text"),
    Column("_partition", "Int64", "int"),
    Column("_offset", "Int64", "int"),
)
"""Where in Kafka a row comes from, behind the columns of every table; the embedded store leaves the defaults."""
ALL_TABLES = (*TABLES.values(), READINGS)


@cache
def columns_of(kind: type[facts.Fact]) -> tuple[Column, ...]:
    """The columns of a fact's table, in the order of its fields.

    Bytes have no column: the bytes of a refused record hold personal data and stay with the kept input.
    """
    hints = typing.get_type_hints(kind)
    columns = (_column(field.name, hints[field.name]) for field in msgspec.structs.fields(kind))
    return tuple(column for column in columns if column.shape != "bytes")


def _column(name: str, hint: Any) -> Column:
    options = [arg for arg in typing.get_args(hint) if arg is not types.NoneType]
    nullable = isinstance(hint, types.UnionType)
    inner = options[0] if nullable else hint
    shape = _shape(name, inner)
    sql = _SQL[shape] if shape != "text" or name not in SMALL_SETS else "LowCardinality(String)"
    return Column(name, f"Nullable({sql})" if nullable else sql, shape)


def _shape(name: str, hint: Any) -> str:
    if typing.get_origin(hint) is tuple:
        return "floats" if typing.get_args(hint)[0] is float else "texts"
    if hint is Millis and TIMES.search(name):
        return "time"
    return {str: "text", int: "int", float: "float", bool: "bool", bytes: "bytes"}[hint]


_SQL = {
    "text": "String",
    "texts": "Array(String)",
    "int": "Int64",
    "float": "Float64",
    "floats": "Array(Float64)",
    "bool": "Bool",
    "bytes": "",
    "time": "DateTime64(3, 'UTC')",
}
