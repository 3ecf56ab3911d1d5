"""Addresses: one form for all writings of a door, and the coarse form that may be kept (road or estate)."""

import re
import unicodedata
from functools import lru_cache
from typing import Final

__all__ = ["canonical_address", "doors_to", "generalise_address"]

_NUMERAL_CHARS: Final = "零〇一二三四五六七八九十百"
_DIGITS: Final = f"0-9０-９{_NUMERAL_CHARS}"
_NUM: Final = rf"(?:[0-9０-９]{{1,5}}[A-Za-z]?|[{_NUMERAL_CHARS}]{{1,5}})"
_NUM_REST: Final = rf"(?:(?<=[0-9０-９])[0-9０-９]{{0,4}}[A-Za-z]?|(?<=[{_NUMERAL_CHARS}])[{_NUMERAL_CHARS}]{{0,4}})"
_BLOCK: Final = r"(?:号楼|号院|号|#楼?|栋|幢|座|弄|单元|门)"
_ROOM_ALONE: Final = r"(?:室|号房|房(?![价产子屋租款贷改型源主东地管补间]))"
_ROOM: Final = rf"(?:{_ROOM_ALONE}|房间|户)"
# What 号 may be part of without being a door: lines, documents, wells, poles, gates, and so on.
_NO_DOOR: Final = r"(?![线令井杆灯桥泵机车文公通路坑闸站])(?!口|出口|入口|台风|电梯)"
# Behind a road fewer of them: documents and vehicles stand by no road, but 8号公寓, 12号文具店 and 5号车库 do.
_NO_DOOR_OF_ROAD: Final = r"(?![线井杆灯桥泵路闸站])(?!口|出口|入口|台风|电梯)"
# The last character of a road a number belongs to. 马路5号 and 公路12号 are days or marks rather than doors.
_ROAD_ENDS: Final = "路街巷弄同道"
_ROAD: Final = (
    rf"(?<=[{_ROAD_ENDS}])"
    r"(?:(?<=路)(?<![条马公铁线电管水网气油]路)|(?<=[街巷弄])|(?<=胡同)|(?<=[大东西南北中]道))"
)
_ROOM_NUMBER: Final = r"[0-9０-９]{3,4}(?![0-9０-９年月日米元人户万千个.:：])(?:室|房)?"
_CHAIN: Final = (  # what may follow the first number of a door: more blocks, a floor, a room
    rf"(?:\s*[-－之]\s*{_NUM}(?!\d))?"
    rf"(?:\s*附?{_NUM}\s*(?:{_BLOCK}{_NO_DOOR}|楼|层|{_ROOM}))*"
    rf"(?:\s*(?<=[号栋幢座楼元层#])\s*[-－]?{_ROOM_NUMBER})?"
)
# Every alternative is told from the first character on, consumed by one class: so the search skips along a text.
_DOOR: Final = re.compile(
    rf"[{_ROAD_ENDS}{_DIGITS}]"
    rf"(?:{_ROAD}\s*{_NUM}(?:\s*[-－~、至]\s*{_NUM})?\s*(?:号院|号楼|号{_NO_DOOR_OF_ROAD}|弄){_CHAIN}"
    rf"|(?<![{_ROAD_ENDS}])(?:"
    rf"{_NUM_REST}\s*{_BLOCK}(?:\s*{_NUM}\s*(?:{_BLOCK}|楼|层))*\s*"
    rf"(?:{_NUM}\s*(?:单元|{_ROOM})|(?<=[号栋幢座楼元层#])[-－]?{_ROOM_NUMBER})"
    rf"|(?<![0-9０-９A-Za-z].)[0-9０-９]{{2,3}}(?<=\d{{3}})[A-Za-z]?(?:房间|{_ROOM_ALONE})"
    r"|(?<=[一-龥].)[0-9０-９]{0,2}[-－][0-9０-９]{1,2}[-－](?!(?:19|20)\d\d)[0-9０-９]{3,4}(?![0-9０-９\-－])"
    r"|(?<=[苑园府城寓厦村里坊庭湾区].)[0-9０-９]?[-－][0-9０-９]{3,4}"
    r"(?![0-9０-９\-－.:：米元人户个平吨年月日块万千百多度分时%])"
    r"))"
)
_MAYBE_DOOR: Final = re.compile(rf"[{_DIGITS}](?:[A-Za-z]?\s?[号弄栋幢座单室房门#户]|[-－][0-9０-９])")

