"""Message pushes to the app's own server: plain, compat and secure, as XML or JSON, and the answers they get."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
import secrets
import string
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from tongfu.emulator.half import Delivery, Route
from tongfu_weixin.emulator import codec

from .app import App
from .wire import control, objects, texts

MODES: Final = ("plain", "compat", "secure")
FORMATS: Final = ("json", "xml")
LADDER: Final = (5.0, 5.0, 5.0)  # seconds; three more attempts
KEPT: Final = 1000
Headers = dict[str, str]


@dataclass(slots=True)
class Address:
    """Where pushes go and how."""

    url: str = ""
    mode: str = "secure"
    format: str = "json"


class Push:
    """The app's Token, EncodingAESKey and callback, and what was sent to it."""

    def __init__(self, app: App) -> None:
        self._app = app
        self.token = "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(32))
        self.aes_key = base64.b64encode(secrets.token_bytes(32)).decode().rstrip("=")
        self._address = Address()
        self._sent: list[dict[str, Any]] = []

    def reset(self) -> None:
        self._address = Address()
        self._sent.clear()

    def controls(self) -> Iterable[Route]:
        yield control("POST", "push", self._control, "url", "mode", "format", "message", "corrupt")
        yield control("GET", "push", self._told)

    @property
    def url(self) -> str:
        """Where pushes go; empty until a control route set it."""
        return self._address.url

    def message(self, openid: str, kind: str, **fields: Any) -> dict[str, Any]:
        """A message as the platform writes it; what is no event has a MsgId of 64 bits."""
        told = {
            "ToUserName": self._app.original_id,
            "FromUserName": openid,
            "CreateTime": self._app.stamp(),
            "MsgType": kind,
            **fields,
        }
        if kind != "event":
            told.setdefault("MsgId", (1 << 62) + self._app.world.random.getrandbits(61))
        return told

    def send(self, message: Mapping[str, Any], corrupt: str | None = None) -> dict[str, Any]:
        """
        Push a message to the configured address, and again by the ladder until it is accepted.

        :param corrupt: "signature" or "body": broken on purpose, each attempt.
        """
        address = self._address
        stamp, nonce = str(self._app.stamp()), str(secrets.randbelow(10**10))
        plain = self._written(message)
        query = {"signature": self.sign(stamp, nonce), "timestamp": stamp, "nonce": nonce}
        sealed = ""
        if address.mode != "plain":
            sealed = self.encrypt(plain)
            query |= {
                "openid": str(message.get("FromUserName", "")),
                "encrypt_type": "aes",
                "msg_signature": self.sign(stamp, nonce, sealed),
            }
        if corrupt == "signature":
            query |= {name: _flipped(query[name]) for name in ("signature", "msg_signature") if name in query}
        separator = "&" if urlsplit(address.url).query else "?"
        url = f"{address.url}{separator}{urlencode(query)}"
        body = self._body(message, plain, sealed, corrupt if corrupt == "body" else None)
        kept: dict[str, Any] = {"at": self._app.now().isoformat(), "url": url, "body": body.decode(), "replies": []}
        headers = {"content-type": "application/json" if address.format == "json" else "text/xml"}
        self._sent.append(kept)
        del self._sent[:-KEPT]
        self._app.world.deliver(
            Delivery(
                platform=self._app.platform,
                kind="push",
                out_trade_no="",
                url=url,
                make=lambda: (dict(headers), body),
                corrupt=lambda how: (dict(headers), self._body(message, plain, sealed, how)),
                accepted=self._accepts(kept, address.mode),
                ladder=LADDER,
            )
        )
        return kept

    def _written(self, message: Mapping[str, Any]) -> bytes:
        if self._address.format == "json":
            return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()
        return _xml(message)

    def _body(self, message: Mapping[str, Any], plain: bytes, sealed: str, corrupt: str | None) -> bytes:
        if not sealed:
            return plain[:-1] if corrupt else plain  # its signature does not cover it: broken means unreadable
        if corrupt:
            sealed = _flipped(sealed)
        if self._address.mode == "compat":
            return self._written({**message, "Encrypt": sealed})
        return self._written({"ToUserName": message.get("ToUserName", self._app.original_id), "Encrypt": sealed})

    def _accepts(self, kept: dict[str, Any], mode: str) -> Callable[[int, bytes], bool]:
        def accepted(status: int, body: bytes) -> bool:
            text = body.decode(errors="replace").strip()
            reply: Any = text
            if text not in ("", "success"):
                try:
                    reply = self.reply(body, encrypted=mode != "plain")
                except ValueError as exc:
                    kept["replies"].append({"status": status, "refused": str(exc)})
                    return False
            kept["replies"].append({"status": status, "reply": reply})
            return status == 200

        return accepted

    # --- signature and encryption -----------------------------------------------------------------

    def sign(self, *values: str) -> str:
        """SHA-1 over the token and *values*, sorted and put together."""
        text = "".join(sorted([self.token, *values]))
        return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()

    def encrypt(self, plain: bytes) -> str:
        """16 random bytes, the length, the message, the appid; padded to 32 bytes."""
        key = base64.b64decode(self.aes_key + "=")
        framed = secrets.token_bytes(16) + len(plain).to_bytes(4, "big") + plain + self._app.app_id.encode()
        padder = padding.PKCS7(256).padder()
        encryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
        return base64.b64encode(encryptor.update(padder.update(framed) + padder.finalize())).decode()

    def decrypt(self, sealed: str) -> bytes:
        """:raises ValueError: not encrypted as ``encrypt`` does, or for another appid."""
        key = base64.b64decode(self.aes_key + "=")
        try:
            data = base64.b64decode(sealed, validate=True)
        except binascii.Error as exc:
            raise ValueError("Encrypt is base64") from exc
        decryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).decryptor()
        unpadder = padding.PKCS7(256).unpadder()
        framed = unpadder.update(decryptor.update(data) + decryptor.finalize()) + unpadder.finalize()
        length = int.from_bytes(framed[16:20], "big")
        if framed[20 + length :] != self._app.app_id.encode():
            raise ValueError("the reply is encrypted for another appid")
        return framed[20 : 20 + length]

    def reply(self, body: bytes, *, encrypted: bool) -> dict[str, Any]:
        """
        What the app's server answered, beyond ``success``.

        :raises ValueError: neither XML nor JSON; in compat and secure mode: not encrypted, or not signed.
        """
        fields = _read(body)
        if not encrypted:
            return fields
        try:
            sealed, signature = str(fields["Encrypt"]), str(fields["MsgSignature"])
            expected = self.sign(str(fields["TimeStamp"]), str(fields["Nonce"]), sealed)
        except KeyError as exc:
            raise ValueError(f"an encrypted reply has {exc.args[0]}") from exc
        if signature != expected:
            raise ValueError("MsgSignature is wrong")
        return _read(self.decrypt(sealed))

    # --- control ------------------------------------------------------------------------------------

    def _control(
        self,
        url: str | None = None,
        mode: str | None = None,
        format: str | None = None,  # noqa: A002 - the console's word
        message: Mapping[str, Any] | None = None,
        corrupt: str | None = None,
    ) -> Mapping[str, Any]:
        """
        Set where message pushes go, and push one if there is a message.

        {"url"?, "mode": "plain" | "compat" | "secure", "format": "json" | "xml", "message": {…}?: fields over
        ToUserName, FromUserName, CreateTime, MsgType and MsgId, "corrupt": null | "signature" | "body"}.
        """
        texts(url=url, mode=mode, format=format)
        new = Address(
            self._address.url if url is None else url, mode or self._address.mode, format or self._address.format
        )
        if urlsplit(new.url).scheme not in ("http", "https"):
            raise ValueError("url is an http(s) URL")
        if new.mode not in MODES or new.format not in FORMATS:
            raise ValueError(f"mode is {', '.join(MODES)}; format is {', '.join(FORMATS)}")
        if corrupt not in (None, "signature", "body"):
            raise ValueError("corrupt is signature, body or null")
        objects(message=message)
        self._address = new
        if message is None:
            return self._told()
        openid = str(message.get("FromUserName") or self._app.id(prefix="o"))
        fields = {name: value for name, value in message.items() if name not in ("MsgType", "FromUserName")}
        whole = self.message(openid, str(message.get("MsgType", "text")), **fields)
        return self.send(whole, corrupt)

    def _told(self) -> Mapping[str, Any]:
        """Where pushes go, what was pushed and answered, and a signed query to check the URL with by GET."""
        stamp, nonce = str(self._app.stamp()), str(secrets.randbelow(10**10))
        check = {"signature": self.sign(stamp, nonce), "timestamp": stamp, "nonce": nonce}
        check["echostr"] = str(secrets.randbelow(10**19))
        address = self._address
        return {
            "url": address.url,
            "mode": address.mode,
            "format": address.format,
            "check": check,
            "sent": self._sent,
        }


