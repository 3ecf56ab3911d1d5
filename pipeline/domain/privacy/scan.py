"""A second pair of eyes: looks for personal data that should not be in a stored text any more.

Shares no rule with ``redact``: plain patterns over plain text, so that a fault there does not hide here. Meant for
columns of text, where a number inside a longer code is no number; identifiers (pseudonyms, component codes, numbers
of orders) are columns known by their format.
"""

import re
import unicodedata
from typing import Final

__all__ = ["scan"]

_MOBILE: Final = re.compile(r"(?<![0-9A-Za-z.\-])(?:\+?86[ \-]?)?1[3-9]\d[ \-]?\d{4}[ \-]?\d{4}(?![0-9A-Za-z])")
_IDENTITY: Final = re.compile(
    r"(?<![0-9A-Za-z])[1-8]\d{5}(?:19|20)\d\d(?:0[1-9]|1[0-2])[0-3]\d{4}[0-9Xx](?![0-9A-Za-z])"
)
_CARD: Final = re.compile(r"(?<![0-9A-Za-z.])62\d{2} ?\d{4} ?\d{4} ?\d{4}(?: ?\d{3})?(?![0-9A-Za-z])")
_PLATE: Final = re.compile(
    r"[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][A-HJ-NP-Z]"
    r"[·. ]?[A-HJ-NP-Z]?\d{4,5}[A-HJ-NP-Z]?(?![0-9A-Za-z])"
)
_EMAIL: Final = re.compile(r"[\w.+\-]+@[\w\-]+\.[a-zA-Z]{2,}")
_ROOM: Final = re.compile(r"\d+(?:栋|幢|号楼|单元|弄|号)\d{3,4}室")
_LANDLINE: Final = re.compile(r"(?<![0-9A-Za-z.\-])0(?:10|2\d|[3-9]\d\d)-[2-8]\d{6,7}(?![0-9])")
_NAME: Final = re.compile(r"(?:姓名|联系人)[:：]\s*[赵钱孙李周吴郑王张刘陈杨黄徐胡朱林何郭罗][一-龥]{1,2}(?![一-龥])")
_PLAIN: Final = (
    ("mobile", _MOBILE),
    ("plate", _PLATE),
    ("email", _EMAIL),
    ("door", _ROOM),
    ("landline", _LANDLINE),
    ("name", _NAME),
)


def scan(text: str) -> list[str]:
    """Kinds of personal data a text seems to hold, sorted; empty when it looks clean. Never the data itself."""
    half = unicodedata.normalize("NFKC", text)
    found = {kind for kind, pattern in _PLAIN if pattern.search(half)}
    if any(_remainder(match.group()) == 1 for match in _IDENTITY.finditer(half)):
        found.add("identity_card")
    if any(_alternate(match.group().replace(" ", "")) for match in _CARD.finditer(half)):
        found.add("bank_card")
    return sorted(found)


def _remainder(number: str) -> int:
    """ISO 7064 MOD 11-2 of a whole identity number: 1 for a right one."""
    total = 0
    for character in number[:-1]:
        total = (total + int(character)) * 2 % 11
    return (total + (10 if number[-1] in "Xx" else int(number[-1]))) % 11


def _alternate(number: str) -> bool:
    total = 0
    for place, character in enumerate(reversed(number)):
        digit = int(character) * (1 + place % 2)
        total += digit - 9 if digit > 9 else digit
    return total % 10 == 0
