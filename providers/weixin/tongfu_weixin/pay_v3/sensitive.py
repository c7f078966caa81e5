"""
What APIv3 encrypts beside TLS: resources with the APIv3 key, fields with RSA.

Source: https://pay.weixin.qq.com/doc/v3/merchant/4012365342 "敏感信息加解密" and "证书和回调报文解密"
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from tongfu.bills import Spool
from tongfu.errors import InvalidParams, MalformedAnswer, SignatureError
from tongfu_weixin.account import WeixinAccount

from . import keys

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import rsa

ALGORITHM: Final = "AEAD_AES_256_GCM"
NONCE: Final = 12  # bytes; GCM takes others and is another cipher then
TAG: Final = 16  # bytes
CHUNK: Final = 1 << 16
OVERHEAD: Final = 42  # bytes of OAEP with SHA-1


def opened(account: WeixinAccount, sealed: Any) -> bytes:
    """
    The content of a ``resource`` or ``encrypt_certificate``.

    :raises MalformedAnswer: not of the documented form.
    :raises SignatureError: it was not encrypted with the account's APIv3 key.
    """
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - cryptography is for who pays

    if not isinstance(sealed, dict):
        raise MalformedAnswer("weixin: the message has no encrypted content")
    if sealed.get("algorithm") != ALGORITHM:
        raise MalformedAnswer(f"weixin: the message is not encrypted with {ALGORITHM}")
    nonce, content = _utf8(sealed.get("nonce")), _utf8(sealed.get("ciphertext"))
    associated = _utf8(sealed.get("associated_data"))
    if len(nonce) != NONCE:
        raise MalformedAnswer(f"weixin: the nonce of the encrypted content is not {NONCE} bytes")
    try:
        decoded = binascii.a2b_base64(content, strict_mode=True)
    except ValueError:
        raise MalformedAnswer("weixin: the encrypted content is not base64") from None
    try:
        return keys.cipher(account).decrypt(nonce, decoded, associated)
    except InvalidTag:
        raise SignatureError(
            "weixin: the message was not encrypted with this account's api_v3_key; use nothing of it, and check the "
            "key if this happens to every message"
        ) from None


def unsealed(file: Spool, key: bytes, nonce: bytes) -> Spool:
    """
    The content of a file that is encrypted as a whole, its tag at the end.

    :raises MalformedAnswer: too short to be one.
    :raises SignatureError: it was not encrypted with *key*.
    """
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - as above
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes  # noqa: PLC0415

    left = file.size - TAG
    if left < 0:
        raise MalformedAnswer("weixin: the encrypted file is shorter than its tag")
    reader = file.open()
    reader.seek(left)
    decryptor = Cipher(algorithms.AES(key), modes.GCM(nonce, reader.read(TAG))).decryptor()
    reader.seek(0)
    content = Spool(file.size)
    while left:
        chunk = reader.read(min(left, CHUNK)) or b""
        content.write(decryptor.update(chunk))
        left -= len(chunk)
    try:
        decryptor.finalize()
    except InvalidTag:
        raise SignatureError(
            "weixin: the file was not encrypted with the key the platform told of; use nothing of it"
        ) from None
    return content


def _utf8(text: Any) -> bytes:
    """``associated_data`` may be missing; the others are found to be empty."""
    return text.encode("utf-8", "surrogatepass") if isinstance(text, str) else b""


def encrypted(operation: str, document: dict[str, Any], paths: Iterable[str], key: rsa.RSAPublicKey) -> dict[str, Any]:
    """
    *document*, a copy that may be changed, with the text at each of *paths* encrypted for the platform.

    A path that leads nowhere is an optional field that was left out.

    :raises InvalidParams: something else than text is there, or too much of it.
    """
    for path in paths:
        _each(operation, document, path.split("."), path, key)
    return document


def _each(operation: str, node: Any, names: list[str], path: str, key: rsa.RSAPublicKey) -> None:
    name, rest = names[0], names[1:]
    if name == "*" and isinstance(node, list):
        places: list[Any] = list(range(len(node)))
    else:
        places = [name] if isinstance(node, dict) and name in node else []
    for place in places:
        if rest:
            _each(operation, node[place], rest, path, key)
        else:
            node[place] = _encrypt(operation, node[place], path, key)


def _encrypt(operation: str, text: Any, path: str, key: rsa.RSAPublicKey) -> str:
    most = key.key_size // 8 - OVERHEAD
    content = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else b""
    if not 0 < len(content) <= most:
        raise InvalidParams("weixin", operation, {path: f"expected text of at most {most} bytes"})
    return base64.b64encode(key.encrypt(content, _oaep())).decode("ascii")


def decrypted(account: WeixinAccount, text: str) -> str:
    """
    A field that the platform encrypted for this merchant.

    :raises MalformedAnswer: it was not encrypted for the account's ``private_key``.
    """
    try:
        return keys.merchant_key(account).decrypt(binascii.a2b_base64(text, strict_mode=True), _oaep()).decode()
    except (ValueError, TypeError):
        raise MalformedAnswer("weixin: the field was not encrypted for this account's private_key") from None


def _oaep() -> Any:
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415 - as above
    from cryptography.hazmat.primitives.asymmetric import padding  # noqa: PLC0415

    sha1 = hashes.SHA1()  # noqa: S303 - the platform's choice
    return padding.OAEP(padding.MGF1(sha1), sha1, None)


def without_nulls(value: Any) -> Any:
    """A copy without members that are None, which the platform refuses: left out is what they mean."""
    kind = type(value)
    if kind is str or kind is int:  # as nearly every one: the check for a mapping takes longer than all the rest
        return value
    if isinstance(value, Mapping):
        return {name: without_nulls(member) for name, member in value.items() if member is not None}
    if isinstance(value, list | tuple):
        return [without_nulls(item) for item in value]
    return value
