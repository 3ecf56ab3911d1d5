"""``wangge consume``: what a department or a source system reads, and how a department answers."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from pipeline.errors import ConfigFaults, Fault, InvalidRecord, NeighbourAway, StopRun
from pipeline.events.facts import CaseDispatched
from pipeline.settings import KafkaSettings, kafka_settings_from, refuse_faulty, settings_from

if TYPE_CHECKING:
    from pipeline.events.status import CaseStatus

REFUSED = 1
"""Exit code when an answer was refused."""


@click.command("consume")
@click.option("--department", help="Read the assignments of this department.")
@click.option("--source", help="Read the status of the reports of this source system.")
@click.option("--follow", is_flag=True, help="Wait for more for ever; stop with Ctrl-C or SIGTERM.")
@click.option("--limit", type=click.IntRange(1), help="Read at most so many.")
@click.option("--group", default="", help="Name of the reader; each name reads everything once.")
@click.option(
    "--into", type=click.Path(path_type=Path, dir_okay=False), help="Append to a file that has each record once."
)
@click.option(
    "--answer", type=click.Path(path_type=Path, allow_dash=True), help="Send answers: JSON Lines of a file or -."
)
@click.option("--person", default="", help="Number of the person who answers (never a name).")
@click.option("--dry-run", is_flag=True, help="With --answer: check the answers, send none.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON Lines instead of text.")
def consume_command(
    department: str | None, source: str | None, follow: bool, limit: int | None, group: str, into: Path | None,
    answer: Path | None, person: str, dry_run: bool, as_json: bool,
) -> None:  # fmt: skip
    """Read what the pipeline has for a department or a source system; each record once for each --group.

    Without --follow it ends when everything that is there was read. A record counts as read when it was printed; killed
    in between, some may be printed again with the same fact_id. With --into they are not: the file has each once.

    An answer is a JSON object with case_id and action (sign, refuse, handle, ... of deploy/reference/lifecycle.csv) and
    what the action needs: reason_code, reason, evidence (a list), at.

    \b
    Examples:
      wangge consume --department water --follow --into water.jsonl
      wangge consume --source hotline-12345 --json
      echo '{"case_id": "CASE", "action": "sign"}' | wangge consume --department water --answer - --person P0100
    """
    from connectors.kafka.faults import quiet

    quiet()
    refuse_faulty(
        lambda: _check(department, source, answer), kafka_settings_from, *((settings_from,) if answer else ())
    )
    settings = kafka_settings_from()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # asked to stop: commit what was read, leave
    try:
        if answer is not None and department:
            _answer(settings, department, answer, person, dry_run=dry_run)
        elif department:
            from connectors.kafka.department import DepartmentDesk

            with DepartmentDesk(settings, department, group=group) as desk:
                _hand_over(desk.assignments(follow=follow, limit=limit), into, as_json, assignment_line)
        else:
            from connectors.kafka.source_status import SourceStatus

            with SourceStatus(settings, source or "", group=group) as status:
                _hand_over(status.changes(follow=follow, limit=limit), into, as_json, status_line)
    except NeighbourAway as away:
        message = f"{away}: run the same command again when it is back"
        raise StopRun(message) from away


def _check(department: str | None, source: str | None, answer: Path | None) -> None:
    if (department is None) == (source is None):
        remedy = "name one of --department and --source"
        raise ConfigFaults([Fault("arguments", "--department, --source", f"{department}, {source}", remedy)])
    if answer is not None and department is None:
        raise ConfigFaults([Fault("arguments", "--answer", str(answer), "name the --department that answers")])


def _hand_over(records: Iterator[Any], into: Path | None, as_json: bool, line: Callable[[Any], str]) -> None:
    from connectors.kafka.kept import KeptFile

    written = 0
    try:
        if into is None:
            for record in records:
                click.echo(msgspec.json.encode(record).decode() if as_json else line(record))
            return
        with closing(KeptFile(into)) as kept:
            for record in records:
                written += kept.add(record)
        click.echo(f"{written:,} records written to {into}", err=True)
    except KeyboardInterrupt:
        click.echo("stopped: the same command goes on from here", err=True)


def _answer(settings: KafkaSettings, department: str, path: Path, person: str, *, dry_run: bool) -> None:
    from connectors.kafka.department import Answers
    from connectors.kafka.publisher import Publisher
    from pipeline.domain.reference.load import load_reference

    moves = load_reference(settings_from().reference).tables.lifecycle
    sender = _Unsent() if dry_run else Publisher(settings)
    desk = Answers(sender, department, person=person, moves=moves)
    sent = refused = 0
    try:
        for number, line in enumerate(_lines(path), 1):
            try:
                desk.answer(_answer_of(line))
                sent += 1
            except InvalidRecord as fault:
                refused += 1
                click.echo(f"answer {number} refused: {fault}", err=True)
    finally:
        sender.close()
    click.echo(f"{sent:,} answers {'would be sent' if dry_run else 'sent'}, {refused:,} refused", err=True)
    if refused:
        sys.exit(REFUSED)


class _Unsent:
    """Checks answers and sends none."""

    def send(self, schema: str, fields: Any, *, department: str = "") -> Any:
        from connectors.kafka.contract import outgoing
        from schemas.text import body_from_text

        return outgoing(schema, body_from_text(schema, fields), self.now(), department=department)

    def now(self) -> int:
        return int(datetime.now(UTC).timestamp() * 1000)

    def flush(self) -> None:
        """Nothing is on its way."""

    def close(self) -> None:
        """Nothing is open."""


def _lines(path: Path) -> Iterator[bytes]:
    with click.open_file(str(path), "rb") as file:
        yield from (line for line in file if line.strip())


def _answer_of(line: bytes) -> dict[str, Any]:
    from connectors.sources.fields import undecodable

    try:
        found: dict[str, Any] = msgspec.json.decode(line, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise undecodable(line[:60], f"write one JSON object a line ({error})") from error
    return found


def assignment_line(assignment: CaseDispatched) -> str:
    """An assignment as a line of text."""
    due = time_of(assignment.due_at)
    urgent = "URGENT " if assignment.urgent else ""
    about = f"{assignment.kind} {assignment.code}".strip()
    return f"{assignment.case_id}  {urgent}due {due}  {about}  {assignment.address}  {assignment.summary}".rstrip()


def status_line(status: CaseStatus) -> str:
    """A change as a line of text."""
    state = f"{status.state or '-'} at {status.department or '-'}, due {time_of(status.due_at)}"
    said = " ".join(part for part in (status.action, status.outcome, status.done) if part)
    return f"{time_of(status.at)}  {status.source_ref}  {status.case_id or '-'}  {said}: {state}"


def time_of(millis: int | None) -> str:
    """A time in UTC to the minute."""
    return "-" if millis is None else datetime.fromtimestamp(millis / 1000, UTC).strftime("%Y-%m-%d %H:%MZ")