_STREET: Final = (
    r"(?:St|Street|Str|Ave?|Avenue|Rd|Road|Blvd|Boulevard|Dr|Drive|Ln|Lane|Ct|Court|Pl|Place|Sq|Square|Ter|Terrace"
    r"|Way|Hwy|Highway|Pkwy|Parkway|Cir|Circle|Row|Park|Wharf|Path)"
)
# Letters and ranges: 12A, 48-50, 11A-11, 22hf; but 5th and 1st are names of streets.
_HOUSE_REST: Final = r"(?!(?:st|nd|rd|th)\b)[A-Za-z]{0,2}(?:\s?[-&]\s?\d{0,5}[A-Za-z]{0,2})*"
_ENGLISH_DOOR: Final = re.compile(
    rf"[0-9](?<![A-Za-z0-9_/.\-#].)\d{{0,4}}{_HOUSE_REST}\s+(?=(?:[A-Z][A-Za-z0-9'.]*\s+){{1,4}}{_STREET}(?![A-Za-z0-9_]))"
)
_FLAT: Final = re.compile(
    r"[ ,]\s*(?:[Aa]pt|[Aa]partment|[Ss]uite|[Ff]lat)(?![A-Za-z])\.?\s*#?\s*\d+[A-Za-z]?(?![A-Za-z0-9_])"
)


def doors_to(text: str, replacement: str) -> tuple[str, int]:
    """Every door in running text replaced, and how many there were; the road before a number stays.

    A door is a road number, a building with a unit or room, or a room. A lone 5号楼 names no household and stays.
    """
    count = 0
    if _MAYBE_DOOR.search(text) is not None:
        text, count = _DOOR.subn(
            lambda match: (match.group()[0] if match.group()[0] in _ROAD_ENDS else "") + replacement, text
        )
    if " " in text:
        text, houses = _ENGLISH_DOOR.subn(f"{replacement} " if replacement else "", text)
        text, flats = _FLAT.subn(f" {replacement}" if replacement else "", text) if "t" in text else (text, 0)
        count += houses + flats
    return text, count


# In an address field a number with a unit is a door even without a road before it, and so is a lone building.
_FIELD_DOOR: Final = re.compile(
    rf"(?:第|附)?{_NUM}\s*(?:号楼|号院|号{_NO_DOOR}|#楼?|栋|幢|座|弄|单元|楼|层|室|房(?:间)?|户)(?:之{_NUM})?"
    r"|(?<=[号栋幢座楼元层室\]])\s*[-－]?[0-9０-９]{1,5}[A-Za-z]?(?:室|房)?$"
    r"|(?<=[一-龥])[0-9０-９]{1,5}(?:[-－][0-9０-９]{1,5}){1,3}(?![0-9０-９])"
)
_REMARK: Final = re.compile(r"[(（\[【][^)）\]】]*[)）\]】]")
_UNIT: Final = re.compile(
    r"[ ,#](?:(?<=#)|\s*(?:[Aa][Pp][Tt]|[Aa]partment|[Uu]nit|[Ss]uite|[Ss]te|[Ff]lat|[Rr]oom|[Rr]m)(?![A-Za-z])"
    r"\.?\s*#?)"
    r"\s*[A-Za-z0-9]+"
)
_EDGE: Final = " ,，、-－"
_NUMBERED: Final = re.compile(rf"[{_DIGITS}(（\[【#]")
_HOUSE: Final = re.compile(rf"^\s*\d{{1,5}}{_HOUSE_REST}\s+(?=[A-Za-z])")


@lru_cache(maxsize=65_536)
def generalise_address(address: str) -> str:
    """The address down to its road or estate: door, building, floor and room numbers and remarks are dropped.

    'X路123弄4号501室' gives 'X路', '39 Larkmoor St Boston' gives 'Larkmoor St Boston'. Crossings, road numbers (S105,
    5th Ave), metro lines and postcodes stay. Idempotent.
    """
    if _NOT_PLAIN.search(address) is None:
        return _generalised_plain(address)
    current = " ".join(address.split()).strip(_EDGE)
    before = None
    while before != current and _NUMBERED.search(current) is not None:
        before = current
        current, _ = doors_to(_REMARK.sub("", current), "")
        if not current.isascii():
            current = _FIELD_DOOR.sub("", current)
        current = _HOUSE.sub("", _UNIT.sub("", current))
        current = " ".join(current.split()).strip(_EDGE)
    return current


_NOT_PLAIN: Final = re.compile("[^一-龥0-9]")
"""What an address of nothing but Chinese characters and figures does not have. Those need none of the rules for
width, case, white space, brackets and other languages, and most addresses are such."""


def _generalised_plain(address: str) -> str:
    before = None
    while before != address and _NUMBERED.search(address) is not None:
        before = address
        address = _FIELD_DOOR.sub("", doors_to(address, "")[0])
    return address


