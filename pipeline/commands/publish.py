"""``wangge publish``: files to the input topics of Kafka."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from msgspec.structs import asdict

from pipeline.commands.options import JSON, as_document
from pipeline.commands.progress import Progress
from pipeline.errors import NeighbourAway, StopRun
from pipeline.settings import kafka_settings_from, refuse_faulty, settings_from

if TYPE_CHECKING:
    from pipeline.runtime.publishing import Published, PublishRequest

REFUSED = 1
"""Exit code when a record was refused."""
SHOWN = 20
FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)


@click.command("publish")
@click.argument("inputs", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, allow_dash=True))
@click.option("--schema", help="Schema of JSON Lines or CSV that do not name it, e.g. HotlineOrder.")
@click.option("--mapping", help="Mapping file or name for the shape of another system, e.g. open311.")
@click.option("--city", type=FOLDER, help="Reference overlay of the city, for its bounding box.")
@click.option("--urgent", is_flag=True, help="Send reports by the lane of emergencies.")
@click.option("--department", default="", help="Department of the actions (usual: the unit that acts).")
@click.option("--rate", type=click.FloatRange(0), default=0.0, help="Most records a second (0: as fast as it goes).")
@click.option(
    "--give-up",
    type=click.FloatRange(5),
    default=600,
    show_default=True,
    help="Seconds that Kafka may be away on the way until it ends.",
)
@click.option("--resume", type=click.Path(path_type=Path, dir_okay=False), help="File that keeps how far Kafka has it.")
@click.option("--dry-run", is_flag=True, help="Check everything, send nothing; needs no Kafka.")
@click.option("--progress/--no-progress", default=None, help="Progress on standard error (usual: on a terminal).")
@JSON
def publish_command(
    inputs: tuple[Path, ...], schema: str | None, mapping: str | None, city: Path | None, urgent: bool, department: str,
    rate: float, give_up: float, resume: Path | None, dry_run: bool, progress: bool | None, as_json: bool,
) -> None:  # fmt: skip
    """Publish INPUTS (files, folders or - for standard input) to the input topics of Kafka.

    Each record goes to the topic of its schema, keyed as its readers need it. What intake would refuse is not sent but
    told, and the command ends with 1. A record sent twice counts once, so a run that was cut short may simply be run
    again; with --resume it goes on where Kafka had confirmed. A Kafka that goes away on the way is waited for, and it
    says so every few seconds; after --give-up it ends with 3. Kafka is named by WANGGE_KAFKA.

    \b
    Examples:
      wangge publish orders.csv --schema HotlineOrder --dry-run
      wangge publish orders.csv --schema HotlineOrder --resume orders.state
      zcat 110.jsonl.gz | wangge publish - --mapping police-110 --json
      wangge publish out/district --rate 1000
    """
    from connectors.sources.shapes import shape_of
    from pipeline.runtime.publishing import PublishRequest

    refuse_faulty(lambda: shape_of("", schema, mapping), settings_from, *(() if dry_run else (kafka_settings_from,)))
    request = PublishRequest(urgent, department, rate, None if dry_run else resume)
    shown = sys.stderr.isatty() if progress is None else progress
    with Progress(enabled=shown) as bar:
        try:
            result = _published(inputs, (schema, mapping, city), request, None if dry_run else give_up, bar)
        except NeighbourAway as away:
            again = "run the same command again when it is back"
            goes_on = "; with --resume it would go on where it stopped" if resume is None else ": --resume goes on"
            message = f"{away}: {again}{goes_on}"
            raise StopRun(message) from away
    click.echo(as_document(document(result, dry_run)) if as_json else summary(result, dry_run))
    if result.refused:
        sys.exit(REFUSED)


def _published(
    inputs: tuple[Path, ...], shape: tuple[str | None, str | None, Path | None], request: PublishRequest,
    give_up: float | None, bar: Progress,
) -> Published:  # fmt: skip
    """Publish; without ``give_up`` only try."""
    from connectors.kafka.faults import quiet
    from connectors.kafka.publisher import SETTLED, Publisher
    from connectors.sources.files import discover
    from pipeline.domain.reference.load import load_reference
    from pipeline.runtime.publishing import DryRun, Publishing
    from pipeline.runtime.screening import screen_of

    quiet()
    schema, mapping, city = shape
    settings = settings_from()
    screen = screen_of(load_reference(settings.reference, city), settings)
    sources = discover(inputs, int(time.time() * 1000), schema, mapping)

    def show(read: int, total: int, records: int) -> None:
        bar.show("publishing", read, total, records)

    if give_up is None:
        return Publishing(DryRun(), screen, request, show).run(sources)
    tried_ms = round(give_up * 1000 / SETTLED)  # the publisher gives up a while after the last record was tried
    with Publisher(kafka_settings_from(), lasts=_waits, patient=True, give_up_ms=tried_ms) as publisher:
        return Publishing(publisher, screen, request, show).run(sources)


def _waits(records: int) -> None:
    """Say that nothing comes of some records for now."""
    click.echo(f"waits for Kafka: {records:,} records are without a fate", err=True)


def document(result: Published, dry_run: bool) -> dict[str, Any]:
    """The result as a document."""
    published = result.published.total()
    return {
        "dry_run": dry_run,
        "published": published,
        "by_topic": dict(result.published),
        "refused": result.refused.total(),
        "by_reason": dict(result.refused),
        "refusals": [asdict(one) for one in result.told],
        "seconds": round(result.seconds, 3),
        "rate": round(published / result.seconds) if result.seconds else 0,
    }


def summary(result: Published, dry_run: bool) -> str:
    """The result as text: records by topic, then what was refused and what to mend."""
    lines = [f"{'would publish' if dry_run else 'published'} {result.published.total():,} records"]
    lines += [f"  {topic}: {count:,}" for topic, count in sorted(result.published.items())]
    lines.append(f"refused {result.refused.total():,} records")
    lines += [f"  {reason}: {count:,}" for reason, count in result.refused.most_common()]
    for one in result.told[:SHOWN]:
        lines.append(f"{one.file} record {one.record}: {one.reason}: {one.field} = {one.value}: {one.remedy}")
    if len(result.told) > SHOWN:
        lines.append(f"and {result.refused.total() - SHOWN:,} more: --json tells the first {len(result.told):,}")
    return "\n".join(lines)
