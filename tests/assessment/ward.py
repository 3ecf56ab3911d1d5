"""A small ward with known history: fifteen cases of two departments, their reports and follow-ups, told in hours."""

import typing
from collections.abc import Sequence
from typing import Any

import msgspec

from pipeline.events import facts as f

HOUR = 3_600_000
START = 1_772_409_600_000
"""2026-03-02T00:00:00Z, which is 08:00 on that Monday in Shanghai."""
_EMPTY: dict[Any, Any] = {str: "", int: 0, float: 0.0, bool: False, bytes: b""}
_TO = {
    "sign": "handling", "handle": "pending_check", "check_fail": "handling", "check_pass": "pending_close",
    "close": "closed", "refuse": "refused", "reassign": "dispatched", "extend": "handling", "suspend": "suspended",
    "resume": "handling", "cancel": "cancelled", "force_close": "force_closed", "merge": "merged",
    "file": "pending_dispatch", "dispatch": "dispatched", "decline": "not_filed", "reopen": "handling",
}  # fmt: skip

Step = tuple[str, float]


def at(hours: float) -> int:
    """Milliseconds of an hour of the story."""
    return START + round(hours * HOUR)


def blank(kind: Any, fact_id: str, hours: float, **given: Any) -> Any:
    """A fact with everything not given left blank."""
    hints = typing.get_type_hints(kind)
    cells = {one.name: _blank_of(hints[one.name]) for one in msgspec.structs.fields(kind)}
    return kind(**(cells | {"fact_id": fact_id, "at": at(hours), "recorded": round(hours * 10)} | given))


def _blank_of(hint: Any) -> Any:
    if typing.get_origin(hint) is tuple:
        return ()
    return _EMPTY.get(hint)


def assigned(case: str, hop: int, hours: float, department: str, due: float | None) -> f.Fact:
    """An assignment of a case."""
    return blank(
        f.CaseDispatched, f"{case}:dispatched:{hop}", hours, case_id=case, department=department, hop=hop,
        due_at=None if due is None else at(due),
    )  # fmt: skip


def moved(case: str, verb: str, hours: float, department: str, due: float | None, hop: int = 1) -> f.Fact:
    """A move of a case; what the system does by itself has the longer id of its cause."""
    system = verb in ("close", "reassign")
    return blank(
        f.CaseMoved, f"{case}:{hours:g}" + (f":{verb}" if system else ""), hours, case_id=case, action=verb,
        to_state=_TO[verb], actor_role="system" if system else "handler", department=department, hop=hop,
        due_at=None if due is None else at(due),
    )  # fmt: skip


def case(
    name: str,
    department: str,
    opened: float,
    due: float | None,
    *steps: Step,
    channel: str = "grid-worker",
    state: str = "dispatched",
    error_m: float | None = 30.0,
    **given: Any,
) -> list[f.Fact]:
    """A case, its first report, its first assignment and its moves."""
    report = f"report-{name}"
    return [
        blank(f.CaseFiled, f"{name}:filed", opened, case_id=name, report_id=report, channel=channel, state=state,
              district="east", street="first", case_class="general", **given),
        assigned(name, 1, opened, department, due),
        blank(f.ReportSettled, report, opened, report_id=report, case_id=name, channel=channel, fate="filed",
              outcome="dispatched" if state == "dispatched" else "waiting_person", received_at=at(opened),
              lon=121.0, lat=31.0, error_m=error_m, district="east", street="first", case_class="general"),
        *[moved(name, verb, hours, department, due) for verb, hours in steps],
    ]  # fmt: skip


def report(name: str, hours: float, **given: Any) -> f.Fact:
    """A report that opened no case."""
    return blank(f.ReportSettled, name, hours, report_id=name, received_at=at(hours), channel="hotline", **given)


def survey(name: str, hours: float, **given: Any) -> f.Fact:
    """An answer to a follow-up."""
    return blank(f.SurveyAnswered, name, hours, survey_id=name, **given)


def linked(name: str, hours: float, case_id: str, how: str) -> list[f.Fact]:
    """A report that joined a case, without coordinates."""
    return [
        report(name, hours, fate="linked", outcome=how, case_id=case_id),
        blank(f.ReportLinked, f"{name}:linked", hours, report_id=name, case_id=case_id, how=how),
    ]


def done(handled: float, closed: float, signed: float = 1) -> tuple[Step, ...]:
    """Signed for, handled, checked and closed by the system in the same step."""
    return (("sign", signed), ("handle", handled), ("check_pass", closed), ("close", closed))


