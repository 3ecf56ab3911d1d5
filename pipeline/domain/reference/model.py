"""The reference set: everything the stages look up, frozen and indexed once.

A look-up costs a dictionary access or two; nothing here reads files (see ``load``) or judges (see ``check``). All rows
and enumerations can be imported from here.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pipeline.domain.calendar import Calendar, ClockKind, DayRule, Millis
from pipeline.domain.reference.index import (
    Keyed,
    ancestors,
    by_category,
    by_name,
    duty_lines,
    grouped,
    in_force,
    named_by_duties,
    persons_by_area,
    unique,
)
from pipeline.domain.reference.rows import (
    BEGIN,
    END,
    EXTENSION,
    GBT_30428_2,
    GBT_47678_5,
    AlarmType,
    AqiBreakpoint,
    Area,
    BorderRule,
    CaseClass,
    Category,
    CategoryKey,
    City,
    ClassRule,
    Component,
    Confidence,
    Department,
    Device,
    Duty,
    EmergencyWord,
    FilingStandard,
    GridKind,
    GridSystem,
    HotlineSubject,
    LexiconEntry,
    ManagedKind,
    Nature,
    Person,
    Post,
    PracticeSpot,
    ProblemDomain,
    ReasonCode,
    ReferralRule,
    Row,
    SensorLimit,
    SourceCategory,
    StageLimit,
    State,
    Team,
    Transition,
    Weight,
)
from pipeline.domain.reference.tables import Tables, table_names

__all__ = [
    "BEGIN",
    "END",
    "EXTENSION",
    "GBT_30428_2",
    "GBT_47678_5",
    "AlarmType",
    "AqiBreakpoint",
    "Area",
    "BorderRule",
    "Calendar",
    "CaseClass",
    "Category",
    "CategoryKey",
    "City",
    "ClassRule",
    "ClockKind",
    "Component",
    "Confidence",
    "DayRule",
    "Department",
    "Device",
    "Duty",
    "EmergencyWord",
    "FilingStandard",
    "GridKind",
    "GridSystem",
    "HotlineSubject",
    "LexiconEntry",
    "ManagedKind",
    "Millis",
    "Nature",
    "Person",
    "Post",
    "PracticeSpot",
    "ProblemDomain",
    "ReasonCode",
    "Reference",
    "ReferralRule",
    "Row",
    "SensorLimit",
    "SourceCategory",
    "StageLimit",
    "State",
    "Tables",
    "Team",
    "Transition",
    "Weight",
    "table_names",
]


@dataclass(frozen=True, slots=True)
class Reference:
    """One loaded reference set. ``version`` is a stable hash of its contents and is kept with every decision.

    ``origins`` tells file and line of a row (``(table, row number)`` → ``file:line``), for messages.
    """

    tables: Tables
    city: City = field(default_factory=City)
    version: str = ""
    calendar: Calendar = field(default_factory=Calendar)
    origins: dict[tuple[str, int], str] = field(default_factory=dict, repr=False, compare=False)

    _category: dict[CategoryKey, Category] = field(init=False, repr=False, compare=False)
    _filing: dict[CategoryKey, tuple[FilingStandard, ...]] = field(init=False, repr=False, compare=False)
    _duty: dict[CategoryKey, tuple[Duty, ...]] = field(init=False, repr=False, compare=False)
    _limit: Keyed[tuple[str, str, str], SensorLimit] = field(init=False, repr=False, compare=False)
    _department: dict[str, Department] = field(init=False, repr=False, compare=False)
    _area: dict[str, Area] = field(init=False, repr=False, compare=False)
    _path: dict[str, tuple[str, ...]] = field(init=False, repr=False, compare=False)
    _area_name: dict[str, tuple[Area, ...]] = field(init=False, repr=False, compare=False)
    _device: dict[str, Device] = field(init=False, repr=False, compare=False)
    _component: dict[str, Component] = field(init=False, repr=False, compare=False)
    _transition: dict[str, tuple[Transition, ...]] = field(init=False, repr=False, compare=False)
    _move: dict[tuple[str, str], Transition] = field(init=False, repr=False, compare=False)
    _state: dict[str, State] = field(init=False, repr=False, compare=False)
    _stage: dict[str, tuple[StageLimit, ...]] = field(init=False, repr=False, compare=False)
    _subject: dict[str, HotlineSubject] = field(init=False, repr=False, compare=False)
    _source: dict[tuple[str, str], SourceCategory] = field(init=False, repr=False, compare=False)
    _person: dict[str, Person] = field(init=False, repr=False, compare=False)
    _team: dict[str, Team] = field(init=False, repr=False, compare=False)
    _person_area: dict[str, tuple[Person, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Build the indexes, once."""
        t = self.tables
        areas = unique(t.areas, lambda row: row.code)
        index: dict[str, object] = {
            "_category": unique(t.categories, lambda row: row.key),
            "_filing": by_category(t.categories, t.filing_standards),
            "_duty": duty_lines(t.categories, t.duties),
            "_limit": grouped(t.sensor_limits, lambda row: (row.device_kind, row.metric, row.zone)),
            "_department": unique(t.departments, lambda row: row.id),
            "_area": areas,
            "_path": ancestors(areas),
            "_area_name": by_name(t.areas),
            "_device": unique(t.devices, lambda row: row.device_id),
            "_component": unique(t.components, lambda row: row.code),
            "_transition": grouped(t.lifecycle, lambda row: row.from_state),
            "_move": unique(t.lifecycle, lambda row: (row.from_state, row.action)),
            "_state": unique(t.states, lambda row: row.state),
            "_stage": grouped(t.stage_limits, lambda row: row.stage),
            "_subject": unique(t.hotline_tree, lambda row: row.code),
            "_source": unique(t.source_categories, lambda row: (row.source_system, row.text.casefold())),
            "_person": unique(t.persons, lambda row: row.id),
            "_team": unique(t.teams, lambda row: row.id),
            "_person_area": persons_by_area(t.persons),
        }
        for name, value in index.items():
            object.__setattr__(self, name, value)

    def category(self, standard: str, kind: str, code: str) -> Category | None:
        """The category of a key, or ``None``."""
        return self._category.get((standard, kind, code))

    def filing_for(self, category: Category) -> tuple[FilingStandard, ...]:
        """Filing standards of a category in file order, the default row (a limit without a condition) last.

        A category without rows of its own takes those of its counterpart in the other standard.
        """
        return self._filing.get(category.key, ())

    def duties_for(
        self, category: Category, areas: tuple[str, ...], at: Millis, held: tuple[str, ...] = ()
    ) -> tuple[Duty, ...]:
        """Lines of the duty list for a category at a place (its area codes, any order), smallest priority first.

        Equal ones: the narrower first (area, code, family, major, all). Lines with conditions hold if in ``held``.
        """
        return tuple(
            [
                duty
                for duty in in_force(self._duty.get(category.key, ()), at)
                if (not duty.area or duty.area in areas)
                and (not duty.area_type or self._typed(duty, areas))
                and (not duty.conditional or duty.id in held)
            ]
        )

    def duty_lines(self, category: Category) -> tuple[Duty, ...]:
        """All lines that can ever mean a category, at any place and time: with conditions first, then by priority."""
        return self._duty.get(category.key, ())

    def areas_of_duties(self) -> frozenset[str]:
        """The areas that a duty line names, by code or by their type: no other area changes who answers."""
        return named_by_duties(self.tables.duties, self.tables.areas)

    def _typed(self, duty: Duty, areas: tuple[str, ...]) -> bool:
        return any((area := self._area.get(code)) is not None and area.area_type == duty.area_type for code in areas)

    def limits_for(self, device_kind: str, metric: str, zone: str, at: Millis) -> tuple[SensorLimit, ...]:
        """Limits in force: those of the zone, else those for all zones (``*``); limits of any metric come with them."""
        own = self._limit.get((device_kind, metric, zone)) or self._limit.get((device_kind, metric, "*"), ())
        common = self._limit.get((device_kind, "*", "*"), ()) or self._limit.get(("*", "*", "*"), ())
        return in_force(own + common, at)

    def department(self, id: str) -> Department | None:
        """A department by its id."""
        return self._department.get(id)

    def area(self, code: str) -> Area | None:
        """An area by its code."""
        return self._area.get(code)

    def area_path(self, code: str) -> tuple[str, ...]:
        """Codes from the top of the tree down to ``code``; empty for an unknown code."""
        return self._path.get(code, ())

    def areas_by_name(self, name: str) -> tuple[Area, ...]:
        """All areas of a name or alias (case and outer blanks do not matter)."""
        return self._area_name.get(name.strip().casefold(), ())

    def device(self, id: str) -> Device | None:
        """A device by its id."""
        return self._device.get(id)

    def component(self, code: str) -> Component | None:
        """A component by its identification code."""
        return self._component.get(code)

    def person(self, id: str) -> Person | None:
        """A person by id."""
        return self._person.get(id)

    def team(self, id: str) -> Team | None:
        """A team by id."""
        return self._team.get(id)

    def persons_of(self, area: str) -> tuple[Person, ...]:
        """Who is responsible for an area itself (not for those below it)."""
        return self._person_area.get(area, ())

    def state(self, name: str) -> State | None:
        """A state of the lifecycle."""
        return self._state.get(name)

    def transitions(self, state: str) -> tuple[Transition, ...]:
        """The moves allowed in a state, those of any open state (``*``) included."""
        own = self._transition.get(state, ())
        row = self._state.get(state)
        return own if row is None or row.terminal else own + self._transition.get("*", ())

    def transition(self, state: str, action: str) -> Transition | None:
        """The one move of an action in a state, or ``None`` when it is not allowed."""
        found = self._move.get((state, action))
        if found is None and (row := self._state.get(state)) is not None and not row.terminal:
            found = self._move.get(("*", action))
        return found

    def stage_limit(self, stage: str, *scopes: str) -> StageLimit | None:
        """The limit of a stage for the first scope that has one, else the default (``*``)."""
        rows = self._stage.get(stage, ())
        for scope in (*scopes, "*"):
            for row in rows:
                if row.scope == scope:
                    return row
        return None

    def subject(self, code: str) -> HotlineSubject | None:
        """A leaf of the hotline tree."""
        return self._subject.get(code)

    def source_category(self, source_system: str, text: str) -> Category | None:
        """The category that a source system means by its own words."""
        row = self._source.get((source_system, text.strip().casefold()))
        return None if row is None else self._category.get((row.standard, row.kind.value, row.code))

    def origin(self, table: str, number: int) -> str:
        """``file:line`` of a row, for messages."""
        return self.origins.get((table, number), f"{table}[{number}]")
