"""What a stage is: a pure step from state and input to an outcome.

A step reads its state and returns what to *change*, what to *say* (facts) and what to *send on* (messages). It has no
clock, no I/O and no randomness, and leaves state and input untouched; the runner applies the changes and writes them to
the changelog, so a crash between two steps loses nothing. The same step on a state that has already answered the same
origin answers the same again (see ADR 0001).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Protocol, TypeVar

import msgspec

from pipeline.events.base import Value
from pipeline.events.facts import Fact, Samples


class Change(msgspec.Struct, frozen=True, gc=False):
    """One entry of a state to write (or to remove when ``value`` is ``None``)."""

    space: str
    key: str
    value: Value | None


Written = tuple[str, str, Value | bytes | None]
"""Space and key of an entry that was written, and what it is now: encoded, still to be encoded, or gone (``None``)."""

_encode = msgspec.msgpack.Encoder().encode


def packed(value: Value | bytes | None) -> bytes | None:
    """An entry as a changelog keeps it."""
    return _encode(value) if isinstance(value, Value) else value


class Settlement(msgspec.Struct, frozen=True, gc=False):
    """How one record ended, for the counts that reconcile: every record that came in is settled exactly once."""

    channel: str
    fate: str
    outcome: str
    samples: int = 0
    derived: bool = False


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """What one step gives back."""

    facts: tuple[Fact | Samples, ...] = ()
    messages: tuple[Any, ...] = ()
    changes: tuple[Change, ...] = ()
    settled: tuple[Settlement, ...] = ()


class State(Protocol):
    """Keyed entries of one partition with whatever indexes its stage needs; rebuilt from its entries after a crash."""

    def apply(self, changes: Iterable[Change]) -> Iterable[Written]:
        """Write the changes of one step and give them back for the changelog, which packs them (:func:`packed`)."""

    def restore(self, space: str, key: str, data: bytes | None) -> None:
        """Write one entry as a changelog keeps it."""

    def entries(self) -> Iterator[tuple[str, str, bytes]]:
        """All entries as a changelog keeps them, for compaction and for comparing two states."""

    def __len__(self) -> int:
        """How many entries there are."""


In_contra = TypeVar("In_contra", contravariant=True)
State_contra = TypeVar("State_contra", contravariant=True)


class Stage(Protocol[State_contra, In_contra]):
    """A named step; ``topology`` wires the stages and both runners run them."""

    name: str

    def key(self, event: In_contra) -> str:
        """The partition key of an input."""

    def step(self, state: State_contra, event: In_contra) -> Outcome:
        """Decide on one input. Pure."""
