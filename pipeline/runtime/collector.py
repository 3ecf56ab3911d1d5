"""Python's collector of cycles, told what the processes of this pipeline are like."""

from __future__ import annotations

import gc

RUN = (2_000_000, 20, 50)
"""For a run over files: it ends, and two commits in the making hold about a million objects."""
SERVER = (200_000, 10, 20)
"""For a process that stays: what connections and tasks leave behind is still found, some polls later."""


def ease_collector(thresholds: tuple[int, int, int]) -> None:
    """Call it once reference data is read: that lives as long as the process, and records hold no cycles.

    As it comes, the collector looks at what is new after every 700 objects, which is up to half of the time of a worker
    that routes, and now and then at everything, which holds up a poll for as long as a city is large. Nothing is
    collected here: half a second for a large city, to find what little reading tables leaves behind.
    """
    gc.freeze()
    gc.set_threshold(*thresholds)
