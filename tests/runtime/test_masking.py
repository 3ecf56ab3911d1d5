"""A masked record says what it is and where it comes from, and nothing of whom it speaks."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from pipeline.runtime.masking import SHOWN, masked
from schemas.catalogue import newest
from tests.builders import a_body

SECRET = "王小明13912345678"


def test_texts_become_their_length_and_what_names_systems_stays() -> None:
    body = a_body("HotlineOrder", text=SECRET, reporter_phone="13912345678", lon=121.4, source_ref="R-1")
    shown = masked(body)
    assert shown["text"] == f"({len(SECRET)} characters)"
    assert (shown["lon"], shown["source_ref"], shown["source_system"]) == (121.4, "R-1", body["source_system"])


@given(st.sampled_from(["GridWorkerReport", "HotlineOrder", "Report", "CaseAction"]), st.data())
def test_no_other_text_is_shown_whatever_field_it_stands_in(schema: str, data: st.DataObject) -> None:
    body = a_body(schema)
    fields = [one["name"] for one in newest(schema).fields if one["name"] not in SHOWN]
    name = data.draw(st.sampled_from(fields))
    for value in (SECRET, [SECRET], {SECRET: SECRET}, [{"name": SECRET}], SECRET.encode()):
        assert SECRET not in msgspec.json.encode(masked({**body, name: value}), enc_hook=repr).decode()


def test_what_is_shown_is_a_field_of_some_schema() -> None:
    known = {
        field["name"]
        for schema in ("GridWorkerReport", "HotlineOrder", "Report", "CaseAction", "SensorReadings", "PatrolLog")
        for field in newest(schema).fields
    }
    assert known >= SHOWN
    assert not {"text", "title", "address", "reporter_name", "reporter_phone", "reason", "actor_person"} & SHOWN
