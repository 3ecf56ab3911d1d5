"""The memory of last ids in a commit's metadata, and the file that has each record once."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from connectors.kafka.inbox import REMEMBERED, Remembered, group_of
from connectors.kafka.kept import KeptFile
from pipeline.events.facts import CaseMerged

METADATA_LIMIT = 4096


def fact(number: int) -> CaseMerged:
    return CaseMerged(fact_id=f"f{number}", at=0, recorded=0, case_id="c", tile="t", into="i", distance_m=0.0, gap_ms=0)


def test_ids_are_known_again_from_the_metadata_and_the_oldest_go_first() -> None:
    memory = Remembered()
    for number in range(REMEMBERED + 5):
        memory.add(f"id-{number}")
    again = Remembered(memory.metadata)
    assert len(memory.metadata) <= METADATA_LIMIT
    assert [f"id-{number}" in again for number in (4, 5, REMEMBERED + 4)] == [False, True, True]
    assert again.metadata == memory.metadata


@pytest.mark.parametrize("metadata", ["", "not base64!", "YQ", '{"end": 5}'])
def test_metadata_of_somebody_else_is_no_memory(metadata: str) -> None:
    assert "anything" not in Remembered(metadata)


def test_a_group_is_named_as_the_access_lists_name_it() -> None:
    assert group_of("department", "water") == "department.water"
    assert group_of("department", "water", "board") == "department.water.board"
    assert group_of("source", "水务局") == "source.x-c50c755d"


def test_a_kept_file_has_each_record_once_over_restarts(tmp_path: Path) -> None:
    path = tmp_path / "kept.jsonl"
    for numbers, written in (((1, 2), [True, True]), ((2, 3), [False, True])):
        with closing(KeptFile(path)) as kept:
            assert [kept.add(fact(number)) for number in numbers] == written
    assert [msgspec.json.decode(line)["fact_id"] for line in path.read_bytes().splitlines()] == ["f1", "f2", "f3"]


def test_a_line_that_a_crash_cut_short_is_taken_off_and_comes_again(tmp_path: Path) -> None:
    path = tmp_path / "kept.jsonl"
    with closing(KeptFile(path)) as kept:
        kept.add(fact(1))
        kept.add(fact(2))
    path.write_bytes(path.read_bytes()[:-10])
    with closing(KeptFile(path)) as kept:
        assert [kept.add(fact(number)) for number in (1, 2)] == [False, True]
    assert len(path.read_bytes().splitlines()) == 2
