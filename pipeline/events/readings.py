"""What intake makes of a record of a device, and detect hears."""

from __future__ import annotations

from pipeline.events.base import Millis, Value
from pipeline.events.records import Origin


class Readings(Value, frozen=True, kw_only=True):
    """Samples of one device and metric in ascending order of time, no instant twice, in the base unit of their kind."""

    ref: str
    """Message id at the source, or device, metric and first time: the same again is a redelivery."""
    device_id: str
    metric: str
    unit: str
    times: tuple[Millis, ...]
    values: tuple[float, ...]
    received_at: Millis
    origin: Origin
    flags: tuple[str, ...] = ()
