"""Phone, identity-card and bank-card numbers among the other numbers of a text.

A run of digits, with the separators people put between them, is cut into its groups; from each group on the longest
shape that fits is taken. Shapes overlap with codes of this trade, so the rules say who wins:

- An 18-digit identity card needs its checksum (GB 11643-1999), since division + date + serial is a usual order number;
  with 身份证 before it a wrong checksum is taken for a slip of the pen.
- A 15-digit identity card (no longer valid since 2013) has the shape of many 15-digit grid codes. A street number
  never makes the birth year 40 or later but in rare areas, so from 40 on the shape decides, below that the label must.
- A bank card needs Luhn and a first digit that cards have (4, 5, 6, 35, 9558), or a label. One number in ten passes
  Luhn, so what parses as a component code of GB/T 30428.2-2013 (16 digits) or GB/T 47678.5-2026 (17 digits), division
  and major class included, stays; 62 is both UnionPay and Gansu, there the prefecture must exist.
- Eleven digits that begin like a mobile number stay when letters or an order label stand before them and they read as
  yyMMdd with a serial, the way order systems number.
"""

import re
import unicodedata
from typing import Final

from pipeline.domain.privacy.kinds import PLACEHOLDERS

__all__ = ["CARD", "IDENTITY", "LANDLINE", "MOBILE", "RUN", "Numbers"]

MOBILE, LANDLINE, IDENTITY, CARD = "mobile", "landline", "identity_card", "bank_card"

_BETWEEN: Final = r"[\s\-－–—‐‑.．·()（）\u200b\ufeff]{0,3}"
RUN: Final = re.compile(rf"[0-9０-９+＋(（](?:{_BETWEEN}\d){{6,}}[XxＸｘ]?")
_GROUP: Final = re.compile(r"\d+[Xx]?")

_MOBILE: Final = re.compile(r"(?:\+?86|0086|0)?(1[3-9]\d{9})")
_MOBILE_CUTS: Final = frozenset(
    {
        (11,),
        (3, 4, 4),
        (4, 3, 4),
        (3, 3, 5),
        (3, 8),
        (7, 4),
        (4, 4, 3),
        (3, 4, 2, 2),
        (5, 3, 3),
        (5, 6),
        (6, 5),
        (3, 2, 3, 3),
    }
)
_AREA: Final = re.compile(r"(?:010|02\d|0[3-9]\d\d)")
_LOCAL_CUTS: Final = frozenset({(7,), (8,), (3, 4), (4, 4)})
_PROVINCE: Final = frozenset(
    {
        "11",
        "12",
        "13",
        "14",
        "15",
        "21",
        "22",
        "23",
        "31",
        "32",
        "33",
        "34",
        "35",
        "36",
        "37",
        "41",
        "42",
        "43",
        "44",
        "45",
        "46",
        "50",
        "51",
        "52",
        "53",
        "54",
        "61",
        "62",
        "63",
        "64",
        "65",
        "71",
        "81",
        "82",
        "83",
    }
)
_DAY: Final = r"(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
_IDENTITY_18: Final = re.compile(rf"[1-8]\d{{5}}(?:18|19|20)\d\d{_DAY}\d{{3}}[\dXx]")
_IDENTITY_15: Final = re.compile(rf"[1-8]\d{{5}}(\d\d){_DAY}\d{{3}}")
_IDENTITY_15_CUTS: Final = frozenset({(15,), (6, 6, 3), (6, 9), (3, 3, 3, 3, 3), (4, 4, 4, 3), (6, 2, 2, 2, 3)})
_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CARD_START: Final = re.compile(r"[456]|35|9558")
_COMPONENT: Final = re.compile(
    r"(?P<province>\d\d)(?P<prefecture>0[1-9]|[12]\d|3[0-5]|4[0-3]|5[1-3]|90)(?:0[1-9]|[1-3]\d|7\d|8\d)0[1-6](?:0\d|[1-4]\d|[89]\d|0\d\d|9\d\d)\d{6}"
)
_GANSU: Final = frozenset({"01", "02", "03", "04", "05", "06", "07", "08", "09", "10", "11", "12", "29", "30"})

