"""Personal data is found in many writings, everything else is left alone, and pseudonyms join what belongs together."""

import random
from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.domain.privacy import (
    PLACEHOLDERS,
    address_key,
    canonical_address,
    generalise_address,
    normal_phone,
    person_key,
    pseudonym,
    redact,
    redacted,
    redacted_label,
    scan,
)

KEY = b"0123456789abcdef0123456789abcdef"

# --- planted data -----------------------------------------------------------------------------------------------------

WIDE = str.maketrans("0123456789-", "０１２３４５６７８９－")
LEAD = ["", "市民反映路灯不亮，", "请回复", "联系方式", "车主电话：", "电话是", "详情见附件。", "2026年4月5日来电，"]
TAIL = ["", "，请尽快处理", "。", " 谢谢", "（晚上联系）", "\n", "；另有2人在场"]


@given(st.text(alphabet="省市区路街号栋幢楼单元层室房第弄一二十百零0123456789解放花园", max_size=16))
@example("解放路12号3栋501")
@example("花园12-3-401")
def test_an_address_without_signs_takes_a_shorter_way_to_the_same_answer(address: str) -> None:
    """A blank behind it makes it take the long one."""
    assert canonical_address(address) == canonical_address(f"{address} ")
    assert generalise_address(address) == generalise_address(f"{address} ")


@given(st.text(alphabet="我叫王小明，电话13812345678号室一姓名：", max_size=40))
def test_the_text_alone_is_that_of_the_redaction(text: str) -> None:
    assert redacted(text) == redacted_label(text) == redact(text).text


def digits(rng: random.Random, count: int) -> str:
    return "".join(rng.choice("0123456789") for _ in range(count))


def a_mobile(rng: random.Random) -> str:
    number = "1" + rng.choice("3456789") + digits(rng, 9)
    a, b, c = number[:3], number[3:7], number[7:]
    writings = [
        number,
        f"{a} {b} {c}",
        f"{a}-{b}-{c}",
        f"+86{number}",
        f"+86 {a} {b} {c}",
        f"86-{number}",
        f"{a}.{b}.{c}",
    ]
    writings += [
        number.translate(WIDE),
        f"{a}－{b}－{c}",
        " ".join(number),
        f"{number[:4]} {number[4:7]} {c}",
        f"0{number}",
    ]
    writings += [f"{a}\u3000{b}\u3000{c}", f"({number})", f"tel{number}", f"{a}—{b}—{c}"]
    return rng.choice(writings)


def a_landline(rng: random.Random) -> str:
    area = rng.choice(["010", "021", "025", "0731", "0591", "0755", "0351"])
    local = rng.choice("2345678") + digits(rng, 7 if len(area) == 3 else rng.choice([6, 7]))
    writings = [f"{area}-{local}", f"({area}){local}", f"{area} {local}", f"（{area}）{local}", f"{area}{local}"]
    writings += [
        f"{area}-{local[:4]}-{local[4:]}" if len(local) == 8 else f"{area}-{local}",
        f"{area}－{local}".translate(WIDE),
    ]
    return rng.choice(writings)


def an_identity_card(rng: random.Random) -> str:
    day = f"{rng.randint(1930, 2015)}{rng.randint(1, 12):02}{rng.randint(1, 28):02}"
    body = rng.choice(["310101", "440307", "350102", "620102", "110105"]) + day + digits(rng, 3)
    last = "10X98765432"[sum((2 ** (17 - place) % 11) * int(digit) for place, digit in enumerate(body)) % 11]
    number = body + last
    return rng.choice([number, number.lower(), f"{number[:6]} {number[6:14]} {number[14:]}", number.translate(WIDE)])


def an_old_identity_card(rng: random.Random) -> str:
    day = f"{rng.randint(40, 99)}{rng.randint(1, 12):02}{rng.randint(1, 28):02}"
    return rng.choice(["", "身份证号："]) + rng.choice(["310101", "440307", "350102"]) + day + digits(rng, 3)


def a_bank_card(rng: random.Random) -> str:
    length = rng.choice([16, 19, 19, 19])
    body = rng.choice(["622202", "621700", "622848", "436742", "601382", "955880"]) + digits(rng, length - 7)
    odd = sum(int(digit) for digit in body[-2::-2])
    even = sum(sum(divmod(int(digit) * 2, 10)) for digit in body[-1::-2])
    number = body + str(-(odd + even) % 10)
    grouped = " ".join(number[place : place + 4] for place in range(0, length, 4))
    return rng.choice([number, grouped, grouped.replace(" ", "-"), number.translate(WIDE)])


