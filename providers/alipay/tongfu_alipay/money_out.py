"""
Money that leaves the merchant: transfers, and shares of a trade for others.

Source: https://opendocs.alipay.com/open/62987723 "alipay.fund.trans.uni.transfer", /open/58a29899 (its query),
/open/c3b24498 "alipay.trade.order.settle"
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, ClassVar, Final, TypedDict

from tongfu.call import Call, Context
from tongfu.errors import ConfigError, MalformedAnswer
from tongfu.fields import Checked, Fee, OneOf, ParamsSchema, Rule, Text, WireFields, exactly_one
from tongfu.model import Result
from tongfu.money import yuan_from_fen

from .account import AlipayAccount
from .limits import Number
from .read import fee, required, text

TRANSFER: Final = "alipay.fund.trans.uni.transfer"
TRANSFER_QUERY: Final = "alipay.fund.trans.common.query"
SETTLE: Final = "alipay.trade.order.settle"
IDENTITIES: Final = ("ALIPAY_USER_ID", "ALIPAY_OPEN_ID", "ALIPAY_LOGON_ID", "BANKCARD_ACCOUNT")
ACCOUNT: Final = "TRANS_ACCOUNT_NO_PWD"
ACCOUNT_LEAST: Final = 10  # fen
FINAL: Final = frozenset({"SUCCESS", "FAIL", "CLOSED", "REFUND"})


class _Status:
    """
    ``status`` is the platform's word: SUCCESS, FAIL, DEALING, WAIT_PAY, CLOSED, REFUND. One that we do not know is
    neither success nor failure.
    """

    __slots__ = ()
    status: str

    @property
    def succeeded(self) -> bool:
        """The payee has the money. REFUND means that he had, and it came back."""
        return self.status == "SUCCESS"

    @property
    def final(self) -> bool:
        """Nothing changes any more: only now may a failed transfer be made again, under another number."""
        return self.status in FINAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer(_Status, Result):
    """A transfer that the platform took, or what became of it. ``trans_amount`` is fen."""

    seed_fields: ClassVar[tuple[str, ...]] = ("out_biz_no", "order_id", "status", "trans_amount")
    out_biz_no: str | None
    status: str
    order_id: str | None = None
    pay_fund_order_id: str | None = None
    sub_status: str | None = None
    trans_amount: int | None = None
    trans_date: str | None = None
    error_code: str | None = None
    fail_reason: str | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled(Result):
    """Shares that the platform took. The payees are told by its own means."""

    seed_fields: ClassVar[tuple[str, ...]] = ("transaction_id", "settle_no")
    transaction_id: str
    settle_no: str | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


class Royalty(TypedDict, total=False):
    """
    One share: ``amount`` is fen, ``trans_in`` whose it is.

    ``trans_in_type`` is userId (the default), cardAliasNo or loginName; ``royalty_type`` transfer (the default) or
    replenish.
    """

    trans_in: str
    amount: int
    trans_in_type: str
    trans_out: str
    trans_out_type: str
    royalty_type: str
    royalty_scene: str
    desc: str


class _Shares(Checked):
    expected = "a list of 1 to 100 shares, each with trans_in and an amount, an int of fen"

    def accepts(self, value: Any) -> bool:
        if not isinstance(value, list | tuple) or not 1 <= len(value) <= 100:
            return False
        known = Royalty.__annotations__
        return all(
            isinstance(share, Mapping)
            and {"trans_in", "amount"} <= share.keys() <= known.keys()
            and type(share["amount"]) is int
            and 1 <= share["amount"] <= 10**10
            and all(isinstance(item, str) and item for name, item in share.items() if name != "amount")
            for share in value
        )


def _name_of_a_login(params: Any) -> Mapping[str, str]:
    if params.identity_type in ("ALIPAY_LOGON_ID", "BANKCARD_ACCOUNT") and params.name is None:
        return {"name": f"missing; {params.identity_type} needs the payee's name, which the platform compares"}
    return {}


def _least(params: Any) -> Mapping[str, str]:
    if params.product_code == ACCOUNT and type(params.trans_amount) is int and params.trans_amount < ACCOUNT_LEAST:
        return {"trans_amount": f"expected at least {ACCOUNT_LEAST} fen for {ACCOUNT}"}
    return {}


class TransferLimits(ParamsSchema):
    out_biz_no = Number(required=True)
    trans_amount = Fee(required=True)
    identity = Text(64, required=True)
    identity_type = OneOf(IDENTITIES, required=True)
    name = Text(128)
    order_title = Text(128, required=True)
    remark = Text(200)
    product_code = Text(64, required=True)
    biz_scene = Text(64, required=True)
    extra = WireFields(("out_biz_no", "trans_amount", "payee_info", "order_title", "remark", "sign"), flat=False)
    rules: ClassVar[tuple[Rule, ...]] = (_name_of_a_login, _least)


class TransferKeyLimits(ParamsSchema):
    out_biz_no = Number()
    order_id = Number()
    product_code = Text(64, required=True)
    biz_scene = Text(64, required=True)
    rules: ClassVar[tuple[Rule, ...]] = (exactly_one("out_biz_no", "order_id"),)


class SettleLimits(ParamsSchema):
    out_request_no = Number(required=True)
    transaction_id = Number(required=True)
    royalty_parameters = _Shares(required=True)
    extra = WireFields(("out_request_no", "trade_no", "royalty_parameters", "sign"), flat=False)


TRANSFER_LIMITS: Final = TransferLimits()
TRANSFER_KEY_LIMITS: Final = TransferKeyLimits()
SETTLE_LIMITS: Final = SettleLimits()


def transfer(account: AlipayAccount, **given: Any) -> Call[Transfer]:
    """:raises ConfigError: the account is not in certificate mode, which the platform wants for it."""
    TRANSFER_LIMITS.check("alipay", "fund.transfer", SimpleNamespace(**given))
    _certified(account, "fund.transfer")
    payee = {name: given[name] for name in ("identity", "identity_type", "name") if given[name] is not None}
    extra = dict(given["extra"] or {})
    if isinstance(extra.get("business_params"), Mapping):
        # The platform wants this one as text that holds JSON.
        extra["business_params"] = json.dumps(extra["business_params"], ensure_ascii=False, separators=(",", ":"))
    content = {
        "out_biz_no": given["out_biz_no"],
        "trans_amount": yuan_from_fen(given["trans_amount"]),
        "product_code": given["product_code"],
        "biz_scene": given["biz_scene"],
        "order_title": given["order_title"],
        "payee_info": payee,
        "remark": given["remark"],
        **extra,
    }
    if content["remark"] is None:
        del content["remark"]

    def finish(answer: Mapping[str, Any], ctx: Context) -> Transfer:
        return _transfer(answer, given["out_biz_no"], None, "amount")

    return Call("fund.transfer", TRANSFER, {"biz_content": content}, finish)


def transfer_query(**given: Any) -> Call[Transfer]:
    TRANSFER_KEY_LIMITS.check("alipay", "fund.transfer_query", SimpleNamespace(**given))
    content = {name: value for name, value in given.items() if value is not None}

    def finish(answer: Mapping[str, Any], ctx: Context) -> Transfer:
        return _transfer(answer, given["out_biz_no"], given["order_id"], "trans_amount")

    return Call("fund.transfer_query", TRANSFER_QUERY, {"biz_content": content}, finish, read_only=True)


def settle(**given: Any) -> Call[Settled]:
    SETTLE_LIMITS.check("alipay", "trade.settle", SimpleNamespace(**given))
    shares: Sequence[Royalty] = given["royalty_parameters"]
    content = {
        "out_request_no": given["out_request_no"],
        "trade_no": given["transaction_id"],
        "royalty_parameters": [
            {"royalty_type": "transfer", "trans_in_type": "userId", **share, "amount": yuan_from_fen(share["amount"])}
            for share in shares
        ],
        **(given["extra"] or {}),
    }

    def finish(answer: Mapping[str, Any], ctx: Context) -> Settled:
        found = required(answer, "trade_no")
        if found != given["transaction_id"]:
            raise MalformedAnswer("alipay: the answer is about another trade_no")
        return Settled(transaction_id=found, settle_no=text(answer, "settle_no"), raw=answer)

    return Call("trade.settle", SETTLE, {"biz_content": content}, finish)


def _certified(account: AlipayAccount, operation: str) -> None:
    if not account.certificate_mode:
        raise ConfigError(
            f"{operation}: the platform wants certificate mode for it; give app_cert, alipay_cert and alipay_root_cert "
            "in the AlipayAccount; nothing was sent"
        )


def _transfer(answer: Mapping[str, Any], out_biz_no: str | None, order_id: str | None, amount: str) -> Transfer:
    for name, asked in (("out_biz_no", out_biz_no), ("order_id", order_id)):
        if asked is not None and (text(answer, name) or asked) != asked:
            raise MalformedAnswer(f"alipay: the answer is about another {name}")
    return Transfer(
        out_biz_no=text(answer, "out_biz_no") or out_biz_no,
        status=required(answer, "status"),
        order_id=text(answer, "order_id"),
        pay_fund_order_id=text(answer, "pay_fund_order_id"),
        sub_status=text(answer, "sub_status"),
        trans_amount=fee(answer, amount),
        trans_date=text(answer, "trans_date") or text(answer, "pay_date"),
        error_code=text(answer, "error_code"),
        fail_reason=text(answer, "fail_reason"),
        raw=answer,
    )
