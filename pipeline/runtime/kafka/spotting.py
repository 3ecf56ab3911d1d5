"""Does a raw record look urgent? A scan of its bytes for the words of danger, without decoding it. Pure.

It never misses what the classifier would call an emergency by words: the words are looked for part by part (both halves
of "gas leak"), whatever stands around them, so a drill and a denial are spotted too. Whoever reads the record
afterwards knows better; here only the order of reading is decided.

Texts are folded (width, case, invisible signs) before the classifier looks at them. To fold the bytes of every record
would cost too much: only a record with a sign that folds into one of these words is looked at once more, folded.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Callable, Iterable, Mapping

from pipeline.domain.lexicon import WordScan
from pipeline.domain.text import fold

Folded = Mapping[int, str]
_LOWER = bytes(ord(chr(byte).lower()) if byte < 128 else byte for byte in range(256))


def spotter(words: Iterable[str]) -> Callable[[bytes], bool]:
    """A function that tells of the bytes of a record whether all parts of any of the words are among them."""
    phrases = [frozenset(fold(word).split()) for word in words]
    parts = sorted({part for phrase in phrases for part in phrase})
    signs = {sign for part in parts for sign in part}
    idle = bytes(byte for byte in range(128) if chr(byte).lower() not in signs)
    """What no part has: without it there is less to scan."""
    scan = WordScan.compile([(part, "") for part in parts])
    table = _folded(signs)
    odd = _pattern(table).search

    def urgent(plain: bytes) -> bool:
        met = scan.words_in(plain.translate(_LOWER, idle))
        return bool(met) and any(phrase <= met for phrase in phrases)

    def looks_urgent(record: bytes) -> bool:
        if urgent(record):
            return True
        return odd(record) is not None and urgent(record.decode("utf-8", "ignore").translate(table).encode())

    return looks_urgent


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


def _pattern(table: Folded) -> re.Pattern[bytes]:
    """The bytes of any of these signs, as a tree: what begins the same is looked at once."""
    return re.compile(_alternatives({chr(point).encode() for point in table}))


def _alternatives(rest: set[bytes]) -> bytes:
    if rest == {b""}:
        return b""
    by_first: dict[bytes, set[bytes]] = {}
    for one in rest:
        by_first.setdefault(one[:1], set()).add(one[1:])
    by_rest: dict[bytes, list[bytes]] = {}
    for first, after in sorted(by_first.items()):
        by_rest.setdefault(_alternatives(after), []).append(b"\\x" + first.hex().encode())
    return b"(?:" + b"|".join(b"[" + b"".join(firsts) + b"]" + after for after, firsts in by_rest.items()) + b")"
