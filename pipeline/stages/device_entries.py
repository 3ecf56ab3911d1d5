"""Entries of the state of detect, as a changelog keeps them: small and of bounded size."""

from __future__ import annotations

from pipeline.domain.readings import Millis
from pipeline.events.base import Value
from pipeline.events.facts import AlarmChanged
from pipeline.events.records import Origin


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
    before: tuple[str, ...] = ()
    """Numbers of the reports of the alarm that ended before this one: while its case is open, both are one case."""


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
