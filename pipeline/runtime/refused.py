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
from connectors.sources.files import FileSource
from pipeline.errors import InvalidRecord, StopRun
from pipeline.events.records import Arrival
from pipeline.runtime.kept import OWNER_ONLY, KeptLog
from pipeline.stages.intake import Intake, IntakeBook
from pipeline.topology import Topology
from schemas.catalogue import catalogue
from schemas.text import body_from_text

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
        self._path.touch(mode=OWNER_ONLY)
        self._path.write_bytes(msgspec.json.format(msgspec.json.encode(mends)))
        os.chmod(self._path, OWNER_ONLY)
        return mend


def listed(tables: ChdbStore, reason: str, limit: int) -> list[Row]:
    """Refused records in the order of the log."""
    return tables.rows(LISTED, {"reason": reason, "limit": limit})


def original(kept: KeptLog, row: Row) -> Arrival:
    """The refused record as it stands in the kept input. Raises :class:`StopRun` when it is not kept any more."""
    topic, offset = row["topic"], int(row["offset"])
    for group in kept.groups():
        for one in group.inputs:
            if f"file:{one.name}" == topic:
                source = FileSource(kept.path(one), one.name, one.appended_at, one.schema or None, one.mapping or None)
                source.skip(offset)
                for arrival in source:
                    if arrival.origin.offset == offset:
                        return arrival
                    break
    message = f"the bytes of {row['id']} are not kept any more: ask its sender for the record"
    raise StopRun(message)


def mended(arrival: Arrival, mend: Mapping[str, Any]) -> Arrival:
    """The record with its corrections; still refused when they do not make it readable."""
    values: Row = dict(arrival.body or _fields(arrival.raw))
    values.update(mend.get("set", {}))
    schema = str(values.pop("schema", arrival.schema))
    whole = {**{f["name"]: f["default"] for f in catalogue()[schema][-1].fields if "default" in f}, **values}
    try:
        body = body_from_text(schema, whole)
    except InvalidRecord as fault:
        return Arrival(schema, arrival.origin, arrival.appended_at, raw=arrival.raw, fault=fault)
    return Arrival(schema, arrival.origin, arrival.appended_at, body)


def _fields(raw: bytes) -> Row:
    try:
        found = msgspec.json.decode(raw)
    except msgspec.MsgspecError:
        return {}
    return dict(found.get("body", found)) if isinstance(found, dict) else {}


def would_pass(topology: Topology, arrival: Arrival) -> str:
    """Why the record would be refused now; "" when it would pass. Judged alone, without what came before it."""
    outcome = Intake(topology.screening).step(IntakeBook(), arrival)
    refused = [fact for fact in outcome.facts if type(fact).__name__ == "RecordQuarantined"]
    return str(getattr(refused[0], "reason", "")) if refused else ""
