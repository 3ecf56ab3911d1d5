"""Shenzhen Pingshan 2018: a district's cases with street, community, type tree and handling unit.

There is no text and there are no coordinates: places are known by the set's own numbers of streets and communities.
Units were renamed during the year and keep their number, so a unit is known by its number and called by its last name.
``-`` is this set's null and stays in the records.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any
from zoneinfo import ZoneInfo

from connectors.importers.base import ImportSummary, Job, Row
from connectors.importers.categories import OwnCategory, code_of, write_categories
from connectors.importers.duties import DutyCount, first, write_duties
from connectors.importers.limits import write_limits
from connectors.importers.numbers import references
from connectors.importers.output import filled, write_inputs
from connectors.importers.overlay import OVERLAY_NOTE, Cell, one_line, slug, write_city, write_table
from connectors.importers.times import iso, millis

NAME = "pingshan"
ZONE = ZoneInfo("Asia/Shanghai")
COLUMNS = (
    "REC_ID",
    "CREATE_TIME",
    "EVENT_PROPERTY_NAME",
    "EVENT_TYPE_NAME",
    "MAIN_TYPE_NAME",
    "SUB_TYPE_ID",
    "SUB_TYPE_NAME",
    "EVENT_SRC_NAME",
    "STREET_ID",
    "STREET_NAME",
    "COMMUNITY_ID",
    "COMMUNITY_NAME",
    "DISPOSE_UNIT_ID",
    "DISPOSE_UNIT_NAME",
)
OUTCOMES = (
    "DISPOSE_UNIT_ID",
    "DISPOSE_UNIT_NAME",
    "INTIME_ARCHIVE_NUM",
    "OVERTIME_ARCHIVE_NUM",
    "INTIME_TO_ARCHIVE_NUM",
    "OPERATE_NUM",
)
APPEALS = {
    "投诉": "complaint",
    "举报": "accusation",
    "咨询": "consult",
    "建议": "suggestion",
    "求决": "help",
    "求助": "help",
    "感谢": "praise",
    "表扬": "praise",
}
CHANNELS = (
    (("12345", "12319", "电话", "固话", "热线"), "hotline", "gov_dept"),
    (("信箱", "邮箱", "信访"), "mailbox", "gov_dept"),
    (("@", "美丽", "微信", "app", "小程序"), "citizen-app", "citizen_upload"),
    (("网格", "巡查", "采集"), "grid-worker", "gov_dept"),
    (("110", "公安"), "police-110", "political_legal"),
)
NULLS = ("", "-")
CITY, DISTRICT = "440300", "440310"
"""Shenzhen and its district Pingshan (GB/T 2260)."""
KINDS = (
    ("执法", "bureau", True),
    ("公安", "police", True),
    ("交警", "police", True),
    ("公司", "company", False),
    ("供电", "utility", False),
    ("营业中心", "utility", False),
    ("指挥中心", "centre", False),
    ("社区", "community", False),
    ("街道", "street", False),
    ("办事处", "street", False),
)


def import_set(job: Job) -> ImportSummary:
    """Cases of the district as ``Report``."""
    rows = list(chain.from_iterable(job.rows(path, *COLUMNS) for path in job.tables("cases*.csv")))
    dated = [(at, row) for row in rows if (at := _time(job, row)) is not None]
    refs = references([row["REC_ID"] for _, row in dated], (_content(row) for _, row in dated))
    found = sorted(zip(refs, dated, strict=True), key=lambda item: (item[1][0], item[0]))
    records = write_inputs(job.out, "reports.avro", "Report", (_report(ref, at, row) for ref, (at, row) in found))
    _write_overlay(job, rows)
    write_table(job.out / "truth" / "cases.csv", (_truth(ref, at, row) for ref, (at, row) in found))
    return job.summary(records, ["inputs/reports.avro"])


def _time(job: Job, row: Row) -> int | None:
    at = millis(row["CREATE_TIME"], ZONE)
    if at is None:
        job.skipped["no_time"] += 1
    return at


def _content(row: Row) -> str:
    return "\x1f".join(value for name, value in row.items() if name not in OUTCOMES)


def _report(ref: str, at: int, row: Row) -> dict[str, Any]:
    channel, family = _channel(row["EVENT_SRC_NAME"])
    area, place = _place(row)
    return filled(
        source_system=NAME,
        source_ref=ref,
        source_family=family,
        received_at=at,
        address=row.get("OCCUR_PLACE", ""),
        area_code=area,
        place_name=place,
        category_text=category_text(row),
        reporter_role="citizen",
        channel=channel,
        appeal_type=APPEALS.get(row["EVENT_PROPERTY_NAME"].strip(), "unknown"),
        extra={"source_channel": row["EVENT_SRC_NAME"], "street": row["STREET_NAME"]},
    )


def _channel(name: str) -> tuple[str, str]:
    for words, channel, family in CHANNELS:
        if any(word in name.casefold() for word in words):
            return channel, family
    return (slug(name) if name.strip() not in NULLS else "unknown"), "unknown"


def _place(row: Row) -> tuple[str, str]:
    """Code and name of the smallest area that is known; the set's null where none is."""
    if row["COMMUNITY_NAME"] not in NULLS:
        return _area(row["COMMUNITY_ID"]), row["COMMUNITY_NAME"]
    if row["STREET_NAME"] not in NULLS:
        return _area(row["STREET_ID"]), row["STREET_NAME"]
    return "", row["STREET_NAME"]


