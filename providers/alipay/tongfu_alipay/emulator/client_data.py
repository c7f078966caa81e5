"""
What the client's SDK is given for its server: a phone number, encrypted and signed, or an error in the clear.

Written from the documentation alone, not from the client beside it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import rsa

from tongfu.emulator.half import Route

from . import gateway
from .content import encrypted
from .controls import control

ERRORS: Final = {
    "isv.missing-encrypt-key": ("40001", "Missing Required Arguments", "缺少加密配置"),
    "isv.insufficient-isv-permissions": ("40006", "Insufficient Permissions", "ISV权限不足"),
    "isv.invalid-auth-relations": ("40003", "Insufficient Conditions", "无效的授权关系"),
    "aop.unknow-error": ("20000", "Service Currently Unavailable", "系统繁忙"),
}


class ClientData:
    def __init__(self, key: rsa.RSAPrivateKey, encrypt_key: bytes, mobile: Callable[[], str]) -> None:
        self._key = key
        self._encrypt_key = encrypt_key
        self._mobile = mobile

    def routes(self) -> Iterable[Route]:
        takes = {"mobile": str, "error": str, "sign": bool}
        yield Route("POST", "/_emulator/alipay/phone_number", control(self.phone_number, **takes))

    def phone_number(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """What my.getPhoneNumber gives the client for its server, as text: response"""
        error = body.get("error", "")
        if error and error not in ERRORS:
            raise ValueError(f"error is one of {', '.join(ERRORS)}")
        if error:
            code, msg, sub_msg = ERRORS[error]
            content = _text({"code": code, "msg": msg, "subCode": error, "subMsg": sub_msg})
            signed = content
        else:
            mobile = body.get("mobile", self._mobile())
            content = encrypted(self._encrypt_key, _text({"code": "10000", "msg": "Success", "mobile": mobile}))
            signed = f'"{content}"'
        document = {"response": content, "sign_type": "RSA2", "encrypt_type": "AES", "charset": "UTF-8"}
        if body.get("sign", True):
            document["sign"] = gateway.sign(self._key, signed)
        return {"response": _text(document)}


def _text(document: Mapping[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))
