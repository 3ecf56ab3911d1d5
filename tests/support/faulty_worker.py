"""A worker with a bug of ours: ``python -m tests.support.faulty_worker worker …`` is ``wangge worker …`` whose text
model raises on a report that says :data:`TRIP`. It takes polls in small parts.

A model is the one thing that the stages are given from outside: the stages themselves may be compiled, and are the real
ones either way.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline.commands import main
from pipeline.domain.models import Models
from pipeline.domain.textmodel import Guess
from pipeline.runtime.city import City
from pipeline.runtime.kafka import serving

TRIP = "绊倒"
PART_RECORDS = 4


class Faulty:
    """A model that knows nothing and cannot stand one word."""

    version = "faulty"
    category_of: Mapping[str, str] = {"": ""}

    def guess_many(self, texts: Sequence[str]) -> list[Guess]:
        """No idea of any text, or the bug."""
        if any(TRIP in text for text in texts):
            message = "a bug of ours"
            raise ZeroDivisionError(message)
        return [Guess(None, 0.0, (("", 0.0),)) for _ in texts]


def faulty(reference: Path, overlay: Path | None = None) -> City:
    """The city with that model."""
    model: Any = Faulty()
    return replace(load_city(reference, overlay), models=Models(text=model))


if __name__ == "__main__":
    load_city = serving.load_city
    serving.load_city = faulty
    sys.argv += ["--part-records", str(PART_RECORDS)]
    main()
