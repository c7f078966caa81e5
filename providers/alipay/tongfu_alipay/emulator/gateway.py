"""
The gateway's wire from the platform's side.

Written from the documentation alone, not from the client beside it: a rule that one of them has
misread shows as a signature that does not match.
"""

from __future__ import annotations

import base64
import binascii
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from posixpath import commonprefix
from typing import Any, Final
from urllib.parse import parse_qsl, quote, quote_plus

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tongfu.emulator.half import Asked

from .content import decrypted, encrypted

HASHES: Final[Mapping[str, Any]] = {"RSA2": hashes.SHA256, "RSA": hashes.SHA1}

WORDS: Final = {
    "20001": "Insufficient Token Permissions",
    "40001": "Missing Required Arguments",
    "40002": "Invalid Arguments",
    "40003": "Insufficient Conditions",
    "40004": "Business Failed",
    "40005": "Call Limited",
    "40006": "Insufficient Permissions",
}


class Refusal(Exception):
    """An answer that is no success; ``signed`` is False where the gateway itself refuses."""

    def __init__(self, code: str, sub_code: str, sub_msg: str, *, signed: bool = True, explain: str = "") -> None:
        self.code, self.sub_code, self.sub_msg = code, sub_code, sub_msg
        self.signed, self.explain = signed, explain
        super().__init__(sub_code)

    def node(self) -> dict[str, Any]:
        msg = WORDS.get(self.code, "Service Currently Unavailable")
        return {"code": self.code, "msg": msg, "sub_code": self.sub_code, "sub_msg": self.sub_msg}


@dataclass(frozen=True, slots=True)
class Request:
    """One request whose signature is good."""

    params: Mapping[str, str]
    method: str
    encrypted: bool = False
    https: bool = False

    @property
    def certified(self) -> bool:
        """Made in certificate mode."""
        return "app_cert_sn" in self.params

    @property
    def content(self) -> dict[str, Any]:
        """:raises Refusal: biz_content is no JSON object."""
        try:
            content = json.loads(self.params.get("biz_content") or "{}")
        except (ValueError, RecursionError):
            content = None
        if not isinstance(content, dict):
            raise Refusal("40002", "isv.invalid-parameter", "biz_content不是合法的JSON")
        return content


def read(asked: Asked, app_id: str, app_key: rsa.RSAPrivateKey) -> Request:
    """
    Read and verify a request.

    :raises Refusal: as the gateway refuses: unsigned.
    """
    query = dict(parse_qsl(asked.query, keep_blank_values=True, encoding="utf-8"))
    body = dict(parse_qsl(asked.body.decode("ascii", "replace"), keep_blank_values=True, encoding="utf-8"))
    params = {**body, **query}
    return replace(verify(params, app_id, app_key, charset_in_query="charset" in query), https=asked.https)


