"""What a contender is told: where its records are, where they go, what to do with them; the same for everyone."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Literal

import msgspec

from pipeline.runtime.collector import SERVER, ease_collector

COMMIT_S = 1.0
"""How often whoever commits by time does so: the promise is that offsets follow within 2 s."""
POLL = 2_000
"""Records of one poll, for whoever polls many."""


Task = Literal["route", "stages", "readings"]
"""Route by content; all stages of text reports; all stages of sensor readings (Wangge only)."""


class Spec(msgspec.Struct, frozen=True, kw_only=True):
    """One run of one contender. Topics are named without ``prefix``."""

    task: Task
    exactly_once: bool = False
    """For whoever offers both: transactions instead of at least once."""
    bootstrap: str
    prefix: str
    group: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    city: str
    """Folder of the simulated city."""
    mark: str
    """File that gets the time at which the first record came."""
    scratch: str
    """Folder for whatever the contender keeps on the disk."""
    eased: bool = False
    """Whether peers too get the collector of cycles that Wangge's worker and the bare loop have."""

    def full(self, topic: str) -> str:
        """The name the broker knows."""
        return self.prefix + topic

    def bare(self, topic: str) -> str:
        """The name without the prefix."""
        return topic[len(self.prefix) :]


def given() -> Spec:
    """The spec named on the command line."""
    return msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Spec)


def mark(spec: Spec) -> None:
    """The first record came now. Call it once."""
    if spec.eased:
        ease_collector(SERVER)
    path = Path(spec.mark)
    if not path.exists():
        path.write_text(repr(time.time()))
