"""How people write: sentences put together from place, problem and manner, with slips and private particulars.

The same problem is told differently by each reporter. Everything private (names, phones, plates, doors, identity
numbers) is invented, and every piece is handed back beside the text so that a scanner can look for it downstream.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from pipeline.simulation import names
from pipeline.simulation.city import City, Community
from pipeline.simulation.kinds import Kind
from pipeline.simulation.lattice import Cell


@dataclass(frozen=True, slots=True)
class Told:
    """A text, and every private piece in it as (kind, value)."""

    title: str
    text: str
    address: str
    place_name: str
    private: tuple[tuple[str, str], ...]


SINCE = (
    "",
    "",
    "",
    "从昨天开始，",
    "已经三天了，",
    "有一个星期了，",
    "今天早上发现，",
    "刚才路过看到，",
    "长期如此，",
    "这两天，",
)
EFFECT = (
    "",
    "",
    "影响居民生活",
    "存在安全隐患",
    "老人小孩走路很危险",
    "影响市容",
    "大家意见很大",
    "严重影响通行",
    "怕出事",
)
WISH = (
    "请尽快处理。",
    "希望有关部门来管管。",
    "请派人来看一下。",
    "要求处理并回复。",
    "望解决，谢谢。",
    "麻烦了！",
    "盼回复",
    "",
)
HELLO = ("", "", "你好，", "您好，", "市民反映：", "来电人反映，", "诉求人称，", "我要投诉，", "请问，")
PATROL = ("巡查发现", "巡查中发现", "网格员巡查至", "日常巡查，", "上门走访途中发现", "现场查看，", "巡查时看到")
DONE = ("已现场劝导并清理。", "已当场整改。", "已联系保洁清理完毕。", "已自行处置。")
PASS = ("请转相关部门处置。", "建议派单处理。", "已拍照上报。", "超出网格处置能力，请协调。", "请核实立案。")
POLICE = ("报警人称", "110接警：", "群众报警，", "非警务警情转办：")
AGAIN = ("反映过多次没人管，", "打了好几次电话了，还是没解决，", "上次处理完又这样了，", "多次投诉无果，")
CLOSED = (
    "上次说办结了，其实根本没解决，",
    "工单已经办结，但是问题还在，",
    "回复说处理好了，现场一点没变，",
    "不满意上次的处理结果，",
)
LAWS = (
    "城管说归交警，交警说归城管",
    "涉及市容、道路交通和市场监管几个部门",
    "市容条例和道路交通安全法都有规定，不知归谁管",
)
TYPOS = (
    ("垃圾", "拉圾"),
    ("电动车", "电动東"),
    ("部门", "步门"),
    ("影响", "影向"),
    ("处理", "处里"),
    ("严重", "严总"),
    ("的", "得"),
)
WIDE = str.maketrans("0123456789,.()", "０１２３４５６７８９，．（）")
NUMBER_WORDS = {"m2": "平方米", "cm": "厘米", "dB(A)": "分贝"}


def home(community: Community, cell: Cell) -> str:
    """The housing estate of a cell."""
    return community.estates[(cell[0] * 7 + cell[1]) % len(community.estates)]


def where(rng: Random, city: City, cell: Cell) -> tuple[str, str]:
    """An address and the name of a place in a cell, as somebody would say them."""
    community = city.community_of[cell]
    along, across = city.roads(cell)
    number = f"{rng.randrange(1, 999)}号"
    estate = home(community, cell)
    draw = rng.random()
    if draw < 0.35:
        return f"{community.street.name}{along}{number}", along
    if draw < 0.55:
        return f"{along}{across}路口", along
    if draw < 0.75:
        return f"{community.name}{estate}{rng.randrange(1, 48)}号楼", estate
    if draw < 0.9:
        return f"{along}近{across}{names.landmark(rng)}", along
    return f"{across}{number}{names.shop(rng)}", across


def private_bits(rng: Random, rate: float, channel: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """A clause with private particulars (often none) and what it holds."""
    if rng.random() >= rate:
        return "", ()
    draw = rng.random()
    if draw < 0.35:
        who, number = names.person(rng), names.phone(rng)
        words = rng.choice(
            ("联系人{}，电话{}。", "{}，手机号{}，随时联系。", "请联系{}先生{}。", "投诉人：{} 电话：{}")
        )
        return words.format(who, number), (("name", who), ("phone", number))
    if draw < 0.55:
        plate = names.plate(rng)
        return rng.choice(("车牌{}。", "车号是{}。", "肇事车{}。")).format(plate), (("plate", plate),)
    if draw < 0.75:
        flat = names.door(rng)
        return f"我住{flat}。", (("door", flat),)
    if draw < 0.87:
        number = names.landline(rng)
        return f"座机{number}。", (("phone", number),)
    if channel == "grid-worker":
        who = names.person(rng)
        return f"当事人{who}。", (("name", who),)
    card = names.identity(rng)
    return f"身份证{card}。", (("identity", card),)


def slip(rng: Random, text: str) -> str:
    """A typing error, full-width digits, or a space where none belongs."""
    draw = rng.random()
    if draw < 0.4:
        old, new = rng.choice(TYPOS)
        return text.replace(old, new, 1)
    if draw < 0.75:
        return text.translate(WIDE)
    middle = len(text) // 2
    return f"{text[:middle]} {text[middle:]}"


def measured_words(rng: Random, kind: Kind, value: float | None) -> str:
    """The measured value in words."""
    if value is None or kind.measured is None:
        return ""
    unit = NUMBER_WORDS.get(kind.measured.unit, kind.measured.unit)
    lead = {"cm": "深约", "dB(A)": "实测"}.get(kind.measured.unit, "面积约")
    return f"，{lead}{value:g}{rng.choice((unit, kind.measured.unit))}"


def tell(
    rng: Random, city: City, kind: Kind, cell: Cell, channel: str, *, personal: float, typos: float,
    value: float | None = None, manner: str = "", settled: bool = False,
) -> Told:  # fmt: skip
    """One telling of a problem. ``manner``: '', 'again', 'closed' or 'laws'."""
    address, place_name = where(rng, city, cell)
    core = rng.choice(kind.phrases)
    amount = measured_words(rng, kind, value)
    extra, private = private_bits(rng, personal, channel)
    if channel == "grid-worker":
        text = f"{rng.choice(PATROL)}{address}{core}{amount}。{rng.choice(DONE if settled else PASS)}{extra}"
    elif channel == "video-ai":
        text = f"{place_name}点位识别：{kind.name}，置信度{rng.randrange(60, 99)}%"
        extra, private = "", ()
    else:
        lead = rng.choice(POLICE) if channel == "police-110" else rng.choice(HELLO)
        before = {"again": rng.choice(AGAIN), "closed": rng.choice(CLOSED)}.get(manner, "")
        after = rng.choice(LAWS) + "。" if manner == "laws" else ""
        effect = rng.choice(EFFECT)
        text = f"{lead}{before}{rng.choice(SINCE)}{address}{core}{amount}，{effect}。{after}{extra}{rng.choice(WISH)}"
        text = text.replace("，。", "。")
    if typos and rng.random() < typos:
        text, private = _slip_around(rng, text, private)
    return Told(kind.name if rng.random() < 0.5 else f"{place_name}{kind.name}", text, address, place_name, private)


def _slip_around(
    rng: Random, text: str, private: tuple[tuple[str, str], ...]
) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Slip, and tell how each private piece is written now (in its own writing too, which must be gone as well)."""
    slipped = slip(rng, text)
    written = tuple((kind, value.translate(WIDE)) for kind, value in private if value.translate(WIDE) in slipped)
    return slipped, tuple(dict.fromkeys(private + written))


