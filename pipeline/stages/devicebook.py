"""What detect remembers: a running average for each device and metric, and the last alarm of each device and family.

Entries are small and of bounded size; there are as many as devices (times metrics) that were ever heard of.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from pipeline.domain.readings import Millis
from pipeline.events.base import Value
from pipeline.events.facts import AlarmChanged
from pipeline.events.records import Origin
from pipeline.stage import Change

SERIES, ALARM, STRANGER = "series", "alarm", "stranger"


class Bucket(Value, frozen=True, array_like=True):
    """The running average of one period: how many readings, their sum (of energies for levels), and which slots of
    the period they cover. ``hours`` are hourly means of the day so far, where an 8 h mean is judged."""

    key: str
    start: Millis
    end: Millis
    slots: int
    count: int
    total: float
    hours: tuple[tuple[Millis, float], ...] = ()


class Watch(Value, frozen=True, array_like=True, kw_only=True):
    """Where one limit stands while it is anything but untouched."""

    limit_id: str
    over: bool = False
    since: Millis = 0
    """Start of the present stretch over the limit."""
    until: Millis = 0
    """End of the last period over the limit (for instant limits the last such sample)."""
    calm: Millis = -1
    """Since when every sample was clear; -1 when the last one was not."""
    times: tuple[Millis, ...] = ()
    """Exceedances within the window of a limit that allows some."""
    raised: bool = False
    told: bool = False
    """Whether the present stretch over an instant limit was counted."""


class Series(Value, frozen=True, array_like=True):
    """One metric of one device. A sample within ``[opens, closes)`` after ``last`` with a value strictly between
    ``low`` and ``high`` needs nothing but adding up."""

    device_id: str
    metric: str
    layout: str
    """Digest of the limits that buckets and band were made for."""
    first: Millis
    """First and last sample of the latest record: the same two again are a redelivery."""
    last: Millis
    origin: Origin
    opens: Millis
    closes: Millis
    low: float
    high: float
    buckets: tuple[Bucket, ...]
    watches: tuple[Watch, ...]


class Telling(Value, frozen=True, array_like=True, kw_only=True):
    """A change of an alarm that was told, with the record that caused it: the same record again gets it again."""

    fact: AlarmChanged
    origin: Origin
    received_at: Millis
    report: str = ""
    """Number (``source_ref``) of the report that went with it; "" when none did."""


class Alarm(Value, frozen=True, array_like=True, kw_only=True):
    """The last alarm of one device and family: active, or cleared and kept so that it can be told again."""

    alarm_id: str
    limit_id: str
    metric: str
    active: bool
    severity: str
    count: int
    counted: Millis
    """Start of the last period that was counted."""
    holders: tuple[str, ...]
    """Limits that are not clear yet; the alarm ends with the last of them."""
    raised: Telling
    said: Telling | None = None
    """The last change told after the raising."""
    reported: bool = False
    """Whether any report of it went out."""


class Stranger(Value, frozen=True, array_like=True, kw_only=True):
    """A device that is not registered: reported once, to a person."""

    device_id: str
    metric: str
    unit: str
    value: float
    first_at: Millis
    received_at: Millis
    origin: Origin


_KINDS: dict[str, type[Value]] = {SERIES: Series, ALARM: Alarm, STRANGER: Stranger}
_encode = msgspec.msgpack.Encoder().encode
_DECODERS = {space: msgspec.msgpack.Decoder(kind) for space, kind in _KINDS.items()}


class DeviceBook:
    """State of detect for one partition. Entries are kept decoded: nearly every reading changes one."""

    def __init__(self) -> None:
        self.series: dict[str, Series] = {}
        self.alarms: dict[str, Alarm] = {}
        self.strangers: dict[str, Stranger] = {}
        self.metrics: dict[str, tuple[str, ...]] = {}
        """Index: the metrics of each device that has series, in order of first writing."""
        self._spaces: dict[str, dict[str, Any]] = {SERIES: self.series, ALARM: self.alarms, STRANGER: self.strangers}

    def apply(self, changes: Iterable[Change]) -> list[tuple[str, str, bytes | None]]:
        """Write the changes of one step and give them back as a changelog keeps them."""
        changes = tuple(changes)
        series = self.series
        for space, key, value in changes:
            if space == SERIES and value is not None:
                if key not in series:
                    self._index(value)  # type: ignore[arg-type] # the space tells the type
                series[key] = value  # type: ignore[assignment]
            else:
                self._write(space, key, value)
        return [(space, key, None if value is None else _encode(value)) for space, key, value in changes]

    def restore(self, space: str, key: str, data: bytes | None) -> None:
        """Write one entry as a changelog keeps it."""
        self.apply((Change(space, key, None if data is None else _DECODERS[space].decode(data)),))

    def entries(self) -> Iterator[tuple[str, str, bytes]]:
        """All entries as a changelog keeps them."""
        for space, entries in self._spaces.items():
            for key, value in entries.items():
                yield space, key, _encode(value)

    def __len__(self) -> int:
        return sum(map(len, self._spaces.values()))

    def _write(self, space: str, key: str, value: Value | None) -> None:
        if value is not None:
            self._spaces[space][key] = value
        elif (gone := self._spaces[space].pop(key, None)) is not None and isinstance(gone, Series):
            left = tuple(metric for metric in self.metrics[gone.device_id] if metric != gone.metric)
            self.metrics[gone.device_id] = left

    def _index(self, series: Series) -> None:
        known = self.metrics.get(series.device_id, ())
        self.metrics[series.device_id] = (*known, series.metric)
