"""The indicators as views of ClickHouse, for boards and people who know SQL: made from the catalogue by the compiler.

``python -m pipeline.assessment.views FILE`` reads a catalogue and prints ``schemas/clickhouse/0004_indicators.sql``; a
test holds the two equal.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.assessment.bases import AREAS, Base, column_of
from pipeline.assessment.catalogue import Catalogue, load_catalogue
from pipeline.assessment.compiler import LATEST, TIME_ZONE, Grouping, Period, figures_sql

LEVELS = ("all", "department", *AREAS)
"""What ``level`` may be; ``all`` is one line for everything."""
ANY_TIME = Period(0, 0)
"""A period with both ends: the numbers become the parameters ``period_start`` and ``period_end``."""
FIRST, LAST = -2_208_988_800_000, LATEST
"""1900-01-01 and 2200-01-01: everything."""
HEAD = """-- Indicators as views. Made by `python -m pipeline.assessment.views`; do not edit.
-- indicators_of: figures of a period by level (all, department, city, district, street, community, grid); period_start,
-- period_end and as_of are milliseconds since 1970 UTC. indicator_days_of: the same by civil day ({zone}).
-- indicators_by_<level>: everything up to now; indicators_by_<level>_day: by day. They stand on the views of
-- 0002_views.sql, which read with FINAL: rows that a replay writes again change no figure.
-- numerator and denominator may be summed over days; value, lo and hi may not."""
TYPES = {
    "level": "String", "unit": "String", "day": "Date", "position": "UInt16", "indicator": "String", "kind": "String",
    "numerator": "Float64", "denominator": "Nullable(Float64)", "value": "Nullable(Float64)",
    "lo": "Nullable(Float64)", "hi": "Nullable(Float64)", "n": "Float64", "small": "Bool",
}  # fmt: skip
"""Columns of the views without parameters. They are written out: guessing them costs ClickHouse 0.1 s for each view."""
_COLUMNS = "position, indicator, kind, numerator, denominator, value, lo, hi, n, small"


def views(catalogue: Catalogue) -> str:
    """The file of all views."""
    return "\n\n".join([HEAD.format(zone=TIME_ZONE), *_statements(catalogue)]) + "\n"


def _statements(catalogue: Catalogue) -> Iterator[str]:
    daily = Catalogue(tuple(one for one in catalogue.indicators if one.cohort))
    yield _view("indicators_of", f"{{level:String}} AS level, dimension AS unit, {_COLUMNS}", catalogue, daily=False)
    yield _view(
        "indicator_days_of",
        f"{{level:String}} AS level, dimension.1 AS unit, toDate(dimension.2) AS day, {_COLUMNS}",
        daily,
        daily=True,
    )
    for level in LEVELS:
        given = f"level = '{level}', period_start = {FIRST}, period_end = {LAST}, as_of = {LAST}"
        yield _plain(f"indicators_by_{level}", f"indicators_of({given})", ["day"])
        yield _plain(f"indicators_by_{level}_day", f"indicator_days_of({given})")


def _plain(name: str, source: str, without: Sequence[str] = ()) -> str:
    columns = {column: kind for column, kind in TYPES.items() if column not in without}
    typed = ", ".join(f"{column} {kind}" for column, kind in columns.items())
    return f"CREATE OR REPLACE VIEW wangge.{name}\n({typed})\nAS SELECT {', '.join(columns)}\nFROM wangge.{source};"


def _view(name: str, columns: str, catalogue: Catalogue, *, daily: bool) -> str:
    figures = figures_sql(catalogue, lambda base: _by_level(base, daily=daily), {}, ANY_TIME)
    return f"CREATE OR REPLACE VIEW wangge.{name} AS\nSELECT {columns}\nFROM\n(\n{figures}\n);"


def _by_level(base: Base, *, daily: bool) -> Grouping:
    """The unit of a row at the asked level; a base that does not know the level has no rows there."""
    known = [level for level in LEVELS[1:] if base.has(level)]
    chosen = "".join(f"{{level:String}} = '{level}', toString({column_of(level)}), " for level in known)
    unit = f"multiIf({chosen}'all')" if known else "'all'"
    where = f"{{level:String}} IN ({', '.join(repr(level) for level in ('all', *known))})"
    return Grouping(f"({unit}, cohort_day)" if daily else unit, f"'{TIME_ZONE}'" if daily else "", where)


if __name__ == "__main__":
    print(views(load_catalogue(Path(sys.argv[1]))), end="")
