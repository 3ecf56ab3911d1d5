"""Does a raw record look urgent? A scan of its bytes for the words of danger, without decoding it. Pure.

It never misses what the classifier would call an emergency by words: the words are looked for part by part (both halves
of "gas leak"), whatever stands around them, so a drill and a denial are spotted too. Whoever reads the record
afterwards knows better; here only the order of reading is decided.

Nearly all records are ordinary, and a look that costs little tells so: none of the signs is there of which every word
has one, and none of the Latin words. Texts are folded (width, case, invisible signs) before the classifier looks at
them; a sign that folds into one of these words is taken for one of them.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping

from pipeline.domain.lexicon import WordScan
from pipeline.domain.text import fold

Phrase = frozenset[str]
"""The parts of a word between its blanks."""
Folded = Mapping[int, str]
LEARN_FROM = 1_000
"""Records after which it is known well enough which signs are rare."""
_LOWER = bytes(ord(chr(byte).lower()) if byte < 128 else byte for byte in range(256))


def spotter(words: Iterable[str], learn_from: int = LEARN_FROM) -> Callable[[bytes], bool]:
    """A function that tells of the bytes of a record whether all parts of any of the words are among them.

    It learns from the first records which signs are rare; what it answers does not hang on that, only how fast.
    """
    phrases = [frozenset(fold(word).split()) for word in words]
    table = _folded({sign for phrase in phrases for part in phrase for sign in part})
    latin = _search([phrase for phrase in phrases if all(part.isascii() for part in phrase)], range(128, 256))
    urgent = _search(phrases)
    odd, seen, learned = set(map(chr, table)), Counter[str](), 0
    folds, hint = _any_of(odd), _any_of(odd | _rarest(phrases, Counter()))

    def looks_urgent(record: bytes) -> bool:
        nonlocal hint, learned
        text = record.decode("utf-8", "ignore")
        if learned < learn_from:
            learned += 1
            seen.update(text)
            hint = _any_of(odd | _rarest(phrases, seen)) if learned == learn_from else hint
        if hint(text) is None and not latin(record):
            return False
        return urgent(record) or (folds(text) is not None and urgent(text.translate(table).encode()))

    return looks_urgent


def _search(phrases: Collection[Phrase], besides: Iterable[int] = ()) -> Callable[[bytes], bool]:
    """Looks for phrases in bytes, without the signs of ASCII that none of them has (and the bytes ``besides``)."""
    parts = sorted({part for phrase in phrases for part in phrase})
    signs = {sign for part in parts for sign in part}
    idle = bytes([*(byte for byte in range(128) if chr(byte).lower() not in signs), *besides])
    scan = WordScan.compile([(part, "") for part in parts])

    def found(record: bytes) -> bool:
        met = scan.words_in(record.translate(_LOWER, idle))
        return bool(met) and any(phrase <= met for phrase in phrases)

    return found


def _rarest(phrases: Iterable[Phrase], seen: Counter[str]) -> set[str]:
    """Of each phrase beyond ASCII the sign that is rarest in what was ``seen``."""
    signs = (sorted({sign for part in phrase for sign in part if not sign.isascii()}) for phrase in phrases)
    return {min(some, key=lambda sign: seen[sign]) for some in signs if some}


def _any_of(signs: Collection[str]) -> Callable[[str], object]:
    """Finds one of these signs in a text, or any beyond 16 bits.

    In two searches: a set that holds signs beyond 16 bits is searched a hundred times more slowly.
    """
    near = re.compile("[" + "".join(re.escape(sign) for sign in sorted(signs) if sign <= "\uffff") + "]").search
    far = re.compile("[\U00010000-\U0010ffff]").search
    return lambda text: near(text) or far(text)


def _folded(plain: set[str]) -> Folded:
    """What every sign beyond ASCII becomes that folds into some of ``plain``, or into nothing.

    Sign by sign: signs that combine could only lose a word, never make one.
    """
    found: dict[int, str] = {}
    for point in range(128, sys.maxunicode + 1):
        sign = chr(point)
        if unicodedata.category(sign) in ("Cc", "Cf"):
            if fold(f"a{sign}a") == "aa":
                found[point] = ""
        elif sign not in plain and (unicodedata.decomposition(sign) or sign.casefold() != sign):
            becomes = unicodedata.normalize("NFKC", sign).casefold()
            if not plain.isdisjoint(becomes):
                found[point] = becomes
    return found
