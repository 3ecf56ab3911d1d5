"""Phrases vote for keys with the longest winning, and emergency words count only in earnest."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.domain.lexicon import Choice, Lexicon, Sighting, WordScan

ENTRIES = [
    ("井盖", "manhole", 1.0),
    ("雨水井盖", "storm-drain", 2.0),
    ("路灯", "lamp", 1.0),
    ("路灯不亮", "lamp", 2.0),
    ("破损", "manhole", 0.5),
    ("破损", "lamp", 0.5),
    ("street light", "lamp", 1.0),
]
LEXICON = Lexicon.compile(ENTRIES, threshold=0.3)


def test_scores_add_the_weights_of_the_different_phrases() -> None:
    assert LEXICON.scores("井盖破损，路灯，井盖") == {"manhole": 1.5, "lamp": 1.5}


def test_a_phrase_inside_a_longer_match_does_not_count() -> None:
    assert LEXICON.scores("雨水井盖丢失") == {"storm-drain": 2.0}
    assert LEXICON.scores("雨水井盖，另一个井盖") == {"storm-drain": 2.0, "manhole": 1.0}


def test_a_phrase_at_the_start_of_a_longer_match_does_not_count() -> None:
    assert LEXICON.scores("路灯不亮") == {"lamp": 2.0}


def test_overlapping_phrases_both_count() -> None:
    lexicon = Lexicon.compile([("路灯", "a", 1.0), ("灯杆", "b", 1.0)])
    assert lexicon.scores("路灯杆") == {"a": 1.0, "b": 1.0}


def test_phrases_are_folded_when_compiled() -> None:
    assert LEXICON.best("street light out").key == "lamp"
    assert Lexicon.compile([("ＬＥＤ　屏", "screen", 1.0)]).best("led 屏").key == "screen"


@pytest.mark.parametrize(
    ("text", "key", "confidence"),
    [
        pytest.param("路灯不亮", "lamp", 2 / 3, id="no rival"),
        pytest.param("路灯", "lamp", 1 / 2, id="one phrase of the weight of the prior"),
        pytest.param("雨水井盖，路灯", "storm-drain", 1 / 3, id="just above the threshold"),
        pytest.param("井盖，路灯", None, 0.0, id="a tie"),
        pytest.param("天气很好", None, 0.0, id="nothing found"),
    ],
)
def test_confidence_is_the_margin_over_the_score_and_prior(text: str, key: str | None, confidence: float) -> None:
    best = LEXICON.best(text)
    assert best.key == key
    assert best.confidence == pytest.approx(confidence)


def test_exactly_on_the_threshold_is_enough_and_below_abstains() -> None:
    assert Lexicon.compile([("路灯", "lamp", 1.0)], threshold=0.5).best("路灯").key == "lamp"
    below = Lexicon.compile([("路灯", "lamp", 1.0)], threshold=0.51).best("路灯")
    assert below == Choice(None, 0.5, (("lamp", 1.0),))


def test_a_tie_abstains_even_without_a_threshold() -> None:
    assert Lexicon.compile([("路灯", "a", 1.0), ("井盖", "b", 1.0)], threshold=0).best("路灯井盖").key is None


def test_candidates_come_best_first_and_equal_ones_by_key() -> None:
    lexicon = Lexicon.compile([(word, key, 1.0) for word, key in zip("甲乙丙丁戊己", "fedcba", strict=True)])
    assert [key for key, _ in lexicon.best("甲乙丙丁戊己").shares] == list("abcde")


def test_a_faulty_lexicon_names_every_fault() -> None:
    entries = [(" ", "a", 1.0), ("路灯", "b", 0.0), ("井盖", "c", 1.0), ("井盖", "c", 2.0), ("x", "d", float("nan"))]
    with pytest.raises(ValueError, match=r"blank.*'路灯'.*'井盖'.*twice.*nan.*threshold 1") as caught:
        Lexicon.compile(entries, threshold=1)
    assert str(caught.value).count(";") == 4


def test_an_empty_lexicon_finds_nothing() -> None:
    assert Lexicon.compile([]).best("路灯") == Choice(None, 0.0, ())


WORDS = st.lists(st.text("路灯井盖ab é", min_size=1, max_size=4).filter(str.strip), min_size=1, max_size=8)
TEXTS = st.lists(st.text("路灯井盖ab é，", max_size=20), max_size=8)


@settings(max_examples=200, deadline=None)
@given(WORDS, TEXTS)
def test_many_texts_give_what_each_gives_alone(words: list[str], texts: list[str]) -> None:
    lexicon = Lexicon.compile({word.strip(): (word, f"k{n % 3}", 1.0 + n) for n, word in enumerate(words)}.values())
    assert lexicon.best_many(texts) == [lexicon.best(text) for text in texts]


@settings(max_examples=200, deadline=None)
@given(WORDS, st.text("路灯井盖ab é，", max_size=20))
def test_scores_equal_a_plain_search(words: list[str], text: str) -> None:
    phrases = sorted({" ".join(word.split()).casefold() for word in words})
    lexicon = Lexicon.compile([(phrase, phrase, 1.0) for phrase in phrases])
    spans = {(at, at + len(p), p) for p in phrases for at in range(len(text)) if text.startswith(p, at)}
    inside = {s for s in spans for t in spans if s != t and t[0] <= s[0] and s[1] <= t[1]}
    assert lexicon.scores(text) == dict.fromkeys({phrase for _, _, phrase in spans - inside}, 1.0)


EMERGENCIES = {
    "漏气": "E-GAS",
    "燃气泄漏": "E-GAS",
    "爆炸": "E-BLAST",
    "火灾": "E-FIRE",
    "着火": "E-FIRE",
    "fire": "E-FIRE",
}
SCAN = WordScan.compile(
    [*EMERGENCIES.items(), ("塌陷", "E-FALL"), ("被困", "E-TRAP")], harmless=["消防演练", "火灾隐患", "firewood"]
)


@pytest.mark.parametrize(
    "text",
    [
        "没有漏气",
        "没有发生漏气",
        "未发现漏气",
        "不是着火",
        "无人员被困",
        "并未着火",
        "担心漏气",
        "害怕会发生爆炸",
        "避免再次塌陷",
        "燃气泄漏应急演练",
        "演练火灾逃生",
        "火灾知识宣传",
        "举办消防演练",
        "存在火灾隐患",
        "防火灾",
        "no fire",
        "there was no sign of fire here",
        "not on fire",
        "fire hydrant leaking",
        "fire drill today",
        "firewood on the path",
        "ceasefire",
        "fireplace",
        "路灯不亮",
        "",
    ],
)
def test_denied_feared_rehearsed_or_harmless_words_are_no_emergency(text: str) -> None:
    assert SCAN.found(text) == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("楼下漏气", ("漏气",)),
        ("没有人管漏气的事", ("漏气",)),
        ("有没有漏气", ("漏气",)),
        ("是不是漏气了", ("漏气",)),
        ("怀疑漏气", ("漏气",)),
        ("没有停水，漏气", ("漏气",)),
        ("漏气，担心爆炸", ("漏气",)),
        ("可能会塌陷", ("塌陷",)),
        ("消防通道着火", ("着火",)),
        ("消防着火了", ("着火",)),
        ("宣传栏着火", ("着火",)),
        ("培训机构着火", ("着火",)),
        ("不停漏气", ("漏气",)),
        ("燃气泄漏，燃气泄漏，着火", ("燃气泄漏", "着火")),
        ("house on fire", ("fire",)),
        ("no lights. fire!", ("fire",)),
    ],
)
def test_words_in_earnest_are_seen_in_order(text: str, words: tuple[str, ...]) -> None:
    assert tuple(sighting.word for sighting in SCAN.found(text)) == words


def test_a_sighting_carries_its_rule() -> None:
    assert SCAN.found("路面塌陷") == (Sighting("塌陷", "E-FALL"),)


def test_a_faulty_scan_names_every_fault() -> None:
    with pytest.raises(ValueError, match=r"' '.*'漏气'"):
        WordScan.compile([(" ", "a"), ("漏气", "b"), ("漏气", "c")])


@given(st.lists(st.text("没有漏气着火，fire é\n", max_size=20), max_size=6))
def test_many_texts_are_scanned_as_each_alone(texts: list[str]) -> None:
    assert SCAN.found_many(texts) == [SCAN.found(text) for text in texts]
