"""Who must act: dispatch (派遣) on two axes, owner and place, by the duty list.

Components go to their registered owner first; incidents to whom the duty list names for the place. While the owner is
unknown the street acts first. Nothing that needs the power to enforce goes to a unit without it; nothing goes back to
the reporter's own unit without saying why; difficult cases go to coordination; a matter without a duty line goes to the
city's fall-back and says so. Every other candidate is kept with the decision.

Lines with conditions (hours, kind of day, answers) go before the others while they hold at the time the report was
received; the reason names the conditions.

A model of who handled like cases (``history``) comes after the rules: a registered owner or a line that names the
category, its family or its group always decides. Where no such line speaks, the model decides when it is sure; when it
is not, people do (triage), with its candidates before them. Units that were merged stand for those that took over.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from pipeline.domain.ids import DAY_MS
from pipeline.domain.reference.conditions import written
from pipeline.domain.reference.mergers import living
from pipeline.domain.reference.model import Category, ClockKind, Department, Duty, Reference
from pipeline.domain.unitmodel import UnitModel
from pipeline.domain.unitquestion import Asked, question
from pipeline.events.base import Millis
from pipeline.events.intake import LocatedReport
from pipeline.stages.decisions import Route
from pipeline.stages.duty_conditions import HeldLines

STREET = "street-office"
"""The duty list's name for "the street office of the place"."""
TRIAGE = "manual-triage"
"""Where people decide what no rule can."""
OWNED = "owner of the component"
"""How the reason begins of a unit that the register names; while nobody is known, another one acts first."""
SURE = 0.6
"""From this probability on the likeliest unit of the history gets a case that no rule speaks on."""
WORTH_NAMING = 0.05
"""Units less likely than this are no candidates."""
MOST_FROM_HISTORY = 3
_CLOCKS = {kind.value: kind for kind in ClockKind}


class Option:
    """One unit that might act, with the reason it came up and the duty line behind it."""

    def __init__(self, department: str, reason: str, duty: Duty | None = None) -> None:
        self.department, self.reason, self.duty = department, reason, duty


def _by_code(line: Duty) -> bool:
    """Whether a duty line names a category by its code (not a family, a major group or everything)."""
    return ":" not in line.code and line.code != "*"


class Ask(NamedTuple):
    """Everything the choice of a unit hangs on; the same question is asked again and again, so answers are kept."""

    standard: str
    kind: str
    code: str
    areas: tuple[str, ...]
    """Only areas that some duty line or type of area names: most questions differ in the street alone."""
    street: str
    owner: str
    family: str
    difficult: bool
    urgent: bool
    reporter_unit: str
    day: int
    told: Asked | None = None
    """What the model is asked; nothing without a model."""
    held: tuple[str, ...] = ()
    """Duty lines with conditions (hours, days, answers) that hold for this report."""


class History(NamedTuple):
    """What a model says: living units that may act, surest first, with their probabilities."""

    units: tuple[tuple[str, float], ...] = ()

    @property
    def sure(self) -> bool:
        """Whether the first is likely enough to decide by."""
        return bool(self.units) and self.units[0][1] >= SURE


class Choice(NamedTuple):
    """What follows from the question alone, whatever the case."""

    department: str
    assistants: tuple[str, ...]
    team: str
    duty: str
    reason: str
    candidates: tuple[str, ...]
    legal_basis: str
    law_overlap: bool
    probabilities: tuple[float, ...]


