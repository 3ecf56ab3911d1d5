"""Files on their way to Kafka: what is sent, what is refused, and how a run that was cut short goes on."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from connectors.kafka.contract import Outgoing
from connectors.sources.files import FileSource, discover
from pipeline.errors import ConfigFaults, NeighbourAway
from pipeline.runtime.publishing import STEP, Publishing, PublishRequest
from pipeline.runtime.screening import screen_of
from pipeline.settings import settings_from
from tests.small_city import city

AT = 1_773_620_100_000
SCREEN = screen_of(city(), settings_from({}))


class Kafka:
    """Takes records; breaks after ``lasts`` of them. What was not flushed may be there or not, like the real one."""

    def __init__(self, lasts: int = 1 << 30) -> None:
        self.sent: list[Outgoing] = []
        self.flushed, self._lasts = 0, lasts

    def post(self, record: Outgoing) -> None:
        if len(self.sent) >= self._lasts:
            message = "away"
            raise NeighbourAway(message)
        self.sent.append(record)

    def flush(self) -> None:
        self.flushed = len(self.sent)


def write(path: Path, *records: Any) -> list[FileSource]:
    lines = [record if isinstance(record, str) else json.dumps(record) for record in records]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return discover([path], AT, "HotlineOrder")


def order(number: int, **fields: Any) -> dict[str, Any]:
    usual = {"source_system": "hotline-12345", "source_ref": f"RX-{number}", "received_at": AT, "text": "井盖破损"}
    return usual | fields


def publishing(kafka: Kafka, **request: Any) -> Publishing:
    return Publishing(kafka, SCREEN, PublishRequest(**request), clock=lambda: AT / 1000 + 60)


def test_every_record_is_sent_or_refused_with_its_place_and_remedy(tmp_path: Path) -> None:
    kafka = Kafka()
    sources = write(
        tmp_path / "orders.jsonl", order(1), "{broken", order(2, source_ref=""), order(3, lon=500.0, lat=31.2),
        order(4, received_at=AT + 10_000_000), order(5, urgent=True),
    )  # fmt: skip
    result = publishing(kafka).run(sources)
    assert result.published == Counter({"reports.hotline": 1, "reports.urgent": 1})
    assert [(one.record, one.reason) for one in result.told] == [
        (2, "undecodable"), (3, "missing_field"), (4, "impossible_coordinates"), (5, "future_time"),
    ]  # fmt: skip
    assert all(one.file == "orders.jsonl" and one.field and one.remedy for one in result.told)
    assert kafka.flushed == len(kafka.sent) == 2


def test_a_run_that_was_cut_short_goes_on_without_a_gap_and_counts_each_record_once(tmp_path: Path) -> None:
    total, state = 2 * STEP + 10, tmp_path / "state"
    records = [order(n) if n % 500 else "{broken" for n in range(total)]
    first = Kafka(lasts=STEP + 200)
    with pytest.raises(NeighbourAway):
        publishing(first, resume=state).run(write(tmp_path / "orders.jsonl", *records))
    second = Kafka()
    result = publishing(second, resume=state).run(discover([tmp_path / "orders.jsonl"], AT, "HotlineOrder"))
    kept = {record.key for record in first.sent[: first.flushed]}
    again = {record.key for record in second.sent}
    assert len(kept | again) == total - 5
    assert not kept & again
    assert (result.published.total(), result.refused.total()) == (total - 5, 5)
    third = publishing(Kafka(), resume=state).run(discover([tmp_path / "orders.jsonl"], AT, "HotlineOrder"))
    assert third.published == result.published


def test_a_resume_file_is_of_its_inputs_and_of_no_others(tmp_path: Path) -> None:
    state, path = tmp_path / "state", tmp_path / "orders.jsonl"
    publishing(Kafka(), resume=state).run(write(path, order(1)))
    with pytest.raises(ConfigFaults, match="another file"):
        publishing(Kafka(), resume=state).run(write(path, order(1), order(2)))
    with pytest.raises(ConfigFaults, match="cannot be read again"):
        publishing(Kafka(), resume=state).run(discover([Path("-")], AT, "HotlineOrder"))
    state.write_text("nonsense", encoding="utf-8")
    with pytest.raises(ConfigFaults, match="resume file"):
        publishing(Kafka(), resume=state)


def test_only_the_first_refusals_are_kept_and_all_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.runtime.publishing.TOLD", 3)
    result = publishing(Kafka()).run(write(tmp_path / "orders.jsonl", *["{"] * 10))
    assert (result.refused.total(), len(result.told)) == (10, 3)
