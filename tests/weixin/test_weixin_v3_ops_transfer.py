"""Transfers: what is sent, what an answer must say, what a notification tells. C12 and the platform's own samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import pytest

from tongfu import ConfigError, InvalidParams, MalformedAnswer, SignatureError
from tongfu.call import Call, Context, Credential
from tongfu.errors import WrongNotice
from tongfu.notice import Reply
from tongfu_weixin import WeixinAccount
from tongfu_weixin.pay_v3.transfer import Transfer, TransferBill, TransferCancelled, TransferMade, TransferNotice

APP: Final = "wxf636efh567hg4356"
MCH: Final = "1900001109"
BILL: Final = "plfk2020042013"
WEIXIN_BILL: Final = "1330000071100999991182020050700019480001"
PATH: Final = "/v3/fund-app/mch-transfer/transfer-bills"
REPORTS: Final = [
    {"info_type": "活动名称", "info_content": "新会员有礼"},
    {"info_type": "奖励说明", "info_content": "注册会员抽奖一等奖"},
]
ASKED: Final[Mapping[str, Any]] = {
    "out_bill_no": BILL,
    "transfer_scene_id": "1000",
    "openid": "o-MYE42l80oelYMDE34nYD456Xoy",
    "transfer_amount": 400_000,
    "transfer_remark": "新会员开通有礼",
    "user_name": "张三",
    "notify_url": "https://www.weixin.qq.com/wxpay/pay.php",
    "user_recv_perception": "现金奖励",
    "transfer_scene_report_infos": REPORTS,
}
MADE: Final = {
    "out_bill_no": BILL,
    "transfer_bill_no": WEIXIN_BILL,
    "create_time": "2015-05-20T13:29:35.120+08:00",
    "state": "WAIT_USER_CONFIRM",
    "package_info": "affffddafdfafddffda==",
}
FOUND: Final = {
    "mch_id": MCH,
    "out_bill_no": BILL,
    "transfer_bill_no": WEIXIN_BILL,
    "appid": APP,
    "state": "SUCCESS",
    "transfer_amount": 400_000,
    "transfer_remark": "新会员开通有礼",
    "openid": "o-MYE42l80oelYMDE34nYD456Xoy",
    "user_name": "757b340b45ebef5467rter35gf464344v3542sdf4t6re4tb4f54ty45t4yyry45",
    "create_time": "2015-05-20T13:29:35.120+08:00",
    "update_time": "2015-05-20T13:29:35.120+08:00",
}
ENDED: Final = {
    "out_bill_no": BILL,
    "transfer_bill_no": WEIXIN_BILL,
    "state": "SUCCESS",
    "mch_id": MCH,
    "transfer_amount": 400_000,
    "openid": "o-MYE42l80oelYMDE34nYD456Xoy",
    "create_time": "2015-05-20T13:29:35+08:00",
    "update_time": "2015-05-20T13:29:36+08:00",
}
REPLY: Final = Reply(200, {}, b"")


class Pen:
    def sign(self, payload: bytes, algorithm: str) -> str:
        raise AssertionError("nothing here is signed for a client")

    def check(self, payload: bytes, signature: str, algorithm: str) -> None:
        raise AssertionError("an operation checks nothing")

    def acting_as(self, account: Any) -> Pen:
        raise AssertionError("nobody else signs")


CTX: Final = Context(datetime(2026, 11, 24, 4, 0, tzinfo=UTC), "0123456789abcdef0123456789abcdef", Pen())


@dataclass
class Desk:
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


@dataclass(frozen=True)
class Event:
    content: Mapping[str, Any]
    event_type: str = "MCHTRANSFER.BILL.FINISHED"
    notify_id: str = "EV-2018022511223320873"
    reply: Reply = REPLY
    repeated: bool = False


def transfer(desk: Desk, **more: Any) -> Transfer:
    return Transfer(desk, WeixinAccount(app_id=APP, mch_id=MCH, **more))


async def test_a_transfer_is_the_documented_body_and_the_name_is_to_be_encrypted() -> None:
    desk = Desk(MADE)
    made = await transfer(desk).create(**ASKED)

    assert desk.sent() == ("POST", PATH, None, {"appid": APP, **ASKED}, ("user_name",), False)
    assert made == TransferMade(
        out_bill_no=BILL,
        transfer_bill_no=WEIXIN_BILL,
        create_time="2015-05-20T13:29:35.120+08:00",
        state="WAIT_USER_CONFIRM",
        package_info="affffddafdfafddffda==",
    )
    assert (made.succeeded, made.final, made.raw) == (False, False, MADE)
    assert "affffddafdfafddffda" not in repr(made)


async def test_what_was_not_passed_is_not_sent() -> None:
    desk = Desk({**MADE, "state": "ACCEPTED", "package_info": None})
    asked = {name: ASKED[name] for name in ASKED if name not in ("user_name", "notify_url", "user_recv_perception")}
    asked["transfer_amount"] = 199_999
    made = await transfer(desk).create(**asked)

    assert desk.sent()[3] == {"appid": APP, **asked}
    assert made.package_info is None


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"out_bill_no": "A-1"}, "out_bill_no"),
        ({"out_bill_no": "A" * 33}, "out_bill_no"),
        ({"transfer_scene_id": "1" * 37}, "transfer_scene_id"),
        ({"openid": "o" * 65}, "openid"),
        ({"transfer_amount": 0}, "transfer_amount"),
        ({"transfer_amount": 4000.0}, "transfer_amount"),
        ({"transfer_amount": 200_000, "user_name": None}, "user_name"),
        ({"user_name": "张" * 72}, "user_name"),
        ({"transfer_remark": "礼" * 33}, "transfer_remark"),
        ({"notify_url": "https://shop.example/n?a=1"}, "notify_url"),
        ({"transfer_scene_report_infos": []}, "transfer_scene_report_infos"),
        ({"transfer_scene_report_infos": ["活动名称"]}, "transfer_scene_report_infos"),
        (
            {"transfer_scene_report_infos": [REPORTS[0], {"info_type": "x"}]},
            "transfer_scene_report_infos.1.info_content",
        ),
        ({"transfer_scene_report_infos": [{**REPORTS[0], "more": "x"}]}, "transfer_scene_report_infos.0.more"),
    ],
)
async def test_every_limit_of_a_transfer_has_its_name_and_nothing_is_sent(changed: dict[str, Any], name: str) -> None:
    desk = Desk()
    with pytest.raises(InvalidParams) as caught:
        await transfer(desk).create(**{**ASKED, **changed})

    assert (list(caught.value.problems), desk.calls) == ([name], [])


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ({"out_bill_no": BILL}, f"{PATH}/out-bill-no/{BILL}"),
        ({"transfer_bill_no": WEIXIN_BILL}, f"{PATH}/transfer-bill-no/{WEIXIN_BILL}"),
    ],
)
async def test_a_transfer_is_found_by_either_number(key: dict[str, str], path: str) -> None:
    desk = Desk(FOUND)
    found = await transfer(desk).query(**key)

    assert desk.sent() == ("GET", path, None, None, (), True)
    assert found == TransferBill(
        out_bill_no=BILL,
        transfer_bill_no=WEIXIN_BILL,
        state="SUCCESS",
        transfer_amount=400_000,
        transfer_remark="新会员开通有礼",
        app_id=APP,
        mch_id=MCH,
        openid="o-MYE42l80oelYMDE34nYD456Xoy",
        user_name="757b340b45ebef5467rter35gf464344v3542sdf4t6re4tb4f54ty45t4yyry45",
        create_time="2015-05-20T13:29:35.120+08:00",
        update_time="2015-05-20T13:29:35.120+08:00",
    )
    assert "o-MYE42l80" not in repr(found)
    assert "757b340b45" not in repr(found)


@pytest.mark.parametrize(
    ("state", "succeeded", "final"),
    [
        ("ACCEPTED", False, False),
        ("PROCESSING", False, False),
        ("WAIT_USER_CONFIRM", False, False),
        ("TRANSFERING", False, False),
        ("SUCCESS", True, True),
        ("FAIL", False, True),
        ("CANCELING", False, False),
        ("CANCELLED", False, True),
        ("success", False, False),
        ("FROZEN", False, False),
    ],
)
async def test_only_success_is_success_and_only_three_states_are_final(
    state: str, succeeded: bool, final: bool
) -> None:
    found = await transfer(Desk({**FOUND, "state": state})).query(out_bill_no=BILL)

    assert (found.state, found.succeeded, found.final) == (state, succeeded, final)


async def test_a_transfer_is_cancelled_without_a_body() -> None:
    told: dict[str, Any] = {
        "out_bill_no": BILL,
        "transfer_bill_no": WEIXIN_BILL,
        "state": "CANCELING",
        "update_time": "2015-05-20T13:29:35.120+08:00",
    }
    desk = Desk(told)
    cancelled = await transfer(desk).cancel(out_bill_no=BILL)

    assert desk.sent() == ("POST", f"{PATH}/out-bill-no/{BILL}/cancel", None, None, (), False)
    assert cancelled == TransferCancelled(**told)
    assert (cancelled.succeeded, cancelled.final) == (False, False)


@pytest.mark.parametrize("key", [{}, {"out_bill_no": BILL, "transfer_bill_no": WEIXIN_BILL}, {"out_bill_no": "a/../b"}])
async def test_a_query_takes_one_good_number(key: dict[str, str]) -> None:
    desk = Desk(FOUND)
    with pytest.raises(InvalidParams):
        await transfer(desk).query(**key)

    assert desk.calls == []


async def test_a_cancel_takes_a_good_number() -> None:
    with pytest.raises(InvalidParams):
        await transfer(Desk()).cancel(out_bill_no="a/../b")


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"out_bill_no": "other"}, MalformedAnswer),
        ({"out_bill_no": None}, MalformedAnswer),
        ({"state": None}, MalformedAnswer),
        ({"state": ["SUCCESS"]}, MalformedAnswer),
        ({"transfer_amount": "many"}, MalformedAnswer),
        ({"transfer_amount": 1.5}, MalformedAnswer),
        ({"mch_id": "1900000001"}, SignatureError),
        ({"mchid": "1900000001"}, SignatureError),
        ({"appid": "wxother"}, SignatureError),
    ],
)
async def test_an_answer_about_something_else_is_not_taken(changed: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        await transfer(Desk({**FOUND, **changed})).query(out_bill_no=BILL)


async def test_a_service_provider_does_not_transfer_its_own_money_by_mistake() -> None:
    desk = Desk(MADE)
    providing = transfer(desk, sub_mch_id="1900000109")
    for asked in (
        lambda: providing.create(**ASKED),
        lambda: providing.query(out_bill_no=BILL),
        lambda: providing.cancel(out_bill_no=BILL),
    ):
        with pytest.raises(ConfigError, match="sub_mch_id"):
            await asked()

    assert desk.calls == []


@pytest.mark.parametrize("name", ["mch_id", "mchid"])
def test_a_notification_says_how_a_transfer_ended(name: str) -> None:
    content = {key: value for key, value in ENDED.items() if key != "mch_id"} | {name: MCH}
    notice = transfer(Desk()).notice(Event(content))

    assert notice == TransferNotice(
        out_bill_no=BILL,
        transfer_bill_no=WEIXIN_BILL,
        state="SUCCESS",
        transfer_amount=400_000,
        reply=REPLY,
        notify_id="EV-2018022511223320873",
        openid="o-MYE42l80oelYMDE34nYD456Xoy",
        create_time="2015-05-20T13:29:35+08:00",
        update_time="2015-05-20T13:29:36+08:00",
    )
    assert (notice.succeeded, notice.raw) == (True, content)


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"mch_id": "1900000001"}, SignatureError),
        ({"mch_id": None}, SignatureError),
        ({"state": "PROCESSING"}, MalformedAnswer),
        ({"out_bill_no": None}, MalformedAnswer),
        ({"transfer_amount": None}, MalformedAnswer),
    ],
)
def test_a_notification_that_is_not_about_an_ended_transfer_of_ours_is_refused(
    changed: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        transfer(Desk()).notice(Event({**ENDED, **changed}))


def test_another_kind_of_notification_is_not_a_transfers() -> None:
    with pytest.raises(WrongNotice, match=r"TRANSACTION\.SUCCESS"):
        transfer(Desk()).notice(Event(ENDED, event_type="TRANSACTION.SUCCESS"))
