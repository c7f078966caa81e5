"""Profit sharing: what is sent for whom, what comes back. C12 and the platform's own samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import pytest

from tongfu import InvalidParams, MalformedAnswer, SignatureError
from tongfu.call import Call, Context, Credential
from tongfu_weixin import WeixinAccount
from tongfu_weixin.pay_v3.profit_sharing import ProfitSharing, Receiver, Shared, SharingOrder, SharingReturn, Unsplit

APP: Final = "wx8888888888888888"
MCH: Final = "1900000100"
SUB: Final = "1900000109"
TRANSACTION: Final = "4208450740201411110007820472"
ORDER: Final = "P2015|0806*125346@"
ORDER_IN_PATH: Final = "P2015%7C0806%2A125346%40"
SHARES: Final = [
    {"type": "MERCHANT_ID", "account": "86693852", "amount": 888, "description": "分给商户A"},
    {"type": "PERSONAL_OPENID", "account": "o1", "name": "张三", "amount": 1, "description": "分给张三"},
]
SHARED: Final = {
    "transaction_id": TRANSACTION,
    "out_order_no": ORDER,
    "order_id": "3008450740201411110007820472",
    "state": "FINISHED",
    "receivers": [
        {
            "amount": 888,
            "description": "分给商户A",
            "type": "MERCHANT_ID",
            "account": "86693852",
            "result": "SUCCESS",
            "create_time": "2015-05-20T13:29:35+08:00",
            "finish_time": "2015-05-20T13:29:36+08:00",
            "detail_id": "36011111111111111111111",
        },
        {"amount": 1, "type": "PERSONAL_OPENID", "account": "o1", "result": "CLOSED", "fail_reason": "NO_RELATION"},
    ],
}
RESULT: Final = SharingOrder(
    transaction_id=TRANSACTION,
    out_order_no=ORDER,
    order_id="3008450740201411110007820472",
    state="FINISHED",
    receivers=(
        Shared(
            type="MERCHANT_ID",
            account="86693852",
            amount=888,
            result="SUCCESS",
            description="分给商户A",
            create_time="2015-05-20T13:29:35+08:00",
            finish_time="2015-05-20T13:29:36+08:00",
            detail_id="36011111111111111111111",
        ),
        Shared(type="PERSONAL_OPENID", account="o1", amount=1, result="CLOSED", fail_reason="NO_RELATION"),
    ),
)
RETURNED: Final[Mapping[str, Any]] = {
    "order_id": "3008450740201411110007820472",
    "out_order_no": ORDER,
    "out_return_no": "R2019|1",
    "return_id": "3008450740201411110007820472",
    "return_mchid": "86693852",
    "amount": 888,
    "description": "用户退款",
    "result": "FAILED",
    "fail_reason": "BALANCE_NOT_ENOUGH",
    "create_time": "2015-05-20T13:29:35+08:00",
    "finish_time": "2015-05-20T13:29:36+08:00",
}


class Pen:
    def sign(self, payload: bytes, algorithm: str) -> str:
        raise AssertionError("nothing here is signed for a client")

    def check(self, payload: bytes, signature: str, algorithm: str) -> None:
        raise AssertionError("an operation checks nothing")

    def acting_as(self, account: Any) -> Pen:
        raise AssertionError("nobody else signs")


CTX: Final = Context(datetime(2026, 11, 24, 4, 0, tzinfo=UTC), "0123456789abcdef0123456789abcdef", Pen())


@dataclass
class Counter:
    """Keeps the calls and answers each with ``answer``, as the wire would."""

    answer: Mapping[str, Any] = field(default_factory=dict)
    calls: list[Call[Any]] = field(default_factory=list)

    async def run(self, operation: str, begin: Callable[[Context], Any]) -> Any:
        call = begin(CTX)
        assert isinstance(call, Call)
        assert (call.operation, call.wire) == (operation, "v3")
        self.calls.append(call)
        return call.finish(self.answer, CTX)

    async def payment(self, operation: str, params: object) -> Any:
        raise AssertionError("not one of the ten operations")

    async def credential(self, kind: str) -> Credential:
        raise AssertionError("no credential of our own")

    def now(self) -> datetime:
        return CTX.now

    def sent(self) -> tuple[Any, ...]:
        (call,) = self.calls
        told = call.fields
        assert told["file"] is None
        return call.method, call.endpoint, told["query"], told["json"], told["sensitive"], call.read_only


def sharing(counter: Counter, **more: Any) -> ProfitSharing:
    return ProfitSharing(counter, WeixinAccount(app_id=APP, mch_id=MCH, **more))


CREATE: Final[Mapping[str, Any]] = {
    "transaction_id": TRANSACTION,
    "out_order_no": ORDER,
    "receivers": SHARES,
    "unfreeze_unsplit": True,
}
ADD: Final[Mapping[str, Any]] = {
    "type": "MERCHANT_ID",
    "account": "86693852",
    "name": "商户全称",
    "relation_type": "STORE",
}
RETURN: Final[Mapping[str, Any]] = {
    "out_order_no": ORDER,
    "out_return_no": "R2019|1",
    "return_mchid": "86693852",
    "amount": 888,
    "description": "用户退款",
}


@pytest.mark.parametrize(
    ("ours", "ids"),
    [
        ({}, {"appid": APP}),
        (
            {"sub_mch_id": SUB, "sub_app_id": "wx8888888888888889"},
            {"sub_mchid": SUB, "appid": APP, "sub_appid": "wx8888888888888889"},
        ),
    ],
)
async def test_an_order_is_shared_and_its_receivers_names_are_to_be_encrypted(
    ours: dict[str, str], ids: dict[str, str]
) -> None:
    counter = Counter(SHARED)
    result = await sharing(counter, **ours).create(**CREATE)

    expected = ("POST", "/v3/profitsharing/orders", None, {**ids, **CREATE}, ("receivers.*.name",), False)
    assert counter.sent() == expected
    assert result == RESULT
    assert result.raw == SHARED


async def test_an_address_for_the_notice_goes_along() -> None:
    counter = Counter(SHARED)
    await sharing(counter).create(**CREATE, notify_url="https://shop.example/shared")

    assert counter.sent()[3]["notify_url"] == "https://shop.example/shared"


@pytest.mark.parametrize(
    ("ours", "asked"),
    [({}, {"transaction_id": TRANSACTION}), ({"sub_mch_id": SUB}, {"sub_mchid": SUB, "transaction_id": TRANSACTION})],
)
async def test_a_sharing_is_found_by_both_numbers(ours: dict[str, str], asked: dict[str, str]) -> None:
    counter = Counter(SHARED)
    result = await sharing(counter, **ours).query(out_order_no=ORDER, transaction_id=TRANSACTION)

    assert counter.sent() == ("GET", f"/v3/profitsharing/orders/{ORDER_IN_PATH}", asked, None, (), True)
    assert result == RESULT


@pytest.mark.parametrize(("ours", "ids"), [({}, {}), ({"sub_mch_id": SUB}, {"sub_mchid": SUB})])
async def test_what_is_left_is_unfrozen(ours: dict[str, str], ids: dict[str, str]) -> None:
    told = {"transaction_id": TRANSACTION, "out_order_no": ORDER, "description": "解冻全部剩余资金"}
    counter = Counter({**SHARED, "state": "PROCESSING", "receivers": None, **ids})
    result = await sharing(counter, **ours).unfreeze(**told)

    assert counter.sent() == ("POST", "/v3/profitsharing/orders/unfreeze", None, {**ids, **told}, (), False)
    assert (result.state, result.receivers, result.sub_mch_id) == ("PROCESSING", (), ids.get("sub_mchid"))


@pytest.mark.parametrize(("ours", "ids"), [({}, {}), ({"sub_mch_id": SUB}, {"sub_mchid": SUB})])
async def test_a_share_is_taken_back(ours: dict[str, str], ids: dict[str, str]) -> None:
    counter = Counter(RETURNED)
    result = await sharing(counter, **ours).create_return(**RETURN)

    assert counter.sent() == ("POST", "/v3/profitsharing/return-orders", None, {**ids, **RETURN}, (), False)
    assert result == SharingReturn(**RETURNED)


async def test_a_share_is_taken_back_by_the_platforms_number_too() -> None:
    counter = Counter(RETURNED)
    asked = {**RETURN, "order_id": "3008450740201411110007820472", "out_order_no": None}
    await sharing(counter).create_return(**asked)

    assert counter.sent()[3] == {name: value for name, value in asked.items() if value is not None}


@pytest.mark.parametrize(
    ("ours", "asked"), [({}, {"out_order_no": ORDER}), ({"sub_mch_id": SUB}, {"sub_mchid": SUB, "out_order_no": ORDER})]
)
async def test_a_return_is_found_by_both_numbers(ours: dict[str, str], asked: dict[str, str]) -> None:
    counter = Counter(RETURNED)
    result = await sharing(counter, **ours).query_return(out_return_no="R2019|1", out_order_no=ORDER)

    assert counter.sent() == ("GET", "/v3/profitsharing/return-orders/R2019%7C1", asked, None, (), True)
    assert result == SharingReturn(**RETURNED)


async def test_what_can_still_be_shared_is_told_in_fen() -> None:
    counter = Counter({"transaction_id": TRANSACTION, "unsplit_amount": 1000})
    result = await sharing(counter).amounts(transaction_id=TRANSACTION)

    path = f"/v3/profitsharing/transactions/{TRANSACTION}/amounts"
    assert counter.sent() == ("GET", path, None, None, (), True)
    assert result == Unsplit(transaction_id=TRANSACTION, unsplit_amount=1000)


@pytest.mark.parametrize(
    ("ours", "ids"), [({}, {"appid": APP}), ({"sub_mch_id": SUB}, {"sub_mchid": SUB, "appid": APP})]
)
async def test_a_receiver_is_added_and_its_name_is_to_be_encrypted(ours: dict[str, str], ids: dict[str, str]) -> None:
    counter = Counter({"type": "MERCHANT_ID", "account": "86693852", "name": "c2VhbGVk", "relation_type": "STORE"})
    result = await sharing(counter, **ours).add_receiver(**ADD)

    assert counter.sent() == ("POST", "/v3/profitsharing/receivers/add", None, {**ids, **ADD}, ("name",), False)
    assert result == Receiver(type="MERCHANT_ID", account="86693852", relation_type="STORE")


async def test_a_receiver_is_deleted() -> None:
    counter = Counter({"type": "PERSONAL_OPENID", "account": "o1"})
    result = await sharing(counter).delete_receiver(type="PERSONAL_OPENID", account="o1")

    body = {"appid": APP, "type": "PERSONAL_OPENID", "account": "o1"}
    assert counter.sent() == ("POST", "/v3/profitsharing/receivers/delete", None, body, (), False)
    assert result == Receiver(type="PERSONAL_OPENID", account="o1")


@pytest.mark.parametrize(
    ("method", "asked", "names"),
    [
        ("create", {**CREATE, "out_order_no": "P 1"}, ["out_order_no"]),
        ("create", {**CREATE, "transaction_id": "4/2"}, ["transaction_id"]),
        ("create", {**CREATE, "receivers": []}, ["receivers"]),
        ("create", {**CREATE, "receivers": [SHARES[0]] * 51}, ["receivers"]),
        ("create", {**CREATE, "receivers": "all"}, ["receivers"]),
        ("create", {**CREATE, "unfreeze_unsplit": 1}, ["unfreeze_unsplit"]),
        ("create", {**CREATE, "notify_url": "shop"}, ["notify_url"]),
        (
            "create",
            {**CREATE, "receivers": [SHARES[0], {"type": "x", "account": "o1", "amount": 1.0, "sum": 1}]},
            ["receivers.1.amount", "receivers.1.description", "receivers.1.sum", "receivers.1.type"],
        ),
        ("query", {"out_order_no": ORDER, "transaction_id": "4/2"}, ["transaction_id"]),
        (
            "unfreeze",
            {"transaction_id": TRANSACTION, "out_order_no": ORDER, "description": "x" * 81},
            ["description"],
        ),
        ("create_return", {**RETURN, "amount": 0}, ["amount"]),
        ("create_return", {**RETURN, "return_mchid": "x"}, ["return_mchid"]),
        ("create_return", {**RETURN, "order_id": "3"}, ["order_id", "out_order_no"]),
        ("create_return", {**RETURN, "out_order_no": None}, ["order_id", "out_order_no"]),
        ("query_return", {"out_return_no": "R 1", "out_order_no": ORDER}, ["out_return_no"]),
        ("amounts", {"transaction_id": "4/../5"}, ["transaction_id"]),
        ("add_receiver", {**ADD, "name": None}, ["name"]),
        ("add_receiver", {**ADD, "relation_type": "FRIEND"}, ["relation_type"]),
        ("add_receiver", {**ADD, "relation_type": "CUSTOM"}, ["custom_relation"]),
        ("add_receiver", {**ADD, "custom_relation": "代理商"}, ["custom_relation"]),
        ("add_receiver", {**ADD, "relation_type": "CUSTOM", "custom_relation": "商" * 11}, ["custom_relation"]),
        ("delete_receiver", {"type": "PERSONAL_WECHATID", "account": "o1"}, ["type"]),
    ],
)
async def test_every_limit_has_its_name_and_nothing_is_sent(
    method: str, asked: dict[str, Any], names: list[str]
) -> None:
    counter = Counter()
    with pytest.raises(InvalidParams) as caught:
        await getattr(sharing(counter), method)(**asked)

    assert (sorted(caught.value.problems), counter.calls) == (names, [])


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"out_order_no": "P1"}, MalformedAnswer),
        ({"transaction_id": None}, MalformedAnswer),
        ({"order_id": None}, MalformedAnswer),
        ({"receivers": [{"amount": 1}]}, MalformedAnswer),
        ({"receivers": {}}, MalformedAnswer),
        ({"sub_mchid": SUB}, SignatureError),
        ({"mchid": "1900000001"}, SignatureError),
    ],
)
async def test_an_answer_about_something_else_is_not_taken(changed: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        await sharing(Counter({**SHARED, **changed})).create(**CREATE)


async def test_a_return_of_another_amount_is_not_taken() -> None:
    with pytest.raises(MalformedAnswer):
        await sharing(Counter({**RETURNED, "amount": 1})).create_return(**RETURN)


async def test_the_callers_receivers_are_left_as_they_were() -> None:
    counter = Counter(SHARED)
    given = [dict(share) for share in SHARES]
    await sharing(counter).create(**{**CREATE, "receivers": given})
    counter.sent()[3]["receivers"][1]["name"] = "sealed"

    assert given == SHARES
