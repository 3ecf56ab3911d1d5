"""Which table holds which rows, and what makes two rows of a table the same row."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from pipeline.domain.reference import rows as r

ROWS: dict[str, type[r.Row]] = {
    "categories": r.Category,
    "filing_standards": r.FilingStandard,
    "sensor_limits": r.SensorLimit,
    "aqi_breakpoints": r.AqiBreakpoint,
    "stage_limits": r.StageLimit,
    "departments": r.Department,
    "posts": r.Post,
    "persons": r.Person,
    "teams": r.Team,
    "duties": r.Duty,
    "areas": r.Area,
    "grid_kinds": r.GridKind,
    "grid_systems": r.GridSystem,
    "border_rules": r.BorderRule,
    "practices": r.PracticeSpot,
    "components": r.Component,
    "devices": r.Device,
    "states": r.State,
    "lifecycle": r.Transition,
    "reason_codes": r.ReasonCode,
    "hotline_tree": r.HotlineSubject,
    "hotline_referrals": r.ReferralRule,
    "class_rules": r.ClassRule,
    "emergency_words": r.EmergencyWord,
    "lexicon": r.LexiconEntry,
    "source_categories": r.SourceCategory,
    "weights": r.Weight,
    "calendar": r.Row,
    "gazetteer": r.NamedPlace,
}
"""``calendar`` is read into ``DayRule``; its entry only makes the file known."""

YOUNGER = frozenset({"gazetteer"})
"""Tables that came later than others: a set that does not use them keeps its version."""

KEYS: dict[str, Callable[[Any], Hashable]] = {
    "categories": lambda row: row.key,
    "aqi_breakpoints": lambda row: (row.standard, row.pollutant, row.averaging, row.iaqi),
    "areas": lambda row: row.code,
    "components": lambda row: row.code,
    "devices": lambda row: row.device_id,
    "states": lambda row: row.state,
    "lifecycle": lambda row: (row.from_state, row.action),
    "reason_codes": lambda row: (row.action, row.code),
    "hotline_tree": lambda row: row.code,
    "emergency_words": lambda row: (row.word, row.word_class),
    "lexicon": lambda row: (row.phrase.casefold(), row.category_key),
    "source_categories": lambda row: (row.source_system, row.text.casefold()),
    "weights": lambda row: (row.set, row.indicator),
    "grid_kinds": lambda row: (row.id, row.area_type),
    "calendar": lambda row: row.day,
    "gazetteer": lambda row: (row.name.casefold(), *row.areas[:1], row.valid_from),
    "practices": lambda row: (row.lon, row.lat, row.tier, row.drawn, row.held),
} | {
    name: (lambda row: row.id)
    for name in (
        "filing_standards",
        "sensor_limits",
        "stage_limits",
        "departments",
        "posts",
        "persons",
        "teams",
        "duties",
        "grid_systems",
        "border_rules",
        "hotline_referrals",
        "class_rules",
    )
}