def story() -> list[f.Fact]:
    """The whole ward; the latest fact is at hour 200."""
    return [*_department_a(), *_department_b(), *_reports(), *_follow_ups(), *_other()]


def _department_a() -> list[f.Fact]:
    extended = case("A5", "A", 0, 24, ("sign", 1))
    return [
        *case("A1", "A", 0, 24, *done(10, 12)),
        *case("A2", "A", 0, 24, *done(30, 31, 2), channel="hotline", error_m=80.0),
        *case("A3", "A", 0, 24, ("sign", 1), ("handle", 5), ("check_fail", 8), ("handle", 20), ("check_pass", 22),
              ("close", 22), error_m=None),
        *case("A4", "A", 0, 24, ("sign", 1)),
        *extended, *[moved("A5", verb, hours, "A", 48) for verb, hours in
                     (("extend", 20), ("handle", 40), ("check_pass", 41), ("close", 41))],
        *case("A6", "A", 10, 34, ("merge", 11)), blank(f.CaseMerged, "A6:merged", 11, case_id="A6", into="A1"),
        *case("A7", "A", 190, 214, ("sign", 191)),
        *case("A8", "A", 0, None, *done(6, 7)),
    ]  # fmt: skip


def _department_b() -> list[f.Fact]:
    refused = case("B1", "A", 0, 24)
    waited = case("B6", "manual-triage", 60, None, ("file", 70), ("dispatch", 71), channel="hotline",
                  state="pending_filing")  # fmt: skip
    return [
        *refused, moved("B1", "refuse", 2, "A", 24), moved("B1", "reassign", 2, "A", 24, hop=2),
        assigned("B1", 2, 2, "B", 24), *[moved("B1", verb, hours, "B", 24, hop=2) for verb, hours in done(20, 21, 3)],
        *case("B2", "B", 0, 24, ("sign", 1), ("suspend", 10)),
        *case("B3", "B", 0, 24, ("sign", 1), ("cancel", 30)),
        *case("B4", "B", 100, 124, ("sign", 101), ("handle", 110), ("check_fail", 115), channel="sensor",
              recurrence_of="B1", border_flags=("BORDER",)),
        *case("B5", "manual-triage", 50, None, ("decline", 60), state="pending_filing"),
        *waited, assigned("B6", 2, 71, "B", 95),
        *[moved("B6", verb, hours, "B", 95, hop=2) for verb, hours in done(80, 81)[1:]],
        *case("B7", "B", 0, 24, ("force_close", 10)),
    ]  # fmt: skip


def _reports() -> list[f.Fact]:
    place = {"lon": 121.0, "lat": 31.0, "error_m": 30.0}
    return [
        *linked("L1", 3, "A1", "duplicate"),
        *linked("L2", 4, "A1", "reminder"),
        report("N1", 5, fate="logged", outcome="below_standard", **place),
        report("N2", 5, fate="logged", outcome="drill", **place),
        report("N3", 5, fate="logged", outcome="handled_in_grid", **place),
    ]


def _follow_ups() -> list[f.Fact]:
    return [
        survey("S1", 40, case_id="A1", contacted=True, solved=True, satisfaction="very_satisfied"),
        survey("S2", 40, case_id="A2", contacted=False, solved=False, satisfaction="dissatisfied"),
        survey("S3", 40, report_id="report-B1", contacted=True, satisfaction="no_answer"),
        survey("S4", 200, case_id="A5", solved=True, satisfaction="basically_satisfied"),
        blank(f.FeedbackSent, "F1", 12, case_id="A1", report_id="report-A1", state="closed"),
    ]


def _other() -> list[f.Fact]:
    def counted(name: str, channel: str, fate: str, records: int, derived: bool = False) -> f.Fact:
        return blank(f.OutcomesCounted, name, 9, channel=channel, fate=fate, records=records, derived=derived)

    return [
        counted("O1", "grid-worker", "filed", 30),
        counted("O2", "grid-worker", "quarantined", 2),
        counted("O3", "alarm", "filed", 5, derived=True),
        blank(f.PatrolLogged, "P1", 3, worker="w1", unit="A", grid="g", started_at=at(1), ended_at=at(3), found=1),
        blank(f.PatrolLogged, "P2", 5, worker="w1", unit="A", grid="g", started_at=at(4), ended_at=at(5)),
    ]


def by_kind(facts: Sequence[f.Fact]) -> dict[type[f.Fact], list[f.Fact]]:
    """Facts as the store takes them."""
    kinds: dict[type[f.Fact], list[f.Fact]] = {}
    for one in facts:
        kinds.setdefault(type(one), []).append(one)
    return kinds
