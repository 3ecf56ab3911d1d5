"""Texts made comparable: cleaning, folding, sketches for likeness, references to other orders.

All functions are pure and give the same answer in every process (no use of ``hash()`` of strings, which is salted).
"""

import re
import struct
import unicodedata
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

__all__ = ["Cleaned", "blank_to_none", "clean", "fold", "is_clean", "likeness", "order_numbers", "sketch", "sketches"]


# Control and format characters that carry no meaning in a report: C0 (without tab and line ends), DEL, C1, soft
# hyphen, zero-width and bidirectional marks, byte-order mark, and lone surrogates, which no UTF-8 writer can store.
_CONTROL: Final = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
_CASED: Final = re.compile("[^\x20-\x40\x5b-\x60\x7b-\x7e\u2e80-\ua63f\uac00-\ufaff]")
"""Signs that may have a case: all but ASCII without letters and the scripts of East Asia."""
_PUNCTUATION: Final = tuple(zip("，：？！（）；", ",:?!();", strict=True))
_BLANKS: Final = frozenset(
    {"", "-", "--", "—", "/", "\\n", "\\", "na", "n/a", "nan", "nil", "none", "null", "无", "空"}
)


class Cleaned(NamedTuple):
    """A text without control characters, and whether it held any (a flag on the record, not a reason to refuse)."""

    text: str
    had_control: bool


def clean(text: str) -> Cleaned:
    """Strip control characters and collapse every run of white space (ideographic too) into one space.

    Idempotent. Width and case are kept: this is the text people read; ``fold`` makes the one machines compare.
    """
    if is_clean(text):
        return Cleaned(text, False)
    without = _CONTROL.sub("", text)
    return Cleaned(" ".join(without.split()), len(without) != len(text))


def is_clean(text: str) -> bool:
    """Whether ``clean`` surely leaves a text as it is; most texts say so at a glance.

    Control and format characters and all white space but the blank are not printable.
    """
    return text.isprintable() and "  " not in text and not text.startswith(" ") and not text.endswith(" ")


def fold(text: str) -> str:
    """The form used for matching: cleaned, NFKC (full-width to half-width), case-folded, cleaned again."""
    folded = text if is_clean(text) else clean(text).text
    if not folded.isascii():
        folded = _half_width(folded)
    if _CASED.search(folded) is not None:
        folded = folded.casefold()
    if "  " in folded or folded[:1] == " " or folded[-1:] == " ":
        folded = " ".join(folded.split())
    return folded


def _half_width(text: str) -> str:
    """A clean text with full-width signs as their half-width ones, clean again."""
    # NFKC of a whole text costs 15 µs; with the common punctuation out of the way most texts prove normal in 0.5 µs.
    for wide, narrow in _PUNCTUATION:
        text = text.replace(wide, narrow)
    return text if unicodedata.is_normalized("NFKC", text) else clean(unicodedata.normalize("NFKC", text)).text


def blank_to_none(text: str | None) -> str | None:
    """None for what feeds write where they mean "nothing" ('', '-', 'null', 'NA', '无'), else the stripped text."""
    if not text:
        return None
    if len(text) > 8 and not text[0].isspace() and not text[-1].isspace():
        return text
    stripped = text.strip()
    return None if len(stripped) <= 4 and stripped.casefold() in _BLANKS else stripped


_BINS: Final = 8
_BIN_FORMAT: Final = struct.Struct("<8I")
_EMPTY: Final = 0xFFFFFFFF


