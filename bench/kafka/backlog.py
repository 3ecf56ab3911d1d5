"""How long emergencies take while a backlog of ordinary reports waits."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from bench.kafka.clocks import Ear, numbered, publish, spread, until
from bench.kafka.inputs import Sent, fill
from bench.kafka.latency import SETTLE_S, Bodies, Stage, ordinary, stage
from bench.kafka.sizes import Sizes
from bench.kafka.topics import Cluster
from connectors.kafka.contract import key_of
from pipeline.domain.ids import report_id
from pipeline.events.intake import LocatedReport
from pipeline.wire.serde import decode, decode_struct, encode

APART = {"urgent": "urgent", "intake": "intake", "casework": "casework --poll-records 250 --give-way"}
"""With a backlog the urgent lane has a worker of its own, and casework small polls, as the handbook says."""
SINGLE, SINGLE_EVERY_S = 20, 2
"""Emergencies that come one by one: no alert is on when the next one comes."""
URGENT_A_SECOND, URGENT_S = 10, 30
"""A stream of them."""
WORDS_ONLY = 50
DANGER = "有人受伤，有生命危险"
"""Words of the emergency list, for reports whose source does not say that they are urgent."""


def emergencies(cluster: Cluster, sizes: Sizes, folder: Path) -> dict[str, Any]:
    """Emergencies before a backlog, on topics of their own."""
    with stage(cluster, sizes, folder) as place:
        return {"backlog": behind(place, sizes.backlog)}


def behind(place: Stage, backlog: int) -> dict[str, Any]:
    """Emergencies while ordinary reports wait: some on the lane of their own, some at the backlog's very end.

    What its source marks as urgent is published on that lane by everybody, so it is no part of the backlog; what only
    sounds urgent is.
    """
    waiting = islice(numbered([one for one in place.bodies if not one[1].get("urgent")], "b"), backlog)
    dice = random.Random(1)
    words = [_moved(body, dice, f"w{n}") | {"text": f"{body['text']}，{DANGER}", "urgent": False}
             for n, (_, body) in enumerate(_hotline(place.bodies, WORDS_ONLY))]  # fmt: skip
    filled, _ = fill(place.cluster.bootstrap, place.prefix, (ordinary(*one) for one in waiting))
    fill(place.cluster.bootstrap, place.prefix, (ordinary("HotlineOrder", body) for body in words))
    spotted = {report_id(body["source_system"], body["source_ref"])[:12] for body in words}
    sent: dict[str, float] = {}
    heard: dict[str, float] = {}
    copied: dict[str, float] = {}
    placed: dict[str, float] = {}

    def located(message: Any, now: float) -> None:
        report = decode_struct(message.value())
        assert isinstance(report, LocatedReport)
        placed.setdefault(report.report.report_id[:12], now)

    def assigned(message: Any, now: float) -> None:
        heard.setdefault(decode(message.value())[1]["case_id"].rpartition("-")[2], now)

    def in_lane(message: Any, now: float) -> None:
        body = decode(message.value())[1]
        copied.setdefault(report_id(body["source_system"], body["source_ref"])[:12], now)

    def told(some: Sequence[str]) -> dict[str, float | int]:
        """How long these took, of those that have an assignment of their own."""
        times = spread(heard[key] - sent[key] for key in some if key in heard)
        return times | {"without_assignment": sum(key not in heard for key in some)}

    ears = [
        Ear(place.cluster.bootstrap, place.ends("assignments."), assigned),
        Ear(place.cluster.bootstrap, place.ends("reports.spotted"), in_lane),
        Ear(place.cluster.bootstrap, place.ends("reports.located.urgent"), located),
    ]
    for ear in ears:
        ear.start()
    begun = time.time()
    place.work(APART, sink=False, yielding=["intake"])
    ready = time.time()
    single = _publish_urgent(place, dice, sent, "u", SINGLE, 1 / SINGLE_EVERY_S)
    stream = _publish_urgent(place, dice, sent, "v", URGENT_A_SECOND * URGENT_S, URGENT_A_SECOND)
    until(lambda: len(sent.keys() & heard.keys()) == len(sent), SETTLE_S)
    until(lambda: spotted <= heard.keys(), SETTLE_S + backlog / 10_000)
    for ear in ears:
        ear.end()
    return {
        "waiting": filled,
        "scan_s": round(max((copied[key] for key in spotted & copied.keys()), default=begun) - begun, 1),
        "never_copied": len(spotted - copied.keys()),
        "start_s": round(ready - begun, 1),
        "urgent_to_located": spread(placed[key] - sent[key] for key in stream if key in placed),
        "single_to_located": spread(placed[key] - sent[key] for key in single if key in placed),
        "urgent_to_department": told(stream),
        "single_to_department": told(single),
        "words_only_after_start": spread(heard[key] - begun for key in spotted & heard.keys())
        | {"without_assignment": len(spotted - heard.keys())},
        "words_only_after_copy": spread(
            heard[key] - max(copied[key], ready) for key in spotted & heard.keys() & copied.keys()
        ),
    }


def _publish_urgent(
    place: Stage, dice: random.Random, sent: dict[str, float], tag: str, count: int, a_second: float
) -> list[str]:  # fmt: skip
    bodies = [
        _moved(body, dice, f"{tag}{n}") | {"urgent": True} for n, (_, body) in enumerate(_hotline(place.bodies, count))
    ]
    ids = [report_id(body["source_system"], body["source_ref"])[:12] for body in bodies]
    records = [Sent("reports.urgent", key_of("HotlineOrder", body), encode("HotlineOrder", body)) for body in bodies]
    publish(
        place.cluster.bootstrap,
        place.prefix,
        records,
        a_second,
        lambda number, at: sent.update({ids[number]: at}),
    )
    return ids


def _hotline(bodies: Bodies, count: int) -> list[tuple[str, Mapping[str, Any]]]:
    """Orders with a point, as many as asked for."""
    placed = [one for one in bodies if one[0] == "HotlineOrder" and one[1].get("lon") and one[1].get("lat")]
    return [placed[number % len(placed)] for number in range(count)]


def _moved(body: Mapping[str, Any], dice: random.Random, tag: str) -> dict[str, Any]:
    """Another number and another place some hundred metres away, so that it joins no case that is open."""
    away = {axis: body[axis] + dice.uniform(-0.01, 0.01) for axis in ("lon", "lat")}
    return {**body, **away, "source_ref": f"{body['source_ref']}-{tag}", "related_refs": [], "datum": "WGS84"}
