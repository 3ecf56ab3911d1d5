"""The result of a run as text: received per channel, what became of it, adding up exactly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.runtime.counts import OUTCOMES, reconciles


def run_summary(result: Mapping[str, Any]) -> str:
    """The counts of a run and where to look next."""
    counts = result["counts"]
    lines = [f"{result['records']:,} records in {result['seconds']:.1f} s ({result['rate']:,}/s)", ""]
    lines += ["Received", *_split(counts["received"]["channels"])]
    lines += [f"  {'total':<24}{counts['received']['total']:>12,}", ""]
    for fate in OUTCOMES:
        part = counts[fate]
        lines += [f"{fate.capitalize():<26}{part['total']:>12,}", *_split(part["outcomes"])]
    total = sum(counts[fate]["total"] for fate in OUTCOMES)
    verdict = "adds up" if reconciles(counts) else "DOES NOT ADD UP"
    lines += ["", f"{'filed+linked+logged+quarantined':<33}{total:>5,} of {counts['received']['total']:,}: {verdict}"]
    if counts["derived"]["total"]:
        lines += ["", "Alarms (reports made by the pipeline)", *_split(counts["derived"]["channels"])]
        lines += [f"  {fate:<24}{sum(split.values()):>12,}" for fate, split in counts["derived"]["fates"].items()]
    if counts["samples"]:
        lines += ["", f"{'Samples':<26}{counts['samples']:>12,}"]
    return "\n".join(lines)


def _split(parts: Mapping[str, int]) -> list[str]:
    return [f"  {name:<24}{number:>12,}" for name, number in parts.items() if number]
