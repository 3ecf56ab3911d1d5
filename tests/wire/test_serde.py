"""The wire: messages and container files of every schema, whole, of old versions, and broken in every way."""

from __future__ import annotations

import io
import json
import typing
from collections.abc import Mapping
from typing import Any

import fastavro
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.errors import InvalidRecord, Reason
from pipeline.events.base import Value
from pipeline.events.facts import CaseMerged
from pipeline.events.intake import LocatedReport
from pipeline.wire import serde
from pipeline.wire.avrocode import compile_reader
from pipeline.wire.avrowrite import compile_writer
from schemas.catalogue import FOLDER, catalogue, newest
from schemas.mapping import body_from_text
from tests.builders import located

NAMES = sorted(catalogue())
QUICK = settings(max_examples=10, suppress_health_check=[HealthCheck.too_slow])
LONGS = st.integers(-(1 << 63), (1 << 63) - 1)
INTS = st.integers(-(1 << 31), (1 << 31) - 1)
PRIMITIVES: dict[str, st.SearchStrategy[Any]] = {
    "string": st.text(max_size=80),
    "long": LONGS | st.integers(-200, 20_000),
    "int": INTS | st.integers(-200, 20_000),
    "double": st.floats(allow_nan=False),
    "boolean": st.booleans(),
    "bytes": st.binary(max_size=80),
    "null": st.none(),
}


def bodies(schema: Any) -> st.SearchStrategy[Any]:
    """Any value of a schema, as fastavro and this project's codec both give it."""
    if isinstance(schema, str):
        return PRIMITIVES[schema]
    if isinstance(schema, list):
        return st.one_of(*map(bodies, schema))
    if schema["type"] == "record":
        return st.fixed_dictionaries({field["name"]: bodies(field["type"]) for field in schema["fields"]})
    if schema["type"] == "enum":
        return st.sampled_from(schema["symbols"])
    if schema["type"] == "array":
        return st.lists(bodies(schema["items"]), max_size=12)
    if schema["type"] == "map":
        return st.dictionaries(st.text(max_size=8), bodies(schema["values"]), max_size=4)
    return bodies(schema["type"])


def example(name: str) -> dict[str, Any]:
    """A good example of an input."""
    path = next((FOLDER / "examples" / name).glob("good-*.json"))
    return dict(body_from_text(name, json.loads(path.read_text("utf-8"))))


def fastavro_message(schema: Any, fingerprint: bytes, body: Any) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), body)
    return serde.MARKER + fingerprint + out.getvalue()


# -- messages -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
@QUICK
@given(data=st.data())
def test_a_body_comes_back_as_it_went_and_as_fastavro_writes_it(name: str, data: st.DataObject) -> None:
    schema = newest(name)
    body = data.draw(bodies(schema.plain))
    message = serde.encode(name, body)
    assert message == fastavro_message(schema.plain, schema.fingerprint, body)
    assert serde.decode(message) == (name, body)
    assert serde.name_of(message) == name


@pytest.mark.parametrize("name", sorted(serde.STRUCTS))
@QUICK
@given(data=st.data())
def test_a_struct_comes_back_as_it_went(name: str, data: st.DataObject) -> None:
    body = data.draw(bodies(newest(name).plain))
    value = serde.to_struct(serde.STRUCTS[name], body)
    assert serde.to_body(value) == body
    message = serde.encode_struct(value)
    assert message == serde.encode(name, body)
    back = serde.decode_struct(message)
    assert back == value
    assert_types(back)


def assert_types(value: Value) -> None:
    """What the compiled reader makes is what the struct promises: tuples, not lists, at every depth."""
    for field, hint in typing.get_type_hints(type(value)).items():
        part = getattr(value, field)
        if typing.get_origin(hint) is tuple:
            assert type(part) is tuple
            assert all(type(item) is not list for item in part)
        if isinstance(part, Value):
            assert_types(part)


def test_the_head_is_the_marker_and_the_little_endian_fingerprint() -> None:
    message = serde.encode("Report", example("Report"))
    assert message[:2] == b"\xc3\x01"
    assert message[2:10].hex() == fastavro.schema.fingerprint(
        fastavro.schema.to_parsing_canonical_form(newest("Report").avro), "CRC-64-AVRO"
    )


def test_fields_left_out_take_their_defaults() -> None:
    body = {"source_system": "s", "source_ref": "1", "channel": "c", "received_at": 1}
    _, whole = serde.decode(serde.encode("Report", body))
    assert (whole["datum"], whole["lon"], whole["photos"], whole["appeal_type"]) == ("WGS84", None, [], "unknown")