def a_plate(rng: random.Random) -> str:
    head, letter = rng.choice("京沪粤浙闽苏川新青"), rng.choice("ABCDEFGH")
    tail = rng.choice([digits(rng, 5), rng.choice("DF") + digits(rng, 5), "B" + digits(rng, 4), digits(rng, 3) + "HK"])
    return head + rng.choice([letter, " " + letter]) + rng.choice(["", " ", "·", ".", "-"]) + tail


def a_name(rng: random.Random) -> str:
    name = rng.choice("王李张刘陈杨赵黄周吴") + rng.choice(["伟", "秀英", "建国", "丽", "晓明", "海燕"])
    forms = [
        "姓名：{}，",
        "联系人：{} ",
        "本人{}，",
        "我叫{}，",
        "{}先生",
        "{}女士来电",
        "反映人：{}，",
        "投诉人：{}。",
        "{}同志",
    ]
    return rng.choice(forms).format(name)


def an_email(rng: random.Random) -> str:
    return (
        rng.choice(["zhang.san", "li4", "a_b-c", digits(rng, 9)])
        + rng.choice(["@", "＠"])
        + rng.choice(["qq.com", "mail.gov.cn"])
    )


def a_wechat(rng: random.Random) -> str:
    return rng.choice(["微信：", "微信号", "微信号是", "WX:", "wechat: "]) + rng.choice(
        ["li_ming2020", "wxid_8a7b", "a13800"]
    )


def a_qq(rng: random.Random) -> str:
    return rng.choice(["QQ", "QQ：", "qq号", "QQ号码是", "扣扣"]) + str(rng.randint(10**5, 10**10))


def a_passport(rng: random.Random) -> str:
    return rng.choice(["护照E", "护照号码：EA", "护照号G", "passport No. E"]) + digits(rng, 8)


def a_door(rng: random.Random) -> str:
    house, room = rng.randint(1, 999), rng.randint(101, 2904)
    forms = [
        "解放路{h}号",
        "人民路{h}弄4号{r}室",
        "阳光花园3栋2单元{r}室",
        "幸福小区12幢{r}",
        "中山大道{h}号{r}房",
        "丽苑5-{r}",
    ]
    return rng.choice(forms).format(h=house, r=room)


PLANTED: dict[str, Callable[[random.Random], str]] = {
    "mobile": a_mobile,
    "landline": a_landline,
    "identity_card": an_identity_card,
    "bank_card": a_bank_card,
    "plate": a_plate,
    "name": a_name,
    "email": an_email,
    "wechat": a_wechat,
    "qq": a_qq,
    "passport": a_passport,
    "door": a_door,
}


@pytest.mark.parametrize(("kind", "make"), [*PLANTED.items(), ("identity_card", an_old_identity_card)])
def test_planted_data_of_each_kind_is_found_in_99_of_100_writings(
    kind: str, make: Callable[[random.Random], str]
) -> None:
    rng = random.Random(f"planted {kind}")
    missed = []
    for _ in range(1000):
        text = rng.choice(LEAD) + make(rng) + rng.choice(TAIL)
        if kind not in redact(text).found:
            missed.append(text)
    assert len(missed) <= 10, missed[:10]


@pytest.mark.parametrize("make", [a_mobile, a_landline, an_identity_card, a_bank_card])
def test_no_digits_of_a_planted_number_are_left(make: Callable[[random.Random], str]) -> None:
    rng = random.Random("left")
    for _ in range(500):
        planted = make(rng)
        left = redact(f"请回复{planted}，谢谢").text
        assert not any(character.isdigit() for character in left), (planted, left)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("建设路393号公交站旁", "建设路[门牌]公交站旁"),
        ("幸福路12号公寓二楼", "幸福路[门牌]公寓二楼"),
        ("人民路8号文具店、15号车库", "人民路[门牌]文具店、15号车库"),
        ("长江路26号机房漏水", "长江路[门牌]机房漏水"),
        ("园区街3号通信井", "园区街[门牌]通信井"),
        ("中山路12号井盖、9号灯杆、7号站", "中山路12号井盖、9号灯杆、7号站"),
    ],
)
def test_what_stands_behind_a_number_of_a_road_does_not_hide_the_door(text: str, left: str) -> None:
    assert redact(text).text == left


