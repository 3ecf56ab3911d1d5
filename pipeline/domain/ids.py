"""Identifiers derived from the input: the same input gives the same identifiers for ever (ADR 0004)."""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b

DAY_MS = 86_400_000
_DIGEST = blake2b(digest_size=8)


def digest(*parts: str) -> str:
    """16 hexadecimal digits (64 bits) of BLAKE2b over the parts; parts are kept apart by a unit separator."""
    state = _DIGEST.copy()  # cheaper than to begin anew
    state.update("\x1f".join(parts).encode())
    return state.hexdigest()


def number(*parts: str) -> int:
    """The same digest as a signed 64-bit number, for compact state."""
    state = _DIGEST.copy()
    state.update("\x1f".join(parts).encode())
    return int.from_bytes(state.digest(), "big", signed=True)


def report_id(source_system: str, source_ref: str) -> str:
    """Identity of a report: its source system and the number it has there."""
    return digest(source_system, source_ref)


PART = "\x1f"
"""What keeps the parts of a digest apart."""


def member(report: str, source_system: str, source_ref: str) -> str:
    """A report as its case keeps it: its source and number there, of which its id is the digest; else the bare id."""
    text = f"{source_system}{PART}{source_ref}"
    return text if digest(text) == report else report


def report_of(member: str) -> str:
    """The report id of a member of a case."""
    return digest(member) if PART in member else member


MARK = 12
"""Digits of a report's id that the case it opened carries at its end."""


def mark_of_report(report: str) -> str:
    """The short form of a report's id, in which the id of the case that it opened ends."""
    return report[:MARK]


def mark_of_case(case: str) -> str:
    """The same mark by the id of the case; "" when the text is no case id."""
    return case.rpartition("-")[2] if tile_of_case(case) else ""


def source_of(member: str) -> tuple[str, str]:
    """Source system and number there of a member of a case; both "" when only its id is known."""
    system, part, reference = member.partition(PART)
    return (system, reference) if part else ("", "")


@lru_cache(maxsize=4096)
def day_name(day: int) -> str:
    """``20260316`` for the count of days since 1970-01-01 (proleptic Gregorian, UTC)."""
    days = day + 719_468  # Howard Hinnant's civil-from-days: no clock, no time zone
    era, day_of_era = divmod(days, 146_097)
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted = (5 * day_of_year + 2) // 153
    month = shifted + 3 if shifted < 10 else shifted - 9
    year = year_of_era + era * 400 + (month <= 2)
    return f"{year:04d}{month:02d}{day_of_year - (153 * shifted + 2) // 5 + 1:02d}"


def case_id(tile: str, filed_at: int, first_report_id: str) -> str:
    """Identity of a case: its tile first, so that whoever holds the id can key an action (ADR 0003)."""
    return f"{tile}-{day_name(filed_at // DAY_MS)}-{first_report_id[:MARK]}"


def tile_of_case(case: str) -> str:
    """The tile that a case id carries; "" when the text is no case id."""
    tile, dash, rest = case.partition("-")
    return tile if dash and len(rest) >= 10 else ""
