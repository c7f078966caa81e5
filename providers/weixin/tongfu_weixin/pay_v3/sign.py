"""
APIv3 signatures: RSA with SHA-256 over lines, ours on requests and the platform's on everything that comes.

Source: https://pay.weixin.qq.com/doc/v3/merchant/4012365342 "签名生成", "签名验证"
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from tongfu.call import Context
from tongfu.errors import ConfigError, CredentialNeeded, SignatureError
from tongfu_weixin.account import WeixinAccount

from . import certificates, keys

ALGORITHM: Final = "WECHATPAY2-SHA256-RSA2048"
WINDOW: Final = 300  # seconds by which the platform's clock and ours may differ
PROBE: Final = "WECHATPAY/SIGNTEST/"
HEADERS: Final = ("wechatpay-timestamp", "wechatpay-nonce", "wechatpay-signature", "wechatpay-serial")
_TIMESTAMP: Final = re.compile(r"[0-9]{1,11}", re.ASCII)
_NONCE: Final = re.compile(r"[!-+\--~]{1,128}", re.ASCII)  # no comma: that is two headers


def signature(account: WeixinAccount, payload: bytes, algorithm: str) -> str:
    """
    Sign with the merchant's key: base64.

    :raises ConfigError: the account has no private key.
    """
    if algorithm != ALGORITHM:
        raise ConfigError(f"weixin: APIv3 has no {algorithm}")
    signed = keys.merchant_key(account).sign(payload, *_scheme())
    return binascii.b2a_base64(signed, newline=False).decode("ascii")


def matches(account: WeixinAccount, payload: bytes, claimed: str, algorithm: str) -> bool:
    """Whether *claimed* is the signature of *payload* by the key whose serial *algorithm* ends in."""
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - cryptography is for who pays

    name, _, serial = algorithm.partition(":")
    key = keys.platform_key(account, serial) if name == ALGORITHM else None
    if key is None:
        return False
    try:
        key.verify(binascii.a2b_base64(claimed, strict_mode=True), payload, *_scheme())
    except (InvalidSignature, ValueError):
        return False
    return True


@cache
def _scheme() -> tuple[Any, Any]:
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415 - as above
    from cryptography.hazmat.primitives.asymmetric import padding  # noqa: PLC0415

    return padding.PKCS1v15(), hashes.SHA256()


def authorization(account: WeixinAccount, method: str, target: str, body: bytes, ctx: Context) -> str:
    """The header's value. *target* is the path with its query, and *body* the bytes, just as they are sent."""
    timestamp = int(ctx.now.timestamp())
    signed = f"{method}\n{target}\n{timestamp}\n{ctx.nonce}\n".encode() + body + b"\n"
    return (
        f'{ALGORITHM} mchid="{account.mch_id}",nonce_str="{ctx.nonce}",timestamp="{timestamp}",'
        f'serial_no="{account.cert_serial}",signature="{ctx.signer.sign(signed, ALGORITHM)}"'
    )


def authentic(
    account: WeixinAccount,
    headers: Mapping[str, str],
    body: bytes,
    ctx: Context,
    acting: WeixinAccount | None = None,
) -> None:
    """
    Go on only if the platform has signed these bytes, within five minutes of now.

    The key is the one that this message names, among those the account or the context has: while a merchant
    moves from certificates to the public key, either may come.

    :param acting: the account with the certificates to choose among, where they are not those of the context.
    :raises SignatureError: missing, twice, old or from the future, a probe, or not the platform's.
    :raises CredentialNeeded: signed with a certificate that is not known (yet).
    """
    timestamp, nonce, claimed, serial = [headers.get(name, "") for name in HEADERS]
    if not (timestamp and nonce and claimed and serial):
        missing = ", ".join(name for name in HEADERS if not headers.get(name))
        raise SignatureError(f"weixin: the message is not signed: it has no {missing}")
    if _TIMESTAMP.fullmatch(timestamp) is None or _NONCE.fullmatch(nonce) is None:
        raise SignatureError("weixin: the message's Wechatpay-Timestamp or -Nonce is none, or came twice")
    if headers.get("wechatpay-signature-type", ALGORITHM) != ALGORITHM:
        raise SignatureError(f"weixin: the message's Wechatpay-Signature-Type is not {ALGORITHM}")
    if claimed.startswith(PROBE):
        # The platform looks now and then whether we verify, and sends the real one again.
        raise SignatureError("weixin: the message is one of the platform's signature probes; it is to be refused")
    off = int(timestamp) - ctx.now.timestamp()
    if abs(off) >= WINDOW:
        raise SignatureError(
            f"weixin: the message's Wechatpay-Timestamp is {off:+.0f} seconds off, and {WINDOW} are too much: it is a "
            "replay, or this machine's clock is wrong"
        )
    signer = ctx.signer
    if serial.startswith(keys.PUBLIC_KEY):
        if keys.platform_key(account, serial) is None:
            raise SignatureError(
                "weixin: the message is signed with a public key that is not the account's; compare public_key_id "
                "with the merchant platform"
            )
    else:
        signer = signer.acting_as(_knowing(account, serial, ctx, acting))
    signed = f"{timestamp}\n{nonce}\n".encode() + body + b"\n"
    signer.check(signed, claimed, f"{ALGORITHM}:{serial}")


def _knowing(account: WeixinAccount, serial: str, ctx: Context, acting: WeixinAccount | None) -> WeixinAccount:
    """The account with the certificates among which is the one that *serial* names."""
    number = keys.folded(serial)
    if not number:
        raise SignatureError("weixin: the message's Wechatpay-Serial is no serial, or came twice")
    unknown = f"weixin: the message is signed with the platform certificate {number}, which is not known"
    if acting is None:
        held = ctx.credentials.get(certificates.KIND)
        if held is None:
            raise CredentialNeeded(certificates.KIND, unknown)
        acting = certificates.acting(account, held)
        if not acting.parsed["certificates"]:
            raise CredentialNeeded(certificates.KIND, f"{unknown}: {certificates.NONE}")
        if number not in acting.parsed["certificates"]:
            raise CredentialNeeded(certificates.KIND, unknown)
    known = acting.parsed["certificates"].get(number)
    if known is None:
        raise SignatureError(unknown)
    if known.ended(ctx.now):
        raise SignatureError("weixin: the message is signed with a platform certificate that has expired")
    return acting
