"""Many phrases looked for in a text at once.

The only module that knows pyahocorasick. Its trie looks up edges one by one, so a root with a thousand Chinese first
characters is slow; texts and phrases are therefore matched as UTF-8 bytes (written as Latin-1), where no node has more
than 64 edges. UTF-8 synchronises itself, so a match never begins inside a character.
"""

from collections.abc import Sequence
from typing import Any

import ahocorasick

__all__ = ["Match", "as_bytes", "as_text", "automaton_of", "outermost"]

Match = tuple[int, int]
"""Offset of the last byte, number of the phrase."""


def as_bytes(text: str) -> str:
    """A text as its UTF-8 bytes, each written as one sign."""
    return text.encode("utf-8", "surrogatepass").decode("latin-1")


def as_text(raw: str) -> str:
    """The text of such bytes."""
    return raw.encode("latin-1").decode("utf-8", "surrogatepass")


def automaton_of(encoded: Sequence[str]) -> Any:
    """What finds all of the phrases, written by ``as_bytes``; each is known by its number in the sequence."""
    automaton = ahocorasick.Automaton()
    for number, phrase in enumerate(encoded):
        automaton.add_word(phrase, number)
    automaton.make_automaton()
    return automaton


def outermost(found: list[Match], lengths: tuple[int, ...]) -> tuple[list[int], list[int]]:
    """Offset before the first byte, and number, of each match inside no other.

    Matches come ordered by their end, and for one end the longest first.
    """
    starts: list[int] = []
    numbers: list[int] = []
    last = -1
    for end, number in found:
        if end == last:
            continue  # ends with, and is shorter than, the one before
        last = end
        start = end - lengths[number]
        while starts and starts[-1] >= start:
            starts.pop()
            numbers.pop()
        starts.append(start)
        numbers.append(number)
    return starts, numbers
