"""
APIv3's JSON from the platform's side: documents, times, refusals, what is under the APIv3 key.

Written from the documentation alone, not from the client beside it: a rule that one of them has misread
shows as a refusal.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final, NoReturn
from urllib.parse import parse_qsl

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

SCHEME: Final = "WECHATPAY2-SHA256-RSA2048"
JSON: Final = {"content-type": "application/json; charset=utf-8"}
BEIJING: Final = timezone(timedelta(hours=8))
UNKNOWN_FIELD: Final = "270924358"
OTHER_ORDER: Final = "268447843"

# What follows the last "-" of Request-ID. Source: https://pay.weixin.qq.com/doc/v3/merchant/4012791865 "错误码"
NUMBERS: Final[Mapping[str, str]] = {
    "ORDER_NOT_EXIST": "268512771",
    "FREQUENCY_LIMITED": "268447840",
    "PARAM_ERROR": "268435461",
    "ORDER_PAID": "268449538",
    "ORDER_CLOSED": "268447914",
    "SIGN_ERROR": "268443699",
    "OUT_TRADE_NO_USED": "268498688",
    "APPID_MCHID_NOT_MATCH": "268445527",
}


class Refused(Exception):
    """
    An HTTP 4xx or 5xx with a code.

    :param at: the JSON pointer, query parameter or header that is wrong, for ``detail``.
    :param number: of Request-ID, where the code has not one of its own.
    :param explain: what a developer is told besides, in X-Emulator-Explain.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        at: str = "",
        issue: str = "",
        location: str = "body",
        number: str = "",
        explain: str = "",
    ) -> None:
        self.status, self.code, self.message = status, code, message
        self.at, self.issue, self.location = at, issue, location
        self.number = number or NUMBERS.get(code, "0")
        self.explain = explain
        super().__init__(code)

    def told(self) -> dict[str, Any]:
        told: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.at:
            told["detail"] = {"field": self.at, "issue": self.issue or self.message, "location": self.location}
        return told


def wrong(at: str, issue: str, *, location: str = "body", number: str = "", explain: str = "") -> Refused:
    """A parameter that is not as documented."""
    message = f"参数错误：{at}{issue}"
    return Refused(400, "PARAM_ERROR", message, at=at, issue=issue, location=location, number=number, explain=explain)


def document(fields: Mapping[str, Any]) -> bytes:
    # What a refusal repeats of a request need not be text.
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def read(body: bytes) -> dict[str, Any]:
    """
    The JSON object of a request.

    :raises Refused: not UTF-8, no object, a member twice, a null, a character of four bytes.
    """
    try:
        text = body.decode("utf-8")
        fields = json.loads(text, object_pairs_hook=_once, parse_constant=_never)
    except (ValueError, RecursionError):
        raise Refused(400, "PARAM_ERROR", "请求体不是合法的JSON", explain="UTF-8, JSON, no member twice") from None
    if not isinstance(fields, dict):
        raise Refused(400, "PARAM_ERROR", "请求体不是JSON对象")
    if re.search("[\ud800-\udfff\U00010000-\U0010ffff]", _texts(fields)):
        raise Refused(400, "PARAM_ERROR", "请求体含有四字节字符", explain="no character beyond U+FFFF, no half of one")
    return fields


def query(text: str) -> dict[str, str]:
    """:raises Refused: a parameter twice."""
    pairs = parse_qsl(text, keep_blank_values=True)
    if len(pairs) != len(dict(pairs)):
        raise Refused(400, "PARAM_ERROR", "查询参数重复")
    return dict(pairs)


def when(moment: datetime) -> str:
    return moment.astimezone(UTC).astimezone(BEIJING).isoformat(timespec="seconds")


def moment(text: str, at: str) -> datetime:
    """:raises Refused: not RFC 3339 with a zone."""
    shape = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)"
    if re.fullmatch(shape, text, re.ASCII):
        try:
            return datetime.fromisoformat(text).astimezone(UTC)
        except (ValueError, OverflowError):
            pass
    raise wrong(at, "不是RFC3339格式的时间")


def sealed(api_v3_key: str, plain: bytes, associated_data: str) -> dict[str, str]:
    """AEAD_AES_256_GCM under the merchant's APIv3 key."""
    nonce = secrets.token_hex(6)
    hidden = AESGCM(api_v3_key.encode()).encrypt(nonce.encode(), plain, associated_data.encode())
    return {
        "algorithm": "AEAD_AES_256_GCM",
        "nonce": nonce,
        "associated_data": associated_data,
        "ciphertext": base64.b64encode(hidden).decode(),
    }


def _texts(value: Any) -> str:
    if isinstance(value, dict):
        return "".join(name + _texts(item) for name, item in value.items())
    if isinstance(value, list):
        return "".join(map(_texts, value))
    return value if isinstance(value, str) else ""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a member twice")
    return fields


def _never(constant: str) -> NoReturn:
    raise ValueError(constant)
