"""One WeChat app and, where it takes payments, its merchant."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, NoReturn
from urllib.parse import urlsplit

from tongfu.errors import ConfigError

if TYPE_CHECKING:
    from tongfu.call import Caller

    from .client import Weixin

PAY_HOST: Final = "https://api.mch.weixin.qq.com"
PAY_BACKUP_HOST: Final = "https://api2.mch.weixin.qq.com"
API_HOST: Final = "https://api.weixin.qq.com"
SEAL_FIELDS: Final = ("api_aes_key", "api_aes_key_sn", "api_private_key", "api_platform_cert", "api_platform_cert_sn")
API_BACKUP_HOST: Final = "https://api2.weixin.qq.com"
# It is part of headers and of credentials' keys, where a slash or a line break would be another's.
_APP_ID: Final = re.compile(r"[0-9A-Za-z_\-]{1,64}", re.ASCII)


class _Parsed:
    """Room for what APIv3's keys were parsed to. No field: equality, hash and repr know nothing of it."""

    __slots__ = ("parsed",)
    parsed: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class WeixinAccount(_Parsed):
    """
    What a call needs is checked when that call needs it: login needs no ``mch_id``, an order no ``pfx``.

    :param app_id: the mini program's, app's or official account's appid.
    :param mch_id: the merchant number, digits.
    :param key: the merchant's APIv2 key, 32 characters.
    :param pfx: ``apiclient_cert.p12`` as bytes, base64 or a path; its password is ``mch_id``. Refunds and
        fund-flow bills need it.
    :param timeout: seconds one operation may take.
    :param sign_type: ``MD5`` or ``HMAC-SHA256``.
    :param client_type: ``mp-weixin``, ``app-plus`` or ``app``: whom ``get_order_info`` makes its payload for.
    :param access_token: a token you fetch yourself; without it one is fetched and kept, which needs ``secret``.
    :param stable_token: False fetches from ``/cgi-bin/token``, where each new token ends the one before.
    :param sub_mch_id: the sub-merchant that a service provider (``app_id``, ``mch_id``) acts for; messages
        about another are refused.
    :param sub_app_id: the sub-merchant's own app: openids are those under it, and its client pays.
    :param protocol: ``v2`` or ``v3`` for payments; without it APIv2 where there is a ``key``, else APIv3 where
        there are ``api_v3_key``, ``private_key`` and ``cert_serial``.
    :param api_v3_key: the APIv3 key, 32 characters, another than ``key``.
    :param private_key: the merchant's, ``apiclient_key.pem``, in any form; ``cert_serial`` is its certificate's serial.
    :param public_key_id: ``PUB_KEY_ID_…``, the id of ``public_key``, WeChat Pay's ``pub_key.pem``. Without the two
        the platform certificates are fetched; with them, messages that a certificate signed are still understood.
    :param base_url: WeChat Pay's host; another than the default has no backup host.
    :param push_token: the Token of the message push, 3 to 32 characters.
    :param push_aes_key: its EncodingAESKey, 43 characters. With it, only encrypted messages are accepted.
    :param push_mode: ``plain``, ``compat`` or ``secure``; empty for ``secure`` with a ``push_aes_key`` and
        ``plain`` without. ``compat`` accepts both, so whoever can forge a plain message can forge any.
    :param api_aes_key: the API symmetric key of "API 安全", base64 of 32 bytes; ``api_aes_key_sn`` its number there.
    :param api_private_key: the app's RSA private key whose public half was entered there.
    :param api_platform_cert: the platform's certificate or public key from there; ``api_platform_cert_sn`` its
        number as shown there, which is not the X.509 serial.
    :param ca_pem: one more trusted certificate authority, such as an emulator's.
    """

    platform: ClassVar[str] = "weixin"

    app_id: str
    secret: str = field(default="", repr=False)
    access_token: str = field(default="", repr=False)
    mch_id: str = ""
    key: str = field(default="", repr=False)
    pfx: bytes | str | Path | None = field(default=None, repr=False)
    timeout: float = 5.0
    sign_type: str = "MD5"
    sandbox: bool = False
    client_type: str = "mp-weixin"
    api_v3_key: str = field(default="", repr=False)
    private_key: bytes | str | Path | None = field(default=None, repr=False)
    cert_serial: str = ""
    public_key_id: str = ""
    public_key: bytes | str | Path | None = field(default=None, repr=False)
    base_url: str = PAY_HOST
    api_base_url: str = API_HOST
    sub_app_id: str = ""
    sub_mch_id: str = ""
    protocol: str | None = None
    push_token: str = field(default="", repr=False)
    push_aes_key: str = field(default="", repr=False)
    push_mode: str = ""
    api_aes_key: str = field(default="", repr=False)
    api_aes_key_sn: str = ""
    api_private_key: bytes | str | Path | None = field(default=None, repr=False)
    api_platform_cert: bytes | str | Path | None = field(default=None, repr=False)
    api_platform_cert_sn: str = ""
    ca_pem: bytes | str = field(default=b"", repr=False)
    stable_token: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.app_id, str) or _APP_ID.fullmatch(self.app_id) is None:
            raise ConfigError("app_id: expected the app's id, such as wx0123456789abcdef")
        for name in ("mch_id", "sub_mch_id"):
            number = getattr(self, name)
            if number and (not isinstance(number, str) or re.fullmatch(r"\d{1,32}", number, re.ASCII) is None):
                raise ConfigError(f"{name}: expected the merchant number as a str of digits")
        if self.sub_app_id and not self.sub_mch_id:
            raise ConfigError("sub_mch_id: missing; sub_app_id is an app of a sub-merchant")
        if not isinstance(self.key, str):
            raise ConfigError("key: expected the merchant's APIv2 key as a str")
        if self.sign_type not in ("MD5", "HMAC-SHA256"):
            raise ConfigError("sign_type: expected MD5 or HMAC-SHA256")
        object.__setattr__(self, "parsed", {})
        if self.protocol not in (None, "v2", "v3"):
            raise ConfigError("protocol: expected v2, v3 or nothing")
        if self.push_mode not in ("", "plain", "compat", "secure"):
            raise ConfigError("push_mode: expected plain, compat, secure or nothing")
        if self.push_mode and (self.push_mode == "plain") == bool(self.push_aes_key):
            raise ConfigError("push_mode: compat and secure need push_aes_key, and plain would not use it")
        if isinstance(self.timeout, bool) or not isinstance(self.timeout, int | float) or not 0 < self.timeout < 600:
            raise ConfigError("timeout: expected seconds, more than 0 and less than 600")
        for name in ("base_url", "api_base_url"):
            url = getattr(self, name)
            if not _is_origin(url):
                raise ConfigError(f"{name}: expected an http(s) origin such as {PAY_HOST}")
            object.__setattr__(self, name, url.rstrip("/"))

    @property
    def scope(self) -> str:
        parts = [self.app_id, self.mch_id]
        parts += [host for host, usual in ((self.base_url, PAY_HOST), (self.api_base_url, API_HOST)) if host != usual]
        if self.sandbox:
            parts.append("sandbox")
        return "/".join(parts)

    def scope_of(self, kind: str) -> str:
        """A token is the app's, whichever merchant it is with; certificates are the merchant's; all else is both's."""
        if kind == "wechatpay_certificates":
            return self.mch_id if self.base_url == PAY_HOST else f"{self.mch_id}/{self.base_url}"
        if kind != "access_token":
            return self.scope
        return self.app_id if self.api_base_url == API_HOST else f"{self.app_id}/{self.api_base_url}"

    def need(self, operation: str, *names: str) -> None:
        """
        Go on only if the fields that *operation* needs are there.

        :raises ConfigError: naming those that are not.
        """
        lacking = [name for name in names if not getattr(self, name)]
        if lacking:
            raise ConfigError(f"weixin {operation} needs {', '.join(lacking)} in the WeixinAccount; nothing was sent")

    def open(self, caller: Caller) -> Weixin:
        from .client import Weixin  # noqa: PLC0415 - the client's module imports this one

        return Weixin(caller, self)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a WeixinAccount holds secrets and is not pickled; build it where it is used")

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        self.__reduce__()


def _is_origin(url: object) -> bool:
    """Without a query, which is ours to add, and without a password, which would show in keys and logs."""
    if not isinstance(url, str) or not url.isascii() or not url.isprintable() or {" ", "?", "#", "@"} & set(url):
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
