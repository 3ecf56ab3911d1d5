"""The bytes in the documentation are those that the clients write and read."""

from __future__ import annotations

import json
import re
from hashlib import blake2b
from pathlib import Path

import pytest
from kafka.partitioner.default import murmur2

from connectors.kafka.contract import key_of
from pipeline.domain.ids import report_id
from pipeline.wire.serde import decode, encode
from schemas.text import body_from_text
from schemas.topics import topics

DOCS = Path(__file__).parents[3] / "docs"
EXAMPLE = re.compile(
    r"<!-- example: (\w+) -->\n```json\n(.*?)```\n\n(?:goes to|lies in) `([\w.-]+)`, of (\d+) partitions?.*?"
    r"```text\nkey +(\S+)\npartition +(\S+)\nvalue +(.*?)```",
    re.DOTALL,
)
PAGES = ("publishing.md", "departments.md", "sources-status.md")
TEMPLATES = {"actions.water": "actions.<department>", "status.hotline-12345": "status.<source_system>"}


@pytest.mark.parametrize("page", PAGES)
def test_the_bytes_of_the_example_are_those_of_the_wire(page: str) -> None:
    found = EXAMPLE.search((DOCS / page).read_text("utf-8"))
    assert found is not None
    schema, text, topic, partitions, key, partition, value = found.groups()
    body = body_from_text(schema, json.loads(text))
    written = bytes.fromhex(value)
    assert written == encode(schema, body)
    assert decode(written) == (schema, body)
    assert key == (body["report_id"] if schema == "CaseStatus" else key_of(schema, body).decode())
    assert int(partition) == (murmur2(key.encode()) & 0x7FFFFFFF) % int(partitions)
    assert int(partitions) == topics()[TEMPLATES.get(topic, topic)].partitions


def test_a_report_id_is_the_digest_that_the_page_describes() -> None:
    assert report_id("hotline-12345", "RX-1") == blake2b(b"hotline-12345\x1fRX-1", digest_size=8).hexdigest()
