"""Refused records of the topic: which are meant, what the rules of today say of them, what is sent again and where."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from pipeline.errors import InvalidRecord
from pipeline.events.facts import RecordQuarantined
from pipeline.runtime.kafka.refused_records import Judge, Refused, Wanted, _refused, corrected, written
from pipeline.runtime.kafka.retries import ORIGIN
from pipeline.runtime.kafka.sending_again import REPLAY, Again, again
from pipeline.stages.intake import RAW_LIMIT
from pipeline.wire.serde import decode, encode, encode_struct
from schemas.catalogue import limits
from tests.builders import MONDAY, a_body
from tests.small_city import at, topology

LATE = MONDAY + 86_400_000
TICK = encode("Tick", a_body("Tick", at=MONDAY, partition=3))
ACTION = encode(
    "CaseAction",
    a_body("CaseAction", case_id="t1.1.1-abcdefghij", action="sign", actor_role="department", actor_unit="water"),
)


def an_order(**fields: Any) -> bytes:
    lon, lat = at(-20, 30)
    return encode("HotlineOrder", a_body("HotlineOrder", **{"lon": lon, "lat": lat, "source_ref": "R-1"} | fields))


def refused(raw: bytes, reason: str = "future_time", topic: str = "reports.hotline", **fields: Any) -> Refused:
    place = {"topic": topic, "partition": 3, "offset": 17, "fact_id": f"{topic}:3:17"}
    known = {"at": 0, "recorded": 17, "schema": "HotlineOrder", "field": "f", "value": "v", "remedy": "r"}
    fact = RecordQuarantined(**{**place, **known, "reason": reason, "raw": raw, "attempts": 1} | fields)
    return Refused(fact, MONDAY)


@pytest.mark.parametrize(
    ("wanted", "takes"),
    [
        pytest.param(Wanted(), True, id="all"),
        pytest.param(Wanted(reason="future_time"), True, id="reason"),
        pytest.param(Wanted(reason="oversize"), False, id="another reason"),
        pytest.param(Wanted(topic="reports.hotline"), True, id="topic"),
        pytest.param(Wanted(topic="reports.other"), False, id="another topic"),
        pytest.param(Wanted(source="hotline-12345"), True, id="source"),
        pytest.param(Wanted(source="hotline"), False, id="another source"),
        pytest.param(Wanted(since=MONDAY), True, id="from the moment on"),
        pytest.param(Wanted(since=MONDAY + 1), False, id="later only"),
        pytest.param(Wanted(until=MONDAY), False, id="before the moment"),
        pytest.param(Wanted(until=MONDAY + 1), True, id="until just after"),
        pytest.param(Wanted(id="reports.hotline:3:17"), True, id="id"),
        pytest.param(Wanted(id="reports.hotline:3:1"), False, id="another id"),
    ],
)
def test_which_records_are_meant(wanted: Wanted, takes: bool) -> None:
    assert wanted.takes(refused(an_order(source_system="hotline-12345"))) is takes


def test_a_record_that_cannot_be_read_is_of_no_known_source() -> None:
    assert refused(b"broken").source == ""
    assert not Wanted(source="hotline-12345").takes(refused(b"broken"))


def test_the_place_is_told_without_the_prefix_whoever_refused_it() -> None:
    fact = refused(b"x", topic="city.facts.cases").fact
    found = _refused(encode_struct(fact), MONDAY, "city.")
    assert found is not None
    assert (found.fact.topic, found.id) == ("facts.cases", "city.facts.cases:3:17")
    assert _refused(b"nothing we know", MONDAY, "") is None
    assert _refused(an_order(), MONDAY, "") is None


@pytest.mark.parametrize(
    ("one", "changes", "now", "why"),
    [
        pytest.param(refused(an_order(received_at=LATE)), {}, MONDAY, "future_time", id="still in the future"),
        pytest.param(refused(an_order(received_at=LATE)), {}, LATE + 1, "", id="its time has come"),
        pytest.param(refused(an_order(received_at=LATE)), {"received_at": MONDAY}, MONDAY + 1, "", id="corrected"),
        pytest.param(refused(b"broken", "undecodable"), {}, MONDAY, "undecodable", id="broken bytes"),
        pytest.param(refused(an_order(), "conflicting_content"), {}, LATE, "conflicting_content", id="a number taken"),
        pytest.param(
            refused(an_order(), "conflicting_content"), {"source_ref": "R-1b"}, LATE, "", id="a number of its own"
        ),
        pytest.param(
            refused(an_order(), "unknown_schema", "readings.sensor"), {}, LATE, "unknown_schema", id="wrong topic"
        ),
        pytest.param(refused(b"x", "sink_rejected", "facts.cases"), {}, LATE, "sink_rejected", id="of the sink"),
        pytest.param(refused(b"x", "missing_field", "retry.1m"), {}, LATE, "missing_field", id="of the retry"),
        pytest.param(refused(an_order()), {"colour": "red"}, LATE, "missing_field", id="a field that there is not"),
        pytest.param(refused(b"x", "undecodable", "reports.located"), {}, LATE, "undecodable", id="between stages"),
        pytest.param(
            refused(ACTION, "unknown_schema", "actions.water"), {}, LATE, "", id="an action, its schema known now",
        ),
        pytest.param(refused(TICK, "unknown_schema", "readings.sensor"), {}, LATE, "", id="a tick"),
    ],
)  # fmt: skip
def test_the_rules_of_today_decide(one: Refused, changes: dict[str, Any], now: int, why: str) -> None:
    assert Judge(topology(), lambda: now).verdict(one, one.fact.raw, changes) == why


def test_what_an_old_limit_refused_passes_when_the_limit_was_raised() -> None:
    one = refused(an_order(text="路" * 40), "oversize", field="text")

    def verdict(limit: int) -> str:
        rules = topology()
        lengths = {"HotlineOrder": {**limits("HotlineOrder"), "text": limit}}
        judge = Judge(replace(rules, screening=replace(rules.screening, max_lengths=lengths)), lambda: MONDAY)
        return judge.verdict(one, one.fact.raw, {})

    assert [verdict(limit) for limit in (39, 40)] == ["oversize", ""]


def test_a_correction_changes_its_fields_and_no_other() -> None:
    before = decode(an_order())[1]
    name, after = corrected(an_order(), {"received_at": "2026-03-16T08:00:00+08:00", "lon": "121.5"})
    assert name == "HotlineOrder"
    assert {field for field in before if before[field] != after[field]} == {"received_at", "lon"}
    assert decode(written(an_order(), {"lon": 121.5}))[1]["lon"] == 121.5
    assert written(an_order(), {}) == an_order()


@pytest.mark.parametrize("value", [b"broken", TICK], ids=["bytes", "no record of a source"])
def test_what_has_no_fields_is_not_corrected(value: bytes) -> None:
    with pytest.raises(InvalidRecord):
        corrected(value, {"lon": 1.0})


def test_it_goes_where_it_stood_and_says_where_that_was() -> None:
    sent = again(Again(refused(an_order()), an_order()))
    assert (sent.topic, sent.partition, sent.key) == ("reports.hotline", 3, b"crm/R-1")
    assert dict(sent.headers) == {ORIGIN: b"reports.hotline/3/17", REPLAY: b"reports.hotline:3:17"}


def test_with_another_number_the_key_decides_the_partition() -> None:
    value = written(an_order(), {"source_ref": "R-2"})
    assert again(Again(refused(an_order()), value, ("source_ref",))).partition == -1
    same = written(an_order(), {"lon": 121.5})
    assert again(Again(refused(an_order()), same, ("lon",))).partition == 3


def test_a_long_record_is_known_to_be_cut() -> None:
    assert refused(b"x" * RAW_LIMIT).cut
    assert not refused(b"x" * (RAW_LIMIT - 1)).cut
    assert msgspec.structs.replace(refused(b"").fact, raw=b"x").raw == b"x"
