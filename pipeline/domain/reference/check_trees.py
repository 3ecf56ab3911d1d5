"""Checks of shapes: trees of areas without holes, a lifecycle without dead ends, weights that sum to 1."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from math import fsum

from pipeline.domain.reference.model import Area, Reference
from pipeline.errors import Fault

TOLERANCE = 1e-9
"""How far a sum of weights may be from 1: rounding of decimal fractions, no more."""


def areas(reference: Reference) -> Iterator[Fault]:
    """A ring of parents, a level left out, a level role that its grid system does not have."""
    roles = {system.id: system.roles for system in reference.tables.grid_systems}
    for number, area in enumerate(reference.tables.areas):
        where = reference.origin("areas", number)
        parent = reference.area(area.parent) if area.parent else None
        if parent is not None and area.code in _upward(reference, area):
            yield Fault(where, "parent", area.parent, "the area is its own ancestor; name a parent above it")
            continue
        if _hole(area, parent):
            expected = 1 if parent is None else parent.local_level + 1
            remedy = f"a level is left out: write {expected}, or add the area between"
            yield Fault(where, "local_level", str(area.local_level), remedy)
        known = roles.get(area.system, (area.level_role,))
        if area.level_role not in known:
            remedy = f"no level of grid system {area.system}; its levels are {', '.join(known)}"
            yield Fault(where, "level_role", area.level_role, remedy)


def _upward(reference: Reference, area: Area) -> tuple[str, ...]:
    """Codes above an area, until the top or a ring closes."""
    found: list[str] = []
    step = area.parent
    while step and step not in found:
        found.append(step)
        above = reference.area(step)
        step = "" if above is None else above.parent
    return tuple(found)


def _hole(area: Area, parent: Area | None) -> bool:
    """A tree starts at level 1 and goes down by one; under another system's area it may start where it likes."""
    if parent is None:
        return not area.parent and area.local_level != 1
    return parent.system == area.system and area.local_level != parent.local_level + 1


def responsible_persons(reference: Reference) -> Iterator[Fault]:
    """A grid of a kind that needs a responsible person, and has none."""
    needing = {kind.id for kind in reference.tables.grid_kinds if kind.needs_person}
    for number, area in enumerate(reference.tables.areas):
        if area.level_role in needing and not reference.persons_of(area.code):
            remedy = f"a {area.level_role} grid needs a person; name the area in persons.csv"
            yield Fault(reference.origin("areas", number), "code", area.code, remedy)


UNDOES = "unmerge"
"""The one action on a case that has ended: a person says that it was merged by mistake."""


def lifecycle(reference: Reference) -> Iterator[Fault]:
    """States nobody reaches, dead ends, exits from the end, and reasons asked for but not listed."""
    t = reference.tables
    reached = _reached(reference)
    initial = [state.state for state in t.states if state.initial]
    if t.states and len(initial) != 1:
        yield Fault("states.csv", "initial", ", ".join(initial), "mark exactly one state as the first")
    for number, state in enumerate(t.states):
        where, moves = reference.origin("states", number), reference.transitions(state.state)
        if initial and state.state not in reached:
            yield Fault(where, "state", state.state, "unreachable: no move leads to it from the first state")
        if state.terminal and any(move.action != UNDOES for move in moves):
            yield Fault(where, "terminal", state.state, "an end has no moves; remove them or the mark")
        if not state.terminal and not moves:
            yield Fault(where, "state", state.state, "a case would stay here for ever; add a move")
    for number, move in enumerate(t.lifecycle):
        if move.reason_required and not move.reasons:
            remedy = "list the reason codes that are accepted"
            yield Fault(reference.origin("lifecycle", number), "reasons", move.action, remedy)
        if not move.roles:
            yield Fault(reference.origin("lifecycle", number), "roles", move.action, "say who may do it")


def _reached(reference: Reference) -> set[str]:
    queue = deque(state.state for state in reference.tables.states if state.initial)
    reached = set(queue)
    while queue:
        for move in reference.transitions(queue.popleft()):
            if move.to_state not in reached:
                reached.add(move.to_state)
                queue.append(move.to_state)
    return reached


def reasons(reference: Reference) -> Iterator[Fault]:
    """A reason code listed for an action that does not name it."""
    listed = {(row.action, row.code) for row in reference.tables.reason_codes}
    for number, move in enumerate(reference.tables.lifecycle):
        for reason in move.reasons:
            if (move.action, reason) not in listed:
                remedy = f"list it for the action {move.action} in reason_codes.csv"
                yield Fault(reference.origin("lifecycle", number), "reasons", reason, remedy)


def weights(reference: Reference) -> Iterator[Fault]:
    """Weights of a score that do not sum to 1, or a weight outside 0..1."""
    sets: dict[str, list[float]] = defaultdict(list)
    for number, row in enumerate(reference.tables.weights):
        sets[row.set].append(row.weight)
        if not 0 < row.weight <= 1:
            remedy = "write a share above 0 and at most 1"
            yield Fault(reference.origin("weights", number), "weight", str(row.weight), remedy)
    for name, values in sets.items():
        total = fsum(values)
        if abs(total - 1) > TOLERANCE:
            yield Fault("weights.csv", "weight", f"{name}: {total:g}", "make the weights of the set sum to 1")


CHECKS: tuple[Callable[[Reference], Iterator[Fault]], ...] = (areas, responsible_persons, lifecycle, reasons, weights)
