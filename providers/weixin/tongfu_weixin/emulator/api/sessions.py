"""Login codes, session keys, what is encrypted or signed with them, phone numbers and union ids."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections import deque
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from tongfu.emulator.half import Route

from .app import App, Codes, User
from .tokens import Tokens
from .wire import PLAIN, Endpoint, Refused, Request, control, document, done, objects, texts

PAID_LATELY: Final = timedelta(minutes=5)
MESSAGE_LIFE: Final = timedelta(days=3)
KEY_LIFE: Final = timedelta(seconds=3600)
LOGINS_A_MINUTE: Final = 100  # of one user
AVATAR: Final = "https://thirdwx.qlogo.cn/mmopen/vi_32/emulator/132"


class Sessions:
    """The user's side is on the control routes: logging in, giving a phone number, sharing."""

    def __init__(self, app: App, tokens: Tokens) -> None:
        self._app, self._tokens = app, tokens
        self._logins, self._phones, self._plugins = Codes(app), Codes(app), Codes(app)
        self._encrypted: dict[str, datetime] = {}
        self._keys: dict[str, list[dict[str, Any]]] = {}
        self._lately: dict[str, deque[datetime]] = {}

    def reset(self) -> None:
        for kept in (self._logins, self._phones, self._plugins, self._encrypted, self._keys, self._lately):
            kept.clear()

    def endpoints(self) -> Iterable[Endpoint]:
        yield Endpoint("GET", "/sns/jscode2session", self.code2session, body="none", token=False, errors_as=PLAIN)
        yield Endpoint("GET", "/wxa/checksession", self.checksession, body="none")
        yield Endpoint("GET", "/wxa/resetusersessionkey", self.resetusersessionkey, body="none")
        yield Endpoint("GET", "/wxa/getpaidunionid", self.getpaidunionid, body="none")
        yield Endpoint("POST", "/wxa/business/getuserphonenumber", self.getuserphonenumber)
        yield Endpoint("POST", "/wxa/business/checkencryptedmsg", self.checkencryptedmsg)
        yield Endpoint("POST", "/wxa/getpluginopenpid", self.getpluginopenpid)
        # The page says GET, the guide's example posts an empty body.
        for method in ("GET", "POST"):
            yield Endpoint(method, "/wxa/business/getuserencryptkey", self.getuserencryptkey, body="none")

    def controls(self) -> Iterable[Route]:
        yield control("POST", "login", self._login, "openid", "unionid")
        yield control("POST", "user_data", self._user_data, "openid", "kind", "data", "appid")
        yield control("POST", "phone_code", self._phone_code, "openid", "phone_number", "country_code")
        yield control("POST", "plugin_code", self._plugin_code, "openid")

    # --- login --------------------------------------------------------------------------------------

    def code2session(self, request: Request) -> Any:
        query = request.query
        self._tokens.credentials(query.get("appid", ""), query.get("secret", ""))
        if query.get("grant_type") != "authorization_code":
            raise Refused(40002)
        code = query.get("js_code", "")
        user = self._app.user(self._logins.peek(code, 40029, 40163)["openid"])
        lately, now = self._lately.setdefault(user.openid, deque()), self._app.now()
        while lately and lately[0] <= now - timedelta(minutes=1):
            lately.popleft()
        if len(lately) >= LOGINS_A_MINUTE:
            raise Refused(45011, explain=f"{LOGINS_A_MINUTE} a minute for one user")
        lately.append(now)
        self._logins.take(code, 40029, 40163)
        user.session_key = _session_key()
        told = {"session_key": user.session_key, "openid": user.openid}
        return document(told | ({"unionid": user.unionid} if user.tells_unionid else {}), PLAIN)

    def checksession(self, request: Request) -> Mapping[str, Any]:
        self._signed(request, request.param("openid"), no_key=87009)
        return done()

    def resetusersessionkey(self, request: Request) -> Mapping[str, Any]:
        user = self._signed(request, request.param("openid"), no_key=87007)
        user.session_key = _session_key()
        return done(openid=user.openid, session_key=user.session_key)

    def _signed(self, request: Request, openid: str, *, no_key: int) -> User:
        """The user, if the query is signed with their session_key: as it stands, over nothing."""
        user = self._app.users.get(openid)
        claimed = request.param("signature")
        if request.param("sig_method") != "hmac_sha256":
            raise Refused(87008)
        if user is None or not user.session_key:
            raise Refused(no_key, explain="this openid has no session here")
        expected = hmac.new(user.session_key.encode(), b"", hashlib.sha256).hexdigest()
        if not secrets.compare_digest(claimed.encode(), expected.encode()):
            raise Refused(87009, explain="HMAC-SHA256 of nothing, its key the session_key as text, in lower hex")
        return user

    # --- ids, phone numbers, keys -----------------------------------------------------------------

    def getpaidunionid(self, request: Request) -> Mapping[str, Any]:
        query = request.query
        user = self._app.known(request.param("openid", 40003))
        orders = list(self._app.world.orders(self._app.platform))
        if query.get("transaction_id"):
            found = [order for order in orders if order.transaction_id == query["transaction_id"]]
        elif query.get("mch_id") == self._app.mch_id:
            found = [order for order in orders if order.out_trade_no == query.get("out_trade_no")]
        else:
            found = []
        order = next((order for order in found if order.openid == user.openid and order.paid is not None), None)
        if order is None or order.paid is None:
            raise Refused(
                89300, explain="no paid order of this user by that transaction_id, or mch_id and out_trade_no"
            )
        if self._app.now() - order.paid > PAID_LATELY:
            raise Refused(89300, explain="only within five minutes after the payment")
        return {"unionid": user.unionid, **done()}

    def getuserphonenumber(self, request: Request) -> Mapping[str, Any]:
        code, openid = request.text("code", 40029), request.maybe("openid")
        holds = self._phones.peek(code, 40029, 40029)
        if openid and openid != holds["openid"]:
            raise Refused(40029, explain="the code is another user's")
        self._phones.take(code, 40029, 40029)
        return done(phone_info=self._phone(holds["phone_number"], holds["country_code"], self._app.app_id))

    def checkencryptedmsg(self, request: Request) -> Mapping[str, Any]:
        created = self._encrypted.get(request.text("encrypted_msg_hash"))
        if created is None or self._app.now() - created > MESSAGE_LIFE:
            return {"errcode": 1, "errmsg": "encrypted data not found", "vaild": False}
        return done(vaild=True, create_time=int(created.timestamp()))  # the platform's spelling

    def getpluginopenpid(self, request: Request) -> Mapping[str, Any]:
        openid = self._plugins.take(request.text("code", 1003), 1003, 1003)["openid"]
        digest = hashlib.sha256(f"{self._app.app_id}:{openid}".encode()).digest()
        return done(openpid="G" + base64.urlsafe_b64encode(digest).decode()[:27])

    def getuserencryptkey(self, request: Request) -> Mapping[str, Any]:
        user = self._signed(request, request.param("openid"), no_key=87007)
        keys, now = self._keys.setdefault(user.openid, []), self._app.stamp()
        if not keys or keys[0]["create_time"] + KEY_LIFE.total_seconds() <= now:
            made = {
                "encrypt_key": base64.b64encode(secrets.token_bytes(16)).decode(),
                "version": keys[0]["version"] + 1 if keys else 1,
                "iv": secrets.token_hex(8),
                "create_time": now,
            }
            keys.insert(0, made)
            del keys[3:]
        life = int(KEY_LIFE.total_seconds())
        return done(key_info_list=[key | {"expire_in": max(0, key["create_time"] + life - now)} for key in keys])

    # --- the user's side ---------------------------------------------------------------------------

    def _login(self, openid: str | None = None, unionid: str | None = None) -> Mapping[str, Any]:
        """
        The code that wx.login gives: {"openid"?, "unionid"?}. Single use, five minutes.

        Without an openid a new user logs in. With a unionid the app is bound to an open-platform account.
        """
        texts(openid=openid, unionid=unionid)
        user = self._app.user(openid or self._app.id(prefix="o"))
        if unionid is not None:
            user.unionid, user.tells_unionid = unionid, True
        user.active = self._app.now()
        return {"code": self._logins.issue(openid=user.openid)}

    def _user_data(
        self, openid: str, kind: str = "userinfo", data: Mapping[str, Any] | None = None, appid: str | None = None
    ) -> Mapping[str, Any]:
        """
        What the client gets encrypted under the user's present session_key.

        {"openid", "kind": "userinfo" | "phone" | "share", "data"?: fields over ours, "appid"?: another watermark}
        answers encryptedData, iv, rawData and signature; rawData is empty but for userinfo.
        """
        texts(openid=openid, kind=kind, appid=appid)
        objects(data=data)
        user = self._app.users.get(openid)
        if user is None or not user.session_key:
            raise LookupError(f"{openid} has no session: log in and exchange the code first")
        raw: dict[str, Any] = {}
        marked = appid or self._app.app_id
        watermark = {"timestamp": self._app.stamp(), "appid": marked}
        if kind == "userinfo":
            raw = {"nickName": "通付", "gender": 0, "language": "zh_CN", "city": "", "province": "", "country": ""}
            raw |= {"avatarUrl": AVATAR, **(data or {})}
            payload = {"openId": openid, **raw, **({"unionId": user.unionid} if user.tells_unionid else {})}
            payload["watermark"] = watermark
        elif kind == "phone":
            payload = self._phone("13800138000", "86", marked) | dict(data or {})
        elif kind == "share":
            payload = {"openGId": self._app.id(prefix="G"), **(data or {}), "watermark": watermark}
        else:
            raise ValueError("kind is userinfo, phone or share")
        iv = secrets.token_bytes(16)
        encrypted = base64.b64encode(_encrypt(json.dumps(payload, ensure_ascii=False), user.session_key, iv)).decode()
        self._encrypted[hashlib.sha256(encrypted.encode()).hexdigest()] = self._app.now()
        raw_data = json.dumps(raw, ensure_ascii=False, separators=(",", ":")) if raw else ""
        signature = hashlib.sha1((raw_data + user.session_key).encode(), usedforsecurity=False).hexdigest()
        return {
            "encryptedData": encrypted,
            "iv": base64.b64encode(iv).decode(),
            "rawData": raw_data,
            "signature": signature,
        }

    def _phone_code(
        self, openid: str | None = None, phone_number: str = "13800138000", country_code: str = "86"
    ) -> Mapping[str, Any]:
        """
        The code that the getPhoneNumber button gives: {"openid"?, "phone_number"?, "country_code"?}.
        """
        texts(openid=openid, phone_number=phone_number, country_code=country_code)
        user = self._app.user(openid or self._app.id(prefix="o"))
        user.active = self._app.now()
        code = self._phones.issue(openid=user.openid, phone_number=phone_number, country_code=country_code)
        return {"code": code}

    def _plugin_code(self, openid: str | None = None) -> Mapping[str, Any]:
        """The code that wx.pluginLogin gives: {"openid"?}."""
        texts(openid=openid)
        return {"code": self._plugins.issue(openid=self._app.user(openid or self._app.id(prefix="o")).openid)}

    def _phone(self, number: str, country: str, appid: str) -> dict[str, Any]:
        return {
            "phoneNumber": number if country == "86" else f"+{country}{number}",
            "purePhoneNumber": number,
            "countryCode": country,
            "watermark": {"timestamp": self._app.stamp(), "appid": appid},
        }


def _session_key() -> str:
    return base64.b64encode(secrets.token_bytes(16)).decode()


def _encrypt(text: str, session_key: str, iv: bytes) -> bytes:
    padder = padding.PKCS7(128).padder()
    padded = padder.update(text.encode()) + padder.finalize()
    encryptor = Cipher(algorithms.AES(base64.b64decode(session_key)), modes.CBC(iv)).encryptor()
    return encryptor.update(padded) + encryptor.finalize()
