"""Learned models that a city may have; each is optional, and the rules decide without it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pipeline.domain.textmodel import TextModel


@dataclass(frozen=True, slots=True)
class Models:
    """Predictors made ready for the stages: of categories from texts, of duplicates, of units that act."""

    text: TextModel | None = None
    pairs: Any = None
    units: Any = None

    @property
    def versions(self) -> tuple[str, ...]:
        """The versions of those that are there."""
        return tuple(model.version for model in (self.text, self.pairs, self.units) if model is not None)
