"""What the stage of duplicates looks at, written down for training.

Compiled with the model it stands in for: nothing else may inherit from a compiled class.
"""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.domain.pairmodel import Asked, Forest, Judgement, PairModel, Sighting, features_of, likeliest

REACH_M = 150.0
WINDOW_DAYS = 90


class Recorder(PairModel):
    """Stands in for a model and writes down what it would have looked at."""

    def __init__(self, families: Sequence[str]) -> None:
        rules = {"merge": 0.5, "suggest": 0.5, "reach_m": REACH_M, "window_days": WINDOW_DAYS, "slope": 1, "shift": 0,
                 "codes": {}, "channels": {}, "rate": 0.0,
                 "families": families}  # fmt: skip
        super().__init__("recorder", Forest([-1], [0.0], [0], [0], [0.0], [0], 0.0), rules)
        self.row: list[float] | None = None
        self.asked: Asked | None = None

    def judge(self, sightings: Sequence[Sighting], asked: Asked) -> Judgement:
        """Say "duplicate" of whatever has sightings; whether it joins is decided by what is known of it."""
        self.asked, self.row = asked, features_of(sightings, asked, 0.0, 0.0) if sightings else None
        return Judgement(1.0 if sightings else 0.0, likeliest(sightings), ())
