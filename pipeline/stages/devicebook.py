"""What detect remembers: a running average for each device and metric, and the last alarm of each device and family.

Entries are small and of bounded size; there are as many as devices (times metrics) that were ever heard of.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from pipeline.events.base import Value
from pipeline.stage import Change, Written
from pipeline.stages.device_entries import Alarm, Series, Stranger

SERIES, ALARM, STRANGER = "series", "alarm", "stranger"


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

    def apply(self, changes: Iterable[Change]) -> Iterable[Written]:
        """Write the changes of one step and give them back; the entries themselves, for most are changed again before
        a changelog hears of them.
        """
        written: list[Written] = []
        series = self.series
        for change in changes:
            space, key, value = change.space, change.key, change.value
            if space == SERIES and value is not None:
                if key not in series:
                    self._index(value)  # type: ignore[arg-type] # the space tells the type
                series[key] = value  # type: ignore[assignment]
            else:
                self._write(space, key, value)
            written.append((space, key, value))
        return written

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
