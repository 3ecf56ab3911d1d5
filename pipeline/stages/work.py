"""Records that are no reports of problems: actions on cases, work done, opinions, call counts.

They are screened like reports and become messages for casework (actions) or facts (the others).
"""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from typing import Any

from pipeline.domain.ids import digest, tile_of_case
from pipeline.domain.privacy import redact
from pipeline.errors import InvalidRecord, Reason
from pipeline.events.base import Logged, Millis
from pipeline.events.casework import CaseAction
from pipeline.events.facts import (
    CallsCounted,
    Fact,
    PatrolLogged,
    RatingReceived,
    StaffChanged,
    SurveyAnswered,
    TaskLogged,
)
from pipeline.events.records import Arrival, Body, Origin
from pipeline.stages.screen import YEAR_2000, ScreenPolicy, content_hash

CHANNELS = {
    "CaseAction": "action",
    "PatrolLog": "patrol",
    "Task": "task",
    "StaffChange": "staff",
    "SurveyAnswer": "survey",
    "ExternalRating": "rating",
    "CallCounts": "calls",
    "GridWorkerReport": "grid-worker",
    "HotlineOrder": "hotline",
    "SensorReadings": "sensor",
    "Report": "",
}
"""The channel under which records of a schema are counted ("" when the record names its own)."""


def screen_action(arrival: Arrival, policy: ScreenPolicy) -> CaseAction:
    """An action keyed by the tile its case id carries. Raises :class:`InvalidRecord`."""
    body = _checked(arrival, policy, ("at",))
    tile = tile_of_case(body["case_id"])
    if not tile:
        raise InvalidRecord(Reason.MISSING_FIELD, "case_id", body["case_id"], "give the case id of the assignment")
    return CaseAction(
        action_id=digest("action", body["source_system"], body["source_ref"]), case_id=body["case_id"], tile=tile,
        action=body["action"], at=body["at"],
        origin=Origin(arrival.origin.topic, arrival.origin.partition, arrival.order),
        content_hash=content_hash(body, arrival.schema), actor_role=body["actor_role"], actor_unit=body["actor_unit"],
        actor_person=body["actor_person"], post=body["post"], reason_code=body["reason_code"],
        reason=redact(body["reason"]).text, to_department=body["to_department"],
        to_category=body["to_category"], to_class=body["to_class"], report=body["report"],
    )  # fmt: skip


def work_fact(arrival: Arrival, policy: ScreenPolicy) -> tuple[Fact, Logged]:
    """The fact of a work record and the outcome it is counted under. Raises :class:`InvalidRecord`."""
    make, times, outcome = _WORK[arrival.schema]
    body = _checked(arrival, policy, times)
    return make(body, _head(arrival, body)), outcome


def tick_time(arrival: Arrival, tolerance_ms: Millis) -> Millis:
    """The time a tick tells, at most ``tolerance_ms`` beyond the time its log took it. Raises :class:`InvalidRecord`.

    A clock that runs ahead would let devices fall silent and periods end that have not come yet.
    """
    at: Millis = (arrival.body or {})["at"]
    _time("at", at, arrival.appended_at + tolerance_ms)
    return at


def _checked(arrival: Arrival, policy: ScreenPolicy, times: tuple[str, ...]) -> Body:
    body = arrival.body
    assert body is not None
    for name in ("source_system", "source_ref"):
        if not body[name].strip():
            raise InvalidRecord(
                Reason.MISSING_FIELD, name, body[name], "give the system and its own number of the record"
            )
    latest = arrival.appended_at + policy.tolerance_ms
    for name in ("received_at", *times):
        _time(name, body[name], latest)
    for name, value in body.items():
        if isinstance(value, float) and not isfinite(value):
            raise InvalidRecord(Reason.NOT_A_NUMBER, name, value, "leave a value out when it is not known")
    return body


def _time(name: str, value: Millis, latest: Millis) -> None:
    if value < YEAR_2000:
        raise InvalidRecord(Reason.ANCIENT_TIME, name, value, "times before 2000 are a fault of the sender's clock")
    if value > latest:
        raise InvalidRecord(Reason.FUTURE_TIME, name, value, "the time lies in the future: set the sender's clock")


def _head(arrival: Arrival, body: Body) -> dict[str, Any]:
    identity = digest(arrival.schema, body["source_system"], body["source_ref"])
    return {"fact_id": identity, "at": body["received_at"], "recorded": arrival.order}


def _patrol(body: Body, head: dict[str, Any]) -> Fact:
    return PatrolLogged(
        **head, worker=body["worker_id"], unit=body["unit"], grid=body["grid_code"], started_at=body["started_at"],
        ended_at=body["ended_at"], distance_m=body["distance_m"], found=body["found"],
    )  # fmt: skip


def _task(body: Body, head: dict[str, Any]) -> Fact:
    return TaskLogged(
        **head, task_id=head["fact_id"], worker=body["worker_id"], unit=body["unit"], grid=body["grid_code"],
        task_type=body["task_type"], acting_as=body["acting_as"], minutes=body["minutes"], items=body["items"],
    )  # fmt: skip


def _staff(body: Body, head: dict[str, Any]) -> Fact:
    return StaffChanged(
        **head, person=body["person_id"], unit=body["unit"], post=body["post"], grid=body["grid_code"],
        change=body["change"], successor=body["successor"],
    )  # fmt: skip


def _survey(body: Body, head: dict[str, Any]) -> Fact:
    report = digest(body["report_system"], body["report_ref"]) if body["report_ref"] else ""
    return SurveyAnswered(
        **head, survey_id=head["fact_id"], case_id=body["case_id"], report_id=report, contacted=body["contacted"],
        solved=body["solved"], satisfaction=body["satisfaction"], department="",
    )  # fmt: skip


def _rating(body: Body, head: dict[str, Any]) -> Fact:
    return RatingReceived(
        **head, rating_id=head["fact_id"], rater=body["rater"], subject_kind=body["subject_kind"],
        subject=body["subject"], measure=body["measure"], score=body["score"], scale_max=body["scale_max"],
    )  # fmt: skip


def _calls(body: Body, head: dict[str, Any]) -> Fact:
    return CallsCounted(
        **head, hotline=body["hotline"], period_start=body["period_start"], period_end=body["period_end"],
        incoming=body["incoming"], answered=body["answered"], answered_15s=body["answered_15s"],
        abandoned=body["abandoned"],
    )  # fmt: skip


_Make = Callable[[Body, dict[str, Any]], Fact]
_WORK: dict[str, tuple[_Make, tuple[str, ...], Logged]] = {
    "PatrolLog": (_patrol, ("started_at", "ended_at"), Logged.PATROL),
    "Task": (_task, ("done_at",), Logged.TASK),
    "StaffChange": (_staff, (), Logged.STAFF_CHANGE),
    "SurveyAnswer": (_survey, ("answered_at",), Logged.SURVEY),
    "ExternalRating": (_rating, ("rated_at",), Logged.RATING),
    "CallCounts": (_calls, ("period_start", "period_end"), Logged.CALL_COUNTS),
}
"""How each work record becomes a fact, which of its times are checked, and what it counts as."""