def verify(params: dict[str, str], app_id: str, app_key: rsa.RSAPrivateKey, *, charset_in_query: bool) -> Request:
    for name in ("method", "app_id", "timestamp", "version", "sign_type", "sign", "charset"):
        if not params.get(name):
            missing = {"sign": "signature", "sign_type": "signature-type"}.get(name, name.replace("_", "-"))
            raise Refusal("40001", f"isv.missing-{missing}", f"缺少{name}参数", signed=False)
    if params["app_id"] != app_id:
        raise Refusal("40002", "isv.invalid-app-id", "无效的AppID参数", signed=False)
    if params["sign_type"] not in HASHES:
        raise Refusal("40002", "isv.invalid-signature-type", "无效的签名类型", signed=False)
    if params["charset"].lower() not in ("utf-8", "utf8"):
        raise Refusal("40002", "isv.invalid-charset", "字符集错误，模拟网关只支持utf-8", signed=False)
    if params.get("format", "JSON").upper() != "JSON":
        raise Refusal("40002", "isv.invalid-format", "无效的数据格式", signed=False)
    text = _joined({name: value for name, value in params.items() if value})
    hint = (
        "" if charset_in_query else "，请确认charset参数放在了URL查询字符串中且各参数值使用charset参数指示的字符集编码"
    )
    signed = _verifies(app_key.public_key(), params["sign"], text, params["sign_type"])
    if not signed or not charset_in_query:
        built = text.replace("&", "&amp;")
        why = "; charset is not in the URL query" if signed else _mistake(params, text, app_key)
        raise Refusal(
            "40002",
            "isv.invalid-signature",
            f"验签出错{hint}，建议检查签名字符串或签名私钥与应用公钥是否匹配，网关生成的验签字符串为：{built}",
            signed=False,
            explain=f"expected a signature of: {text}{why}",
        )
    try:
        datetime.strptime(params["timestamp"], "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007 - its form alone is looked at
    except ValueError:
        raise Refusal("40002", "isv.invalid-timestamp", "非法的时间戳参数", signed=False) from None
    return Request(params, params["method"])


def opened(request: Request, encrypt_key: bytes) -> Request:
    """
    The request with its content in the clear.

    :raises Refusal: it cannot be decrypted.
    """
    if "encrypt_type" not in request.params:
        return request
    if request.params["encrypt_type"] != "AES":
        raise Refusal("40002", "isv.invalid-encrypt-type", "无效的加密类型")
    if not request.params.get("biz_content"):
        raise Refusal("40002", "isv.invalid-encrypt", "当前API不支持加密请求")
    try:
        content = decrypted(encrypt_key, request.params["biz_content"])
    except ValueError:
        raise Refusal("40003", "isv.decryption-error-unknown", "解密出错，未知异常") from None
    return replace(request, params={**request.params, "biz_content": content}, encrypted=True)


def _joined(params: Mapping[str, str]) -> str:
    return "&".join(f"{name}={params[name]}" for name in sorted(params) if name != "sign")


def _verifies(key: rsa.RSAPublicKey, signature: str, text: str, sign_type: str) -> bool:
    try:
        key.verify(base64.b64decode(signature, validate=True), text.encode(), padding.PKCS1v15(), HASHES[sign_type]())
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def _mistake(params: Mapping[str, str], text: str, app_key: rsa.RSAPrivateKey) -> str:
    """
    Which of the usual mistakes it is, and the first byte that differs.

    A signature does not show what was signed, so what people do sign is tried.
    """
    got, sign_type, key = params["sign"], params["sign_type"], app_key.public_key()
    filled = {name: value for name, value in params.items() if value}
    tried = {
        "without sign_type": _joined({name: value for name, value in filled.items() if name != "sign_type"}),
        "with the empty values": _joined(params),
        "with encoded values, as by quote_plus": _joined({name: quote_plus(value) for name, value in filled.items()}),
        "with encoded values, as by quote": _joined({name: quote(value, safe="") for name, value in filled.items()}),
        "without biz_content": _joined({name: value for name, value in filled.items() if name != "biz_content"}),
    }
    for words, other in tried.items():
        if _verifies(key, got, other, sign_type):
            same = len(commonprefix([text.encode(), other.encode()]))
            return f"; it was signed {words}, and differs from byte {same} on"
    for weaker in HASHES:
        if _verifies(key, got, text, weaker):
            return f"; it was signed by {weaker}, and sign_type says {sign_type}"
    # The padding has no chance in it, so there is one right signature.
    same = len(commonprefix([sign(app_key, text, sign_type), got]))
    return (
        f"; sign differs from the expected one from byte {same} on: the text, the charset or the key was another: "
        "is the app's public key the private_key's?"
    )


def sign(key: rsa.RSAPrivateKey, text: str, sign_type: str = "RSA2") -> str:
    return base64.b64encode(key.sign(text.encode(), padding.PKCS1v15(), HASHES[sign_type]())).decode()


def sabotaged(fault: str, body: bytes) -> bytes:
    at = body.rfind(b',"sign":"')
    if at >= 0 and fault == "no_signature":
        return body[:at] + b"}"
    if at >= 0 and fault == "bad_signature":
        first = body[at + 9 : at + 10]
        return body[: at + 9] + (b"B" if first == b"A" else b"A") + body[at + 10 :]
    named = body.rfind(b',"alipay_cert_sn":"')
    if named >= 0 and fault == "unknown_serial":
        return body[: named + 19] + secrets.token_hex(16).encode() + body[named + 51 :]
    return body


def write(
    name: str,
    node: Mapping[str, Any],
    key: rsa.RSAPrivateKey | None,
    sign_type: str = "RSA2",
    encrypt_key: bytes | None = None,
    cert_sn: str = "",
) -> bytes:
    """
    The node's text is what is signed; slashes escaped, Chinese not, as the platform's writer does it.

    With *encrypt_key* the node is a string, and signed with its quotes.
    """
    text = json.dumps(node, ensure_ascii=False, separators=(",", ":")).replace("/", "\\/")
    if encrypt_key is not None:
        text = f'"{encrypted(encrypt_key, text)}"'
    tail = f',"alipay_cert_sn":"{cert_sn}"' if cert_sn and key is not None else ""
    tail += f',"sign":"{sign(key, text, sign_type)}"' if key is not None else ""
    return f'{{"{name}":{text}{tail}}}'.encode()
