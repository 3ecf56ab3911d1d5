"""``wangge grids``: layers of grids imported, cut, audited and compared."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from time import perf_counter
from typing import Any, TypeVar

import click

from pipeline.commands.grid_borders import borders_command, practice_command
from pipeline.commands.grid_texts import audit_text, comparison_text, tell
from pipeline.commands.options import JSON, as_document
from pipeline.domain.geo.cut import SIDE_M
from pipeline.domain.geo.datum import Datum
from pipeline.domain.geo.layers import LayerSpec
from pipeline.runtime.grid_audit import audit_city
from pipeline.runtime.grid_placing import TIERS, Placing, midnight
from pipeline.runtime.grids import city_reference, comparison, cut_layer, import_layer
from pipeline.settings import settings_from

FOUND = 1
DAY = click.DateTime(["%Y-%m-%d"])
FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
CITY = click.option(
    "--out", "city", type=click.Path(path_type=Path, file_okay=False), required=True, help="Overlay of the city."
)
PROPERTIES = ("code", "name", "parent", "area_type", "households", "workers", "responsible")
Command = TypeVar("Command", bound=Callable[..., Any])


@click.group("grids")
def grids_command() -> None:
    """Grids of a city: import layers, cut unit grids, audit and compare them; what happens along borders.

    \b
    Examples:
      wangge grids import police.geojson --out city --system police --kind police --datum GCJ-02
      wangge grids cut --communities city/layers/community.geojson --out city
      wangge grids audit city --json
      wangge grids compare city/layers/unit.geojson city/layers/unit-2.geojson
      wangge grids borders city --store S
    """


class DatumName(click.ParamType):
    """A datum in any known spelling."""

    name = "datum"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Datum:
        """The datum, or a fault that lists the spellings."""
        try:
            return Datum.named(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Place(click.ParamType):
    """A point as ``LON,LAT``."""

    name = "LON,LAT"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, float]:
        """The point in degrees."""
        try:
            lon, lat = (float(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r}: write longitude and latitude as 121.5,31.2", param, ctx)
        if not (-180 <= lon <= 180 and -90 <= lat <= 90):
            self.fail(f"{value!r}: longitude comes first, in degrees", param, ctx)
        return lon, lat


def placing_options(command: Command) -> Command:
    """What import and cut have in common."""
    for option in (
        click.option("--close-older", is_flag=True, help="End other versions in force where this one begins."),
        click.option("--replace", is_flag=True, help="Draw over a layer of this name that no case was filed under."),
        click.option("--dry-run", is_flag=True, help="Write nothing; say what would be written."),
        JSON,
    ):
        command = option(command)
    return command


def property_options(command: Command) -> Command:
    """An option for the property of each thing a cell may carry."""
    for name in reversed(PROPERTIES):
        option = f"--{name.replace('_', '-')}-property"
        command = click.option(option, default=None, metavar="P", help=f"Default {name}; '' for none.")(command)
    return command


@grids_command.command("import")
@click.argument("file", type=FILE)
@CITY
@click.option("--system", required=True, help="Grid system, e.g. unit, management, community, police, zongzhi, party.")
@click.option("--kind", required=True, help="Kind of its cells, e.g. community, unit, responsibility, police.")
@click.option("--name", help="Name of the layer and its file.  [default: the kind, with the version after the first]")
@click.option("--version", default="1", show_default=True)
@property_options
@click.option("--datum", type=DatumName(), default="WGS-84", show_default=True, help="WGS-84, CGCS2000, GCJ-02, BD-09.")
@click.option("--valid-from", type=DAY, help="First day of this version.")
@click.option("--valid-to", type=DAY, help="First day that no longer counts.")
@click.option("--mend", is_flag=True, help="Mend invalid rings where that changes less than 1 % of the area.")
@click.option("--tier", type=click.Choice(TIERS), help="Put the cells into areas.csv at this tier.")
@click.option("--level-role", default="", help="Role of the areas in their system.  [default: the kind]")
@click.option("--local-level", type=click.IntRange(1, 9), help="Depth in their tree.  [default: one below the parent]")
@placing_options
def import_layer_command(
    file: Path, city: Path, system: str, kind: str, name: str | None, version: str, datum: Datum,
    valid_from: datetime | None, valid_to: datetime | None, mend: bool, tier: str | None, level_role: str,
    local_level: int | None, close_older: bool, replace: bool, dry_run: bool, as_json: bool, **properties: str | None,
) -> None:  # fmt: skip
    """Read the polygons of FILE (GeoJSON, gzip too) as a layer of the city, in WGS-84.

    All faults are told at once and nothing is written while there is one (exit code 2).

    \b
    Examples:
      wangge grids import jwq.geojson.gz --out city --system police --kind police --code-property DM --datum GCJ-02
      wangge grids import wg.geojson --out city --system management --kind responsibility --tier grid --dry-run
      wangge grids import unit2.geojson --out city --system unit --kind unit --version 2 --tier grid \\
          --valid-from 2026-09-01 --close-older
    """
    spec = LayerSpec(
        name=name or _default_name(kind, version), system=system, kind=kind, version=version, datum=datum, mend=mend,
    )  # fmt: skip
    asked = {key: key.removesuffix("_property") if given is None else given for key, given in properties.items()}
    spec = dataclasses.replace(spec, **asked)  # type: ignore[arg-type]  # names of properties only
    named = {f"--{key.replace('_', '-')}": given for key, given in properties.items() if given}
    placing = Placing(
        city=city, tier=tier or "", level_role=level_role, local_level=local_level, close_older=close_older,
        replace=replace, dry_run=dry_run,
    )  # fmt: skip
    done = import_layer(settings_from().reference, file, spec, (_day(valid_from), _day(valid_to)), named, placing)
    tell(done, placing, as_json)


@grids_command.command("cut")
@click.option("--communities", type=FILE, required=True, help="Layer file of communities with 12-digit codes.")
@CITY
@click.option("--side", type=click.FloatRange(10.0, 10_000.0), default=SIDE_M, show_default=True, help="Metres.")
@click.option("--name", help="Name of the layer and its file.  [default: unit, with the version after the first]")
@click.option("--version", default="1", show_default=True)
@click.option("--origin", type=Place(), help="A crossing of the lattice.  [default: that of the city's unit grids]")
@click.option("--valid-from", type=DAY, help="First day of these grids.  [default: that of the communities]")
@placing_options
def cut_command(
    communities: Path, city: Path, side: float, name: str | None, version: str,
    origin: tuple[float, float] | None, valid_from: datetime | None, close_older: bool, replace: bool, dry_run: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Cut unit grids with 15-digit codes inside communities and write them as a layer of the city.

    Their areas go into areas.csv when the city has the communities there.

    \b
    Examples:
      wangge grids cut --communities city/layers/community.geojson --out city
      wangge grids cut --communities community.geojson --out city --side 200 --origin 121.5,31.2 --dry-run
    """
    placing = Placing(
        city=city, tier="grid", level_role="unit", close_older=close_older, replace=replace, dry_run=dry_run
    )
    name, begun = name or _default_name("unit", version), perf_counter()
    reference = settings_from().reference
    done = cut_layer(reference, communities, name, version, side, origin, _day(valid_from), placing)
    tell(done, placing, as_json, seconds=round(perf_counter() - begun, 3))


