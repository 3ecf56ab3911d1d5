"""What an error of the server means: try again, these rows are bad, or an operator has to act."""

from __future__ import annotations

from enum import StrEnum


class Fault(StrEnum):
    """The three fates of an insert that failed."""

    AGAIN = "again"
    ROWS = "rows"
    STOP = "stop"


ROWS = frozenset({6, 26, 27, 38, 41, 53, 69, 70, 72, 117, 131, 190, 321, 349, 395, 407, 457, 469, 676, 691})
"""The rows are at fault: they cannot be parsed or converted, are out of range, null where null is not allowed, or break
a constraint of the table."""
STOP = frozenset({8, 10, 16, 36, 47, 60, 80, 81, 115, 192, 193, 194, 291, 497, 511, 516})
"""The table, a column, a setting or a right is missing: every row would be refused, so none is."""
_MEMORY, _PARTS = frozenset({241, 173}), frozenset({252, 253})
_TIMES, _NETWORK = frozenset({159, 160, 209}), frozenset({32, 99, 100, 101, 102, 210, 279, 999})


def fate_of(code: int) -> Fault:
    """The fate of an insert by the server's error code. What is not known passes, sooner or later."""
    if code in ROWS:
        return Fault.ROWS
    return Fault.STOP if code in STOP else Fault.AGAIN


def cause_of(code: int) -> str:
    """Why an insert is tried again: ``network``, ``timeout``, ``memory``, ``parts``, ``server`` or ``other``."""
    for codes, cause in ((_MEMORY, "memory"), (_PARTS, "parts"), (_TIMES, "timeout"), (_NETWORK, "network")):
        if code in codes:
            return cause
    return "server" if code > 0 else "other"
