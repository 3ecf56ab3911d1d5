"""Would intake refuse this record? Asked before it is sent, so that its sender hears it first.

The same functions that intake uses, one record by itself: that a number was used before with other content, only the
state of intake knows.
"""

from __future__ import annotations

from collections.abc import Callable

from pipeline.domain.reference.model import Reference
from pipeline.errors import InvalidRecord
from pipeline.events.records import ACTION_SCHEMA, READINGS_SCHEMA, REPORT_SCHEMAS, Arrival
from pipeline.settings import Settings
from pipeline.stages.screen import ScreenPolicy, screened
from pipeline.stages.screen_readings import screen_readings
from pipeline.stages.work import screen_action, work_fact
from schemas.catalogue import limits

Screen = Callable[[Arrival], InvalidRecord | None]
"""Why a record would be refused; ``None`` when it would pass."""


def screen_of(reference: Reference, settings: Settings) -> Screen:
    """The screen of a city: its bounding box and the points that mean "not known"."""
    about = reference.city
    policy = ScreenPolicy(
        key=settings.key, bounding_box=about.bounding_box, default_points=frozenset(about.default_points),
        max_lengths={name: limits(name) for name in REPORT_SCHEMAS},
    )  # fmt: skip

    def refusal(arrival: Arrival) -> InvalidRecord | None:
        try:
            _look(arrival, policy)
        except InvalidRecord as fault:
            return fault
        return arrival.fault

    return refusal


def _look(arrival: Arrival, policy: ScreenPolicy) -> None:
    if arrival.body is None:
        return
    if arrival.schema in REPORT_SCHEMAS:
        screened(arrival, policy)
    elif arrival.schema == READINGS_SCHEMA:
        screen_readings(arrival.body, arrival, policy.tolerance_ms)
    elif arrival.schema == ACTION_SCHEMA:
        screen_action(arrival, policy)
    else:
        work_fact(arrival, policy)
