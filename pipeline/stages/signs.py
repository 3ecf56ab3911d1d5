"""Signs of a report's texts, by which it is compared with others: the sketch of its words, the marks of its places."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import force_setattr

from pipeline.domain.mentions import marks_of
from pipeline.domain.text import sketches
from pipeline.events.intake import ScreenedReport


def sign_all(reports: Sequence[ScreenedReport]) -> None:
    """Give reports fresh from ``screened`` their signs, all at once (that is much cheaper for sketches)."""
    found = sketches([report.text or report.title for report in reports])
    for report, one in zip(reports, found, strict=True):
        force_setattr(report, "signature", one)
        marks = marks_of((report.address, report.place_name, report.text or report.title))
        if marks:
            force_setattr(report, "mentions", marks)
