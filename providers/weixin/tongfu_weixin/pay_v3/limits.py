"""
What WeChat Pay v3 accepts of the ten operations, under the names that callers use.

Source: the parameter tables of https://pay.weixin.qq.com/doc/v3/merchant/4012791897 and its neighbours
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from tongfu.errors import InvalidParams
from tongfu.fields import Day, Fee, Moment, OneOf, ParamsSchema, Rule, Text, Url, WireFields, exactly_one
from tongfu_weixin.account import WeixinAccount
from tongfu_weixin.pay_numbers import Ip, OutRefundNo, OutTradeNo, TransactionId

IDS: Final = ("appid", "mchid", "sp_appid", "sp_mchid", "sub_appid", "sub_mchid")


class _Body(WireFields):
    """
    ``extra`` of a JSON body: its objects are merged into ours.

    A dotted name is a member we set ourselves, in an object whose other members are free.
    """

    def __init__(self, *ours: str) -> None:
        super().__init__((*IDS, *ours), flat=False)
        self._inner = tuple(name.split(".") for name in ours if "." in name)
        self.expected += "; members without null"

    def accepts(self, value: Any) -> bool:
        if not super().accepts(value) or _has_null(value):
            return False
        for path in self._inner:
            node: Any = value
            for name in path:
                if not isinstance(node, Mapping):
                    return False
                if name not in node:
                    break
                node = node[name]
            else:
                return False
        return True


class _Query(WireFields):
    """``extra`` of a query string."""

    def __init__(self, *ours: str) -> None:
        super().__init__((*IDS, *ours), flat=True)


def _has_null(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_has_null, value.values()))
    return any(map(_has_null, value)) if isinstance(value, list | tuple) else value is None


class _Words(Text):
    """
    Text as the platform takes it: no emoji and no other 4-byte character, and nothing UTF-8 has no bytes for.

    The wire refuses them too, but under its own names, which are not the caller's.
    """

    def __init__(self, most: int, **kwargs: Any) -> None:
        super().__init__(most, pattern=r"[^\ud800-\udfff\U00010000-\U0010ffff]+", **kwargs)
        self.expected += ", no emoji and no other 4-byte character"


class OrderLimits(ParamsSchema):
    out_trade_no = OutTradeNo(least=6, required=True)
    total_fee = Fee(required=True)
    notify_url = Url(255, query=False, required=True)
    body = _Words(127, in_bytes=True, required=True)
    openid = _Words(128)
    subject = Text(10**6, least=0)  # the other platform's; dropped here
    trade_type = OneOf(("JSAPI", "APP", "NATIVE", "H5", "MWEB"))
    client_type = OneOf(("mp-weixin", "app-plus", "app"))
    spbill_create_ip = Ip()
    return_url = Url(1024, query=True)
    time_expire = Moment()
    extra = _Body(
        "description",
        "out_trade_no",
        "notify_url",
        "time_expire",
        "amount.total",
        "payer.openid",
        "payer.sp_openid",
        "scene_info.payer_client_ip",
    )


class KeyLimits(ParamsSchema):
    out_trade_no = OutTradeNo()
    transaction_id = TransactionId()
    extra = _Query("out_trade_no", "transaction_id")
    rules: ClassVar[tuple[Rule, ...]] = (exactly_one("out_trade_no", "transaction_id"),)


class _Absent(Text):
    """A parameter that APIv2 has here and APIv3 has not: passing it is an error that says what to pass."""

    def __init__(self, expected: str) -> None:
        super().__init__(0)
        self.expected = expected

    def accepts(self, value: Any) -> bool:
        return False


class CloseLimits(ParamsSchema):
    out_trade_no = OutTradeNo(required=True)
    transaction_id = _Absent("nothing; close the order by its out_trade_no")
    extra = _Body("out_trade_no")


def _refund_within_total(params: Any) -> Mapping[str, str]:
    if (
        isinstance(params.total_fee, int)
        and isinstance(params.refund_fee, int)
        and params.refund_fee > params.total_fee
    ):
        return {"refund_fee": f"expected at most total_fee ({params.total_fee}), not {params.refund_fee}"}
    return {}


class RefundLimits(ParamsSchema):
    refund_fee = Fee(required=True)
    total_fee = Fee(required=True)
    out_refund_no = OutRefundNo(required=True)
    out_trade_no = OutTradeNo()
    transaction_id = TransactionId()
    refund_fee_type = _Words(16)
    refund_desc = _Words(80)
    notify_url = Url(256, query=False)
    extra = _Body(
        "out_trade_no",
        "transaction_id",
        "out_refund_no",
        "reason",
        "notify_url",
        "amount.total",
        "amount.refund",
        "amount.currency",
    )
    rules: ClassVar[tuple[Rule, ...]] = (exactly_one("out_trade_no", "transaction_id"), _refund_within_total)


def _by_refund_number(params: Any) -> Mapping[str, str]:
    if params.out_refund_no is not None:
        return {}
    names = [name for name in ("refund_id", "transaction_id", "out_trade_no") if getattr(params, name) is not None]
    problems = dict.fromkeys(names, "not enough in APIv3, which finds a refund by its out_refund_no only; pass that")
    return {"out_refund_no": "missing; expected the refund's own number, which APIv3 finds it by", **problems}


class RefundKeyLimits(ParamsSchema):
    """The other numbers are compared with the answer's."""

    out_refund_no = OutRefundNo()
    refund_id = Text(32)
    transaction_id = TransactionId()
    out_trade_no = OutTradeNo()
    offset = _Absent("nothing: APIv3 answers one refund at a time and lists none; pass its out_refund_no")
    extra = _Query("out_refund_no")
    rules: ClassVar[tuple[Rule, ...]] = (_by_refund_number,)


