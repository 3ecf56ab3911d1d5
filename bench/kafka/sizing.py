"""What a city of 25 million would need: arithmetic from the figures of one run. Pure; docs/sizing.md is its text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any

DAY_S, YEAR_D = 86_400, 365


@dataclass(frozen=True, slots=True)
class Demand:
    """What a city asks. All of it is assumed, to be replaced by a city's own numbers."""

    people: int = 25_000_000
    hotline_a_day: int = 100_000
    """Orders of 12345 and its kin: four a day for a thousand people."""
    grid_a_day: int = 300_000
    """Reports of grid workers and all other channels."""
    peak: float = 8.0
    """The busiest minute to the mean: a storm in the morning."""
    sensors: int = 2_000_000
    """Devices that report a reading a minute: eighty for a thousand people."""
    headroom: float = 2.0
    """Workers are loaded to half, so that one may die at the peak."""
    copies: int = 3

    @property
    def reports_a_day(self) -> int:
        """Reports of all channels."""
        return self.hotline_a_day + self.grid_a_day

    @property
    def peak_reports(self) -> float:
        """Reports a second in the busiest minute."""
        return self.reports_a_day / DAY_S * self.peak

    @property
    def readings(self) -> float:
        """Readings a second, day and night."""
        return self.sensors / 60


@dataclass(frozen=True, slots=True)
class Measured:
    """The figures that the arithmetic stands on, all of one machine and one run."""

    reports_a_worker: float
    readings_a_worker: float
    sink_rows: float
    """Rows a second that a sink writes."""
    bytes_a_report: float
    """On ClickHouse's disk, all tables a report fills."""
    bytes_a_reading: float
    rows_a_report: float
    report_in: float
    """Bytes of a report in Kafka, and of all it brings about."""
    report_out: float
    recovery_s: float
    recovery_cases: int


def workers(rate: float, a_worker: float, headroom: float) -> int:
    """Workers for a rate, never fewer than two: one may be away."""
    return max(2, ceil(rate * headroom / a_worker))


def partitions(count: int) -> int:
    """Partitions for so many workers: twice as many, rounded up to a power of two, so that workers can be added."""
    return 1 << (2 * count - 1).bit_length()


def lines(demand: Demand, found: Measured) -> list[tuple[str, str, str]]:
    """What is needed, how it is reckoned, the result."""
    casework = workers(demand.peak_reports, found.reports_a_worker, demand.headroom)
    detect = workers(demand.readings, found.readings_a_worker, demand.headroom)
    rows = demand.peak_reports * found.rows_a_report + demand.readings
    kafka = demand.reports_a_day * (found.report_in + found.report_out) * demand.copies
    reports_year = demand.reports_a_day * YEAR_D * found.bytes_a_report
    readings_year = demand.readings * DAY_S * YEAR_D * found.bytes_a_reading
    open_cases = demand.reports_a_day * 10
    return [
        ("reports at the peak", f"{demand.reports_a_day:,} a day x {demand.peak:g} / {DAY_S:,} s",
         f"{demand.peak_reports:,.0f}/s"),
        ("workers for reports", f"{demand.peak_reports:,.0f}/s x {demand.headroom:g} / {found.reports_a_worker:,.0f}/s",
         f"{casework}"),
        ("partitions of reports and casework", "2 for each worker, a power of two", f"{partitions(casework)}"),
        ("readings", f"{demand.sensors:,} / 60 s", f"{demand.readings:,.0f}/s"),
        ("workers for readings", f"{demand.readings:,.0f}/s x {demand.headroom:g} / {found.readings_a_worker:,.0f}/s",
         f"{detect}"),
        ("partitions of readings", "2 for each worker, a power of two", f"{partitions(detect)}"),
        ("rows at the peak", f"{demand.peak_reports:,.0f}/s x {found.rows_a_report:.1f} + {demand.readings:,.0f}/s",
         f"{rows:,.0f}/s"),
        ("sinks", f"{rows:,.0f}/s x {demand.headroom:g} / {found.sink_rows:,.0f}/s",
         f"{workers(rows, found.sink_rows, demand.headroom)}"),
        ("Kafka, reports and what they bring about", f"{demand.reports_a_day:,} x "
         f"{found.report_in + found.report_out:,.0f} bytes x {demand.copies} copies", f"{kafka / 1e9:,.1f} GB a day"),
        ("ClickHouse, facts of reports", f"{demand.reports_a_day:,} x {YEAR_D} x {found.bytes_a_report:,.0f} bytes",
         f"{reports_year / 1e9:,.0f} GB a year"),
        ("ClickHouse, readings", f"{demand.readings:,.0f}/s x {DAY_S:,} x {YEAR_D} x {found.bytes_a_reading:.1f} bytes",
         f"{readings_year / 1e12:,.1f} TB a year"),
        ("a worker that comes back", f"{open_cases:,} open cases / {casework} workers x "
         f"{found.recovery_s / max(found.recovery_cases, 1) * 1e6:.0f} us",
         f"{open_cases / casework * found.recovery_s / max(found.recovery_cases, 1):,.0f} s"),
    ]  # fmt: skip


def measured_of(results: Mapping[str, Any]) -> Measured:
    """The figures out of the results of a whole run. Raises ``KeyError`` when a section was not measured."""
    weights, recovery = results["weights"], results["recovery"]
    reports, single = weights["bytes"]["reports"], weights["bytes"]["single"]
    b = {line["name"]: line for line in results["b"]}["Wangge on Faust"]
    run = b["runs"][0]
    return Measured(
        reports_a_worker=b["rate"],
        readings_a_worker=weights["readings"]["rate"],
        sink_rows=weights["sink"]["rate"],
        bytes_a_report=sum(table["bytes"] for table in reports["tables"].values()) / reports["records"],
        bytes_a_reading=single["tables"]["readings"]["bytes"] / single["tables"]["readings"]["rows"],
        rows_a_report=sum(table["rows"] for table in reports["tables"].values()) / reports["records"],
        report_in=run["bytes_in"] / run["records"],
        report_out=run["bytes_out"] / run["records"],
        recovery_s=recovery["seconds"],
        recovery_cases=recovery["cases"],
    )
