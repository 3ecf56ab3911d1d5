"""The three kinds of error and their fates: quarantine, retry, stop.

* :class:`InvalidRecord` is the record's own fault: it is kept in quarantine with its reason and the run goes on.
* :class:`NeighbourAway` is a passing fault of another system: the same work is tried again with backoff.
* :class:`StopRun` and everything else stop the worker; nothing is acknowledged, so nothing is lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

FAULTY, STOPPED, BUG, AGAIN = 2, 3, 70, 75
"""Exit codes: faulty settings, reference data or arguments; stopped for a reason that an operator can mend; a worker
that met a bug of ours (``EX_SOFTWARE`` of sysexits.h); one that only has to be started again (``EX_TEMPFAIL``)."""


class Reason(StrEnum):
    """Why a record is refused: the closed list that quarantine, counts and alerts share."""

    UNDECODABLE = "undecodable"
    UNKNOWN_SCHEMA = "unknown_schema"
    MISSING_FIELD = "missing_field"
    WRONG_TYPE = "wrong_type"
    FUTURE_TIME = "future_time"
    ANCIENT_TIME = "ancient_time"
    NAIVE_TIME = "naive_time"
    NOT_A_NUMBER = "not_a_number"
    IMPOSSIBLE_COORDINATES = "impossible_coordinates"
    OVERSIZE = "oversize"
    CONFLICTING_CONTENT = "conflicting_content"
    SINK_REJECTED = "sink_rejected"


class InvalidRecord(Exception):
    """A record breaks its contract. ``field``, ``value`` and ``remedy`` tell its sender what to mend."""

    def __init__(self, reason: Reason, field: str, value: object, remedy: str) -> None:
        self.reason, self.field, self.remedy = reason, field, remedy
        self.value = repr(value)[:120]
        super().__init__(f"{reason.value}: {field} = {self.value}: {remedy}")


class NeighbourAway(Exception):
    """Another system does not answer for now; the same work may be tried again."""


class StopRun(Exception):
    """The run must stop with a message for the operator; nothing unfinished is acknowledged."""

    code = STOPPED
    """What the process then exits with."""


class FateUnknown(StopRun):
    """Nobody can say whether a transaction took effect, so its work done once more might double it.

    Whoever starts anew goes on from what Kafka has noted, and that says it.
    """

    code = AGAIN


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of settings, reference data or schemas: where it is, what stands there and how to mend it."""

    where: str
    field: str
    value: str
    remedy: str

    def __str__(self) -> str:
        """One line for a terminal."""
        return f"{self.where}: {self.field} = {self.value!r}: {self.remedy}"


class ConfigFaults(Exception):
    """Every fault of a configuration at once; a faulty set never starts anything (exit code 2)."""

    def __init__(self, faults: list[Fault]) -> None:
        self.faults = faults
        super().__init__("\n".join(map(str, faults)))


class Refused(ConfigFaults):
    """A neighbour is there and does not let this user do what was asked (exit code 2): only who gives rights mends it.

    It may be met long after the start, when rights were taken away.
    """
