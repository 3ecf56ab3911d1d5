"""The base of all values that flow, and the names shared by them."""

from __future__ import annotations

from enum import StrEnum

import msgspec

Millis = int
"""Milliseconds since 1970-01-01T00:00:00Z."""


class Value(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An immutable value; equal when all fields are equal."""


class Channel(StrEnum):
    """How a record reached the city (渠道). A new channel needs no code: it arrives as ``Report`` with its own name."""

    GRID_WORKER = "grid-worker"
    HOTLINE = "hotline"
    SENSOR = "sensor"
    ALARM = "alarm"


class Fate(StrEnum):
    """Where every record that came in ends: exactly one of these."""

    FILED = "filed"
    LINKED = "linked"
    LOGGED = "logged"
    QUARANTINED = "quarantined"


class Filed(StrEnum):
    """A case was opened (案卷建立), and what it waits for."""

    DISPATCHED = "dispatched"
    WAITING_PERSON = "waiting_person"
    WAITING_INFORMATION = "waiting_information"
    UNMEASURED = "unmeasured"
    ORPHAN = "orphan"


class Linked(StrEnum):
    """The record became part of a case that was open already."""

    DUPLICATE = "duplicate"
    REMINDER = "reminder"
    SAME_ORDER = "same_order"
    SAME_ALARM = "same_alarm"


class Logged(StrEnum):
    """The record is kept and counted but opens no case."""

    BELOW_STANDARD = "below_standard"
    NOT_ACCEPTED = "not_accepted"
    OUT_OF_SCOPE = "out_of_scope"
    HANDLED_IN_GRID = "handled_in_grid"
    DRILL = "drill"
    REDELIVERED = "redelivered"
    TASK = "task"
    PATROL = "patrol"
    STAFF_CHANGE = "staff_change"
    SURVEY = "survey"
    RATING = "rating"
    CALL_COUNTS = "call_counts"
    ACTION = "action"
    ACTION_REFUSED = "action_refused"
    READINGS = "readings"
    READINGS_UNKNOWN_DEVICE = "readings_unknown_device"
