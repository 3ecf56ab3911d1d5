"""The kinds of personal data that are found, and what stands in a text instead."""

from typing import Final

__all__ = ["PLACEHOLDERS"]

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
