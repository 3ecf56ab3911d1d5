"""Civil times of public sets to UTC milliseconds.

Rule for the two odd hours of a year with summer time: a time that occurs twice is the first of the two; a time that the
clock jumps over is read with the offset before the jump (so 02:30 becomes 03:30 summer time).
"""

from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from pipeline.events.base import Millis

_YEAR_FIRST = re.compile(r"\s*(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?:[T ](\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d*)?)?)?\s*$")
_YEAR_LAST = re.compile(r"\s*(\d{1,2})/(\d{1,2})/(\d{4})(?:[T ](\d{1,2}):(\d{2})(?::(\d{2}))?)?\s*$")


@lru_cache(maxsize=1 << 16)  # series of several stations name the same hours
def millis(text: str, zone: ZoneInfo, fold: int = 0) -> Millis | None:
    """A civil time of ``zone``; ``None`` for what is no time. A date alone is its midnight.

    Understands ``2018-02-08 15:34:40``, ``2011-07-01T01:32:33``, ``2011/8/6 9:33`` and ``05/03/2016``, which is month
    first unless the first number can only be a day.
    """
    if found := _YEAR_FIRST.match(text):
        year, month, day, *clock = (int(part or 0) for part in found.groups())
    elif found := _YEAR_LAST.match(text):
        month, day, year, *clock = (int(part or 0) for part in found.groups())
        if month > 12:
            month, day = day, month
    else:
        return None
    hour, minute, second = clock
    try:
        at = datetime(year, month, day, hour, minute, second, tzinfo=zone, fold=fold)
    except ValueError:
        return None
    return round(at.timestamp() * 1000)


def is_repeated(at: Millis, zone: ZoneInfo) -> bool:
    """Whether the civil hour that begins at an instant comes a second time right after it."""
    here = datetime.fromtimestamp(at / 1000, zone)
    return here.utcoffset() != here.replace(fold=1).utcoffset()


def iso(at: Millis | None, zone: ZoneInfo) -> str:
    """ISO 8601 with offset, for tables of truth; blank for no time."""
    return "" if at is None else datetime.fromtimestamp(at / 1000, zone).isoformat(timespec="seconds")
