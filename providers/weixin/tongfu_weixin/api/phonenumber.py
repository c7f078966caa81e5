"""
A user's phone number, for the code of the getPhoneNumber button.

Source: https://developers.weixin.qq.com/miniprogram/dev/OpenApiDoc/user-info/phone-number/getPhoneNumber.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tongfu.fields import ParamsSchema, Text

from .result import ApiItem, ApiResult, reads, wire
from .send import Namespace, check, given


@dataclass(frozen=True, slots=True, kw_only=True)
class Watermark(ApiItem):
    """For which app the number was given, and when: Unix seconds."""

    timestamp: int
    appid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneInfo(ApiItem):
    """A number: with its country code where it is foreign, without it, and the country code alone."""

    phone_number: str = wire("phoneNumber", repr=False)
    pure_phone_number: str = wire("purePhoneNumber", repr=False)
    country_code: str = wire("countryCode")
    watermark: Watermark


@dataclass(frozen=True, slots=True, kw_only=True)
class UserPhoneNumber(ApiResult):
    """The number that the user agreed to give."""

    phone_info: PhoneInfo
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


class _Code(ParamsSchema):
    code = Text(512, required=True)
    openid = Text(128)


_CODE = _Code()


class Phonenumber(Namespace):
    """``weixin.phonenumber``."""

    async def get_phone_number(
        self, code: str, openid: str | None = None, *, access_token: str | None = None
    ) -> UserPhoneNumber:
        """
        Exchange the button's code, which is not the one of ``wx.login``; with *openid* it has to be that user's.

        A code lives five minutes and works once, also when the answer is lost: after ``OutcomeUnknown`` ask
        the client for a new one.

        :raises CodeRejected: 40029: wrong, too old, used before.
        :raises PlatformRefused: 40013: it is of another app.
        """
        operation = "phonenumber.get_phone_number"
        body = given(code=code, openid=openid)
        check(_CODE, operation, body)
        return await self._send(
            operation,
            "POST",
            "/wxa/business/getuserphonenumber",
            reads(UserPhoneNumber),
            json=body,
            access_token=access_token,
        )
