"""
One result for both protocols: the same input and each protocol's answer give equal results.

Where the platform tells one protocol something that it does not tell the other, ``differs`` says what.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final

import pytest

from tongfu import MalformedAnswer, SignatureError
from tongfu.call import Call, Context
from tongfu.model import Closed, Coupon, Order, OrderInfo, Refund, RefundedCoupon, RefundItem, RefundState, Result
from tongfu.params import OrderKey, OrderParams, RefundKey, RefundParams
from tongfu_weixin import WeixinAccount
from tongfu_weixin.pay_v2 import order as order_v2
from tongfu_weixin.pay_v2 import query as query_v2
from tongfu_weixin.pay_v2 import refund as refund_v2
from tongfu_weixin.pay_v3 import order as order_v3
from tongfu_weixin.pay_v3 import query as query_v3
from tongfu_weixin.pay_v3 import refund as refund_v3

APP: Final = "wxd678efh567hg6787"
MCH: Final = "1230000109"
SUB: Final = "1900000109"
TRANSACTION: Final = "1217752501201407033233368018"
REFUND_ID: Final = "50000000382019052709732678859"
OPERATIONS: Final[Mapping[str, Mapping[str, Any]]] = {
    "v2": {
        "get_order_info": order_v2.get_order_info,
        "order_query": query_v2.order_query,
        "close_order": query_v2.close_order,
        "refund": refund_v2.refund,
        "refund_query": refund_v2.refund_query,
    },
    "v3": {
        "get_order_info": order_v3.get_order_info,
        "order_query": query_v3.order_query,
        "close_order": query_v3.close_order,
        "refund": refund_v3.refund,
        "refund_query": refund_v3.refund_query,
    },
}


class Pen:
    def sign(self, payload: bytes, algorithm: str) -> str:
        return "signature"

    def check(self, payload: bytes, signature: str, algorithm: str) -> None:
        raise AssertionError("an operation checks nothing")

    def acting_as(self, account: Any) -> Pen:
        raise AssertionError("nobody else signs")


CTX: Final = Context(datetime(2026, 11, 24, 4, 0, tzinfo=UTC), "0123456789abcdef0123456789abcdef", Pen())


@dataclass(frozen=True)
class Case:
    """What both protocols are asked, what each answers, what both result in."""

    operation: str
    params: Any
    v2: Mapping[str, str]
    v3: Mapping[str, Any]
    expected: Any
    ours: Mapping[str, Any] = field(default_factory=dict)
    differs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def call(self, protocol: str) -> Call[Any]:
        account = WeixinAccount(app_id=APP, mch_id=MCH, key="k" * 32, pfx=b"p12", **self.ours)
        begin = OPERATIONS[protocol][self.operation]
        call = begin(account, self.params) if protocol == "v2" else begin(account, self.params, CTX)
        assert isinstance(call, Call)
        return call

    def result(self, protocol: str, **changes: Any) -> Any:
        return self.call(protocol).finish({**getattr(self, protocol), **changes}, CTX)


ORDER: Final = OrderParams(
    body="tea", out_trade_no="A10011", total_fee=100, notify_url="https://s.example/n", openid="o1"
)
PAID_V2: Final = {
    "appid": APP,
    "mch_id": MCH,
    "out_trade_no": "A10011",
    "transaction_id": TRANSACTION,
    "trade_state": "SUCCESS",
    "trade_state_desc": "支付成功",
    "trade_type": "JSAPI",
    "bank_type": "CMC",
    "attach": "a",
    "openid": "o1",
    "time_end": "20180608103456",
    "total_fee": "100",
    "cash_fee": "90",
    "fee_type": "CNY",
    "cash_fee_type": "CNY",
    "coupon_fee": "10",
    "coupon_count": "2",
    "coupon_id_0": "109519",
    "coupon_type_0": "CASH",
    "coupon_fee_0": "4",
    "coupon_id_1": "109520",
    "coupon_type_1": "NO_CASH",
    "coupon_fee_1": "6",
    "settlement_total_fee": "94",
}
PAID_V3: Final = {
    "appid": APP,
    "mchid": MCH,
    "out_trade_no": "A10011",
    "transaction_id": TRANSACTION,
    "trade_state": "SUCCESS",
    "trade_state_desc": "支付成功",
    "trade_type": "JSAPI",
    "bank_type": "CMC",
    "attach": "a",
    "payer": {"openid": "o1"},
    "success_time": "2018-06-08T10:34:56+08:00",
    "amount": {"total": 100, "payer_total": 90, "currency": "CNY", "payer_currency": "CNY"},
    "promotion_detail": [
        {"coupon_id": "109519", "name": "单品", "scope": "SINGLE", "type": "CASH", "amount": 4, "currency": "CNY"},
        {"coupon_id": "109520", "scope": "GLOBAL", "type": "NOCASH", "amount": 6},
    ],
}
PAID: Final = Order(
    trade_state="SUCCESS",
    out_trade_no="A10011",
    transaction_id=TRANSACTION,
    app_id=APP,
    mch_id=MCH,
    total_fee=100,
    cash_fee=90,
    fee_type="CNY",
    cash_fee_type="CNY",
    trade_state_desc="支付成功",
    trade_type="JSAPI",
    bank_type="CMC",
    time_end="20180608103456",
    attach="a",
    openid="o1",
    coupon_fee=10,
    coupon_list=(
        Coupon(coupon_id="109519", coupon_type="CASH", coupon_fee=4),
        Coupon(coupon_id="109520", coupon_type="NO_CASH", coupon_fee=6),
    ),
)
REFUND: Final = RefundParams(out_trade_no="A10011", out_refund_no="R1", total_fee=100, refund_fee=60)
REFUND_V2: Final = {
    "out_trade_no": "A10011",
    "transaction_id": TRANSACTION,
    "out_refund_no": "R1",
    "refund_id": REFUND_ID,
    "refund_fee": "60",
    "total_fee": "100",
    "settlement_refund_fee": "54",
    "cash_refund_fee": "54",
    "coupon_refund_fee": "6",
}
REFUND_V3: Final = {
    "refund_id": REFUND_ID,
    "out_refund_no": "R1",
    "transaction_id": TRANSACTION,
    "out_trade_no": "A10011",
    "channel": "ORIGINAL",
    "user_received_account": "招商银行信用卡0403",
    "success_time": "2020-12-01T16:18:12+08:00",
    "create_time": "2020-12-01T16:18:12+08:00",
    "status": "SUCCESS",
    "funds_account": "UNSETTLED",
    "amount": {
        "total": 100,
        "refund": 60,
        "from": [],
        "payer_total": 90,
        "payer_refund": 54,
        "settlement_refund": 54,
        "settlement_total": 90,
        "discount_refund": 6,
        "currency": "CNY",
    },
    "promotion_detail": [
        {"promotion_id": "109519", "scope": "SINGLE", "type": "DISCOUNT", "amount": 10, "refund_amount": 6}
    ],
}
REFUND_STATE_V2: Final = {
    "out_trade_no": "A10011",
    "transaction_id": TRANSACTION,
    "total_fee": "100",
    "refund_count": "1",
    "out_refund_no_0": "R1",
    "refund_id_0": REFUND_ID,
    "refund_channel_0": "ORIGINAL",
    "refund_fee_0": "60",
    "settlement_refund_fee_0": "54",
    "refund_status_0": "SUCCESS",
    "coupon_refund_fee_0": "6",
    "coupon_refund_count_0": "1",
    "coupon_type_0_0": "NO_CASH",
    "coupon_refund_id_0_0": "109519",
    "coupon_refund_fee_0_0": "6",
    "refund_account_0": "REFUND_SOURCE_UNSETTLED_FUNDS",
    "refund_recv_accout_0": "招商银行信用卡0403",
    "refund_success_time_0": "2020-12-01 16:18:12",
}
REFUNDED: Final = RefundItem(
    out_refund_no="R1",
    refund_id=REFUND_ID,
    refund_channel="ORIGINAL",
    refund_fee=60,
    settlement_refund_fee=54,
    refund_status="SUCCESS",
    coupon_refund_fee=6,
    coupon_refund_count=1,
    refund_account="REFUND_SOURCE_UNSETTLED_FUNDS",
    refund_recv_accout="招商银行信用卡0403",
    refund_success_time="2020-12-01 16:18:12",
    coupon_list=(RefundedCoupon(coupon_type="NO_CASH", coupon_refund_id="109519", coupon_refund_fee=6),),
)
REFUND_STATE: Final = RefundState(
    out_trade_no="A10011",
    transaction_id=TRANSACTION,
    out_refund_no="R1",
    total_fee=100,
    refund_id=REFUND_ID,
    refund_fee=60,
    refund_status="SUCCESS",
    refund_list=(REFUNDED,),
)


def unpaid(state: str) -> Case:
    return Case(
        "order_query",
        OrderKey(out_trade_no="A10011"),
        {"appid": APP, "mch_id": MCH, "out_trade_no": "A10011", "trade_state": state, "transaction_id": ""},
        {"appid": APP, "mchid": MCH, "out_trade_no": "A10011", "trade_state": state, "transaction_id": ""},
        Order(trade_state=state, out_trade_no="A10011", app_id=APP, mch_id=MCH),
    )


def refund_state(v2: str, v3: str) -> Case:
    return Case(
        "refund_query",
        RefundKey(out_refund_no="R1"),
        {**REFUND_STATE_V2, "refund_status_0": v2},
        {**REFUND_V3, "status": v3},
        replace(REFUND_STATE, refund_status=v2, refund_list=(replace(REFUNDED, refund_status=v2),)),
    )


CASES: Final = {
    "a mini program's order": Case(
        "get_order_info",
        ORDER,
        {"prepay_id": "wx1"},
        {"prepay_id": "wx1"},
        OrderInfo(
            payload={
                "appId": APP,
                "nonceStr": CTX.nonce,
                "package": "prepay_id=wx1",
                "timeStamp": "1795492800",
                "signType": "MD5",
                "paySign": "signature",
            },
            out_trade_no="A10011",
            trade_type="JSAPI",
            prepay_id="wx1",
        ),
        differs={
            "v3": {
                "payload": {
                    "appId": APP,
                    "nonceStr": CTX.nonce,
                    "package": "prepay_id=wx1",
                    "timeStamp": "1795492800",
                    "signType": "RSA",
                    "paySign": "signature",
                }
            }
        },
    ),
    "an app's order": Case(
        "get_order_info",
        replace(ORDER, client_type="app-plus"),
        {"prepay_id": "wx1"},
        {"prepay_id": "wx1"},
        OrderInfo(
            payload={
                "appid": APP,
                "noncestr": CTX.nonce,
                "package": "Sign=WXPay",
                "partnerid": MCH,
                "prepayid": "wx1",
                "timestamp": "1795492800",
                "sign": "signature",
            },
            out_trade_no="A10011",
            trade_type="APP",
            prepay_id="wx1",
        ),
    ),
    "a code": Case(
        "get_order_info",
        replace(ORDER, trade_type="NATIVE"),
        {"prepay_id": "wx1", "code_url": "weixin://wxpay/bizpayurl?pr=1"},
        {"code_url": "weixin://wxpay/bizpayurl?pr=1"},
        OrderInfo(
            payload={"codeUrl": "weixin://wxpay/bizpayurl?pr=1"},
            out_trade_no="A10011",
            trade_type="NATIVE",
            code_url="weixin://wxpay/bizpayurl?pr=1",
        ),
        differs={"v2": {"prepay_id": "wx1"}},
    ),
    "a page": Case(
        "get_order_info",
        replace(ORDER, trade_type="H5", spbill_create_ip="203.0.113.7", return_url="https://s.example/done"),
        {"prepay_id": "wx1", "mweb_url": "https://wx.tenpay.com/checkmweb?prepay_id=wx1"},
        {"h5_url": "https://wx.tenpay.com/checkmweb?prepay_id=wx1"},
        OrderInfo(
            payload={
                "mwebUrl": "https://wx.tenpay.com/checkmweb?prepay_id=wx1&redirect_url=https%3A%2F%2Fs.example%2Fdone"
            },
            out_trade_no="A10011",
            trade_type="H5",
            mweb_url="https://wx.tenpay.com/checkmweb?prepay_id=wx1&redirect_url=https%3A%2F%2Fs.example%2Fdone",
        ),
        differs={"v2": {"prepay_id": "wx1"}},
    ),
    "a paid order": Case(
        "order_query",
        OrderKey(out_trade_no="A10011"),
        PAID_V2,
        PAID_V3,
        PAID,
        differs={"v2": {"settlement_total_fee": 94}},
    ),
    "a paid order by transaction_id, told in another zone": Case(
        "order_query",
        OrderKey(transaction_id=TRANSACTION),
        PAID_V2,
        {**PAID_V3, "success_time": "2018-06-08T02:34:56.120Z"},
        PAID,
        differs={"v2": {"settlement_total_fee": 94}},
    ),
    "an order that is being refunded": Case(
        "order_query",
        OrderKey(out_trade_no="A10011"),
        {**PAID_V2, "trade_state": "REFUND"},
        {**PAID_V3, "trade_state": "REFUND"},
        replace(PAID, trade_state="REFUND"),
        differs={"v2": {"settlement_total_fee": 94}},
    ),
    "a sub-merchant's order": Case(
        "order_query",
        OrderKey(out_trade_no="A10011"),
        {
            "appid": APP,
            "mch_id": MCH,
            "sub_appid": "wxsub",
            "sub_mch_id": SUB,
            "out_trade_no": "A10011",
            "transaction_id": TRANSACTION,
            "trade_state": "SUCCESS",
            "total_fee": "100",
            "openid": "sp",
            "sub_openid": "sub",
        },
        {
            "sp_appid": APP,
            "sp_mchid": MCH,
            "sub_appid": "wxsub",
            "sub_mchid": SUB,
            "out_trade_no": "A10011",
            "transaction_id": TRANSACTION,
            "trade_state": "SUCCESS",
            "amount": {"total": 100},
            "payer": {"sp_openid": "sp", "sub_openid": "sub"},
        },
        Order(
            trade_state="SUCCESS",
            out_trade_no="A10011",
            transaction_id=TRANSACTION,
            app_id=APP,
            mch_id=MCH,
            total_fee=100,
            openid="sub",
        ),
        ours={"sub_mch_id": SUB, "sub_app_id": "wxsub"},
    ),
    **{
        f"an order that is {state}": unpaid(state)
        for state in ("NOTPAY", "CLOSED", "REVOKED", "USERPAYING", "PAYERROR")
    },
    "an order in a state we do not know": unpaid("FROZEN"),
    "a closed order": Case(
        "close_order",
        OrderKey(out_trade_no="A10011"),
        {"appid": APP, "mch_id": MCH},
        {},
        Closed(out_trade_no="A10011", app_id=APP, mch_id=MCH),
    ),
    "a refund": Case(
        "refund",
        REFUND,
        REFUND_V2,
        {**REFUND_V3, "status": "PROCESSING"},
        Refund(
            refund_fee=60,
            out_trade_no="A10011",
            transaction_id=TRANSACTION,
            out_refund_no="R1",
            refund_id=REFUND_ID,
            cash_refund_fee=54,
            total_fee=100,
            settlement_refund_fee=54,
            coupon_refund_fee=6,
        ),
    ),
    "a refund that arrived": refund_state("SUCCESS", "SUCCESS"),
    "a refund on its way": refund_state("PROCESSING", "PROCESSING"),
    "a refund that was closed": refund_state("REFUNDCLOSE", "CLOSED"),
    "a refund that did not arrive": refund_state("CHANGE", "ABNORMAL"),
    "a refund in a state we do not know": refund_state("FROZEN", "FROZEN"),
    "a refund out of the merchant's balance": Case(
        "refund_query",
        RefundKey(out_refund_no="R1"),
        {**REFUND_STATE_V2, "refund_account_0": "REFUND_SOURCE_RECHARGE_FUNDS"},
        {**REFUND_V3, "funds_account": "AVAILABLE"},
        replace(REFUND_STATE, refund_list=(replace(REFUNDED, refund_account="REFUND_SOURCE_RECHARGE_FUNDS"),)),
    ),
}
BOTH: Final = pytest.mark.parametrize("protocol", ["v2", "v3"])


@BOTH
@pytest.mark.parametrize("name", CASES)
def test_both_protocols_result_in_the_same(name: str, protocol: str) -> None:
    case = CASES[name]
    result = case.result(protocol)

    assert result == replace(case.expected, **case.differs.get(protocol, {}))
    assert result.raw == getattr(case, protocol)


@pytest.mark.parametrize("name", CASES)
def test_both_protocols_give_the_client_the_same_document_where_nothing_differs(name: str) -> None:
    case = CASES[name]
    documents = [case.result(protocol).to_camel() for protocol in ("v2", "v3")]

    assert isinstance(case.expected, Result)
    assert (documents[0] == documents[1]) is not ("payload" in case.differs.get("v3", {}) or has_settlement(case))


def has_settlement(case: Case) -> bool:
    return "settlement_total_fee" in case.differs.get("v2", {})


@BOTH
@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("a paid order", {"out_trade_no": "A10012"}),
        ("a paid order by transaction_id, told in another zone", {"transaction_id": "4200001"}),
        ("a refund", {"out_refund_no": "R2"}),
        ("a refund", {"out_trade_no": "A10012"}),
        ("a refund", {"refund_id": ""}),
        ("a paid order", {"trade_state": ""}),
        ("a paid order", {"transaction_id": ""}),
    ],
)
def test_an_answer_about_something_else_is_not_taken(name: str, changed: dict[str, Any], protocol: str) -> None:
    with pytest.raises(MalformedAnswer):
        CASES[name].result(protocol, **changed)


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("a paid order", {"amount": {"payer_total": 90}}),
        ("a paid order", {"amount": {"total": "100"}}),
        ("a paid order", {"amount": {"total": True}}),
        ("a paid order", {"amount": {"total": -1}}),
        ("a paid order", {"amount": {"total": 10**18}}),
        ("a paid order", {"amount": 100}),
        ("a paid order", {"out_trade_no": None}),
        ("a paid order", {"promotion_detail": {}}),
        ("a paid order", {"promotion_detail": [1]}),
        ("a paid order", {"payer": "o1"}),
        ("a paid order", {"payer": {"openid": 1}}),
        ("a paid order", {"success_time": "20180608103456"}),
        ("a paid order", {"success_time": "2018-06-08T10:34:56"}),
        ("a paid order", {"success_time": "2018-13-08T10:34:56+08:00"}),
        ("a paid order", {"success_time": "0001-01-01T00:00:00+23:59"}),
        ("a refund", {"amount": {"refund": 61, "total": 100}}),
        ("a refund", {"amount": {"total": 100}}),
        ("a refund that arrived", {"out_refund_no": "R2"}),
        ("a refund that arrived", {"status": None}),
        ("a refund that arrived", {"refund_id": None}),
        ("a refund that arrived", {"amount": {"total": 100}}),
    ],
)
def test_json_that_is_not_as_documented_is_malformed(name: str, changed: dict[str, Any]) -> None:
    with pytest.raises(MalformedAnswer):
        CASES[name].result("v3", **changed)


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("a paid order", {"appid": "wxother"}),
        ("a paid order", {"mchid": "1900000001"}),
        ("a paid order", {"mchid": None}),
        ("a paid order", {"appid": ""}),
        ("a paid order", {"sub_mchid": SUB}),
        ("a sub-merchant's order", {"sp_appid": "wxother"}),
        ("a sub-merchant's order", {"sp_mchid": "1900000001"}),
        ("a sub-merchant's order", {"sub_mchid": "1900000001"}),
        ("a sub-merchant's order", {"sub_mchid": None}),
        ("a sub-merchant's order", {"sub_appid": "wxother"}),
        ("a refund", {"mchid": "1900000001"}),
        ("a refund that arrived", {"sub_mchid": SUB}),
    ],
)
def test_an_answer_about_another_account_is_not_taken(name: str, changed: dict[str, Any]) -> None:
    with pytest.raises(SignatureError):
        CASES[name].result("v3", **changed)


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("a paid order", {"sub_mchid": MCH}),
        ("a sub-merchant's order", {"sub_appid": None}),
        ("a refund", {"mchid": MCH}),
    ],
)
def test_an_answer_that_names_this_account_is_taken(name: str, changed: dict[str, Any]) -> None:
    assert CASES[name].result("v3", **changed) == CASES[name].result("v3")


def test_a_refund_found_by_its_number_is_compared_with_the_other_numbers_passed() -> None:
    case = CASES["a refund that arrived"]
    good = {"refund_id": REFUND_ID, "out_trade_no": "A10011", "transaction_id": TRANSACTION}
    assert replace(case, params=replace(case.params, **good)).result("v3") == REFUND_STATE

    for name in good:
        with pytest.raises(MalformedAnswer):
            replace(case, params=replace(case.params, **{name: "5"})).result("v3")


def test_a_state_that_only_the_other_protocol_documents_is_unknown() -> None:
    order = CASES["a paid order"].result("v3", trade_state="ACCEPT")

    assert (order.trade_state, order.paid) == ("UNKNOWN", False)


def test_a_refund_without_coupons_says_so_by_saying_nothing() -> None:
    answer = {**REFUND_V3, "promotion_detail": [], "funds_account": "", "success_time": ""}
    state = CASES["a refund that arrived"].call("v3").finish(answer, CTX)

    plain = replace(REFUNDED, coupon_refund_count=None, coupon_list=(), refund_account=None, refund_success_time=None)
    assert state == replace(REFUND_STATE, refund_list=(plain,))
