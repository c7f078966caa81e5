"""The app's keys and Alipay's: what signs here, and what the merchant downloads of it from the console."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tongfu.emulator.half import Route

from .certificates import ALIPAY, Authority, number, pem
from .controls import control
from .gateway import Refusal, Request

FORGERIES: Final = ("foreign", "expired", "app", "number", "empty")


@dataclass(frozen=True)
class Signing:
    """One of Alipay's certificates with its key."""

    key: rsa.RSAPrivateKey
    certificate: x509.Certificate
    number: str


class Identity:
    """Key mode and certificate mode at once: each request shows which of them it is made in."""

    def __init__(self, app_id: str, seller_id: str) -> None:
        self.app_id = app_id
        self.seller_id = seller_id
        with ThreadPoolExecutor(2) as pool:
            keys = [pool.submit(rsa.generate_private_key, 65537, 2048) for _ in range(2)]
            authority = pool.submit(Authority)
            self.app_key, self.alipay_key = (each.result() for each in keys)
            self._authority = authority.result()
        self._foreign: Authority | None = None
        self.encrypt_key = secrets.token_bytes(16)
        app_cert = self._authority.issue(f"{seller_id}-{app_id}", self.app_key)
        self.app_cert, self.app_cert_sn = pem(app_cert), number(app_cert)
        self.root_sn = self._authority.root_sn
        self._first = self._signing(self.alipay_key)
        self.alipay_cert = self._authority.chain(self._first.certificate)
        self.reset()

    def reset(self) -> None:
        self.current = self._first
        self._known = {self._first.number: self._first}
        self.named_in_notifications = False
        self._forgery = ""

    def settings(self) -> Mapping[str, str]:
        return {
            "private_key": base64.b64encode(
                self.app_key.private_bytes(
                    serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
                )
            ).decode(),
            "alipay_public_key": base64.b64encode(
                self.alipay_key.public_key().public_bytes(
                    serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
                )
            ).decode(),
            "app_cert": self.app_cert,
            "alipay_cert": self.alipay_cert,
            "alipay_root_cert": self._authority.roots,
            "encrypt_key": base64.b64encode(self.encrypt_key).decode(),
        }

    def routes(self) -> Iterable[Route]:
        takes = {"rotate": bool, "in_notifications": bool, "forgery": str}
        yield Route("POST", "/_emulator/alipay/certificates", control(self.change, **takes))

    def change(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Alipay's certificate changes, its notifications name it or not, its download is forged: certificate mode"""
        forgery = body.get("forgery", "")
        if forgery and forgery not in FORGERIES:
            raise ValueError(f"forgery is one of {', '.join(FORGERIES)}")
        self._forgery = forgery
        self.named_in_notifications = body.get("in_notifications", self.named_in_notifications)
        if body.get("rotate"):
            key = rsa.generate_private_key(65537, 2048)
            self.current = self._forged(key) if forgery else self._signing(key)
            self._known[self.current.number] = self.current
        return {"alipay_cert_sn": self.current.number, "in_notifications": self.named_in_notifications}

    def check(self, request: Request) -> None:
        """
        Certificate mode names two certificates, and the right ones.

        :raises Refusal: as the gateway refuses.
        """
        app, root = (request.params.get(name, "") for name in ("app_cert_sn", "alipay_root_cert_sn"))
        if not app and not root:
            return
        if not app or not root:
            name = "app-cert-sn" if not app else "alipay-root-cert-sn"
            raise Refusal("40001", f"isv.missing-{name}", f"缺少{name.replace('-', '_')}参数", signed=False)
        if app != self.app_cert_sn:
            raise Refusal("40002", "isv.app-cert-not-exist", "应用公钥证书不存在", signed=False)
        if root != self.root_sn:
            raise Refusal("40002", "isv.invalid-alipay-root-cert-sn", "支付宝根证书序列号无效", signed=False)

    def download(self, request: Request) -> dict[str, Any]:
        """
        alipay.open.app.alipaycert.download.

        :raises Refusal: as the platform refuses.
        """
        known = self._known.get(str(request.content.get("alipay_cert_sn", "")))
        if known is None:
            raise Refusal("40004", "CERT_NOT_EXIST", "支付宝公钥证书不存在")
        if self._forgery == "empty" and known is self.current:
            return {"alipay_cert_content": ""}
        authority = self._foreign if self._forgery == "foreign" and known is self.current else None
        chain = (authority or self._authority).chain(known.certificate)
        if self._forgery == "number" and known is self.current:
            chain = self._authority.chain(self._signing(known.key).certificate)
        return {"alipay_cert_content": base64.b64encode(chain.encode()).decode()}

    def _signing(self, key: rsa.RSAPrivateKey, authority: Authority | None = None, **more: Any) -> Signing:
        made = (authority or self._authority).issue(f"{ALIPAY}-{self.seller_id}", key, **more)
        return Signing(key, made, number(made))

    def _forged(self, key: rsa.RSAPrivateKey) -> Signing:
        if self._forgery == "foreign":
            self._foreign = Authority()
            return self._signing(key, self._foreign)
        if self._forgery == "expired":
            return self._signing(key, lasts=timedelta(days=-1))
        if self._forgery == "app":
            made = self._authority.issue("2088000000000000-2021000000000000", key)
            return Signing(key, made, number(made))
        return self._signing(key)