def test_tuples_and_other_mappings_are_written_too() -> None:
    body = {"source_system": "s", "source_ref": "1", "channel": "c", "received_at": 1, "photos": ("a",)}
    assert serde.decode(serde.encode("Report", ReadOnly(body)))[1]["photos"] == ["a"]


class ReadOnly(Mapping[str, Any]):
    """A mapping that is no dictionary."""

    def __init__(self, body: dict[str, Any]) -> None:
        self.body = body

    def __getitem__(self, key: str) -> Any:
        return self.body[key]

    def __iter__(self) -> Any:
        return iter(self.body)

    def __len__(self) -> int:
        return len(self.body)


@pytest.mark.parametrize(
    ("change", "reason", "field"),
    [
        pytest.param({"received_at": None}, Reason.WRONG_TYPE, "Report.received_at", id="null where a time belongs"),
        pytest.param({"lon": "east"}, Reason.WRONG_TYPE, "Report.lon", id="text where a number belongs"),
        pytest.param({"datum": "Mars"}, Reason.WRONG_TYPE, "Report.datum", id="unknown symbol"),
        pytest.param({"received_at": 1 << 63}, Reason.WRONG_TYPE, "Report.received_at", id="beyond 64 bits"),
        pytest.param({"text": "x" * 262_144}, Reason.OVERSIZE, "Report", id="too large"),
    ],
)
def test_a_body_that_does_not_fit_is_refused_by_field(change: dict[str, Any], reason: Reason, field: str) -> None:
    with pytest.raises(InvalidRecord) as refused:
        serde.encode("Report", example("Report") | change)
    assert (refused.value.reason, refused.value.field) == (reason, field)


def test_a_body_without_a_needed_field_is_refused() -> None:
    with pytest.raises(InvalidRecord, match=r"missing_field: Report\.channel"):
        serde.encode("Report", {"source_system": "s", "source_ref": "1", "received_at": 1})


# -- versions -----------------------------------------------------------------------------------------------------

OLD, NEW = catalogue()["GridWorkerReport"]


def test_an_old_writer_is_read_by_a_new_reader() -> None:
    body = example("GridWorkerReport")
    del body["patrol_ref"]
    name, found = serde.decode(fastavro_message(OLD.plain, OLD.fingerprint, body))
    assert (name, found) == ("GridWorkerReport", body | {"patrol_ref": ""})


def test_a_merge_of_the_first_version_is_read_without_its_reasons() -> None:
    first = catalogue()["CaseMerged"][0]
    body = {"fact_id": "f", "at": 1, "recorded": 2, "case_id": "e-1", "tile": "e", "into": "w-1", "distance_m": 8.0}
    found = serde.decode_struct(fastavro_message(first.plain, first.fingerprint, body | {"gap_ms": 60}))
    assert found == CaseMerged(**body, gap_ms=60)
    assert (found.rule, found.score, found.candidates, found.probabilities) == ("", 0.0, (), ())


def test_a_new_writer_is_read_by_an_old_reader() -> None:
    body = example("GridWorkerReport")
    message = serde.encode("GridWorkerReport", body)
    old = fastavro.schemaless_reader(
        io.BytesIO(message[10:]), fastavro.parse_schema(NEW.plain), fastavro.parse_schema(OLD.plain)
    )
    assert old == {field: value for field, value in body.items() if field != "patrol_ref"}


@pytest.mark.parametrize("name", [name for name in NAMES if len(catalogue()[name]) > 1])
@QUICK
@given(data=st.data())
def test_every_version_is_read_by_every_other(name: str, data: st.DataObject) -> None:
    parsed = [fastavro.parse_schema(version.plain) for version in catalogue()[name]]
    for writer in parsed:
        body = data.draw(bodies(writer))
        for reader in parsed:
            out = io.BytesIO()
            fastavro.schemaless_writer(out, writer, body)
            out.seek(0)
            found = fastavro.schemaless_reader(out, writer, reader)
            assert found.keys() == {field["name"] for field in reader["fields"]}
            assert agree(found, body)


def agree(found: Any, body: Any) -> bool:
    """Whether two bodies say the same in every field that both have, also in the records within them."""
    if not isinstance(found, dict) or not isinstance(body, dict):
        return bool(found == body)
    return all(agree(found[field], body[field]) for field in found.keys() & body.keys())


