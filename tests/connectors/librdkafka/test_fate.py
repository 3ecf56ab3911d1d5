"""What becomes of a transaction whose producer is at its end: nobody does its work again without asking Kafka."""

from __future__ import annotations

from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from connectors.librdkafka import transactions
from connectors.librdkafka.transactions import Superseded, TakenOver, Transactions
from pipeline.errors import AGAIN, STOPPED, FateUnknown, NeighbourAway, Refused


def error(code: int, *, fatal: bool = False) -> KafkaError:
    return KafkaError(code, "told", fatal)


LOST = error(KafkaError.INVALID_TXN_STATE, fatal=True)
AWAY = error(KafkaError._TRANSPORT)


class Broken:
    """A producer whose commit fails, and then perhaps its taking back."""

    def __init__(self, commit: KafkaError, abort: KafkaError | None) -> None:
        self._commit, self._abort = commit, abort

    def init_transactions(self, seconds: float) -> None:
        """Nothing."""

    def begin_transaction(self) -> None:
        """Nothing."""

    def produce(self, *record: object) -> None:
        """Nothing: nothing is written here."""

    def poll(self, seconds: float) -> int:
        return 0

    def flush(self, seconds: float) -> int:
        return 0

    def commit_transaction(self, seconds: float) -> None:
        raise KafkaException(self._commit)

    def abort_transaction(self, seconds: float) -> None:
        if self._abort is not None:
            raise KafkaException(self._abort)


@pytest.mark.parametrize(
    ("commit", "abort", "raised", "code"),
    [
        pytest.param(AWAY, None, NeighbourAway, None, id="taken back: it had no effect"),
        pytest.param(AWAY, AWAY, NeighbourAway, None, id="the next producer takes it back"),
        pytest.param(AWAY, LOST, FateUnknown, AGAIN, id="committed after all, or not: it cannot be taken back"),
        pytest.param(LOST, None, FateUnknown, AGAIN, id="the commit itself ends the producer"),
        pytest.param(error(KafkaError._FENCED, fatal=True), None, TakenOver, STOPPED, id="another process"),
        pytest.param(error(KafkaError.ILLEGAL_GENERATION), None, Superseded, None, id="the group moved on"),
        pytest.param(
            error(KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, fatal=True), None, Refused, None, id="no right"
        ),
    ],
)
def test_what_a_failed_commit_means(
    monkeypatch: pytest.MonkeyPatch, commit: KafkaError, abort: KafkaError | None, raised: type[Exception],
    code: int | None,
) -> None:  # fmt: skip
    def make(_: dict[str, Any]) -> Broken:
        return Broken(commit, abort)

    monkeypatch.setattr(transactions, "Producer", make)
    with pytest.raises(raised) as found:
        Transactions({"bootstrap.servers": "127.0.0.1:9"}, "me").commit([], {})
    assert found.type is raised
    assert getattr(found.value, "code", None) == code
