"""Waves: what goes together, what keeps its order, and that casework comes to the same in any order within a wave."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.events.casework import CaseAction
from pipeline.events.intake import Candidate
from pipeline.runtime.kafka.foresight import Alarm, Foresight, tick_waves
from pipeline.runtime.kafka.waves import ALONE, Touch, apart, merged, waves
from pipeline.topology import Topology
from tests.builders import an_action, case_of, located
from tests.small_city import BINS, NOISE, WASTE, topology
from tests.town import Town

ways = st.dictionaries(st.sampled_from("abcd"), st.sampled_from(["looks", "acts", ALONE]), max_size=3)
touches = st.lists(st.builds(Touch, ways, st.sampled_from([None, None, "x", "y"])), max_size=30)


@given(touches)
def test_every_record_is_in_one_wave_and_what_cannot_go_together_keeps_its_order(found: list[Touch]) -> None:
    plan = waves(found)
    wave_of = {number: index for index, wave in enumerate(plan) for number in wave}
    assert sorted(number for wave in plan for number in wave) == list(range(len(found)))
    assert all(wave == sorted(wave) for wave in plan)
    for later, touch in enumerate(found):
        for earlier in range(later):
            if apart(found[earlier], touch):
                assert wave_of[earlier] < wave_of[later]
            if touch.line is not None and touch.line == found[earlier].line:
                assert wave_of[earlier] <= wave_of[later]


@given(touches)
def test_no_wave_could_begin_earlier(found: list[Touch]) -> None:
    plan = waves(found)
    for index, wave in enumerate(plan[1:]):
        for number in wave:
            before = [found[one] for one in plan[index] if one < number]
            lines = [one for one in range(number) if found[one].line is not None]
            held = any(found[one].line == found[number].line and one in wave for one in lines)
            assert held or any(apart(one, found[number]) for one in before)


def test_what_is_touched_in_two_ways_is_touched_alone() -> None:
    both = merged([Touch({"a": "looks", "b": "acts"}), Touch({"a": "acts", "b": "acts"}, "line")])
    assert both == Touch({"a": ALONE, "b": "acts"}, "line")


# -- casework, in any order within a wave --------------------------------------------------------------------------

Step = tuple[str, Any]
places = st.sampled_from(
    [None, None, (-130.0, 0.0), (-25.0, 0.0), (-4.0, 0.0), (4.0, 0.0), (20.0, 0.0), (110.0, 0.0), (300.0, 0.0)]
)
"""Few and close, so that reports often meet, or meet the same case without meeting; without a place persons do."""
LIKELY = tuple(Candidate(key="|".join(category), share=0.4) for category in (WASTE, NOISE))
"""What a report without a category may be."""
report = st.tuples(
    places, st.sampled_from([WASTE, WASTE, WASTE, BINS, NOISE, None]), st.sampled_from(["p1", "p1", "p2"]),
    st.sampled_from([(), (), (), (), ("r0",), ("r1",)]), st.sampled_from([False, False, False, True]),
    st.sampled_from([40.0, 40.0, 40.0, 140.0]),
)  # fmt: skip
action = st.tuples(st.integers(0, 8), st.sampled_from(["sign", "handle", "check_pass", "close", "cancel", "cancel"]))


def reports_of(drawn: list[Any]) -> list[Any]:
    """Reports one minute after the other; some without a place, some that name an earlier one, some emergencies."""
    return [
        located(
            f"r{number}", number, category, xy=xy, reporter_key=who, text="垃圾成堆", related_refs=refs,
            classified=({"case_class": "emergency"} if urgent else {}) | ({} if category else {"candidates": LIKELY}),
            **({} if xy is None else {"error_m": error_m}),
        )
        for number, (xy, category, who, refs, urgent, error_m) in enumerate(drawn)
    ]  # fmt: skip


@lru_cache
def all_stages() -> Topology:
    """The stages of the small city, made once."""
    return topology()


@settings(max_examples=200)
@given(st.lists(report, min_size=8, max_size=16), st.lists(action, max_size=10), st.randoms(use_true_random=True))
def test_any_order_within_a_wave_comes_to_the_same_facts(drawn: list[Any], acts: list[Any], chance: Any) -> None:
    reports = reports_of(drawn)
    # The first half is a poll of its own: only what stands after it can be acted upon.
    half = len(reports) // 2
    foresight, town, mixed = Foresight(all_stages()), Town(), Town()
    play(reports[:half], foresight, town, mixed, chance)
    cases = [case_of(one) for one in reports[:half]]
    actions = [an_action(cases[at % half], verb, 60 + at, offset=900 + at) for at, verb in acts]
    rest = [*reports[half:], *actions]
    chance.shuffle(rest)
    play(rest, foresight, town, mixed, chance)
    assert said(town) == said(mixed)
    for case in map(case_of, reports):
        assert joined(town, case) == joined(mixed, case)


def play(messages: list[Any], foresight: Foresight, town: Town, mixed: Town, chance: Any) -> None:
    """One poll in order into one town, and wave by wave in any order into the other."""
    for message in messages:
        town.send(message)
    touches = [
        foresight.action(one.case_id) if isinstance(one, CaseAction) else foresight.report(one) for one in messages
    ]
    for wave in waves(touches):
        chance.shuffle(wave)
        for number in wave:
            mixed.send(messages[number])
    for fact in mixed.facts:
        foresight.heard(fact)


def said(town: Town) -> list[str]:
    """All facts, whatever their order."""
    return sorted(map(repr, town.facts))


def joined(town: Town, case: str) -> Any:
    """A case but for the order in which reports joined it."""
    entry = town.case(case)
    return entry and (entry.state, sorted(entry.report_ids), entry.told, entry.department, entry.likely)


def test_two_reports_near_each_other_wait_and_two_far_apart_do_not() -> None:
    foresight = Foresight(all_stages())
    near = [located("a", xy=(-4.0, 0.0)), located("b", xy=(4.0, 0.0)), located("c", xy=(400.0, 0.0))]
    assert waves([foresight.report(one) for one in near]) == [[0, 2], [1]]


def test_an_action_on_a_case_nobody_heard_of_waits_for_its_whole_tile() -> None:
    foresight, one = Foresight(all_stages()), located("a", xy=(-500.0, 0.0))
    assert waves([foresight.report(one), foresight.action(case_of(one))]) == [[0], [1]]


NEAR, FAR = Touch({"here": ALONE}), Touch({"there": ALONE})


def test_alarms_of_one_tick_that_meet_are_told_one_after_the_other_and_all_others_at_once() -> None:
    alarms = [Alarm(10, 0, NEAR), Alarm(12, 1, FAR), Alarm(15, 1, NEAR), Alarm(20, 0, FAR), Alarm(21, 0, NEAR)]
    assert tick_waves(alarms, 100, 3) == [{0: 11, 1: 13}, {0: 21, 1: 16}, {0: 100, 1: 100, 2: 100}]
    assert tick_waves([], 100, 2) == [{0: 100, 1: 100}]
    assert tick_waves([Alarm(10, 1, NEAR), Alarm(11, 1, NEAR)], 100, 2) == [{0: 100, 1: 100}]
