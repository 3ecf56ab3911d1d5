"""Days of the simulated city: Asia/Shanghai has kept UTC+8 without summer time since 1991."""

from __future__ import annotations

from datetime import date, timedelta

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
OFFSET = 8 * HOUR


def epoch(start: date) -> int:
    """Milliseconds UTC at the civil midnight that begins ``start``."""
    return (start - date(1970, 1, 1)).days * DAY - OFFSET


def day_start(start: int, day: int) -> int:
    """Milliseconds UTC at the midnight of the day with that number."""
    return start + day * DAY


def folder(start: date, day: int) -> str:
    """``2026-03-16``."""
    return (start + timedelta(days=day)).isoformat()
