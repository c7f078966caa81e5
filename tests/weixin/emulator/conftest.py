"""An app's server that speaks plain HTTP to the emulator: no client of ours stands between."""

from __future__ import annotations

import base64
import itertools
import json
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from yarl import URL

from tongfu.emulator import Emulator

START = datetime(2026, 1, 14, 3, 4, 5, tzinfo=UTC)  # a Wednesday, 11:04 in Beijing
RID = re.compile(r" rid: [0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}$")


@dataclass(frozen=True)
class Got:
    status: int
    headers: Any
    body: bytes

    @property
    def told(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.body)
        return told

    @property
    def errcode(self) -> int:
        """Of a refusal, which has HTTP 200 and a rid at the end of its errmsg; 0 for success."""
        told = self.told if self.body.startswith(b"{") else {}
        code = told.get("errcode", 0)
        assert self.status == 200
        assert code in (0, 1) or RID.search(told["errmsg"]), told
        return int(code)


class Shop:
    def __init__(self, emu: Emulator, session: aiohttp.ClientSession) -> None:
        self.emu, self._session = emu, session
        self.line: dict[str, str] = emu.settings()["weixin"]
        self.token = ""

    async def ask(self, method: str, path: str, *, query: Any = None, **kwargs: Any) -> Got:
        async with self._session.request(method, path, params=query, **kwargs) as response:
            return Got(response.status, response.headers, await response.read())

    async def get(self, path: str, **query: str) -> Got:
        return await self.ask("GET", path, query={"access_token": await self.a_token(), **query})

    async def post(self, path: str, body: Any = None, *, data: Any = None, **query: str) -> Got:
        query = {"access_token": await self.a_token(), **query}
        if data is not None:
            return await self.ask("POST", path, query=query, data=data)
        return await self.ask("POST", path, query=query, data=json.dumps(body, ensure_ascii=False).encode())

    async def a_token(self) -> str:
        if not self.token:
            body = {"grant_type": "client_credential", "appid": self.line["app_id"], "secret": self.line["secret"]}
            self.token = (await self.ask("POST", "/cgi-bin/stable_token", json=body)).told["access_token"]
        return self.token

    async def control(self, method: str, path: str, /, **body: Any) -> Any:
        """What the user does, or a look behind the scenes; a refusal comes as (status, error)."""
        got = await self.ask(method, f"/_emulator/weixin/{path}", json=body)
        return got.told if got.status == 200 else (got.status, got.told["error"])

    async def login(self, openid: str = "o1") -> str:
        """The session_key of a new login."""
        code = (await self.control("POST", "login", openid=openid))["code"]
        return str((await self.session(code)).told["session_key"])

    async def session(self, code: str, **other: str) -> Got:
        query = {"appid": self.line["app_id"], "secret": self.line["secret"], "js_code": code}
        return await self.ask(
            "GET", "/sns/jscode2session", query={**query, "grant_type": "authorization_code", **other}
        )


