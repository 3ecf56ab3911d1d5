"""Where a record that was put off goes, and when: pure."""

from __future__ import annotations

import pytest

from connectors.librdkafka.following import Read
from pipeline.errors import InvalidRecord
from pipeline.runtime.kafka.retries import ATTEMPT, DELAYS, MINUTE_MS, ORIGIN, attempt_of, due_at, put_off, sent_back

NOW = 1_800_000_000_000


def a_record(*headers: tuple[str, bytes], offset: int = 9, value: bytes = b"value") -> Read:
    return Read("retry.1m", 0, offset, b"key", value, NOW, headers)


def counts(topic: str) -> int:
    return {"reports.hotline": 8, "actions.water": 8}.get(topic, 0)


@pytest.mark.parametrize(
    ("written_at", "seen_at", "waits"),
    [
        pytest.param(NOW, NOW, MINUTE_MS, id="seen at once"),
        pytest.param(NOW - 59_999, NOW, 1, id="nearly over"),
        pytest.param(NOW - MINUTE_MS, NOW, 0, id="over"),
        pytest.param(NOW + 86_400_000, NOW, MINUTE_MS, id="a clock that runs ahead a day"),
    ],
)
def test_a_record_waits_its_delay_from_when_it_was_put_off(written_at: int, seen_at: int, waits: int) -> None:
    assert due_at("retry.1m", written_at, seen_at) - NOW == waits
    assert list(DELAYS.values()) == [MINUTE_MS, 5 * MINUTE_MS, 30 * MINUTE_MS]


def test_it_goes_back_to_its_topic_and_partition_as_it_was() -> None:
    headers = ((ORIGIN, b"reports.hotline/5/17"), (ATTEMPT, b"2"))
    back = sent_back(a_record(*headers), counts)
    assert (back.topic, back.partition, back.key, back.value) == ("reports.hotline", 5, b"key", b"value")
    assert back.headers == headers


def test_a_partition_that_is_no_more_leaves_it_to_the_key() -> None:
    assert sent_back(a_record((ORIGIN, b"reports.hotline/8/1")), counts).partition == -1


@pytest.mark.parametrize(
    "origin",
    [
        pytest.param(b"", id="none"),
        pytest.param(b"reports.hotline", id="no partition"),
        pytest.param(b"reports.hotline/x/1", id="no number"),
        pytest.param("reports.hotline/\u00b2/1".encode(), id="a digit that is no number"),
        pytest.param(b"reports.hotline/1/" + b"9" * 5000, id="a number without end"),
        pytest.param(b"changelog.casework/0/1", id="a state"),
        pytest.param(b"facts.cases/0/1", id="a fact"),
        pytest.param(b"retry.1m/0/1", id="a retry"),
        pytest.param(b"quarantine/0/1", id="quarantine"),
        pytest.param(b"actions./0/1", id="actions of nobody"),
        pytest.param(b"actions.dissolved/0/1", id="a topic that is gone"),
        pytest.param(b"\xff/0/1", id="bytes"),
    ],
)
def test_what_names_no_place_to_go_is_refused(origin: bytes) -> None:
    with pytest.raises(InvalidRecord, match=ORIGIN):
        sent_back(a_record((ORIGIN, origin)), counts)


@pytest.mark.parametrize(
    ("origin", "kept"),
    [
        pytest.param(b"reports.hotline/3/5", b"reports.hotline/3/5", id="ours stays: where it stood first"),
        pytest.param(b"casework.notices/3/5", b"reports.hotline/3/9", id="another topic"),
        pytest.param(b"reports.hotline/4/5", b"reports.hotline/4/5", id="another partition of its topic"),
        pytest.param(b"", b"reports.hotline/3/9", id="none"),
    ],
)
def test_a_sender_cannot_have_its_record_carried_elsewhere(origin: bytes, kept: bytes) -> None:
    later = put_off(a_record((ORIGIN, origin)), "reports.hotline", 3, 1)
    assert dict(later.headers)[ORIGIN] == kept


@pytest.mark.parametrize(
    ("size", "more", "back"),
    [
        pytest.param(1_048_300, b"", True, id="just fits with the headers we give"),
        pytest.param(1_048_300, b"x" * 200, False, id="a header too many"),
        pytest.param(1_048_580, b"", False, id="fits without headers"),
        pytest.param(2_000_000, b"", False, id="fits on the topic it waits on"),
    ],
)
def test_what_its_topic_cannot_take_back_is_refused(size: int, more: bytes, back: bool) -> None:
    headers = ((ORIGIN, b"reports.hotline/3/9"), (ATTEMPT, b"1"), ("more", more))
    record = a_record(*headers, value=b"x" * size)
    if back:
        assert sent_back(record, counts).headers == headers
    else:
        with pytest.raises(InvalidRecord, match=r"oversize: record = .* reports.hotline takes"):
            sent_back(record, counts)


@pytest.mark.parametrize("said", [b"", b"x", b"-1", b"9" * 5000, b"12", "²".encode()])
def test_an_attempt_that_no_retry_wrote_counts_as_none(said: bytes) -> None:
    assert attempt_of([(ATTEMPT, said)]) == 0
