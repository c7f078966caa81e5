"""One shop: its app, the platform's keys, and what the platform would sign for it."""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from tongfu import Notification, Tongfu
from tongfu.call import HttpRequest
from tongfu.emulator import Emulator
from tongfu.testing import FakeTransport
from tongfu_alipay import AlipayAccount

DIGESTS = {"RSA2": hashes.SHA256, "RSA": hashes.SHA1}


def _new() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def private_text(key: rsa.RSAPrivateKey) -> str:
    der = key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return base64.b64encode(der).decode()


def public_text(key: rsa.RSAPrivateKey) -> str:
    der = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


@dataclass(frozen=True)
class Shop:
    """Signs by the documents' rules in its own few lines, so that the code under test does not judge itself."""

    app: rsa.RSAPrivateKey = field(default_factory=_new)
    alipay: rsa.RSAPrivateKey = field(default_factory=_new)
    stranger: rsa.RSAPrivateKey = field(default_factory=_new)
    app_id: str = "2021000000000001"
    seller_id: str = "2088101117955612"

    def account(self, **changes: Any) -> AlipayAccount:
        keywords: dict[str, Any] = {
            "app_id": self.app_id,
            "private_key": private_text(self.app),
            "alipay_public_key": public_text(self.alipay),
            "seller_id": self.seller_id,
        }
        return AlipayAccount(**{**keywords, **changes})

    def own_public_key(self) -> str:
        return public_text(self.app)

    def tongfu(self, *answers: Any, **changes: Any) -> tuple[Tongfu, FakeTransport]:
        """The shop is the account ``shop``; the answers are the platform's, in turn."""
        transport = FakeTransport(*answers)
        return Tongfu({"shop": self.account(**changes)}, transport=transport), transport

    def sign(self, text: bytes, signer: rsa.RSAPrivateKey | None = None, algorithm: str = "RSA2") -> str:
        signed = (signer or self.alipay).sign(text, padding.PKCS1v15(), DIGESTS[algorithm]())
        return base64.b64encode(signed).decode()

    def answer(
        self,
        node: str,
        method: str,
        *,
        name: str = "",
        signer: rsa.RSAPrivateKey | None = None,
        signed: str | None = None,
        algorithm: str = "RSA2",
        sign: bool = True,
    ) -> bytes:
        """The gateway's answer to *method* whose node is the text *node*; *signed* where another text was signed."""
        name = name or method.replace(".", "_") + "_response"
        tail = (
            f',"sign":"{self.sign((node if signed is None else signed).encode(), signer, algorithm)}"' if sign else ""
        )
        return f'{{"{name}":{node}{tail}}}'.encode()

    def fields(self, **changes: str) -> dict[str, str]:
        """The fields of a payment's notification."""
        return {
            "app_id": self.app_id,
            "auth_app_id": self.app_id,
            "buyer_id": "2088101117955611",
            "buyer_pay_amount": "88.88",
            "charset": "utf-8",
            "gmt_create": "2026-11-24 16:03:01",
            "gmt_payment": "2026-11-24 16:03:18",
            "notify_id": "n1",
            "notify_time": "2026-11-24 16:03:19",
            "notify_type": "trade_status_sync",
            "out_trade_no": "A1001",
            "receipt_amount": "88.88",
            "seller_id": self.seller_id,
            "subject": "coffee",
            "total_amount": "88.88",
            "trade_no": "2026112422001400000000000001",
            "trade_status": "TRADE_SUCCESS",
            "version": "1.0",
            **changes,
        }

    def sealed(
        self,
        fields: Mapping[str, str],
        *,
        charset: str = "utf-8",
        signer: rsa.RSAPrivateKey | None = None,
        algorithm: str = "RSA2",
        with_sign_type: bool = False,
        with_empty: bool = False,
    ) -> dict[str, str]:
        """*fields* with sign_type and sign, by the rule for trade notifications unless told otherwise."""
        everything = {**fields, "sign_type": algorithm}
        text = "&".join(
            f"{name}={everything[name]}"
            for name in sorted(everything)
            if (everything[name] or with_empty) and (name != "sign_type" or with_sign_type)
        )
        return {**everything, "sign": self.sign(text.encode(charset), signer, algorithm)}

    def notice(self, charset: str = "utf-8", **changes: str) -> Notification:
        """An authentic notification."""
        fields = self.sealed(self.fields(**changes), charset=charset)
        return Notification({}, urlencode(fields, encoding=charset).encode())

    def asked(self, request: HttpRequest) -> dict[str, str]:
        """Every parameter of a request, once it is known that the app signed them."""
        query = parse_qsl(urlsplit(request.url).query, keep_blank_values=True, strict_parsing=True)
        body = parse_qsl(request.body.decode(), keep_blank_values=True)
        return self.checked([*query, *body])

    def checked(self, pairs: list[tuple[str, str]]) -> dict[str, str]:
        params = dict(pairs)
        assert len(params) == len(pairs), "a parameter comes twice"
        text = "&".join(f"{name}={params[name]}" for name in sorted(params) if name != "sign" and params[name])
        digest = DIGESTS[params["sign_type"]]()
        self.app.public_key().verify(base64.b64decode(params["sign"]), text.encode(), padding.PKCS1v15(), digest)
        return params


