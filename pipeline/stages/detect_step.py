"""One step of detect: the long way of a record, and what time alone makes known."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from pipeline.domain.limits import Probe
from pipeline.domain.probes import DetectPolicy
from pipeline.domain.readings import NO_DATA_FAMILY, Millis, family_of
from pipeline.events.base import Channel, Fate, Logged
from pipeline.events.facts import Fact, Samples
from pipeline.events.readings import Readings
from pipeline.events.records import Origin
from pipeline.stage import Change, Outcome, Settlement
from pipeline.stages.alarms import UNKNOWN_DEVICE, Alarms, Cause, Exceedance, stranger_report
from pipeline.stages.device_entries import Series, Stranger, Watch
from pipeline.stages.devicebook import SERIES, STRANGER, DeviceBook
from pipeline.stages.series import Draft

LATE, LATE_PART, OUT_OF_ORDER, UNIT_MISMATCH = "late", "late_part", "out_of_order", "unit_mismatch"
"""Flags of stored samples: all or some belong to periods that were judged already; none could be averaged because
newer ones were there already; no limit has a unit of their kind."""

ONE = Settlement(Channel.SENSOR.value, Fate.LOGGED.value, Logged.READINGS.value, 1)


class DetectStep:
    """One step in the making: what it changes, laid over the book, and what it says."""

    __slots__ = ("_added", "_book", "_policy", "_strangers", "alarms", "facts", "series", "settled")

    def __init__(self, policy: DetectPolicy, book: DeviceBook) -> None:
        self._policy, self._book = policy, book
        self.facts: list[Fact | Samples] = []
        self.settled: list[Settlement] = []
        self.series: dict[str, Series] = {}
        self.alarms = Alarms(policy, book, self.facts)
        self._strangers: dict[str, Stranger] = {}
        self._added: dict[str, list[str]] = {}
        """Metrics heard for the first time in this step, by device."""

    def outcome(self) -> Outcome:
        """Everything, in order."""
        changes = [Change(SERIES, key, series) for key, series in self.series.items()]
        changes += self.alarms.changes()
        changes += [Change(STRANGER, key, stranger) for key, stranger in self._strangers.items()]
        return Outcome(tuple(self.facts), tuple(self.alarms.messages), tuple(changes), tuple(self.settled))

    def record(self, r: Readings) -> None:
        """One record, the long way."""
        at = r.times[0] if r.times else r.received_at
        known = self._policy.probes.get(r.device_id)
        probe = known.get(r.metric) if known else None
        if probe is None or probe.unit != r.unit or not probe.since <= at < probe.until:
            probe = self._policy.probe(r.device_id, r.metric, r.unit, at)
        if probe is None:
            self._stranger(r)
        elif not r.times or not probe.watched:
            self._store(r, UNIT_MISMATCH if probe.mismatched and r.times else "")
        else:
            self._watched(r, probe)

    def _watched(self, r: Readings, probe: Probe) -> None:
        series, cause = self._get(probe.key), Cause(r.origin, r.received_at)
        values = r.values if r.unit or probe.factor == 1.0 else tuple([value * probe.factor for value in r.values])
        if series is None:
            self._store(r)
            draft = Draft(self._policy, probe, self.alarms, cause, r.times[0])
            draft.add(r.times, values)
            self.series[probe.key] = draft.series(r.times[0], r.times[-1], r.origin)
            self._added.setdefault(r.device_id, []).append(r.metric)
        elif replayed(series.origin, r.origin):
            self._store(r)
            self.alarms.again(probe, (NO_DATA_FAMILY, family_of(r.metric)), r.origin)
        elif series.first == r.times[0] and series.last == r.times[-1]:
            self.settled.append(_settlement(Logged.REDELIVERED, 0))
        else:
            self._go_on(r, values, series, self._probe_of(series, probe), cause)

    def _probe_of(self, series: Series, probe: Probe) -> Probe:
        """The limits that the open periods of a series run under: those in force at its last sample."""
        if series.layout == probe.layout:
            return probe
        return self._policy.probe(series.device_id, series.metric, probe.unit, series.last) or probe

    def _go_on(self, r: Readings, values: Sequence[float], series: Series, probe: Probe, cause: Cause) -> None:
        times = r.times
        draft = Draft.of(series, self._policy, probe, self.alarms, cause)
        if times[0] > series.last and times[0] >= series.opens:
            self._store(r)
            self._heard(draft, series, times[0])
            draft.add(times, values)
            self.series[probe.key] = draft.series(times[0], draft.last, r.origin)
            return
        start = max(bisect_right(times, series.last), bisect_left(times, series.opens))
        late = bisect_left(times, series.opens)
        filled = start > 0 and draft.fill(times[:start], values[:start])
        flag = LATE if late == len(times) else LATE_PART if late else ""
        if start == len(times) and not filled:
            self._store(r, flag or OUT_OF_ORDER)
            return
        self._store(r, flag)
        if start < len(times):
            self._heard(draft, series, times[start])
            draft.add(times[start:], values[start:])
        self.series[probe.key] = draft.series(times[0], draft.last, r.origin)

    def _heard(self, draft: Draft, series: Series, at: Millis) -> None:
        """A device was heard again: its silence ends, also one that nobody noticed while it lasted."""
        probe = draft.probe
        limit = probe.no_data
        if limit is None:
            return
        cause = draft.cause
        if any(watch.limit_id == limit.row.id for watch in series.watches):
            draft.watch_silence(None)
        elif series.last + probe.silence_ms < at and (since := self._last(probe)) + probe.silence_ms < at:
            what = Exceedance(limit, (at - since) / probe.step_ms, since, since + probe.silence_ms)
            self.alarms.exceed(probe, what, cause, report=False)
        else:
            return
        self.alarms.release(probe, Exceedance(limit, 0.0, at, at), cause)

    def settle(self, key: str, series: Series, now: Millis) -> None:
        """Close the periods of a series that are over."""
        probe = self._policy.probe(series.device_id, series.metric, self._unit(series), series.last)
        if probe is None or not probe.groups:
            return
        cause = Cause(series.origin, now)
        draft = Draft.of(series, self._policy, probe, self.alarms, cause)
        if draft.settle(now, probe.grace_ms):
            self.series[key] = draft.series(series.first, series.last, series.origin)

    def silence(self, device_id: str, metrics: tuple[str, ...], now: Millis) -> None:
        """Raise the alarm of a device (or of one metric, where the limit names it) that fell silent."""
        for metric in metrics:
            series = self._get(f"{device_id}|{metric}")
            probe = self._policy.probes.get(device_id, {}).get(metric)
            if series is None:
                continue
            if probe is None or series.layout != probe.layout:
                probe = self._policy.probe(device_id, metric, self._unit(series), series.last)
            if probe is None or probe.no_data is None or series.last + probe.silence_ms >= now:
                continue
            limit = probe.no_data
            since = self._last(probe)
            if since + probe.silence_ms >= now or any(watch.limit_id == limit.row.id for watch in series.watches):
                continue
            due = since + probe.silence_ms
            alarm = self.alarms.get(device_id, limit.family)
            cause = Cause(series.origin, due)
            if alarm is None or limit.holder not in alarm.holders:
                self.alarms.exceed(probe, Exceedance(limit, probe.silence_ms / probe.step_ms, since, due), cause)
            draft = Draft.of(series, self._policy, probe, self.alarms, cause)
            draft.watch_silence(Watch(limit_id=limit.row.id, over=True, since=since, raised=True))
            self.series[probe.key] = draft.series(series.first, series.last, series.origin)

    def _last(self, probe: Probe) -> Millis:
        """When the device was last heard of: by this metric, or by any where the limit is for all of them."""
        device_id = probe.device.device_id
        own = self._get(probe.key)
        latest = own.last if own else -1
        if probe.no_data is None or probe.no_data.metric != "*":
            return latest
        known = self._book.metrics.get(device_id, ())
        for metric in (*known, *self._added.get(device_id, ())):
            other = self._get(f"{device_id}|{metric}") if metric != probe.metric else None
            if other is not None and other.last > latest:
                latest = other.last
        return latest

    def _unit(self, series: Series) -> str:
        probe = self._policy.probes.get(series.device_id, {}).get(series.metric)
        return probe.unit if probe else ""

    def _get(self, key: str) -> Series | None:
        return self.series.get(key) or self._book.series.get(key)

    def _stranger(self, r: Readings) -> None:
        """A device that is not registered: its samples are kept, and one report goes to a person."""
        self._store(r, UNKNOWN_DEVICE, Logged.READINGS_UNKNOWN_DEVICE)
        known = self._strangers.get(r.device_id) or self._book.strangers.get(r.device_id)
        if known is None:
            known = self._strangers[r.device_id] = Stranger(
                device_id=r.device_id, metric=r.metric, unit=r.unit, value=r.values[0] if r.values else 0.0,
                first_at=r.times[0] if r.times else r.received_at, received_at=r.received_at, origin=r.origin,
            )  # fmt: skip
        if known.origin == r.origin:
            self.alarms.messages.append(stranger_report(known))

    def _store(self, r: Readings, flag: str = "", outcome: Logged = Logged.READINGS) -> None:
        flags = (*r.flags, flag) if flag else r.flags
        self.facts.append(
            Samples(
                device_id=r.device_id, metric=r.metric, unit=r.unit, recorded=r.origin.offset,
                received_at=r.received_at,
                times=r.times, values=r.values, flags=",".join(flags),
            )
        )  # fmt: skip
        self.settled.append(_settlement(outcome, len(r.times)))


def replayed(seen: Origin, again: Origin) -> bool:
    """Whether a record of the log was answered before: logs are read in order, so an older number is no news."""
    return again.offset <= seen.offset and again.topic == seen.topic and again.partition == seen.partition


def _settlement(outcome: Logged, samples: int) -> Settlement:
    if samples == 1 and outcome is Logged.READINGS:
        return ONE
    return Settlement(Channel.SENSOR.value, Fate.LOGGED.value, outcome.value, samples)
