"""What the fields of a text record mean: which schema they are, and the record's body."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from connectors.sources.fields import Fields
from pipeline.errors import InvalidRecord, Reason
from pipeline.events.records import ACTION_SCHEMA, READINGS_SCHEMA, REPORT_SCHEMAS, WORK_SCHEMAS, Body
from schemas.mapping import Mapping, body_from_text

INPUT_SCHEMAS = (*REPORT_SCHEMAS, READINGS_SCHEMA, ACTION_SCHEMA, *WORK_SCHEMAS)
"""Names of all schemas that come in."""

Shape = Callable[[Fields], tuple[str, Body]]
"""Fields of a text record to schema name and body; raises ``InvalidRecord``."""


def schema_of_name(name: str) -> str | None:
    """The schema that a file name begins with: ``HotlineOrder-2026-03.jsonl.gz``, ``sensor_readings.csv``."""
    letters = re.sub("[^a-z]", "", Path(name).name.casefold())
    found = [schema for schema in INPUT_SCHEMAS if letters.startswith(schema.casefold())]
    return max(found, key=len, default=None)


def shape_of(name: str, schema: str | None = None, mapping: str | None = None) -> Shape:
    """How the records of a file are read: by a mapping, by a schema, else by the schema that each record names.

    Raises ``ConfigFaults`` when the mapping is not there or is faulty.
    """
    if mapping is not None:
        return Mapping.load(mapping).apply
    return _named_shape(schema or schema_of_name(name))


def _named_shape(default: str | None) -> Shape:
    def shape(fields: Fields) -> tuple[str, Body]:
        name = fields.pop("schema", None) or default
        if name not in INPUT_SCHEMAS:
            known = ", ".join(INPUT_SCHEMAS)
            remedy = f'name one of {known} in the record ("schema"), in the file name, or with --schema or --mapping'
            raise InvalidRecord(Reason.UNKNOWN_SCHEMA, "schema", name or "", remedy)
        inner = fields.get("body")
        return name, body_from_text(name, inner if isinstance(inner, dict) and len(fields) == 1 else fields)

    return shape
