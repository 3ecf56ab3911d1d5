"""One metric of one device within a step: samples are added up, periods closed and judged, limits watched.

Two kinds of limit: *averaged* ones are judged when their period is over and readings cover enough of it; *instant* ones
(aggregate ``max`` or ``last``) are compared with every sample. Order of judgement is the order of time; of limits that
fall due together the most severe goes first. Samples of a period that was judged never change anything.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from msgspec.structs import replace

from pipeline.domain.limits import NEVER, Group, Probe
from pipeline.domain.probes import DetectPolicy
from pipeline.domain.readings import DAY_MS, MIN_RUNS, Millis, energy, largest_8h, leq, mean
from pipeline.events.records import Origin
from pipeline.stages.alarms import Alarms, Cause
from pipeline.stages.device_entries import Bucket, Series, Watch
from pipeline.stages.judge import UNTOUCHED, Judge


class Draft(Judge):
    """A series being changed by one record. ``series`` gives the entry to keep."""

    __slots__ = ("buckets", "closes", "last", "opens")

    def __init__(self, policy: DetectPolicy, probe: Probe, alarms: Alarms, cause: Cause, at: Millis | None) -> None:
        super().__init__(policy, probe, alarms, cause)
        self.last: Millis = -1
        self.opens: Millis = 0
        self.closes: Millis = 0
        self.buckets: list[Bucket] = []
        if at is not None:
            self._open(at)

    @classmethod
    def of(cls, series: Series, policy: DetectPolicy, probe: Probe, alarms: Alarms, cause: Cause) -> Draft:
        """The draft of an entry. When limits have changed since, averages that go on under them are kept."""
        draft = cls(policy, probe, alarms, cause, None)
        draft.last, draft.opens, draft.closes = series.last, series.opens, series.closes
        draft.buckets = list(series.buckets)
        if series.watches:
            draft.watches = {watch.limit_id: watch for watch in series.watches}
        if series.layout != probe.layout:
            draft._adopt(probe, series.last)
        return draft

    def series(self, first: Millis, last: Millis, origin: Origin) -> Series:
        """The entry after all samples were added; ``first`` and ``last`` are those of the record."""
        low, high = self._band(max(self.last, self.opens))
        probe = self.probe
        return Series(
            probe.device.device_id, probe.metric, probe.layout, first, last, origin, self.opens, self.closes, low, high,
            tuple(self.buckets), tuple(self.watches.values()),
        )  # fmt: skip

    def fill(self, times: Sequence[Millis], values: Sequence[float]) -> bool:
        """Samples out of order: each goes where its period is open and its slot still empty. Tells whether any did."""
        filled = False
        for at, value in zip(times, values, strict=True):
            for index, group in enumerate(self.probe.groups):
                bucket = self.buckets[index]
                if bucket.start <= at < bucket.end:
                    slot = 1 << (at - bucket.start) // group.slot_ms
                    if not bucket.slots & slot:
                        self.buckets[index] = _added(bucket, group, slot, 1, energy(value) if group.leq else value)
                        filled = True
        return filled

    def add(self, times: Sequence[Millis], values: Sequence[float]) -> None:
        """Samples in order of time, all later than any before and none in a judged period."""
        index, count = 0, len(times)
        if count == 1:
            self._add_one(times[0], values[0])
            return
        while index < count:
            at = times[index]
            if at >= self.closes:
                self.roll(at)
            until = bisect_left(times, self.closes, index) if times[-1] >= self.closes else count
            self._add(times[index:until], values[index:until])
            index = until

    def _add_one(self, at: Millis, value: float) -> None:
        """The same for one sample, which is the usual case."""
        if at >= self.closes:
            self.roll(at)
        buckets = self.buckets
        for index, group in enumerate(self.probe.groups):
            slot = 1 << (at - buckets[index].start) // group.slot_ms
            buckets[index] = _added(buckets[index], group, slot, 1, energy(value) if group.leq else value)
        if self.probe.instant:
            self._compare((at,), (value,))
        self.last = at

    def roll(self, at: Millis) -> None:
        """Close and judge the periods that end at or before ``at``, and open those that hold it."""
        for index, group in enumerate(self.probe.groups):
            bucket = self.buckets[index]
            if bucket.end <= at:
                self._close(group, bucket)
                self.buckets[index] = self._next(group, bucket, at)
        if not self.probe.since <= at < self.probe.until:
            probe = self._policy.probe(self.probe.device.device_id, self.probe.metric, self.probe.unit, at)
            if probe is not None:
                self._adopt(probe, at)
        self._frame(at)

    def settle(self, now: Millis, grace: Millis) -> bool:
        """Close the periods that ended ``grace`` before ``now``; later samples of them are late. Tells if any did."""
        cause, closed = self.cause, False
        for index, group in enumerate(self.probe.groups):
            while (end := self._ends(self.buckets[index])) is not None and end + grace <= now:
                self.cause = Cause(cause.origin, end + grace)
                self._close(group, self.buckets[index])
                self.buckets[index] = self._next(group, self.buckets[index], end)
                closed = True
        self.cause = cause
        if closed:
            self._frame(max(bucket.start for bucket in self.buckets))
        return closed

    def _ends(self, bucket: Bucket) -> Millis | None:
        """When there will be something to judge without further samples."""
        if bucket.count:
            return bucket.end
        return self._policy.civil.period(bucket.start, DAY_MS)[1] if bucket.hours else None

    def watch_silence(self, watch: Watch | None) -> None:
        """Note or forget that the device is silent."""
        limit = self.probe.no_data
        if limit is not None:
            self.put(limit, watch)

    def _open(self, at: Millis) -> None:
        self.buckets = [self._bucket(group, at) for group in self.probe.groups]
        self._frame(at)

    def _bucket(self, group: Group, at: Millis) -> Bucket:
        start, end = self._policy.civil.period(at, group.period_ms, group.anchor_ms)
        return Bucket(group.key, start, end, 0, 0, 0.0)

    def _adopt(self, probe: Probe, at: Millis) -> None:
        """Go on under other limits: what is averaged alike stays, watches of limits that are gone are dropped."""
        old = {bucket.key: bucket for bucket in self.buckets}
        self.probe = probe
        self.buckets = [old.get(group.key) or self._bucket(group, at) for group in probe.groups]
        known = {limit.row.id for limit in probe.limits}
        for name in [name for name in self.watches if name not in known]:
            del self.watches[name]
        self._frame(at)

    def _frame(self, at: Millis) -> None:
        """Between which instants samples only add up: no period ends, no window begins or ends, no limit changes."""
        civil, probe = self._policy.civil, self.probe
        opens, closes = 0, probe.until
        for bucket in self.buckets:
            if bucket.start > opens:
                opens = bucket.start
            if bucket.end < closes:
                closes = bucket.end
        for minute in probe.edges if self.buckets else (0, *probe.edges):
            closes = min(closes, civil.next_minute(at, minute))
        self.opens, self.closes = opens, closes

    def _band(self, at: Millis) -> tuple[float, float]:
        """Values strictly between need no look at instant limits in the frame of ``at``. Empty while one is watched."""
        probe = self.probe
        low, high = -NEVER, probe.loudest
        if self.watches and (probe.instant or probe.no_data):
            averaged = {limit.row.id for group in probe.groups for limit in group.limits}
            if not averaged.issuperset(self.watches):
                return NEVER, -NEVER
        if probe.instant:
            minute = self._policy.civil.minute(at)
            for limit in probe.instant:
                if limit.applies(minute):
                    low, high = (max(low, limit.bound), high) if limit.falling else (low, min(high, limit.bound))
        return low, high

    def _add(self, times: Sequence[Millis], values: Sequence[float]) -> None:
        """Samples of one frame."""
        for index, group in enumerate(self.probe.groups):
            bucket, width = self.buckets[index], group.slot_ms
            start, slots = bucket.start, 0
            for slot in {(at - start) // width for at in times}:
                slots |= 1 << slot
            total = sum(map(energy, values)) if group.leq else sum(values)
            self.buckets[index] = _added(bucket, group, slots, len(times), total)
        if self.probe.instant:
            self._compare(times, values)
        self.last = times[-1]

    def _compare(self, times: Sequence[Millis], values: Sequence[float]) -> None:
        low, high = self._band(times[0])
        if low < min(values) and max(values) < high:
            return
        minute = self._policy.civil.minute(times[0])
        limits = [(limit, limit.applies(minute)) for limit in self.probe.instant]
        for at, value in zip(times, values, strict=True):
            for limit, on in limits:
                watch = self.watches.get(limit.row.id)
                if on and limit.is_over(value):
                    self.over(limit, watch or UNTOUCHED, value, at)
                elif watch is not None:
                    self.under(limit, watch, value, at, clear=not on or limit.is_clear(value))

    def _close(self, group: Group, bucket: Bucket) -> None:
        """Judge a period that is over (an hour of 8 h means only goes into its day, see ``_next``)."""
        if bucket.count and not group.max8h:
            value = leq(bucket.total, bucket.count) if group.leq else mean(bucket.total, bucket.count)
            self.judge(group, value, bucket.start, bucket.end, complete=self._covered(group, bucket))

    def _covered(self, group: Group, bucket: Bucket) -> bool:
        """Whether readings cover enough of a period."""
        return bucket.slots.bit_count() >= self._policy.min_share * group.slots

    def _next(self, group: Group, bucket: Bucket, at: Millis) -> Bucket:
        """The period that holds ``at``; hourly means of a day go along until the day is over."""
        fresh = self._bucket(group, at)
        if not group.max8h:
            return fresh
        hours = bucket.hours
        if bucket.count and self._covered(group, bucket):
            hours = (*hours, (bucket.start, mean(bucket.total, bucket.count)))
        start, end = self._policy.civil.period(bucket.start, DAY_MS)
        if at < end:
            return replace(fresh, hours=hours)
        if hours:
            self._judge_day(group, hours, start, end)
        return fresh

    def _judge_day(self, group: Group, hours: tuple[tuple[Millis, float], ...], start: Millis, end: Millis) -> None:
        civil = self._policy.civil
        value, runs = largest_8h((civil.minute(at) // 60, hour) for at, hour in hours)
        over = runs > 0 and any(limit.is_over(value) for limit in group.limits)
        self.judge(group, value, start, end, complete=runs >= MIN_RUNS or over)


def turned(
    policy: DetectPolicy, probe: Probe, series: Series, at: Millis, value: float, origin: Origin
) -> Series | None:
    """The entry after one sample that ends a period nobody needs to hear of: well below its limits, none watched.

    ``None`` when it takes a ``Draft``, which gives the same. The caller has checked order, silence, layout and band.
    """
    if series.watches or probe.edges or at >= probe.until or not series.buckets:
        return None
    opens, closes, buckets = 0, probe.until, []
    for bucket, group in zip(series.buckets, probe.groups, strict=True):
        total = 10.0 ** (value * 0.1) if group.leq else value
        slots, count, start, end = bucket.slots, bucket.count + 1, bucket.start, bucket.end
        if end <= at:
            if group.max8h or (count > 1 and bucket.total >= group.calm * bucket.count):
                return None
            start, end = policy.civil.period(at, group.period_ms, group.anchor_ms)
            slots, count = 0, 1
        else:
            total += bucket.total
        slots |= 1 << (at - start) // group.slot_ms
        buckets.append(Bucket(group.key, start, end, slots, count, total, bucket.hours))
        if start > opens:
            opens = start
        if end < closes:
            closes = end
    return Series(
        series.device_id, series.metric, series.layout, at, at, origin, opens, closes, series.low, series.high,
        tuple(buckets), (),
    )  # fmt: skip


def _added(bucket: Bucket, group: Group, slots: int, count: int, total: float) -> Bucket:
    return Bucket(
        group.key, bucket.start, bucket.end, bucket.slots | slots, bucket.count + count, bucket.total + total,
        bucket.hours,
    )  # fmt: skip
