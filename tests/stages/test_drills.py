"""An exercise is part of no case: it joins none, is the sequel of none, and none joins it."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.events.base import Channel
from pipeline.events.facts import CaseFiled, ReportLinked, ReportSettled
from tests.builders import an_action, case_of, located
from tests.small_city import COMPONENT, COVER, WASTE
from tests.town import Town, kinds

TEXT = "花坛边堆了很多垃圾没有人清理"
SAME: dict[str, Any] = {"xy": (-500.0, 0.0), "text": TEXT, "category": WASTE}

LIKE_IT = [
    pytest.param({}, {}, id="same place and words"),
    pytest.param({"reporter_key": "p"}, {"reporter_key": "p"}, id="the same person"),
    pytest.param({}, {"related_refs": ("1",), "xy": (-500.0, 300.0)}, id="names the order"),
    pytest.param(
        {"category": COVER, "component_code": COMPONENT}, {"category": COVER, "component_code": COMPONENT},
        id="the same component",
    ),
    pytest.param({"channel": Channel.ALARM}, {"channel": Channel.ALARM}, id="the same sensor"),
]  # fmt: skip


@pytest.mark.parametrize(("first", "more"), LIKE_IT)
@pytest.mark.parametrize("drill", [True, False], ids=["drill", "real"])
def test_a_drill_joins_no_case(first: dict[str, Any], more: dict[str, Any], drill: bool) -> None:
    """The same report without the mark of a drill joins: so the case is one that a drill could join."""
    town, opening = Town(), located("1", **(SAME | first))
    town.send(opening)
    held = town.case(case_of(opening))
    said = town.send(located("2", 10, **(SAME | more), drill=drill))
    settled: Any = said.facts[0]
    if not drill:
        assert (settled.fate, settled.case_id) == ("linked", case_of(opening))
        return
    assert kinds(said.facts) == ["ReportSettled"]
    assert (settled.fate, settled.outcome, settled.rule, settled.case_id) == ("logged", "drill", "F0-drill", "")
    assert town.case(case_of(opening)) == held, "it counts nowhere"


def test_a_drill_is_no_recurrence_of_a_case_that_ended() -> None:
    town, opening = Town(), located("1", **SAME)
    town.send(opening)
    town.send(an_action(case_of(opening), "cancel"))
    town.send(located("2", 120, **SAME, drill=True))
    assert town.said(ReportSettled)[-1].outcome == "drill"
    real = located("3", 130, **SAME)
    town.send(real)
    assert town.said(CaseFiled)[-1].recurrence_of == case_of(opening), "a real one is"


def test_nothing_joins_a_drill() -> None:
    town = Town()
    town.send(located("1", **SAME, drill=True))
    town.send(located("2", 10, **SAME, related_refs=("1",)))
    assert [one.case_id != "" for one in town.said(ReportSettled)] == [False, True]
    assert town.said(ReportLinked) == []


def test_a_drill_that_is_read_again_says_the_same() -> None:
    town, drill = Town(), located("2", 10, **SAME, drill=True)
    town.send(located("1", **SAME))
    assert town.send(drill).facts == town.send(drill).facts