def test_several_kinds_in_one_text_are_each_replaced_in_place() -> None:
    text = "本人张三，家住解放路88号阳光小区3栋501室，电话13812345678，身份证11010519491231002X，车牌沪A12345"
    expected = "本人[姓名]，家住解放路[门牌]阳光小区[门牌]，电话[手机号]，身份证[身份证]，车牌[车牌]"
    result = redact(text)
    assert result.text == expected
    assert sorted(result.found) == ["door", "door", "identity_card", "mobile", "name", "plate"]


# --- what must not be touched -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("投诉电话12345，火警119，报警110，急救120", id="public short numbers"),
        pytest.param("400-820-8820", id="service number"),
        pytest.param("2026年4月5日8时30分，2026-04-05 08:30:00", id="dates and times"),
        pytest.param("2026-04-05 13:45", id="date and hour that begin like a mobile"),
        pytest.param("总价1234567.89元，合计12345678元，约1,380,000元", id="amounts"),
        pytest.param("工单号：20260405123，案件编号202604051234567", id="order numbers"),
        pytest.param("诉求编号：FZ16082600608", id="order number of a day that begins like a mobile"),
        pytest.param("工单编号16082600608", id="the same without letters"),
        pytest.param("E0110201904110001", id="case number with a kind letter"),
        pytest.param("310101202604051234", id="18-digit order number of division and date, checksum wrong"),
        pytest.param("部件3205080101000001", id="16-digit component code"),
        pytest.param("部件44030501010000016", id="17-digit component code"),
        pytest.param("6201020101000000", id="Gansu component code that passes Luhn"),
        pytest.param("4403050101000008与44030501010000007", id="component codes of both standards that pass Luhn"),
        pytest.param("解放路5号线工程，人民路2号口", id="metro line and exit after a road"),
        pytest.param("网格310101001001001", id="15-digit grid code that reads as a card of 1900"),
        pytest.param("井盖直径700，深1500，型号DN600", id="manhole sizes"),
        pytest.param("GPS 121.4737123456 31.230416", id="coordinates"),
        pytest.param("121.13812345678,31.2", id="coordinate with the digits of a mobile"),
        pytest.param("0.43217081950381975", id="long decimal"),
        pytest.param("138****5678 0000-00000000 张** 1381234XXXX", id="masked already"),
        pytest.param("地铁3号线2号口，5号线", id="metro lines and exits"),
        pytest.param("5号路与12号桥，3号楼外墙", id="numbered road, bridge, lone building"),
        pytest.param("3室2厅，502户居民，二楼三层", id="rooms of a flat, households, floors"),
        pytest.param("小区300-500米，10-300人", id="ranges"),
        pytest.param("由宝山路街道5号处理，马路5号挖开", id="days of a month after 街道 and 马路"),
        pytest.param("人民路与解放路交叉口", id="crossing"),
        pytest.param("本人于2011年参加，本人向贵局反映，本人马上到", id="words after 本人 that are surnames too"),
        pytest.param("联系人电话，业主反映，负责人不在", id="labels without a name"),
        pytest.param("城管同志、公安同志、环卫阿姨、位先生", id="offices with a title"),
        pytest.param("无牌车辆停在新A区，云A级景区", id="no plates"),
        pytest.param("关于[2011]47号文件，第12号令", id="documents"),
        pytest.param("Case #101000295613 opened 2011-07-01T01:32:33", id="English case number"),
        pytest.param("INTERSECTION of Grovemere St & Rill St", id="English crossing"),
        pytest.param("streetlight out on 5th Ave, 3 lights", id="numbered avenue"),
        pytest.param("1712345678901", id="milliseconds"),
    ],
)
def test_text_without_personal_data_is_left_alone(text: str) -> None:
    assert redact(text) == redact(redact(text).text)
    assert redact(text).text == text


def test_a_wrong_checksum_counts_only_after_the_label() -> None:
    assert redact("310101202604051234").found == ()
    assert redact("身份证号码310101202604051234").found == ("identity_card",)


