"""The functions on core/docs/weixin_pay_v3.md send what the platform's documentation says."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import pytest

from tongfu import InvalidParams, Notification
from tongfu.call import Call, Context, Credential
from tongfu.notice import Reply
from tongfu.params import OrderParams
from tongfu_weixin import WeixinAccount
from tongfu_weixin.pay_v3.offers import Offers
from tongfu_weixin.pay_v3.order import get_order_info

PAGE: Final = Path(__file__).parents[2] / "core/docs/weixin_pay_v3.md"
COMBINED: Final = "/v3/combine-transactions"
COMPLAINTS: Final = "/v3/merchant-service/complaints-v2"


class Pen:
    def sign(self, payload: bytes, algorithm: str) -> str:
        return f"{algorithm} of {payload.decode()}"

    def check(self, payload: bytes, signature: str, algorithm: str) -> None:
        raise AssertionError("an operation checks nothing")

    def acting_as(self, account: Any) -> Pen:
        raise AssertionError("nobody else signs")


CTX: Final = Context(datetime(2026, 11, 24, 4, 0, tzinfo=UTC), "0123456789abcdef", Pen())


@dataclass
class Platform:
    """Answers each path, and keeps what was sent."""

    answers: Mapping[str, Any] = field(default_factory=dict)
    sent: list[tuple[str, str, Any, Any]] = field(default_factory=list)

    async def run(self, operation: str, begin: Callable[[Context], Any]) -> Any:
        call = begin(CTX)
        if not isinstance(call, Call):
            return call
        told = call.fields
        self.sent.append((call.method, call.endpoint, told["query"], told["json"]))
        return call.finish(self.answers[call.endpoint], CTX)

    async def payment(self, operation: str, params: object) -> Any:
        raise AssertionError("not one of the ten operations")

    async def credential(self, kind: str) -> Credential:
        raise AssertionError("no credential of our own")

    def now(self) -> datetime:
        return CTX.now


class Pay(Offers):
    """With what the raw half of ``weixin.pay`` has, as far as the page uses it."""

    def __init__(self, platform: Platform, account: WeixinAccount) -> None:
        super().__init__(platform, account)
        self._platform = platform

    async def call(
        self,
        method: str,
        path: str,
        *,
        json: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
        sensitive: Sequence[str] = (),
    ) -> Any:
        self._platform.sent.append((method, path, query, json))
        return self._platform.answers.get(path, {})

    async def event(self, notification: Notification) -> Any:
        content = {
            "out_bill_no": "plfk2020042013",
            "transfer_bill_no": "1330",
            "state": "SUCCESS",
            "mch_id": "1900000109",
            "transfer_amount": 1000,
        }
        return SimpleNamespace(
            event_type="MCHTRANSFER.BILL.FINISHED",
            notify_id="EV-1",
            content=content,
            reply=Reply(200, {}, b""),
            repeated=False,
        )

    def decrypt(self, text: str) -> str:
        return f"decrypted {text}"


def page() -> dict[str, Any]:
    names: dict[str, Any] = {}
    for block in re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        exec(compile(block, str(PAGE), "exec"), names)
    return names


def account() -> WeixinAccount:
    made = page()["shop"]("a" * 32, b"key", b"key")
    assert isinstance(made, WeixinAccount)
    return made


async def on_page(name: str, answers: Mapping[str, Any], *args: Any) -> tuple[Any, list[tuple[str, str, Any, Any]]]:
    platform = Platform(answers)
    answer = await page()[name](SimpleNamespace(pay=Pay(platform, account())), *args)
    return answer, platform.sent


async def test_the_order_is_one_that_apiv3_takes() -> None:
    class Payment:
        async def get_order_info(self, name: str, **told: Any) -> Any:
            call = get_order_info(account(), OrderParams(**told), CTX)
            return SimpleNamespace(payload=call.fields["json"])

    document = await page()["order"](SimpleNamespace(payment=Payment()))

    assert document == {
        "appid": "wx8888888888888888",
        "mchid": "1900000109",
        "description": "coffee",
        "out_trade_no": "A10011",
        "notify_url": "https://shop.example/notify/weixin",
        "amount": {"total": 1500, "currency": "CNY"},
        "payer": {"openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"},
        "attach": "table 7",
        "scene_info": {"device_id": "till 2"},
        "settle_info": {"profit_sharing": True},
    }


async def test_a_transfer_is_made_queried_and_heard_of() -> None:
    path = "/v3/fund-app/mch-transfer/transfer-bills"
    bill = {"out_bill_no": "plfk2020042013", "transfer_bill_no": "1330", "create_time": "2015-05-20T13:29:35+08:00"}
    answers = {
        path: {**bill, "state": "WAIT_USER_CONFIRM", "package_info": "aff=="},
        f"{path}/out-bill-no/plfk2020042013": {**bill, "state": "SUCCESS", "transfer_amount": 1000},
    }
    client, sent = await on_page("reward", answers, "o1")

    assert client == {"mchId": "1900000109", "appId": "wx8888888888888888", "package": "aff=="}
    assert [one[:2] for one in sent] == [("POST", path)]
    assert await on_page("arrived", answers) == (
        True,
        [("GET", f"{path}/out-bill-no/plfk2020042013", None, None)],
    )
    assert (await on_page("heard", {}, Notification({}, b"")))[0] == "plfk2020042013: SUCCESS"


async def test_an_order_is_shared() -> None:
    base = "/v3/profitsharing"
    order = {"transaction_id": "42", "out_order_no": "P20150806125346", "order_id": "3", "state": "FINISHED"}
    receiver = {"type": "MERCHANT_ID", "account": "1900000110"}
    results, sent = await on_page(
        "share",
        {
            f"{base}/receivers/add": {**receiver, "relation_type": "SUPPLIER"},
            f"{base}/transactions/42/amounts": {"transaction_id": "42", "unsplit_amount": 70},
            f"{base}/orders": order,
            f"{base}/orders/P20150806125346": {**order, "receivers": [{**receiver, "amount": 70, "result": "SUCCESS"}]},
        },
        "42",
    )

    assert results == ["SUCCESS"]
    assert sent[2][3]["receivers"] == [{**receiver, "amount": 70, "description": "beans"}]


async def test_orders_are_paid_together() -> None:
    signed = "WECHATPAY2-SHA256-RSA2048 of wx8888888888888888\n1795492800\n0123456789abcdef\nprepay_id=wx1\n"
    client, sent = await on_page("pay_together", {f"{COMBINED}/jsapi": {"prepay_id": "wx1"}}, "o1")

    assert (client["package"], client["paySign"]) == ("prepay_id=wx1", signed)
    assert [one[:3] for one in sent] == [("POST", f"{COMBINED}/jsapi", None)]
    assert list(sent[0][3]) == [
        "combine_appid",
        "combine_mchid",
        "combine_out_trade_no",
        "sub_orders",
        "combine_payer_info",
        "notify_url",
    ]
    assert sent[0][3]["sub_orders"][1] == {
        "mchid": "1900000111",
        "attach": "coffee",
        "amount": {"total_amount": 500, "currency": "CNY"},
        "out_trade_no": "A10012",
        "description": "coffee",
    }


@pytest.mark.parametrize(("second", "paid"), [("SUCCESS", True), ("NOTPAY", False)])
async def test_orders_are_paid_together_when_each_is(second: str, paid: bool) -> None:
    path = f"{COMBINED}/out-trade-no/C20150806125346"
    told = {"sub_orders": [{"trade_state": "SUCCESS"}, {"trade_state": second}]}

    assert await on_page("paid_together", {path: told}) == (paid, [("GET", path, None, None)])


async def test_orders_are_closed_together() -> None:
    _, sent = await on_page("close_together", {})

    assert [one[:3] for one in sent] == [("POST", f"{COMBINED}/out-trade-no/C20150806125346/close", None)]


async def test_complaints_are_listed_answered_and_called_back() -> None:
    asked = {"limit": "50", "offset": "0", "begin_date": "2019-01-01", "end_date": "2019-01-01"}
    listed = await on_page("complaints", {COMPLAINTS: {"data": [{"complaint_id": "2002"}]}}, "2019-01-01")
    _, answered = await on_page("answer", {}, "2002")
    phone, _ = await on_page("telephone", {f"{COMPLAINTS}/2002": {"payer_phone": "sealed"}}, "2002")

    assert listed == (["2002"], [("GET", COMPLAINTS, asked, None)])
    assert answered == [
        (
            "POST",
            f"{COMPLAINTS}/2002/response",
            None,
            {"complainted_mchid": "1900000109", "response_content": "A new cup is coming."},
        ),
        ("POST", f"{COMPLAINTS}/2002/complete", None, {"complainted_mchid": "1900000109"}),
    ]
    assert phone == "decrypted sealed"


@pytest.mark.parametrize(
    ("prepay_id", "client_type", "name"),
    [("", None, "prepay_id"), ("wx1\n", None, "prepay_id"), ("wx1", "mp-alipay", "client_type")],
)
async def test_client_parameters_are_for_a_prepay_id_and_a_client(
    prepay_id: str, client_type: str | None, name: str
) -> None:
    with pytest.raises(InvalidParams) as caught:
        await Pay(Platform(), account()).client_params(prepay_id, client_type=client_type)

    assert list(caught.value.problems) == [name]


async def test_an_app_pays_a_prepay_id_too() -> None:
    told = await Pay(Platform(), account()).client_params("wx1", client_type="app")

    assert (told["prepayid"], told["partnerid"], told["package"]) == ("wx1", "1900000109", "Sign=WXPay")
