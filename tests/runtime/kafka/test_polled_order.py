"""What a poll brings: urgent records before all others, and by themselves every other time where somebody is behind."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from faust.types import TP

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


def polls(folder: Path, *came: str) -> list[str]:
    """What each poll brings; each of ``came`` is what arrives before it, a letter a record (u, s, o)."""
    places = {"u": URGENT, "s": SPOTTED, "o": ORDINARY}

    async def run() -> list[str]:
        consumer: Any = a_consumer(folder)
        waiting = Waiting()
        consumer.ahead, consumer.large = [frozenset({"urgent"}), frozenset({"spotted"})], LARGE
        consumer._thread, consumer._read = waiting, waiting.read
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
