"""What casework decides on a report: part of a known case or new, a case or not, and who must act."""

from __future__ import annotations

from pipeline.events.base import Millis, Value
from pipeline.stages.entries import Earlier


class Verdict(Value, frozen=True, kw_only=True):
    """What the report is: linked to ``case_id`` (``how`` says why), or new (``case_id`` "") and what it comes after."""

    case_id: str = ""
    how: str = ""
    score: float = 0.0
    distance_m: float | None = None
    gap_ms: int = 0
    similarity: float = 0.0
    rule: str = ""
    suggested: str = ""
    """A case that the report may be a duplicate of: too unsure to merge, likely enough to ask a person."""
    recurrence_of: str = ""
    repeat_complaint_of: str = ""
    again: Earlier | None = None
    """The closed case it came after, when a unit that handles this too handles the same place again."""


class Twin(Value, frozen=True, kw_only=True):
    """A case of this tile beside one of a neighbour: all that the rule weighs, and how likely they are one problem."""

    case_id: str
    distance_m: float
    gap_ms: int
    error_m: float
    """Location error of both together in metres (1 sigma)."""
    similarity: float
    """Likeness of their texts, 0..1."""
    same_person: bool
    score: float
    """Probability, 0..1."""


class Filing(Value, frozen=True, kw_only=True):
    """The decision: fate and outcome, the state a case starts in, the row applied and the handling limit it gives."""

    fate: str
    outcome: str
    state: str = ""
    rule: str = ""
    reason: str = ""
    measured: float | None = None
    unit: str = ""
    limit_value: int = 0
    clock: str = ""


class Route(Value, frozen=True, kw_only=True):
    """The decision, its reason and the candidates that were considered, best first."""

    department: str
    assistants: tuple[str, ...] = ()
    person: str = ""
    team: str = ""
    duty: str = ""
    reason: str = ""
    candidates: tuple[str, ...] = ()
    probabilities: tuple[float, ...] = ()
    """Of the candidates, in their order, by who handled like cases; empty when no model was asked."""
    model: str = ""
    """Version of the model that was asked."""
    features: tuple[str, ...] = ()
    """What the model was told, ``name=value``."""
    legal_basis: str = ""
    law_overlap: bool = False
    due_at: Millis | None = None
    limit_value: int = 0
    clock: str = ""
