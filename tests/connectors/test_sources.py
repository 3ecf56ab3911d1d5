"""One contract for all sources: the same five records in any format are the same five records."""

import csv
import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sources.encoding import GB18030, UTF8, is_utf8, majority
from connectors.sources.files import FileSource, discover
from connectors.sources.lines import MAX_LINE, lines
from pipeline.errors import ConfigFaults, Reason
from pipeline.events.records import Arrival, Origin
from pipeline.wire.serde import write_container

APPENDED = 1_780_000_000_000
RECORDS: list[dict[str, Any]] = [
    {
        "source_system": "hotline",
        "source_ref": f"R-{number}",
        "received_at": 1_772_500_000_000 + number,
        "lon": 121.5 + number / 1000,
        "address": f"示例路{number}号",
        "text": "井盖，“松动”\t有响声",
        "appeal_type": "complaint",
        "urgent": number == 3,
    }
    for number in range(5)
]
Build = Callable[[list[dict[str, Any]], bytes | None], bytes]
"""Makes a file of records; ``bad`` stands between the second and the third."""


def with_bad(lines: list[bytes], bad: bytes | None, at: int) -> list[bytes]:
    return lines if bad is None else [*lines[:at], bad, *lines[at:]]


def json_lines(encoding: str = "utf-8", end: bytes = b"\n", mark: bytes = b"", *, nested: bool = False) -> Build:
    def build(records: list[dict[str, Any]], bad: bytes | None) -> bytes:
        shown = [{"schema": "HotlineOrder", **({"body": record} if nested else record)} for record in records]
        lines = [json.dumps(one, ensure_ascii=False).encode(encoding) for one in shown]
        return mark + end.join([*with_bad(lines, bad, 2), b""])

    return build


def table(encoding: str = "utf-8", end: bytes = b"\n", delimiter: str = ",", mark: bytes = b"") -> Build:
    def build(records: list[dict[str, Any]], bad: bytes | None) -> bytes:
        text = io.StringIO()
        writer = csv.DictWriter(text, list(RECORDS[0]), delimiter=delimiter, lineterminator="\n")
        writer.writeheader()
        writer.writerows(records)
        return mark + end.join([*with_bad(text.getvalue().encode(encoding).splitlines(), bad, 3), b""])

    return build


def container(records: list[dict[str, Any]], bad: bytes | None) -> bytes:
    stream = io.BytesIO()
    write_container(stream, "HotlineOrder", records)
    return stream.getvalue()


def packed(build: Build) -> Build:
    return lambda records, bad: gzip.compress(build(records, bad))


def cut_end(build: Build) -> Build:
    return lambda records, bad: build(records, bad).removesuffix(b"\n")


BOM = b"\xef\xbb\xbf"
TEXTS = {
    "json lines": ("HotlineOrder.jsonl", json_lines()),
    "json lines, nested": ("a.jsonl", json_lines(nested=True)),
    "json lines with BOM": ("a.jsonl", json_lines(mark=BOM)),
    "json lines CRLF": ("a.jsonl", json_lines(end=b"\r\n")),
    "json lines GB18030": ("a.jsonl", json_lines("gb18030")),
    "json lines gzip": ("a.jsonl.gz", packed(json_lines())),
    "json lines GB18030 gzip": ("a.ndjson.gz", packed(json_lines("gb18030", b"\r\n"))),
    "json lines without last end": ("a.jsonl", cut_end(json_lines())),
    "json lines by content": ("a.txt", json_lines()),
    "csv": ("HotlineOrder.csv", table()),
    "csv with BOM": ("hotline_order-2026.csv", table(mark=BOM)),
    "csv CRLF": ("HotlineOrder.csv", table(end=b"\r\n")),
    "csv GB18030": ("HotlineOrder.csv", table("gb18030")),
    "csv gzip": ("HotlineOrder.csv.gz", packed(table())),
    "csv without last end": ("HotlineOrder.csv", cut_end(table())),
    "tsv": ("HotlineOrder.tsv", table(delimiter=";")),
    "csv by content": ("HotlineOrder", table()),
}
ALL = {
    **TEXTS,
    "avro": ("a.avro", container),
    "avro gzip": ("a.avro.gz", packed(container)),
    "avro by content": ("a", container),
}


