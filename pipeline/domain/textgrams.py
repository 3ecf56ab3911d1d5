"""Texts as counts of hashed character n-grams, for many texts at once.

A text is taken sign by sign: compatibility forms are folded (full width to half width, upper to lower case), everything
but letters and ideographs is left out (white space, punctuation, digits), and every run of ``n`` signs in a row is
hashed to one of ``2**bits`` places. No salt and no chance: the same text gives the same counts in every process, and a
text gives the same alone as among others.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

LIMIT = 4_000
"""Signs of a text that are looked at; what is longer repeats itself."""
_BLOCK = 1 << 14
"""Signs that are worked on at once: about 40 messages. Larger blocks cost more for sorting."""
_PLANE = 1 << 16


class Grams(NamedTuple):
    """Different n-grams of ``k`` texts: those of text ``i`` are ``places[starts[i]:starts[i + 1]]``, ascending."""

    places: Array
    """uint32, in [0, 2**bits)."""
    counts: Array
    """How often each occurs in its text, uint32."""
    starts: Array
    """int64, ``k + 1`` of them."""


def grams(texts: Sequence[str], orders: Sequence[int], bits: int) -> Grams:
    """The n-grams of every length in ``orders`` (1 to 6, ascending); ``bits`` from 8 to 24."""
    parts = [_grams(block, orders, bits) for block in _blocks(texts, min(_BLOCK, 1 << (32 - bits)))]
    if len(parts) == 1:
        return parts[0]
    sizes = [np.diff(part.starts) for part in parts]
    starts = np.concatenate([np.zeros(1, np.int64), *sizes]).cumsum()
    empty = np.zeros(0, np.uint32)
    return Grams(
        np.concatenate([empty, *(part.places for part in parts)]),
        np.concatenate([empty, *(part.counts for part in parts)]),
        starts,
    )


def _blocks(texts: Sequence[str], most: int) -> list[Sequence[str]]:
    found, start, size = [], 0, 0
    for at, text in enumerate(texts):
        size += len(text)
        if size > _BLOCK or at - start >= most:
            found.append(texts[start:at])
            start, size = at, len(text)
    found.append(texts[start:])
    return [block for block in found if block]


def _grams(texts: Sequence[str], orders: Sequence[int], bits: int) -> Grams:
    signs, lengths = _signs(texts)
    starts = np.cumsum(lengths) - lengths
    owner = np.repeat(np.arange(len(texts), dtype=np.uint32) << np.uint32(bits), lengths)
    keys = np.concatenate([_hashed(signs, owner, lengths, starts, order, bits) for order in orders])
    keys.sort()
    first = np.ones(len(keys), bool)
    np.not_equal(keys[1:], keys[:-1], out=first[1:])
    where = np.flatnonzero(first)
    unique = keys[where]
    counts = np.diff(where, append=len(keys)).astype(np.uint32)
    each = np.bincount(unique >> np.uint32(bits), minlength=len(texts))
    ends = np.concatenate([np.zeros(1, np.int64), np.cumsum(each)])
    return Grams(unique & np.uint32((1 << bits) - 1), counts, ends)


def _signs(texts: Sequence[str]) -> tuple[Array, Array]:
    """Folded signs of all texts in one row, and how many each has."""
    cut = [text[:LIMIT] for text in texts]
    lengths = np.fromiter(map(len, cut), np.int64, len(cut))
    raw = np.frombuffer("".join(cut).encode("utf-32-le", "surrogatepass"), "<u4")
    signs = _folding()[np.minimum(raw, np.uint32(_PLANE - 1))]
    kept = signs != 0
    before = np.concatenate([np.zeros(1, np.int64), np.cumsum(kept)])
    ends = np.cumsum(lengths)
    return signs[kept].astype(np.uint32), before[ends] - before[ends - lengths]


def _hashed(signs: Array, owner: Array, lengths: Array, starts: Array, order: int, bits: int) -> Array:
    """Keys of the n-grams of one length: the number of the text above, the place below."""
    count = len(signs) - order + 1
    if count <= 0:
        return np.zeros(0, np.uint32)
    mixed = np.full(count, 0x9E3779B1 * order & 0xFFFFFFFF, np.uint32)
    for step in range(order):
        mixed ^= signs[step : step + count]
        mixed *= np.uint32(0x85EBCA6B)
        mixed ^= mixed >> np.uint32(15)
    mixed *= np.uint32(0xC2B2AE35)
    mixed ^= mixed >> np.uint32(16)
    keys = (mixed >> np.uint32(32 - bits)) | owner[:count]
    whole: Array = keys[owner[:count] == owner[order - 1 :]]
    return whole


@cache
def _folding() -> Array:
    """For every sign of the first plane the sign it stands for; 0 for what is left out."""
    table = np.zeros(_PLANE, np.uint16)
    for code in range(_PLANE - 1):
        folded = unicodedata.normalize("NFKC", chr(code)).casefold()
        sign = folded if len(folded) == 1 else chr(code)
        if unicodedata.category(sign)[0] == "L" and ord(sign) < _PLANE:
            table[code] = ord(sign)
    return table