class BillLimits(ParamsSchema):
    bill_date = Day(required=True)
    bill_type = OneOf(("ALL", "SUCCESS", "REFUND", "RECHARGE_REFUND", "ALL_SPECIAL", "SUC_SPECIAL", "REF_SPECIAL"))
    tar_type = OneOf(("GZIP",))
    extra = _Query("bill_date", "bill_type", "tar_type")


class FundflowLimits(ParamsSchema):
    bill_date = Day(required=True)
    account_type = OneOf(("Basic", "Operation", "Fees", "BASIC", "OPERATION", "FEES"))
    tar_type = OneOf(("GZIP",))
    extra = _Query("bill_date", "account_type", "tar_type", "algorithm")


ORDER: Final = OrderLimits()
KEY: Final = KeyLimits()
CLOSE: Final = CloseLimits()
REFUND: Final = RefundLimits()
REFUND_KEY: Final = RefundKeyLimits()
BILL: Final = BillLimits()
FUNDFLOW: Final = FundflowLimits()


def merged(operation: str, ours: Mapping[str, Any], extra: Mapping[str, Any] | None) -> dict[str, Any]:
    """
    *ours* with what *extra* adds. Objects are merged member by member; a default of ours gives way.

    :raises InvalidParams: *extra* has something else where we have an object.
    """
    return _merge(operation, ours, extra or {}, "")


def _merge(operation: str, ours: Mapping[str, Any], extra: Mapping[str, Any], place: str) -> dict[str, Any]:
    document = dict(ours)
    for name, value in extra.items():
        mine = document.get(name)
        if not isinstance(mine, Mapping):
            document[name] = value
        elif isinstance(value, Mapping):
            document[name] = _merge(operation, mine, value, f"{place}{name}.")
        else:
            raise InvalidParams("weixin", operation, {"extra": f"expected a mapping at {place}{name}"})
    return document


def query(extra: Mapping[str, Any] | None, *, sub_mchid: str = "", **ours: str | None) -> dict[str, str]:
    """The query of a request, in order: ours, the sub-merchant it is about, what *extra* adds."""
    told = {name: value for name, value in {**ours, "sub_mchid": sub_mchid or None}.items() if value is not None}
    return {**told, **{name: str(value) for name, value in (extra or {}).items()}}


def merchant(account: WeixinAccount) -> dict[str, str]:
    """Whose order it is, as bodies and queries about transactions name it."""
    if account.sub_mch_id:
        return {"sp_mchid": account.mch_id, "sub_mchid": account.sub_mch_id}
    return {"mchid": account.mch_id}