def _xml(message: Mapping[str, Any], root: str = "xml") -> bytes:
    """Texts in CDATA, numbers bare, objects and lists nested, as the platform does it."""
    return f"<{root}>{''.join(_element(name, value) for name, value in message.items())}</{root}>".encode()


def _element(name: str, value: Any) -> str:
    if re.fullmatch(r"[A-Za-z_][\w.-]*", name) is None:
        raise ValueError(f"{name!r} is no name of an XML element")
    if isinstance(value, Mapping):
        return f"<{name}>{''.join(_element(each, inner) for each, inner in value.items())}</{name}>"
    if isinstance(value, list):
        return "".join(_element(name, each) for each in value)
    if isinstance(value, int | float):
        return f"<{name}>{value}</{name}>"
    text = str(value).replace("]]>", "]]]]><![CDATA[>")
    return f"<{name}><![CDATA[{text}]]></{name}>"


def _read(body: bytes) -> dict[str, Any]:
    """:raises ValueError: neither a JSON object nor a flat <xml>."""
    if body.lstrip().startswith(b"{"):
        read = json.loads(body)
        if isinstance(read, dict):
            return read
        raise ValueError("a reply is a JSON object")
    try:
        return dict(codec.read(body))
    except codec.BadRequest as exc:
        raise ValueError(f"a reply is success, JSON or XML: {exc}") from exc


def _flipped(text: str) -> str:
    return ("0" if text[0] != "0" else "1") + text[1:]