def test_an_old_card_of_before_1940_counts_only_after_the_label() -> None:
    assert redact("310101391005123").found == ()
    assert redact("310101401005123").found == ("identity_card",)
    assert redact("身份证310101391005123").found == ("identity_card",)


def test_a_card_number_that_fails_luhn_counts_only_after_the_label() -> None:
    assert redact("6222021234567890123").found == ()
    assert redact("卡号6222021234567890123").found == ("bank_card",)


def test_a_card_that_reads_as_a_code_of_no_prefecture_is_a_card() -> None:
    assert redact("6222020101000005").found == ("bank_card",)


# --- idempotence ------------------------------------------------------------------------------------------------------

PIECES = st.sampled_from(
    (
        *PLACEHOLDERS.values(),
        *"0123456789 -.()：，向张王DX号弄栋室年路户门",
        *("13812345678", "138", "1234", "5678", "11010519491231002X", "6222021234567894", "0731", "88888888", "+86"),
        *(
            "电话",
            "卡号",
            "身份证",
            "编号",
            "QQ",
            "微信号",
            "护照E",
            "姓名",
            "联系人",
            "本人",
            "我叫",
            "三丰",
            "先生",
            "女士",
        ),
        *(
            "同志",
            "沪A",
            "12345",
            "@qq.com",
            "解放路",
            "88",
            "单元",
            "501",
            "十二",
            "一三八零零一三八零零零",
            "39",
            "小区",
        ),
        *("Larkmoor", " St ", " Apt 5", "Mr. ", "John", "name: ", "my name is ", "２０２６", "\u200b"),
    )
)


@settings(max_examples=600, deadline=None)
@given(st.lists(PIECES, max_size=14).map("".join))
@example("11010519491231002XQQ88888")
@example("11010519491231002X6222021234567894")
def test_redacting_again_changes_nothing(text: str) -> None:
    once = redact(text)
    assert redact(once.text).text == once.text


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=80))
def test_any_text_is_redacted_without_error(text: str) -> None:
    once = redact(text)
    assert redact(once.text).text == once.text
    assert (once.text == text) == (not once.found)


# --- the second pair of eyes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["mobile", "landline", "identity_card", "plate", "email", "name"])
def test_the_scan_sees_planted_data_and_nothing_after_redaction(kind: str) -> None:
    rng = random.Random(f"scan {kind}")
    texts = [rng.choice(LEAD) + "，" + PLANTED[kind](rng) for _ in range(400)]
    assert sum(kind in scan(text) for text in texts) > 100
    assert [text for text in texts if scan(redact(text).text)] == []


def test_the_scan_takes_no_pseudonym_for_a_number() -> None:
    assert [name for name in (pseudonym(KEY, str(n)) for n in range(3000)) if scan(name)] == []


# --- pseudonyms -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "writing",
    [
        "13812345678",
        "138 1234 5678",
        "138-1234-5678",
        "+86 13812345678",
        "0086-138-1234-5678",
        "１３８１２３４５６７８",
        "013812345678",
    ],
)
def test_one_phone_in_any_writing_is_one_person(writing: str) -> None:
    assert normal_phone(writing) == "13812345678"
    assert pseudonym(KEY, writing) == pseudonym(KEY, "13812345678")
    assert person_key(KEY, phone=writing, name="甲") == person_key(KEY, phone="13812345678", identity="other")


@pytest.mark.parametrize(
    "writing", ["010-62345678", "(010) 6234 5678", "86-10-62345678".replace("86-10", "+86 010"), "010-62345678转801"]
)
def test_one_landline_in_any_writing_is_one_person(writing: str) -> None:
    assert normal_phone(writing) == "01062345678"


@given(st.text(max_size=12), st.text(max_size=12))
def test_the_boundary_between_parts_counts(left: str, right: str) -> None:
    if right.strip() and normal_phone(left + right) == normal_phone(left) == normal_phone(right) == "":
        assert pseudonym(KEY, left, right) != pseudonym(KEY, left + right, "")


def test_a_pseudonym_is_16_hex_and_depends_on_the_key() -> None:
    one, other = pseudonym(KEY, "13812345678"), pseudonym(KEY[::-1], "13812345678")
    assert one != other
    assert len(one) == 16
    assert set(one) <= set("0123456789abcdef")


