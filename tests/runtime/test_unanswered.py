"""Which departments have not answered: from facts, and from the state after a rebalance."""

from dataclasses import dataclass
from typing import Any

import pytest

from pipeline.events import facts as f
from pipeline.runtime.instruments import Instruments
from pipeline.runtime.unanswered import Unanswered
from tests.assessment.ward import assigned, blank, moved


@dataclass(frozen=True)
class Case:
    """A case as the state holds it."""

    case_id: str
    department: str
    state: str


@pytest.mark.parametrize(
    ("facts", "counts"),
    [
        pytest.param([assigned("A", 1, 0, "water", 24)], {"water": 1}, id="assigned"),
        pytest.param([assigned("A", 1, 0, "water", 24)] * 2, {"water": 1}, id="the same batch again"),
        pytest.param([assigned("A", 1, 0, "water", 24), moved("A", "sign", 1, "water", 24)], {}, id="signed for"),
        pytest.param([assigned("A", 1, 0, "water", 24), moved("A", "handle", 1, "water", 24)], {}, id="handled"),
        pytest.param(
            [
                assigned("A", 1, 0, "water", 24), moved("A", "refuse", 1, "water", 24),
                moved("A", "reassign", 1, "water", 24, hop=2), assigned("A", 2, 1, "roads", 24),
            ],
            {"roads": 1}, id="refused and passed on",
        ),
        pytest.param(
            [assigned("A", 1, 0, "water", 24), moved("A", "reassign", 1, "water", 24, hop=2)],
            {"water": 1}, id="a move that leaves it with a department",
        ),
        pytest.param(
            [assigned("A", 1, 0, "water", 24), blank(f.CaseMerged, "m", 2, case_id="A", into="B")], {}, id="merged"
        ),
        pytest.param([moved("A", "sign", 1, "water", 24)], {}, id="an answer of a case not known"),
    ],
)  # fmt: skip
def test_a_department_owes_an_answer_until_it_gives_one(facts: list[Any], counts: dict[str, int]) -> None:
    found = Unanswered()
    found.add(facts)
    assert found.counts() == counts


def test_after_a_rebalance_the_state_is_counted_anew() -> None:
    found = Unanswered()
    found.add([assigned("GONE", 1, 0, "water", 24)])
    found.recount([Case("A", "roads", "dispatched"), Case("B", "roads", "handling"), Case("C", "water", "dispatched")])
    assert found.counts() == {"roads": 1, "water": 1}


def test_a_department_that_answered_everything_is_shown_no_more() -> None:
    ins = Instruments("worker")
    ins.facts([assigned("A", 1, 0, "water", 24)])
    assert b'wangge_assignments_unanswered{department="water"} 1.0' in ins.exposition()[1]
    ins.facts([moved("A", "sign", 1, "water", 24)])
    assert b'{department="water"}' not in ins.exposition()[1]