Pair = tuple[x509.Certificate, rsa.RSAPrivateKey]


@dataclass(frozen=True)
class Authority:
    """Certificates such as the platform's: a root, an authority below it, and what that one issues."""

    shop: Shop
    start: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    end: datetime = datetime(2030, 1, 1, tzinfo=UTC)

    @functools.cached_property
    def root(self) -> Pair:
        return self.make("Some Certification Authority R1", _new(), ca=True)

    @functools.cached_property
    def below(self) -> Pair:
        return self.make("Some Certification Authority Class 2 R1", _new(), self.root, ca=True)

    @functools.cached_property
    def app(self) -> x509.Certificate:
        return self.make("2088101117955612-2021000000000001", self.shop.app, self.below)[0]

    @functools.cached_property
    def alipay(self) -> x509.Certificate:
        return self.make(self.alipay_name, self.shop.alipay, self.below)[0]

    alipay_name: str = "支付宝(中国)网络技术有限公司-2088101117955612"

    def make(
        self,
        name: str,
        key: rsa.RSAPrivateKey,
        issuer: Pair | None = None,
        *,
        ca: bool = False,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> Pair:
        subject = x509.Name(
            [
                x509.NameAttribute(NameOID.COUNTRY_NAME, "CN"),
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Some Financial"),
                x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "Certification Authority"),
                x509.NameAttribute(NameOID.COMMON_NAME, name),
            ]
        )
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer[0].subject if issuer else subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start or self.start)
            .not_valid_after(end or self.end)
        )
        if ca:
            builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=False)
        return builder.sign(issuer[1] if issuer else key, hashes.SHA256()), key

    def pem(self, *chain: x509.Certificate) -> str:
        return "".join(each.public_bytes(serialization.Encoding.PEM).decode() for each in chain)

    def number(self, certificate: x509.Certificate) -> str:
        """By the documents' rule, for names of the four parts that these have."""
        parts = {each.oid: str(each.value) for each in certificate.issuer}
        order = (
            *(("CN", NameOID.COMMON_NAME), ("OU", NameOID.ORGANIZATIONAL_UNIT_NAME)),
            *(("O", NameOID.ORGANIZATION_NAME), ("C", NameOID.COUNTRY_NAME)),
        )
        name = ",".join(f"{short}={parts[oid]}" for short, oid in order)
        return hashlib.md5(f"{name}{certificate.serial_number}".encode()).hexdigest()

    def files(self) -> dict[str, str]:
        """The account's three."""
        return {
            "app_cert": self.pem(self.app),
            "alipay_cert": self.pem(self.alipay, self.below[0]),
            "alipay_root_cert": self.pem(self.root[0]),
        }

    def account(self, **changes: Any) -> AlipayAccount:
        return self.shop.account(**{"alipay_public_key": None, **self.files(), **changes})

    def answer(
        self,
        node: str,
        method: str,
        sn: str | None = None,
        *,
        signer: rsa.RSAPrivateKey | None = None,
        sign: bool = True,
    ) -> bytes:
        """The gateway's answer under the certificate *sn*, the account's own where none is said."""
        number = self.number(self.alipay) if sn is None else sn
        body = self.shop.answer(node, method, signer=signer, sign=sign)
        return body[:-1] + f',"alipay_cert_sn":"{number}"}}'.encode() if number else body


