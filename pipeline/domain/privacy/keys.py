"""Keyed pseudonyms: "the same person" and "the same door" can be told without keeping who or where.

A pseudonym is a keyed BLAKE2b of 64 bits. Without the key nobody can try all mobile numbers against it; whoever holds
the key can, so the key is a secret of the screen stage and changing it cuts the link to everything older.
"""

import re
import unicodedata
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Final

from pipeline.domain.privacy.address import canonical_address

__all__ = ["address_key", "normal_phone", "person_key", "pseudonym"]

_MIN_KEY, _MAX_KEY = 16, 64  # bytes; the upper limit is BLAKE2b's
_PERSON: Final = b"wangge-pseudonym"
_NOT_DIGIT: Final = re.compile(r"\D+")
_PHONE: Final = re.compile(r"[\d\s()+\-.·–—‐‑]{7,24}(?:(?:转|ext\.?|x)\s*\d{1,6})?")
_EXTENSION: Final = re.compile("转|ext|x")
_TRUNK: Final = re.compile("01[3-9]")
_COUNTRY: Final = re.compile(r"(?:00)?86(?=1[3-9]\d{9}$|0?[1-9]\d{8,10}$)")


def normal_phone(text: str) -> str:
    """The digits of a phone number without country code, trunk zero before a mobile number, and extension.

    '+86 138-1234 5678', '０１３８１２３４５６７８' and '13812345678' are one. Empty when the text is no phone number.
    """
    if len(text) == 11 and text[0] == "1" and text.isascii() and text.isdigit():
        return text
    half = unicodedata.normalize("NFKC", text).strip().casefold()
    if _PHONE.fullmatch(half) is None:
        return ""
    digits = _NOT_DIGIT.sub("", _EXTENSION.split(half, 1)[0])
    digits = _COUNTRY.sub("", digits, count=1)
    if len(digits) == 12 and _TRUNK.match(digits):
        digits = digits[1:]
    return digits if len(digits) >= 7 else ""


def pseudonym(key: bytes, *parts: str) -> str:
    """16 hexadecimal digits that stand for the parts under the key.

    Parts are compared without width, case and white space, and phone numbers by their digits alone. The boundaries of
    parts count: ("ab", "c") and ("a", "bc") differ. Raises ValueError for a key outside 16 to 64 bytes or no part.
    """
    if not _MIN_KEY <= len(key) <= _MAX_KEY:
        message = f"key of {len(key)} bytes: give a secret of {_MIN_KEY} to {_MAX_KEY} bytes"
        raise ValueError(message)
    if not parts:
        message = "parts are empty: give at least one text that identifies"
        raise ValueError(message)
    first, *others = [normal_phone(part) or _plain(part) for part in parts]
    return _keyed(key, first, *others)


def _keyed(key: bytes, first: str, *others: str) -> str:
    """The digest of parts that are in their normal form already."""
    state = _begun(key, first).copy()
    for part in others:
        state.update(_framed(part))
    return str(state.hexdigest())


@lru_cache(maxsize=1024)
def _begun(key: bytes, first: str) -> Any:
    """The digest with the key and the first part in it: that is nearly always the name of a kind."""
    return blake2b(_framed(first), digest_size=8, key=key, person=_PERSON)


def _framed(part: str) -> bytes:
    raw = part.encode("utf-8", "surrogatepass")
    return b"%d:%b" % (len(raw), raw)


def person_key(
    key: bytes, *, phone: str | None = None, identity: str | None = None, name: str | None = None, address: str = ""
) -> str | None:
    """Pseudonym of a person: by phone, else by the id the source knows them by, else by name with address.

    None when nothing identifies: a name alone is shared by many and joins nobody. A masked phone (138****5678) is
    no phone number and counts as nothing.
    """
    digits = normal_phone(phone) if phone else ""
    if digits:
        return _keyed(key, "phone", digits)
    if identity and _plain(identity):
        return pseudonym(key, "identity", identity)
    door = canonical_address(address)
    if name and _plain(name) and door:
        return pseudonym(key, "name", name, door)
    return None


def address_key(key: bytes, address: str | None) -> str | None:
    """Pseudonym of an address down to the room, equal for different writings of one door; None for a blank one."""
    door = canonical_address(address or "")
    return _keyed(key, "address", door) if door else None


def _plain(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).casefold().split())
