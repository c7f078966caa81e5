"""
WeChat Pay's platform certificates, fetched and kept as a credential.

The credential's value is JSON: by serial the certificate as PEM, with ``effective_time`` and ``expire_time``. One
without any is kept too: a merchant in public-key mode has none, and is not asked again for each message.

Source: https://pay.weixin.qq.com/doc/v3/merchant/4012715700 "下载平台证书"
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from tongfu.call import Call, Context, Credential
from tongfu.errors import ConfigError, CredentialNeeded, MalformedAnswer
from tongfu_weixin import strict_json
from tongfu_weixin.account import WeixinAccount

from . import keys, sensitive
from .call import build

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import rsa

KIND: Final = "wechatpay_certificates"
PATH: Final = "/v3/certificates"
LIFE: Final = timedelta(hours=10)  # the platform asks for less than twelve: a new one comes ten days before its use
NONE_LIFE: Final = timedelta(hours=1)
FETCH: Final = f"fetch_{KIND}"
MOST: Final = 20
NONE: Final = (
    "the merchant has no platform certificate: it is in public-key mode, so give public_key_id and public_key "
    "(pub_key.pem) from the merchant platform in the WeixinAccount"
)


@dataclass(frozen=True, slots=True)
class Certificate:
    """One platform certificate. ``serial`` is as the platform writes it."""

    serial: str
    key: rsa.RSAPublicKey
    effective_time: datetime
    expire_time: datetime

    def ended(self, now: datetime) -> bool:
        return now >= self.expire_time

    def serves(self, now: datetime) -> bool:
        return self.effective_time <= now < self.expire_time


def fetch(account: WeixinAccount) -> Call[Credential]:
    """
    Ask for the certificates. The answer is read with the APIv3 key and verified with what is in it.

    :raises ConfigError: the account has no APIv3 key.
    """
    keys.cipher(account)

    def finish(answer: Mapping[str, Any], ctx: Context) -> Credential:
        kept = json.dumps(answer["certificates"], sort_keys=True, separators=(",", ":"))
        return Credential(kept, ctx.now + (LIFE if answer["certificates"] else NONE_LIFE))

    return build(FETCH, "GET", PATH, finish, read_only=True)


def is_bootstrap(call: Call[Any]) -> bool:
    """Whether the answer to *call* brings the certificates to verify it with."""
    return call.operation == FETCH and call.endpoint == PATH


def contained(account: WeixinAccount, body: bytes) -> dict[str, dict[str, str]]:
    """
    The certificates in an answer, as the credential keeps them.

    :raises SignatureError: they are not encrypted with the account's APIv3 key.
    :raises MalformedAnswer: not the documented form, or a serial that is not the certificate's.
    """
    listed = strict_json.load(body).get("data")
    if not isinstance(listed, list) or not 0 < len(listed) <= MOST:
        raise MalformedAnswer("weixin: the answer lists no platform certificates")
    found = {}
    for each in listed:
        if not isinstance(each, dict):
            raise MalformedAnswer("weixin: the answer lists no platform certificates")
        pem = sensitive.opened(account, each.get("encrypt_certificate"))
        serial, document = _described(pem)
        if keys.folded(str(each.get("serial_no"))) != keys.folded(serial):
            raise MalformedAnswer("weixin: a platform certificate is listed under a serial that is not its own")
        found[serial] = document
    return found


def _described(pem: bytes) -> tuple[str, dict[str, str]]:
    from cryptography import x509  # noqa: PLC0415 - 40 ms, for who has certificates

    try:
        certificate = x509.load_pem_x509_certificate(pem)
        text = pem.decode("ascii")
    except ValueError:
        raise MalformedAnswer("weixin: a platform certificate cannot be read") from None
    return f"{certificate.serial_number:X}", {
        "effective_time": certificate.not_valid_before_utc.isoformat(),
        "expire_time": certificate.not_valid_after_utc.isoformat(),
        "pem": text,
    }


def acting(account: WeixinAccount, held: Credential) -> WeixinAccount:
    """The account with the certificates of *held* among its keys; made once for each credential."""
    kept: tuple[str, WeixinAccount] | None = account.parsed.get(KIND)
    if kept is None or kept[0] != held.value:
        try:
            known = knowing(account, json.loads(held.value))
        except (AttributeError, LookupError, TypeError, ValueError) as exc:
            raise ConfigError(f"the credential store holds no platform certificates under {KIND}") from exc
        kept = account.parsed[KIND] = (held.value, known)
    return kept[1]


def knowing(account: WeixinAccount, documents: Mapping[str, Mapping[str, str]]) -> WeixinAccount:
    """The account with these certificates among its keys."""
    from tongfu_weixin import api_keys  # noqa: PLC0415 - as above

    certificates = {
        keys.folded(serial): Certificate(
            serial,
            api_keys.platform_key(document["pem"], "platform certificate"),
            datetime.fromisoformat(document["effective_time"]),
            datetime.fromisoformat(document["expire_time"]),
        )
        for serial, document in documents.items()
    }
    made = replace(account)
    made.parsed.update(account.parsed, certificates=certificates)
    return made


def newest(account: WeixinAccount, ctx: Context) -> Certificate:
    """
    The certificate to encrypt with: of those in effect the one that began last.

    :raises CredentialNeeded: they have not been fetched.
    :raises ConfigError: the merchant has none.
    """
    held = ctx.credentials.get(KIND)
    if held is None:
        raise CredentialNeeded(KIND, "weixin: the platform certificates are needed")
    certificates: Mapping[str, Certificate] = acting(account, held).parsed["certificates"]
    if not certificates:
        raise ConfigError(f"weixin: {NONE}")
    serving = [each for each in certificates.values() if each.serves(ctx.now)]
    if not serving:
        raise ConfigError("weixin: no platform certificate is in effect; this machine's clock may be wrong")
    return max(serving, key=lambda each: (each.effective_time, each.serial))