class Merchant:
    """A merchant's server: the forms it got, and what it answers next (200 success when nothing is said)."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.answers: list[tuple[int, str]] = []
        self.url = ""

    async def hear(self, request: web.Request) -> web.Response:
        self.bodies.append(await request.read())
        status, text = self.answers.pop(0) if self.answers else (200, "success")
        return web.Response(status=status, text=text)

    @property
    def forms(self) -> list[dict[str, str]]:
        return [dict(parse_qsl(body.decode(), keep_blank_values=True)) for body in self.bodies]


@dataclass
class Stage:
    """The emulator on a clock that stands, one client of it, and a merchant who hears its notifications."""

    emu: Emulator
    tf: Tongfu
    merchant: Merchant

    @property
    def payment(self) -> Any:
        return self.tf.payment

    async def order(self, out_trade_no: str = "A1001", **changes: Any) -> Any:
        keywords: dict[str, Any] = {
            "out_trade_no": out_trade_no,
            "subject": "coffee",
            "total_fee": 100,
            "notify_url": self.merchant.url,
            **changes,
        }
        named = {"buyer_id", "buyer_open_id"} & (changes.get("extra") or {}).keys()
        if keywords.get("trade_type") in (None, "JSAPI") and not named:
            keywords.setdefault("openid", "2088101117955611")
        return await self.tf.payment.get_order_info("alipay", **keywords)

    async def come(self, info: Any) -> None:
        """The buyer opens the cashier: by the order string, or by the page."""
        async with aiohttp.ClientSession() as buyer:
            if info.trade_type == "APP":
                url = self.emu.url + "/_emulator/alipay/app_pay"
                async with buyer.post(url, json={"order_string": info.payload}) as opened:
                    assert opened.status == 200, await opened.text()
            else:
                page = info.payload.replace(self.emu.https_url, self.emu.url)
                async with buyer.get(page) as opened:
                    assert info.out_trade_no in await opened.text(), await opened.text()

    async def state(self, out_trade_no: str = "A1001") -> str:
        return str((await self.tf.payment.order_query("alipay", out_trade_no=out_trade_no)).trade_state)

    async def call(self, method: str, biz_content: dict[str, Any], **more: Any) -> Any:
        """One of the gateway's methods, as it is."""
        alipay: Any = self.tf.open("alipay")
        return await alipay.call(method, biz_content, **more)


@pytest.fixture(scope="session")
def shop() -> Shop:
    return Shop()


@pytest.fixture(scope="session")
def authority(shop: Shop) -> Authority:
    return Authority(shop)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def emulator() -> AsyncIterator[Emulator]:
    """One for each module that asks in the module's loop: making its keys takes longer than a test."""
    start = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    async with Emulator(platforms=["alipay"], start=start, frozen=True) as emu:
        yield emu


@pytest_asyncio.fixture(loop_scope="module")
async def stage(emulator: Emulator) -> AsyncIterator[Stage]:
    await emulator.reset()
    merchant = Merchant()
    application = web.Application()
    application.router.add_post("/notify", merchant.hear)
    async with TestServer(application) as server, Tongfu(emulator.accounts(), clock=emulator.clock) as tf:
        merchant.url = str(server.make_url("/notify"))
        yield Stage(emulator, tf, merchant)
