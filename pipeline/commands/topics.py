"""``wangge topics``: what Kafka should hold for a city, what it holds, and the way from one to the other."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from pipeline.commands.options import JSON, as_document, table
from pipeline.errors import ConfigFaults, Fault
from pipeline.settings import KafkaSettings, kafka_settings_from, refuse_faulty, settings_from

FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)
PRINCIPALS = Path(__file__).resolve().parents[2] / "deploy" / "kafka" / "principals.yaml"
CITY = click.option("--city", type=FOLDER, help="Reference overlay of the city.")
SOURCES = click.option("--sources", default="", metavar="A,B", help="Source systems beside those of --principals.")
PARTITIONS = click.option(
    "--partitions", type=click.IntRange(1, 1000), help="For development: partitions of stateful topics."
)
COPIES = click.option(
    "--replication", type=click.IntRange(1, 9), default=3, show_default=True, help="Copies of each partition."
)
ROLES = click.option(
    "--principals", type=click.Path(path_type=Path, exists=True, dir_okay=False), default=PRINCIPALS, help="Who is who."
)
FOUND = 1


@dataclass(frozen=True)
class Asked:
    """What the options ask for."""

    city: Path | None
    sources: str
    partitions: int | None
    replication: int
    principals: Path


@dataclass(frozen=True)
class Found:
    """A plan: steps on topics, grants to add and grants that nothing gives any longer."""

    steps: list[Any]
    missing: list[Any]
    stale: list[Any]
    left: int | None = 0
    """Grants that are missing on a broker with an authorizer, and not asked for; ``None``: this user may not look."""


@click.group("topics")
def topics_command() -> None:
    """Topics and access lists of a city on Kafka (named by WANGGE_KAFKA), out of schemas/topics.

    Nothing is ever shrunk or deleted. A topic that feeds a state keeps its partition count. An id of a department or
    source that Kafka cannot have in a name (Chinese, dots, spaces) becomes its letters and a hash (x-c50c755d).

    \b
    Examples:
      wangge topics plan --city out/city/city
      wangge topics apply --city out/city/city --partitions 4 --replication 1
      wangge topics apply --acls --dry-run
      wangge topics list
    """


@topics_command.command("plan")
@CITY
@SOURCES
@PARTITIONS
@COPIES
@ROLES
@click.option("--acls", is_flag=True, help="Compare access lists too (needs an authorizer on the broker).")
@JSON
def plan_topics(as_json: bool, acls: bool, **options: Any) -> None:
    """Say what `apply` would do; change nothing. Exit code 1 when something stands in the way.

    \b
    Example:
      wangge topics plan --city out/city/city --acls
    """
    from connectors.kafka.admin import Cluster

    settings, asked = _settings(options), Asked(**options)
    with Cluster(settings) as cluster:
        found = _found(cluster, asked, settings, acls=acls)
    _show(found, asked, settings, as_json=as_json, applied=False)
    if any(step.action == "refuse" for step in found.steps):
        sys.exit(FOUND)


@topics_command.command("apply")
@CITY
@SOURCES
@PARTITIONS
@COPIES
@ROLES
@click.option("--acls", is_flag=True, help="Add the entries of the access lists too.")
@click.option("--revoke", is_flag=True, help="With --acls: take back what no file gives any longer.")
@click.option("--dry-run", is_flag=True, help="The same as `wangge topics plan`.")
@JSON
@click.pass_context
def apply_topics(
    context: click.Context, /, as_json: bool, acls: bool, revoke: bool, dry_run: bool, **options: Any
) -> None:
    """Create what is missing and correct settings; a second time it does nothing.

    When one topic stands in the way, nothing is changed at all (exit code 2). On a broker with an authorizer nobody may
    use a topic before its entries are there: give --acls.

    \b
    Examples:
      wangge topics apply --city out/city/city --partitions 4 --replication 1
      wangge topics apply --acls --revoke
    """
    if dry_run:
        context.invoke(plan_topics, as_json=as_json, acls=acls, **options)
        return
    from connectors.kafka.admin import Cluster
    from connectors.kafka.plan import refused

    settings, asked = _settings(options), Asked(**options)
    with Cluster(settings) as cluster:
        found = _found(cluster, asked, settings, acls=acls)
        if faults := refused(found.steps):
            raise ConfigFaults(faults)
        cluster.apply(found.steps)
        cluster.allow(found.missing)
        if revoke:
            cluster.revoke(found.stale)
    _show(found, asked, settings, as_json=as_json, applied=True, revoked=revoke)


@topics_command.command("list")
@JSON
def list_topics(as_json: bool) -> None:
    """List the topics under the prefix with their partitions, copies and retention.

    \b
    Example:
      wangge topics list --json
    """
    from connectors.kafka.admin import Cluster

    with Cluster(kafka_settings_from()) as cluster:
        seen = cluster.topics()
    rows = [
        {"topic": name, "partitions": shape.partitions, "copies": shape.copies, **_kept(shape.config)}
        for name, shape in sorted(seen.items())
    ]
    click.echo(as_document({"topics": rows}) if as_json else table(rows))


def _kept(config: Any) -> dict[str, str]:
    millis = int(config.get("retention.ms", -1))
    days = "forever" if millis < 0 else f"{millis / 86_400_000:g}d"
    return {"cleanup": config.get("cleanup.policy", ""), "retention": days}


def _settings(options: Mapping[str, Any]) -> KafkaSettings:
    """How to reach Kafka, once nothing that can be known without it is faulty. Raises :class:`ConfigFaults`."""
    from connectors.kafka.acls import load_principals

    refuse_faulty(lambda: load_principals(options["principals"]), settings_from, kafka_settings_from)
    return kafka_settings_from()


def _found(cluster: Any, asked: Asked, settings: KafkaSettings, *, acls: bool) -> Found:
    """Compare what a city needs with what is there. Raises :class:`ConfigFaults`."""
    from connectors.kafka import acls as lists
    from connectors.kafka.plan import parameters, plan, wanted
    from pipeline.runtime.city import load_city

    reference = load_city(settings_from().reference, asked.city).reference
    principals = lists.load_principals(asked.principals)
    given = [name.strip() for name in asked.sources.split(",") if name.strip()]
    values = parameters(reference, (*principals.source_systems, *given))
    brokers = cluster.brokers()
    if brokers < asked.replication:
        remedy = f"there are {brokers} brokers: start more, or use --replication {brokers} for development"
        raise ConfigFaults([Fault("arguments", "--replication", str(asked.replication), remedy)])
    steps = plan(wanted(values, asked.replication, asked.partitions), cluster.topics())
    due = lists.grants(principals, values, lists.districts_of(reference), settings.prefix)
    if not acls:
        return Found(steps, [], [], _left(cluster, due))
    seen = cluster.grants()
    return Found(steps, sorted(due - seen), sorted(lists.stale(principals, seen, due, settings.prefix)))


def _left(cluster: Any, due: Collection[Any]) -> int | None:
    """How many grants are missing although nobody asked for them: none where the broker allows everything."""
    from connectors.kafka.admin import NO_AUTHORIZER

    try:
        return len(set(due) - cluster.grants())
    except ConfigFaults as told:
        return 0 if told.faults == [NO_AUTHORIZER] else None


def _show(
    found: Found, asked: Asked, settings: KafkaSettings, *, as_json: bool, applied: bool, revoked: bool = False
) -> None:
    document = {
        "kafka": settings.bootstrap, "prefix": settings.prefix, "applied": applied,
        "counts": dict(Counter(step.action for step in found.steps)),
        "steps": [_row(step) for step in found.steps],
        "grants": [grant._asdict() for grant in found.missing],
        "stale_grants": [grant._asdict() for grant in found.stale], "revoked": revoked, "grants_left": found.left,
    }  # fmt: skip
    if as_json:
        click.echo(as_document(document))
        return
    click.echo(table([_row(step) for step in found.steps if step.action not in ("leave", "unknown")]))
    click.echo(_summary(found.steps))
    for title, grants in (("to allow", found.missing), ("given by no file", found.stale)):
        if grants:
            click.echo(f"\n{title}:\n" + "\n".join(f"  {grant}" for grant in grants))
    if hint := _hint(found.left, applied=applied):
        click.echo(f"\n{hint}")
    if not applied and (found.missing or any(step.action in ("create", "grow", "configure") for step in found.steps)):
        click.echo("\nnothing was changed: `wangge topics apply` does it")


def _hint(left: int | None, *, applied: bool) -> str:
    """What to say of access lists that were not asked for."""
    if left is None:
        return "access lists: the broker has some, and this user may not look at them: give --acls as the operator"
    call = f"wangge topics {'apply' if applied else 'plan'} --acls"
    denies = f"the broker has an authorizer and {left} entries are missing: what no entry allows it denies"
    return f"access lists: {denies}. `{call}` {'adds' if applied else 'lists'} them" if left else ""


def _row(step: Any) -> dict[str, Any]:
    return {
        "do": step.action, "topic": step.shape.name, "partitions": step.shape.partitions, "copies": step.shape.copies,
        "what": step.said,
    }  # fmt: skip


def _summary(steps: Iterable[Any]) -> str:
    """How many of each action, and what is there that no file knows."""
    steps = list(steps)
    counts = Counter(step.action for step in steps)
    lines = ["topics: " + ", ".join(f"{count} {action}" for action, count in sorted(counts.items()))]
    unknown = [step.shape.name for step in steps if step.action == "unknown"]
    if unknown:
        more = f" and {len(unknown) - 8} more" if len(unknown) > 8 else ""
        lines.append(f"in no topic file and left alone: {', '.join(unknown[:8])}{more}")
    return "\n".join(lines)