class Callback:
    """The app's own server: what was pushed to it, and what it answers next (200 success when nothing is said)."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes, str]] = []
        self.answers: list[tuple[int, str]] = []
        self.url = ""

    async def hear(self, request: web.Request) -> web.Response:
        self.got.append((dict(request.query), await request.read(), request.content_type))
        status, text = self.answers.pop(0) if self.answers else (200, "success")
        return web.Response(status=status, text=text)


@pytest.fixture(scope="session")
def rsa_keys() -> list[rsa.RSAPrivateKey]:
    return [rsa.generate_private_key(65537, 2048) for _ in range(3)]


@pytest.fixture
async def emu(rsa_keys: list[rsa.RSAPrivateKey], monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Emulator]:
    """An emulator on a clock that stands. Making its three RSA keys is most of a start: these are made once."""
    keys = itertools.cycle(rsa_keys)
    monkeypatch.setattr(rsa, "generate_private_key", lambda *args, **kwargs: next(keys))
    async with Emulator(platforms=["weixin"], start=START, frozen=True, seed=7) as emulator:
        yield emulator


@pytest.fixture
async def shop(emu: Emulator) -> AsyncIterator[Shop]:
    async with aiohttp.ClientSession(emu.url, timeout=aiohttp.ClientTimeout(total=20)) as session:
        yield Shop(emu, session)


@pytest.fixture
async def callback() -> AsyncIterator[Callback]:
    callback = Callback()
    application = web.Application()
    application.router.add_post("/{path:.*}", callback.hear)
    async with TestServer(application) as server:
        callback.url = str(server.make_url("/wx"))
        yield callback


SCHEME = "WECHATPAY2-SHA256-RSA2048"
OAEP = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)


@dataclass
class Merchant:
    """A merchant's server on APIv3, written from the documentation: signs, verifies, encrypts, decrypts."""

    emu: Emulator
    session: aiohttp.ClientSession
    certificates: dict[str, x509.Certificate] = field(default_factory=dict)
    nonces: Any = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self.line: dict[str, str] = self.emu.settings()["weixin"]
        key = serialization.load_pem_private_key(self.line["private_key"].encode(), None)
        public = serialization.load_pem_public_key(self.line["public_key"].encode())
        assert isinstance(key, rsa.RSAPrivateKey)
        assert isinstance(public, rsa.RSAPublicKey)
        self.key, self.public_key, self.serial = key, public, self.line["public_key_id"]
        self.mchid, self.appid = self.line["mch_id"], self.line["app_id"]

    # --- signing

    def now(self) -> int:
        return int(self.emu.clock.now().timestamp())

    def authorization(self, method: str, url: str, body: bytes, **changed: str) -> str:
        """*changed*: fields of Authorization; ``signed`` is what is signed instead."""
        stamp, nonce = changed.get("timestamp", str(self.now())), changed.get("nonce_str", f"nonce{next(self.nonces)}")
        payload = f"{method}\n{url}\n{stamp}\n{nonce}\n".encode() + body + b"\n"
        payload = changed.pop("signed").format(stamp=stamp, nonce=nonce).encode() if "signed" in changed else payload
        signature = base64.b64encode(self.key.sign(payload, padding.PKCS1v15(), hashes.SHA256())).decode()
        fields = {"mchid": self.mchid, "nonce_str": nonce, "signature": signature, "timestamp": stamp}
        fields |= {"serial_no": self.line["cert_serial"], **changed}
        return f"{SCHEME} " + ",".join(f'{name}="{value}"' for name, value in fields.items())

    async def ask(
        self,
        method: str,
        url: str,
        document: Mapping[str, Any] | None = None,
        *,
        body: bytes | None = None,
        serial: str = "",
        headers: Mapping[str, str | None] | None = None,
        **changed: str,
    ) -> Any:
        """
        One request. *body* are raw bytes; *headers* are added, or left out where they are None.

        *serial* is sent as Wechatpay-Serial.
        """
        raw = body if body is not None else b"" if document is None else json.dumps(document).encode()
        sent: dict[str, str | None] = {"Accept": "application/json", "User-Agent": "merchant/1"}
        sent |= {"Content-Type": "application/json"} if raw else {}
        sent |= {"Wechatpay-Serial": serial} if serial else {}
        sent |= {"Authorization": self.authorization(method, url, raw, **changed), **(headers or {})}
        absent = [name for name, value in sent.items() if value is None]
        async with self.session.request(
            method,
            URL(url, encoded=True),
            data=raw or None,
            headers={name: value for name, value in sent.items() if value is not None},
            skip_auto_headers=absent,
        ) as response:
            return Got(response.status, response.headers, await response.read())

    async def get(self, url: str, **how: Any) -> Any:
        return await self.ask("GET", url, **how)

    async def post(self, url: str, document: Mapping[str, Any] | None = None, **how: Any) -> Any:
        return await self.ask("POST", url, document, **how)

    async def control(self, method: str, path: str, /, **wanted: Any) -> Any:
        """A control route; a refusal comes as (status, error)."""
        async with self.session.request(method, f"/_emulator/weixin/{path}", json=wanted) as response:
            told = await response.json()
            return told if response.status == 200 else (response.status, told["error"])

    # --- verifying

    async def fetch_certificates(self) -> list[str]:
        """Their serials, as listed; they are known from now on."""
        got = await self.get("/v3/certificates")
        for one in got.told["data"]:
            pem = self.opened(one["encrypt_certificate"])
            self.certificates[one["serial_no"]] = x509.load_pem_x509_certificate(pem)
        return [one["serial_no"] for one in got.told["data"]]

    def opened(self, resource: Mapping[str, str]) -> bytes:
        assert resource["algorithm"] == "AEAD_AES_256_GCM"
        assert len(resource["nonce"]) == 12
        sealed, aad = base64.b64decode(resource["ciphertext"]), resource.get("associated_data", "")
        return AESGCM(self.line["api_v3_key"].encode()).decrypt(resource["nonce"].encode(), sealed, aad.encode())

    def signer(self, headers: Mapping[str, str], body: bytes) -> str:
        """Whose signature it is, by Wechatpay-Serial: it verifies. :raises InvalidSignature: it does not."""
        serial = headers["Wechatpay-Serial"]
        key: Any = self.public_key if serial == self.serial else self.certificates[serial].public_key()
        payload = f"{headers['Wechatpay-Timestamp']}\n{headers['Wechatpay-Nonce']}\n".encode() + body + b"\n"
        signature = base64.b64decode(headers["Wechatpay-Signature"], validate=True)
        key.verify(signature, payload, padding.PKCS1v15(), hashes.SHA256())
        return serial

    def hidden(self, text: str, serial: str = "") -> str:
        key: Any = self.certificates[serial].public_key() if serial else self.public_key
        return base64.b64encode(key.encrypt(text.encode(), OAEP)).decode()

    def revealed(self, text: str) -> str:
        return self.key.decrypt(base64.b64decode(text), OAEP).decode()

    # --- what is often asked

    async def order(self, out_trade_no: str = "A10001", scene: str = "jsapi", **more: Any) -> Any:
        asked = {
            "appid": self.appid,
            "mchid": self.mchid,
            "description": "咖啡",
            "out_trade_no": out_trade_no,
            "notify_url": "http://127.0.0.1:9/notify",
            "amount": {"total": 8888, "currency": "CNY"},
            "payer": {"openid": "oUser"},
        }
        return await self.post(f"/v3/pay/transactions/{scene}", {**asked, **more}, serial=self.serial)

    async def found(self, out_trade_no: str = "A10001") -> Any:
        return (await self.get(f"/v3/pay/transactions/out-trade-no/{out_trade_no}?mchid={self.mchid}")).told

    async def refund(self, out_refund_no: str = "R1", fee: int = 888, **more: Any) -> Any:
        asked = {
            "out_trade_no": "A10001",
            "out_refund_no": out_refund_no,
            "amount": {"refund": fee, "total": 8888, "currency": "CNY"},
        }
        return await self.post("/v3/refund/domestic/refunds", {**asked, **more}, serial=self.serial)


@pytest.fixture
async def merchant(emu: Emulator) -> AsyncIterator[Merchant]:
    timeout = aiohttp.ClientTimeout(total=20)
    async with aiohttp.ClientSession(emu.url, timeout=timeout) as session:
        yield Merchant(emu, session)


class Hook:
    """A merchant's notify_url: what came there, and how it answers (with 204 when nothing is said)."""

    def __init__(self) -> None:
        self.got: list[tuple[Any, bytes]] = []
        self.answers: list[tuple[int, str]] = []
        self.url = ""

    async def hear(self, request: web.Request) -> web.Response:
        self.got.append((request.headers, await request.read()))
        status, text = self.answers.pop(0) if self.answers else (204, "")
        return web.Response(status=status, text=text or None)


@pytest.fixture
async def hook() -> AsyncIterator[Hook]:
    hook = Hook()
    application = web.Application()
    application.router.add_post("/notify", hook.hear)
    async with TestServer(application) as server:
        hook.url = str(server.make_url("/notify"))
        yield hook
