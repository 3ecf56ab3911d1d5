"""How the stages hang together. No logic: what decides is in the stages, what runs them is in ``runtime``.

arrivals -> intake -> reports  -> classify -> locate -> casework (by tile) -> facts, assignments
                   -> readings -> detect (by device) -> alarms as reports -+
                   -> actions of people ------------------> casework (by tile)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pipeline.domain.geo.layers import Layer
from pipeline.domain.models import Models
from pipeline.domain.probes import DetectPolicy
from pipeline.domain.reference.model import Reference
from pipeline.events.intake import LocatedReport, ScreenedReport
from pipeline.stages.casework import Casework, policy_of
from pipeline.stages.classify import Classifier
from pipeline.stages.detect import Detect
from pipeline.stages.intake import Intake
from pipeline.stages.locate import Locator
from pipeline.stages.screen import ScreenPolicy


@dataclass(frozen=True)
class Topology:
    """All stages of one city, made ready from its reference set and layers."""

    reference: Reference
    layers: Sequence[Layer]
    screening: ScreenPolicy
    models: Models = field(default_factory=Models)
    intake: Intake = field(init=False)
    detect: Detect = field(init=False)
    classifier: Classifier = field(init=False)
    locator: Locator = field(init=False)
    casework: Casework = field(init=False)

    def __post_init__(self) -> None:
        """Compile every policy once."""
        stages = {
            "intake": Intake(self.screening),
            "detect": Detect(DetectPolicy(self.reference)),
            "classifier": Classifier(self.reference, self.models.text),
            "locator": Locator(self.reference, self.layers),
            "casework": Casework(policy_of(self.reference, self.models)),
        }
        for name, stage in stages.items():
            object.__setattr__(self, name, stage)

    def place(self, reports: Sequence[ScreenedReport]) -> list[LocatedReport]:
        """Classify and locate many reports; stateless, so a batch is only faster than one by one."""
        classified = self.classifier.classify_many(reports)
        return self.locator.located_many(reports, classified)
