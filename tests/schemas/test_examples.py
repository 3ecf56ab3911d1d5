"""Every schema has examples: the good ones go through the wire unchanged, the bad ones are refused for their reason."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from pipeline.errors import InvalidRecord, Reason
from pipeline.wire import serde
from schemas.catalogue import FOLDER, catalogue, limits, newest
from schemas.mapping import body_from_text

FILES = sorted((FOLDER / "examples").glob("*/*.json"))
GOOD = [path for path in FILES if path.stem.startswith("good-")]
BAD = [path for path in FILES if path.stem.startswith("bad-")]


def named(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def test_every_schema_has_a_good_example_and_every_input_three_good_and_three_bad() -> None:
    for name in catalogue():
        is_input = newest(name).group == "records"
        good = [path for path in GOOD if path.parent.name == name]
        bad = [path for path in BAD if path.parent.name == name]
        assert len(good) >= (3 if is_input else 1), name
        assert len(bad) >= (3 if is_input else 0), name
    assert {path.parent.name for path in FILES} == set(catalogue())
    assert len(GOOD) + len(BAD) == len(FILES)


@pytest.mark.parametrize("path", [p for p in GOOD if p.parent.name not in serde.STRUCTS], ids=named)
def test_a_good_example_written_as_text_goes_through_the_wire(path: Path) -> None:
    name = path.parent.name
    body = body_from_text(name, json.loads(path.read_text("utf-8")))
    assert serde.decode(serde.encode(name, body)) == (name, body)
    assert all(len(body[field]) <= cap for field, cap in limits(name).items())


@pytest.mark.parametrize("path", [p for p in GOOD if p.parent.name in serde.STRUCTS], ids=named)
def test_a_good_example_of_a_struct_goes_through_the_wire(path: Path) -> None:
    value = msgspec.json.decode(path.read_bytes(), type=serde.STRUCTS[path.parent.name])
    assert serde.decode_struct(serde.encode_struct(value)) == value


@pytest.mark.parametrize("path", BAD, ids=named)
def test_a_bad_example_is_refused_for_the_reason_in_its_name(path: Path) -> None:
    with pytest.raises(InvalidRecord) as refused:
        body_from_text(path.parent.name, json.loads(path.read_text("utf-8")))
    assert refused.value.reason is Reason(path.stem.split("-")[1])
    assert refused.value.field
    assert refused.value.remedy
