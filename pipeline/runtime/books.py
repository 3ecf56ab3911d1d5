"""All state of a run, by the names under which the changelog keeps it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from pipeline.runtime.answers import AnswerBook
from pipeline.runtime.changelog import Entry
from pipeline.stage import State
from pipeline.stages.casebook import CaseBook
from pipeline.stages.devicebook import DeviceBook
from pipeline.stages.intake import IntakeBook


@dataclass
class Books:
    """All state of a run, by the name under which the changelog keeps it."""

    partitions: int
    intake: IntakeBook = field(default_factory=IntakeBook)
    detect: DeviceBook = field(default_factory=DeviceBook)
    answers: AnswerBook = field(default_factory=AnswerBook)
    casework: list[CaseBook] = field(init=False)

    def __post_init__(self) -> None:
        """One case book a partition."""
        self.casework = [CaseBook() for _ in range(self.partitions)]

    def named(self) -> dict[str, State]:
        """Every state with its name."""
        books: dict[str, State] = {"intake": self.intake, "detect": self.detect, "answers": self.answers}
        books.update({f"casework-{number}": book for number, book in enumerate(self.casework)})
        return books

    def entries(self) -> Iterable[Entry]:
        """Everything, for a snapshot."""
        return ((name, *entry) for name, book in self.named().items() for entry in book.entries())