_REACH: Final = 14
_SAYS_IDENTITY: Final = re.compile(r"(?:身\s*份\s*证|证件|公民身份|(?i:id\s*card))[^0-9，。；\]]{0,6}$")
_SAYS_CARD: Final = re.compile(
    r"(?:银行卡|卡号|[账帐]号|[账帐]户|信用卡|储蓄卡|借记卡|[农建工中商]行|银行)[^0-9，。；\]]{0,6}$"
)
_SAYS_PHONE: Final = re.compile(r"(?:电话|座机|固话|联系方式|手机|(?i:tel|phone))(?:号码?|是|为|[:：.\s])*$")
_SAYS_ORDER: Final = re.compile(
    r"(?:(?:工单|订单|案件|案卷|受理|诉求|流水|信访件?|来件|登记|单)(?:编号|编码|号码|号)|编[号码]|代码|标识码|网格|(?i:case|crm|order|ticket|ref|no\.))"
    r"(?:是|为|[:：#＃\s])*[A-Za-z]{0,6}[-_]?$"
)
_LETTERS: Final = re.compile(r"(?<![0-9A-Za-z])([A-Za-z]+)[-_]?$")
_CONTACT: Final = frozenset({"tel", "phone", "mobile", "mob", "wx", "vx", "qq", "v", "t", "m", "p", "id", "call"})
_SHORT_DATE: Final = re.compile(rf"\d\d{_DAY}\d{{5}}")
_LONG_DATE: Final = re.compile(rf"(?:19|20)\d\d{_DAY}")


class Numbers:
    """Replaces the personal numbers of one text and remembers their kinds in order. One object a text."""

    __slots__ = ("found",)

    def __init__(self) -> None:
        self.found: list[str] = []

    def __call__(self, run: re.Match[str]) -> str:
        raw = run.group()
        half = raw if raw.isascii() else unicodedata.normalize("NFKC", raw)
        half = half if len(half) == len(raw) else raw
        groups = [(group.start(), group.end(), group.group()) for group in _GROUP.finditer(half)]
        pieces, done, index = [], 0, 0
        while index < len(groups):
            kind, after = self._longest(run, half, groups, index)
            if kind:
                start = groups[index][0]
                opened = start > done and half[start - 1] in "+(" and index == 0
                pieces += [raw[done : start - opened], PLACEHOLDERS[kind]]
                done = groups[after - 1][1]
                self.found.append(kind)
            index = after
        return "".join([*pieces, raw[done:]]) if pieces else raw

    def _longest(
        self, run: re.Match[str], half: str, groups: list[tuple[int, int, str]], index: int
    ) -> tuple[str, int]:
        """Kind and end (in groups) of the longest number that begins with group ``index``; ("", index + 1) for none."""
        digits, best = "", ("", index + 1)
        for after in range(index + 1, len(groups) + 1):
            digits += groups[after - 1][2]
            if len(digits) > 20:
                break
            if len(digits) < 7:
                continue
            shape = _Shape(run, half, groups[index:after], digits, _decimal(half, groups, index))
            kind = shape.kind()
            if kind:
                best = (kind, after)
        return best


def _decimal(half: str, groups: list[tuple[int, int, str]], index: int) -> bool:
    """Whether group ``index`` is the fraction of a decimal (0.43…, 121.47…) and not a number after "1."."""
    if index == 0 or half[groups[index - 1][1] : groups[index][0]] != ".":
        return False
    whole = groups[index - 1][2]
    return whole == "0" or 2 <= len(whole) <= 3


