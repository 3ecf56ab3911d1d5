"""Alarms as they are told: one active alarm for each device and family, its changes as facts, its report to casework.

An exceedance while the alarm is active only counts: it is told again when the severity rises or the count reaches a
power of two, so a flapping sensor is one alarm with a count. An alarm ends when the last limit that holds it is clear.
One that comes back later is a new alarm, whose report names those of the last one: while their case is open, it is one.
"""

from __future__ import annotations

from typing import NamedTuple

from msgspec.structs import replace

from pipeline.domain.ids import digest, number, report_id
from pipeline.domain.limits import SEVERITIES, Limit, Probe
from pipeline.domain.probes import DetectPolicy
from pipeline.domain.readings import Millis
from pipeline.domain.reference.rows import AlarmType
from pipeline.events.base import Channel
from pipeline.events.facts import AlarmChanged, Fact, Samples
from pipeline.events.intake import ScreenedReport
from pipeline.events.records import Evidence, Origin
from pipeline.stage import Change
from pipeline.stages.device_entries import Alarm, Stranger, Telling
from pipeline.stages.devicebook import ALARM, DeviceBook

SOURCE = "wangge-detect"
SEVERITY_RAISED = "severity_raised"
UNKNOWN_DEVICE = "unknown_device"


class Cause(NamedTuple):
    """The record that made something known."""

    origin: Origin
    received_at: Millis


class Exceedance(NamedTuple):
    """A value over a limit (or a silence), and the period that it speaks for."""

    limit: Limit
    value: float
    start: Millis
    end: Millis


class Alarms:
    """The alarms that one step touches, laid over those of the book, and what is told of them."""

    __slots__ = ("_book", "_fresh", "_policy", "facts", "messages")

    def __init__(self, policy: DetectPolicy, book: DeviceBook, facts: list[Fact | Samples]) -> None:
        self._policy, self._book = policy, book
        self._fresh: dict[str, Alarm] = {}
        self.facts = facts
        """Where facts go, in the order in which they are told."""
        self.messages: list[ScreenedReport] = []

    def get(self, device_id: str, family: str) -> Alarm | None:
        """The last alarm of a device and family, active or not."""
        key = f"{device_id}|{family}"
        return self._fresh.get(key) or self._book.alarms.get(key)

    def changes(self) -> list[Change]:
        """What the step changed."""
        return [Change(ALARM, key, alarm) for key, alarm in self._fresh.items()]

    def exceed(self, probe: Probe, what: Exceedance, cause: Cause, *, report: bool = True) -> None:
        """Raise the alarm, or count on the active one."""
        alarm = self.get(probe.device.device_id, what.limit.family)
        if alarm is None or not alarm.active:
            self._raise(probe, what, cause, report=report and what.limit.row.action == "alarm")
        else:
            self._count(probe, alarm, what, cause)

    def release(self, probe: Probe, what: Exceedance, cause: Cause) -> None:
        """A limit is clear: the alarm ends if no other holds it."""
        alarm = self.get(probe.device.device_id, what.limit.family)
        if alarm is None or not alarm.active or what.limit.holder not in alarm.holders:
            return
        left = tuple(holder for holder in alarm.holders if holder != what.limit.holder)
        if left:
            self._keep(probe, what.limit, replace(alarm, holders=left))
            return
        fact = self._fact(probe, alarm.alarm_id, what, cause, "cleared", alarm.severity, alarm.count)
        self._tell(probe, what.limit, replace(alarm, active=False, holders=()), fact, cause)

    def again(self, probe: Probe, families: tuple[str, ...], origin: Origin) -> None:
        """A record came a second time: say again what it made known, if it is still the last word."""
        for family in families:
            alarm = self.get(probe.device.device_id, family)
            for telling in (alarm.raised, alarm.said) if alarm else ():
                if telling is not None and telling.origin == origin:
                    self.facts.append(telling.fact)
                    if telling.report:
                        self.messages.append(self._report(probe, telling))

    def _raise(self, probe: Probe, what: Exceedance, cause: Cause, *, report: bool) -> None:
        row, device = what.limit.row, probe.device.device_id
        alarm_id = digest("alarm", device, what.limit.family, str(what.start), row.id)
        fact = self._fact(probe, alarm_id, what, cause, "raised", row.severity, 1)
        telling = Telling(
            fact=fact, origin=cause.origin, received_at=cause.received_at, report=alarm_id if report else "",
            before=_numbers(self.get(device, what.limit.family)),
        )  # fmt: skip
        alarm = Alarm(
            alarm_id=alarm_id,
            limit_id=row.id,
            metric=probe.metric,
            active=True,
            severity=row.severity,
            count=1,
            counted=what.start,
            holders=(what.limit.holder,),
            raised=telling,
            reported=report,
        )
        self._keep(probe, what.limit, alarm)
        self._say(probe, telling)

    def _count(self, probe: Probe, alarm: Alarm, what: Exceedance, cause: Cause) -> None:
        row = what.limit.row
        risen = what.limit.rank > SEVERITIES.get(alarm.severity.casefold(), 0)
        count = alarm.count + (what.start > alarm.counted)
        severity = row.severity if risen else alarm.severity
        holders = alarm.holders if what.limit.holder in alarm.holders else (*alarm.holders, what.limit.holder)
        after = replace(alarm, count=count, counted=max(alarm.counted, what.start), severity=severity, holders=holders)
        due = row.action == "alarm" and (risen or not alarm.reported)
        if not risen and not due and (count == alarm.count or count & (count - 1)):
            self._keep(probe, what.limit, after)
            return
        fact = self._fact(probe, alarm.alarm_id, what, cause, "updated", severity, count)
        report = f"{alarm.alarm_id}#{severity}" if alarm.reported else alarm.alarm_id
        self._tell(probe, what.limit, after, fact, cause, report if due else "")

    def _tell(
        self, probe: Probe, limit: Limit, alarm: Alarm, fact: AlarmChanged, cause: Cause, report: str = ""
    ) -> None:
        before = alarm.raised.before if report else ()
        telling = Telling(fact=fact, origin=cause.origin, received_at=cause.received_at, report=report, before=before)
        self._keep(probe, limit, replace(alarm, said=telling, reported=alarm.reported or bool(report)))
        self._say(probe, telling)

    def _say(self, probe: Probe, telling: Telling) -> None:
        self.facts.append(telling.fact)
        if telling.report:
            self.messages.append(self._report(probe, telling))

    def _keep(self, probe: Probe, limit: Limit, alarm: Alarm) -> None:
        self._fresh[f"{probe.device.device_id}|{limit.family}"] = alarm

    def _fact(
        self, probe: Probe, alarm_id: str, what: Exceedance, cause: Cause, change: str, severity: str, count: int
    ) -> AlarmChanged:
        row, limit = what.limit.row, what.limit
        return AlarmChanged(
            fact_id=digest("alarm-changed", alarm_id, change, str(count), severity),
            at=what.end,
            recorded=cause.origin.offset,
            alarm_id=alarm_id,
            device_id=probe.device.device_id,
            device_kind=probe.device.kind,
            metric=limit.metric,
            change=change,
            alarm_type=row.alarm.value,
            severity=severity,
            value=limit.shown(what.value),
            limit=row.limit,
            unit=row.unit,
            period_start=what.start,
            period_end=what.end,
            limit_id=row.id,
            standard=row.standard,
            exceedances=count,
        )

    def _report(self, probe: Probe, telling: Telling) -> ScreenedReport:
        """The report of an alarm. Those of the same alarm and of the one before it are named as related."""
        fact, device = telling.fact, probe.device
        row = next((limit.row for limit in probe.limits if limit.row.id == fact.limit_id), None)
        follows = telling.report != fact.alarm_id
        text = describe(fact, row.aggregate if row else "", row.period_minutes if row else 0, device.zone)
        return ScreenedReport(
            report_id=report_id(SOURCE, telling.report),
            channel=Channel.ALARM,
            source_system=SOURCE,
            source_ref=telling.report,
            source_family="public_service",
            origin=telling.origin,
            content_hash=number(fact.fact_id, text),
            received_at=telling.received_at,
            occurred_at=fact.period_start,
            found_at=fact.period_end,
            lon=device.lon,
            lat=device.lat,
            error_m=self._policy.device_error_m if device.lon is not None else None,
            area_code=device.area_code,
            title=f"{fact.metric} {fact.alarm_type} {fact.severity}",
            text=text,
            category_standard=row.opens_standard if row else "",
            category_kind=row.opens_kind.value if row else "",
            category_code=row.opens_code if row else "",
            component_code=device.component_code,
            device_id=device.device_id,
            alarm_id=fact.alarm_id,
            evidence=(Evidence(measure=fact.metric, value=fact.value, unit=fact.unit),),
            related_refs=(fact.alarm_id, *telling.before) if follows else telling.before,
            flags=(f"severity:{fact.severity}", *((SEVERITY_RAISED,) if follows else ())),
        )


