"""All tables of one reference set, by the names of their files."""

from __future__ import annotations

from dataclasses import dataclass, fields

from pipeline.domain.calendar import DayRule
from pipeline.domain.reference.rows import (
    AqiBreakpoint,
    Area,
    BorderRule,
    Category,
    ClassRule,
    Component,
    Department,
    Device,
    Duty,
    EmergencyWord,
    FilingStandard,
    GridKind,
    GridSystem,
    HotlineSubject,
    LexiconEntry,
    NamedPlace,
    Person,
    Post,
    PracticeSpot,
    ReasonCode,
    ReferralRule,
    SensorLimit,
    SourceCategory,
    StageLimit,
    State,
    Team,
    Transition,
    Weight,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """All rows of one reference set, in the order of its files."""

    categories: tuple[Category, ...] = ()
    filing_standards: tuple[FilingStandard, ...] = ()
    sensor_limits: tuple[SensorLimit, ...] = ()
    aqi_breakpoints: tuple[AqiBreakpoint, ...] = ()
    stage_limits: tuple[StageLimit, ...] = ()
    departments: tuple[Department, ...] = ()
    posts: tuple[Post, ...] = ()
    persons: tuple[Person, ...] = ()
    teams: tuple[Team, ...] = ()
    duties: tuple[Duty, ...] = ()
    areas: tuple[Area, ...] = ()
    grid_kinds: tuple[GridKind, ...] = ()
    grid_systems: tuple[GridSystem, ...] = ()
    border_rules: tuple[BorderRule, ...] = ()
    practices: tuple[PracticeSpot, ...] = ()
    components: tuple[Component, ...] = ()
    devices: tuple[Device, ...] = ()
    states: tuple[State, ...] = ()
    lifecycle: tuple[Transition, ...] = ()
    reason_codes: tuple[ReasonCode, ...] = ()
    hotline_tree: tuple[HotlineSubject, ...] = ()
    hotline_referrals: tuple[ReferralRule, ...] = ()
    class_rules: tuple[ClassRule, ...] = ()
    emergency_words: tuple[EmergencyWord, ...] = ()
    lexicon: tuple[LexiconEntry, ...] = ()
    source_categories: tuple[SourceCategory, ...] = ()
    weights: tuple[Weight, ...] = ()
    calendar: tuple[DayRule, ...] = ()
    gazetteer: tuple[NamedPlace, ...] = ()


def table_names() -> tuple[str, ...]:
    """Names of all tables, which are also the stems of their files."""
    return tuple(item.name for item in fields(Tables))
