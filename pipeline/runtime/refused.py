"""Refused records of a store: listed from the tables, their bytes read again from the kept input, mended, sent again.

The tables hold no bytes of refused records (they may hold personal data); the kept input does, as long as it is kept.
A mend is a correction of fields; it is kept beside the input with the same access, and takes effect at a replay.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from connectors.sinks.chdb import ChdbStore
from connectors.sources.encoding import GB18030, UTF8, is_utf8
from connectors.sources.fields import csv_rows
from connectors.sources.files import FileSource
from connectors.sources.lines import blocks, lines, unpacked
from connectors.sources.shapes import shape_of
from pipeline.errors import InvalidRecord, Reason, StopRun
from pipeline.events.records import Arrival
from pipeline.runtime.kept import OWNER_ONLY, WRITE, KeptInput, KeptLog
from pipeline.stages.intake import Intake, IntakeBook
from pipeline.topology import Topology

Row = dict[str, Any]
LISTED = (
    "SELECT fact_id AS id, at, schema, reason, field, value, remedy, topic, offset FROM quarantine "
    "WHERE (reason = {reason:String} OR {reason:String} = '') ORDER BY recorded LIMIT {limit:UInt32}"
)
COUNTED = "SELECT reason, schema, count() AS records FROM quarantine GROUP BY reason, schema ORDER BY records DESC"


class Mends:
    """Corrections by id of the refused record, and which were sent again."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "mends.json"

    def read(self) -> dict[str, Row]:
        """All corrections."""
        return msgspec.json.decode(self._path.read_bytes()) if self._path.exists() else {}

    def write(self, record: str, change: Mapping[str, Any]) -> Row:
        """Add to the correction of a record and give it back."""
        mends = self.read()
        mend = {"set": {}, "sent": False, **mends.get(record, {})}
        mend["set"] = {**mend["set"], **change.get("set", {})}
        mend["sent"] = change.get("sent", mend["sent"])
        mends[record] = mend
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        partial = self._path.with_suffix(".new")
        with open(os.open(partial, WRITE, OWNER_ONLY), "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(mends)))
        partial.replace(self._path)
        return mend


def listed(tables: ChdbStore, reason: str, limit: int) -> list[Row]:
    """Refused records in the order of the log."""
    return tables.rows(LISTED, {"reason": reason, "limit": limit})


def original(kept: KeptLog, row: Row) -> tuple[Arrival, KeptInput]:
    """The refused record and the kept input it stands in. Raises :class:`StopRun` when it is not kept any more."""
    topic, offset = row["topic"], int(row["offset"])
    for group in kept.groups():
        for one in group.inputs:
            if f"file:{one.name}" == topic:
                source = FileSource(kept.path(one), one.name, one.appended_at, one.schema or None, one.mapping or None)
                source.skip(offset)
                for arrival in source:
                    if arrival.origin.offset == offset:
                        return arrival, one
                    break
    message = f"the bytes of {row['id']} are not kept any more: ask its sender for the record"
    raise StopRun(message)


def mended(kept: KeptLog, row: Row, mend: Mapping[str, Any]) -> Arrival:
    """The record with its corrections; still refused when they do not make it readable.

    What could be read is corrected by the names of the schema, what could not by the names that its sender gives.
    """
    arrival, one = original(kept, row)
    if arrival.body is not None:
        fields, shape = {"schema": arrival.schema, **arrival.body}, shape_of("")
    else:
        fields = _fields(arrival.raw, kept.path(one))
        shape = shape_of(one.name, one.schema or None, one.mapping or None)
    try:
        schema, body = shape({**fields, **mend.get("set", {})})
    except InvalidRecord as fault:
        return Arrival(arrival.schema, arrival.origin, arrival.appended_at, raw=arrival.raw, fault=fault)
    return Arrival(schema, arrival.origin, arrival.appended_at, body)


def _fields(raw: bytes, file: Path) -> Row:
    """The fields of a text record: a JSON object, or a row under the header of its file."""
    try:
        found = msgspec.json.decode(raw)
    except msgspec.MsgspecError:
        return _cells(raw, file)
    if not isinstance(found, dict):
        return {}
    inner = found.get("body")
    return {"schema": found.get("schema"), **inner} if isinstance(inner, dict) else found


def _cells(raw: bytes, file: Path) -> Row:
    with file.open("rb") as stream:
        header = next(lines(blocks(unpacked(stream))), b"")
    encoding = UTF8 if is_utf8([header, raw]) else GB18030
    found, _ = next(csv_rows([header, raw], encoding), None) or ({}, raw)
    return found if isinstance(found, dict) else {}


def would_pass(topology: Topology, arrival: Arrival, row: Row, mend: Mapping[str, Any]) -> str:
    """Why the record would be refused now; "" when it would pass. Judged alone, without what came before it.

    One that said something else under a number that was taken stays refused until it has a number of its own.
    """
    if row["reason"] == Reason.CONFLICTING_CONTENT and "source_ref" not in mend.get("set", {}):
        return Reason.CONFLICTING_CONTENT
    outcome = Intake(topology.screening).step(IntakeBook(), arrival)
    refused = [fact for fact in outcome.facts if type(fact).__name__ == "RecordQuarantined"]
    return str(getattr(refused[0], "reason", "")) if refused else ""
