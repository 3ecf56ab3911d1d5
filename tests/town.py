"""Casework with a state for each tile, and the notices between tiles in a test's own hands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pipeline.domain.reference.model import Reference
from pipeline.events.casework import CaseworkInput, tile_of_input
from pipeline.stage import Outcome, Settlement
from pipeline.stages.casebook import CaseBook
from pipeline.stages.casework import Casework, policy_of
from tests.builders import an_action
from tests.small_city import city


class Town:
    """Casework of the small city with a book for each tile (or one for all), and the notices still on their way."""

    def __init__(self, *, shared: bool = False, reference: Reference | None = None) -> None:
        self.stage = Casework(policy_of(reference or city()))
        self.books: dict[str, CaseBook] = {}
        self.shared = shared
        self.facts: list[Any] = []
        self.settled: list[Settlement] = []
        self.waiting: list[Any] = []
        """Notices that were sent and not heard yet."""

    def book(self, tile: str) -> CaseBook:
        """The state of a tile."""
        return self.books.setdefault("" if self.shared else tile, CaseBook())

    def send(self, message: CaseworkInput, *, hold: bool = False) -> Outcome:
        """One message, applied; its notices are heard at once unless they are held."""
        book = self.book(tile_of_input(message))
        outcome = self.stage.step(book, message)
        book.apply(outcome.changes)
        self.facts += outcome.facts
        self.settled += outcome.settled
        self.waiting += outcome.messages
        if not hold:
            self.deliver()
        return outcome

    def deliver(self, choose: Callable[[int], int] = lambda waiting: 0) -> None:
        """Hear all notices, the next being the one ``choose`` names of so many."""
        while self.waiting:
            self.send(self.waiting.pop(choose(len(self.waiting))), hold=True)

    def act(self, case: str, *verbs: str, minute: float = 60, **fields: Any) -> None:
        """Actions one after the other."""
        for verb in verbs:
            self.send(an_action(case, verb, minute, **fields))

    def said(self, kind: type[Any]) -> list[Any]:
        """Facts of one kind."""
        return [fact for fact in self.facts if fact.__class__ is kind]

    def case(self, case: str) -> Any:
        """A case as its tile holds it."""
        return self.book(case.partition("-")[0]).case(case)


def kinds(facts: object) -> list[str]:
    """Names of the facts' classes."""
    return [fact.__class__.__name__ for fact in facts]  # type: ignore[attr-defined]
