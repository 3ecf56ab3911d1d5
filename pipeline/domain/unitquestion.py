"""Questions to the model of units: what is known of a matter, at which levels it is counted, as which features."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
Level = tuple[str, ...]

SHORT_TEXT = 60
"""Longer texts are no key: they hardly ever come again."""

UNIT_LEVELS: dict[Level, Level | None] = {
    (): None,
    ("family",): (),
    ("family", "street"): ("family",),
    ("family", "community"): ("family", "street"),
    ("family", "channel"): ("family",),
    ("group",): ("family",),
    ("group", "street"): ("group",),
    ("group", "community"): ("group", "street"),
    ("kind",): ("group",),
    ("kind", "street"): ("kind",),
    ("kind", "community"): ("kind", "street"),
    ("kind", "channel"): ("kind",),
    ("kind", "street", "channel"): ("kind", "street"),
    ("kind", "nature"): ("kind",),
    ("kind", "text"): ("kind",),
    ("kind", "text", "street"): ("kind", "text"),
    ("community",): (),
}
"""Levels of the counts of units, each with the wider level that it backs off to."""
ROLE_LEVELS: dict[Level, Level | None] = {
    (): None,
    ("family",): (),
    ("group",): ("family",),
    ("group", "street"): ("group",),
    ("group", "channel"): ("group",),
    ("kind",): ("group",),
    ("kind", "channel"): ("kind",),
    ("kind", "street"): ("kind",),
    ("kind", "nature"): ("kind",),
}
PLACE_LEVELS: dict[Level, Level | None] = {
    (): None,
    ("street",): (),
    ("street", "family"): ("street",),
    ("community",): ("street",),
    ("community", "family"): ("community",),
}
"""Levels of the counts of units within their role: which of the like teams works here?"""
LATEST: tuple[Level, ...] = (("kind", "community"), ("kind", "street"), ("kind",), ("group", "community"))
"""Levels at which the unit of the latest case counts by itself."""
FEATURES = (
    ["all"]
    + [f"{'+'.join(level)}/{much}" for level in UNIT_LEVELS if level for much in ("few", "some", "many")]
    + ["role"]
    + [f"role {'+'.join(level)}/{much}" for level in ROLE_LEVELS if level for much in ("few", "many")]
    + ["place"]
    + [f"place {'+'.join(level)}" for level in PLACE_LEVELS if level]
    + [f"latest {'+'.join(level)}" for level in LATEST]
    + ["softmax", "role softmax"]
)


class Asked(NamedTuple):
    """A question: what is known of a matter when it arrives. Blank is unknown."""

    kind: str
    """The finest category."""
    group: str
    family: str
    """The widest category."""
    street: str
    community: str
    """The smallest area known: a community, a cell of a map."""
    channel: str
    nature: str
    """Complaint, question, praise …"""
    text: str = ""
    words: tuple[str, ...] = ()
    """Words or letters of the names of its categories and of its text."""


def question(
    standard: str, kind: str, code: str, family: str, street: str, community: str, channel: str, nature: str
) -> Asked:  # fmt: skip
    """The question on a case of this city, from what its facts say: for training from a store and for running."""
    key = f"{standard}|{kind}|{code}" if code else ""
    return Asked(key, f"{standard}|{kind}|{code[:2]}" if code else "", family, street, community, channel, nature)


class Unit(NamedTuple):
    """A unit as a model knows it."""

    id: str
    role: str
    """What it has in common with units of other places, such as "enforcement team"."""


class Ranked(NamedTuple):
    """One candidate, with its probability and what speaks for it."""

    unit: str
    probability: float
    reason: str


def words_of(*texts: str) -> tuple[str, ...]:
    """Words of texts in letters, single characters and pairs of them of Chinese texts; in order, each once."""
    found: dict[str, None] = {}
    for text in texts:
        for word in text.casefold().split():
            if word.isascii():
                found[word.strip(".,:;()/\\")] = None
            else:
                found.update(dict.fromkeys(word))
                found.update(dict.fromkeys(word[at : at + 2] for at in range(len(word) - 1)))
    found.pop("", None)
    return tuple(found)


def key_of(level: Level, asked: Asked) -> str | None:
    """The key of a question at a level; ``None`` when a field of the level is unknown."""
    values = [getattr(asked, name) for name in level]
    if not all(values) or ("text" in level and len(asked.text) > SHORT_TEXT):
        return None
    return "\x1f".join(["+".join(level), *values])


WORD_VALUE = 0.3
"""Words count for less than fields, so that the penalty keeps them small."""


def named(asked: Asked) -> list[tuple[str, float]]:
    """The features of the softmax and their values: a constant, one a field, one a word."""
    fields = [(f"{name}={value}", 1.0) for name, value in zip(Asked._fields[:7], asked[:7], strict=True) if value]
    text = [(f"text={asked.text}", 1.0)] if 0 < len(asked.text) <= SHORT_TEXT else []
    return [("", 1.0), *fields, *text, *((f"~{word}", WORD_VALUE) for word in asked.words)]


def default_weights() -> Array:
    """Weights that are stated, not learned: plain back-off along kind, street and community, and place within role."""
    chain = {("family",), ("group",), ("kind",), ("kind", "street"), ("kind", "community")}
    names = {f"{'+'.join(level)}/{much}" for level in chain for much in ("few", "some", "many")}
    return np.array([float(name == "all" or name in names) for name in FEATURES])