class _Shape:
    """One candidate: adjacent groups of a run, and the text around them."""

    __slots__ = ("cuts", "decimal", "digits", "end", "half", "run", "start")

    def __init__(
        self, run: re.Match[str], half: str, groups: list[tuple[int, int, str]], digits: str, decimal: bool
    ) -> None:
        self.run, self.half, self.digits, self.decimal = run, half, digits, decimal
        self.start, self.end = groups[0][0], groups[-1][1]
        self.cuts = tuple([len(group[2]) for group in groups])

    def kind(self) -> str:
        length = len(self.digits)
        if self.decimal:
            return ""
        if length == 18 and self._identity_18():
            return IDENTITY
        if length == 15 and self._identity_15():
            return IDENTITY
        if 11 <= length <= 15 and self._mobile():
            return MOBILE
        if 16 <= length <= 19 and self._card():
            return CARD
        return LANDLINE if length <= 12 and self._landline() else ""

    def _before(self) -> str:
        start = self.run.start() + self.start
        return self.run.string[max(0, start - _REACH) : start]

    def _plain(self) -> bool:
        """One piece, or every digit on its own."""
        return len(self.cuts) == 1 or max(self.cuts) == 1

    def _identity_18(self) -> bool:
        if _IDENTITY_18.fullmatch(self.digits) is None or self.digits[:2] not in _PROVINCE:
            return False
        before = self._before()
        if _SAYS_IDENTITY.search(before):
            return True
        return _checksum(self.digits) and _SAYS_ORDER.search(before) is None

    def _identity_15(self) -> bool:
        shape = _IDENTITY_15.fullmatch(self.digits)
        if shape is None or self.digits[:2] not in _PROVINCE or not (self._plain() or self.cuts in _IDENTITY_15_CUTS):
            return False
        before = self._before()
        if _SAYS_IDENTITY.search(before):
            return True
        return int(shape[1]) >= 40 and _SAYS_ORDER.search(before) is None and _LETTERS.search(before) is None

    def _mobile(self) -> bool:
        shape = _MOBILE.fullmatch(self.digits)
        if shape is None:
            return False
        cuts, extra = self.cuts, len(self.digits) - 11
        if extra and len(cuts) > 1 and cuts[0] == extra:
            cuts = cuts[1:]
        elif extra:
            cuts = (cuts[0] - extra, *cuts[1:])
        if cuts not in _MOBILE_CUTS and not (cuts and max(cuts) == 1):
            return False
        return extra > 0 or not self._order_of_a_day()

    def _order_of_a_day(self) -> bool:
        if len(self.cuts) > 1 or _SHORT_DATE.fullmatch(self.digits) is None:
            return False
        before = self._before()
        letters = _LETTERS.search(before)
        coded = letters is not None and letters[1].casefold() not in _CONTACT
        return coded or _SAYS_ORDER.search(before) is not None

    def _card(self) -> bool:
        fours = all(cut == 4 for cut in self.cuts[:-1]) and self.cuts[-1] <= 4
        if not (fours or self._plain() or self.cuts[0] == 6 or self.cuts == (8, 8)) or not self.digits.isdecimal():
            return False
        before = self._before()
        if _SAYS_CARD.search(before):
            return True
        if _CARD_START.match(self.digits) is None or not _luhn(self.digits) or _LETTERS.search(before):
            return False
        return not _component_code(self.digits) and _SAYS_ORDER.search(before) is None

    def _landline(self) -> bool:
        if not self.digits.isdecimal():
            return False
        cuts = self.cuts
        if self.digits[0] == "0":
            return self._with_area(cuts)
        if self.start <= 1 and cuts in _LOCAL_CUTS and self.digits[0] in "2345678":
            service = self.digits[:3] in {"400", "800"}
            return (
                not service and _LONG_DATE.fullmatch(self.digits) is None and bool(_SAYS_PHONE.search(self._before()))
            )
        return cuts == (3, 3, 4) and self._north_american()

    def _with_area(self, cuts: tuple[int, ...]) -> bool:
        area = _AREA.match(self.digits)
        if area is None or self.digits[area.end()] in "019":
            return False
        if len(cuts) == 1:  # in one piece: 3 + 8 or 4 + 7 or 4 + 8, and no code of something else
            return len(self.digits) - area.end() in {7, 8} and not (area.end() == 3 and len(self.digits) == 10)
        return cuts[0] == area.end() and (cuts[1:] in _LOCAL_CUTS or max(cuts[1:]) == 1) and len(self.digits) > 9

    def _north_american(self) -> bool:
        gaps = self.half[self.start : self.end].replace(" ", "")
        marked = sum(not character.isdigit() for character in gaps) >= 1
        return marked and self.digits[0] in "23456789" and self.digits[:3] not in {"400", "800"}


def _checksum(digits: str) -> bool:
    total = sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, digits[:17], strict=True))
    return "10X98765432"[total % 11] == digits[17].upper()


def _luhn(digits: str) -> bool:
    odd = digits[-1::-2]
    even = digits[-2::-2]
    return (sum(map(int, odd)) + sum((0, 2, 4, 6, 8, 1, 3, 5, 7, 9)[int(digit)] for digit in even)) % 10 == 0


def _component_code(digits: str) -> bool:
    if len(digits) not in {16, 17}:
        return False
    shape = _COMPONENT.fullmatch(digits)
    if shape is None or shape["province"] not in _PROVINCE:
        return False
    return shape["province"] != "62" or shape["prefecture"] in _GANSU
