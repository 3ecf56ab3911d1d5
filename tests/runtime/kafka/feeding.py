"""An engine of the small city with fresh states, records to feed it, and what it writes by topic."""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

from pipeline.runtime.kafka.batch import Batch
from pipeline.runtime.kafka.engine import Engine
from pipeline.runtime.kafka.lanes import LANES, lanes_of
from pipeline.runtime.kafka.lanestate import LaneState
from pipeline.wire.serde import decode, encode
from tests.builders import MONDAY, a_body
from tests.small_city import at, topology

PARTITION = 3


class Polled(NamedTuple):
    """What aiokafka gives for a record, as far as it is looked at."""

    offset: int
    timestamp: int
    value: bytes
    key: bytes = b"key"
    headers: tuple[tuple[str, bytes], ...] = ()


def an_engine(*lanes: str, **options: Any) -> Engine:
    """An engine with fresh states for one partition of each lane; options as :class:`Engine` has them."""
    found = lanes_of(lanes or tuple(LANES), ["sanitation", "manual-triage"])
    engine = Engine(topology(), found, **options)
    for lane in found:
        engine.states[lane.name, PARTITION] = LaneState(lane)
    return engine


def polled(*values: bytes, start: int = 0) -> list[Polled]:
    """Records with offsets from ``start``."""
    return [Polled(start + number, MONDAY + 60_000, value) for number, value in enumerate(values)]


def an_order(ref: str, **fields: Any) -> bytes:
    """A hotline order as its sender encodes it."""
    lon, lat = at(-20, 30)
    given = {"source_ref": ref, "lon": lon, "lat": lat, "title": "垃圾堆放", "text": "路边垃圾成堆无人清理"} | fields
    return encode("HotlineOrder", a_body("HotlineOrder", **given))


def topics(batch: Batch) -> Counter[str]:
    """How many records go to each topic."""
    return Counter(one.topic for one in batch.written)


def values(batch: Batch, topic: str) -> list[tuple[str, Any]]:
    """Schema and body of what goes to a topic."""
    return [decode(one.value) for one in batch.written if one.topic == topic and one.value is not None]


def through(engine: Engine, first: Batch) -> Batch:
    """Casework over what intake wrote, as if the topics had one partition."""
    located = [one.value or b"" for one in first.written if one.topic.startswith("reports.located")]
    return engine.feed({("reports.located", PARTITION): polled(*located)})
