"""One metric of one device within a step: samples are added up, periods closed and judged, limits watched.

Two kinds of limit: *averaged* ones are judged when their period is over and readings cover enough of it; *instant* ones
(aggregate ``max`` or ``last``) are compared with every sample. Order of judgement is the order of time; of limits that
fall due together the most severe goes first. Samples of a period that was judged never change anything.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from msgspec.structs import replace

from pipeline.domain.limits import NEVER, DetectPolicy, Group, Limit, Probe
from pipeline.domain.readings import DAY_MS, LOUDEST_DB, MIN_RUNS, Millis, energy, largest_8h, leq, mean
from pipeline.events.records import Origin
from pipeline.stages.alarms import Alarms, Cause, Exceedance
from pipeline.stages.devicebook import Bucket, Series, Watch

UNTOUCHED = Watch(limit_id="")


class Draft:
    """A series being changed by one record. ``series`` gives the entry to keep."""

    __slots__ = ("_alarms", "_policy", "buckets", "cause", "closes", "last", "opens", "probe", "watches")

    def __init__(self, policy: DetectPolicy, probe: Probe, alarms: Alarms, cause: Cause, at: Millis) -> None:
        self._policy, self._alarms, self.cause, self.probe = policy, alarms, cause, probe
        self.last: Millis = -1
        self.watches: dict[str, Watch] = {}
        self.buckets: list[Bucket] = []
        self._open(at)

    @classmethod
    def of(cls, series: Series, policy: DetectPolicy, probe: Probe, alarms: Alarms, cause: Cause) -> Draft:
        """The draft of an entry. When limits have changed since, averages that go on under them are kept."""
        draft = cls.__new__(cls)
        draft._policy, draft._alarms, draft.cause, draft.probe = policy, alarms, cause, probe
        draft.last, draft.opens, draft.closes = series.last, series.opens, series.closes
        draft.buckets = list(series.buckets)
        draft.watches = {watch.limit_id: watch for watch in series.watches}
        if series.layout != probe.layout:
            draft._adopt(probe, series.last)
        return draft

    def series(self, first: Millis, last: Millis, origin: Origin) -> Series:
        """The entry after all samples were added; ``first`` and ``last`` are those of the record."""
        low, high = self._band()
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
        while index < count:
            at = times[index]
            if at >= self.closes:
                self.roll(at)
            until = bisect_left(times, self.closes, index) if times[-1] >= self.closes else count
            self._add(times[index:until], values[index:until])
            index = until

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
            self._put(limit, watch)

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
        self.opens = max([bucket.start for bucket in self.buckets], default=0)
        ends = [bucket.end for bucket in self.buckets] or [civil.period(at, DAY_MS)[1]]
        self.closes = min(*ends, *(civil.next_minute(at, minute) for minute in probe.edges), probe.until)

    def _band(self) -> tuple[float, float]:
        """Values strictly between need no look at instant limits. Empty while one of them is watched."""
        probe = self.probe
        low, high = -NEVER, LOUDEST_DB if any(group.leq for group in probe.groups) else NEVER
        if self.watches and (probe.instant or probe.no_data):
            averaged = {limit.row.id for group in probe.groups for limit in group.limits}
            if not averaged.issuperset(self.watches):
                return NEVER, -NEVER
        if probe.instant:
            minute = self._policy.civil.minute(max(self.last, self.opens))
            for limit in probe.instant:
                if limit.applies(minute):
                    low, high = (
                        (max(low, limit.threshold), high) if limit.falling else (low, min(high, limit.threshold))
                    )
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
        low, high = self._band()
        if low < min(values) and max(values) < high:
            return
        minute = self._policy.civil.minute(times[0])
        limits = [(limit, limit.applies(minute)) for limit in self.probe.instant]
        for at, value in zip(times, values, strict=True):
            for limit, on in limits:
                watch = self.watches.get(limit.row.id)
                if on and limit.is_over(value):
                    self._over(limit, watch or UNTOUCHED, value, at)
                elif watch is not None:
                    self._under(limit, watch, value, at, clear=not on or limit.is_clear(value))

    def _over(self, limit: Limit, watch: Watch, value: float, at: Millis) -> None:
        """A sample over an instant limit: a new stretch is an exceedance, a longer one may reach its hold time."""
        fresh = not watch.over or at - watch.until > 3 * self.probe.step_ms
        watch = replace(watch, limit_id=limit.row.id, over=True, since=at if fresh else watch.since, until=at, calm=-1)
        if fresh:
            watch = replace(watch, times=_within(limit, watch.times, at), told=False)
        self._put(limit, watch if watch.told else self._trigger(limit, watch, value, watch.since, at))

    def _under(self, limit: Limit, watch: Watch, value: float, at: Millis, *, clear: bool) -> None:
        """A sample on the good side of an instant limit: it takes a quiet time of clear ones to end an alarm."""
        calm = (watch.calm if watch.calm >= 0 else at) if clear else -1
        watch = replace(watch, over=False, calm=calm)
        if not watch.raised:
            times = _within(limit, watch.times, None, at)
            self._put(limit, replace(watch, times=times) if times else None)
        elif clear and at - calm >= limit.quiet_ms:
            self._alarms.release(self.probe, Exceedance(limit, value, calm, at), self.cause)
            times = _within(limit, watch.times, None, at)
            self._put(limit, replace(watch, times=times, raised=False) if times else None)
        else:
            self._put(limit, watch)

    def _trigger(self, limit: Limit, watch: Watch, value: float, start: Millis, end: Millis) -> Watch:
        """Raise or count when the limit's own rule says so: at once, held long enough, or often enough."""
        if end - watch.since < limit.hold_ms or (limit.repeating and len(watch.times) <= limit.row.allowed):
            return watch
        self._alarms.exceed(self.probe, Exceedance(limit, value, start, end), self.cause)
        return replace(watch, raised=True, told=True)

    def _close(self, group: Group, bucket: Bucket) -> None:
        """Judge a period that is over (an hour of 8 h means only goes into its day, see ``_next``)."""
        if bucket.count and not group.max8h:
            value = leq(bucket.total, bucket.count) if group.leq else mean(bucket.total, bucket.count)
            self._judge(group, value, bucket.start, bucket.end, complete=self._covered(group, bucket))

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
        self._judge(group, value, start, end, complete=runs >= MIN_RUNS or over)

    def _judge(self, group: Group, value: float, start: Millis, end: Millis, *, complete: bool) -> None:
        """Compare the average of a period with its limits: first what is over, so that an alarm passes from the limit
        of the day to that of the night without ending in between."""
        minute, over = self._policy.civil.minute(start), []
        for limit in group.limits:
            if complete and limit.is_over(value) and limit.applies(minute):
                over.append(limit)
                self._period_over(limit, self.watches.get(limit.row.id, UNTOUCHED), value, start, end)
        for limit in group.limits if self.watches else ():
            watch = self.watches.get(limit.row.id)
            if watch is None or limit in over:
                continue
            if not complete:
                self._put(limit, replace(watch, over=False))
            elif not limit.applies(minute):  # its part of the day is past: it holds nothing any more
                self._let_go(limit, watch, value, start, end)
            else:
                self._period_under(limit, watch, value, start, end)

    def _period_over(self, limit: Limit, watch: Watch, value: float, start: Millis, end: Millis) -> None:
        since = watch.since if watch.over and watch.until == start else start
        times = _within(limit, watch.times, start)
        watch = replace(watch, limit_id=limit.row.id, over=True, since=since, until=end, times=times)
        self._put(limit, self._trigger(limit, watch, value, since if limit.hold_ms else start, end))

    def _period_under(self, limit: Limit, watch: Watch, value: float, start: Millis, end: Millis) -> None:
        if limit.is_clear(value):
            self._let_go(limit, watch, value, start, end)
        else:
            self._put(limit, replace(watch, over=False) if watch.raised or watch.times else None)

    def _let_go(self, limit: Limit, watch: Watch, value: float, start: Millis, end: Millis) -> None:
        if watch.raised:
            self._alarms.release(self.probe, Exceedance(limit, value, start, end), self.cause)
        times = _within(limit, watch.times, None, end)
        self._put(limit, replace(watch, over=False, raised=False, times=times) if times else None)

    def _put(self, limit: Limit, watch: Watch | None) -> None:
        if watch is None:
            self.watches.pop(limit.row.id, None)
        else:
            self.watches[limit.row.id] = watch


def _added(bucket: Bucket, group: Group, slots: int, count: int, total: float) -> Bucket:
    return Bucket(
        group.key, bucket.start, bucket.end, bucket.slots | slots, bucket.count + count, bucket.total + total,
        bucket.hours,
    )  # fmt: skip


def _within(limit: Limit, times: tuple[Millis, ...], fresh: Millis | None, now: Millis = 0) -> tuple[Millis, ...]:
    """Exceedances of the last window, the newest ``allowed + 1`` of them; none for limits that do not count."""
    if not limit.repeating:
        return ()
    after = (fresh if fresh is not None else now) - limit.within_ms
    kept = [at for at in times if at > after]
    return tuple((kept if fresh is None else [*kept, fresh])[-limit.row.allowed - 1 :])
