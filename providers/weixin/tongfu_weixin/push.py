"""
Message push: WeChat calls our server, with messages of users and with events.

So can anybody else: nothing of a message is given out before it is verified, and where it is encrypted, before
it is decrypted. WeChat waits 5 seconds and comes up to three times: do the work once, by ``dedupe_key``.

Source: https://developers.weixin.qq.com/miniprogram/dev/framework/server-ability/message-push.html "消息推送"
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from tongfu.call import Notification
from tongfu.errors import ConfigError, MalformedAnswer, SignatureError
from tongfu.model import Result, camel
from tongfu.notice import Reply

from . import push_crypto, push_text
from .account import WeixinAccount

MAX_AGE: Final = 300.0
CONTENT_TYPES: Final = {
    push_text.XML: "text/xml; charset=utf-8",
    push_text.JSON: "application/json; charset=utf-8",
}
_TOKEN: Final = re.compile(r"[!-~]{3,32}", re.ASCII)
# Both are joined to what is signed without a mark between them: were their forms free, one signature would fit
# more than one pair.
_TIMESTAMP: Final = re.compile(r"[1-9][0-9]{9}", re.ASCII)
_NONCE: Final = re.compile(r"[0-9A-Za-z_-]{1,64}", re.ASCII)
_ECHO: Final = re.compile(r"[!-~]{1,256}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class PushMessage(Result):
    """
    A verified message. ``raw`` has every field as the platform names it: ``raw["Content"]``, ``raw["debug_str"]``.

    ``from_user_name`` is the user's openid, ``to_user_name`` the app's original id (``gh_…``), ``create_time``
    seconds since 1970. Events have no ``msg_id``. From XML, every value of ``raw`` is a str, a dict or a list.
    """

    to_user_name: str
    from_user_name: str = field(repr=False)
    create_time: int
    msg_type: str
    msg_id: int | None = None
    event: str | None = None
    kind: str
    encrypted: bool
    nonce: str = field(repr=False)
    raw: Mapping[str, Any] = field(repr=False, compare=False)

    @property
    def dedupe_key(self) -> str:
        """
        The same for each repetition of one message, another for another: insert it into a unique column.

        That is the MsgId, and for events, which have none, who, when and what; the asynchronous content check
        sends several of those a second, so its ``trace_id`` is part of it.
        """
        if self.msg_id is not None:
            return f"{self.to_user_name}/{self.msg_id}"
        parts = (self.to_user_name, self.from_user_name, self.create_time, self.event or self.msg_type)
        trace = self.raw.get("trace_id")
        return "/".join(map(str, parts)) + (f"/{trace}" if isinstance(trace, str) else "")

    def to_camel(self) -> Any:
        """All fields, deep, in camelCase. ``msgId`` is a str: a JavaScript number cannot hold its 64 bits."""
        document = {_camel(name): _camel_value(value) for name, value in self.raw.items()}
        document["createTime"] = self.create_time
        if self.msg_id is not None:
            document["msgId"] = str(self.msg_id)
        return document


class MessagePush:
    """The message push of one account: ``push_token`` and, unless it is plain, ``push_aes_key``."""

    __slots__ = ("_account", "_clock", "_random")

    def __init__(
        self,
        account: WeixinAccount,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        random: Callable[[int], bytes] = lambda size: secrets.token_hex(size)[:size].encode(),
    ) -> None:
        self._account = account
        self._clock = clock
        self._random = random

    def check_url(self, notification: Notification, *, max_age: float | None = MAX_AGE) -> Reply:
        """
        Answer the GET that the console sends when the URL is entered: its ``echostr``, if it is signed.

        :raises SignatureError: it is not, or is older than *max_age* seconds.
        """
        token = self._token()
        self._stamp(notification, token, max_age)
        echostr = _value(notification, "echostr")
        if _ECHO.fullmatch(echostr) is None:
            raise MalformedAnswer("weixin: the URL check has no echostr that can be sent back")
        return _reply("text/plain; charset=utf-8", echostr.encode())

    def read(self, notification: Notification, *, max_age: float | None = MAX_AGE) -> PushMessage:
        """
        Verify a POST, decrypt it where it is encrypted, and read it.

        :param max_age: seconds by which the signed timestamp may be off, either way. None leaves it unchecked;
            in plain mode a signature then fits every body forever, for it does not cover the body.
        :raises SignatureError: not WeChat's, for another app, too old, or plain where it must be encrypted.
        :raises MalformedAnswer: neither XML nor JSON of the documented form, whoever sent it.
        :raises ConfigError: the account's push fields are missing or of a wrong form.
        """
        token, mode = self._token(), self._mode()
        kind, fields = push_text.parse(notification.body)
        if mode == "plain" or "Encrypt" not in fields:
            if mode == "secure":
                raise SignatureError("weixin: the account has a push_aes_key, and the message is not encrypted")
            nonce = self._stamp(notification, token, max_age)
            if "Encrypt" in fields and "MsgType" not in fields:
                raise ConfigError("weixin: the messages are encrypted; the WeixinAccount needs push_aes_key")
            return _message(kind, fields, nonce, encrypted=False)
        sealed = fields["Encrypt"]
        if not isinstance(sealed, str):
            raise MalformedAnswer("weixin: Encrypt is not a text")
        nonce = self._stamp(notification, token, max_age, sealed)
        key = push_crypto.aes_key(self._account.push_aes_key)
        kind, fields = push_text.parse(push_crypto.decrypt(key, sealed, self._account.app_id))
        return _message(kind, fields, nonce, encrypted=True)

    def success(self) -> Reply:
        """What to answer when there is nothing to answer; it is never encrypted."""
        return _reply("text/plain; charset=utf-8", b"success")

    def reply(self, message: PushMessage, fields: Mapping[str, Any]) -> Reply:
        """
        Answer with *fields*, under the platform's names, as XML or JSON and encrypted as *message* was.

        :raises InvalidParams: a field that cannot be written.
        """
        body = push_text.build(message.kind, fields)
        if message.encrypted:
            now = int(self._clock().timestamp())
            key = push_crypto.aes_key(self._account.push_aes_key)
            sealed = push_crypto.encrypt(key, body, self._account.app_id, self._random(16))
            body = push_text.build(
                message.kind,
                {
                    "Encrypt": sealed,
                    "MsgSignature": push_crypto.signature(self._token(), str(now), message.nonce, sealed),
                    "TimeStamp": now,
                    "Nonce": message.nonce,
                },
            )
        return _reply(CONTENT_TYPES[message.kind], body)

    def transfer_customer_service(self, message: PushMessage) -> Reply:
        """Hand the user's message over to the people at the customer-service desk."""
        return self.reply(
            message,
            {
                "ToUserName": message.from_user_name,
                "FromUserName": message.to_user_name,
                "CreateTime": int(self._clock().timestamp()),
                "MsgType": "transfer_customer_service",
            },
        )

    def _token(self) -> str:
        self._account.need("push", "push_token")
        token = self._account.push_token
        if not isinstance(token, str) or _TOKEN.fullmatch(token) is None:
            raise ConfigError("push_token: expected the Token of the message push, 3 to 32 characters")
        return token

    def _mode(self) -> str:
        return self._account.push_mode or ("secure" if self._account.push_aes_key else "plain")

    def _stamp(self, notification: Notification, token: str, max_age: float | None, *sealed: str) -> str:
        """Verify and give the nonce. A message with *sealed* has a signature of its own: the other is not its."""
        name = "msg_signature" if sealed else "signature"
        timestamp, nonce = _value(notification, "timestamp"), _value(notification, "nonce")
        claimed = _value(notification, name)
        if _TIMESTAMP.fullmatch(timestamp) is None or _NONCE.fullmatch(nonce) is None:
            raise SignatureError("weixin: the push has a timestamp or nonce that WeChat does not make")
        if not push_crypto.matches(claimed, token, timestamp, nonce, *sealed):
            raise SignatureError(
                f"weixin: the push's {name} is wrong: it is not WeChat's, or push_token is not the console's"
            )
        if max_age is not None and not abs(self._clock().timestamp() - int(timestamp)) <= max_age:
            raise SignatureError(f"weixin: the push's timestamp is more than {max_age:g} seconds off our clock")
        return nonce


