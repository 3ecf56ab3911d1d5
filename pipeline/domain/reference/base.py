"""What all rows of the reference tables share: validity, trust, and the closed lists of words."""

from enum import StrEnum

import msgspec

from pipeline.domain.calendar import Millis

GBT_30428_2 = "GB/T 30428.2-2013"
GBT_47678_5 = "GB/T 47678.5-2026"
EXTENSION = "wangge"
"""Own categories of this project, for what hotlines and sensors bring and neither national list names."""

BEGIN: Millis = -(1 << 60)
END: Millis = 1 << 60

CategoryKey = tuple[str, str, str]
"""(standard, kind, code)."""


class ManagedKind(StrEnum):
    """部件 component (a registered thing) or 事件 incident (something that happened)."""

    COMPONENT = "component"
    INCIDENT = "incident"


class CaseClass(StrEnum):
    """一般, 疑难, 应急: decides lane, clocks and who may act."""

    GENERAL = "general"
    DIFFICULT = "difficult"
    EMERGENCY = "emergency"


class Nature(StrEnum):
    """What kind of matter a category is: a thing out of order, a quarrel between people, or a wish for a service."""

    FAULT = "fault"
    DISPUTE = "dispute"
    SERVICE = "service"


class ProblemDomain(StrEnum):
    """公共服务, 公共管理, 公共安全."""

    SERVICE = "public_service"
    MANAGEMENT = "public_management"
    SAFETY = "public_safety"


class Confidence(StrEnum):
    """How far a row may be trusted."""

    SOURCED = "sourced"
    ADOPTED = "adopted"
    PROPOSAL = "proposal"
    UNVERIFIED = "unverified"
    EXAMPLE = "example"


class AlarmType(StrEnum):
    """SIMPLE: one averaged value; DURATION: held for ``hold_s``; REPEATING: more than ``allowed`` per window."""

    SIMPLE = "SIMPLE"
    DURATION = "DURATION"
    REPEATING = "REPEATING"
    NO_DATA = "NO_DATA"


class Row(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What every row carries."""

    valid_from: Millis = BEGIN
    valid_to: Millis = END
    source: str = ""
    confidence: Confidence = Confidence.SOURCED

    def valid_at(self, at: Millis) -> bool:
        """Whether the row is in force at ``at``."""
        return self.valid_from <= at < self.valid_to
