"""Names of places in Chinese texts: roads, estates and other named places, numbers of poles and covers.

A name is told by its last signs (…路, …小区) and by the two signs before them (three after 东 or 支). What stands
further to the left is not looked at: without a dictionary nobody can tell where 市民反映人民路 begins, and two
reports of one road must give the same name, whatever was said before it. So 张家浜路 is known as 家浜路: names here
are for comparing, never for reading. Words that only look like names (马路, 我们小区) are listed below.

Doors are none of these: texts are read after they were redacted, so nothing of a door is left (docs/privacy.md).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Final, NamedTuple

__all__ = ["MOST", "Mention", "Relation", "marks_of", "mentions_in", "relation", "united"]

ROAD: Final = 0
PLACE: Final = 1
NUMBER: Final = 2
"""Kinds of mention."""
_RANK: Final = (1, 2, 0)
"""In which order they are kept: numbers say most, then roads."""
MOST: Final = 4
"""Mentions kept of one text; few texts have more."""
_WIDTH: Final = 4
"""Bytes of a mark: two bits of the kind, thirty of the name."""


class Mention(NamedTuple):
    """A named place: its kind, and its name in the form in which it is compared."""

    kind: int
    name: str


class Relation(NamedTuple):
    """How the mentions of two texts agree, for each kind: 1 one in common, -1 none, 0 one of the two names none."""

    road: int
    place: int
    number: int


_HAN: Final = "[一-龥]"
# The sign before 路, 街, 巷 in words that name no road: 马路, 十字路, 沿街, 小巷, 走路, 一路 …
_NO_ROAD: Final = (
    "条马公铁线电管水网气油道走过小大半修问让占堵段这那各上下回来去出字岔主辅弯老泥土车断短思套一速头叉无路"
    "逛沿临行后前深弄"
)
_ENDS: Final = re.compile(
    rf"[路街巷道同区园苑村城寓馆邸庭府厦场学校院桥](?<={_HAN}{_HAN}.)(?:"
    rf"(?<=[路街巷])(?<![{_NO_ROAD}].)(?!(?:(?<=街)(?:道(?!路)|坊|头)|(?<=路)[灯由程过牌障途]))"
    r"|(?<=大道)|(?<=胡同)"
    r"|(?<=小区)|(?<=[花家公学校乐]园)|(?<=[花雅佳名嘉新]苑)|(?<=新[村城])|(?<=公[寓馆])|(?<=[名府官]邸)|(?<=[华豪]庭)"
    r"|(?<=华府)|(?<=大厦)|(?<=[广商市菜]场)|(?<=[小中大]学)|(?<=学[校院])|(?<=医院)|(?<=大桥)"
    r")"
)
_ROADS: Final = frozenset("路街巷道同")
_LONGER: Final = frozenset("东西南北中支环")
"""After one of these a road's own name is a sign longer: 中山东路, 昭化支路."""
_OTHER: Final = re.compile("[^一-龥]|[在近靠到离的了对与被把是]")
"""Signs that are hardly ever part of a name."""
_NO_NAME: Final = (
    "我们你们他们我家本地整个这个那个一个某个每个各个几个多个两个所有部分其他居民住宅"
    "老旧新建附近周边隔壁旁边对面影响导致进入进出造成占用恢复投诉要求因为但是目前生活"
    "一期二期三期城市农贸社区街心购物建材大型超级露天公共高档封闭安置商业休闲综合批发"
)
"""What stands before 小区, 广场 … without being a name: words of two signs, one after the other."""
_NO_NAMES: Final = frozenset([_NO_NAME[at : at + 2] for at in range(0, len(_NO_NAME), 2)])
_NUMBERED: Final = re.compile(
    r"(?P<what>灯杆|路灯|电杆|线杆|杆|灯|井盖|窨井|井|箱)(?:的)?(?:编号|编码|号码|号)(?:是|为|[:：\s])*(?P<number>[A-Za-z]{0,4}-?\d{1,12})"
    r"|(?<![路街巷道弄0-9A-Za-z-])(?P<before>[A-Za-z]{0,4}-?\d{1,12})号(?P<object>灯杆|路灯|电杆|线杆|杆|灯|井盖|窨井|井|箱)"
)
_SIGNS: Final = re.compile("[灯杆井箱]")


