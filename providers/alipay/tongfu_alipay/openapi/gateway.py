"""A method that has no name here: its parameters, checked for what cannot travel."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from tongfu.call import Call
from tongfu.errors import InvalidParams

OURS: Final = frozenset(
    (
        *("app_id", "method", "format", "charset", "sign_type", "sign", "timestamp", "version", "biz_content"),
        *("app_cert_sn", "alipay_root_cert_sn"),
    )
)
PAGES: Final = frozenset({"alipay.trade.app.pay", "alipay.trade.page.pay", "alipay.trade.wap.pay"})
_METHOD: Final = re.compile(r"(?=.{1,128}$)\w+(\.\w+)+", re.ASCII)
_NAME: Final = re.compile(r"[A-Za-z]\w{0,127}", re.ASCII)
_DEEPEST: Final = 64


def for_the_client(method: Any, content: Any, common: Mapping[str, Any]) -> Call[Any]:
    """The call of *method* by the buyer's or user's own client: signed here, and never encrypted."""
    return call(method, content, {**common, "encrypt_type": ""}, read_only=False, pages=True)


def call(
    method: Any,
    content: Any,
    common: Mapping[str, Any],
    *,
    read_only: bool,
    encrypt_key: str = "",
    pages: bool = False,
) -> Call[Any]:
    """
    The call of *method*: *content* as it is, *common* beside what the account sets.

    :raises InvalidParams: what JSON or a form cannot carry unchanged, or what the account's request has already.
    """
    problems = _problems(method, common, encrypt_key)
    if method in PAGES and not pages:
        problems["method"] = f"{method} opens on the buyer's side; use payment.get_order_info with a trade_type"
    beside = {name: value for name, value in common.items() if name != "encrypt_type"}
    fields: dict[str, Any] = {"common": beside, "plain": common.get("encrypt_type") == ""}
    if content is not None:
        if isinstance(content, Mapping):
            # A copy: what the caller changes while the answer is awaited must not change what is resent.
            fields["biz_content"] = _plain(content, "biz_content", problems, 0)
        else:
            problems["biz_content"] = f"expected a mapping, not {type(content).__name__}"
    if problems:
        raise InvalidParams("alipay", method if "method" not in problems else "call", problems)
    return Call(method, method, fields, lambda answer, ctx: answer, read_only=read_only)


def _problems(method: Any, common: Mapping[str, Any], encrypt_key: str) -> dict[str, str]:
    problems: dict[str, str] = {}
    if not isinstance(method, str) or _METHOD.fullmatch(method) is None:
        problems["method"] = "expected a gateway method such as alipay.trade.query"
    for name, value in common.items():
        if name in OURS:
            problems[name] = "this is set by the AlipayAccount and cannot be given"
        elif _NAME.fullmatch(name) is None:
            problems[name] = "expected the name of a parameter on the wire"
        elif not isinstance(value, str):
            problems[name] = f"expected a str, not {type(value).__name__}; files cannot be uploaded with call()"
        elif not _encodes(value):
            problems[name] = "expected text that UTF-8 can write"
    encrypt_type = common.get("encrypt_type")
    if encrypt_type not in (None, "", "AES"):
        problems["encrypt_type"] = "expected AES, or '' for a call in the clear by an account with encrypt_key"
    elif encrypt_type and not encrypt_key:
        problems["encrypt_type"] = "the AlipayAccount has no encrypt_key"
    return problems


def _plain(value: Any, place: str, problems: dict[str, str], depth: int) -> Any:
    """*value* in dicts and lists, or a problem with the first place that JSON would change or refuse."""
    if depth > _DEEPEST:
        problems[place[:200]] = f"nested more than {_DEEPEST} deep"
    elif isinstance(value, Mapping):
        if not all(isinstance(name, str) and _encodes(name) for name in value):
            problems[place] = "expected names that are text"
            return None
        return {name: _plain(item, f"{place}.{name}", problems, depth + 1) for name, item in value.items()}
    elif isinstance(value, list | tuple):
        return [_plain(item, f"{place}[{index}]", problems, depth + 1) for index, item in enumerate(value)]
    elif isinstance(value, float):
        problems[place] = "a float may not be the number that was meant; send amounts as text, such as '0.01'"
    elif isinstance(value, str):
        if not _encodes(value):
            problems[place] = "expected text that UTF-8 can write"
    elif isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            problems[place] = "expected at most 64 bits; send a longer number as text"
    elif value is not None:
        problems[place] = f"expected a JSON value, not {type(value).__name__}"
    return value


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
