"""The kinds of personal data that are found, and what stands in a text instead."""

import re
from typing import Final

__all__ = ["PLACEHOLDERS", "without_placeholders"]

PLACEHOLDERS: Final = {
    "mobile": "[手机号]",
    "landline": "[电话]",
    "identity_card": "[身份证]",
    "bank_card": "[银行卡]",
    "plate": "[车牌]",
    "door": "[门牌]",
    "name": "[姓名]",
    "email": "[邮箱]",
    "wechat": "[微信]",
    "qq": "[QQ]",
    "passport": "[护照]",
}
"""What stands in the text instead, by kind."""
_ANY: Final = re.compile(r"\[(?:" + "|".join([text[1:-1] for text in PLACEHOLDERS.values()]) + r")\]", re.IGNORECASE)


def without_placeholders(text: str) -> str:
    """The text with a mark of punctuation for each placeholder: nobody said those words, so no rule may read them."""
    return _ANY.sub(";", text) if "[" in text else text
