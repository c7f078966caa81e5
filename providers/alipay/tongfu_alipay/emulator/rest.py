"""
The REST protocol ("v3") from the platform's side: the same methods, another wire.

Written from the documentation alone, not from the client beside it.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import secrets
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from tongfu.emulator.half import Answer, Asked, Clock

from .content import decrypted, encrypted
from .gateway import Refusal, Request, sign
from .identity import Identity

SCHEME: Final = "ALIPAY-SHA256withRSA "
GETS: Final = frozenset({"alipay.data.dataservice.bill.downloadurl.query", "alipay.fund.trans.common.query"})
PAGES: Final = frozenset({"alipay.trade.app.pay", "alipay.trade.page.pay", "alipay.trade.wap.pay"})
STATUS: Final = {"20000": 500, "20001": 401, "40005": 429, "40006": 403}
WINDOW: Final = 600  # seconds by which a timestamp may be off
BESIDE: Final = frozenset({"notify_url", "return_url"})
_PART: Final = re.compile(r"([a-z_]+)=([^,]*)")
_MOMENT: Final = re.compile(r"\d{1,15}", re.ASCII)
Carry = Callable[[Request], dict[str, Any]]


def serve(identity: Identity, asked: Asked, clock: Clock, carry_out: Carry) -> Answer:
    """Answer one request; *carry_out* does what its method says."""
    encrypted_too = False
    number = ""
    try:
        params = _verified(identity, asked, clock)
        encrypted_too = asked.headers.get("alipay-encrypt-type") == "AES"
        request = _request(identity, asked, params, encrypted_too=encrypted_too)
        number = str(request.content.get("out_trade_no", ""))
        node = carry_out(request)
        for name in ("code", "msg"):
            node.pop(name, None)
        status, explain, signed = 200, "", True
    except Refusal as exc:
        node = {
            "code": exc.sub_code.removeprefix("isv.").removeprefix("aop.").removeprefix("isp."),
            "message": exc.sub_msg,
        }
        node["links"] = [{"desc": "", "link": "https://opensupport.alipay.com/support/FAQ/"}]
        status, explain, signed = STATUS.get(exc.code, 400), exc.explain, exc.signed
    body = json.dumps(node, ensure_ascii=False, separators=(",", ":")).replace("/", "\\/")
    if status != 200:
        encrypted_too = False  # Alipay's own SDK for Node reads a refusal as the JSON it is, whatever was asked for
    if encrypted_too:
        body = encrypted(identity.encrypt_key, body)
    certified = "app_cert_sn" in asked.headers.get("authorization", "")
    headers = {"content-type": "text/plain" if encrypted_too else "application/json;charset=utf-8"}
    headers["alipay-trace-id"] = secrets.token_hex(16)
    if signed:
        stamp, nonce = str(int(clock.now().timestamp() * 1000)), secrets.token_hex(16)
        headers |= {"alipay-timestamp": stamp, "alipay-nonce": nonce}
        key = identity.current.key if certified else identity.alipay_key
        headers["alipay-signature"] = sign(key, f"{stamp}\n{nonce}\n{body}\n")
        if certified:
            headers["alipay-sn"] = identity.current.number
    verdict = "valid" if signed else "missing" if not asked.headers.get("authorization") else "invalid"
    return Answer(status, headers, body.encode(), explain=explain, verdict=verdict, out_trade_no=number)


def _verified(identity: Identity, asked: Asked, clock: Clock) -> dict[str, str]:
    """
    What the Authorization header says.

    :raises Refusal: it is missing or wrong.
    """
    header = asked.headers.get("authorization", "")
    if not header.startswith(SCHEME):
        raise Refusal("40001", "missing-signature", "缺少签名参数", signed=False)
    auth, _, signature = header.removeprefix(SCHEME).partition(",sign=")
    params = dict(_PART.findall(auth))
    for name in ("app_id", "nonce", "timestamp"):
        if not params.get(name):
            raise Refusal("40001", f"missing-{name.replace('_', '-')}", f"缺少{name}", signed=False)
    if params["app_id"] != identity.app_id:
        raise Refusal("40002", "invalid-app-id", "无效的AppID参数", signed=False)
    moment = _MOMENT.fullmatch(params["timestamp"])
    if moment is None or clock.behind(int(moment[0]) / 1000, WINDOW) is None:
        raise Refusal("40002", "illegal-timestamp", "时间戳非法：应为毫秒", signed=False)
    target = asked.path + (f"?{asked.query}" if asked.query else "")
    text = f"{auth}\n{asked.method}\n{target}\n".encode() + asked.body + b"\n"
    if token := asked.headers.get("alipay-app-auth-token"):
        text += f"{token}\n".encode()
    try:
        key = identity.app_key.public_key()
        key.verify(base64.b64decode(signature, validate=True), text, padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, binascii.Error, ValueError):
        explain = f"expected a signature of: {text.decode('utf-8', 'replace')}"
        raise Refusal("40002", "invalid-signature", "验签出错", signed=False, explain=explain) from None
    return params


def _request(identity: Identity, asked: Asked, params: dict[str, str], *, encrypted_too: bool) -> Request:
    method = asked.path.removeprefix("/v3/").replace("/", ".")
    query = dict(parse_qsl(asked.query, keep_blank_values=True))
    wanted = "GET" if method in GETS else "POST"
    if method in PAGES or asked.method != wanted:
        raise Refusal("40002", "invalid-method", "不存在的方法名")
    content: Any = query
    if wanted == "POST":
        content = _content(identity, asked, encrypted_too=encrypted_too)
    told = {name: str(content.pop(name)) for name in BESIDE & content.keys()}
    made = {**told, "sign_type": "RSA2", **{name: query[name] for name in ("auth_token",) if name in query}}
    if token := asked.headers.get("alipay-app-auth-token"):
        made["app_auth_token"] = token
    if "app_cert_sn" in params or "alipay-root-cert-sn" in asked.headers:
        made["app_cert_sn"] = params.get("app_cert_sn", "")
        made["alipay_root_cert_sn"] = asked.headers.get("alipay-root-cert-sn", "")
    if method == "alipay.system.oauth.token":
        made |= {name: str(value) for name, value in content.items()}
    made["biz_content"] = json.dumps(content)
    return Request(made, method, https=asked.https)


def _content(identity: Identity, asked: Asked, *, encrypted_too: bool) -> dict[str, Any]:
    text = asked.body.decode("utf-8", "replace")
    if encrypted_too:
        try:
            text = decrypted(identity.encrypt_key, text)
        except ValueError:
            raise Refusal("40003", "decryption-error-unknown", "解密出错，未知异常") from None
    elif not asked.headers.get("content-type", "").startswith("application/json"):
        raise Refusal("40002", "invalid-format", "请求的content-type不是application/json")
    try:
        found = json.loads(text or "{}")
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Refusal("40002", "invalid-parameter", "请求体不是合法的JSON")
    return found


def sabotaged(fault: str, answer: Answer) -> Answer:
    headers = dict(answer.headers)
    signature = headers.get("alipay-signature", "")
    if fault == "no_signature":
        for name in ("alipay-signature", "alipay-timestamp", "alipay-nonce", "alipay-sn"):
            headers.pop(name, None)
    elif fault == "bad_signature" and signature:
        headers["alipay-signature"] = ("B" if signature[0] == "A" else "A") + signature[1:]
    elif fault == "unknown_serial" and "alipay-sn" in headers:
        headers["alipay-sn"] = secrets.token_hex(16)
    return Answer(answer.status, headers, answer.body, out_trade_no=answer.out_trade_no)


def methods(known: Mapping[str, object]) -> list[tuple[str, str]]:
    """Each method's verb and path."""
    return [("GET" if name in GETS else "POST", f"/v3/{name.replace('.', '/')}") for name in known if name not in PAGES]
