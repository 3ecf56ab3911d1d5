"""Who speaks on a topic of actions: its unit, whatever a record says of itself."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.runtime.kafka.batch import Batch
from pipeline.runtime.kafka.engine import Engine
from pipeline.runtime.kafka.lanes import LANES, lanes_of
from pipeline.runtime.kafka.lanestate import LaneState
from pipeline.wire.serde import encode
from tests.builders import a_body
from tests.runtime.kafka.feeding import PARTITION, an_order, polled, through, values
from tests.small_city import topology


def an_engine() -> Engine:
    """An engine that reads the actions of four units."""
    lanes = lanes_of(tuple(LANES), ["sanitation", "water", "grid-centre", "manual-triage"])
    engine = Engine(topology(), lanes)
    for lane in lanes:
        engine.states[lane.name, PARTITION] = LaneState(lane)
    return engine


def acted(topic: str, *actions: dict[str, Any]) -> Batch:
    """What becomes of actions of a topic on one case that sanitation has."""
    engine = an_engine()
    filed = through(engine, engine.feed({("reports.hotline", PARTITION): polled(an_order("1"))}))
    case = next(body["case_id"] for name, body in values(filed, "facts.cases") if name == "CaseDispatched")
    bodies = [
        a_body("CaseAction", source_ref=f"a{number}", case_id=case, **fields) for number, fields in enumerate(actions)
    ]
    return engine.feed({(topic, PARTITION): polled(*[encode("CaseAction", body) for body in bodies])})


def told(batch: Batch) -> list[tuple[str, str, str]]:
    """Kind, verb and unit of what the facts say of actions."""
    return [
        (name, body["action"], body["actor_unit"])
        for name, body in values(batch, "facts.cases")
        if name in ("CaseMoved", "ActionRefused")
    ]


SIGN = {"action": "sign", "actor_role": "department-clerk"}
OF_SANITATION = SIGN | {"actor_unit": "sanitation"}
FORCED = {"action": "force_close", "actor_role": "supervisor", "reason_code": "no_owner"}
MOVED, REFUSED = "CaseMoved", "ActionRefused"


@pytest.mark.parametrize(
    ("topic", "action", "expected"),
    [
        pytest.param("actions.sanitation", SIGN, (MOVED, "sign", "sanitation"), id="the topic names the unit"),
        pytest.param("actions.sanitation", OF_SANITATION, (MOVED, "sign", "sanitation"), id="both"),
        pytest.param("actions.water", SIGN, (REFUSED, "sign", "water"), id="another unit's case"),
        pytest.param("actions.water", OF_SANITATION, (REFUSED, "sign", "sanitation"), id="a lie"),
        pytest.param("actions.grid-centre", OF_SANITATION, (REFUSED, "sign", "sanitation"),
                     id="not even by the centre"),
        pytest.param("actions.manual-triage", OF_SANITATION, (MOVED, "sign", "sanitation"),
                     id="by the desk"),
        pytest.param("actions.manual-triage", SIGN, (MOVED, "sign", "manual-triage"), id="the desk itself"),
        pytest.param("actions.sanitation", FORCED,
                     (REFUSED, "force_close", "sanitation"), id="a post of the centre"),
        pytest.param("actions.grid-centre", {"action": "cancel", "actor_role": "duty-chief", "reason_code": "drill"},
                     (MOVED, "cancel", "grid-centre"), id="the centre"),
    ],
)  # fmt: skip
def test_an_action_is_its_topics(topic: str, action: dict[str, Any], expected: tuple[str, str, str]) -> None:
    assert told(acted(topic, action)) == [expected]


def test_what_is_refused_is_answered_once_and_the_next_action_goes_on() -> None:
    batch = acted("actions.sanitation", SIGN | {"actor_unit": "water"}, SIGN)
    assert told(batch) == [(REFUSED, "sign", "water"), (MOVED, "sign", "sanitation")]
    assert [one.outcome for one in batch.settled] == ["action_refused", "action"]
    (reason,) = [body["reason"] for name, body in values(batch, "facts.cases") if name == REFUSED]
    assert reason == "'sanitation' may not act in the name of 'water': leave actor_unit out"
