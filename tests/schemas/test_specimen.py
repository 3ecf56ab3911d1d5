"""Records as a source would write them, made up from its mapping file: the mapping reads them as they were meant."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.mapping import Mapping
from schemas.specimen import specimen

AT = 1772410501250  # 2026-03-02 08:15:01.250 in Shanghai
WORDS = {"source_ref": "no-1", "source_system": "us", "channel": "ours", "title": "t", "text": "w"}
SHANGHAI = "Asia/Shanghai"


def parsed(**fields: Any) -> Mapping:
    """A mapping of reports with some fields changed."""
    usual: dict[str, Any] = {
        "source_system": {"value": "app"}, "source_ref": "id", "channel": {"value": "app"},
        "received_at": {"from": "t", "format": "epoch_ms"},
    }  # fmt: skip
    return Mapping.parse("test", {"name": "test", "schema": "Report", "fields": usual | fields})


@pytest.mark.parametrize(
    ("zone", "written", "text", "read"),
    [
        pytest.param(None, "epoch_ms", AT, AT, id="milliseconds"),
        pytest.param(None, "epoch_s", AT / 1000, AT, id="seconds"),
        pytest.param(None, "iso", "2026-03-02T00:15:01.250+00:00", AT, id="with the zone of UTC"),
        pytest.param(SHANGHAI, "iso", "2026-03-02T08:15:01.250+08:00", AT, id="with its own zone"),
        pytest.param(SHANGHAI, "%Y%m%d%H%M%S", "20260302081501", AT - 250, id="to the second"),
        pytest.param(
            SHANGHAI, ["%Y年%m月%d日", "iso"], "2026年03月02日", AT - 29_701_250, id="a day, the first of two"
        ),
    ],
)
def test_a_time_is_written_as_the_mapping_reads_it(zone: str | None, written: Any, text: Any, read: int) -> None:
    mapping = parsed(received_at={"from": "at", "format": written} | ({"zone": zone} if zone else {}))
    record = specimen(mapping, WORDS, AT)
    assert record == {"id": "no-1", "at": text}
    assert mapping.apply(record)[1]["received_at"] == read


def test_a_time_that_two_fields_read_is_written_as_both_understand_it() -> None:
    mapping = parsed(
        received_at={"from": "t", "zone": SHANGHAI, "format": ["%Y/%m/%d", "iso"]}, sent_at={"from": "t"},
    )  # fmt: skip
    _, body = mapping.apply(specimen(mapping, WORDS, AT))
    assert (body["received_at"], body["sent_at"]) == (AT, AT)


def test_every_place_that_a_field_may_come_from_is_filled() -> None:
    mapping = parsed(source_ref={"from": ["a.no", "b"], "join": "/"}, text="lines.0.words")
    record = specimen(mapping, WORDS, AT)
    assert record == {"a": {"no": "no-1"}, "b": "no-1", "t": AT, "lines": {"0": {"words": "w"}}}
    _, body = mapping.apply(record)
    assert (body["source_ref"], body["text"]) == ("no-1", "w")


def test_what_the_mapping_says_by_itself_is_left_to_it_but_never_the_identity() -> None:
    mapping = parsed(channel={"from": "way", "default": "app"}, source_ref={"from": "id", "default": "none"})
    _, body = mapping.apply(specimen(mapping, WORDS, AT))
    assert (body["channel"], body["source_ref"]) == ("app", "no-1")


def test_only_what_is_given_is_said() -> None:
    fields = {"reporter_phone": "phone", "lon": "x", "address": "where", "related_refs": "again", "urgent": "hurry"}
    assert specimen(parsed(**fields), WORDS, AT) == {"id": "no-1", "t": AT}


@pytest.mark.parametrize("order", [("title", "text"), ("text", "title")])
def test_a_place_that_is_read_as_a_whole_and_in_part_keeps_what_came_first(order: tuple[str, str]) -> None:
    paths = dict(zip(order, ("what", "what.words"), strict=True))
    record = specimen(parsed(**paths), WORDS, AT)
    assert record["what"] == WORDS[order[0]]


def test_what_a_record_cannot_do_without_stands_where_another_field_would() -> None:
    mapping = parsed(title="id")
    assert list(mapping.specs) != sorted(mapping.specs), "the order of the file is another"
    first = Mapping.parse("t", {"name": "t", "schema": "Report", "fields": {"title": "id"} | mapping.specs})
    assert specimen(first, WORDS, AT)["id"] == "no-1"
