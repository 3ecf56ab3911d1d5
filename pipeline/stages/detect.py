"""Readings to alarms: every reading is kept; averages over the limit's own period are what is judged.

A batch gives exactly what its records give one after the other. A record whose samples only add up (within the open
period, in order, below every instant limit) takes a short way; all else goes through ``Draft``.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from pipeline.domain.limits import Probe
from pipeline.domain.probes import DetectPolicy
from pipeline.domain.readings import Millis
from pipeline.events.facts import Samples
from pipeline.events.intake import ScreenedReport
from pipeline.events.readings import Readings
from pipeline.stage import Outcome
from pipeline.stages.detect_step import ONE, DetectStep
from pipeline.stages.device_entries import Bucket, Series
from pipeline.stages.devicebook import DeviceBook
from pipeline.stages.series import turned


class Detect:
    """The stage. Key: device. State: ``DeviceBook``."""

    name = "detect"

    def __init__(self, policy: DetectPolicy) -> None:
        self.policy = policy

    def key(self, event: Readings) -> str:
        """All readings of a device go the same way, in order."""
        return event.device_id

    def step(self, state: DeviceBook, event: Readings) -> Outcome:
        """Decide on one record."""
        return self.steps(state, (event,))

    def steps(self, state: DeviceBook, batch: Iterable[Readings]) -> Outcome:
        """Decide on many records; facts and settlements in their order, one settlement for each."""
        work = DetectStep(self.policy, state)
        facts, settled, fresh = work.facts, work.settled, work.series
        probes, series, nothing = self.policy.probes, state.series, dict[str, Probe | None]()
        for r in batch:
            times = r.times
            probe = probes.get(r.device_id, nothing).get(r.metric)
            if probe is not None and len(times) == 1 and probe.unit == r.unit:
                s = fresh.get(probe.key) or series.get(probe.key)
                at, value = times[0], r.values[0]
                calm = (
                    s is not None
                    and s.last < at <= s.last + probe.silence_ms
                    and s.low < value < s.high
                    and s.opens <= at
                    and s.layout == probe.layout
                )
                after = None
                if s is None or not calm:
                    pass
                elif at >= s.closes:
                    after = turned(self.policy, probe, s, at, value, r.origin)
                else:
                    if len(s.buckets) == 1:
                        b, group = s.buckets[0], probe.groups[0]
                        slots = b.slots | 1 << (at - b.start) // group.slot_ms
                        total = b.total + (10.0 ** (value * 0.1) if group.leq else value)
                        buckets: tuple[Bucket, ...] = (
                            Bucket(b.key, b.start, b.end, slots, b.count + 1, total, b.hours),
                        )
                    else:
                        buckets = tuple([_added(b, probe, i, at, value) for i, b in enumerate(s.buckets)])
                    after = Series(
                        s.device_id, s.metric, s.layout, at, at, r.origin, s.opens, s.closes, s.low, s.high, buckets,
                        s.watches,
                    )  # fmt: skip
                if after is not None:
                    fresh[probe.key] = after
                    facts.append(
                        Samples(
                            device_id=r.device_id, metric=r.metric, unit=r.unit, recorded=r.origin.offset,
                            received_at=r.received_at, times=times, values=r.values,
                            flags=",".join(r.flags) if r.flags else "",
                        )
                    )  # fmt: skip
                    settled.append(ONE)
                    continue
            work.record(r)
        return work.outcome()

    def tick(self, state: DeviceBook, now: Millis) -> Outcome:
        """What time alone makes known at stream time ``now``: periods that are over, devices that fell silent.

        Facts carry the time at which it became due, not ``now``, and messages come in order of that time: neither the
        rhythm of ticks nor the order in which devices were first heard shows in what comes out.
        """
        work = DetectStep(self.policy, state)
        for key, series in state.series.items():
            if series.closes <= now:
                work.settle(key, series, now)
        for device_id, metrics in state.metrics.items():
            work.silence(device_id, metrics, now)
        outcome = work.outcome()
        return replace(outcome, messages=tuple(sorted(outcome.messages, key=_due)))


def _added(bucket: Bucket, probe: Probe, index: int, at: Millis, value: float) -> Bucket:
    """The bucket with one more sample in its period."""
    group = probe.groups[index]
    return Bucket(
        bucket.key, bucket.start, bucket.end, bucket.slots | 1 << (at - bucket.start) // group.slot_ms,
        bucket.count + 1, bucket.total + (10.0 ** (value * 0.1) if group.leq else value), bucket.hours,
    )  # fmt: skip


def _due(report: ScreenedReport) -> tuple[Millis, str]:
    """When a report of a tick became due; its id tells equal ones apart."""
    return report.received_at, report.report_id
