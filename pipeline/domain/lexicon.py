"""Phrases found in texts: weighted phrases that vote for a key, and emergency words with a guard against negation.

Texts are expected folded (``pipeline.domain.text.fold``); phrases are folded when compiled.
"""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Self

from pipeline.domain.phrases import as_bytes, as_text, automaton_of, outermost
from pipeline.domain.text import fold

__all__ = ["Choice", "Lexicon", "Sighting", "WordScan"]

_CANDIDATES: Final = 5


class Choice(NamedTuple):
    """The key a text speaks for, or None when it is not clear enough; and who stood how near."""

    key: str | None
    confidence: float
    """(first score - second score) / (first score + prior), in [0, 1): weak evidence and close rivals both lower it."""
    shares: tuple[tuple[str, float], ...]
    """The best five keys with their share of all scores, best first, equal ones by key."""


_NOTHING: Final = Choice(None, 0.0, ())

_Votes = tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Phrases voting for keys. Each phrase counts once a text; a phrase inside a longer match does not count."""

    automaton: Any = field(repr=False)
    lengths: tuple[int, ...] = field(repr=False)
    votes: tuple[_Votes, ...] = field(repr=False)
    threshold: float
    prior: float

    @classmethod
    def compile(cls, entries: Iterable[tuple[str, str, float]], *, threshold: float = 0.3, prior: float = 1.0) -> Self:
        """A lexicon of (phrase, key, weight); ``best`` abstains below ``threshold``.

        ``prior`` is the weight of evidence at which an unrivalled key has confidence 0.5. The same phrase may vote for
        several keys; the same (phrase, key) twice is a fault. Raises ValueError that names every faulty entry.
        """
        votes, faults = _collect(entries)
        if not 0 <= threshold < 1:
            faults.append(f"threshold {threshold!r}: give a number in [0, 1)")
        if not 0 < prior < math.inf:
            faults.append(f"prior {prior!r}: give a positive number")
        if faults:
            raise ValueError("; ".join(faults))
        encoded = [as_bytes(phrase) for phrase in votes]
        ballots = tuple([tuple(sorted(keys.items())) for keys in votes.values()])
        return cls(automaton_of(encoded), tuple(map(len, encoded)), ballots, threshold, prior)

    def scores(self, text: str) -> dict[str, float]:
        """Sum of the weights of the different phrases found, by key; keys without a phrase are absent."""
        totals: dict[str, float] = {}
        for number in self._phrases(text):
            for key, weight in self.votes[number]:
                totals[key] = totals.get(key, 0.0) + weight
        return totals

    def _phrases(self, text: str) -> Iterable[int]:
        if not self.lengths:
            return ()
        found = [*self.automaton.iter(as_bytes(text))]
        if len(found) < 2:
            return [number for _, number in found]
        return dict.fromkeys(outermost(found, self.lengths)[1])  # in order: a sum of floats depends on it

    def best(self, text: str) -> Choice:
        """The key with the highest score, its confidence, and the best candidates."""
        totals = self.scores(text)
        if not totals:
            return _NOTHING
        whole = sum(totals.values())
        ranked = sorted([(-score, key) for key, score in totals.items()])
        shares = tuple([(key, -score / whole) for score, key in ranked[:_CANDIDATES]])
        first, key = -ranked[0][0], ranked[0][1]
        second = -ranked[1][0] if len(ranked) > 1 else 0.0
        confidence = (first - second) / (first + self.prior)
        return Choice(key if confidence >= self.threshold and first > second else None, confidence, shares)

    def best_many(self, texts: Sequence[str]) -> list[Choice]:
        """``best`` of each text, in order; equal texts of one batch are looked at once."""
        known: dict[str, Choice] = {}
        for text in texts:
            if text not in known:
                known[text] = self.best(text)
        return [known[text] for text in texts]


def _collect(entries: Iterable[tuple[str, str, float]]) -> tuple[dict[str, dict[str, float]], list[str]]:
    votes: dict[str, dict[str, float]] = {}
    faults: list[str] = []
    for phrase, key, weight in entries:
        folded = fold(phrase)
        if not folded:
            faults.append(f"phrase {phrase!r} of {key!r}: give a phrase that is not blank")
        elif not 0 < weight < math.inf:
            faults.append(f"weight {weight!r} of phrase {phrase!r} for {key!r}: give a positive number")
        elif key in votes.get(folded, {}):
            faults.append(f"phrase {phrase!r} for {key!r}: given twice, keep one")
        else:
            votes.setdefault(folded, {})[key] = weight
    return votes, faults


class Sighting(NamedTuple):
    """An emergency word that a text uses in earnest, and the rule it stands for."""

    word: str
    rule_id: str


# What takes the urgency out of the word that stands after it in the same clause. A doubt is no denial (是不是漏气,
# 有没有漏气, 怀疑漏气 stay), nor is 没有人管漏气: only verbs of happening may stand between. Worry and prevention reach
# further. "Possible" is left out on purpose, and so is 隐患: what may leak or fall down is acted upon; a harmless
# phrase (火灾隐患) is for the list of the caller.
_HAPPEN: Final = "(?:发生|出现|发现|存在|闻到|看到|看见|听到|造成|引起|引发|导致|任何|明显|过|再|有|什么|人员|人|被)"
_REACH: Final = r"[^，。；！？,.;!?\n]{0,8}"
_DENIED: Final = re.compile(
    rf"""(?: (?:(?<!有)没有|(?<![有没])没|(?<!是)不是|(?<!有)并?未|(?<![有没])无|不存在|并非|排除|不会|不再|不)
            \s*{_HAPPEN}{{0,2}}
        | (?:担心|担忧|害怕|生怕|唯恐|恐怕|以免|避免|防止|预防|谨防|防范|杜绝|万一|会不会){_REACH}
        | (?:怕|(?<!消)防)
        | (?:演练|演习|模拟|宣传(?![栏牌画册板])|培训(?!机构|班|学校|中心)|讲座){_REACH}
        | \b(?:no|not|never|without|isn't|wasn't|no\ signs?\ of|false\ alarm\ (?:of|for)|prevent|worried\ about
            |afraid\ of|in\ case\ of)\s+(?:(?:a|an|any|the|on|more|actual|real)\s+)*
        )$""",
    re.VERBOSE,
)
_EXERCISE: Final = re.compile(
    rf"{_REACH}?(?:演练|演习|预案|宣传(?![栏牌画册板])|培训(?!机构|班|学校|中心)|讲座|知识)"
    r"|\s*(?:drill|exercise|hydrant|lane|station|safety|code)\b"
)
_LOOK_BACK: Final = 24
_NO_WORDS: Final[frozenset[str]] = frozenset()


@dataclass(frozen=True, slots=True)
class WordScan:
    """Words that make a report an emergency, unless denied, feared, prevented, rehearsed, or part of a longer harmless
    word (消防演练, 'fire hydrant')."""

    automaton: Any = field(repr=False)
    lengths: tuple[int, ...] = field(repr=False)
    sightings: tuple[Sighting | None, ...] = field(repr=False)
    """What each phrase means; None for a harmless one."""

    @classmethod
    def compile(cls, words: Iterable[tuple[str, str]], *, harmless: Iterable[str] = ()) -> Self:
        """A scan for (word, rule id); ``harmless`` phrases swallow the words inside them.

        Raises ValueError that names every blank word and every word given twice.
        """
        rules: dict[str, str | None] = {}
        faults: list[str] = []
        for word, rule_id in [*words, *((phrase, None) for phrase in harmless)]:
            folded = fold(word)
            if not folded:
                faults.append(f"word {word!r} of rule {rule_id!r}: give a word that is not blank")
            elif folded in rules:
                faults.append(f"word {word!r} of rule {rule_id!r}: already given, keep one")
            rules[folded] = rule_id
        if faults:
            raise ValueError("; ".join(faults))
        encoded = [as_bytes(word) for word in rules]
        sightings = [None if rule_id is None else Sighting(word, rule_id) for word, rule_id in rules.items()]
        return cls(automaton_of(encoded), tuple(map(len, encoded)), tuple(sightings))

    def found(self, text: str) -> tuple[Sighting, ...]:
        """The words used in earnest with their rule, each once, in order of appearance."""
        if not self.lengths:
            return ()
        raw = as_bytes(text)
        matches = [*self.automaton.iter(raw)]
        if not matches:
            return ()
        seen: dict[Sighting, None] = {}
        for before, number in zip(*outermost(matches, self.lengths), strict=True):
            sighting = self.sightings[number]
            if sighting is not None and _in_earnest(text, len(as_text(raw[: before + 1])), sighting.word):
                seen[sighting] = None
        return tuple(seen)

    def found_many(self, texts: Sequence[str]) -> list[tuple[Sighting, ...]]:
        """``found`` of each text, in order. One look over all texts tells which have any word at all: few do."""
        found: list[tuple[Sighting, ...]] = [()] * len(texts)
        for number in self._speaking(texts):
            found[number] = self.found(texts[number])
        return found

    def _speaking(self, texts: Sequence[str]) -> Iterable[int]:
        """Numbers of the texts in which some phrase stands; a phrase is folded, so none reaches over a line end."""
        if not self.lengths:
            return ()
        joined = as_bytes("\n".join(texts))
        if joined.count("\n") != len(texts) - 1:
            return range(len(texts))  # not folded
        speaking: list[int] = []
        number = done = 0
        for end, _ in self.automaton.iter(joined):
            number += joined.count("\n", done, end)
            done = end
            if not speaking or speaking[-1] != number:
                speaking.append(number)
        return speaking

    def words_in(self, data: bytes) -> frozenset[str]:
        """All words that stand in bytes of UTF-8 among others, taken as they are: no folding, no denial."""
        matches = [*self.automaton.iter(data.decode("latin-1"))] if self.lengths else []
        if not matches:
            return _NO_WORDS
        met = [self.sightings[number] for _, number in matches]
        return frozenset([sighting.word for sighting in met if sighting is not None])


def _in_earnest(text: str, start: int, word: str) -> bool:
    end = start + len(word)
    if word[0].isascii() and _ascii_letter(text[start - 1 : start] if start else ""):
        return False
    if word[-1].isascii() and _ascii_letter(text[end : end + 1]):
        return False
    if _DENIED.search(text[max(0, start - _LOOK_BACK) : start]) is not None:
        return False
    return _EXERCISE.match(text, end, end + _LOOK_BACK) is None


def _ascii_letter(character: str) -> bool:
    return character.isascii() and character.isalpha()