def mentions_in(text: str) -> list[Mention]:
    """The mentions of a redacted text, each once, in order of appearance, numbers last."""
    found: list[Mention] = []
    end = 0
    for match in _ENDS.finditer(text):
        at = match.start()
        mention = _named(text, end, at)
        if mention is not None:
            end = at + 1
            if mention not in found:
                found.append(mention)
    if "号" in text and _SIGNS.search(text) is not None:
        found += [mention for mention in _numbers(text) if mention not in found]
    return found


def _named(text: str, end: int, at: int) -> Mention | None:
    """The name that ends with the sign at ``at``; signs before ``end`` belong to another."""
    road = text[at] in _ROADS
    stem = at if road and text[at] not in "道同" else at - 1
    size = 3 if road and text[stem - 1] in _LONGER else 2
    start = stem - size
    if start < end:
        return None
    before = text[start:stem]
    if _OTHER.search(before) is not None or before in _NO_NAMES:
        return None
    return Mention(ROAD if road else PLACE, text[start : at + 1])


def _numbers(text: str) -> list[Mention]:
    found = []
    for match in _NUMBERED.finditer(text):
        what, number, before, thing = match.groups()
        found.append(Mention(NUMBER, f"{_thing(what or thing)}{(number or before).upper()}"))
    return found


def _thing(word: str) -> str:
    """A lamp is known by its pole, a well by its cover."""
    return "杆" if word[-1] in "灯杆" else "井" if "井" in word else word


def marks_of(texts: Sequence[str]) -> bytes:
    """What is kept of the mentions of a report's texts: at most ``MOST`` marks of four bytes, numbers first."""
    found = list(dict.fromkeys(mentions_in("\n".join(texts))))
    if not found:
        return b""
    found.sort(key=_rank)
    return b"".join([_mark(*mention) for mention in found[:MOST]])


def _rank(mention: Mention) -> int:
    return _RANK[mention.kind]


@lru_cache(maxsize=65_536)
def _mark(kind: int, name: str) -> bytes:
    digest = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=_WIDTH).digest()
    return bytes(((kind << 6) | (digest[0] & 0x3F),)) + digest[1:]


def _split(marks: bytes) -> list[bytes]:
    return [marks[at : at + _WIDTH] for at in range(0, len(marks), _WIDTH)]


def united(marks: bytes, more: bytes) -> bytes:
    """The marks with those of another report, at most ``MOST``; what was there first stays."""
    if not more or len(marks) >= MOST * _WIDTH:
        return marks
    return b"".join(list(dict.fromkeys((*_split(marks), *_split(more))))[:MOST])


def relation(left: bytes, right: bytes) -> Relation:
    """How two sets of marks agree. Symmetric."""
    if not left or not right:
        return _NEITHER
    theirs = _split(right)
    mine = common = 0
    for one in _split(left):
        bit = 1 << (one[0] >> 6)
        mine |= bit
        if one in theirs:
            common |= bit
    both = 0
    for one in theirs:
        both |= mine & (1 << (one[0] >> 6))
    return _RELATIONS[both << 3 | common]


_NEITHER: Final = Relation(0, 0, 0)


def _related(both: int, common: int, kind: int) -> int:
    bit = 1 << kind
    return 0 if not both & bit else 1 if common & bit else -1


_RELATIONS: Final = [
    Relation(*[_related(both, common, kind) for kind in (ROAD, PLACE, NUMBER)])
    for both in range(8)
    for common in range(8)
]
"""By the kinds that both name and the kinds with a mark in common, three bits each."""
