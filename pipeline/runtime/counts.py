"""The counts that reconcile: every record received is filed, linked, logged or quarantined, exactly once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pipeline.errors import Reason
from pipeline.events.base import Fate, Filed, Linked, Logged
from pipeline.events.facts import OutcomesCounted
from pipeline.stage import Settlement

OUTCOMES: Mapping[str, tuple[str, ...]] = {
    Fate.FILED: tuple(Filed),
    Fate.LINKED: tuple(Linked),
    Fate.LOGGED: tuple(Logged),
    Fate.QUARANTINED: tuple(Reason),
}
"""The closed outcomes of each fate."""
DERIVED = "derived"
SAMPLES = "samples"


class Counts:
    """Records by channel, fate and outcome. Reports that the pipeline derives itself (alarms) are counted apart."""

    def __init__(self, start: Mapping[str, int] | None = None) -> None:
        self.totals: dict[str, int] = dict(start or {})
        self._since: dict[Settlement, int] = {}

    def add(self, settled: Iterable[Settlement]) -> None:
        """Count what was settled. Readings share one settlement, so a row of the same object is counted at once."""
        since, times = self._since, 0
        last: Settlement | None = None
        for one in settled:
            if one is last:
                times += 1
                continue
            if last is not None:
                since[last] = since.get(last, 0) + times
            last, times = one, 1
        if last is not None:
            since[last] = since.get(last, 0) + times

    def pending(self) -> dict[str, int]:
        """The counts since the last commit, under the keys of ``totals``."""
        named: dict[str, int] = {}
        for one, times in self._since.items():
            way = f"{one.channel}|{one.fate}|{one.outcome}|"
            key = f"{way}{DERIVED if one.derived else ''}"
            named[key] = named.get(key, 0) + times
            if one.samples:
                named[way + SAMPLES] = named.get(way + SAMPLES, 0) + one.samples * times
        return named

    def commit(self, number: int, at: int, recorded: int) -> list[OutcomesCounted]:
        """Close the counts since the last commit: they join the totals and become facts."""
        facts: list[OutcomesCounted] = []
        since = self.pending()
        for key in sorted(since):
            self.totals[key] = self.totals.get(key, 0) + since[key]
            channel, fate, outcome, kind = key.split("|")
            if kind != SAMPLES:
                samples = since.get(f"{channel}|{fate}|{outcome}|{SAMPLES}", 0)
                facts.append(
                    OutcomesCounted(
                        fact_id=f"{number:09d}:{key}", at=at, recorded=recorded, channel=channel, fate=fate,
                        outcome=outcome, records=since[key], samples=samples, derived=kind == DERIVED,
                    )
                )  # fmt: skip
        self._since = {}
        return facts


def add_outcome(
    totals: dict[str, int], way: tuple[str, str, str], *, records: int, samples: int, derived: bool
) -> None:
    """Add one row of outcomes to totals as :class:`Counts` keeps them; ``way`` is channel, fate and outcome."""
    head = "|".join(way) + "|"
    key = head + (DERIVED if derived else "")
    totals[key] = totals.get(key, 0) + records
    if samples:
        totals[head + SAMPLES] = totals.get(head + SAMPLES, 0) + samples


def tally(totals: Mapping[str, int]) -> dict[str, Any]:
    """``received filed linked logged quarantined`` with every closed outcome, channels, samples and derived reports."""
    received: dict[str, int] = {}
    derived: dict[str, int] = {}
    fates: dict[str, dict[str, int]] = {fate: dict.fromkeys(outcomes, 0) for fate, outcomes in OUTCOMES.items()}
    apart: dict[str, dict[str, int]] = {fate: {} for fate in OUTCOMES}
    samples = 0
    for key, number in totals.items():
        channel, fate, outcome, kind = key.split("|")
        if kind == SAMPLES:
            samples += number
        elif kind == DERIVED:
            derived[channel] = derived.get(channel, 0) + number
            apart[fate][outcome] = apart[fate].get(outcome, 0) + number
        else:
            received[channel] = received.get(channel, 0) + number
            fates[fate][outcome] = fates[fate].get(outcome, 0) + number
    return {
        "received": {"total": sum(received.values()), "channels": dict(sorted(received.items()))},
        **{str(fate): {"total": sum(split.values()), "outcomes": split} for fate, split in fates.items()},
        "derived": {
            "total": sum(derived.values()),
            "channels": dict(sorted(derived.items())),
            "fates": {str(fate): split for fate, split in apart.items() if split},
        },
        "samples": samples,
    }


def reconciles(counts: Mapping[str, Any]) -> bool:
    """Whether the fates add up to what was received."""
    return bool(counts["received"]["total"] == sum(counts[fate]["total"] for fate in OUTCOMES))