def _value(notification: Notification, name: str) -> str:
    """A query parameter that came once: of two, a proxy and we could read different ones."""
    query: Any = notification.query
    every = getattr(query, "getall", None)
    value = query.get(name) if isinstance(query, Mapping) else None
    if not isinstance(value, str) or not value or (every is not None and len(every(name)) != 1):
        raise SignatureError(f"weixin: the push has no {name} in its query, or several")
    return value


def _message(kind: str, fields: dict[str, Any], nonce: str, *, encrypted: bool) -> PushMessage:
    create_time = _number(fields, "CreateTime", 1 << 40)
    to_user_name, msg_type = _text(fields, "ToUserName"), _text(fields, "MsgType")
    if create_time is None or not to_user_name or not msg_type:
        raise MalformedAnswer("weixin: the pushed message lacks ToUserName, CreateTime or MsgType")
    return PushMessage(
        to_user_name=to_user_name,
        from_user_name=_text(fields, "FromUserName"),
        create_time=create_time,
        msg_type=msg_type,
        msg_id=_number(fields, "MsgId", 1 << 64) or None,  # 0 names no message: many would be one
        event=_text(fields, "Event") or None,
        kind=kind,
        encrypted=encrypted,
        nonce=nonce,
        raw=fields,
    )


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name, "")
    if not isinstance(value, str):
        raise MalformedAnswer(f"weixin: {name} of the pushed message is not a text")
    return value


def _number(fields: Mapping[str, Any], name: str, below: int) -> int | None:
    value = fields.get(name, "")
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,20}", value, re.ASCII):
        value = int(value)
    if value == "":
        return None
    if type(value) is not int or not 0 <= value < below:
        raise MalformedAnswer(f"weixin: {name} of the pushed message is not a number of its size")
    return value


def _reply(content_type: str, body: bytes) -> Reply:
    return Reply(200, {"content-type": content_type}, body)


def _camel(name: str) -> str:
    named = camel(name)
    return named.lower() if named.isupper() else named[:1].lower() + named[1:]


def _camel_value(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {_camel(name): _camel_value(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_camel_value(item) for item in value]
    return value
