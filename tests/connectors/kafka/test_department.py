"""Answers of a department: what they hold, and what is refused at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from connectors.kafka.contract import outgoing
from connectors.kafka.department import Answers
from connectors.kafka.publisher import Receipt
from pipeline.errors import InvalidRecord
from pipeline.events.records import Arrival, Origin
from pipeline.stages.screen import ScreenPolicy
from pipeline.stages.work import screen_action
from schemas.text import body_from_text
from tests.connectors.kafka.orders import CASE, NOW
from tests.small_city import city

MOVES = city().tables.lifecycle


class Sent:
    """Keeps what would be published."""

    def __init__(self) -> None:
        self.records: list[Any] = []

    def send(self, schema: str, fields: Mapping[str, Any], *, department: str = "") -> Receipt:
        self.records.append(outgoing(schema, body_from_text(schema, fields), NOW, department=department))
        return Receipt(self.records[-1], None)

    def now(self) -> int:
        return NOW

    def flush(self) -> None:
        """Nothing is on its way."""

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def sent() -> Sent:
    return Sent()


@pytest.fixture
def desk(sent: Sent) -> Answers:
    return Answers(sent, "water", person="P0100", moves=MOVES)


def test_a_department_signs_refuses_and_handles(desk: Answers, sent: Sent) -> None:
    desk.sign(CASE)
    desk.refuse(CASE, "not_our_territory", "不在本辖区")
    desk.handle(CASE, "已更换井盖", evidence=["photo/1.jpg", "photo/2.jpg"])
    bodies = [record.body for record in sent.records]
    assert {record.topic for record in sent.records} == {"actions.water"}
    assert [(b["action"], b["actor_role"], b["reason_code"], b["reason"]) for b in bodies] == [
        ("sign", "department-clerk", "", ""),
        ("refuse", "department-clerk", "not_our_territory", "不在本辖区"),
        ("handle", "handler", "", "已更换井盖 [photo/1.jpg, photo/2.jpg]"),
    ]
    assert {(b["actor_unit"], b["actor_person"], b["source_system"]) for b in bodies} == {
        ("water", "P0100", "department-water")
    }


def test_what_a_desk_sends_passes_intake_with_its_evidence(desk: Answers, sent: Sent) -> None:
    desk.handle(CASE, "已更换井盖", evidence=["photo/1.jpg"])
    arrival = Arrival("CaseAction", Origin("actions.water", 0, 0), NOW, sent.records[0].body, order=0)
    action = screen_action(arrival, ScreenPolicy(key=b"k" * 16))
    assert (action.tile, action.action, action.reason) == ("wtw3sj", "handle", "已更换井盖 [photo/1.jpg]")


def test_the_same_answer_twice_is_one_answer_and_another_time_is_another(desk: Answers, sent: Sent) -> None:
    for at in (NOW, NOW, NOW + 1):
        desk.sign(CASE, at=at)
    assert [len({r.body["source_ref"] for r in sent.records[:n]}) for n in (1, 2, 3)] == [1, 1, 2]


@pytest.mark.parametrize(
    ("answer", "field"),
    [
        pytest.param({"action": "sign"}, "case_id", id="no case"),
        pytest.param({"case_id": CASE}, "action", id="no verb"),
        pytest.param({"case_id": CASE, "action": "sing"}, "action", id="unknown verb"),
        pytest.param({"case_id": CASE, "action": "refuse"}, "reason_code", id="no reason"),
        pytest.param({"case_id": CASE, "action": "refuse", "reason_code": "lazy"}, "reason_code", id="unknown reason"),
        pytest.param({"case_id": CASE, "action": "close"}, "actor_role", id="not for a department"),
        pytest.param({"case_id": "x", "action": "sign"}, "case_id", id="no case id"),
    ],
)
def test_an_answer_that_cannot_be_right_is_refused_at_once(
    desk: Answers, sent: Sent, answer: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidRecord) as refused:
        desk.answer(answer)
    assert refused.value.field == field
    assert sent.records == []


def test_a_person_of_the_centre_acts_in_its_own_role(desk: Answers, sent: Sent) -> None:
    desk.act(CASE, "reassign", actor_role="dispatcher", reason_code="wrong_dispatch", to_department="housing")
    assert sent.records[0].body["to_department"] == "housing"
    assert sent.records[0].body["post"] == "dispatcher"
