"""
What the client gets encrypted for its server, such as a phone number: verified first, then decrypted.

The document has no time and no name of its user: it proves that Alipay made it for this app, and no more.
Source: https://opendocs.alipay.com/mini/api/getphonenumber "my.getPhoneNumber"
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from tongfu.call import Call, Context
from tongfu.errors import MalformedAnswer, SignatureError
from tongfu.model import Result

from . import aes, verify
from .account import AlipayAccount
from .certificate_mode import NOTICES
from .errors import refused

LIMIT: Final = 1 << 16  # characters; a phone number takes 600
ALGORITHM: Final = "RSA2"
_CODE: Final = re.compile(r"\d{1,9}", re.ASCII)
_SUB_CODE: Final = re.compile(r"[\w.\-]{0,128}", re.ASCII)
# Only read: nothing was asked of the platform, so a refusal leaves nothing unknown.
_READ: Final[Call[Any]] = Call("decrypt", "my.getPhoneNumber", {}, lambda answer, ctx: answer, read_only=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneNumber(Result):
    """``mobile`` is None where the user has none bound."""

    seed_fields: ClassVar[tuple[str, ...]] = ("mobile",)
    mobile: str | None = field(default=None, repr=False)
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


def decrypt(account: AlipayAccount, payload: object, ctx: Context) -> dict[str, Any]:
    """
    Read the document that the client's SDK was given: JSON text, or the mapping it holds, at most 64 KiB.

    :raises SignatureError: no sign or a wrong one. The client gets none while the app lacks a key of its own,
        an app gateway or the content encryption key.
    :raises PlatformRefused: it is an error, which comes in the clear. ``verified`` tells whether it was signed.
    :raises MalformedAnswer: not such a document, or not encrypted with the account's encrypt_key.
    """
    document = _document(payload)
    response, sign = document.get("response"), document.get("sign", "")
    if document.get("encrypt_type") not in (None, "", "AES"):
        raise MalformedAnswer("alipay: the client's data is encrypted with something else than AES")
    if isinstance(response, dict):
        raise _refusal(response, verified=False)
    if not isinstance(response, str) or not isinstance(sign, str):
        raise MalformedAnswer("alipay: the client's data has no response and sign, both text")
    if response.lstrip()[:1] == "{":
        if sign:
            verify.check(account, [_bytes(response)], sign, ALGORITHM, ctx, kind=NOTICES)
        raise _refusal(_object(response, "response"), verified=bool(sign))
    verify.check(account, [_bytes(f'"{response}"')], sign, ALGORITHM, ctx, kind=NOTICES)
    plain = aes.decrypt(account.encrypt_key, response)
    try:
        found = _object(plain.decode("utf-8"), "decrypted content")
    except UnicodeDecodeError:
        raise MalformedAnswer("alipay: the client's data decrypts to something else than UTF-8") from None
    if found.get("code", "10000") != "10000" or found.get("subCode") or found.get("sub_code"):
        raise _refusal(found, verified=True)
    return found


def get_phone_number(account: AlipayAccount, payload: object, ctx: Context) -> PhoneNumber:
    """:raises MalformedAnswer: also where the document is authentic, but about something else."""
    found = decrypt(account, payload, ctx)
    mobile = found.get("mobile", "")
    if found.get("code") != "10000" or not isinstance(mobile, str):
        raise MalformedAnswer("alipay: the client's data is authentic, but no phone number")
    return PhoneNumber(mobile=mobile or None, raw=found)


def _document(payload: object) -> Mapping[str, Any]:
    if isinstance(payload, Mapping):
        size = sum(len(value) for value in payload.values() if isinstance(value, str))
    elif isinstance(payload, str | bytes):
        size = len(payload)
    else:
        raise MalformedAnswer("alipay: expected the client's data as text or a mapping")
    if size > LIMIT:
        raise MalformedAnswer(f"alipay: the client's data is larger than {LIMIT} characters")
    if isinstance(payload, bytes):
        try:
            payload = payload.decode("utf-8")
        except UnicodeDecodeError:
            raise MalformedAnswer("alipay: the client's data is not UTF-8") from None
    return payload if isinstance(payload, Mapping) else _object(payload, "data")


def _object(text: str, what: str) -> dict[str, Any]:
    try:
        found = json.loads(text, object_pairs_hook=_once, parse_float=str, parse_constant=_no_constant)
    except (ValueError, TypeError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise MalformedAnswer(f"alipay: the client's {what} is not a JSON object")
    return found


def _once(pairs: Any) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name that comes twice")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _bytes(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise MalformedAnswer("alipay: the client's data is not text") from None


def _refusal(node: Mapping[str, Any], *, verified: bool) -> Exception:
    code = str(node.get("code", ""))
    sub_code = str(node.get("subCode") or node.get("sub_code") or "")
    if _CODE.fullmatch(code) is None or _SUB_CODE.fullmatch(sub_code) is None:
        return MalformedAnswer("alipay: the client's data is neither encrypted nor an error of the platform's")
    if code == "10000" and not sub_code:
        return SignatureError("alipay: the client's data says success, but is not encrypted; use nothing of it")
    # Words that nobody signed are whoever sent them's; they must not reach a log as the platform's.
    said = {"msg": node.get("msg"), "sub_msg": node.get("subMsg") or node.get("sub_msg")} if verified else {}
    error = refused(_READ, {"code": code, "sub_code": sub_code, **said}, verified=verified, request_id="")
    error.raw = dict(node)
    return error