def test_a_located_report_of_the_first_version_names_no_places() -> None:
    first = catalogue()["LocatedReport"][0]
    body = serde.to_body(located("1", mentions=b"1234"))
    older = {name: value for name, value in body["report"].items() if name != "mentions"}
    found = serde.decode_struct(fastavro_message(first.plain, first.fingerprint, body | {"report": older}))
    assert isinstance(found, LocatedReport)
    assert (found.report.mentions, found.report.report_id) == (b"", older["report_id"])


def test_a_symbol_of_a_newer_writer_takes_the_reader_s_default() -> None:
    newer = json.loads(json.dumps(NEW.plain))
    newer["fields"][2]["type"]["symbols"].insert(0, "space_agency")
    out = io.BytesIO()
    fastavro.writer(
        out, fastavro.parse_schema(newer), [example("GridWorkerReport") | {"source_family": "space_agency"}]
    )
    out.seek(0)
    assert [body["source_family"] for _, body in serde.read_container(out) if isinstance(body, dict)] == ["unknown"]


# -- broken messages ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        pytest.param(lambda m: b"", Reason.UNDECODABLE, id="empty"),
        pytest.param(lambda m: m[:1], Reason.UNDECODABLE, id="half a marker"),
        pytest.param(lambda m: m[:9], Reason.UNDECODABLE, id="half a fingerprint"),
        pytest.param(lambda m: b"{" + m[1:], Reason.UNDECODABLE, id="no marker"),
        pytest.param(lambda m: m[:2] + bytes(8) + m[10:], Reason.UNKNOWN_SCHEMA, id="unknown fingerprint"),
        pytest.param(lambda m: m[:10], Reason.UNDECODABLE, id="no body"),
        pytest.param(lambda m: m[:-1], Reason.UNDECODABLE, id="one byte short"),
        pytest.param(lambda m: m + b"\0", Reason.UNDECODABLE, id="one byte over"),
        pytest.param(lambda m: m[:10] + b"\x0f" + m[11:], Reason.UNDECODABLE, id="negative length"),
        pytest.param(lambda m: m[:11] + b"\xff" + m[12:], Reason.UNDECODABLE, id="no UTF-8"),
        pytest.param(lambda m: m[:10] + b"\xff" * 10 + m[10:], Reason.UNDECODABLE, id="number without end"),
        pytest.param(lambda m: m + bytes(262_144), Reason.OVERSIZE, id="too large"),
        pytest.param(lambda m: m[:2] + bytes(1_000_008), Reason.UNKNOWN_SCHEMA, id="unknown and as large as may be"),
        pytest.param(lambda m: m[:2] + bytes(1_000_009), Reason.OVERSIZE, id="unknown and too large"),
    ],
)
def test_a_broken_message_is_refused_for_its_reason(spoil: Any, reason: Reason) -> None:
    message = spoil(serde.encode("CaseAction", example("CaseAction")))
    with pytest.raises(InvalidRecord) as refused:
        serde.decode(message)
    assert refused.value.reason is reason


