"""How long a sink that is to end waits for a neighbour that is away."""

from __future__ import annotations

import time
from collections.abc import Callable

from connectors.sinks.clickhouse.figures import SinkFigures
from pipeline.errors import NeighbourAway

NAMES = {"clickhouse": "ClickHouse", "kafka": "Kafka"}


class GivingUp:
    """Ends the waiting when a neighbour was away for ``seconds`` without a break. ``clock`` tells seconds."""

    def __init__(
        self, figures: SinkFigures, seconds: float | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Without ``seconds`` there is no end to it."""
        self._figures, self._seconds, self._clock = figures, seconds, clock
        self._since: dict[str, float] = {}

    def look(self) -> None:
        """Look who is away. Raises :class:`NeighbourAway` when it is time to end."""
        now, away = self._clock(), self._figures.away
        self._since = {name: self._since.get(name, now) for name in away}
        if self._seconds is None:
            return
        late = sorted(NAMES.get(name, name) for name, at in self._since.items() if now - at >= self._seconds)
        if late:
            message = (
                f"{' and '.join(late)} did not take or give anything for {self._seconds:g} s (--give-up); "
                f"{self._figures.records:,} records are written: run the same command again when all is back"
            )
            raise NeighbourAway(message)
