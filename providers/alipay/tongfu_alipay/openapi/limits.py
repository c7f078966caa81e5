"""
What these methods accept. Where the platform documents no length, the limit only keeps out what cannot be meant.

Source: each method's page
"""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, ClassVar, Final

from tongfu.fields import Checked, OneOf, ParamsSchema, Rule, Text, exactly_one


class _Token(Text):
    """A code or token: it comes from a client, so nothing in it is taken for granted."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(512, pattern="[!-~]+", alphabet="printable ASCII without blanks", **kwargs)


class _Words(Text):
    """Text that UTF-8 can write."""

    def __init__(self, most: int, **kwargs: Any) -> None:
        super().__init__(most, pattern="[^\ud800-\udfff]+", **kwargs)


_WORDS: Final = _Words(4096)


class _Keywords(Checked):
    expected = 'a mapping of the template\'s keywords, such as {"keyword1": {"value": "…"}}, all of it text'

    def accepts(self, value: Any) -> bool:
        if not isinstance(value, Mapping) or not value:
            return False
        return all(
            _WORDS.accepts(name)
            and isinstance(item, Mapping)
            and "value" in item
            and all(_WORDS.accepts(key) and (text == "" or _WORDS.accepts(text)) for key, text in item.items())
            for name, item in value.items()
        )


class CodeLimits(ParamsSchema):
    code = _Token(required=True)


class RefreshLimits(ParamsSchema):
    refresh_token = _Token(required=True)


class UserLimits(ParamsSchema):
    access_token = _Token(required=True)


class MessageLimits(ParamsSchema):
    to_user_id = _Token()
    to_open_id = _Token()
    form_id = _Token()
    user_template_id = _Token(required=True)
    page = _Words(1024, required=True)
    data = _Keywords(required=True)
    rules: ClassVar[tuple[Rule, ...]] = (exactly_one("to_user_id", "to_open_id"),)


class QrcodeLimits(ParamsSchema):
    url_param = _Words(256, required=True)
    query_param = _Words(256, required=True)
    describe = _Words(32, required=True)
    color = Text(8, pattern="0x[0-9A-Fa-f]{6}", alphabet="0x and six hex digits, such as 0x00BFFF")
    size = OneOf(("s", "m", "l"))


class ContentLimits(ParamsSchema):
    content = Text(1 << 16, in_bytes=True, required=True)


CODE: Final = CodeLimits()
REFRESH: Final = RefreshLimits()
USER: Final = UserLimits()
MESSAGE: Final = MessageLimits()
QRCODE: Final = QrcodeLimits()
CONTENT: Final = ContentLimits()


def check(schema: ParamsSchema, operation: str, **given: Any) -> dict[str, Any]:
    """
    What was *given*, without what is None.

    :raises InvalidParams: naming each field and what was expected. No value is repeated.
    """
    schema.check("alipay", operation, SimpleNamespace(**given))
    return {name: value for name, value in given.items() if value is not None}
