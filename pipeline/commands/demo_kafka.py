"""The second half of ``wangge demo --kafka``: the same day through Kafka, and both side by side."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from pipeline.commands.indicators import first_table
from pipeline.commands.run import responder_of
from pipeline.commands.summary import run_summary
from pipeline.runtime.counts import tally
from pipeline.runtime.kafka.conductor import Played
from pipeline.runtime.kafka.rehearsal import Rehearsal, broker, play, sources_of
from pipeline.runtime.local import RunPolicy
from pipeline.runtime.workspace import Workspace
from pipeline.settings import Settings, kafka_settings_from


@dataclass(frozen=True)
class Again:
    """What came out of Kafka."""

    result: dict[str, Any]
    figures: str
    waves: int

    def compared(self, counts: dict[str, Any], figures: str) -> dict[str, Any]:
        """Both results, and whether they are the same."""
        same = {"counts": self.result["counts"] == counts, "indicators": self.figures == figures}
        return {**self.result, "waves": self.waves, "same": all(same.values()), "equal": same}

    def text(self, counts: dict[str, Any], figures: str) -> str:
        """The same as text."""
        equal = self.compared(counts, figures)["equal"]
        said = "\n".join(f"  {name:<12}{'the same' if ok else 'DIFFERENT'}" for name, ok in equal.items())
        return (
            f"\nThrough Kafka, in {self.waves} waves\n\n{run_summary(self.result)}\n\nIndicators by department\n"
            f"{self.figures}\n\nOne process and Kafka\n{said}"
        )


class Bar:
    """Progress of a play on standard error."""

    def __init__(self, total: int) -> None:
        self._bar: Any = tqdm(total=total, unit=" records", desc="Kafka", mininterval=0.5, file=sys.stderr)

    def show(self, played: Played) -> None:
        """Move the bar."""
        self._bar.update(played.records - self._bar.n)
        self._bar.set_postfix_str(f"{played.waves} waves", refresh=False)

    @property
    def seconds(self) -> float:
        """Since it was made."""
        return max(float(self._bar.format_dict["elapsed"]), 0.001)

    def close(self) -> None:
        """Leave it as it is."""
        self._bar.close()


def play_again(
    out: Path, settings: Settings, given: str, workers: int, partitions: int, records: int, *, sink: bool
) -> Again:
    """Play what the store of a demo has taken through Kafka, into a store of its own.

    ``records`` is how many there were in one process, answers included.
    """
    shutil.rmtree(out / "kafka", ignore_errors=True)
    city = out / "city" / "city"
    rehearsal = Rehearsal(out / "kafka", city, workers, partitions, sink)
    with (
        Workspace(out / "store") as taken, Workspace(out / "kafka" / "store") as kept,
        broker(given, out / "stack", _say) as address,
    ):  # fmt: skip
        kafka = replace(kafka_settings_from(), bootstrap=address)
        bar = Bar(records)
        try:
            played = play(
                rehearsal, kafka, settings, sources_of(taken), kept.tables(), responder_of(city), RunPolicy(), _say,
                bar.show,
            )  # fmt: skip
        finally:
            seconds = bar.seconds
            bar.close()
        figures = first_table(kept, settings.reference)
    result = {
        "counts": tally(played.counts), "records": played.records, "seconds": round(seconds, 3),
        "rate": round(played.records / seconds),
    }  # fmt: skip
    return Again(result, figures, played.waves)


def _say(text: str) -> None:
    click.echo(text, err=True)
