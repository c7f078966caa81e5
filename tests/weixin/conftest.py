"""A mini program with nobody behind it, and WeChat Pay's side of APIv3: its keys, its answers, its notifications."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.x509.oid import NameOID

from tongfu import HttpRequest, HttpResponse, Notification, Tongfu
from tongfu.testing import FakeTransport
from tongfu_weixin import WeixinAccount
from tongfu_weixin.client import Weixin

NOW = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)  # noon in Beijing
NONCE = "0123456789abcdef0123456789abcdef"
APP_ID = "wxba5fad812f8e6fb9"
SECRET = "5f2d8c0b9a7e4d31"


@dataclass(frozen=True)
class MiniProgram:
    """``weixin`` sends through ``transport``; unless ``access_token`` is emptied it brings the token ``TOKEN``."""

    weixin: Weixin
    transport: FakeTransport

    def answers(self, *told: Any) -> None:
        """Script answers: a dict is JSON, as a text/plain one, which the platform's often are."""
        for one in told:
            if isinstance(one, dict):
                body = json.dumps(one, ensure_ascii=False).encode()
                self.transport.answer(HttpResponse(200, {"content-type": "text/plain"}, body))
            else:
                self.transport.answer(one)

    @property
    def sent(self) -> list[HttpRequest]:
        return self.transport.requests

    def wire(self) -> tuple[str, str, bytes]:
        """The only request that was sent: its method, URL and body."""
        (request,) = self.transport.requests
        return request.method, request.url, request.body


@pytest.fixture
def mini_program() -> Callable[..., MiniProgram]:
    """Make one with the account's fields of your choice."""

    def make(**fields: Any) -> MiniProgram:
        transport = FakeTransport()
        account = WeixinAccount(app_id=APP_ID, **{"secret": SECRET, "access_token": "TOKEN", **fields})
        tongfu = Tongfu({"weixin": account}, transport=transport, clock=lambda: NOW, nonce=lambda: NONCE)
        return MiniProgram(tongfu.open(account), transport)

    return make


@pytest.fixture
def mini(mini_program: Callable[..., MiniProgram]) -> MiniProgram:
    return mini_program()


@cache
def rsa_key(name: str) -> rsa.RSAPrivateKey:
    """The key of that name: one for the whole run, as making one takes a tenth of a second."""
    return rsa.generate_private_key(65537, 2048)


