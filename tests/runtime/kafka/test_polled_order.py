"""What a poll brings: urgent records before all others, and by themselves every other time where somebody is behind."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from faust.types import TP

from pipeline.runtime.kafka.alert import Alert
from pipeline.runtime.kafka.read import Read
from tests.runtime.kafka.test_polled import a_consumer

URGENT, SPOTTED, ORDINARY = TP("urgent", 0), TP("spotted", 0), TP("ordinary", 0)
LARGE, MOST = 4, 8


class Waiting:
    """Records that wait in Kafka, by partition; ``most`` is what the consumer's thread is limited to."""

    def __init__(self) -> None:
        self.most: int | None = None
        self.records: dict[TP, deque[str]] = {tp: deque() for tp in (URGENT, SPOTTED, ORDINARY)}

    async def read(self, partitions: Iterable[TP], _: float) -> Read:
        """As many as may come, of these partitions."""
        found: dict[TP, list[str]] = {}
        for _ in range(self.most or MOST):
            tp = next((tp for tp in sorted(partitions) if self.records[tp]), None)
            if tp is not None:
                found.setdefault(tp, []).append(self.records[tp].popleft())
        return Read(found, 1)


def polls(folder: Path, *came: str, alert: Alert | None = None) -> list[str]:
    """What each poll brings; each of ``came`` is what arrives before it, a letter a record (u, s, o). With an ``alert``
    ordinary records are a backlog that gives way."""
    places = {"u": URGENT, "s": SPOTTED, "o": ORDINARY}

    async def run() -> list[str]:
        consumer: Any = a_consumer(folder)
        waiting = Waiting()
        consumer.ahead, consumer.large = [frozenset({"urgent"}), frozenset({"spotted"})], LARGE
        consumer._thread, consumer._read = waiting, waiting.read
        if alert is not None:
            consumer.backlog, consumer.alert = frozenset({"ordinary"}), alert
        brought = []
        for arrived in came:
            for letter in arrived:
                waiting.records[places[letter]].append(letter)
            found = await consumer._getmany({URGENT, SPOTTED, ORDINARY}, 0.0)
            brought.append("".join("".join(found.get(tp, ())) for tp in (URGENT, SPOTTED, ORDINARY)))
            consumer.pace.done(0.0)
        return brought

    return asyncio.run(run())


FULL = "o" * 30


@pytest.mark.parametrize(
    ("came", "brought"),
    [
        pytest.param(["oo"], ["oo"], id="what there is"),
        pytest.param([FULL], ["o" * MOST], id="as many as may come"),
        pytest.param(["uoo"], ["uoo"], id="urgent ones with the others"),
        pytest.param(["suoo"], ["usoo"], id="what its source calls urgent first"),
        pytest.param(["u" * 5 + "o"], ["uuuuu"], id="many urgent ones alone"),
        pytest.param(["u" + FULL], ["uoooo"], id="with urgent ones fewer others"),
        pytest.param([FULL, "u"], ["o" * MOST, "u"], id="alone where somebody is behind"),
        pytest.param([FULL, "us"], ["o" * MOST, "us"], id="of all urgent topics"),
        pytest.param([FULL, "u", "u", "u", "u"], ["o" * MOST, "u", "uoooo", "u", "uoooo"], id="every other time"),
        pytest.param([FULL, "u", "", "u"], ["o" * MOST, "u", "o" * MOST, "u"], id="again after others came"),
        pytest.param(["o" * 9, "u", "u", "uo"], ["o" * MOST, "u", "uo", "uo"], id="not when nobody is behind any more"),
    ],
)
def test_urgent_records_go_before_all_others(tmp_path: Path, came: list[str], brought: list[str]) -> None:
    assert polls(tmp_path, *came) == brought


@pytest.mark.parametrize(
    ("came", "brought"),
    [
        pytest.param([FULL, "", "us", "o", "s", ""], ["o" * MOST, "o" * MOST, "us", "", "s", ""], id="on an alert"),
        pytest.param([FULL, "s", "u"], ["o" * MOST, "s", "uoooo"], id="words alone raise none"),
        pytest.param(["o"] * 3, ["o"] * 3, id="no emergency"),
    ],
)
def test_a_backlog_stands_back_while_an_alert_is_on(tmp_path: Path, came: list[str], brought: list[str]) -> None:
    assert polls(tmp_path, *came, alert=Alert(lambda: 1.0)) == brought


def test_a_backlog_comes_again_when_the_alert_is_over(tmp_path: Path) -> None:
    clock = iter(range(100))  # a second passes with each look at it
    assert polls(tmp_path, "uooo", "", "", alert=Alert(lambda: float(next(clock)))) == ["uooo", "", ""]
    assert polls(tmp_path, "u", "o", "", "", alert=Alert(lambda: float(next(clock))))[1:].count("o") == 1


def test_nothing_but_a_backlog_is_read_all_the_same(tmp_path: Path) -> None:
    alert = Alert(lambda: 1.0)
    alert.heard()
    consumer: Any = a_consumer(tmp_path)
    waiting = Waiting()
    waiting.records[ORDINARY].append("o")
    consumer.ahead, consumer.large, consumer.backlog, consumer.alert = [], LARGE, frozenset({"ordinary"}), alert
    consumer._thread, consumer._read = waiting, waiting.read
    assert asyncio.run(consumer._getmany({ORDINARY}, 0.0)) == {ORDINARY: ["o"]}
