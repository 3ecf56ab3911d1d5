"""Invented names: roads, estates, villages, people, phones, plates. None is meant to name anything real."""

from __future__ import annotations

from random import Random

_FIRST = "晴岚澄墨砚汀杉桐栩荻苇鹭鹤泓沁漪霁昭旻皓翊翎珩琰璟铎镜锦绮缃霖霏霓曦晗暄"
_SECOND = "川原桥浦泾塘湾汇陵坪洲屿榭亭津渡岭麓溪泽"
_WAY = ("路", "路", "路", "街", "大道", "东路", "西路", "支路")
_ESTATE = ("花苑", "小区", "新村", "家园", "雅苑", "公寓", "名邸", "佳苑", "华庭")
_SURNAME = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕"
_GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华慧巧美雅芝玉萍红月彩春菊兰凤洁梅琳素云莲真环雪荣爱妹"
_SHOP = ("鲜果店", "早餐铺", "汽修店", "烧烤店", "理发店", "便利店", "棋牌室", "洗车行", "五金店", "小吃店")
_MARK = ("学校门口", "地铁站出口", "菜场旁", "公交站旁", "卫生站对面", "桥下", "公园东门", "幼儿园旁", "超市门口")


def _pair(rng: Random) -> str:
    return rng.choice(_FIRST) + rng.choice(_SECOND)


def road(rng: Random) -> str:
    """A road."""
    return _pair(rng) + rng.choice(_WAY)


def estate(rng: Random) -> str:
    """A housing estate."""
    return _pair(rng) + rng.choice(_ESTATE)


def place(rng: Random) -> str:
    """Two syllables for a street office, town, community or village."""
    return _pair(rng)


def shop(rng: Random) -> str:
    """A shop."""
    return rng.choice(_FIRST) + rng.choice(_FIRST) + rng.choice(_SHOP)


def landmark(rng: Random) -> str:
    """Where along a road."""
    return rng.choice(_MARK)


def person(rng: Random) -> str:
    """A person's full name."""
    return rng.choice(_SURNAME) + "".join(rng.choices(_GIVEN, k=rng.choice((1, 2, 2))))


def phone(rng: Random) -> str:
    """A mobile number of eleven digits."""
    return "1" + rng.choice(("38", "39", "50", "58", "77", "86", "91", "99")) + f"{rng.randrange(10**8):08d}"


def landline(rng: Random) -> str:
    """A fixed line number."""
    return f"021-5{rng.randrange(10**7):07d}"


def plate(rng: Random) -> str:
    """A number plate: five signs after the city's letter, at most two of them letters (GA 36-2018)."""
    signs = [*rng.choices("ABCDEFGHJKLMNPQRSTUVWXYZ", k=rng.randrange(3)), *rng.choices("0123456789", k=5)][:5]
    rng.shuffle(signs)
    return f"沪{rng.choice('ABCDEFGK')}{''.join(signs)}"


def identity(rng: Random) -> str:
    """An identity card number of the made-up division, its check digit right (GB 11643-1999)."""
    born = f"{rng.randrange(1950, 2005)}{rng.randrange(1, 13):02d}{rng.randrange(1, 29):02d}"
    body = f"310199{born}{rng.randrange(1000):03d}"
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return body + "10X98765432"[sum(int(digit) * weight for digit, weight in zip(body, weights, strict=True)) % 11]


def door(rng: Random) -> str:
    """Building and flat."""
    return f"{rng.randrange(1, 48)}号楼{rng.randrange(1, 19)}{rng.randrange(1, 5):02d}室"
