"""Chance that can be repeated: every draw comes from the seed and the purpose it serves, in whatever order it is asked.

A purpose never shares its stream with another one, so a day can be made without the days before it, and turning one
behaviour off leaves the rest of the city as it was.
"""

from __future__ import annotations

import random
from hashlib import blake2b


def digest(seed: int, *purpose: object) -> int:
    """64 bits that depend on all parts and nothing else (not on the process's hash seed)."""
    text = "\x1f".join([str(seed), *map(str, purpose)])
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")


def dice(seed: int, *purpose: object) -> random.Random:
    """A generator of its own for one purpose."""
    return random.Random(digest(seed, *purpose))


def chance(seed: int, *purpose: object) -> float:
    """One number in [0, 1) without making a generator."""
    return digest(seed, *purpose) / 2**64
