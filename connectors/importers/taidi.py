"""Taidi competition: citizens' messages to one city, as text only, with classes, replies and likes as truth.

Places are masked in the texts (``A3区``), so nothing can be located. Messages without a time come one second after the
other behind the last dated one of their file, and say so in ``extra``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from connectors.importers.base import ImportSummary, Job, Row
from connectors.importers.numbers import references
from connectors.importers.output import cut, filled, write_inputs
from connectors.importers.overlay import Cell, write_city, write_table
from connectors.importers.times import iso, millis
from pipeline.errors import ConfigFaults, Fault

NAME = "taidi"
ZONE = ZoneInfo("Asia/Shanghai")


class Message(NamedTuple):
    """One message of any of the tables."""

    system: str
    ref: str
    at: int
    dated: bool
    user: str
    title: str
    text: str
    outcomes: dict[str, Cell]


class Layout(NamedTuple):
    """Columns of one kind of table, and the source system its numbers belong to."""

    pattern: str
    system: str
    number: str
    user: str
    title: str
    time: str
    text: str
    outcomes: tuple[str, ...]


LAYOUTS = (
    Layout("messages*.csv", "taidi", "留言编号", "留言用户", "留言主题", "留言时间", "留言详情", ("反对数", "点赞数")),
    Layout(
        "replies*.csv",
        "taidi-replied",
        "留言编号",
        "留言用户",
        "留言主题",
        "留言时间",
        "留言详情",
        ("答复意见", "答复时间"),
    ),
    Layout("labelled*.csv", "taidi-labelled", "id", "user", "title", "time", "text", ("label", "src")),
)


def import_set(job: Job) -> ImportSummary:
    """Messages as ``HotlineOrder`` in time order; each table is a source system, for their numbers overlap."""
    tables = [(path, layout) for layout in LAYOUTS for path in job.optional(layout.pattern)]
    found = [message for path, layout in tables for message in _messages(job, path, layout)]
    if not found:
        patterns = ", ".join(layout.pattern for layout in LAYOUTS)
        raise ConfigFaults([Fault(NAME, "path", str(job.path), f"name a folder that holds one of {patterns}")])
    found.sort(key=lambda message: (message.at, message.system, message.ref))
    records = write_inputs(job.out, "orders.avro", "HotlineOrder", map(_order, found))
    write_city(
        job.out / "city", name="泰迪杯", time_zone="Asia/Shanghai", datum="CGCS2000", box=(73.0, 3.0, 136.0, 54.0)
    )
    _write_truth(job, found)
    undated = sum(not message.dated for message in found)
    if undated:
        job.remarks.append(f"{undated} messages have no time: put behind the dated ones of their table")
    return job.summary(records, ["inputs/orders.avro"])


def _messages(job: Job, path: Path, layout: Layout) -> list[Message]:
    rows = list(job.rows(path, layout.number, layout.time, layout.text))
    times = [millis(row[layout.time], ZONE) for row in rows]
    latest = max((at for at in times if at is not None), default=1_325_347_200_000)
    contents = [f"{row[layout.title]}\x1f{row[layout.text]}" for row in rows]
    refs = references([row[layout.number].strip() for row in rows], contents)
    found, late = [], 0
    for ref, at, row in zip(refs, times, rows, strict=True):
        late += at is None
        outcomes: dict[str, Cell] = {name: row.get(name, "") for name in layout.outcomes}
        when = latest + late * 1000 if at is None else at
        found.append(_message(layout, ref, when, at is not None, row, outcomes))
    return found


def _message(layout: Layout, ref: str, at: int, dated: bool, row: Row, outcomes: dict[str, Cell]) -> Message:
    title, text = row[layout.title].strip(), row[layout.text]
    if title and text.startswith(title):
        text = text[len(title) :]  # the labelled table repeats the title at the head of the text
    return Message(layout.system, ref, at, dated, row[layout.user].strip(), title, text, outcomes)


def _order(message: Message) -> dict[str, Any]:
    return filled(
        source_system=message.system,
        source_ref=message.ref,
        source_family="gov_dept",
        received_at=message.at,
        title=cut(message.title, 512),
        text=cut(message.text, 20_000),
        reporter_role="citizen",
        reporter_id=message.user,
        extra=None if message.dated else {"time": "assigned"},
    )


def _write_truth(job: Job, found: list[Message]) -> None:
    def rows(system: str) -> Iterator[dict[str, Cell]]:
        for message in found:
            if message.system == system:
                at = iso(message.at, ZONE) if message.dated else ""
                yield {"source_ref": message.ref, "received_at": at} | message.outcomes

    for layout in LAYOUTS:
        write_table(job.out / "truth" / f"{layout.system}.csv", rows(layout.system))
    for path in [*job.optional("hot_issues*.csv"), *job.optional("labels*.csv")]:
        write_table(job.out / "truth" / path.name.removesuffix(".gz"), job.rows(path))
