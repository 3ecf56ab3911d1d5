"""Names of people where the text says that a name comes: 姓名：, 本人…, 我叫…, …先生, "my name is …".

A name is a surname and one or two more characters that end where a name may end; without that, 本人向 or 本人马上 would
turn into names. Surnames that are also everyday words (向, 马, 高) count only where the label is strong or what follows
leaves no doubt. Names without any such context are not found.
"""

import re
from typing import Final

from pipeline.domain.privacy.kinds import PLACEHOLDERS

__all__ = ["LABELS", "LABEL_ENDS", "TITLES", "TITLE_ENDS", "hide_english_names", "hide_names", "says_english_name"]

_COMPOUND: Final = (
    "欧阳|司马|上官|诸葛|东方|皇甫|尉迟|公孙|慕容|令狐|长孙|宇文|司徒|南宫|夏侯|端木|呼延|轩辕|东郭"
    "|司空|西门|独孤|澹台|公冶|太史|申屠"
)
_CLEAR: Final = (  # rarely the first character of anything but a name in a report
    "王李张刘陈杨赵黄周吴徐孙胡朱林何郭罗梁宋郑韩唐冯董萧肖曹袁邓许傅沈曾彭吕苏卢蒋蔡贾魏薛叶阎潘杜夏钟汪田姜范姚谭廖邹熊陆郝孔白崔"
    "邱秦江史顾侯邵孟龙段雷钱汤尹黎武乔贺赖龚樊兰殷陶翟颜倪庄童聂詹俞柳甘莫涂丘柯瞿芦柴蒙裴霍邢欧阮纪舒屈鲁洪韦祝岳骆焦鲍毕"
    "葛冉沙葉靳苗耿祁康覃桂戚宫闵辛褚娄卞滕费佟晏苟邬臧卓匡仇宁庞牟冼屠闫蔺鄢戴丁余任谢尤伍翁季牛凌梅穆盛路符简饶谷"
)
_WORDLIKE: Final = (
    "于高马向方石金安常易严文万古关申程施齐曲连包成华明应解单平温左车习都花支景池居查原游商胥鞠时项丛房边管"
)
_SURNAME: Final = rf"(?:{_COMPOUND}|[{_CLEAR}{_WORDLIKE}])"
_CLEAR_SURNAME: Final = rf"(?:{_COMPOUND}|[{_CLEAR}])"
_HAN: Final = "[一-龥]"
_NOT_HAN: Final = "(?![一-龥·])"
_NEXT: Final = (
    "电话|手机|联系|身份|住|家住|现住"
    "|家在|男|女|性别|系|来电|反映|称|表示|投诉|咨询|求助|举报|今年|现年|年龄|微信|QQ|先生|女士"
)
_SURE_NEXT: Final = r"\s*[，,（(]?\s*(?:男|女|身份证|电话|手机|联系|家住|现住|住址|现年|今年|1[3-9]\d{5}|0\d{9})"
_END: Final = rf"(?:{_NOT_HAN}|(?={_NEXT}))"

