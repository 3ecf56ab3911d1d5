"""How much is measured: for figures, or only to see that it works."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace

from bench import inputs


@dataclass(frozen=True, slots=True)
class Sizes:
    """Records, rates and times of one call of the bench."""

    day: inputs.Sizes
    runs: int
    route: int
    """Records of task a."""
    stages: int
    """Reports of task b, at most those of the simulated day."""
    partitions: int
    many_partitions: int
    departments: int
    """Topics to route to at the upper end of the scale."""
    rate: int
    """Reports a second while latency is measured."""
    warm_s: int
    """Seconds of the stream before anything is timed: connections are made, states read, and a broker just started
    spends half a core on compiling itself, which one that runs for months does not."""
    steady_s: int
    backlog: int
    """Ordinary reports that wait while emergencies come."""
    cases: int
    """Open cases that a worker finds when it comes back."""


FULL = Sizes(
    day=inputs.FULL, runs=3, route=400_000, stages=1_000_000, partitions=8, many_partitions=64, departments=156,
    rate=1_000, warm_s=60, steady_s=60, backlog=1_000_000, cases=1_000_000,
)  # fmt: skip
QUICK = Sizes(
    day=inputs.QUICK, runs=1, route=20_000, stages=2_000, partitions=4, many_partitions=8, departments=12,
    rate=100, warm_s=20, steady_s=6, backlog=2_000, cases=3_000,
)  # fmt: skip


def changed(sizes: Sizes, changes: Iterable[str]) -> Sizes:
    """Sizes, some of them otherwise, each as ``name=number``. Raises ``ValueError`` that says what may stand there."""
    names = [field.name for field in fields(Sizes) if field.name != "day"]
    for change in changes:
        name, _, number = change.partition("=")
        if name not in names or not number.isdecimal() or int(number) == 0:
            message = f"{change}: wanted is name=number of {', '.join(names)}, e.g. runs=1"
            raise ValueError(message)
        sizes = replace(sizes, **{name: int(number)})  # type: ignore[arg-type]  # all of them are numbers
    return sizes
