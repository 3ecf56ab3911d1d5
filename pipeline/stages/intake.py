"""Intake: every record that comes in is screened, and goes on as a report, readings, an action or a fact, or is kept
in quarantine. Its state remembers which numbers of which systems were answered, so a redelivery changes nothing and the
same number with other content is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import msgspec

from pipeline.domain.ids import DAY_MS, report_id
from pipeline.domain.privacy import redact
from pipeline.errors import InvalidRecord, Reason
from pipeline.events.base import Channel, Fate, Logged, Millis
from pipeline.events.casework import CaseAction
from pipeline.events.facts import Fact, RecordQuarantined
from pipeline.events.intake import ScreenedReport
from pipeline.events.readings import Readings
from pipeline.events.records import ACTION_SCHEMA, READINGS_SCHEMA, REPORT_SCHEMAS, Arrival
from pipeline.stage import Change, Outcome, Settlement
from pipeline.stages.deduplicate import origin_number
from pipeline.stages.entries import Answered
from pipeline.stages.screen import ScreenPolicy, content_hash, screened
from pipeline.stages.screen_readings import screen_readings
from pipeline.stages.signs import sign_all
from pipeline.stages.work import CHANNELS, screen_action, work_fact
from pipeline.state import KeyedState

KEEP_DAYS = 35
RAW_LIMIT = 65_536
"""Bytes of a refused record that quarantine keeps."""


class IntakeBook(KeyedState):
    """State of intake in one partition."""

    spaces: ClassVar[dict[str, type[msgspec.Struct]]] = {"answered": Answered}

    def __init__(self) -> None:
        super().__init__()
        self._leaving: dict[int, list[str]] = {}

    def noted(self, space: str, key: str, value: Answered, *, fresh: bool) -> None:
        """Note the day on which an answer may be forgotten."""
        if fresh:
            self._leaving.setdefault(value.day + KEEP_DAYS, []).append(key)

    def leaving(self, day: int) -> list[str]:
        """Numbers that may be forgotten on ``day``."""
        return [key for due in sorted(self._leaving) if due <= day for key in self._leaving[due]]

    def left(self, day: int) -> None:
        """The numbers due up to ``day`` were looked at."""
        for due in [due for due in self._leaving if due <= day]:
            del self._leaving[due]


Taken = ScreenedReport | Readings | CaseAction | Outcome
"""What became of one arrival: something to go on with, or an outcome that ends it."""


class Intake:
    """The stage; its key is source system and reference."""

    name = "intake"

    def __init__(self, policy: ScreenPolicy) -> None:
        self.policy = policy

    def key(self, event: Arrival) -> str:
        """Source system and reference; readings by device."""
        body = event.body or {}
        return str(body.get("device_id") or f"{body.get('source_system')}|{body.get('source_ref')}")

    def step(self, state: IntakeBook, event: Arrival) -> Outcome:
        """Screen one record; what goes on is in ``messages``."""
        return self.steps(state, [event])

    def steps(self, state: IntakeBook, events: Sequence[Arrival]) -> Outcome:
        """Screen many records in order; equal to one after the other."""
        outcome = self.unsigned(state, events)
        sign_all([message for message in outcome.messages if message.__class__ is ScreenedReport])
        return outcome

    def unsigned(self, state: IntakeBook, events: Sequence[Arrival]) -> Outcome:
        """What :meth:`steps` gives, but for the signs of the reports' texts.

        Who has the records of many partitions gives all reports theirs at once (:func:`sign_all`).
        """
        facts: list[Fact] = []
        messages: list[ScreenedReport | Readings | CaseAction] = []
        settled: list[Settlement] = []
        fresh: dict[str, Answered] = {}
        for arrival in events:
            taken = self._taken(state, arrival, fresh)
            if isinstance(taken, Outcome):
                facts += taken.facts  # type: ignore[arg-type]  # intake never makes samples
                settled += taken.settled
            else:
                messages.append(taken)
        changes = tuple([Change("answered", key, value) for key, value in fresh.items()])
        return Outcome(tuple(facts), tuple(messages), changes, tuple(settled))

    def expire(self, state: IntakeBook, day: int) -> Outcome:
        """Forget numbers whose time is over on ``day`` (by stream time)."""
        return Outcome(changes=tuple([Change("answered", key, None) for key in state.leaving(day)]))

    def _taken(self, state: IntakeBook, arrival: Arrival, fresh: dict[str, Answered]) -> Taken:
        if arrival.fault is not None:
            return quarantined(arrival, arrival.fault)
        try:
            return self._screened(state, arrival, fresh)
        except InvalidRecord as fault:
            return quarantined(arrival, fault)

    def _screened(self, state: IntakeBook, arrival: Arrival, fresh: dict[str, Answered]) -> Taken:
        schema = arrival.schema
        if schema == READINGS_SCHEMA:
            return screen_readings(arrival.body or {}, arrival, self.policy.tolerance_ms)
        if schema in REPORT_SCHEMAS:
            report = screened(arrival, self.policy)
            again = _met(state, fresh, report.report_id, report.content_hash, arrival)
            return _redelivered(report.channel) if again else report
        if schema not in CHANNELS:
            raise InvalidRecord(Reason.UNKNOWN_SCHEMA, "schema", schema, f"one of {', '.join(sorted(CHANNELS))}")
        return self._worked(state, arrival, fresh)

    def _worked(self, state: IntakeBook, arrival: Arrival, fresh: dict[str, Answered]) -> Taken:
        """Actions and work records: who sent what they sent before is answered once."""
        body = arrival.body
        assert body is not None
        channel = CHANNELS[arrival.schema]
        key = report_id(f"{arrival.schema}:{body['source_system']}", body["source_ref"])
        made = (
            screen_action(arrival, self.policy) if arrival.schema == ACTION_SCHEMA else work_fact(arrival, self.policy)
        )
        if _met(state, fresh, key, content_hash(body, arrival.schema), arrival):
            return _redelivered(channel)
        if isinstance(made, CaseAction):
            return made
        fact, outcome = made
        return Outcome((fact,), settled=(Settlement(channel, Fate.LOGGED, outcome),))


def _met(state: IntakeBook, fresh: dict[str, Answered], key: str, content: int, arrival: Arrival) -> bool:
    """Whether this number was answered before from another place of the log; notes it when it is new."""
    origin = origin_number(arrival.origin.topic, arrival.origin.partition, arrival.order)
    before: Answered | None = fresh.get(key) or state.get("answered", key)
    if before is None:
        received = (arrival.body or {})["received_at"]
        fresh[key] = Answered(content=content, origin=origin, day=received // DAY_MS)
        return False
    if before.content != content:
        raise InvalidRecord(
            Reason.CONFLICTING_CONTENT, "source_ref", (arrival.body or {}).get("source_ref"),
            "the same number came before with other content: give corrections a number of their own",
        )  # fmt: skip
    return before.origin != origin


def _redelivered(channel: str) -> Outcome:
    return Outcome(settled=(Settlement(channel, Fate.LOGGED, Logged.REDELIVERED),))


def quarantined(arrival: Arrival, fault: InvalidRecord) -> Outcome:
    """The refused record with its bytes, where it came from and what to mend."""
    origin, body = arrival.origin, arrival.body or {}
    raw = arrival.raw or msgspec.json.encode(dict(body), enc_hook=repr)
    at = body.get("received_at")
    fact = RecordQuarantined(
        fact_id=f"{origin.topic}:{origin.partition}:{origin.offset}", at=_storable(at), recorded=arrival.order,
        topic=origin.topic, partition=origin.partition, offset=origin.offset, schema=arrival.schema,
        reason=fault.reason,
        field=fault.field, value=redact(fault.value).text, remedy=fault.remedy, raw=raw[:RAW_LIMIT], attempts=1,
    )  # fmt: skip
    channel = CHANNELS.get(arrival.schema) or _channel_of(arrival)
    return Outcome((fact,), settled=(Settlement(channel, Fate.QUARANTINED, fault.reason),))


def _storable(at: object) -> Millis:
    """The time if it fits ClickHouse's ``DateTime64`` (1900 to 2299), else 0: wild ones stay in the raw bytes."""
    return at if isinstance(at, int) and -2_208_988_800_000 <= at < 10_413_792_000_000 else 0


def _channel_of(arrival: Arrival) -> str:
    known = {"GridWorkerReport": Channel.GRID_WORKER, "HotlineOrder": Channel.HOTLINE, READINGS_SCHEMA: Channel.SENSOR}
    return known.get(arrival.schema) or str((arrival.body or {}).get("channel") or "unknown")