CONSULT = (
    "请问{}居住证怎么办理？",
    "咨询{}社区医保报销的手续。",
    "想问一下{}老年卡在哪里领。",
    "咨询{}公租房申请条件。",
    "请问{}什么时候通地铁？",
    "咨询小孩在{}上学的积分政策。",
    "请问{}物业电话是多少？",
)
PRAISE = ("感谢{}网格员，处理问题很及时！", "表扬{}环卫工人，扫得真干净。", "给{}社区点赞，办事很热心。")
SUGGEST = (
    "建议在{}增设一个红绿灯。",
    "建议{}多种些树。",
    "希望{}增加几个公共厕所。",
    "建议{}延长公园开放时间。",
    "提议在{}装电瓶车充电桩。",
)
BEYOND = (
    "{}有人打架，要报警。",
    "在{}被骗了两万元，怎么办？",
    "对法院的判决不服，要求改判（{}）。",
    "{}有人突发心脏病，快叫救护车！",
    "举报{}干部受贿的问题。",
    "劳动仲裁结果不公，{}公司欠薪案已经在法院。",
    "{}夫妻离婚财产怎么分割？",
)
DRILL = (
    "【演练】{}模拟燃气泄漏处置。",
    "防汛演练：{}模拟下立交积水。",
    "演习，{}模拟路面塌陷，请勿派单。",
    "消防演练 {} 模拟高层火灾",
)
