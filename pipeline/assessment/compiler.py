"""Indicators to SQL: one query for many of them, one pass over each base, values only as named parameters.

Expressions come from a checked catalogue and dimensions from a closed list, so no text of a caller becomes SQL.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from pipeline.assessment.bases import BASES, DAY, DIMENSIONS, NONE, Base, column_of
from pipeline.assessment.catalogue import DURATIONS, Catalogue, CatalogueFaults, Indicator
from pipeline.errors import Fault
from pipeline.events.base import Millis

LATEST: Millis = 7_258_118_400_000
"""2200-01-01: as of everything that is known."""
TIME_ZONE = "Asia/Shanghai"
_LEVELS = {"median": 0.5, "p90": 0.9}
_Z = 1.959963984540054
"""Two-sided 95 % point of the normal distribution."""

Filters = Mapping[str, str | Sequence[str]]
"""Dimension to the value or values it may have."""


class Query(NamedTuple):
    """A statement and its named parameters."""

    sql: str
    parameters: dict[str, Any]


class Grouping(NamedTuple):
    """What makes a line of figures: an expression over a row (and ``cohort_day``, where ``zone`` names the zone of
    days), a condition, and whether there is a group at all."""

    dimension: str
    zone: str = ""
    where: str = ""
    keyed: bool = True


@dataclass(frozen=True, slots=True)
class Period:
    """From ``start`` to before ``end`` (milliseconds, UTC); ``None`` leaves a side open."""

    start: Millis | None = None
    end: Millis | None = None


ALWAYS = Period()


def compile_indicators(
    catalogue: Catalogue,
    by: str = "department",
    filters: Filters | None = None,
    period: Period = ALWAYS,
    *,
    as_of: Millis = LATEST,
    time_zone: str = TIME_ZONE,
) -> Query:
    """One row per value of ``by`` and indicator: ``dimension, position, indicator, kind, numerator, denominator, value,
    lo, hi, n, small``.

    ``value`` is null when the denominator is 0. ``lo`` and ``hi`` are the Wilson 95 % interval of rates and shares;
    of a duration ``lo`` is the longest time seen when more than the asked share is still open.
    ``small``: n below ``min_n``.
    Indicators that :func:`assessable` leaves out have no rows. Raises :class:`CatalogueFaults` for unknown dimensions.
    """
    chosen = filters or {}
    _check(by, chosen)
    parameters = _parameters(chosen, period, as_of, time_zone)
    kept = assessable(catalogue, by, chosen)
    if not kept.indicators:
        raise CatalogueFaults([Fault("indicators", "by", by, "no chosen indicator can be told apart this way")])
    return Query(figures_sql(kept, lambda base: _grouped(by), chosen, period), parameters)


def figures_sql(catalogue: Catalogue, grouping: Callable[[Base], Grouping], filters: Filters, period: Period) -> str:
    """The statement alone: figures of all indicators, the rows of each base grouped as ``grouping`` says."""
    numbered = list(enumerate(catalogue.indicators))
    parts = [
        _of_base(
            BASES[base], [pair for pair in numbered if pair[1].base == base], grouping(BASES[base]), filters, period
        )
        for base in dict.fromkeys(one.base for one in catalogue.indicators)
    ]
    return _VALUES.format(rows="\n    UNION ALL\n".join(parts), z=_Z)


def assessable(catalogue: Catalogue, by: str, filters: Filters | None = None) -> Catalogue:
    """The indicators whose rows know the dimension and all filters; a picture of now has no days."""
    wanted = (by, *(filters or {}))
    return Catalogue(
        tuple(
            one
            for one in catalogue.indicators
            if all(BASES[one.base].has(name) for name in wanted) and not (by == DAY and not one.cohort)
        )
    )


def cases_behind(
    indicator: Indicator, filters: Filters | None = None, period: Period = ALWAYS, *, as_of: Millis = LATEST
) -> Query:
    """The rows behind a figure (反查): key, case, department, cohort time and whether the row is in the numerator.

    Exactly the rows of the denominator. Add the value of a dimension to ``filters`` to look behind one line of a table.
    Of a duration ``in_numerator`` says that the end has come; of sums ``amount`` is what the row adds.
    """
    chosen, base = filters or {}, BASES[indicator.base]
    _check(NONE, chosen)
    wanted = [name for name in chosen if not base.has(name)]
    if wanted:
        remedy = f"{indicator.base} cannot be narrowed so: leave it out"
        raise CatalogueFaults([Fault(indicator.id, "filters", name, remedy) for name in wanted])
    when = indicator.cohort or "NULL"
    columns = [f"{base.key} AS key", _known(base, "case_id"), _known(base, "department"), f"{when} AS cohort_at"]
    columns += [f"{_amount(indicator)} AS amount", f"toBool(ifNull({_counted(indicator)}, 0)) AS in_numerator"]
    sql = (
        f"SELECT {', '.join(columns)}"
        f"\nFROM {_rows(base)}\nWHERE {_in_question(indicator, period)} AND {_narrowed(chosen)}\nORDER BY key"
    )
    return Query(sql, _parameters(chosen, period, as_of, TIME_ZONE))


# --- parts of a query -----------------------------------------------------------------------------------------------


def _grouped(by: str) -> Grouping:
    if by == DAY:
        return Grouping("toString(cohort_day)", zone="{time_zone:String}")
    return Grouping("'all'", keyed=False) if by == NONE else Grouping(f"toString({column_of(by)})")


def _of_base(
    base: Base, indicators: list[tuple[int, Indicator]], grouping: Grouping, filters: Filters, period: Period
) -> str:
    """One pass over a base: a group per dimension, in it a tuple per indicator. Days differ by cohort, so a row is
    counted once for each of its cohort times."""
    cohorts = list(dict.fromkeys(one.cohort for _, one in indicators if one.cohort))
    days, where = "", f"{_narrowed(filters)} AND {grouping.where}" if grouping.where else _narrowed(filters)
    if grouping.zone:
        listed = ", ".join(f"toDate({name}, {grouping.zone})" for name in cohorts)
        days = (
            f"\n        ARRAY JOIN [{listed}] AS cohort_day, [{', '.join(map(str, range(len(cohorts))))}] AS cohort_no"
        )
        where += " AND cohort_day IS NOT NULL"
    tuples = ",\n            ".join(
        _tuple(at, one, period, cohorts.index(one.cohort) if days else None) for at, one in indicators
    )
    grouped = "\n        GROUP BY dimension" if grouping.keyed else ""
    return (
        f"        SELECT {grouping.dimension} AS dimension, arrayJoin([\n            {tuples}\n        ]) AS r\n"
        f"        FROM {_rows(base)}{days}\n        WHERE {where}{grouped}"
    )


def _tuple(at: int, one: Indicator, period: Period, cohort_no: int | None) -> str:
    """``(position, id, kind, min_n, numerator, denominator, quantile, longest)`` of one indicator."""
    rows = _in_question(one, period) + (f" AND cohort_no = {cohort_no}" if cohort_no is not None else "")
    above, below = _sums(one, rows)
    quantile, longest = "NULL", "NULL"
    if one.kind in DURATIONS:
        pairs = f"groupArrayIf((toFloat64({one.numerator}), toUInt8(ifNull({one.event}, 0))), {rows})"
        quantile, longest = _kaplan_meier(pairs, _LEVELS[one.kind]), f"maxOrNullIf(toFloat64({one.numerator}), {rows})"
    return (
        f"tuple(toUInt16({at}), '{one.id}', '{one.kind}', toUInt32({one.min_n}), toFloat64({above}), "
        f"toFloat64({below}), toNullable(toFloat64({quantile})), toNullable(toFloat64({longest})))"
    )


def _sums(one: Indicator, rows: str) -> tuple[str, str]:
    if one.kind in ("rate", *DURATIONS):
        return f"countIf({rows} AND ({_counted(one)}))", f"countIf({rows})"
    if one.kind == "share":
        return _sum(one.numerator, rows), _sum(one.denominator, rows)
    return _sum(one.numerator, rows), f"countIf({rows} AND ({one.numerator}) IS NOT NULL)"


def _sum(expression: str, rows: str) -> str:
    return f"sumIf(ifNull(toFloat64({expression}), 0), {rows})"


def _kaplan_meier(pairs: str, level: float) -> str:
    """The time by which ``level`` of the rows have ended. Sorted by time, at the same time ended before open ones; the
    logarithm of the share still open falls at each end by one of those left."""
    ordered = f"arraySort(x -> (x.1, 1 - x.2), {pairs})"
    falls = (
        "arrayCumSum(arrayMap((x, i) -> if(x.2 = 1, log(1 - 1 / (length(sorted) - i + 1)), 0), "
        "sorted, arrayEnumerate(sorted)))"
    )
    reached = f"arrayFirstIndex(x -> x <= log({1 - level:.6g}) + 1e-9, {falls})"
    return (
        f"arrayMap(sorted -> if({reached} = 0, NULL, tupleElement(sorted[{reached}], 1)), [{ordered}])[1]"
    )  # fmt: skip


def _counted(one: Indicator) -> str:
    """What puts a row into the numerator."""
    if one.kind in DURATIONS:
        return one.event
    return one.numerator if one.kind == "rate" else f"({one.numerator}) != 0"


def _amount(one: Indicator) -> str:
    return f"toFloat64(ifNull({one.numerator}, 0))" if one.kind != "rate" else "toFloat64(1)"


def _in_question(one: Indicator, period: Period) -> str:
    """What puts a row into the denominator."""
    parts = [f"({one.denominator})" if one.kind != "share" else f"({one.denominator}) != 0"]
    if one.cohort:
        parts.append(f"{one.cohort} IS NOT NULL")
        if period.start is not None:
            parts.append(f"{one.cohort} >= fromUnixTimestamp64Milli({{period_start:Int64}}, 'UTC')")
        if period.end is not None:
            parts.append(f"{one.cohort} < fromUnixTimestamp64Milli({{period_end:Int64}}, 'UTC')")
    return f"ifNull({' AND '.join(parts)}, 0)"


def _rows(base: Base) -> str:
    return f"wangge.{base.view}(as_of = fromUnixTimestamp64Milli({{as_of:Int64}}, 'UTC'))"


def _known(base: Base, name: str) -> str:
    return name if name in base.columns else f"'' AS {name}"


def _narrowed(filters: Filters) -> str:
    """One parameter a value: drivers differ in how they quote lists."""
    return " AND ".join(_one_of(name, len(_listed(filters[name]))) for name in sorted(filters)) or "true"


def _one_of(name: str, size: int) -> str:
    values = ", ".join(f"{{filter_{name}_{number}:String}}" for number in range(size))
    return f"{column_of(name)} IN ({values})" if values else "false"


def _listed(values: str | Sequence[str]) -> list[str]:
    return [values] if isinstance(values, str) else list(values)


def _parameters(filters: Filters, period: Period, as_of: Millis, time_zone: str) -> dict[str, Any]:
    given: dict[str, Any] = {"as_of": as_of, "time_zone": time_zone}
    for name, values in filters.items():
        given |= {f"filter_{name}_{number}": value for number, value in enumerate(_listed(values))}
    if period.start is not None:
        given["period_start"] = period.start
    if period.end is not None:
        given["period_end"] = period.end
    return given


def _check(by: str, filters: Filters) -> None:
    faults = []
    if by not in (NONE, *DIMENSIONS):
        faults.append(Fault("indicators", "by", by, f"choose one of {', '.join((*DIMENSIONS, NONE))}"))
    for name in filters:
        if name not in DIMENSIONS or name == DAY:
            allowed = ", ".join(one for one in DIMENSIONS if one != DAY)
            faults.append(Fault("indicators", "filters", name, f"choose among {allowed}; days are a period"))
    if faults:
        raise CatalogueFaults(faults)


_VALUES = """SELECT dimension, position, indicator, kind, numerator, denominator, value,
    multiIf(sure, greatest(0., centre - spread), kind IN ('median', 'p90') AND value IS NULL, longest, NULL) AS lo,
    if(sure, least(1., centre + spread), NULL) AS hi,
    n,
    toBool(kind != 'total' AND n < min_n) AS small
FROM
(
    SELECT
        dimension,
        r.1 AS position,
        r.2 AS indicator,
        r.3 AS kind,
        r.4 AS min_n,
        r.5 AS numerator,
        r.6 AS n,
        r.8 AS longest,
        if(kind = 'total', NULL, n) AS denominator,
        multiIf(kind IN ('median', 'p90'), r.7, kind = 'total', numerator, numerator / nullIf(n, 0)) AS value,
        kind IN ('rate', 'share') AND n > 0 AS sure,
        {z} * {z} / nullIf(n, 0) AS z2n,
        (value + z2n / 2) / (1 + z2n) AS centre,
        sqrt(z2n * value * (1 - value) + z2n * z2n / 4) / (1 + z2n) AS spread
    FROM
    (
{rows}
    )
)
ORDER BY dimension, position"""
