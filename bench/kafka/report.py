"""What was measured as text: a table for the terminal, docs/benchmarks-kafka.md and docs/sizing.md. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bench.kafka.sizing import Demand, lines, measured_of

TEXTS = Path(__file__).parent
WANGGE, BARE = "Wangge on Faust", "bare loop"
FRAMEWORKS = ("Faust, an event at a time", "Quix Streams", "Quix Streams, transactions", "Bytewax")


class Figure(NamedTuple):
    """One figure beside its target; both "" where there is none."""

    what: str
    figure: str
    target: str = ""
    verdict: str = ""


def verdict(reached: bool) -> str:
    """In one word."""
    return "reached" if reached else "missed"


# -- beside peers ----------------------------------------------------------------------------------------------------


def contest(rows: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """A row for each contender, with a head."""
    head = ["who", "records/s", "to bare", "us of processor", "to bare by it", "offsets follow", "after kill -9"]
    yardstick = rows[0]["cpu_us"]
    return [
        head,
        *(
            [
                row["name"],
                f"{row['rate']:,.0f}",
                f"{row['ratio']:.2f}",
                f"{row['cpu_us']:,.0f}",
                f"{yardstick / max(row['cpu_us'], 0.1):.2f}",
                f"{row['commit_follows_s']:.2f} s",
                row["promise"],
            ]
            for row in rows
        ),
    ]


def targets_of(section: str, rows: Sequence[Mapping[str, Any]]) -> list[Figure]:
    """What was to be reached in a or b."""
    by_name = {row["name"]: row for row in rows}
    if WANGGE not in by_name or BARE not in by_name:
        return []
    ours = by_name[WANGGE]
    others = [by_name[name] for name in FRAMEWORKS if name in by_name]
    least = 0.7 if section == "a" else 0.8
    found = [Figure("to the bare loop", f"{ours['ratio']:.2f}", f">= {least}", verdict(ours["ratio"] >= least))]
    rivals = [row for row in others if row["name"] == "Bytewax"] if section == "a" else others
    if rivals:
        best = max(rivals, key=lambda row: float(row["rate"]))
        ratio, ahead = ours["rate"] / best["rate"], ours["rate"] >= best["rate"]
        found.append(Figure(f"to {best['name']}", f"{ratio:.2f}", ">= 1", verdict(ahead)))
    follows = ours["commit_follows_s"]
    return [*found, Figure("offsets follow", f"{follows:.2f} s", "< 2 s", verdict(follows < 2))]


# -- latency, scale, recovery ----------------------------------------------------------------------------------------

LATENCIES = (
    ("steady", "published_to_department", "publish to department", 500),
    ("steady", "published_to_row", "publish to a row in ClickHouse", 2_000),
    ("steady", "action_to_status", "a department's action to the source's status topic", 1_000),
    (
        "backlog",
        "single_to_department",
        "urgent topic to department, backlog waiting: one in two seconds, from the start",
        300,
    ),
    ("backlog", "urgent_to_department", "urgent topic to department, backlog waiting: ten a second, then", 300),
    ("backlog", "words_only_after_copy", "by words alone: copy of the spotter to department, backlog waiting", 300),
    ("backlog", "words_only_after_start", "by words alone, at the end of the backlog: start to department", None),
)


def latencies(found: Mapping[str, Any]) -> list[Figure]:
    """p50 and p99 of every way that was measured, in milliseconds."""
    figures = []
    for part, key, what, target in LATENCIES:
        times = found.get(part, {}).get(key)
        if times is None:
            continue
        missing = times.get("missing", 0)
        if not times["count"]:
            figures.append(Figure(what, "none came", f"p99 < {target} ms" if target else "", verdict(False)))
            continue
        text = f"p50 {times['p50_ms']:,} ms, p99 {times['p99_ms']:,} ms of {times['count']:,}"
        text += f"; {missing} never came" if missing else ""
        good = target is None or (times["p99_ms"] < target and not missing)
        figures.append(Figure(what, text, f"p99 < {target:,} ms" if target else "", verdict(good) if target else ""))
    return [*figures, *_scan(found.get("backlog", {}))]


def _scan(backlog: Mapping[str, Any]) -> list[Figure]:
    """How long the spotter took to reach the end of the backlog."""
    if "scan_s" not in backlog:
        return []
    text = f"{backlog['scan_s']:.1f} s for {backlog['waiting']:,}, {backlog['start_s']:.1f} s of it start-up"
    text += f"; {backlog['never_copied']} never copied" if backlog["never_copied"] else ""
    return [Figure("the spotter at the end of the backlog, others working", text)]


def scans(found: Mapping[str, Any]) -> list[Figure]:
    """How fast the spotter reads."""
    text = f"{found['rate']:,} records/s, {found['copied']:,} of {found['records']:,} copied"
    return [Figure("spotter, alone", text, ">= 50,000 records/s", verdict(found["rate"] >= 50_000))]


def scales(found: Mapping[str, Any]) -> list[Figure]:
    """Each size with the rate it gave."""
    return [Figure(what, f"{rate:,.0f} records/s") for what, rate in found["rates"].items()]


def weights(found: Mapping[str, Any]) -> list[Figure]:
    """What sizing stands on."""
    return [
        Figure("sensor readings, 1 worker", f"{found['readings']['rate']:,.0f} readings/s"),
        Figure("1 sink, facts of reports", f"{found['sink']['rate']:,.0f} rows/s"),
    ]


def recoveries(found: Mapping[str, Any]) -> list[Figure]:
    """How long a worker took to come back."""
    seconds, cases = found["seconds"], found["cases"]
    return [
        Figure(f"{cases:,} open cases, {found['entries']:,} entries read", f"{seconds:.1f} s"),
        Figure("entries a second", f"{found['entries'] / max(seconds, 0.1):,.0f}"),
        Figure("from the start of the process to its partitions", f"{found['start_s']:.1f} s"),
        Figure("resident memory then", f"{found['resident_mib']:,} MiB"),
    ]


def feedings(found: Mapping[str, float]) -> list[Figure]:
    """Cost of a report by how many are fed at once."""
    return [
        Figure(f"{int(part):,} records at once", f"{cost:,.0f} us of processor a report")
        for part, cost in found.items()
    ]


# -- texts -----------------------------------------------------------------------------------------------------------

TITLES = {
    "a": "Decode and route",
    "b": "All stages",
    "feeding": "All stages in memory, without Kafka",
    "latency": "Latency",
    "emergencies": "Emergencies before a backlog",
    "spotter": "The spotter",
    "scale": "Scale",
    "weights": "Readings and sink",
    "recovery": "Recovery",
}
READERS = {
    "feeding": feedings, "latency": latencies, "emergencies": latencies, "spotter": scans, "scale": scales,
    "weights": weights, "recovery": recoveries,
}  # fmt: skip


def tables_of(section: str, found: Any) -> list[list[list[str]]]:
    """The tables of one section, each with its head."""
    figures, tables = figures_of(section, found), [contest(found)] if section in ("a", "b") else []
    head = ["what", "figure", "target", ""]
    return [*tables, *([[head, *map(list, figures)]] if figures else [])]


def as_text(results: Mapping[str, Any], *, quick: bool) -> str:
    """Aligned columns for a terminal."""
    parts = ["quick run: small inputs, the figures mean nothing"] if quick else []
    for section, title in TITLES.items():
        if section in results:
            parts.append(title)
            parts += [_aligned(table) for table in tables_of(section, results[section])]
    return "\n\n".join(parts)


def _aligned(table: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[nth]) for row in table) for nth in range(len(table[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table
    )


def _markdown(table: Sequence[Sequence[str]]) -> str:
    head, *rows = ["| " + " | ".join(row) + " |" for row in table]
    return "\n".join([head, "|" + "---|" * len(table[0]), *rows])


def document(results: Mapping[str, Any]) -> str:
    """docs/benchmarks-kafka.md: its fixed text, and the tables of what was measured."""
    text = (TEXTS / "benchmarks-kafka.tmpl.md").read_text(encoding="utf-8")
    for section in TITLES:
        tables = tables_of(section, results[section]) if section in results else []
        text = text.replace(f"<<{section}>>", "\n\n".join(map(_markdown, tables)) or "Not measured yet.")
    text = text.replace("<<conditions>>", _conditions(results.get("conditions", {})))
    return text.replace("<<targets>>", _targets(results))


def figures_of(section: str, found: Any) -> list[Figure]:
    """The figures of one section that may have targets."""
    return targets_of(section, found) if section in ("a", "b") else READERS[section](found)


def _targets(results: Mapping[str, Any]) -> str:
    """Everything that had a target, reached or missed."""
    rows = [["section", "what", "figure", "target", ""]]
    for section, title in TITLES.items():
        if section in results:
            rows += [[title, *figure] for figure in figures_of(section, results[section]) if figure.target]
    return _markdown(rows) if len(rows) > 1 else "Nothing was measured yet."


SIZES = {
    "a": ("runs", "route", "partitions"), "b": ("runs", "stages", "partitions"), "feeding": (), "spotter": ("route",),
    "latency": ("rate", "steady_s", "partitions"), "emergencies": ("backlog", "partitions"), "scale": ("runs",),
    "weights": (), "recovery": ("cases", "partitions"),
}  # fmt: skip
"""The sizes that matter to each section."""


def _conditions(found: Mapping[str, Any]) -> str:
    """When each section was measured, and on what."""
    rows = [["section", "date (UTC)", "processor", "load before", "modules", "sizes"]]
    for section in (name for name in TITLES if name in found):
        was, sizes = found[section], SIZES[section]
        rows.append(
            [
                section, was["at"], f"{was['cores']} x {was['processor'] or 'unknown'}, Python {was['python']}",
                f"{was['load']}", "compiled" if was["compiled"] else "plain Python",
                ", ".join(f"{name} {was['sizes'][name]:,}" for name in sizes) or "-",
            ]
        )  # fmt: skip
    return _markdown(rows) if len(rows) > 1 else "Nothing was measured yet."


def sizing(results: Mapping[str, Any]) -> str:
    """docs/sizing.md: its fixed text, and the arithmetic when everything it needs was measured."""
    text = (TEXTS / "sizing.tmpl.md").read_text(encoding="utf-8")
    try:
        found = lines(Demand(), measured_of(results))
    except KeyError as missing:
        return text.replace("<<arithmetic>>", f"Not reckoned yet: {missing} was not measured.")
    return text.replace("<<arithmetic>>", _markdown([["what", "reckoned", "result"], *map(list, found)]))