def sketches(texts: Sequence[str]) -> list[bytes]:
    """A sketch of 32 bytes for each text: one-permutation minhash (Li, Owen and Zhang 2012) of its character bigrams.

    Each bigram's hash falls into one of 8 bins by its top bits and the smallest of each bin is kept. Empty for a text
    below two characters. Many texts cost little more than one: the work is done on all of them at once.
    """
    units = [text.encode("utf-16-le", "surrogatepass") for text in texts]
    sizes = np.fromiter((max(0, len(unit) // 2 - 1) for unit in units), np.int64, len(units))
    if not sizes.any():
        return [b""] * len(units)
    whole = np.frombuffer(b"".join(units), np.dtype("<u2")).astype(np.uint32)
    pairs = whole[:-1] | (whole[1:] << np.uint32(16))
    starts = np.concatenate(([0], np.cumsum([len(unit) // 2 for unit in units])[:-1]))
    within = np.arange(int(sizes.sum())) + np.repeat(starts - np.concatenate(([0], np.cumsum(sizes)[:-1])), sizes)
    mixed = _mixed(pairs[within])
    owner = np.repeat(np.arange(len(units)), sizes)
    least = np.full(len(units) * _BINS, _EMPTY, np.uint32)
    np.minimum.at(least, owner * _BINS + (mixed >> np.uint32(29)), mixed)
    packed = least.astype("<u4").tobytes()
    return [packed[at : at + 32] if size else b"" for at, size in zip(range(0, len(packed), 32), sizes, strict=True)]


def _mixed(pairs: np.ndarray[tuple[int], np.dtype[np.uint32]]) -> np.ndarray[tuple[int], np.dtype[np.uint32]]:
    mixed = pairs * np.uint32(0x85EBCA6B)
    mixed ^= mixed >> np.uint32(13)
    mixed *= np.uint32(0xC2B2AE35)
    mixed ^= mixed >> np.uint32(16)
    return mixed


def sketch(text: str) -> bytes:
    """The sketch of one text."""
    return sketches((text,))[0]


def likeness(left: bytes, right: bytes) -> float:
    """Estimated share of common bigrams (Jaccard) of two sketches, in [0, 1]; 0 when either is empty. Symmetric."""
    if not left or not right:
        return 0.0
    if left == right:
        return 1.0
    mine, theirs = _BIN_FORMAT.unpack(left), _BIN_FORMAT.unpack(right)
    same = filled = 0
    for one, other in zip(mine, theirs, strict=True):
        if one != _EMPTY or other != _EMPTY:
            filled += 1
            same += one == other
    return same / filled if filled else 0.0


# A reference needs a label; a bare number could be anything. The number is found first, then the label before it.
_NUMBER: Final = re.compile(r"\d[A-Za-z0-9_\-]{2,31}")
_NUMBER_SIGNS: Final = re.compile(r"[\d#＃](?:(?<=[#＃０-９])|[0-9A-Za-z_\-]{3})")
"""What every number shows: four signs from its first digit on, or a "#" before it, or full-width figures."""
_WIDE_DIGIT: Final = re.compile("[０-９]")
_LETTERS: Final = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{1,8}[-_]?$")
_LABEL: Final = re.compile(
    r"""(?: (?:工单|订单|案件|案卷|受理|诉求|信访件?|来件|派单|流水|原单|关联|单)\s*(?:编号|编码|号码|单号|号)
          | 重复(?:的)?(?:工单|案件|诉求|来件|件|单) | 同一?(?:工单|案件|诉求)
          | (?:(?<![a-z])|(?<=see))
            (?:crm|case|cn|ticket|order|request|sr|ref(?:erence)?|dup(?:licate)?\s*of|same\s*as|refer\s*to)
        )
        (?:[\s#＃:：.、，,…]|no\b|number\b|id\b|of\b|see\b|existing\b|编号|单号|号码|号|是|为)*$
    """,
    re.VERBOSE,
)
_HINT: Final = re.compile("[单案受诉信来#＃A-Za-z]")
"""Signs of which every label has one; most Chinese texts have none."""
_DATE: Final = re.compile(r"(?:19|20)\d\d(?:[-_]\d{1,2}){0,2}")
_UNITS: Final = frozenset("年月元米人")
_LABEL_REACH: Final = 40  # characters looked back for the label


def order_numbers(text: str) -> tuple[str, ...]:
    """Numbers of orders of another system that a text refers to, upper-cased, each once, in order of appearance.

    Recognised by a label before the number (工单号, 案件编号, 受理号, 重复工单; "case #", "CRM#", "duplicate of").
    A number has four digits or more, or three right after a "#"; a date or a year after a label is not one.
    """
    if _NUMBER_SIGNS.search(text) is None or _HINT.search(text) is None:
        return ()
    if _WIDE_DIGIT.search(text) is not None:
        text = clean(_half_width(text)).text
    found: dict[str, None] = {}
    for match in _NUMBER.finditer(text):
        start, number = match.start(), match.group().rstrip("-_")
        if not _is_number(number, text[start - 1 : start], text[match.end() : match.end() + 1]):
            continue
        before = text[max(0, start - _LABEL_REACH) : start]
        letters = _LETTERS.search(before)
        if letters is not None and _labelled(before[: letters.start()]):
            found[(letters.group() + number).upper()] = None
        elif _labelled(before):
            found[number.upper()] = None
    return tuple(found)


def _is_number(number: str, previous: str, following: str) -> bool:
    digits = sum(map(str.isdigit, number))
    enough = digits >= 4 or (digits == 3 and previous in {"#", "＃"})
    return enough and following not in _UNITS and _DATE.fullmatch(number) is None


def _labelled(before: str) -> bool:
    return _LABEL.search(before.lower()) is not None
