"""
"API 安全": calls of the open API that are encrypted and signed beside TLS, AES256_GCM with RSAwithSHA256.

Pure functions around one HTTP exchange: ``seal`` makes the body and headers of a request, ``open_sealed`` verifies
and opens its answer. Whoever switches it on in the console must seal every call that supports it.

Source: https://developers.weixin.qq.com/miniprogram/dev/server/getting_started/api_signature "服务端 API 签名加密指南"
"""

from __future__ import annotations

import base64
import binascii
import re
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tongfu.call import joined
from tongfu.errors import InvalidParams, MalformedAnswer, SignatureError

from . import api_keys, strict_json
from .account import SEAL_FIELDS, WeixinAccount

#: The paths whose pages bear "支持加密请求" and whose answers are JSON. The pages of createwxaqrcode, getwxacode and
#: getwxacodeunlimit bear it too, but no page says how an image is sealed. Uploads are never sealed.
SEALABLE: Final = frozenset(
    {
        "/cgi-bin/clear_quota",
        "/cgi-bin/message/custom/send",
        "/cgi-bin/openapi/quota/get",
        "/cgi-bin/openapi/rid/get",
        "/datacube/getweanalysisappiddailyretaininfo",
        "/datacube/getweanalysisappiddailysummarytrend",
        "/datacube/getweanalysisappiddailyvisittrend",
        "/datacube/getweanalysisappidmonthlyretaininfo",
        "/datacube/getweanalysisappidmonthlyvisittrend",
        "/datacube/getweanalysisappiduserportrait",
        "/datacube/getweanalysisappidvisitdistribution",
        "/datacube/getweanalysisappidvisitpage",
        "/datacube/getweanalysisappidweeklyretaininfo",
        "/datacube/getweanalysisappidweeklyvisittrend",
        "/wxa/business/checkencryptedmsg",
        "/wxa/business/getuserencryptkey",
        "/wxa/business/getuserphonenumber",
        "/wxa/getpluginopenpid",
        "/wxa/getuserriskrank",
        "/wxa/media_check_async",
        "/wxa/msg_sec_check",
    }
)
WINDOW: Final = 300  # seconds by which an answer's clock may differ from ours
_HASH: Final = hashes.SHA256()
_PSS: Final = padding.PSS(padding.MGF1(_HASH), 32)
_URL: Final = re.compile(r"https?://[^\s?#|]+", re.ASCII)
_TIMESTAMP: Final = re.compile(r"[1-9][0-9]{9}", re.ASCII)
_OURS: Final = ("_n", "_appid", "_timestamp", "access_token")


def is_on(account: WeixinAccount) -> bool:
    """
    Whether the account's calls are to be sealed.

    :raises ConfigError: it has some of what that needs, but not all.
    """
    if not any(getattr(account, name) for name in SEAL_FIELDS):
        return False
    account.need("API 安全", *SEAL_FIELDS)
    return True


def seal(
    account: WeixinAccount,
    url_path: str,
    params: Mapping[str, Any],
    now: datetime,
    nonce: str,
    *,
    iv: bytes | None = None,
) -> tuple[bytes, dict[str, str]]:
    """
    The body to POST and its headers. In the URL stays only ``access_token``.

    :param url_path: the URL that is called, with scheme and host, without its query.
    :param params: the call's query parameters and JSON fields together, without ``access_token``.
    :param nonce: new for each call; the document recommends 16 bytes or more.
    :param iv: 12 bytes, for tests. It is drawn here otherwise, for one that comes twice gives the key away.
    :raises ConfigError: the account lacks a key, or one is of the wrong form.
    :raises InvalidParams: *params* cannot be sent.
    """
    account.need("API 安全", *SEAL_FIELDS)
    problems = {name: "expected to be left to the sealing" for name in _OURS if name in params}
    if _URL.fullmatch(url_path) is None:
        problems["url_path"] = "expected a URL with its scheme and without its query"
    iv = secrets.token_bytes(12) if iv is None else iv
    if len(iv) != 12:
        problems["iv"] = "expected 12 bytes"
    if problems:
        raise InvalidParams("weixin", "seal", problems)
    timestamp = int(now.timestamp())
    real = {"_n": nonce, "_appid": account.app_id, "_timestamp": timestamp, **params}
    encrypted = _aes(account).encrypt(iv, _json(real), _aad(account, url_path, timestamp))
    body = _json({"iv": _base64(iv), "data": _base64(encrypted[:-16]), "authtag": _base64(encrypted[-16:])})
    key = api_keys.private_key(account.api_private_key or b"")
    return body, {
        "content-type": "application/json",
        "Wechatmp-AppId": account.app_id,
        "Wechatmp-TimeStamp": str(timestamp),
        "Wechatmp-Signature": _base64(key.sign(_signed(account, url_path, timestamp, body), _PSS, _HASH)),
    }


