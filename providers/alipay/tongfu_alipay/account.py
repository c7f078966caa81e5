"""One Alipay app."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, NoReturn
from urllib.parse import urlsplit

from tongfu.errors import ConfigError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import rsa

    from tongfu.call import Caller

    from .certificate_mode import Certificates
    from .client import Alipay

GATEWAY: Final = "https://openapi.alipay.com/gateway.do"
SANDBOX: Final = "https://openapi-sandbox.dl.alipaydev.com/gateway.do"
REMEMBERED: Final = 1000  # ids of notifications
_APP_ID: Final = re.compile(r"[0-9A-Za-z_\-]{1,64}", re.ASCII)  # part of credentials' keys, where a slash begins a host


class _ParsedKeys:
    """Room for the keys an account was found to have. No fields: equality, hash and repr know nothing of them."""

    __slots__ = ("_acting", "_certificates", "_heard", "_signing", "_verifying")
    _signing: rsa.RSAPrivateKey
    _verifying: rsa.RSAPublicKey
    _certificates: Certificates
    _acting: tuple[str, AlipayAccount]
    _heard: dict[str, None]

    def remember(self, **found: Any) -> None:
        for name, value in found.items():
            object.__setattr__(self, f"_{name}", value)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlipayAccount(_ParsedKeys):
    """
    What a call needs is checked when that call needs it.

    :param app_id: the app's id, digits.
    :param private_key: the app's own private key, in any form: PKCS#8 or PKCS#1, PEM or bare, DER, a path.
    :param alipay_public_key: **Alipay's** public key from the console, not the app's.
    :param key_type: PKCS8 or PKCS1; kept for the seed's sake, both are recognised by themselves.
    :param access_token: a user's, for ``user_info.share`` where it is given none; payments need none.
    :param sign_type: RSA2, or RSA for old apps.
    :param gateway: overrides the production or sandbox gateway.
    :param client_type: ``mp-alipay``, ``app-plus`` or ``app``: whom ``get_order_info`` makes its payload for.
    :param seller_id: the payee, 2088…; sent with new orders and compared with notifications where given.
    :param encrypt_key: the app's content encryption key (AES). Where it is given, the parameters of calls are sent
        encrypted and answers come so; ``call(…, encrypt_type="")`` makes one in the clear. App orders and pages are
        never encrypted.
    :param app_cert: with ``alipay_cert`` and ``alipay_root_cert`` the three files of certificate mode:
        appCertPublicKey_<app_id>.crt, alipayCertPublicKey_RSA2.crt, alipayRootCert.crt. ``alipay_public_key`` beside
        them verifies what names no certificate, as while an app moves from one mode to the other.
    :param protocol: ``v3`` sends over REST what has a form there; v2, the gateway's, where nothing is said.
    :param ca_pem: one more trusted certificate authority, such as an emulator's.
    """

    platform: ClassVar[str] = "alipay"

    app_id: str
    private_key: bytes | str | Path | None = field(default=None, repr=False)
    alipay_public_key: bytes | str | Path | None = field(default=None, repr=False)
    key_type: str = "PKCS8"
    access_token: str = field(default="", repr=False)
    timeout: float = 5.0
    sign_type: str = "RSA2"
    sandbox: bool = False
    client_type: str = "mp-alipay"
    gateway: str = ""
    seller_id: str = ""
    app_auth_token: str = field(default="", repr=False)
    app_cert: bytes | str | Path | None = field(default=None, repr=False)
    alipay_cert: bytes | str | Path | None = field(default=None, repr=False)
    alipay_root_cert: bytes | str | Path | None = field(default=None, repr=False)
    encrypt_key: str = field(default="", repr=False)
    protocol: str | None = None
    ca_pem: bytes | str = field(default=b"", repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.app_id, str) or _APP_ID.fullmatch(self.app_id) is None:
            raise ConfigError("app_id: expected the app's id as a str, such as 2021000000000000")
        if self.sign_type not in ("RSA2", "RSA"):
            raise ConfigError("sign_type: expected RSA2 or RSA; SM2 is not supported")
        if self.key_type not in ("PKCS8", "PKCS1"):
            raise ConfigError("key_type: expected PKCS8 or PKCS1")
        if self.protocol not in (None, "v2", "v3"):
            raise ConfigError("protocol: expected v2, the gateway's, v3, REST, or nothing, which is v2")
        if isinstance(self.timeout, bool) or not isinstance(self.timeout, int | float) or not 0 < self.timeout < 600:
            raise ConfigError("timeout: expected seconds, more than 0 and less than 600")
        gateway = self.gateway or (SANDBOX if self.sandbox else GATEWAY)
        if not _is_gateway(gateway):
            raise ConfigError(f"gateway: expected an http(s) URL without a query or password, such as {GATEWAY}")
        object.__setattr__(self, "gateway", gateway)

    @property
    def scope(self) -> str:
        return self.app_id if self.gateway == GATEWAY else f"{self.app_id}/{self.gateway}"

    def signing_key(self) -> rsa.RSAPrivateKey:
        """:raises ConfigError: there is none, it is none, or it is too short for sign_type."""
        try:
            return self._signing
        except AttributeError:
            from . import keys  # noqa: PLC0415 - cryptography is for who signs
        if not self.private_key:
            raise ConfigError("alipay calls need private_key in the AlipayAccount; nothing was sent")
        key = keys.private_key(self.private_key)
        if key.key_size < keys.LEAST_BITS[self.sign_type]:
            raise ConfigError(f"private_key: {self.sign_type} needs {keys.LEAST_BITS[self.sign_type]} bits")
        self.remember(signing=key)
        return key

    def verifying_key(self) -> rsa.RSAPublicKey:
        """
        Alipay's public key.

        :raises ConfigError: there is none, it is too short for sign_type, or it is the app's own, the
            commonest mistake of all.
        """
        try:
            return self._verifying
        except AttributeError:
            from . import keys  # noqa: PLC0415 - cryptography is for who verifies
        if not self.alipay_public_key:
            raise ConfigError(
                "alipay calls need alipay_public_key in the AlipayAccount, or the three files of certificate mode, to "
                "verify answers with"
            )
        key = keys.public_key(self.alipay_public_key)
        if key.key_size < keys.LEAST_BITS[self.sign_type]:
            raise ConfigError(f"alipay_public_key: {self.sign_type} needs {keys.LEAST_BITS[self.sign_type]} bits")
        if self.private_key and keys.is_pair(self.private_key, self.alipay_public_key):
            raise ConfigError(
                "alipay_public_key: this is the app's own public key; copy Alipay's from the console, beside it"
            )
        self.remember(verifying=key)
        return key

    @property
    def certificate_mode(self) -> bool:
        return bool(self.app_cert or self.alipay_cert or self.alipay_root_cert)

    def certificates(self) -> Certificates:
        """:raises ConfigError: one is missing or unreadable, or does not belong with private_key."""
        try:
            return self._certificates
        except AttributeError:
            from . import certificate_mode  # noqa: PLC0415 - for who has them

        found = certificate_mode.of(self)
        self.remember(certificates=found)
        return found

    def heard(self, notify_id: str | None) -> bool:
        """Whether a notification of that id was read before, of the last thousand; it is now."""
        if not hasattr(self, "_heard"):
            self.remember(heard={})
        if notify_id is None or notify_id in self._heard:
            return notify_id is not None
        self._heard[notify_id] = None
        if len(self._heard) > REMEMBERED:
            del self._heard[next(iter(self._heard))]
        return False

    @property
    def acting(self) -> tuple[str, AlipayAccount] | None:
        """This account with a fetched certificate among its own, and the credential that it is of."""
        return getattr(self, "_acting", None)

    def ready(self) -> None:
        """
        Go on only if what comes back can be verified.

        :raises ConfigError: it cannot.
        """
        if self.certificate_mode:
            self.certificates()
        else:
            self.verifying_key()

    def open(self, caller: Caller) -> Alipay:
        from .client import Alipay  # noqa: PLC0415 - the client's module imports this one

        return Alipay(caller, self)

    def __reduce__(self) -> NoReturn:
        raise TypeError("an AlipayAccount holds secrets and is not pickled; build it where it is used")

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        self.__reduce__()


def _is_gateway(url: object) -> bool:
    """An absolute URL, as it stands: the query is ours to add, and a password in it would show in keys and logs."""
    if not isinstance(url, str) or not url.isascii() or not url.isprintable() or {" ", "?", "#", "@"} & set(url):
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
