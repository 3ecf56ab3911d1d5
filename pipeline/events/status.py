"""What a source system hears of its reports. Not a fact of its own: derived from facts, and in no table."""

from __future__ import annotations

from pipeline.events.base import Millis
from pipeline.events.facts import Fact


class CaseStatus(Fact, frozen=True, kw_only=True):
    """How one report was taken, or one change of its case; without personal data. Keyed by ``report_id``."""

    source_system: str
    source_ref: str
    report_id: str
    case_id: str
    action: str
    """``filed``, ``linked``, ``logged``, ``dispatch``, a verb of the lifecycle table, ``joined`` or ``feedback``."""
    outcome: str
    state: str
    department: str
    due_at: Millis | None = None
    done: str = ""
    final: bool = False
    """The outcome that the reporter is told; nothing but closing comes after it unless the case is opened again."""