def _area(number: str) -> str:
    """A local code: the district's and the set's own number."""
    return f"{DISTRICT}-{number}" if number not in NULLS else ""


def category_text(row: Row) -> str:
    """The type tree as ``big / main / small``."""
    parts = (row["EVENT_TYPE_NAME"], row["MAIN_TYPE_NAME"], row["SUB_TYPE_NAME"])
    return " / ".join(one_line(part) for part in parts if part.strip() not in NULLS)[:256]


def _code(row: Row) -> str:
    number = row["SUB_TYPE_ID"].strip()
    return number if number not in (*NULLS, "0") else code_of(category_text(row))


def _write_overlay(job: Job, rows: Sequence[Row]) -> None:
    folder = job.out / "city"
    box = (114.25, 22.55, 114.55, 22.85)
    write_city(folder, name="深圳市坪山区", time_zone="Asia/Shanghai", datum="CGCS2000", box=box)
    write_table(folder / "areas.csv", _areas(rows), [OVERLAY_NOTE])
    own = {text: OwnCategory(_code(row), text, row["EVENT_TYPE_ID"]) for row in rows if (text := category_text(row))}
    write_categories(folder, NAME, NAME, _told_apart(own.values()), "chinese")
    count, names = DutyCount(), dict[str, str]()
    codes = {category.text: category.code for category in _told_apart(own.values())}
    write_limits(folder, NAME, {code: text for text, code in codes.items()}, {})
    for row in sorted(rows, key=lambda row: row["CREATE_TIME"]):
        unit = row["DISPOSE_UNIT_ID"].strip()
        if unit in NULLS or row["DISPOSE_UNIT_NAME"] in NULLS or not category_text(row):
            continue
        names[_unit(unit)] = row["DISPOSE_UNIT_NAME"]
        count.add(codes[category_text(row)], _unit(unit), _area(row["STREET_ID"]) if _has_street(row) else "")
    write_duties(folder, NAME, count, codes.values(), [_department(unit, name) for unit, name in sorted(names.items())])


def _told_apart(categories: Iterable[OwnCategory]) -> list[OwnCategory]:
    """The same number under two paths of the tree is two categories."""
    by_code = Counter(category.code for category in categories)
    return [
        category
        if by_code[category.code] == 1
        else OwnCategory(code_of(f"{category.code} {category.text}"), category.text, category.major)
        for category in categories
    ]


def _has_street(row: Row) -> bool:
    return row["STREET_NAME"] not in NULLS and row["STREET_ID"] not in NULLS


def _unit(number: str) -> str:
    return f"ps-{slug(number)}"


def _department(id: str, name: str) -> dict[str, Cell]:
    kind, power = next(((kind, power) for word, kind, power in KINDS if word in name), ("bureau", name.endswith("局")))
    level = kind if kind in ("street", "community") else "district"
    return {
        "id": id,
        "name_zh": name,
        "name_en": name,
        "kind": kind,
        "level": level,
        "has_enforcement_power": power,
        "confidence": "example",
    }


def _areas(rows: Iterable[Row]) -> Iterator[dict[str, Cell]]:
    yield _area_row(CITY, "深圳市", "", "city", 1)
    yield _area_row(DISTRICT, "坪山区", CITY, "district", 2)
    streets: dict[str, Counter[str]] = {}
    communities: dict[str, Counter[tuple[str, str]]] = {}
    for row in rows:
        if _has_street(row):
            streets.setdefault(_area(row["STREET_ID"]), Counter())[row["STREET_NAME"]] += 1
            if row["COMMUNITY_NAME"] not in NULLS:
                counts = communities.setdefault(_area(row["COMMUNITY_ID"]), Counter())
                counts[row["COMMUNITY_NAME"], _area(row["STREET_ID"])] += 1
    for code, names in sorted(streets.items()):
        yield _area_row(code, first(names), DISTRICT, "street", 3)
    for code, places in sorted(communities.items()):
        name, street = min(places, key=lambda place: (-places[place], place))
        yield _area_row(code, name, street, "community", 4)


def _area_row(code: str, name: str, parent: str, tier: str, level: int) -> dict[str, Cell]:
    return {
        "code": code,
        "name": name,
        "parent": parent,
        "tier": tier,
        "level_role": tier,
        "local_level": level,
        "system": "unit",
    }


def _truth(ref: str, at: int, row: Row) -> dict[str, Cell]:
    kept: dict[str, Cell] = {"source_ref": ref, "opened_at": iso(at, ZONE), "category": category_text(row)}
    unit = row["DISPOSE_UNIT_ID"]
    kept["department"] = _unit(unit) if unit not in NULLS else ""
    return kept | {name.casefold(): row.get(name, "") for name in OUTCOMES} | {"street": row["STREET_NAME"]}
