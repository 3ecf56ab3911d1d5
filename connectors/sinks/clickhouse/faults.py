"""What an error of the server means: try again, these rows are bad, or an operator has to act or to give a right."""

from __future__ import annotations

from enum import StrEnum


class Fate(StrEnum):
    """The fates of an insert that failed."""

    AGAIN = "again"
    ROWS = "rows"
    STOP = "stop"
    REFUSED = "refused"


ROWS = frozenset({6, 26, 27, 38, 41, 53, 69, 70, 72, 117, 131, 190, 321, 349, 395, 407, 457, 469, 676, 691})
"""The rows are at fault: they cannot be parsed or converted, are out of range, null where null is not allowed, or break
a constraint of the table."""
STOP = frozenset({8, 10, 16, 36, 47, 60, 80, 81, 115, 511})
"""The table, a column or a setting is missing: every row would be refused, so none is."""
REFUSED = frozenset({164, 192, 193, 194, 291, 497, 516})
"""The user is unknown, its password is another, or it lacks a right (164: it may only read)."""
_MEMORY, _PARTS = frozenset({241, 173}), frozenset({252, 253})
_TIMES, _NETWORK = frozenset({159, 160, 209}), frozenset({32, 99, 100, 101, 102, 210, 279, 999})


def fate_of(code: int) -> Fate:
    """The fate of an insert by the server's error code. What is not known passes, sooner or later."""
    if code in ROWS:
        return Fate.ROWS
    if code in REFUSED:
        return Fate.REFUSED
    return Fate.STOP if code in STOP else Fate.AGAIN


def cause_of(code: int) -> str:
    """Why an insert is tried again: ``network``, ``timeout``, ``memory``, ``parts``, ``server`` or ``other``."""
    for codes, cause in ((_MEMORY, "memory"), (_PARTS, "parts"), (_TIMES, "timeout"), (_NETWORK, "network")):
        if code in codes:
            return cause
    return "server" if code > 0 else "other"
