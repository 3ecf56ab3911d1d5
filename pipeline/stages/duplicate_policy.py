"""What decides on duplicates: thresholds and weights, and how far a search for the same problem goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pipeline.domain.ids import DAY_MS
from pipeline.domain.pairmodel import PairModel, PairWeights
from pipeline.domain.reference.rows import CategoryKey
from pipeline.domain.reference.rules import RECURRENCE_DAYS
from pipeline.events.base import Millis
from pipeline.events.casework import NeighbourNotice
from pipeline.stages.entries import CaseEntry

HOUR_MS = 3_600_000
ERRORS = 2.0
"""Location errors (1 sigma) that widen a radius."""
USUAL = (30.0, 168 * HOUR_MS)
"""Radius and window of a category that states none."""
Known = CaseEntry | NeighbourNotice
"""A case of this tile, or what a neighbour tile told of one of its own."""


@dataclass(frozen=True, slots=True)
class DuplicatePolicy:
    """Thresholds of the rule; radius and window come from the category.

    ``max_radius_m`` bounds every search. ``threshold`` is the least probability of a link, ``suggest`` that of a
    suggestion to a person. ``error_cap_m`` bounds how much of a location error may widen the radius. ``systems`` are
    the source systems whose order numbers a text may name without saying whose they are. ``wide_reach_m`` bounds how
    far a report looks within its tile whose place is a wide one: a name that means a whole estate, say.
    """

    max_radius_m: float = 150.0
    threshold: float = 0.35
    suggest: float = 0.15
    error_cap_m: float = 100.0
    wide_reach_m: float = 300.0
    weights: PairWeights = field(default_factory=PairWeights)
    recurrence_ms: Millis = RECURRENCE_DAYS * DAY_MS
    repeat_ms: Millis = 0
    """How soon after its end a case must recur for a repeat handling; 0 looks for none."""
    systems: tuple[str, ...] = ()
    spans: Mapping[tuple[str, str, str], tuple[float, Millis]] = field(default_factory=dict)
    """Radius and window by category."""
    widest: Mapping[str, float] = field(default_factory=dict)
    """The largest radius by family."""
    one: Mapping[CategoryKey, CategoryKey] = field(default_factory=dict)
    """Kinds that several lists name: each older key with the newest (``reference.index.one_keys``)."""
    names: Mapping[str, str] = field(init=False, repr=False, compare=False)
    """The same of ``standard|kind|code``."""
    families: Mapping[str, str] = field(default_factory=dict)
    """The family of ``standard|kind|code``: where a report that nobody could name is looked for."""
    model: PairModel | None = None
    """A learned model that decides in place of score and threshold; exact references stay before it."""

    def __post_init__(self) -> None:
        """Write the keys of ``one`` as texts."""
        names = {"|".join(key): "|".join(newest) for key, newest in self.one.items()}
        object.__setattr__(self, "names", names)

    def newest(self, name: str) -> str:
        """A category by its name in the newest list that has it."""
        return self.names.get(name, name)

    def one_kind(self, left: CategoryKey, right: CategoryKey) -> bool:
        """Whether two categories are the same, also under the codes of two lists."""
        return left == right or self.one.get(left, left) == self.one.get(right, right)

    def span(self, key: tuple[str, str, str]) -> tuple[float, Millis]:
        """Radius in metres and window of a category."""
        return self.spans.get(key, USUAL)

    def findable_days(self, key: tuple[str, str, str]) -> int:
        """How long after its beginning an open case of a category can be a duplicate's master."""
        learned = 0 if self.model is None else self.model.window_days
        return max(-(-self.span(key)[1] // DAY_MS), learned)

    def is_wide(self, error_m: float | None) -> bool:
        """Whether a place is so inexact (1 sigma, metres) that no usual search would hold what lies there."""
        return ERRORS * (error_m or 0.0) > self.max_radius_m

    def wide_reach(self, error_m: float) -> float:
        """How far what is told of a wide place may lie from its middle."""
        return min(ERRORS * error_m, self.wide_reach_m)

    def look(self, family: str, error_m: float | None) -> float:
        """How far a report looks around for cases of a family."""
        if self.model is None and error_m is not None and self.is_wide(error_m):
            return self.wide_reach(error_m)
        return self.reach_of(family)

    def reach_of(self, family: str) -> float:
        """How far a search among a family has to go, whatever the location errors."""
        if self.model is not None:
            return min(self.model.reach_m, self.max_radius_m)
        return min(self.widest.get(family, USUAL[0]) + self.error_cap_m, self.max_radius_m)