def source(folder: Path, kind: str, records: list[dict[str, Any]], bad: bytes | None = None) -> FileSource:
    name, build = ALL[kind]
    path = folder / name
    path.write_bytes(build(records, bad))
    return FileSource(path, name, APPENDED)


def refs(arrivals: list[Arrival]) -> list[str]:
    return ["bad" if arrival.body is None else arrival.body["source_ref"] for arrival in arrivals]


@pytest.mark.parametrize("kind", ALL)
def test_the_same_records_have_the_same_bodies(kind: str, tmp_path: Path) -> None:
    arrivals = list(source(tmp_path, kind, RECORDS))
    assert [arrival.fault for arrival in arrivals] == [None] * 5
    assert {arrival.schema for arrival in arrivals} == {"HotlineOrder"}
    for arrival, record in zip(arrivals, RECORDS, strict=True):
        assert arrival.body is not None
        assert {name: arrival.body[name] for name in record} == record


@pytest.mark.parametrize("kind", ALL)
def test_all_formats_give_bodies_alike_in_every_field(kind: str, tmp_path: Path) -> None:
    (tmp_path / "avro").mkdir()
    bodies = [arrival.body for arrival in source(tmp_path / "avro", "avro", RECORDS)]
    assert [arrival.body for arrival in source(tmp_path, kind, RECORDS)] == bodies


@pytest.mark.parametrize("kind", ALL)
def test_the_origin_is_the_number_of_the_record_in_its_file(kind: str, tmp_path: Path) -> None:
    arrivals = list(source(tmp_path, kind, RECORDS))
    assert [arrival.origin for arrival in arrivals] == [Origin(f"file:{ALL[kind][0]}", 0, n) for n in range(5)]
    assert {arrival.appended_at for arrival in arrivals} == {APPENDED}


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("start", [1, 3, 5])
def test_resuming_gives_the_same_tail(kind: str, start: int, tmp_path: Path) -> None:
    whole = list(source(tmp_path, kind, RECORDS))
    again = source(tmp_path, kind, RECORDS)
    again.skip(start)
    assert list(again) == whole[start:]


@pytest.mark.parametrize("kind", ALL)
def test_all_bytes_are_read_in_the_end(kind: str, tmp_path: Path) -> None:
    found = source(tmp_path, kind, RECORDS)
    assert (found.bytes_read, found.bytes_total) == (0, (tmp_path / ALL[kind][0]).stat().st_size)
    assert len(list(found)) == 5
    assert found.progress == (found.bytes_total, found.bytes_total)


BAD = b'{"source_ref": "\xff\xfe\xff"\x80, never'


@pytest.mark.parametrize("kind", TEXTS)
def test_a_bad_line_in_the_middle_stops_nothing(kind: str, tmp_path: Path) -> None:
    arrivals = list(source(tmp_path, kind, RECORDS, BAD))
    assert refs(arrivals) == ["R-0", "R-1", "bad", "R-2", "R-3", "R-4"]
    assert arrivals[2].fault is not None
    assert arrivals[2].fault.reason is Reason.UNDECODABLE
    assert arrivals[2].raw == BAD
    assert [arrival.origin.offset for arrival in arrivals] == list(range(6))
    tail = source(tmp_path, kind, RECORDS, BAD)
    tail.skip(2)
    assert refs(list(tail)) == ["bad", "R-2", "R-3", "R-4"]


@pytest.mark.parametrize("kind", TEXTS)
def test_a_line_longer_than_any_record_is_refused_and_the_next_is_read(kind: str, tmp_path: Path) -> None:
    arrivals = list(source(tmp_path, kind, RECORDS, b"x" * (3 * MAX_LINE)))
    assert refs(arrivals) == ["R-0", "R-1", "bad", "R-2", "R-3", "R-4"]
    assert arrivals[2].fault is not None
    assert arrivals[2].fault.reason is Reason.OVERSIZE
    assert len(arrivals[2].raw) <= MAX_LINE + 1


