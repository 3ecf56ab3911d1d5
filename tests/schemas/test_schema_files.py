"""Every schema file: named, described, capped, locked, and in step with its struct and its other versions."""

from __future__ import annotations

import copy
import types
import typing
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import fastavro
import msgspec
import pytest
from fastavro.schema import to_parsing_canonical_form

from pipeline.events.facts import FACTS
from pipeline.wire.serde import STRUCTS
from schemas import lock
from schemas.catalogue import FOLDER, Schema, catalogue, limits, newest
from schemas.compat import breaking_changes
from schemas.fingerprint import canonical_form, crc_64_avro, fingerprint

ALL = [schema for versions in catalogue().values() for schema in versions]
IDS = [f"{schema.name} v{schema.version}" for schema in ALL]
INPUTS = [schema for schema in ALL if schema.group == "records"]


def parts(schema: Any) -> Iterator[dict[str, Any]]:
    """The schema and every schema in it that is written as an object."""
    if isinstance(schema, list):
        for branch in schema:
            yield from parts(branch)
    elif isinstance(schema, dict):
        yield schema
        for key in ("type", "items", "values", "fields"):
            if isinstance(schema.get(key), (dict, list)):
                yield from parts(schema[key])


@pytest.mark.parametrize("schema", ALL, ids=IDS)
def test_a_schema_is_named_as_its_folder_and_capped_and_valid(schema: Schema) -> None:
    assert schema.avro["name"] == schema.name
    assert schema.avro["namespace"] == f"wangge.{schema.group}"
    assert schema.avro["doc"]
    assert 0 < schema.max_bytes <= 1_000_000
    fastavro.parse_schema(schema.avro)


@pytest.mark.parametrize("schema", ALL, ids=IDS)
def test_every_field_says_what_it_means(schema: Schema) -> None:
    fields = [field for part in parts(schema.avro) for field in part.get("fields", ())]
    assert [field["name"] for field in fields if not field.get("doc")] == []


@pytest.mark.parametrize("schema", ALL, ids=IDS)
def test_times_are_milliseconds_and_enums_have_defaults(schema: Schema) -> None:
    for part in parts(schema.avro):
        assert part.get("logicalType", "timestamp-millis") == "timestamp-millis"
        if part.get("type") == "enum":
            assert part["default"] in part["symbols"]
    names = [field["name"] for field in schema.avro["fields"] if field["name"].endswith("_at")]
    timed = [f["name"] for f in schema.avro["fields"] if any("logicalType" in part for part in parts(f))]
    assert set(names) <= set(timed)


@pytest.mark.parametrize("schema", INPUTS, ids=[f"{s.name} v{s.version}" for s in INPUTS])
def test_every_text_and_list_that_comes_in_is_capped(schema: Schema) -> None:
    caps = limits(schema.name)
    sized = {f["name"] for f in schema.fields if f["type"] == "string"}
    sized |= {f["name"] for f in schema.fields if isinstance(f["type"], dict) and f["type"]["type"] in ("array", "map")}
    assert sized <= caps.keys()
    assert all(cap > 0 for cap in caps.values())


def test_names_are_unique_and_every_version_has_a_fingerprint_of_its_own() -> None:
    folders = [path.name for path in (FOLDER / "avro").glob("*/*")]
    assert len(folders) == len(set(folders)) == len(catalogue())
    assert len({schema.fingerprint for schema in ALL}) == len(ALL)


# -- structs ------------------------------------------------------------------------------------------------------


def test_every_fact_has_a_schema() -> None:
    assert {cls.__name__ for cls in FACTS} <= {s.name for s in ALL if s.group == "facts"}


@pytest.mark.parametrize("name", STRUCTS)
def test_a_struct_has_the_fields_of_its_schema(name: str) -> None:
    assert_same_fields(STRUCTS[name], newest(name).plain)


def assert_same_fields(cls: type, schema: dict[str, Any]) -> None:
    """Names, order and types; nested records too."""
    hints = typing.get_type_hints(cls)
    names = [f.name for f in msgspec.structs.fields(cls)] if issubclass(cls, msgspec.Struct) else list(hints)
    assert [field["name"] for field in schema["fields"]] == names
    for field in schema["fields"]:
        assert_same_type(hints[field["name"]], field["type"], f"{cls.__name__}.{field['name']}")


def assert_same_type(hint: Any, schema: Any, where: str) -> None:
    args = typing.get_args(hint)
    if isinstance(hint, types.UnionType):
        assert schema[0] == "null", where
        assert_same_type(next(arg for arg in args if arg is not type(None)), schema[1], where)
    elif typing.get_origin(hint) is tuple:
        assert schema["type"] == "array", where
        assert_same_type(args[0], schema["items"], where)
    elif isinstance(schema, dict):
        assert_same_fields(hint, schema)
    else:
        assert {"string": str, "long": int, "double": float, "boolean": bool, "bytes": bytes}[schema] is hint, where


