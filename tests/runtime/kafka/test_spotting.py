"""The spotter sees every word that the classifier would see, in the bytes of any record, and little else."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pipeline.runtime.kafka.spotting import spotter
from pipeline.stages.classify import Classifier
from pipeline.stages.screen import screen
from pipeline.wire.serde import encode
from tests.builders import a_body, arrival_of
from tests.small_city import city, screening

SCHEMAS = ("HotlineOrder", "GridWorkerReport", "Report")
WORDS = sorted({row.word for row in city().tables.emergency_words})
INVISIBLE = "\u200b\u00ad\ufeff\u2060\x01\x1f\u202e"
BOLD = {ord("a") + number: 0x1D41A + number for number in range(26)}
WIDE = {ord(sign): ord(sign) + 0xFEE0 for sign in map(chr, range(0x21, 0x7F))}


@lru_cache
def looks_urgent() -> Any:
    return spotter(WORDS, learn_from=20)


@lru_cache
def classifier() -> Classifier:
    return Classifier(city())


@st.composite
def disguised(draw: st.DrawFn) -> str:
    """A word of danger as people and machines write it: other case, other width, invisible signs, white space."""
    word = draw(st.sampled_from(WORDS))
    for change in draw(
        st.lists(st.sampled_from(["upper", "title", "wide", "bold", "ligature", "hidden", "spaced"]), max_size=3)
    ):
        if change == "upper":
            word = word.upper()
        elif change == "title":
            word = word.title()
        elif change == "wide":
            word = word.translate(WIDE)
        elif change == "bold":
            word = word.translate(BOLD)
        elif change == "ligature":
            word = word.replace("fi", "ﬁ").replace("k", "\u212a").replace("s", "ſ")
        elif change == "hidden":
            at = draw(st.integers(0, len(word)))
            word = word[:at] + draw(st.sampled_from(INVISIBLE)) + word[at:]
        else:
            word = word.replace(" ", draw(st.sampled_from(["  ", "\n", "\u3000", "\t \u00a0"])))
    return word


prose = st.text(st.sampled_from("路口有人说的，。！ abAB019不没有担心演练\u3000\n"), max_size=20)


@settings(max_examples=300)
@given(st.sampled_from(SCHEMAS), disguised(), prose, prose, prose, st.booleans())
def test_what_is_an_emergency_by_words_is_spotted(
    schema: str, word: str, before: str, after: str, other: str, titled: bool
) -> None:
    said = before + word + after
    title, text = (said, other) if titled else (other, said)
    spotted_if_urgent(schema, title=title, text=text)


@settings(max_examples=100)
@given(st.sampled_from([word for word in WORDS if " " in word]), prose.filter(lambda said: "演" not in said))
def test_a_word_that_begins_in_the_title_and_ends_in_the_text_is_spotted(word: str, after: str) -> None:
    head, _, tail = word.partition(" ")
    assert spotted_if_urgent("Report", title=head, text=tail + after) or not after.strip() or after[0].isalpha()


@settings(max_examples=200)
@given(st.sampled_from(SCHEMAS), st.lists(st.sampled_from([*WORDS, "，", " ", "没有", "ab"]), max_size=6), prose)
def test_several_words_and_denials_are_no_way_around_it(schema: str, parts: list[str], title: str) -> None:
    spotted_if_urgent(schema, title=title, text="".join(parts))


def spotted_if_urgent(schema: str, **texts: str) -> bool:
    """Whether the classifier found a word; then the spotter must have found one in the record's bytes."""
    body = a_body(schema, channel="citizen-app", **texts) if schema == "Report" else a_body(schema, **texts)
    body |= {"lon": 121.5, "lat": 31.2} if body.get("lon") == "x" else {}
    found = bool(classifier().classify(screen(arrival_of(schema, body), screening())).urgent_words)
    if found:
        assert looks_urgent()(encode(schema, body))
    return found


@pytest.mark.parametrize("word", WORDS)
def test_every_word_is_spotted_and_its_absence_is_not(word: str) -> None:
    assert looks_urgent()(encode("HotlineOrder", a_body("HotlineOrder", text=f"路口{word}了")))


@pytest.mark.parametrize("text", ["路灯不亮", "gas station", "a leak in the roof", "井盖破损，行人危险", ""])
def test_ordinary_reports_are_left_where_they_are(text: str) -> None:
    assert not looks_urgent()(encode("HotlineOrder", a_body("HotlineOrder", text=text)))


@given(st.binary(max_size=200))
def test_any_bytes_are_looked_at_without_a_fault(record: bytes) -> None:
    assert looks_urgent()(record) in (True, False)


@given(st.binary(max_size=20), st.binary(max_size=20))
def test_bytes_around_a_text_hide_nothing(before: bytes, after: bytes) -> None:
    """A text stands behind the last byte of its length, which is no part of a sign."""
    assume(not before or before[-1] < 128)
    assert looks_urgent()(before + "ＧＡＳ leak 燃气\u200b泄漏".encode() + after)
