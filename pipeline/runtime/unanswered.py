"""Which departments have cases that they neither signed for nor refused: counted from what casework says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Protocol

from pipeline.events.facts import CaseDispatched, CaseMerged, CaseMoved, Fact, Samples

WAITING = "dispatched"
"""The state of a case whose department has not answered yet."""

UNMERGE = "unmerge"
"""The action by which a merged case goes on."""


class CaseState(Protocol):
    """What is needed of a case in casework's state."""

    @property
    def case_id(self) -> str:
        """Its id."""

    @property
    def department(self) -> str:
        """Who has it."""

    @property
    def state(self) -> str:
        """Where it stands in its life."""


def _goes_on(fact: Fact | Samples) -> bool:
    """Whether a person undid the merge of a case that waits for its department."""
    return isinstance(fact, CaseMoved) and fact.action == UNMERGE and fact.to_state == WAITING


class Unanswered:
    """Cases waiting for an answer, by id. The same facts again (a replayed batch) change nothing."""

    def __init__(self) -> None:
        self._waiting: dict[str, str] = {}

    def add(self, facts: Iterable[Fact | Samples]) -> None:
        """Take the facts of a batch, in order."""
        for fact in facts:
            kind = fact.__class__
            if kind is CaseDispatched or _goes_on(fact):
                self._waiting[fact.case_id] = fact.department  # type: ignore[union-attr]
            elif (kind is CaseMoved and fact.to_state != WAITING) or kind is CaseMerged:  # type: ignore[union-attr]
                self._waiting.pop(fact.case_id, None)  # type: ignore[union-attr]

    def recount(self, cases: Iterable[CaseState]) -> None:
        """Begin anew from all cases of the state, as after a rebalance."""
        self._waiting = {case.case_id: case.department for case in cases if case.state == WAITING}

    def counts(self) -> Counter[str]:
        """How many each department has not answered; cases that wait for a person have a desk of their own."""
        return Counter(self._waiting.copy().values())