@pytest.mark.parametrize("key", [b"", b"short", bytes(65)])
def test_a_weak_key_is_refused_with_its_length(key: bytes) -> None:
    with pytest.raises(ValueError, match=f"key of {len(key)} bytes"):
        pseudonym(key, "x")


def test_a_person_is_known_by_phone_then_id_then_name_with_address() -> None:
    by_name = person_key(KEY, name="张三", address="解放路88号")
    assert by_name == person_key(KEY, phone="138****5678", name=" 张三", address="解放路八十八号")
    assert by_name != person_key(KEY, identity="u1", name="张三", address="解放路88号")
    assert person_key(KEY, name="张三") is None
    assert person_key(KEY, phone="-", identity=" ") is None


# --- addresses --------------------------------------------------------------------------------------------------------

SAME_DOOR = [
    ("X路123弄4号501室", "x路 123弄4号 501"),
    ("解放路八十八号", "解放路88号"),
    ("上海市浦东新区世纪大道８号阳光花园3幢二单元501", "浦东新区世纪大道8号，阳光花园3号楼2单元501室"),
    ("阳光小区3-2-501", "阳光小区3栋2单元501室"),
    ("阳光花园十二栋一百零三室", "阳光花园12栋103"),
    ("39 Larkmoor Street, Larkfield MA 02131", "39 Larkmoor St Larkfield"),
    ("12 North Main Avenue Apt #4B", "12 N. Main Ave, Unit 4b"),
    ("幸福路5号（张三家）", "幸福路5号"),
]


@pytest.mark.parametrize(("left", "right"), SAME_DOOR)
def test_one_door_in_two_writings_has_one_key(left: str, right: str) -> None:
    assert address_key(KEY, left) == address_key(KEY, right)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("解放路88号", "解放路89号"),
        ("3栋501室", "3栋502室"),
        ("五四路1号", "54路1号"),
        ("39 Larkmoor St", "38 Larkmoor St"),
    ],
)
def test_two_doors_have_two_keys(left: str, right: str) -> None:
    assert address_key(KEY, left) != address_key(KEY, right)


@pytest.mark.parametrize("blank", [None, "", "  ", "，"])
def test_a_blank_address_has_no_key(blank: str | None) -> None:
    assert address_key(KEY, blank) is None


COARSE = [
    ("X路123弄4号501室", "X路"),
    ("39 Larkmoor St Boston", "Larkmoor St Boston"),
    ("48-50 Tansy Pl Boston MA 02111", "Tansy Pl Boston MA 02111"),
    ("11A-11 Chervil St Boston", "Chervil St Boston"),
    ("22hf Union St", "Union St"),
    ("123 Main St Apt 4B", "Main St"),
    ("5th Ave", "5th Ave"),
    ("INTERSECTION of Grovemere St & Rill St", "INTERSECTION of Grovemere St & Rill St"),
    ("人民路与解放路交叉口", "人民路与解放路交叉口"),
    ("解放路88号阳光小区3栋2单元501室", "解放路阳光小区"),
    ("幸福村88号", "幸福村"),
    ("金茂府5-4304", "金茂府"),
    ("阳光小区3号楼(张三家)", "阳光小区"),
    ("5号路", "5号路"),
    ("地铁3号线人民广场站2号口", "地铁3号线人民广场站2号口"),
    ("S105省道K12+300", "S105省道K12+300"),
    ("", ""),
]


@pytest.mark.parametrize(("address", "coarse"), COARSE)
def test_an_address_is_kept_down_to_road_or_estate(address: str, coarse: str) -> None:
    assert generalise_address(address) == coarse
    assert generalise_address(coarse) == coarse


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("请尽快处理。赵美雅，手机号13800000000", "请尽快处理。[姓名]，手机号[手机号]", id="with the word"),
        pytest.param("请回电。李四 13800000000", "请回电。[姓名] [手机号]", id="number alone"),
        pytest.param("路灯坏了，张三（电话：13800000000）", "路灯坏了，[姓名]（电话：[手机号]）", id="in brackets"),
        pytest.param("物业电话13800000000无人接", "物业电话[手机号]无人接", id="no name before the number"),
    ],
)
def test_a_name_alone_before_a_number_goes_with_it(text: str, expected: str) -> None:
    assert redact(text).text == expected
