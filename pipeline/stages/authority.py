"""May who acts do so on this case? By post and unit, as the table of posts says.

The rights of Kafka end at the topic: whoever may write to ``actions.water`` may write any action there. What it says
about itself is held against the tables here: a post belongs to units of some kinds (who dispatches, checks and closes
sits in the centre, 监督指挥两轴: who handles is neither), a department acts on its own cases, and a unit with an area
on cases that lie in it.
"""

from __future__ import annotations

from pipeline.domain.reference.mergers import living
from pipeline.domain.reference.model import Reference
from pipeline.events.casework import CaseAction
from pipeline.stages.entries import CaseEntry
from pipeline.stages.route import TRIAGE

CENTRE = "centre"
"""The kind of unit that may speak for the system itself."""


def unauthorised(case: CaseEntry, action: CaseAction, reference: Reference) -> str:
    """Why this unit may not act in this role on the case; "" when it may.

    An action that names no unit is one of a file, whose keeper answers for it; on Kafka the topic names the unit
    (:mod:`pipeline.runtime.kafka.speakers`). The desk for what nobody owns may do whatever its role may.
    """
    unit = action.actor_unit
    if not unit or unit == TRIAGE:
        return ""
    department = reference.department(unit)
    kind = department.kind if department is not None else ""
    post = next((row for row in reference.tables.posts if row.id == action.actor_role), None)
    held_by = post.units if post is not None else (CENTRE,)
    if held_by and kind not in held_by:
        return f"nobody at {unit!r} is {action.actor_role!r}: that is held by units of kind {' or '.join(held_by)}"
    if post is not None and post.own_cases:
        mine = unit in (case.department, living(reference, case.department))
        return "" if mine else f"the case is with {case.department!r}, not with {unit!r}"
    if department is not None and department.area and not _lies_in(case, department.area, reference):
        return f"the case lies outside {department.area!r}, the area of {unit!r}"
    return ""


def _lies_in(case: CaseEntry, area: str, reference: Reference) -> bool:
    """Whether the case lies in an area; one without a place may lie anywhere."""
    where = case.grid or case.street
    return not where or area in reference.area_path(where)