# A label is known by its last two characters and matched from the last one, so that the search skips along a text.
_PERSON: Final = "姓名|系人|映人|求人|诉人|报人|请人|电人|访人|案人|修人|信人|事人|助人|映者"
_OTHERS: Final = "户主|业主|责人|办人|法人"
_SELF: Final = "本人|人叫|我叫|名叫|字是|字叫"
_LABELLED: Final = f"(?<={_PERSON}|{_OTHERS})"
LABELS: Final = f"{_PERSON}|{_OTHERS}|{_SELF}"
"""Last two characters of every label, as alternatives of a regular expression."""
LABEL_ENDS: Final = "人名主者叫是"
_CLOSE: Final = r"(?:姓名)?\s*(?:[:：]|\s(?=\S)|是|为)\s*"
_NOBODY: Final = "(?!市民|居民|业主|群众|网友|物业|匿名|保密|不详|未知|电话|手机|本人|同上|热心|某|无|暂)"
_NO_OFFICE: Final = "(?<![局处办科司会队站所院校区村组员民众部室店厂])"
_NO_WORD: Final = "".join(
    f"(?<!{word})"
    for word in (
        "许可",
        "许可证",
        "谢谢",
        "谢意",
        "陈述",
        "孙子",
        "孙女",
        "余额",
        "余款",
        "任职",
        "毕业",
        "简历",
        "符合",
    )
)
_NO_SURNAME: Final = "于[昨今上下前当次早晚本凌此近]|[向都时边]"
"""Everyday words that follow a person and begin like a surname."""
_ANNOUNCED: Final = re.compile(
    r"[人名主者叫是](?:"
    # a label with a separator, and a surname
    rf"({_LABELLED}{_CLOSE}){_SURNAME}(?:{_HAN}{_END}|{_HAN}{{2}}{_END}|{_HAN}{{2}})"
    # a label with a colon, and anything that ends like a name: names of minorities, rare surnames
    rf"|((?<={_PERSON})\s*[:：]\s*){_NOBODY}(?:{_HAN}{{2,8}}(?:·{_HAN}{{1,8}})+|{_HAN}{{2,4}}{_NO_OFFICE})"
    r"(?=[\s，,。；;、（(]|$)"
    # a label alone, 本人, 我叫: the name must end there
    rf"|((?:{_LABELLED}|(?<={_SELF}))[:：\s]{{0,2}})"
    rf"(?:{_CLEAR_SURNAME}{_HAN}(?:{_END}|{_HAN}{_END})|[{_WORDLIKE}]{_HAN}{{1,2}}?(?={_SURE_NEXT})){_NO_WORD}"
    # a label of persons and a surname that is also a word, where the sentence ends with the name
    rf"|((?<={_PERSON})[:：\s]{{0,2}})(?!{_NO_SURNAME})[{_WORDLIKE}]{_HAN}{{1,2}}(?=[。；;]|$)"
    r")"
)
TITLES: Final = "先生|女士|小姐|同志|阿姨|大爷|大妈"
TITLE_ENDS: Final = "生士姐志姨爷妈"
_SAYS_TITLE: Final = re.compile(rf"[{TITLE_ENDS}](?<={TITLES})")
_TITLED: Final = re.compile(  # on the few characters before a title
    rf"(?:(?:{_COMPOUND}|[{_CLEAR}]|(?:(?<![一-龥])|(?<=[的位名叫为是系与和及向找由被给请]))[{_WORDLIKE}]){_HAN}{{0,2}}"
    rf"|(?<![公城门环警])[{_WORDLIKE}])$"
)
_TITLED_REACH: Final = 5
_ENGLISH_NAME: Final = r"[A-Z][A-Za-z'’\-]+(?:\s+[A-Z][A-Za-z'’\-]*\.?){0,2}"
_ENGLISH: Final = re.compile(
    rf"[NnCcRrMm](?<![A-Za-z].)(?:((?<=[NnCcRr])(?:ame|aller|eporter)\s*[:：]\s*){_ENGLISH_NAME}"
    rf"|((?<=M)(?:rs?|s|iss)(?![A-Za-z])\.?\s+){_ENGLISH_NAME}"
    r"|((?<=[Mm])y\s+name\s+is\s+)[A-Za-z][A-Za-z'’\-]*(?:\s+[A-Z][A-Za-z'’\-]*\.?){0,2})"
)
_NAME: Final = PLACEHOLDERS["name"]
# A name that stands alone before a number already taken out: 处理。赵某某，手机号[手机号]
_NUMBERED: Final = re.compile(
    rf"(?<![一-龥]){_SURNAME}{_HAN}{{1,2}}"
    r"(?=\s*[，,、：:（(]?\s*(?:(?:联系)?(?:电话|手机|方式)(?:号码|号)?|身份证(?:号码|号)?)?\s*[:：是为]?\s*"
    rf"(?:{'|'.join(re.escape(PLACEHOLDERS[kind]) for kind in ('mobile', 'landline', 'identity_card'))}))"
)


def hide_names(text: str) -> tuple[str, int]:
    """The text with every Chinese name in a context that announces one replaced, and how many there were."""
    text, total = _ANNOUNCED.subn(_after_label, text)
    if _SAYS_TITLE.search(text) is not None:
        text, titled = _before_titles(text)
        total += titled
    if "[" in text:
        text, numbered = _NUMBERED.subn(_NAME, text)
        total += numbered
    return text, total


def says_english_name(text: str) -> bool:
    """Whether ``hide_english_names`` could find anything: cheap, and never False when it could."""
    return "ame" in text or "M" in text or "aller" in text or "eporter" in text


def hide_english_names(text: str) -> tuple[str, int]:
    """The text with the names after "name:", "my name is", "caller:", Mr, Mrs, Ms, Miss replaced, and their number."""
    return _ENGLISH.subn(_after_label, text)


def _before_titles(text: str) -> tuple[str, int]:
    pieces: list[str] = []
    done = 0
    for title in _SAYS_TITLE.finditer(text):
        start = title.end() - 2
        name = _TITLED.search(text, max(done, start - _TITLED_REACH), start)
        if name is not None:
            pieces += [text[done : name.start()], _NAME]
            done = start
    return "".join([*pieces, text[done:]]), len(pieces) // 2


def _after_label(match: re.Match[str]) -> str:
    return match.group()[0] + match[match.lastindex or 0] + _NAME