@pytest.mark.parametrize("kind", ["json lines", "csv"])
def test_a_damaged_line_does_not_turn_a_utf8_file_into_other_characters(kind: str, tmp_path: Path) -> None:
    damaged = "示例路五号".encode()[:-1]
    assert refs(list(source(tmp_path, kind, RECORDS, damaged))) == ["R-0", "R-1", "bad", "R-2", "R-3", "R-4"]


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.jsonl.gz"])
def test_an_empty_file_holds_no_record(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(gzip.compress(b"") if name.endswith("gz") else b"")
    assert list(FileSource(tmp_path / name, name, APPENDED)) == []


def test_an_avro_file_that_is_none_is_one_refused_record(tmp_path: Path) -> None:
    (tmp_path / "a.avro").write_bytes(b"no container")
    (arrival,) = FileSource(tmp_path / "a.avro", "a.avro", APPENDED)
    assert arrival.fault is not None
    assert arrival.fault.reason is Reason.UNDECODABLE


@pytest.mark.parametrize("kind", ["json lines gzip", "csv gzip", "avro gzip"])
def test_a_packed_file_that_is_cut_short_ends_with_a_refused_record(kind: str, tmp_path: Path) -> None:
    name, build = ALL[kind]
    (tmp_path / name).write_bytes(build(RECORDS * 50, None)[:-20])
    arrivals = list(FileSource(tmp_path / name, name, APPENDED, schema="HotlineOrder"))
    assert arrivals[-1].fault is not None
    assert arrivals[-1].fault.reason is Reason.UNDECODABLE


def test_blank_lines_are_no_records(tmp_path: Path) -> None:
    lines = json_lines()(RECORDS, None).replace(b"\n", b"\n\n  \r\n")
    (tmp_path / "a.jsonl").write_bytes(lines)
    assert [a.origin.offset for a in FileSource(tmp_path / "a.jsonl", "a.jsonl", APPENDED)] == list(range(5))


def test_a_quoted_cell_may_hold_line_ends_and_delimiters(tmp_path: Path) -> None:
    text = (
        'source_system,source_ref,received_at,text\nh,1,1772500000000,"two\n\nlines, one cell"\nh,2,1772500000000,x\n'
    )
    (tmp_path / "HotlineOrder.csv").write_text(text, encoding="utf-8")
    found = [a.body for a in FileSource(tmp_path / "HotlineOrder.csv", "HotlineOrder.csv", APPENDED)]
    assert [body["text"] for body in found if body] == ["two\n\nlines, one cell", "x"]


@pytest.mark.parametrize(
    ("row", "ok"),
    [
        pytest.param("h,1,1772500000000,x", True, id="as many cells as columns"),
        pytest.param("h,1,1772500000000", True, id="the last cell is missing"),
        pytest.param("h,1,1772500000000,x,", True, id="one blank cell too many"),
        pytest.param("h,1,1772500000000,x,y", False, id="one cell too many"),
        pytest.param("h,1,2026-03-03 08:00:00,x", False, id="a time without zone"),
        pytest.param("h,1,,x", False, id="no time at all"),
    ],
)
def test_rows_with_other_cells_than_the_header(row: str, ok: bool, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(f"source_system,source_ref,received_at,text\n{row}\n", encoding="utf-8")
    (arrival,) = FileSource(tmp_path / "a.csv", "a.csv", APPENDED, schema="HotlineOrder")
    assert (arrival.fault is None) is ok
    assert ok or arrival.raw == row.encode()


def test_a_record_of_no_known_schema_is_refused_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"source_ref": "1"}\n{"schema": "Nonsense", "source_ref": "2"}\n')
    faults = [arrival.fault for arrival in FileSource(tmp_path / "a.jsonl", "a.jsonl", APPENDED)]
    assert [fault.reason for fault in faults if fault] == [Reason.UNKNOWN_SCHEMA] * 2
    assert faults[0] is not None
    assert "--schema" in faults[0].remedy


def test_a_mapping_file_reads_another_shape(tmp_path: Path) -> None:
    mapping = tmp_path / "street.yaml"
    mapping.write_text(
        "name: street\nschema: Report\nfields:\n  source_system: {value: street}\n  source_ref: id\n"
        "  received_at: {from: created, zone: Asia/Shanghai}\n  text: words\n  channel: {value: street-app}\n"
    )
    (tmp_path / "a.csv").write_text("id,created,words\n7,2026-03-03 08:00:00,路灯不亮\n", encoding="utf-8")
    (arrival,) = FileSource(tmp_path / "a.csv", "a.csv", APPENDED, mapping=str(mapping))
    assert arrival.schema == "Report"
    assert arrival.body is not None
    assert (arrival.body["source_ref"], arrival.body["channel"]) == ("7", "street-app")


def test_standard_input_is_read_once_from_a_pipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in ("json lines", "json lines GB18030", "csv gzip", "avro"):
        pipe = io.BufferedReader(io.BytesIO(ALL[kind][1](RECORDS, None)))  # type: ignore[arg-type]
        monkeypatch.setattr("sys.stdin", type("Stdin", (), {"buffer": pipe}))
        (found,) = discover([Path("-")], APPENDED, schema="HotlineOrder")
        assert (found.name, refs(list(found))) == ("stdin", [f"R-{n}" for n in range(5)])


def put(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")


@pytest.mark.parametrize(
    ("files", "names"),
    [
        pytest.param(["b.csv", "a/z.jsonl.gz", "a/b.avro"], ["a/b.avro", "a/z.jsonl.gz", "b.csv"], id="sorted, deep"),
        pytest.param(["a.csv", "b.txt", ".c.csv", ".d/e.csv", "f.gz"], ["a.csv"], id="known and not hidden"),
        pytest.param(["inputs/a.csv", "city/areas.csv", "truth/t.csv"], ["a.csv"], id="an imported city"),
        pytest.param(["inputs/a.csv", "b.csv"], ["b.csv", "inputs/a.csv"], id="inputs without a city"),
    ],
)
def test_a_folder_is_its_files(files: list[str], names: list[str], tmp_path: Path) -> None:
    put(tmp_path, *files)
    assert [found.name for found in discover([tmp_path], APPENDED)] == names


def test_files_of_one_name_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    put(tmp_path, "x/one/a.csv", "x/two/a.csv", "x/two/b.csv")
    found = discover([tmp_path / "x/one", tmp_path / "x/two", tmp_path / "x/two"], APPENDED)
    assert [source.name for source in found] == ["one/a.csv", "two/a.csv", "b.csv"]


def test_all_paths_without_input_are_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigFaults) as caught:
        discover([tmp_path / "gone", tmp_path], APPENDED)
    assert len(caught.value.faults) == 2


def in_blocks(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


@given(
    st.lists(st.text(st.characters(exclude_characters="\r\n"))), st.sampled_from([b"\n", b"\r\n"]), st.integers(3, 9)
)
def test_lines_do_not_depend_on_where_blocks_end(texts: list[str], end: bytes, size: int) -> None:
    told = [text.encode(errors="replace") for text in texts]
    data = end.join([*told, b""])
    assert list(lines(iter(in_blocks(data, size)), keep_blank=True)) == told
    assert list(lines(iter(in_blocks(BOM + data, size)))) == [line for line in told if line.strip()]


@given(st.text(min_size=1), st.integers(1, 5))
def test_utf8_is_told_whatever_the_blocks(text: str, size: int) -> None:
    data = text.encode(errors="replace")
    assert is_utf8(in_blocks(data, size))
    assert not is_utf8(in_blocks(data + b"\xe4\xb8", size))


@pytest.mark.parametrize(
    ("found", "encoding"),
    [
        pytest.param(["井盖", "路灯", "damaged"], UTF8, id="two of three"),
        pytest.param(["井盖", "damaged"], GB18030, id="a tie"),
        pytest.param(["damaged", "plain"], GB18030, id="ASCII has no vote"),
    ],
)
def test_the_lines_vote_on_the_encoding(found: list[str], encoding: str) -> None:
    assert majority(b"\xb5\xc6" if text == "damaged" else text.encode() for text in found) == encoding