def open_sealed(
    account: WeixinAccount, url_path: str, headers: Mapping[str, str], body: bytes, now: datetime
) -> Mapping[str, Any]:
    """
    The fields of an answer, after everything about it was verified.

    Refusals may come unsealed: ask ``plain_refusal`` first.

    :raises SignatureError: not the platform's, for another app or URL, or of another time.
    :raises MalformedAnswer: the platform's, and not of the documented form.
    :raises ConfigError: the account lacks a key, or one is of the wrong form.
    """
    account.need("API 安全", *SEAL_FIELDS)
    had = joined(headers)
    timestamp = had.get("wechatmp-timestamp", "")
    if had.get("wechatmp-appid") != account.app_id:
        raise SignatureError("weixin: the answer's Wechatmp-AppId is missing or not the account's app_id")
    if _TIMESTAMP.fullmatch(timestamp) is None or abs(now.timestamp() - int(timestamp)) > WINDOW:
        raise SignatureError(f"weixin: the answer's Wechatmp-TimeStamp is missing or over {WINDOW} seconds off")
    made = int(timestamp)
    _verify(account, had, _signed(account, url_path, made, body))
    found = _decrypted(account, strict_json.load(body), _aad(account, url_path, made))
    if found.get("_appid") != account.app_id or found.get("_timestamp") != made:
        raise SignatureError("weixin: the answer's _appid or _timestamp is not that of its headers")
    if not isinstance(found.get("_n"), str):
        raise MalformedAnswer("weixin: the answer has no _n")
    return {name: value for name, value in found.items() if name not in _OURS}


def plain_refusal(headers: Mapping[str, str], body: bytes) -> Mapping[str, Any] | None:
    """
    The fields of a refusal that came neither sealed nor signed, such as 40234 for a bad signature; else None.

    Nothing vouches for it: take it for a reason to fail, and for nothing else.
    """
    if "wechatmp-signature" in joined(headers):
        return None
    try:
        found = strict_json.load(body)
    except MalformedAnswer:
        return None
    code = found.get("errcode")
    return found if type(code) is int and code != 0 else None


def _verify(account: WeixinAccount, had: Mapping[str, str], payload: bytes) -> None:
    serial = account.api_platform_cert_sn
    if had.get("wechatmp-serial") == serial:
        signature = had.get("wechatmp-signature", "")
    elif had.get("wechatmp-serial-deprecated") == serial:  # the certificate is being replaced; ours is the old one
        signature = had.get("wechatmp-signature-deprecated", "")
    else:
        raise SignatureError(
            "weixin: the answer is not signed with the certificate api_platform_cert_sn; if the platform has a new "
            "one, take it and its number from the console"
        )
    try:
        key = api_keys.platform_key(account.api_platform_cert or b"")
        key.verify(base64.b64decode(signature, validate=True), payload, _PSS, _HASH)
    except (InvalidSignature, binascii.Error, ValueError):
        raise SignatureError("weixin: the answer is not signed by the platform; use nothing of it") from None


def _decrypted(account: WeixinAccount, outer: Mapping[str, Any], aad: bytes) -> dict[str, Any]:
    iv, data, tag = (_bytes(outer, name) for name in ("iv", "data", "authtag"))
    if len(iv) != 12 or len(tag) != 16:
        raise MalformedAnswer("weixin: the answer's iv or authtag has a wrong length")
    try:
        return strict_json.load(_aes(account).decrypt(iv, data + tag, aad))
    except InvalidTag:
        raise SignatureError("weixin: the answer was not encrypted with the key api_aes_key_sn") from None


def _bytes(outer: Mapping[str, Any], name: str) -> bytes:
    try:
        return base64.b64decode(outer.get(name) or "", validate=True)
    except (TypeError, ValueError):
        raise MalformedAnswer(f"weixin: the answer's {name} is not base64") from None


def _aes(account: WeixinAccount) -> AESGCM:
    return AESGCM(api_keys.symmetric_key(account.api_aes_key))


def _aad(account: WeixinAccount, url_path: str, timestamp: int) -> bytes:
    return f"{url_path}|{account.app_id}|{timestamp}|{account.api_aes_key_sn}".encode()


def _signed(account: WeixinAccount, url_path: str, timestamp: int, body: bytes) -> bytes:
    return f"{url_path}\n{account.app_id}\n{timestamp}\n".encode() + body


def _json(fields: Mapping[str, Any]) -> bytes:
    try:
        return strict_json.dump(fields)
    except (TypeError, ValueError, RecursionError):
        raise InvalidParams("weixin", "seal", {"params": "expected what JSON and UTF-8 have"}) from None


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")
