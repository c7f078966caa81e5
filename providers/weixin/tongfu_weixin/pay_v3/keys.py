"""
The account's keys of APIv3. Each is parsed once per process, and an account looks its own up once.

Source: https://pay.weixin.qq.com/doc/v3/merchant/4012365342 and 4012154180 "微信支付公钥"
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from tongfu.errors import ConfigError
from tongfu_weixin.account import WeixinAccount

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

PUBLIC_KEY: Final = "PUB_KEY_ID_"
_HEX: Final = re.compile(r"[0-9A-Fa-f]{1,64}", re.ASCII)


def merchant_key(account: WeixinAccount) -> rsa.RSAPrivateKey:
    """:raises ConfigError: the account has no private key, or it is none."""
    key: rsa.RSAPrivateKey | None = account.parsed.get("private_key")
    if key is None:
        from tongfu_weixin import api_keys  # noqa: PLC0415 - cryptography is for who signs

        account.need("APIv3", "private_key")
        key = account.parsed["private_key"] = api_keys.private_key(account.private_key or b"", "private_key")
    return key


def has_public_key(account: WeixinAccount) -> bool:
    """
    Public-key mode: WeChat Pay signs with the key of that id when it is named in the request.

    :raises ConfigError: one of the two is missing, or the id is not one.
    """
    if not account.public_key and not account.public_key_id:
        return False
    account.need("APIv3 in public-key mode", "public_key_id", "public_key")
    if not account.public_key_id.startswith(PUBLIC_KEY):
        raise ConfigError(f"public_key_id: expected the id from the merchant platform, {PUBLIC_KEY} and digits")
    return True


def public_key(account: WeixinAccount) -> rsa.RSAPublicKey:
    """
    WeChat Pay's public key.

    :raises ConfigError: it is none, or the merchant's own, which would take what the merchant signed for an answer.
    """
    key: rsa.RSAPublicKey | None = account.parsed.get("public_key")
    if key is None:
        from tongfu_weixin import api_keys  # noqa: PLC0415 - as above

        key = api_keys.platform_key(account.public_key or b"", "public_key")
        if account.private_key and merchant_key(account).public_key() == key:
            raise ConfigError("public_key: this is the merchant's own key; expected WeChat Pay's, pub_key.pem")
        account.parsed["public_key"] = key
    return key


def platform_key(account: WeixinAccount, serial: str) -> rsa.RSAPublicKey | None:
    """The key that *serial* names among those the account has, or None."""
    if serial.startswith(PUBLIC_KEY):
        return public_key(account) if has_public_key(account) and serial == account.public_key_id else None
    known: Any = account.parsed.get("certificates", {}).get(folded(serial))
    key: rsa.RSAPublicKey | None = known and known.key
    return key


def folded(serial: str) -> str:
    """A certificate's serial as it is compared: without leading zeros, in one case. Empty where it is none."""
    return serial.lstrip("0").upper() if _HEX.fullmatch(serial) is not None else ""


def cipher(account: WeixinAccount) -> AESGCM:
    """:raises ConfigError: api_v3_key is missing or not 32 bytes."""
    aead: AESGCM | None = account.parsed.get("api_v3_key")
    if aead is None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - as above

        account.need("APIv3", "api_v3_key")
        key = account.api_v3_key.encode("utf-8", "surrogatepass")
        if len(key) != 32:
            raise ConfigError("api_v3_key: expected the APIv3 key, 32 characters; it is not the APIv2 key")
        aead = account.parsed["api_v3_key"] = AESGCM(key)
    return aead
