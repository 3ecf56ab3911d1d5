"""Answers that are still to come: what simulated departments and citizens will do, waiting for their time.

In a city, departments read their topic and answer on another. A simulated city answers here: each assignment gives
actions at later times, which join the input stream when its time has come. They are entries of state like any other, so
a run killed in between goes on with the same answers.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from functools import cache
from typing import Any, ClassVar, Protocol

import msgspec

from pipeline.events.base import Millis
from pipeline.events.facts import Fact
from pipeline.runtime.pending import PendingAnswer
from pipeline.stage import Change
from pipeline.state import KeyedState
from schemas.catalogue import newest


class Responder(Protocol):
    """Whoever answers facts with later records."""

    def answers(self, fact: Fact) -> Iterable[tuple[str, dict[str, Any]]]:
        """Schema and body of each later record; ``received_at`` tells when it comes."""


class AnswerBook(KeyedState):
    """Answers by their identity, first due first."""

    spaces: ClassVar[dict[str, type[msgspec.Struct]]] = {"answer": PendingAnswer}

    def __init__(self) -> None:
        super().__init__()
        self._due: list[tuple[Millis, str]] = []

    def noted(self, space: str, key: str, value: PendingAnswer, *, fresh: bool) -> None:
        """Queue it."""
        if fresh:
            heapq.heappush(self._due, (value.due, key))

    def next_due(self) -> Millis | None:
        """When the next answer comes."""
        while self._due and not self.holds("answer", self._due[0][1]):
            heapq.heappop(self._due)
        return self._due[0][0] if self._due else None

    def take(self) -> tuple[PendingAnswer, Change]:
        """The next answer, and the change that removes it."""
        key = self._due[0][1]
        answer: PendingAnswer = self.get("answer", key)
        return answer, Change("answer", key, None)


def expected(responder: Responder, facts: Iterable[Fact]) -> list[Change]:
    """The answers that these facts will bring, as entries to keep."""
    return [_kept(schema, body) for fact in facts for schema, body in responder.answers(fact)]


def _kept(schema: str, body: dict[str, Any]) -> Change:
    whole = {**_defaults(schema), **body}
    answer = PendingAnswer(due=body["received_at"], schema=schema, body=whole)
    return Change("answer", f"{schema}|{body['source_system']}|{body['source_ref']}", answer)


@cache
def _defaults(schema: str) -> dict[str, Any]:
    """What the contract says of fields that a record leaves out."""
    return {field["name"]: field["default"] for field in newest(schema).fields if "default" in field}