def pem_of(key: rsa.RSAPrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def public_pem_of(key: rsa.RSAPrivateKey) -> str:
    return (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


def seal_v3(content: bytes, key: str, associated_data: str = "transaction", nonce: str = "0123456789ab") -> Any:
    sealed = AESGCM(key.encode()).encrypt(nonce.encode(), content, associated_data.encode())
    return {
        "algorithm": "AEAD_AES_256_GCM",
        "ciphertext": base64.b64encode(sealed).decode(),
        "associated_data": associated_data,
        "nonce": nonce,
    }


@dataclass
class WechatPay:
    """The platform's side of APIv3 at ``now``; messages are signed by the key that ``serial`` names."""

    now: datetime = NOW
    serial: str = "PUB_KEY_ID_0000000000000024101100397200000006"
    transport: FakeTransport = field(default_factory=FakeTransport)

    api_v3_key = "a7cde1ZJB1kG2e7VfTs3jQzaWizur8Gb"
    mch_id = "1900007291"
    app_id = "wx2421b1c4370ec43b"
    cert_serial = "408B07E79B8269FEC3D5D3E6AB8ED163A6A380DB"
    old_serial = "0A1B2C3D4E5F60718293A4B5C6D7E8F901234567"
    new_serial = "5F60718293A4B5C6D7E8F9012345670A1B2C3D4E"

    seal = staticmethod(seal_v3)
    key = staticmethod(rsa_key)
    pem = staticmethod(pem_of)
    public_pem = staticmethod(public_pem_of)

    def account(self, **fields: Any) -> WeixinAccount:
        """In certificate mode; ``**wechatpay.public_key_mode`` makes it the other."""
        return WeixinAccount(
            **{
                "app_id": self.app_id,
                "mch_id": self.mch_id,
                "api_v3_key": self.api_v3_key,
                "private_key": pem_of(rsa_key("merchant")),
                "cert_serial": self.cert_serial,
                **fields,
            }
        )

    @property
    def public_key_mode(self) -> dict[str, str]:
        return {
            "public_key_id": "PUB_KEY_ID_0000000000000024101100397200000006",
            "public_key": public_pem_of(rsa_key("PUB_KEY_ID_0000000000000024101100397200000006")),
        }

    def open(self, account: WeixinAccount, **options: Any) -> Weixin:
        tongfu = Tongfu(
            {"weixin": account}, transport=self.transport, clock=lambda: self.now, nonce=lambda: NONCE, **options
        )
        return tongfu.open(account)

    def sign(self, body: bytes, *, serial: str = "", timestamp: int | None = None, key: str = "") -> dict[str, str]:
        """The four headers over *body*."""
        serial = serial or self.serial
        made = str(int(self.now.timestamp()) if timestamp is None else timestamp)
        signed = rsa_key(key or serial).sign(
            f"{made}\nthe-nonce\n".encode() + body + b"\n", padding.PKCS1v15(), hashes.SHA256()
        )
        return {
            "wechatpay-timestamp": made,
            "wechatpay-nonce": "the-nonce",
            "wechatpay-signature": base64.b64encode(signed).decode(),
            "wechatpay-serial": serial,
            "wechatpay-signature-type": "WECHATPAY2-SHA256-RSA2048",
        }

    def answer(self, document: Any, status: int = 200, *, request_id: str = "08F78BB5AF0610D302", **how: Any) -> Any:
        """A signed answer; *document* None is no body."""
        body = b"" if document is None else json.dumps(document, ensure_ascii=False).encode()
        return HttpResponse(status, {"request-id": request_id, **self.sign(body, **how)}, body)

    def certificate(self, serial: str, *, begins: int = -365, days: int = 5 * 365) -> str:
        """The platform's certificate of that serial, PEM, valid from *begins* days from now."""
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Tenpay.com sign")])
        key = rsa_key(serial)
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(int(serial, 16))
            .not_valid_before(self.now + timedelta(days=begins))
            .not_valid_after(self.now + timedelta(days=begins + days))
            .sign(key, hashes.SHA256())
            .public_bytes(serialization.Encoding.PEM)
            .decode()
        )

    def certificates(self, *serials: str, key: str = "", **how: Any) -> HttpResponse:
        """The answer of GET /v3/certificates, signed by the first of *serials* unless told otherwise."""
        data = [
            {
                "serial_no": serial,
                "effective_time": "2025-11-24T12:00:00+08:00",
                "expire_time": "2030-11-23T12:00:00+08:00",
                "encrypt_certificate": seal_v3(
                    self.certificate(serial).encode(), key or self.api_v3_key, "certificate"
                ),
            }
            for serial in serials
        ]
        answer: HttpResponse = self.answer({"data": data}, **{"serial": serials[0], **how})
        return answer

    def notice(
        self, content: Mapping[str, Any], event_type: str = "TRANSACTION.SUCCESS", *, key: str = "", **how: Any
    ) -> Notification:
        resource = seal_v3(json.dumps(content, ensure_ascii=False).encode(), key or self.api_v3_key)
        return self.enveloped({**resource, "original_type": "transaction"}, event_type, **how)

    def enveloped(self, resource: Any, event_type: str = "TRANSACTION.SUCCESS", **how: Any) -> Notification:
        body = json.dumps(
            {
                "id": "EV-2018022511223320873",
                "create_time": "2026-11-24T12:00:00+08:00",
                "resource_type": "encrypt-resource",
                "event_type": event_type,
                "summary": "支付成功",
                "resource": resource,
            },
            ensure_ascii=False,
        ).encode()
        return Notification(self.sign(body, **how), body)


@pytest.fixture
def wechatpay() -> WechatPay:
    return WechatPay()