class Router:
    """The duty list of a reference set, ready to be asked many times. Pure: the same question, the same answer."""

    def __init__(self, reference: Reference, units: UnitModel | None = None) -> None:
        self.reference = reference
        self.units = units
        self.fallback = reference.city.fallback_department
        self._streets = {row.area: row.id for row in reference.tables.departments if row.kind == "street" and row.area}
        self._named = reference.areas_of_duties()
        self._held = HeldLines(reference)
        self._choose = lru_cache(maxsize=200_000)(self._chosen)

    def route(self, located: LocatedReport, limit_value: int, clock: str, at: Millis, *, urgent: bool) -> Route:
        """Choose among the options in their order; the first that may act does."""
        about, place = located.classification, located.place
        named = self._named
        areas = tuple([area for area in place.areas if area in named]) if named else ()
        told = None if self.units is None else _told(located)
        held = self._held.ids(located, at) if self._held.any else ()
        choice = self._choose(
            Ask(
                about.standard, about.kind, about.code, areas, place.street, place.component_owner, about.family,
                about.case_class == "difficult", urgent, located.report.reporter_unit, at // DAY_MS, told, held,
            )
        )  # fmt: skip
        return Route(
            department=choice.department,
            assistants=choice.assistants,
            person=self._person(choice.department, place.grid, place.community),
            team=choice.team,
            duty=choice.duty,
            reason=choice.reason,
            candidates=choice.candidates,
            probabilities=choice.probabilities,
            model=self.units.version if self.units is not None else "",
            features=_features(told) if told is not None else (),
            legal_basis=choice.legal_basis,
            law_overlap=choice.law_overlap,
            due_at=self.due(at, limit_value, clock),
            limit_value=limit_value,
            clock=clock,
        )

    def due(self, at: Millis, limit_value: int, clock: str) -> Millis | None:
        """When handling is due; ``None`` (not assessable) when there is no limit."""
        return self.reference.calendar.add(at, limit_value, _CLOCKS[clock]) if clock and limit_value else None

    def _chosen(self, ask: Ask) -> Choice:
        category = self.reference.category(ask.standard, ask.kind, ask.code)
        at = ask.day * DAY_MS
        lines = self.reference.duties_for(category, ask.areas, at, ask.held) if category is not None else ()
        history = self._history(ask.told)
        options = self._options(ask, lines, history)
        chosen, reason = self._first_allowed(options, category, ask.reporter_unit)
        duty = chosen.duty
        candidates = tuple(dict.fromkeys(option.department for option in options))
        chances = dict(history.units)
        return Choice(
            department=chosen.department,
            assistants=self._assistants(chosen, ask.street, urgent=ask.urgent),
            team=self._emergency_team(ask.family, ask.street) if ask.urgent else "",
            duty=duty.id if duty else "",
            reason=reason,
            candidates=candidates,
            probabilities=tuple([round(chances.get(unit, 0.0), 4) for unit in candidates]) if ask.told else (),
            legal_basis=duty.legal_basis if duty else "",
            law_overlap=len({line.legal_basis for line in lines if line.legal_basis and _by_code(line)}) > 1,
        )

    def _history(self, told: Asked | None) -> History:
        """What the model says, of units that live; those that were merged add to who took over."""
        if told is None or self.units is None:
            return History()
        chances: dict[str, float] = {}
        for one in self.units.rank(told, most=2 * MOST_FROM_HISTORY):
            if unit := living(self.reference, one.unit):
                chances[unit] = chances.get(unit, 0.0) + one.probability
        likely = [item for item in chances.items() if item[1] >= WORTH_NAMING]
        return History(tuple(sorted(likely, key=lambda item: (-item[1], item[0]))[:MOST_FROM_HISTORY]))

    def _options(self, ask: Ask, lines: tuple[Duty, ...], history: History) -> list[Option]:
        options: list[Option] = []
        if ask.difficult:
            options.append(Option(self.fallback, "difficult: coordination names a lead"))
        by_rule = self._by_duties(ask, lines)
        from_history = [Option(unit, f"history: {chance:.0%} likely") for unit, chance in history.units]
        if any(duty.code != "*" for duty in lines):
            options += by_rule + from_history
        else:
            if ask.told is not None and not options and not history.sure and not ask.urgent:
                options.append(Option(TRIAGE, "no rule names the matter and history is not sure: a person decides"))
            options += from_history + by_rule
        if ask.street in self._streets:
            options.append(Option(self._streets[ask.street], "territory"))
        options.append(Option(self.fallback, "no duty line: the fall-back names a lead"))
        return options

    def _by_duties(self, ask: Ask, lines: Sequence[Duty]) -> list[Option]:
        options: list[Option] = []
        for duty in lines:
            why = f"; {written(duty)}" if duty.conditional else ""
            if duty.owner_first and ask.owner:
                options.append(Option(ask.owner, f"{OWNED}{why}", duty))
            elif duty.owner_first and duty.unknown_owner:
                unit = self._unit(duty.unknown_owner, ask.street)
                options.append(Option(unit, f"owner unknown: acts first{why}", duty))
            options.append(Option(self._unit(duty.lead, ask.street), f"duty list{why}", duty))
        return options

    def _unit(self, department: str, street: str) -> str:
        return self._streets.get(street, department) if department == STREET else department

    def _first_allowed(
        self, options: list[Option], category: Category | None, reporter_unit: str
    ) -> tuple[Option, str]:
        needs_power = category is not None and category.requires_enforcement
        able = [option for option in options if not needs_power or self._has_power(option.department)]
        others = [option for option in able if option.department != reporter_unit]
        chosen = (others or able or options[-1:])[0]
        if not others and able:
            return chosen, f"{chosen.reason}; the reporter's own unit, no other may act"
        if others and able[0] is not chosen:
            return chosen, f"{chosen.reason}; {able[0].department} is the reporter's own unit"
        if needs_power and chosen is not options[0]:
            return chosen, f"{chosen.reason}; {options[0].department} may not enforce"
        return chosen, chosen.reason

    def _has_power(self, department: str) -> bool:
        row: Department | None = self.reference.department(department)
        return department == TRIAGE or (row is not None and (row.has_enforcement_power or row.kind == "centre"))

    def _assistants(self, chosen: Option, street: str, *, urgent: bool) -> tuple[str, ...]:
        named = [self._unit(unit, street) for unit in (chosen.duty.assist if chosen.duty else ())]
        if urgent:
            named.append(self._unit(STREET, street))
        return tuple(unit for unit in dict.fromkeys(named) if unit != chosen.department)

    def _person(self, department: str, grid: str, community: str) -> str:
        """The named person of the responsibility area, when it is this unit's own."""
        for area in (grid, community):
            for person in self.reference.persons_of(area):
                if person.department == department:
                    return person.id
        return ""

    def _emergency_team(self, family: str, street: str) -> str:
        for team in self.reference.tables.teams:
            fits = (not team.families or family in team.families) and (not team.areas or street in team.areas)
            if team.roster == "7x24" and fits:
                return team.id
        return ""


def _told(located: LocatedReport) -> Asked:
    about, place = located.classification, located.place
    return question(
        about.standard, about.kind, about.code, about.family, place.street, place.community, located.report.channel,
        about.nature,
    )  # fmt: skip


def _features(told: Asked) -> tuple[str, ...]:
    return tuple([f"{name}={value}" for name, value in zip(Asked._fields, told, strict=True) if value])
