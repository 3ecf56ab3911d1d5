"""Codecs written out as a module to be compiled: the same functions as those made at run time, found by their lines."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import msgspec
import pytest

from pipeline.wire import ready
from pipeline.wire.avrocode import compile_reader
from pipeline.wire.avrowrite import Writer, compile_writer
from pipeline.wire.serde import HEAD, STRUCTS, encode_struct, struct_reader
from schemas.catalogue import FOLDER, catalogue, newest
from schemas.mapping import body_from_text


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> list[ready.Codec]:
    found: list[ready.Codec] = []
    monkeypatch.setattr(ready, "recorded", found)
    return found


def bodies(name: str) -> Iterator[Any]:
    for path in sorted((FOLDER / "examples" / name).glob("good-*.json")):
        yield body_from_text(name, json.loads(path.read_text("utf-8")))


def written_out(codecs: list[ready.Codec]) -> ModuleType:
    module = ModuleType(ready.MODULE)
    exec(compile(ready.module_text(codecs), ready.MODULE, "exec", dont_inherit=True), module.__dict__)
    return module


def written(write: Writer, value: Any) -> bytes:
    pieces: list[bytes] = []
    write(pieces, value)
    return b"".join(pieces)


def values(name: str) -> list[Any]:
    paths = sorted((FOLDER / "examples" / name).glob("good-*.json"))
    return [msgspec.json.decode(path.read_bytes(), type=STRUCTS[name]) for path in paths]


@pytest.mark.parametrize("name", [name for name in catalogue() if newest(name).group == "records"])
def test_a_codec_that_is_written_out_does_what_the_one_made_at_run_time_does(
    name: str, recorded: list[ready.Codec]
) -> None:
    read, write = compile_reader(newest(name).plain), compile_writer(newest(name).plain)
    module = written_out(recorded)
    read_again, write_again = (getattr(module, codec.key) for codec in recorded)
    for body in bodies(name):
        one, other = written(write, body), written(write_again, body)
        assert one == other
        assert read(one, 0) == read_again(one, 0) == (body, len(one))


@pytest.mark.parametrize("name", ready.TOLD)
def test_what_is_told_is_written_alike_by_a_codec_that_is_written_out(name: str, recorded: list[ready.Codec]) -> None:
    write = compile_writer(newest(name).plain, attributes=True)
    (write_again,) = (getattr(written_out(recorded), codec.key) for codec in recorded)
    for value in values(name):
        one = written(write, value)
        assert one == written(write_again, value)
        assert len(one) > 0


@pytest.mark.parametrize("name", [*ready.BETWEEN, *ready.STORED])
def test_what_stages_tell_each_other_or_the_sink_is_read_alike_by_a_codec_that_is_written_out(
    name: str, recorded: list[ready.Codec]
) -> None:
    struct_reader.cache_clear()
    read = struct_reader(name)
    (read_again,) = (getattr(written_out(recorded), codec.key) for codec in recorded)
    for value in values(name):
        data = encode_struct(value)[HEAD:]
        assert read(data, 0) == read_again(data, 0) == (value, len(data))


def test_a_codec_is_found_by_its_lines_and_values_alone(
    recorded: list[ready.Codec], monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = {"type": "enum", "name": "Colour", "symbols": ["red", "green"]}
    compile_reader(kind)
    monkeypatch.setitem(sys.modules, ready.MODULE, written_out(recorded))
    ready._compiled.cache_clear()
    try:
        assert compile_reader(kind).__name__ == recorded[0].key
        assert compile_reader({**kind, "symbols": ["green", "red"]})(b"\x00", 0) == ("green", 1)
    finally:
        ready._compiled.cache_clear()


def test_what_is_compiled_are_the_records_that_come_in_by_the_million() -> None:
    assert set(ready.HOT) == {"GridWorkerReport", "HotlineOrder", "Report", "SensorReadings"}