# -- fingerprints -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(b"", 0xC15D213AA4D7A795, id="the empty text, by the specification"),
        pytest.param(b'"null"', 0x63DD24E7CC258F8A, id="null"),
        pytest.param(b'"int"', 0x7275D51A3F395C8F, id="int"),
        pytest.param(b'"string"', 0x8F014872634503C7, id="string"),
    ],
)
def test_the_fingerprint_of_a_known_text(text: bytes, expected: int) -> None:
    assert crc_64_avro(text) == expected


@pytest.mark.parametrize("schema", ALL, ids=IDS)
def test_canonical_form_and_fingerprint_are_those_of_fastavro(schema: Schema) -> None:
    form = to_parsing_canonical_form(schema.avro)
    assert canonical_form(schema.avro) == form
    assert schema.fingerprint.hex() == fastavro.schema.fingerprint(form, "CRC-64-AVRO")


@pytest.mark.parametrize("schema", ALL, ids=IDS)
def test_stripping_logical_types_leaves_the_fingerprint(schema: Schema) -> None:
    assert not any("logicalType" in part for part in parts(schema.plain))
    assert fingerprint(schema.plain) == schema.fingerprint


def test_published_versions_are_locked_and_unchanged() -> None:
    assert lock.faults(lock.read_lock(), lock.current(catalogue())) == []


def test_a_changed_and_a_lost_version_are_faults() -> None:
    locked = {("A", 1): "aa", ("B", 1): "bb"}
    assert [fault.where for fault in lock.faults(locked, {("A", 1): "ff", ("C", 1): "cc"})] == ["A v1", "B v1", "C v1"]


# -- versions -----------------------------------------------------------------------------------------------------


def test_at_least_one_schema_has_evolved() -> None:
    assert [schema.version for schema in catalogue()["GridWorkerReport"]] == [1, 2]


@pytest.mark.parametrize("name", catalogue())
def test_no_version_breaks_another(name: str) -> None:
    versions = catalogue()[name]
    assert [schema.version for schema in versions] == list(range(1, len(versions) + 1))
    for old, new in combinations(versions, 2):
        assert breaking_changes(old.avro, new.avro) == []


def field(schema: dict[str, Any], name: str) -> dict[str, Any]:
    return next(f for f in schema["fields"] if f["name"] == name)


def drop(name: str) -> Any:
    return lambda schema: schema["fields"].remove(field(schema, name))


def change(which: str, **values: Any) -> Any:
    return lambda schema: field(schema, which).update(values)


def symbols(change_them: Any) -> Any:
    def apply(schema: dict[str, Any]) -> None:
        kind = field(schema, "datum")["type"]
        change_them(kind)

    return apply


@pytest.mark.parametrize(
    ("plant", "said"),
    [
        pytest.param(drop("received_at"), "received_at: removed", id="a field without default is removed"),
        pytest.param(drop("title"), "", id="a field with a default is removed"),
        pytest.param(
            lambda s: s["fields"].append({"name": "n", "type": "int"}), "n: added", id="added without default"
        ),
        pytest.param(
            lambda s: s["fields"].append({"name": "n", "type": "int", "default": 0}), "", id="added with default"
        ),
        pytest.param(change("received_at", type="int"), "type changed", id="a type is narrowed"),
        pytest.param(change("title", type=["null", "string"]), "type changed", id="a type is widened for old readers"),
        pytest.param(
            change("title", name="headline"), "title: renamed to headline", id="a field with default is renamed"
        ),
        pytest.param(change("title", aliases=["headline"]), "", id="an alias is added"),
        pytest.param(change("received_at", name="taken_at"), "taken_at: added", id="a needed field is renamed"),
        pytest.param(lambda s: s.update(name="Other"), "renamed", id="the record is renamed"),
        pytest.param(lambda s: field(s, "title").pop("default"), "lost its default", id="a default is taken away"),
        pytest.param(change("title", maxLength=5), "maxLength lowered", id="a cap is lowered"),
        pytest.param(symbols(lambda k: k["symbols"].append("NEW")), "", id="a symbol is added"),
        pytest.param(
            symbols(lambda k: (k["symbols"].remove("BD09"), k.pop("default"))),
            "removed without default",
            id="a symbol is removed without default",
        ),
        pytest.param(
            lambda s: field(s, "evidence")["type"]["items"]["fields"].append({"name": "n", "type": "int"}),
            "evidence.items.n: added",
            id="a nested field is added without default",
        ),
    ],
)
def test_a_planted_change_is_told_when_it_breaks(plant: Any, said: str) -> None:
    old = newest("GridWorkerReport").avro
    new = copy.deepcopy(old)
    plant(new)
    told = breaking_changes(old, new)
    assert (said in "\n".join(told)) if said else told == []


def test_a_symbol_added_to_an_enum_without_default_is_told() -> None:
    old = {"type": "enum", "name": "E", "symbols": ["a"]}
    assert "no default" in breaking_changes(old, {**old, "symbols": ["a", "b"]})[0]
