"""Whether a value breaks a limit, and what follows from it: the rules of SIMPLE, DURATION, REPEATING and hysteresis.

*Averaged* limits are judged by period, *instant* ones (aggregate ``max`` or ``last``) by sample. What a limit remembers
is its ``Watch``; one that nothing is known of has none. A limit that is broken holds the alarm of its family until a
completed period (or a quiet time of samples) is clear.
"""

from __future__ import annotations

from msgspec.structs import replace

from pipeline.domain.limits import Group, Limit, Probe
from pipeline.domain.probes import DetectPolicy
from pipeline.domain.readings import Millis
from pipeline.stages.alarms import Alarms, Cause, Exceedance
from pipeline.stages.device_entries import Watch

UNTOUCHED = Watch(limit_id="")
GAP_STEPS = 3
"""Two samples over a limit belong to one stretch when not more than so many reporting periods lie between them."""


class Judge:
    """The limits of one probe with their watches."""

    __slots__ = ("_alarms", "_policy", "cause", "probe", "watches")

    def __init__(self, policy: DetectPolicy, probe: Probe, alarms: Alarms, cause: Cause) -> None:
        self._policy, self.probe, self._alarms, self.cause = policy, probe, alarms, cause
        self.watches: dict[str, Watch] = {}

    def over(self, limit: Limit, watch: Watch, value: float, at: Millis) -> None:
        """A sample over an instant limit: a new stretch is an exceedance, a longer one may reach its hold time."""
        fresh = not watch.over or at - watch.until > GAP_STEPS * self.probe.step_ms
        watch = replace(watch, limit_id=limit.row.id, over=True, since=at if fresh else watch.since, until=at, calm=-1)
        if fresh:
            watch = replace(watch, times=_within(limit, watch.times, at), told=False)
        self.put(limit, watch if watch.told else self._trigger(limit, watch, value, watch.since, at))

    def under(self, limit: Limit, watch: Watch, value: float, at: Millis, *, clear: bool) -> None:
        """A sample on the good side of an instant limit: it takes a quiet time of clear ones to end an alarm."""
        calm = (watch.calm if watch.calm >= 0 else at) if clear else -1
        watch = replace(watch, over=False, calm=calm)
        if not watch.raised:
            times = _within(limit, watch.times, None, at)
            self.put(limit, replace(watch, times=times) if times else None)
        elif clear and at - calm >= limit.quiet_ms:
            self._alarms.release(self.probe, Exceedance(limit, value, calm, at), self.cause)
            times = _within(limit, watch.times, None, at)
            self.put(limit, replace(watch, times=times, raised=False) if times else None)
        else:
            self.put(limit, watch)

    def _trigger(self, limit: Limit, watch: Watch, value: float, start: Millis, end: Millis) -> Watch:
        """Raise or count when the limit's own rule says so: at once, held long enough, or often enough."""
        if end - watch.since < limit.hold_ms or (limit.repeating and len(watch.times) <= limit.row.allowed):
            return watch
        self._alarms.exceed(self.probe, Exceedance(limit, value, start, end), self.cause)
        return replace(watch, raised=True, told=True)

    def judge(self, group: Group, value: float, start: Millis, end: Millis, *, complete: bool) -> None:
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
                self.put(limit, replace(watch, over=False))
            elif not limit.applies(minute):  # its part of the day is past: it holds nothing any more
                self._let_go(limit, watch, value, start, end)
            else:
                self._period_under(limit, watch, value, start, end)

    def _period_over(self, limit: Limit, watch: Watch, value: float, start: Millis, end: Millis) -> None:
        since = watch.since if watch.over and watch.until == start else start
        times = _within(limit, watch.times, start)
        watch = replace(watch, limit_id=limit.row.id, over=True, since=since, until=end, times=times)
        self.put(limit, self._trigger(limit, watch, value, since if limit.hold_ms else start, end))

    def _period_under(self, limit: Limit, watch: Watch, value: float, start: Millis, end: Millis) -> None:
        if limit.is_clear(value):
            self._let_go(limit, watch, value, start, end)
        else:
            self.put(limit, replace(watch, over=False) if watch.raised or watch.times else None)

    def _let_go(self, limit: Limit, watch: Watch, value: float, start: Millis, end: Millis) -> None:
        if watch.raised:
            self._alarms.release(self.probe, Exceedance(limit, value, start, end), self.cause)
        times = _within(limit, watch.times, None, end)
        self.put(limit, replace(watch, over=False, raised=False, times=times) if times else None)

    def put(self, limit: Limit, watch: Watch | None) -> None:
        if watch is None:
            self.watches.pop(limit.row.id, None)
        else:
            self.watches[limit.row.id] = watch


def _within(limit: Limit, times: tuple[Millis, ...], fresh: Millis | None, now: Millis = 0) -> tuple[Millis, ...]:
    """Exceedances of the last window, the newest ``allowed + 1`` of them; none for limits that do not count."""
    if not limit.repeating:
        return ()
    after = (fresh if fresh is not None else now) - limit.within_ms
    kept = [at for at in times if at > after]
    return tuple((kept if fresh is None else [*kept, fresh])[-limit.row.allowed - 1 :])
