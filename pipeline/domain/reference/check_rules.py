"""Checks of rules: nothing falls through, no rule is dead, and only those act who may."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pipeline.domain.reference.conditions import condition_of, misread
from pipeline.domain.reference.mergers import living
from pipeline.domain.reference.model import Category, ClassRule, ClockKind, Department, Duty, Reference
from pipeline.domain.reference.rules import RECURRENCE_DAYS, REPEAT_HANDLING
from pipeline.errors import Fault

GRID_KINDS = ("community", "grid")
"""Kinds of department below the street: they decide nothing and enforce nothing."""
CONDITIONS = (
    "family",
    "code",
    "nature",
    "word_class",
    "min_casualties",
    "min_affected",
    "min_reports",
    "min_dispatches",
    "min_departments",
    "min_refusals",
    "min_recurrences",
    "ownership",
    "unfunded",
    "min_severity",
    "category_default",
    "channel",
)


def gaps(reference: Reference) -> Iterator[Fault]:
    """A category that nobody answers for at some place, or that has no handling limit."""
    for number, category in enumerate(reference.tables.categories):
        where, name = reference.origin("categories", number), "|".join(category.key)
        if not any(_everywhere(duty) for duty in reference.duty_lines(category)):
            yield Fault(where, "code", name, "no line of duties.csv holds for it everywhere and always; add one")
        if not reference.filing_for(category):
            yield Fault(where, "code", name, "no row of filing_standards.csv gives its limit; add at least a default")


def dead_duties(reference: Reference) -> Iterator[Fault]:
    """Lines of the duty list that no category means, or that an earlier line of the same law always precedes."""
    used: set[str] = set()
    for category in reference.tables.categories:
        lines = reference.duty_lines(category)
        used.update(duty.id for number, duty in enumerate(lines) if _shadow(lines, number) is None)
    for number, duty in enumerate(reference.tables.duties):
        if duty.id not in used:
            remedy = "dead rule: no category means it, or an earlier line of the same legal basis always holds"
            yield Fault(reference.origin("duties", number), "code", f"{duty.id} {duty.code}", remedy)
        types = {area.area_type for area in reference.tables.areas}
        if duty.area_type and duty.area_type not in types:
            remedy = "dead rule: no area is of this type"
            yield Fault(reference.origin("duties", number), "area_type", duty.area_type, remedy)


def _shadow(lines: tuple[Duty, ...], number: int) -> Duty | None:
    """An earlier line that holds wherever and whenever this one does, on the same legal basis."""
    duty = lines[number]
    for earlier in lines[:number]:
        covers = earlier.area in ("", duty.area) and earlier.area_type in ("", duty.area_type)
        lasts = earlier.valid_from <= duty.valid_from and duty.valid_to <= earlier.valid_to
        if covers and lasts and earlier.legal_basis == duty.legal_basis and _asks_less(earlier, duty):
            return earlier
    return None


def _asks_less(earlier: Duty, duty: Duty) -> bool:
    """Whether the conditions of the earlier line, if it has any, are met whenever those of this one are."""
    if not earlier.conditional:
        return True
    return not any(misread(earlier)) and condition_of(earlier).wider(condition_of(duty))


def enforcement(reference: Reference) -> Iterator[Fault]:
    """Somebody without enforcement power, above all a grid or community, leads a matter that needs it."""
    numbers = {duty.id: number for number, duty in enumerate(reference.tables.duties)}
    for category in reference.tables.categories:
        if not category.requires_enforcement:
            continue
        for duty in _leading(reference.duty_lines(category)):
            department = reference.department(duty.lead)
            if department is not None and not _may_enforce(department):
                where = reference.origin("duties", numbers[duty.id])
                remedy = (
                    f"{category.name_zh} needs enforcement power; name a lead that has it, never a grid or community"
                )
                yield Fault(where, "lead", duty.lead, remedy)


def _leading(lines: tuple[Duty, ...]) -> Iterator[Duty]:
    """The lines that can come first somewhere: up to the first that holds everywhere and always."""
    for duty in lines:
        yield duty
        if _everywhere(duty):
            return


def _everywhere(duty: Duty) -> bool:
    return not duty.area and not duty.area_type and not duty.conditional


def _may_enforce(department: Department) -> bool:
    return department.has_enforcement_power and department.kind not in GRID_KINDS


def unreachable_departments(reference: Reference) -> Iterator[Fault]:
    """A department that no line, register or tree ever leads to: its topic would stay empty for ever."""
    t = reference.tables
    reached = {reference.city.fallback_department}
    for duty in t.duties:
        reached.update((duty.lead, duty.unknown_owner, *duty.assist))
    reached.update(component.owner for component in t.components)
    reached.update(subject.department for subject in t.hotline_tree)
    for number, department in enumerate(t.departments):
        if department.id not in reached and not department.merged_into:
            remedy = "unreachable: no duty, component or hotline subject names it; name it or remove it"
            yield Fault(reference.origin("departments", number), "id", department.id, remedy)


def dead_departments(reference: Reference) -> Iterator[Fault]:
    """Work for a unit that was merged into another one, or mergers that go round in a ring."""
    t = reference.tables
    for number, department in enumerate(t.departments):
        if department.merged_into and not living(reference, department.id):
            remedy = "the mergers end at no living unit; name the one that acts now"
            yield Fault(reference.origin("departments", number), "merged_into", department.merged_into, remedy)
    gone = {row.id for row in t.departments if row.merged_into}
    for where, field, unit in _units_named(reference):
        if unit in gone:
            remedy = f"a dead unit: name {living(reference, unit) or 'a living one'}, which acts now"
            yield Fault(where, field, unit, remedy)


def _units_named(reference: Reference) -> Iterator[tuple[str, str, str]]:
    """Whoever is given work by a table: place, field and unit."""
    t = reference.tables
    for number, duty in enumerate(t.duties):
        where = reference.origin("duties", number)
        yield where, "lead", duty.lead
        yield where, "unknown_owner", duty.unknown_owner
        yield from ((where, "assist", unit) for unit in duty.assist)
    for number, component in enumerate(t.components):
        yield reference.origin("components", number), "owner", component.owner
    for number, subject in enumerate(t.hotline_tree):
        yield reference.origin("hotline_tree", number), "department", subject.department


def dead_class_rules(reference: Reference) -> Iterator[Fault]:
    """A class rule that asks for what nothing has, or that an earlier and wider rule always answers first."""
    t = reference.tables
    kinds = {word.word_class for word in t.emergency_words}
    codes, defaults = {row.code for row in t.categories}, {row.case_class_default for row in t.categories}
    order = sorted(enumerate(t.class_rules), key=lambda item: item[1].priority)
    for place, (number, rule) in enumerate(order):
        where = reference.origin("class_rules", number)
        if rule.word_class and rule.word_class not in kinds:
            yield Fault(where, "word_class", rule.word_class, "dead rule: no emergency word is of this class")
        if rule.code and rule.code not in codes:
            yield Fault(where, "code", rule.code, "dead rule: no category has this code")
        if rule.category_default is not None and rule.category_default not in defaults:
            yield Fault(where, "category_default", rule.category_default, "dead rule: no category has this default")
        for _, earlier in order[:place]:
            if _wider(earlier, rule):
                yield Fault(where, "id", rule.id, f"dead rule: {earlier.id} (smaller priority) always decides first")
                break
    if t.class_rules and any(_condition(order[-1][1], name) for name in CONDITIONS):
        remedy = "end the rules with one that has no condition, so that every case gets a class"
        yield Fault(reference.origin("class_rules", order[-1][0]), "id", order[-1][1].id, remedy)


def _wider(earlier: ClassRule, rule: ClassRule) -> bool:
    """Whether every condition of the earlier rule is met whenever those of the later are."""
    lasts = earlier.valid_from <= rule.valid_from and rule.valid_to <= earlier.valid_to
    return lasts and all(_implied(earlier, rule, name) for name in CONDITIONS)


def _implied(earlier: ClassRule, rule: ClassRule, name: str) -> bool:
    asked, given = _condition(earlier, name), _condition(rule, name)
    if not asked:
        return True
    if name.startswith("min_") and isinstance(asked, int) and isinstance(given, int):
        return given >= asked
    return asked == given


def _condition(rule: ClassRule, name: str) -> object:
    return getattr(rule, name) or None


def emergency_words(reference: Reference) -> Iterator[Fault]:
    """A word whose class is not the one its rule asks for."""
    rules = {rule.id: rule for rule in reference.tables.class_rules}
    for number, word in enumerate(reference.tables.emergency_words):
        rule = rules.get(word.rule_id)
        if rule is not None and rule.word_class != word.word_class:
            remedy = f"{rule.id} asks for class {rule.word_class!r}; name the rule of this word's class"
            yield Fault(reference.origin("emergency_words", number), "rule_id", word.rule_id, remedy)


def silent_devices(reference: Reference) -> Iterator[Fault]:
    """A device whose readings no limit ever judges."""
    judged = {(row.device_kind, row.metric) for row in reference.tables.sensor_limits}
    for number, device in enumerate(reference.tables.devices):
        where = reference.origin("devices", number)
        if not any((device.kind, metric) in judged or (device.kind, "*") in judged for metric in device.metrics):
            remedy = "no row of sensor_limits.csv has this kind with one of its metrics; add a limit or mend the kind"
            yield Fault(where, "kind", device.kind, remedy)
        if device.reporting_period_s <= 0:
            yield Fault(where, "reporting_period_s", str(device.reporting_period_s), "name a period of at least 1 s")


def repeat_periods(reference: Reference) -> Iterator[Fault]:
    """A period of repeat handling that no recurrence can reach, or that is not counted in days, or for some only."""
    for number, row in enumerate(reference.tables.stage_limits):
        if row.stage != REPEAT_HANDLING:
            continue
        where = reference.origin("stage_limits", number)
        if not 1 <= row.value <= RECURRENCE_DAYS:
            remedy = f"give 1 to {RECURRENCE_DAYS} days: a problem that is back later is no recurrence"
            yield Fault(where, "value", str(row.value), remedy)
        if row.clock != ClockKind.NATURAL_DAY:
            yield Fault(where, "clock", row.clock, "write natural_day: the period is counted in days of 24 hours")
        if row.scope != "*":
            yield Fault(where, "scope", row.scope, "write *: one period holds for all")


def coverage_of(category: Category, reference: Reference) -> tuple[str, ...]:
    """Departments that can lead a category somewhere, the usual one last. For people who look at a set."""
    return tuple(duty.lead for duty in _leading(reference.duty_lines(category)))


CHECKS: tuple[Callable[[Reference], Iterator[Fault]], ...] = (
    gaps,
    dead_duties,
    enforcement,
    unreachable_departments,
    dead_departments,
    dead_class_rules,
    emergency_words,
    silent_devices,
    repeat_periods,
)