@grids_command.command("audit")
@click.argument("city", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--store", type=click.Path(path_type=Path, exists=True, file_okay=False), help="Its cases are the work.")
@click.option("--at", type=DAY, help="Only the versions in force on this day.")
@JSON
def audit_command(city: Path, store: Path | None, at: datetime | None, as_json: bool) -> None:
    """Check the layers of CITY: gaps, overlaps, loose parts, sizes, households, persons; measure work and agreement.

    Exit code 1 when something is found, 0 when nothing is. How evenly work lies (Gini; with --store) and where grid
    systems disagree are measures and no findings.

    \b
    Examples:
      wangge grids audit out/city/city
      wangge grids audit out/city/city --store S --at 2026-03-20 --json
    """
    reference = city_reference(settings_from().reference, city)
    day = _day(at)
    audit = audit_city(reference, city, store, None if day is None else midnight(day, reference))
    click.echo(as_document(dataclasses.asdict(audit)) if as_json else audit_text(audit))
    if audit.findings:
        sys.exit(FOUND)


@grids_command.command("compare")
@click.argument("old", type=FILE)
@click.argument("new", type=FILE)
@JSON
def compare_command(old: Path, new: Path, as_json: bool) -> None:
    """Tell what a re-division from layer file OLD to layer file NEW did, and which share of each cell went where.

    Open cases keep the version they were filed under. Counts of the past can be estimated for the new cells by shares
    of area, and are then estimates.

    \b
    Example:
      wangge grids compare city/layers/unit.geojson city/layers/unit-2.geojson --json
    """
    told = comparison(old, new)
    click.echo(as_document(told) if as_json else comparison_text(told))


grids_command.add_command(borders_command)
grids_command.add_command(practice_command)


def _default_name(kind: str, version: str) -> str:
    return kind if version == "1" else f"{kind}-{version}"


def _day(at: datetime | None) -> date | None:
    return None if at is None else at.date()
