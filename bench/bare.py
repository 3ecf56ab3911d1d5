"""The yardstick: decode the same records with the same reader and insert their fields, and nothing else.

The one place outside the store's own module that knows its library: what is compared must not run through our code.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from connectors.sinks.chdb import ChdbStore
from connectors.sources.files import discover
from pipeline.events.records import Body
from schemas.catalogue import newest

BLOCK = 20_000
"""Records of one insert, as many as a commit of the local runner has."""
FOREVER = 4_102_444_800_000
TIME = pa.timestamp("ms", tz="UTC")
SHAPES: dict[str, tuple[str, Any]] = {
    "text": ("String", pa.string()),
    "int": ("Nullable(Int64)", pa.int64()),
    "float": ("Nullable(Float64)", pa.float64()),
    "bool": ("Bool", pa.bool_()),
    "time": ("Nullable(DateTime64(3, 'UTC'))", TIME),
    "json": ("String", pa.string()),
}
READINGS = {
    "device_id": "text", "metric": "text", "unit": "text", "source_ref": "text", "received_at": "time", "at": "time",
    "value": "float",
}  # fmt: skip


def insert_all(folder: Path, inputs: Path) -> tuple[int, int, float]:
    """Records, samples and seconds of a bare decode and insert of one folder of inputs."""
    columns = READINGS if inputs.name != "reports" else columns_of(("GridWorkerReport", "HotlineOrder", "Report"))
    build = _readings if inputs.name != "reports" else _reports
    ddl = folder / "bare.sql"
    ddl.write_text(_ddl(columns), encoding="utf-8")
    store = ChdbStore(folder / "tables", [ddl])
    started = time.perf_counter()
    records = samples = 0
    for block in _blocks(inputs):
        records += len(block)
        samples += _insert(store, build(block, columns))
    seconds = time.perf_counter() - started
    store.close()
    return records, samples, seconds


def columns_of(schemas: Sequence[str]) -> dict[str, str]:
    """All fields of some schemas with the shape of their column; what is nested is kept as JSON."""
    return {field["name"]: _shape(field["type"]) for name in schemas for field in newest(name).avro["fields"]}


def _shape(kind: Any) -> str:
    if isinstance(kind, list):
        return _shape(next(one for one in kind if one != "null"))
    if isinstance(kind, dict):
        return "time" if kind.get("logicalType") else "text" if kind["type"] == "enum" else "json"
    return {"string": "text", "long": "int", "int": "int", "double": "float", "float": "float", "boolean": "bool"}[kind]


def _ddl(columns: dict[str, str]) -> str:
    fields = ", ".join(f"`{name}` {SHAPES[shape][0]}" for name, shape in columns.items())
    order = next(iter(columns))
    return f"CREATE TABLE IF NOT EXISTS wangge.bare ({fields}) ENGINE = MergeTree ORDER BY {order};\n"


def _blocks(inputs: Path) -> Iterator[list[Body]]:
    arrivals = chain.from_iterable(discover([inputs], FOREVER))
    bodies = (arrival.body for arrival in arrivals if arrival.body is not None)
    while block := list(islice(bodies, BLOCK)):
        yield block


def _reports(block: list[Body], columns: dict[str, str]) -> Any:
    return pa.table({name: pa.array(_CELLS[shape](block, name), SHAPES[shape][1]) for name, shape in columns.items()})


def _plain(block: list[Body], name: str) -> list[Any]:
    return [body.get(name) for body in block]


def _truth(block: list[Body], name: str) -> list[bool]:
    return [bool(body.get(name)) for body in block]


def _text(block: list[Body], name: str) -> list[str]:
    return [body.get(name) or "" for body in block]


def _json(block: list[Body], name: str) -> list[str]:
    encode = msgspec.json.encode
    return [encode(body[name]).decode() if body.get(name) else "" for body in block]


def _time(block: list[Body], name: str) -> list[int | None]:
    """Times that a column can hold: some records carry wild ones on purpose."""
    return [at if at is None or 0 <= at < FOREVER else None for at in _plain(block, name)]


_CELLS: dict[str, Callable[[list[Body], str], list[Any]]] = {
    "text": _text, "int": _plain, "float": _plain, "bool": _truth, "time": _time, "json": _json,
}  # fmt: skip


def _readings(block: list[Body], columns: dict[str, str]) -> Any:
    sizes = [len(body["values"]) for body in block]
    cells: dict[str, list[Any]] = {
        name: [value for body, size in zip(block, sizes, strict=True) for value in [body[name]] * size]
        for name in columns
        if name not in ("at", "value")
    }
    cells["at"] = [body["started_at"] + offset for body in block for offset in body["offsets_ms"]]
    cells["value"] = list(chain.from_iterable(body["values"] for body in block))
    return pa.table({name: pa.array(cells[name], SHAPES[shape][1]) for name, shape in columns.items()})


def _insert(store: ChdbStore, block: Any) -> int:
    store._session.query("INSERT INTO wangge.bare SELECT * FROM Python(block)")
    return int(block.num_rows)