def _numbers(last: Alarm | None) -> tuple[str, ...]:
    """Numbers of the reports of an alarm that ended; of the one before it when it was never reported."""
    if last is None or not last.reported:
        return last.raised.before if last else ()
    first = last.alarm_id
    return (first, f"{first}#{last.severity}") if last.severity != last.raised.fact.severity else (first,)


def describe(fact: AlarmChanged, aggregate: str, period_minutes: int, zone: str) -> str:
    """One line for people: what was measured over which period, and the limit with its source."""
    if fact.alarm_type == AlarmType.NO_DATA.value:
        return f"no data for more than {fact.limit:g} reporting periods ({fact.value:g}) of device {fact.device_id}"
    period = f"{period_minutes // 60} h " if period_minutes and period_minutes % 60 == 0 else f"{period_minutes} min "
    average = f"{period if period_minutes else ''}{aggregate} "
    where = f" in zone {zone}" if zone != "*" else ""
    return f"{fact.metric} {average}{fact.value:g} {fact.unit}, limit {fact.limit:g}{where} ({fact.standard})"


def stranger_report(stranger: Stranger) -> ScreenedReport:
    """The one report of a device that is not in the register: for a person to look at."""
    text = f"readings of {stranger.metric} from the device {stranger.device_id}, which is not in the register"
    ref = f"{UNKNOWN_DEVICE}:{stranger.device_id}"
    return ScreenedReport(
        report_id=report_id(SOURCE, ref),
        channel=Channel.ALARM,
        source_system=SOURCE,
        source_ref=ref,
        source_family="public_service",
        origin=stranger.origin,
        content_hash=number(ref, text),
        received_at=stranger.received_at,
        occurred_at=stranger.first_at,
        title="unknown device",
        text=text,
        device_id=stranger.device_id,
        evidence=(Evidence(measure=stranger.metric, value=stranger.value, unit=stranger.unit),),
        flags=(UNKNOWN_DEVICE,),
    )
