"""Personal data taken out of free text before anything derived from it is stored or forwarded.

The rules are precise rather than complete: see ``docs/privacy.md`` for what is found, what is left alone on purpose,
and what is known to be missed. The order of the passes matters: an e-mail may hold a phone number, a WeChat id too.
"""

import re
from functools import lru_cache
from typing import Final, NamedTuple

from pipeline.domain.privacy.address import doors_to
from pipeline.domain.privacy.kinds import PLACEHOLDERS
from pipeline.domain.privacy.names import (
    LABEL_ENDS,
    LABELS,
    TITLE_ENDS,
    TITLES,
    hide_english_names,
    hide_names,
    says_english_name,
)
from pipeline.domain.privacy.numbers import RUN, Numbers

__all__ = ["Redacted", "redact", "redacted", "redacted_label"]


class Redacted(NamedTuple):
    """A text without the personal data that was found, and the kinds found, one entry each, pass by pass."""

    text: str
    found: tuple[str, ...]


_DIGIT: Final = re.compile(r"[0-9０-９@＠]")
_NUMERALS: Final = r"[零〇○一二三四五六七八九幺]"
_SPOKEN: Final = re.compile(rf"[一幺][三四五六七八九](?<!{_NUMERALS}..){_NUMERALS}{{9}}(?!{_NUMERALS})")
_EMAIL: Final = re.compile(r"[A-Za-z0-9_.+\-]+\s?[@＠]\s?[A-Za-z0-9\-]+(?:[.．][A-Za-z0-9\-]+)+")
_WECHAT: Final = re.compile(
    r"([微VvWw](?:\s?信|(?<![A-Za-z].)(?:[Xx]|[Ee][Cc][Hh][Aa][Tt]|[Ee][Ii][Xx][Ii][Nn]))(?:同号)?\s*"
    r"(?:(?:号码?|[Ii][Dd]|是|为|[:：])\s*)+)"
    r"(?:[A-Za-z][A-Za-z0-9_\-]{5,19}|\d{5,11})(?![A-Za-z0-9])"
)
_QQ: Final = re.compile(r"([Qq扣](?:(?<![A-Za-z].)[Qq]|扣)\s*群?\s*(?:(?:号码?|是|为|[:：])\s*)*)[1-9]\d{4,10}(?!\d)")
_PASSPORT: Final = re.compile(
    r"((?:护照|通行证|[Pp]assport)(?:号码?|证号|编号|[Nn]o\.?|[Nn]umber|是|为|[:：\s])*)[A-Za-z]{1,2}\d{7,9}(?![A-Za-z0-9])"
)
_BARE_PASSPORT: Final = re.compile(r"[EG](?<![A-Za-z0-9\-_#号:：].)(?:(?<=E)[A-HJ-NP-Z]\d{7}|\d{8})(?![A-Za-z0-9\-_])")
_PLATE: Final = re.compile(
    r"[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼]\s?[A-HJ-NP-Za-hj-np-zＡ-Ｚ][\s.·•・\-－]{0,2}"
    r"(?=(?:[A-Za-zＡ-Ｚ]{0,3}\d){2})"
    r"(?:[A-HJ-NP-Za-hj-np-zＡ-Ｚ\d]{5,6}|[A-HJ-NP-Za-hj-np-z\d]{4}[挂学警港澳领使])(?![A-Za-z\d])"
)
# One cheap look over the text decides whether any pass can find something. Each alternative begins with a character
# of one class and is confirmed by what stands around it, which lets the search skip along.
_COUNTED: Final = "[一二三四五六七八九十百]"
_CHINESE_DOOR: Final = re.compile(rf"[号栋幢弄室元](?:(?<={_COUNTED}[号栋幢弄室])|(?<={_COUNTED}单元))")
_SUSPECT: Final = re.compile(
    rf"[0-9０-９@＠{LABEL_ENDS}{TITLE_ENDS}号栋幢弄室元一幺]"
    rf"(?:(?<=[0-9０-９@＠])|(?<={LABELS})|(?<={TITLES})"
    rf"|(?<={_COUNTED}[号栋幢弄室])|(?<={_COUNTED}单元)|(?<=[一幺])[三四五六七八九]{_NUMERALS}{{9}})"
)


_LATIN: Final = re.compile("[A-Za-zＡ-Ｚａ-ｚ]")
_CONTACT: Final = re.compile("[A-Za-z@＠信扣护通]")
"""Signs of which every e-mail, WeChat, QQ or passport number has one."""


def redact(text: str) -> Redacted:
    """The text with personal data replaced by placeholders. ``redact`` of its own result changes nothing.

    A text without a digit, an "@", a written-out number and any word that announces a name is returned as it is.
    """
    found: list[str] = []
    return Redacted(_without_all(text, found), tuple(found))


def redacted(text: str) -> str:
    """The text of :func:`redact`."""
    return _without_all(text, [])


redacted_label = lru_cache(maxsize=16_384)(redacted)
"""The same for short texts that come again and again: titles, names of places, the sources' own categories."""


def _without_all(text: str, found: list[str]) -> str:
    before = -1
    # What one pass takes out can uncover a neighbour that it hid, so a pass that found something is not the last.
    while len(found) > before:
        before = len(found)
        text = _pass(text, found)
    return text


def _pass(text: str, found: list[str]) -> str:
    chinese, english = not text.isascii(), says_english_name(text)
    if not english and _SUSPECT.search(text) is None:
        return text
    if _DIGIT.search(text) is not None:
        text = _without_numbers(text, chinese, found)
    elif chinese and _CHINESE_DOOR.search(text) is not None:
        text, doors = doors_to(text, PLACEHOLDERS["door"])
        found += ["door"] * doors
    if chinese:
        if "一" in text or "幺" in text:
            text = _replace(_SPOKEN, "mobile", text, found)
        text, names = hide_names(text)
        found += ["name"] * names
    if english:
        text, names = hide_english_names(text)
        found += ["name"] * names
    return text


def _without_numbers(text: str, chinese: bool, found: list[str]) -> str:
    if _CONTACT.search(text) is not None:
        text = _without_contacts(text, found)
    if chinese and _LATIN.search(text) is not None:
        text = _replace(_PLATE, "plate", text, found)
    numbers = Numbers()
    if RUN.search(text) is not None:
        text = RUN.sub(numbers, text)
    text, doors = doors_to(text, PLACEHOLDERS["door"])
    found += [*numbers.found, *["door"] * doors]
    return text


def _without_contacts(text: str, found: list[str]) -> str:
    if "@" in text or "＠" in text:
        text = _replace(_EMAIL, "email", text, found)
    if "信" in text or "x" in text or "X" in text or "hat" in text:
        text = _labelled(_WECHAT, "wechat", text, found)
    if "q" in text or "Q" in text or "扣扣" in text:
        text = _labelled(_QQ, "qq", text, found)
    if "护照" in text or "通行证" in text or "assport" in text:
        text = _labelled(_PASSPORT, "passport", text, found)
    if "E" in text or "G" in text:
        text = _replace(_BARE_PASSPORT, "passport", text, found)
    return text


def _replace(pattern: re.Pattern[str], kind: str, text: str, found: list[str]) -> str:
    text, count = pattern.subn(PLACEHOLDERS[kind], text)
    found += [kind] * count
    return text


def _labelled(pattern: re.Pattern[str], kind: str, text: str, found: list[str]) -> str:
    """Replace what follows the label; the label itself, group 1, stays."""
    text, count = pattern.subn(rf"\1{PLACEHOLDERS[kind]}", text)
    found += [kind] * count
    return text
