"""The second half of ``wangge demo --kafka``: the same day through Kafka, and both side by side."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from pipeline.commands.demo_sink import Written, written
from pipeline.commands.indicators import first_table
from pipeline.commands.run import responder_of
from pipeline.commands.summary import run_summary
from pipeline.runtime.counts import tally
from pipeline.runtime.kafka.conductor import Played
from pipeline.runtime.kafka.rehearsal import Rehearsal, broker, own_prefix, play, sources_of
from pipeline.runtime.local import RunPolicy
from pipeline.runtime.workspace import Workspace
from pipeline.settings import ClickHouseSettings, KafkaSettings, Settings, kafka_settings_from

DIFFERENT = 1
"""Exit code when Kafka and one process do not come to the same."""


@dataclass(frozen=True)
class Again:
    """What came out of Kafka."""

    result: dict[str, Any]
    figures: str
    waves: int
    written: Written | None = None
    """The sink's tables, where counts and figures are from them."""

    def compared(self, counts: dict[str, Any], figures: str) -> dict[str, Any]:
        """Both results, and whether they are the same."""
        same = {"counts": self.result["counts"] == counts, "indicators": self.figures == figures}
        told = {**self.result, "waves": self.waves}
        if self.written is not None:
            same["verify"] = self.written.whole
            told |= {"clickhouse": self.written.place(), "verify": self.written.document()}
        return {**told, "same": all(same.values()), "equal": same}

    def text(self, counts: dict[str, Any], figures: str) -> str:
        """The same as text."""
        equal = self.compared(counts, figures)["equal"]
        said = "\n".join(
            f"  {name:<12}{'the same' if equal[name] else 'DIFFERENT'}" for name in ("counts", "indicators")
        )
        source, audit = "", ""
        if self.written is not None:
            source = f"\nCounts and indicators from the tables that the sink wrote: {self.written.where}"
            audit = f"\n\nKafka and ClickHouse\n{self.written.text()}"
        return (
            f"\nThrough Kafka, in {self.waves} waves{source}\n\n{run_summary(self.result)}\n\n"
            f"Indicators by department\n{self.figures}\n\nOne process and Kafka\n{said}{audit}"
        )


def end_when_different(told: dict[str, Any]) -> None:
    """End the process with :data:`DIFFERENT` and a message unless all that was compared is the same."""
    if told["same"]:
        return
    wrong = ", ".join(name for name, ok in told["equal"].items() if not ok)
    click.echo(f"the day through Kafka is not the day in one process: {wrong} (see above)", err=True)
    sys.exit(DIFFERENT)


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
    out: Path, settings: Settings, given: str, workers: int, partitions: int, records: int,
    clickhouse: ClickHouseSettings | None,
) -> Again:  # fmt: skip
    """Play what the store of a demo has taken through Kafka, into a ClickHouse or into a store of its own.

    ``records`` is how many there were in one process, answers included.
    """
    shutil.rmtree(out / "kafka", ignore_errors=True)
    city = out / "city" / "city"
    rehearsal = Rehearsal(out / "kafka", city, workers, partitions, clickhouse)
    with (
        Workspace(out / "store") as taken, Workspace(out / "kafka" / "store") as kept,
        broker(given, out / "stack", _say) as address,
    ):  # fmt: skip
        kafka = own_prefix(replace(kafka_settings_from(), bootstrap=address))
        store = kept.tables() if clickhouse is None else None
        bar = Bar(records)
        try:
            played = play(
                rehearsal, kafka, settings, sources_of(taken), store, responder_of(city), RunPolicy(), _say, bar.show
            )
        finally:
            seconds = bar.seconds
            bar.close()
        result = {"records": played.records, "seconds": round(seconds, 3), "rate": round(played.records / seconds)}
        if clickhouse is not None:
            return from_sink(kafka, clickhouse, settings, result, played.waves)
        counts, figures = tally(played.counts), first_table(kept.tables(), settings.reference)
    return Again({"counts": counts, **result}, figures, played.waves)


def from_sink(
    kafka: KafkaSettings, clickhouse: ClickHouseSettings, settings: Settings, result: dict[str, Any], waves: int
) -> Again:
    """What came out, by the tables that the sink wrote."""
    _say("reading the sink's tables and comparing them with Kafka")
    found = written(kafka, clickhouse, settings.reference)
    return Again({"counts": found.counts, **result}, found.figures, waves, found)


def _say(text: str) -> None:
    click.echo(text, err=True)
