"""What the commands of ``wangge grids`` print."""

from __future__ import annotations

from collections import Counter
from typing import Any

import click

from pipeline.commands.options import as_document, called_as, table
from pipeline.runtime.grid_audit import Audit
from pipeline.runtime.grid_placing import Placed, Placing
from pipeline.runtime.grids import sizes

SHOWN = 40
"""Rows of a table of text; --json has all."""
CODES = 4
"""Codes shown of one finding or change."""
SAID = {
    "gap": "no cell here", "overlap": "cells overlap", "outside": "beyond the areas it should fill",
    "parts": "cell in several parts", "oversize": "cell too large", "undersize": "cell too small",
    "many_households": "too many households", "few_households": "too few households",
    "unknown_households": "households not known", "no_person": "no responsible person",
}  # fmt: skip


def tell(done: Placed, placing: Placing, as_json: bool, **more: Any) -> None:
    """Print what was put into a city."""
    layer, areas = done.layer, done.areas
    told: dict[str, Any] = {
        "file": str(done.path), "written": not placing.dry_run, "name": layer.name, "system": layer.system,
        "kind": layer.kind, "version": layer.version, **sizes(layer), "closed": list(done.closed),
        "areas": {"added": areas.added, "changed": areas.changed, "ended": areas.ended} if areas else None,
        "remarks": list(done.remarks), **more,
    }  # fmt: skip
    if as_json:
        click.echo(as_document(told))
        return
    took = f" in {more['seconds']:.2f} s" if "seconds" in more else ""
    click.echo(f"{told['cells']:,} cells of {layer.system}/{layer.kind} version {layer.version}{took}")
    click.echo(f"  together {_area(told['area_m2'])}; smallest {_area(told['smallest_m2'])}, 5 % below "
               f"{_area(told['p05_m2'])}, median {_area(told['median_m2'])}, 5 % above {_area(told['p95_m2'])}, "
               f"largest {_area(told['largest_m2'])}")  # fmt: skip
    for name in done.closed:
        click.echo(f"  {name} ends where this one begins")
    if areas is not None:
        click.echo(f"  areas.csv: {areas.added:,} added, {areas.changed:,} changed, {areas.ended:,} ended")
    for remark in done.remarks:
        click.echo(f"  {remark}")
    click.echo("dry run: nothing was written" if placing.dry_run else f"written: {done.path}")
    if not placing.dry_run:
        click.echo(f"next: {called_as()} grids audit {placing.city}")


def _area(square_metres: float) -> str:
    return f"{square_metres / 1e6:,.2f} km2" if square_metres >= 1e6 else f"{square_metres:,.0f} m2"


def audit_text(audit: Audit) -> str:
    """An audit as tables."""
    shown = ["layer", "system", "kind", "version", "cells", "smallest_m2", "median_m2", "largest_m2"]
    work = ["cases", "gini"] if any("gini" in row for row in audit.layers) else []
    layers = [{**row, **{name: _area(row[name]) for name in shown if name.endswith("_m2")}} for row in audit.layers]
    parts = [f"Layers\n{table(layers, [*shown, *work, 'findings'])}"]
    if audit.cross_walk:
        cases = ["disagree_cases"] if "disagree_cases" in audit.cross_walk[0] else []
        columns = ["a", "b", "disagree", *cases, "a_outside_main_b", "b_outside_main_a", "only_a", "only_b"]
        parts.append(f"Where grid systems disagree (shares of the area they have in common)\n"
                     f"{table(audit.cross_walk, columns)}")  # fmt: skip
    if audit.findings:
        rows = [_finding(row) for row in audit.findings]
        columns = ["layers", "what", "codes", "measure", "at"]
        parts.append(f"Findings\n{table(rows[:SHOWN], columns)}{_left(len(rows))}")
    parts += audit.remarks
    kinds = Counter(SAID[row["finding"]] for row in audit.findings)
    said = ", ".join(f"{count:,} × {what}" for what, count in kinds.items())
    parts.append(f"found: {said}" if said else "no findings")
    return "\n\n".join(parts)


def _finding(row: dict[str, Any]) -> dict[str, Any]:
    measure = _area(row["measure"]) if row["unit"] == "m2" else f"{row['measure']:.0f} {row['unit']}"
    return {
        "layers": row["layers"], "what": SAID[row["finding"]], "codes": _some(row["codes"]),
        "measure": measure if row["unit"] else None, "at": f"{row['lon']:.6f},{row['lat']:.6f}",
    }  # fmt: skip


def _some(codes: list[str]) -> list[str]:
    return codes if len(codes) <= CODES else [*codes[:CODES], f"… {len(codes)} in all"]


def _left(rows: int) -> str:
    return f"\n… and {rows - SHOWN:,} more: --json has all" if rows > SHOWN else ""


def comparison_text(told: dict[str, Any]) -> str:
    """A comparison of two versions as tables; cells that stayed are only counted."""
    old, new = told["old"], told["new"]
    counts = ", ".join(f"{count:,} {change}" for change, count in told["counts"].items()) or "no cells"
    changes = [row for row in told["changes"] if row["change"] != "kept"]
    moved = {code for row in changes for code in row["old"]}
    mapping = [row for row in told["mapping"] if row["old"] in moved]
    parts = [
        f"{old['name']} version {old['version']} ({old['cells']:,} cells) -> "
        f"{new['name']} version {new['version']} ({new['cells']:,} cells): {counts}"
    ]
    shown = [{**row, "old": _some(row["old"]), "new": _some(row["new"])} for row in changes[:SHOWN]]
    if changes:
        parts.append(f"Changes\n{table(shown)}{_left(len(changes))}")
    if mapping:
        went = [{**row, "area_m2": _area(row["area_m2"])} for row in mapping[:SHOWN]]
        parts.append(f"Where the area of the changed cells went\n{table(went)}{_left(len(mapping))}")
    parts += told["remarks"]
    parts.append(f"Open cases keep the version they were filed under ({old['version']}); what is received after "
                 f"{new['version']} begins is located in it.")  # fmt: skip
    return "\n\n".join(parts)