_NUMERALS: Final = {character: value for value, character in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}
_NUMERAL: Final = re.compile(r"[零〇一二三四五六七八九十百]{1,5}(?=号|弄|幢|栋|座|室|单元|楼|层|房|户|门|#)")
_FIXED: Final = (
    ("省区市国", re.compile(r"^(?:中国|中华人民共和国)?(?:[一-龥]{2,8}?(?:省|自治区))?(?:[一-龥]{2,4}?市(?!场))?"), ""),
    ("0", re.compile(r"(?<![0-9])0+(?=[0-9])"), ""),
    ("楼#幢座", re.compile(r"(?:号楼|#楼?|幢|座)"), "栋"),
    ("房", re.compile(r"(?:号房|房间|房)(?=$|[^一-龥])"), "室"),
    ("层", re.compile(r"(?<=[0-9])层"), "楼"),
    ("第", re.compile(r"第(?=[0-9])"), ""),
    ("-", re.compile(r"^(.*[一-龥])([0-9]{1,3})-([0-9]{1,2})-([0-9]{3,4})$"), r"\1\2栋\3单元\4室"),
    ("-", re.compile(r"^(.*[苑园府城寓厦村里坊庭湾区])([0-9]{1,2})-([0-9]{3,4})$"), r"\1\2栋\3室"),
)
"""Signs of which one must be there, pattern, replacement: most addresses have few of the signs, and a look is cheap."""
_LAST_ROOM: Final = re.compile(r"(?<=[号栋元楼])-?([0-9]{1,5}[a-z]?)$")
_ENDS_OF_ROOM: Final = frozenset("0123456789abcdefghijklmnopqrstuvwxyz\n")
_ENGLISH: Final = {
    "street": "st",
    "str": "st",
    "avenue": "ave",
    "av": "ave",
    "road": "rd",
    "boulevard": "blvd",
    "drive": "dr",
    "lane": "ln",
    "court": "ct",
    "place": "pl",
    "square": "sq",
    "terrace": "ter",
    "highway": "hwy",
    "parkway": "pkwy",
    "circle": "cir",
    "north": "n",
    "south": "s",
    "east": "e",
    "west": "w",
    "apartment": "apt",
    "unit": "apt",
    "suite": "apt",
    "ste": "apt",
    "flat": "apt",
    "room": "apt",
    "rm": "apt",
}
_NO_MARKS: Final = dict.fromkeys(map(ord, " \t\n\r\f\v\u3000,，.。、;；:：·"), None)
_WORD: Final = re.compile(r"#|[a-z']+|\d+(?:\s*-\s*\d+)?[a-z]*")
_CITY_END: Final = re.compile(r"[\s,]+(?:[a-z]{2}[\s,]+)?\d{5}(?:-\d{4})?$|[\s,]+[a-z]{2}$")


@lru_cache(maxsize=65_536)
def canonical_address(address: str) -> str:
    """One text for all writings of an address; empty for a blank one. For comparing only, never to be stored.

    Width, white space, punctuation and remarks in brackets are dropped; Chinese numerals before a unit become
    figures; 栋, 幢, 座 and 号楼 are one, so are 室 and 房; a last bare number is the room. A leading province and
    city is dropped, in English the postcode, the state and the long forms of street words.
    """
    text = address
    if _NOT_PLAIN.search(address) is not None:
        text = _REMARK.sub("", unicodedata.normalize("NFKC", address).casefold()).strip()
        if text.isascii():
            return _canonical_english(text)
        text = text.translate(_NO_MARKS)
    elif text.isascii():
        return _canonical_english(text)
    text = _NUMERAL.sub(lambda match: str(_value(match.group())), text)
    for signs, pattern, replacement in _FIXED:
        for sign in signs:
            if sign in text:
                text = pattern.sub(replacement, text)
                break
    return text if text[-1:] not in _ENDS_OF_ROOM else _LAST_ROOM.sub(r"\1室", text)


def _canonical_english(text: str) -> str:
    words = _WORD.findall(_CITY_END.sub("", text.replace(".", "")))
    short = ["apt" if word == "#" else _ENGLISH.get(word, word.replace(" ", "")) for word in words]
    return " ".join(
        word for index, word in enumerate(short) if index == 0 or word != "apt" or short[index - 1] != "apt"
    )


def _value(numerals: str) -> int | str:
    """Value of a Chinese numeral below 1,000: 十二 is 12, 一百零三 is 103, 五〇一 (digits) is 501."""
    if "十" not in numerals and "百" not in numerals:
        return "".join(str(_NUMERALS[character]) for character in numerals)
    total, digit = 0, 0
    for character in numerals:
        if character in "十百":
            total += (digit or 1) * (10 if character == "十" else 100)
            digit = 0
        else:
            digit = _NUMERALS[character]
    return total + digit
