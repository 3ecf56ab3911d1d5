"""Answers to come: kept by their identity, first due first, whole by their contract, the same after a restart."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pipeline.events.facts import Fact, PatrolLogged
from pipeline.runtime.answers import AnswerBook, expected
from pipeline.runtime.pending import PendingAnswer
from pipeline.stage import Change
from schemas.catalogue import newest


def pending(due: int) -> PendingAnswer:
    return PendingAnswer(due=due, schema="SurveyAnswer", body={"received_at": due})


def drained(book: AnswerBook) -> list[int]:
    found = []
    while book.next_due() is not None:
        answer, change = book.take()
        book.apply((change,))
        found.append(answer.due)
    return found


@given(st.lists(st.integers(0, 100)))
def test_answers_come_in_order_of_their_time_also_after_a_restart(dues: list[int]) -> None:
    book = AnswerBook()
    for number, due in enumerate(dues):
        book.apply((Change("answer", str(number), pending(due)),))
    again = AnswerBook()
    for space, key, data in book.entries():
        again.restore(space, key, data)
    assert drained(book) == drained(again) == sorted(dues)
    assert len(book) == 0


def test_an_answer_stays_until_its_removal_is_applied() -> None:
    book = AnswerBook()
    book.apply((Change("answer", "a", pending(5)),))
    assert book.take() == book.take()
    assert book.next_due() == 5


def test_the_same_answer_expected_again_comes_once() -> None:
    book = AnswerBook()
    for _ in range(2):
        book.apply((Change("answer", "a", pending(5)),))
    assert drained(book) == [5]


class Polite:
    """Answers every fact with a survey."""

    def answers(self, fact: Fact) -> Iterable[tuple[str, dict[str, Any]]]:
        yield "SurveyAnswer", {"source_system": "s", "source_ref": fact.fact_id, "received_at": fact.at + 1}


def test_an_expected_answer_is_whole_by_its_contract_and_due_when_it_is_received() -> None:
    fact = PatrolLogged(
        fact_id="p1", at=10, recorded=0, worker="w", unit="u", grid="g", started_at=1, ended_at=2, distance_m=3.0,
        found=0,
    )  # fmt: skip
    (change,) = expected(Polite(), [fact])
    assert (change.space, change.key) == ("answer", "SurveyAnswer|s|p1")
    answer: PendingAnswer = change.value  # type: ignore[assignment]
    assert answer.due == 11
    optional = {field["name"] for field in newest("SurveyAnswer").fields if "default" in field}
    assert optional <= set(answer.body)
