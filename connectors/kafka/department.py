"""A department's desk: it reads its assignments, each once, and answers on its own topic.

::

    with DepartmentDesk(kafka_settings_from(), "water", person="P0100") as desk:
        for assignment in desk.assignments():
            desk.sign(assignment.case_id)

What a city allows (verbs, roles, coded reasons: ``deploy/reference/lifecycle.csv``) is checked at once when the desk is
given the rows of that table; casework checks it again. See ``docs/departments.md``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

from connectors.kafka.inbox import Inbox, group_of
from connectors.kafka.publisher import Publisher, Receipt
from pipeline.domain.reference.rules import Transition
from pipeline.errors import InvalidRecord, Reason
from pipeline.events.base import Millis
from pipeline.events.facts import CaseDispatched
from pipeline.events.records import ACTION_SCHEMA
from pipeline.settings import KafkaSettings
from pipeline.wire.serde import decode_struct
from schemas.topics import topics

CLERK, HANDLER = "department-clerk", "handler"
ROLES = {"handle": HANDLER}
"""Who usually does what in a department; the clerk does everything else."""


class Sender(Protocol):
    """What answers go out through; a :class:`Publisher` in earnest."""

    def send(self, schema: str, fields: Mapping[str, Any], *, department: str = "") -> Receipt:
        """Publish one record."""

    def now(self) -> Millis:
        """The wall clock."""

    def flush(self) -> None:
        """Wait for deliveries; raises when one has failed."""

    def close(self) -> None:
        """Wait for deliveries and let go."""


class Answers:
    """Answers of one department. Each raises :class:`InvalidRecord` when it breaks its contract or the lifecycle table.

    The same answer given twice (same case, verb and time) is one answer. ``person`` is the number of whoever acts,
    never a name: who handles a case may neither check nor close it.
    """

    def __init__(
        self, sender: Sender, department: str, *, person: str = "", moves: Iterable[Transition] = ()
    ) -> None:  # fmt: skip
        self.department, self.person = department, person
        self._sender, self._moves = sender, tuple(moves)

    def sign(self, case_id: str, **more: Any) -> Receipt:
        """Sign for a case: the department has it in hand."""
        return self.act(case_id, "sign", **more)

    def refuse(self, case_id: str, reason_code: str, reason: str = "", **more: Any) -> Receipt:
        """Send a case back with a coded reason; it goes to the next candidate. A designated case stays."""
        return self.act(case_id, "refuse", reason_code=reason_code, reason=reason, **more)

    def handle(self, case_id: str, done: str, evidence: Iterable[str] = (), **more: Any) -> Receipt:
        """The problem is dealt with: what was done, and references to the evidence (pictures, reports)."""
        return self.act(case_id, "handle", reason=with_evidence(done, evidence), **more)

    def act(self, case_id: str, action: str, **more: Any) -> Receipt:
        """Any verb of the lifecycle table; ``more`` are fields of ``CaseAction`` (``at``, ``reason_code``, …)."""
        body = action_body(self.department, self.person, case_id, action, self._sender.now(), more)
        check_action(body, self._moves)
        return self._sender.send(ACTION_SCHEMA, body, department=self.department)

    def answer(self, fields: Mapping[str, Any]) -> Receipt:
        """An answer as a mapping: ``case_id``, ``action`` and what :meth:`act` takes; ``evidence`` is a list."""
        more = {name: value for name, value in fields.items() if name not in ("case_id", "action", "evidence")}
        for name in ("case_id", "action"):
            if not isinstance(fields.get(name), str) or not fields[name]:
                raise InvalidRecord(Reason.MISSING_FIELD, name, fields.get(name), "name the case and the verb")
        if evidence := fields.get("evidence"):
            more["reason"] = with_evidence(str(more.get("reason", "")), list(evidence))
        return self.act(fields["case_id"], fields["action"], **more)


class DepartmentDesk(Answers):
    """A department at its two topics. ``group`` lets several systems of a department read everything each."""

    def __init__(
        self,
        settings: KafkaSettings,
        department: str,
        *,
        person: str = "",
        group: str = "",
        moves: Iterable[Transition] = (),
        batch: int = 100,
    ) -> None:
        super().__init__(Publisher(settings), department, person=person, moves=moves)
        topic = topics()["assignments.<department>"].named(department)
        self.inbox = Inbox(
            settings, topic, group_of("department", department, group), _assignment, _fact_id, batch=batch,
            before_commit=self._sender.flush,
        )  # fmt: skip

    def assignments(self, *, follow: bool = False, limit: int | None = None) -> Iterator[CaseDispatched]:
        """Assignments that were not taken yet, each once; ``follow`` waits for more for ever.

        One counts as taken when the next is asked for; until then a crash hands it out again with the same ``fact_id``.
        """
        return self.inbox.records(follow=follow, limit=limit)

    def taken(self) -> None:
        """The assignment at hand was dealt with, though no other is asked for: call it before leaving the loop."""
        self.inbox.taken()

    def close(self) -> None:
        """Wait until the answers are delivered, commit what was taken, leave.

        Raises when an answer was not delivered; what was taken since the last commit is handed out again then.
        """
        try:
            self.inbox.close()
        finally:
            self._sender.close()

    def __enter__(self) -> DepartmentDesk:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def action_body(
    department: str, person: str, case_id: str, action: str, now: Millis, more: Mapping[str, Any]
) -> dict[str, Any]:  # fmt: skip
    """The fields of one answer; its number at the department is made of case, verb and time unless it has one."""
    at = more.get("at", now)
    usual = {
        "source_system": f"department-{department}", "source_ref": f"{case_id}:{action}:{at}", "received_at": now,
        "at": at, "case_id": case_id, "action": action, "actor_role": ROLES.get(action, CLERK),
        "actor_unit": department, "actor_person": person,
    }  # fmt: skip
    body = usual | dict(more)
    return body | {"post": body.get("post") or body["actor_role"]}


def check_action(body: Mapping[str, Any], moves: Iterable[Transition]) -> None:
    """The verb, its role and its reason by the lifecycle table. Raises :class:`InvalidRecord`; no table, no check.

    Whether the case is in a state for it only casework knows: it answers with an ``ActionRefused`` fact.
    """
    table = tuple(moves)
    rows = [move for move in table if move.action == body["action"]]
    if not table:
        return
    if not rows:
        verbs = ", ".join(sorted({move.action for move in table}))
        raise InvalidRecord(Reason.WRONG_TYPE, "action", body["action"], f"use one of {verbs}")
    roles = {role for move in rows for role in move.roles}
    if roles and body["actor_role"] not in roles:
        raise InvalidRecord(Reason.WRONG_TYPE, "actor_role", body["actor_role"], f"only {', '.join(sorted(roles))}")
    reasons, code = {reason for move in rows for reason in move.reasons}, body.get("reason_code", "")
    if reasons and code and code not in reasons:
        raise InvalidRecord(Reason.WRONG_TYPE, "reason_code", code, f"use one of {', '.join(sorted(reasons))}")
    if all(move.reason_required for move in rows) and not code and not body.get("reason"):
        raise InvalidRecord(Reason.MISSING_FIELD, "reason_code", code, f"use one of {', '.join(sorted(reasons))}")


def with_evidence(done: str, evidence: Iterable[str]) -> str:
    """What was done with references to its evidence behind it, as the reason of an action carries them."""
    named = ", ".join(evidence)
    return f"{done} [{named}]" if named else done


def _assignment(value: bytes) -> CaseDispatched:
    fact = decode_struct(value)
    if not isinstance(fact, CaseDispatched):
        raise InvalidRecord(Reason.UNKNOWN_SCHEMA, "schema", type(fact).__name__, "only assignments belong here")
    return fact


def _fact_id(fact: CaseDispatched) -> str:
    return fact.fact_id
