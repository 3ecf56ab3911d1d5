"""Invented cases in the layout of a district's table: a unit follows from type and street; some units are renamed."""

from __future__ import annotations

import csv
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.leakage import Row

STREETS = {"东街道": ("11", ("甲社区", "乙社区")), "西街道": ("12", ("丙社区", "丁社区"))}
TYPES = (
    ("市容", "占道", "流动摊贩"),
    ("市容", "占道", "店外经营"),
    ("环保", "噪声", "工地噪声"),
    ("环保", "水务", "污水外溢"),
)
RENAMED_AT = 300
BEGIN = datetime(2024, 1, 1, tzinfo=UTC)


def invented(rows: int = 400, seed: int = 7) -> list[Row]:
    """Rows an hour apart. Stalls go to the team of the street, others to bureaus; one in ten goes to the centre."""
    chance = random.Random(seed)
    found = []
    for number in range(rows):
        street = chance.choice(sorted(STREETS))
        family, group, kind = chance.choice(TYPES)
        unit = _unit(street, family, group, number, chance)
        found.append(
            {
                "REC_ID": str(number), "CREATE_TIME": f"{BEGIN + timedelta(hours=number):%Y-%m-%d %H:%M:%S}",
                "EVENT_TYPE_NAME": family, "MAIN_TYPE_NAME": group, "SUB_TYPE_NAME": kind,
                "EVENT_SRC_NAME": chance.choice(("12345", "网格")), "EVENT_PROPERTY_NAME": "投诉",
                "STREET_NAME": street, "COMMUNITY_NAME": chance.choice(STREETS[street][1]),
                "DISPOSE_UNIT_ID": unit[0], "DISPOSE_UNIT_NAME": unit[1],
                "INTIME_ARCHIVE_NUM": "1", "OVERTIME_ARCHIVE_NUM": "0", "INTIME_TO_ARCHIVE_NUM": "0",
                "OPERATE_NUM": "1",
            }
        )  # fmt: skip
    return found


def _unit(street: str, family: str, group: str, number: int, chance: random.Random) -> tuple[str, str]:
    if chance.random() < 0.1:
        return "90", "指挥中心"
    if family == "市容":
        later = f"（{street}办事处）" if number >= RENAMED_AT else ""
        return STREETS[street][0], f"{street}执法队{later}"
    return ("21", "环保局") if group == "噪声" else ("22", "水务局")


def write(folder: Path, rows: list[Row]) -> Path:
    """The rows as the table of a set."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "cases.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder
