"""What every sink must do: keep each fact once by its id however often it comes, and give it back unchanged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import pytest

from connectors.sinks.chdb import ChdbStore
from connectors.sinks.columns import READINGS, TABLES, columns_of
from pipeline.events.facts import FACTS, Fact, Samples
from pipeline.wire import serde
from schemas.catalogue import FOLDER
from tests.sinks.facts import a_fact, samples


class Sink(Protocol):
    """What is asked of a sink here."""

    def write(self, facts: Mapping[type[Fact], Sequence[Fact]], samples: Sequence[Samples] = ()) -> int: ...

    def ids(self, table: str) -> list[str]: ...


class ListSink:
    """Facts as bytes of the wire in a list, the way a topic holds them; the last of an id counts."""

    def __init__(self) -> None:
        self._log: dict[str, list[bytes]] = {}
        self._readings: dict[tuple[str, str, int], float] = {}

    def write(self, facts: Mapping[type[Fact], Sequence[Fact]], samples: Sequence[Samples] = ()) -> int:
        for kind, values in facts.items():
            self._log.setdefault(TABLES[kind], []).extend(map(serde.encode_struct, values))
        for part in samples:
            for time, value in zip(part.times, part.values, strict=True):
                self._readings[part.device_id, part.metric, time] = value
        return sum(map(len, facts.values())) + sum(len(part.times) for part in samples)

    def ids(self, table: str) -> list[str]:
        if table == READINGS:
            return sorted(f"{device}|{metric}|{time}" for device, metric, time in self._readings)
        return sorted({fact_of(data).fact_id for data in self._log.get(table, [])})


def fact_of(data: bytes) -> Fact:
    fact = serde.decode_struct(data)
    assert isinstance(fact, Fact)
    return fact


class Embedded:
    """The embedded store."""

    def __init__(self, folder: Path) -> None:
        self.store = ChdbStore(folder, sorted((FOLDER / "clickhouse").glob("*.sql")))

    def write(self, facts: Mapping[type[Fact], Sequence[Fact]], samples: Sequence[Samples] = ()) -> int:
        return self.store.write(facts, samples)

    def ids(self, table: str) -> list[str]:
        if table == READINGS:
            sql = "SELECT concat(device_id, '|', metric, '|', toString(toUnixTimestamp64Milli(at))) AS id FROM readings"
        else:
            sql = f"SELECT fact_id AS id FROM {table}"
        return sorted(row["id"] for row in self.store.rows(sql))


@pytest.fixture(scope="module", params=["embedded", "list"])
def sink(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sink]:
    if request.param == "list":
        yield ListSink()
        return
    embedded = Embedded(tmp_path_factory.mktemp("store"))
    yield embedded
    embedded.store.close()


@pytest.mark.parametrize("kind", FACTS, ids=[kind.__name__ for kind in FACTS])
def test_a_fact_written_again_is_kept_once(sink: Sink, kind: type[Fact]) -> None:
    facts = [a_fact(kind, "a"), a_fact(kind, "b")]
    assert sink.write({kind: facts}) == 2
    assert sink.write({kind: facts[:1]}) == 1
    assert sink.write({kind: []}) == 0
    assert sink.ids(TABLES[kind]) == ["a", "b"]


def test_a_sample_written_again_is_kept_once(sink: Sink) -> None:
    assert sink.write({}, [samples("d1", [1_000, 2_000]), samples("d2", [1_000])]) == 3
    assert sink.write({}, [samples("d1", [2_000, 3_000])]) == 2
    expected = ["d1|noise|1000", "d1|noise|2000", "d1|noise|3000", "d2|noise|1000"]
    assert [name for name in sink.ids(READINGS) if name.startswith("d")] == expected


def test_many_kinds_in_one_call_are_kept_together(sink: Sink) -> None:
    facts: dict[type[Fact], list[Fact]] = {kind: [a_fact(kind, "together")] for kind in FACTS}
    assert sink.write(facts, [samples("x9", [5])]) == len(FACTS) + 1
    assert all("together" in sink.ids(TABLES[kind]) for kind in FACTS)


def test_every_kind_of_fact_has_a_table_and_its_columns() -> None:
    assert set(TABLES) == set(FACTS)
    for kind in FACTS:
        names: list[Any] = [column.name for column in columns_of(kind)]
        assert [name for name in kind.__struct_fields__ if name not in names] in ([], ["raw"])