@pytest.mark.parametrize("name", NAMES)
@QUICK
@given(data=st.data())
def test_spoilt_bytes_are_refused_or_read_but_never_break_the_reader(name: str, data: st.DataObject) -> None:
    message = bytearray(serde.encode(name, data.draw(bodies(newest(name).plain))))
    for _ in range(data.draw(st.integers(1, 4))):
        message[data.draw(st.integers(10, len(message) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(message[: data.draw(st.integers(10, len(message)))])
    for read in (serde.decode, serde.decode_struct):
        try:
            found = read(cut)
        except InvalidRecord:
            continue
        assert found


@given(st.binary(max_size=200))
def test_any_bytes_behind_an_old_fingerprint_are_refused_or_read(noise: bytes) -> None:
    ((_, found),) = serde.decode_many([serde.MARKER + OLD.fingerprint + noise])
    assert isinstance(found, dict) or found.reason is Reason.UNDECODABLE


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        pytest.param("long", b"\xff" * 9 + b"\x03", id="long of 65 bits"),
        pytest.param("int", b"\xff\xff\xff\xff\x7f", id="int of 35 bits"),
        pytest.param("boolean", b"\x02", id="boolean of 2"),
        pytest.param("string", b"\x03ab", id="text of negative length"),
        pytest.param(["null", "long"], b"\x04\x00", id="third branch of two"),
        pytest.param({"type": "enum", "name": "E", "symbols": ["a"]}, b"\x01", id="symbol before the first"),
        pytest.param({"type": "enum", "name": "E", "symbols": ["a"]}, b"\x02", id="symbol after the last"),
        pytest.param(
            {"type": "array", "items": "string"}, b"\xfe\xff\xff\xff\x0f\x00", id="a billion items of nothing"
        ),
        pytest.param(
            {"type": "array", "items": "double"}, b"\xfe\xff\xff\xff\x0f\x00", id="a billion doubles of nothing"
        ),
        pytest.param(
            {"type": "array", "items": "int"}, b"\x02\xff\xff\xff\xff\x7f\x00", id="int of 35 bits in an array"
        ),
    ],
)
def test_what_the_specification_forbids_is_refused(kind: Any, data: bytes) -> None:
    with pytest.raises((ValueError, IndexError, KeyError)):
        compile_reader(kind)(data, 0)


def test_a_block_of_items_with_its_size_in_bytes_is_read() -> None:
    assert compile_reader({"type": "array", "items": "long"})(b"\x03\x04\x02\x04\x00", 0) == ([1, 2], 5)


@given(st.lists(st.lists(LONGS | st.integers(0, 200_000), max_size=20), max_size=6))
def test_columns_of_numbers_come_back_however_often_the_same_bytes_came(columns: list[list[int]]) -> None:
    kind = {"type": "array", "items": "long"}
    write, read = compile_writer(kind), compile_reader(kind)
    for column in [*columns, *columns]:
        pieces: list[bytes] = []
        write(pieces, column)
        data = b"".join(pieces)
        assert read(data, 0) == (column, len(data))


def test_whoever_changes_a_column_given_to_him_changes_nobody_else_s() -> None:
    kind = {"type": "array", "items": "long"}
    write, read = compile_writer(kind), compile_reader(kind)
    pieces: list[bytes] = []
    write(pieces, range(60))
    for _ in range(3):
        found, _ = read(b"".join(pieces), 0)
        assert found == list(range(60))
        found.append(0)


def test_a_poll_keeps_its_order_and_its_faults() -> None:
    good = serde.encode("CaseAction", example("CaseAction"))
    (one, first), (two, fault), (three, third), (four, noise) = serde.decode_many([good, good[:-1], good, b"noise"])
    assert (one, two, three, four) == ("CaseAction", "CaseAction", "CaseAction", "")
    assert first == third == example("CaseAction")
    assert isinstance(fault, InvalidRecord)
    assert isinstance(noise, InvalidRecord)


def test_an_input_is_no_struct() -> None:
    with pytest.raises(InvalidRecord, match="unknown_schema"):
        serde.decode_struct(serde.encode("CaseAction", example("CaseAction")))


def test_a_struct_of_the_wrong_type_is_refused() -> None:
    with pytest.raises(InvalidRecord, match="wrong_type: CaseMerged"):
        serde.to_struct(CaseMerged, {"fact_id": 1})


# -- container files ----------------------------------------------------------------------------------------------

ACTIONS = [example("CaseAction") | {"source_ref": f"A-{number}"} for number in range(3000)]


def container(codec: str = "deflate", actions: list[dict[str, Any]] | None = None) -> io.BytesIO:
    out = io.BytesIO()
    serde.write_container(out, "CaseAction", ACTIONS if actions is None else actions, codec)
    out.seek(0)
    return out


@pytest.mark.parametrize("codec", ["deflate", "null"])
def test_a_container_comes_back_as_it_went_and_as_fastavro_reads_it(codec: str) -> None:
    stream = container(codec)
    assert [body for _, body in serde.read_container(stream)] == ACTIONS
    stream.seek(0)
    found = [body["source_ref"] for body in fastavro.reader(stream)]
    assert found == [body["source_ref"] for body in ACTIONS]


def test_the_same_bodies_give_the_same_bytes() -> None:
    assert container().getvalue() == container().getvalue()


@pytest.mark.parametrize("codec", ["deflate", "null"])
def test_a_container_of_fastavro_gives_integer_times(codec: str) -> None:
    out = io.BytesIO()
    fastavro.writer(out, fastavro.parse_schema(newest("CaseAction").avro), ACTIONS[:50], codec=codec)
    out.seek(0)
    assert [body for _, body in serde.read_container(out)] == ACTIONS[:50]


def test_a_container_of_an_old_version_is_read_as_the_newest() -> None:
    body = example("GridWorkerReport")
    out = io.BytesIO()
    fastavro.writer(out, fastavro.parse_schema(OLD.avro), [body, body], codec="deflate")
    out.seek(0)
    assert [found for _, found in serde.read_container(out)] == [body | {"patrol_ref": ""}] * 2


def test_an_empty_container_is_empty() -> None:
    assert list(serde.read_container(container(actions=[]))) == []


def test_the_schema_of_a_container_is_told_without_reading_it() -> None:
    assert serde.container_schema(container()) == "CaseAction"


@pytest.mark.parametrize("codec", ["deflate", "null"])
def test_a_corrupt_block_is_one_fault_and_the_others_are_read(codec: str) -> None:
    data = bytearray(container(codec).getvalue())
    sync = newest("CaseAction").fingerprint * 2
    starts = [at for at in range(len(data)) if data.startswith(sync, at)]
    assert len(starts) >= 4
    for at in range(starts[1] + 40, starts[1] + 60):
        data[at] = 0xFF
    found = list(serde.read_container(io.BytesIO(bytes(data))))
    faults = [body for _, body in found if isinstance(body, InvalidRecord)]
    kept = [body["source_ref"] for _, body in found if not isinstance(body, InvalidRecord)]
    assert [fault.reason for fault in faults] == [Reason.UNDECODABLE]
    assert kept[0] == "A-0"
    assert kept[-1] == "A-2999"
    assert len(kept) >= 1000


@pytest.mark.parametrize("frame", [b"\xff" * 12, b"\x02\x10"], ids=["no number", "a size that leads nowhere"])
def test_a_broken_frame_costs_its_block_only(frame: bytes) -> None:
    data = container("null").getvalue()
    sync = newest("CaseAction").fingerprint * 2
    starts = [at + len(sync) for at in range(len(data)) if data.startswith(sync, at)]
    whole = [body for _, body in serde.read_container(io.BytesIO(data))]
    first = [body for _, body in serde.read_container(io.BytesIO(data[: starts[1]]))]
    both = [body for _, body in serde.read_container(io.BytesIO(data[: starts[2]]))]
    spoilt = data[: starts[1]] + frame + data[starts[1] + len(frame) :]
    found = [body for _, body in serde.read_container(io.BytesIO(spoilt))]
    assert [type(body) for body in found].count(InvalidRecord) == 1
    assert [body for body in found if isinstance(body, dict)] == first + whole[len(both) :]


@pytest.mark.parametrize("keep", [0.3, 0.6, 0.95])
def test_a_cut_file_gives_what_it_has_and_one_fault(keep: float) -> None:
    data = container().getvalue()
    found = [body for _, body in serde.read_container(io.BytesIO(data[: int(len(data) * keep)]))]
    assert isinstance(found[-1], InvalidRecord)
    assert found[:-1] == ACTIONS[: len(found) - 1]


@given(st.data())
@settings(max_examples=60)
def test_a_spoilt_container_never_breaks_the_reader(data: st.DataObject) -> None:
    spoilt = bytearray(container("null", ACTIONS[:20]).getvalue())
    for _ in range(data.draw(st.integers(1, 5))):
        spoilt[data.draw(st.integers(0, len(spoilt) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = list(serde.read_container(io.BytesIO(bytes(spoilt))))
    except InvalidRecord:
        return
    assert all(isinstance(body, (dict, InvalidRecord)) for _, body in found)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(b"", Reason.UNDECODABLE, id="empty"),
        pytest.param(b"id,text\n1,x\n", Reason.UNDECODABLE, id="a table"),
        pytest.param(b"Obj\x01\x00" + bytes(16), Reason.UNDECODABLE, id="no schema"),
    ],
)
def test_a_file_that_is_no_container_is_refused(data: bytes, reason: Reason) -> None:
    with pytest.raises(InvalidRecord) as refused:
        list(serde.read_container(io.BytesIO(data)))
    assert refused.value.reason is reason


def test_a_container_of_an_unknown_record_is_refused() -> None:
    out = io.BytesIO()
    schema = {"type": "record", "name": "Stranger", "fields": [{"name": "a", "type": "int"}]}
    fastavro.writer(out, fastavro.parse_schema(schema), [{"a": 1}])
    out.seek(0)
    with pytest.raises(InvalidRecord, match="unknown_schema"):
        list(serde.read_container(out))


def test_a_container_whose_schema_does_not_resolve_gives_faults() -> None:
    out = io.BytesIO()
    schema = {
        "type": "record",
        "name": "CaseAction",
        "namespace": "wangge.records",
        "fields": [{"name": "a", "type": "int"}],
    }
    fastavro.writer(out, fastavro.parse_schema(schema), [{"a": 1}])
    out.seek(0)
    assert [type(body) for _, body in serde.read_container(out)] == [InvalidRecord]


def test_a_body_that_does_not_fit_stops_the_writing_by_field() -> None:
    with pytest.raises(InvalidRecord, match=r"CaseAction\.at"):
        serde.write_container(io.BytesIO(), "CaseAction", [ACTIONS[0] | {"at": "now"}])
