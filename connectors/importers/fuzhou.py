"""Fuzhou: 12345 orders about rivers, with the river, the text and how often an order was handed over.

Only the day is known, written in two formats in one column: ``2018-12-04 00:00:00`` and ``05/03/2016`` (month first).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import chain
from typing import Any
from zoneinfo import ZoneInfo

from connectors.importers.base import ImportSummary, Job, Row
from connectors.importers.numbers import references
from connectors.importers.output import cut, filled, write_inputs
from connectors.importers.overlay import OVERLAY_NOTE, Cell, one_line, slug, write_city, write_table
from connectors.importers.pingshan import APPEALS
from connectors.importers.times import iso, millis

NAME = "fuzhou"
ZONE = ZoneInfo("Asia/Shanghai")
COLUMNS = ("id", "河流", "性质", "信息来源", "标题", "时间", "投诉件内容")
CITY = "350100"
"""Fuzhou (GB/T 2260)."""
INPUTS = (*COLUMNS, "匿名(1)/实名(0)")
NO_RIVER = ("", "无", "河流", "-")
NAMELESS = re.compile(r"[\d.]*|匿名|市民|业主|居民|网友")


def import_set(job: Job) -> ImportSummary:
    """Orders as ``HotlineOrder``; the rivers are named places without coordinates."""
    rows = list(chain.from_iterable(job.rows(path, *COLUMNS) for path in job.tables("orders*.csv")))
    dated = []
    for row in rows:
        at = millis(row["时间"], ZONE)
        if at is None:
            job.skipped["no_time"] += 1
        else:
            dated.append((at, row))
    refs = references([row["id"].strip() for _, row in dated], (_content(row) for _, row in dated))
    found = sorted(zip(refs, dated, strict=True), key=lambda item: (item[1][0], item[0]))
    records = write_inputs(job.out, "orders.avro", "HotlineOrder", (_order(ref, at, row) for ref, (at, row) in found))
    _write_overlay(job, rows)
    write_table(job.out / "truth" / "orders.csv", (_truth(ref, at, row) for ref, (at, row) in found))
    return job.summary(records, ["inputs/orders.avro"])


def _content(row: Row) -> str:
    return "\x1f".join(row[name] for name in COLUMNS)


def _order(ref: str, at: int, row: Row) -> dict[str, Any]:
    river = row["河流"].strip()
    return filled(
        source_system=NAME,
        source_ref=ref,
        source_family="gov_dept",
        received_at=at,
        place_name=cut(river, 256) if river not in NO_RIVER else "",
        title=cut(row["标题"], 512),
        text=cut(row["投诉件内容"], 20_000),
        reporter_role="citizen",
        reporter_name=_reporter(row.get("匿名(1)/实名(0)", "")),
        appeal_type=APPEALS.get(row["性质"].strip(), "unknown"),
        extra={"source_channel": row["信息来源"]} if row["信息来源"] else None,
    )


def _reporter(text: str) -> str:
    """The name of who called; the column mostly says only whether there is one."""
    name = text.strip()
    return "" if NAMELESS.fullmatch(name) else cut(name, 64)


def _write_overlay(job: Job, rows: Iterable[Row]) -> None:
    folder = job.out / "city"
    write_city(folder, name="福州市", time_zone="Asia/Shanghai", datum="CGCS2000", box=(118.3, 25.2, 120.6, 26.7))
    rivers = sorted({one_line(row["河流"]) for row in rows} - set(NO_RIVER))
    areas = [_area(CITY, "福州市", "", "city", 1, "")]
    areas += [_area(f"{CITY}-{slug(river, 24)}", river, CITY, "street", 2, "river") for river in rivers]
    write_table(folder / "areas.csv", areas, [OVERLAY_NOTE, "Rivers stand as named places below the city."])


def _area(code: str, name: str, parent: str, tier: str, level: int, area_type: str) -> dict[str, Cell]:
    return {
        "code": code,
        "name": name,
        "parent": parent,
        "tier": tier,
        "level_role": tier,
        "local_level": level,
        "system": "unit",
        "area_type": area_type,
    }


def _truth(ref: str, at: int, row: Row) -> dict[str, Cell]:
    kept: dict[str, Cell] = {"source_ref": ref, "received_at": iso(at, ZONE)}
    return kept | {name: value for name, value in row.items() if name not in INPUTS and name}
