"""``wangge backfill compare`` and ``swap``: the shadow of a plan, its report, and the steps of a swap."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from pipeline.commands.options import as_document, table
from pipeline.errors import ConfigFaults, Fault, StopRun
from pipeline.settings import clickhouse_settings_from, kafka_settings_from

if TYPE_CHECKING:
    from connectors.sinks.clickhouse.shadow import Difference, Shadow
    from pipeline.runtime.backfilling import Plan, Work

COLUMNS = ["table", "day", "live", "shadow", "only_live", "only_shadow", "changed"]


class Shadowed:
    """The shadow of a plan, on a connection of its own; a context."""

    def __init__(self, plan: Plan) -> None:
        from connectors.sinks.clickhouse.server import Server
        from connectors.sinks.clickhouse.shadow import Ours, Shadow
        from pipeline.runtime.backfilling import FACTS

        settings, prefix = clickhouse_settings_from(), kafka_settings_from().prefix
        if settings.database != plan.database:
            fault = Fault("environment", "WANGGE_CLICKHOUSE_DATABASE", settings.database, f"it was {plan.database}")
            raise ConfigFaults([fault])
        ranges = {
            (prefix + name.rpartition("/")[0], int(name.rpartition("/")[2])): tuple(bounds)
            for name, bounds in plan.facts.items()
        }
        ours = Ours(plan.since, plan.until, ranges)  # type: ignore[arg-type]
        self._server = Server(settings, patience=3_600)
        self._shadow = Shadow(self._server, ours, same_ids=plan.kind == FACTS)

    def __enter__(self) -> Shadow:
        return self._shadow

    def __exit__(self, *_: object) -> None:
        self._server.close()


def swap(work: Work, shadow: Shadow) -> dict[str, Any]:
    """Take over the rest, swap, catch up; each step is noted before the next and changes nothing the second time."""
    from connectors.sinks.columns import ALL_TABLES

    state = work.kept("swap") or {"marks": shadow.marks(), "step": "taking over", "taken_over": 0}
    work.keep("swap", state)
    if state["step"] == "taking over":
        state["taken_over"] += sum(shadow.take_over(table) for table in ALL_TABLES)
        state["step"] = "swapping"
        work.keep("swap", state)
    late = 0
    for name in ALL_TABLES:
        shadow.swap(name, state["marks"].get(name, ""))
    for name in ALL_TABLES:
        late += shadow.catch_up(name, state["marks"].get(name, ""))
    state["step"] = "done"
    work.keep("swap", state)
    return {"swapped": len(ALL_TABLES), "taken_over": state["taken_over"], "caught_up": late, "old": shadow.name}


def report(found: list[Difference], *, as_json: bool, everything: bool) -> None:
    from connectors.sinks.clickhouse.shadow import alike

    rows = [asdict(one) for one in found]
    totals = {name: sum(row[name] for row in rows) for name in COLUMNS[2:]}
    shown = rows if everything else [row for row in rows if row["only_live"] or row["only_shadow"] or row["changed"]]
    if as_json:
        click.echo(as_document({"alike": alike(found), "totals": totals, "days": shown}))
    else:
        click.echo(table([*shown, {"table": "all", "day": "", **totals}], COLUMNS))


def plan_of(work: Work) -> Plan:
    plan = work.plan()
    if plan is None:
        message = f"{work.folder} holds no backfill: begin one with `wangge backfill fill --work {work.folder}`"
        raise StopRun(message)
    return plan


def filled(work: Work) -> None:
    if not work.kept("filled"):
        message = f"the shadow is not filled to its end: call `wangge backfill fill --work {work.folder}` again"
        raise StopRun(message)


def not_swapped(work: Work) -> None:
    if work.kept("swap"):
        message = "these tables were swapped: finish with `wangge backfill swap`, or drop them and begin another folder"
        raise StopRun(message)
