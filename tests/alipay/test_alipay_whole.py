"""Every way of an Alipay account over HTTP against the emulator: both modes, both protocols, plain and encrypted."""

from __future__ import annotations

import asyncio
import csv
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer

from tongfu import (
    ConfigError,
    InvalidParams,
    MalformedAnswer,
    Notification,
    OutcomeUnknown,
    PlatformRefused,
    SignatureError,
    Tongfu,
)
from tongfu.emulator import Emulator
from tongfu.emulator.half import EmulatedOrder
from tongfu.errors import (
    BillUnavailable,
    CodeRejected,
    CredentialRejected,
    NotEnough,
    OrderConflict,
    OrderNotFound,
    PermissionDenied,
)
from tongfu.money import fen_from_yuan
from tongfu_alipay import AlipayAccount
from tongfu_alipay.certificate_mode import KIND

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEY_MODE = ("private_key", "alipay_public_key")
CERTIFICATES = ("private_key", "app_cert", "alipay_cert", "alipay_root_cert")
MODES: dict[str, dict[str, Any]] = {
    "all of the line": {"names": (*KEY_MODE, *CERTIFICATES[1:], "encrypt_key")},
    "keys": {"names": KEY_MODE},
    "keys, encrypted": {"names": (*KEY_MODE, "encrypt_key")},
    "certificates": {"names": CERTIFICATES},
    "certificates, encrypted": {"names": (*CERTIFICATES, "encrypt_key")},
    "keys, v3": {"names": KEY_MODE, "protocol": "v3"},
    "keys, encrypted, v3": {"names": (*KEY_MODE, "encrypt_key"), "protocol": "v3"},
    "certificates, v3": {"names": CERTIFICATES, "protocol": "v3"},
    "certificates, encrypted, v3": {"names": (*CERTIFICATES, "encrypt_key"), "protocol": "v3"},
}
OpenStage = Callable[..., Any]


class Shop:
    """One account of the emulator's app, and what its server heard."""

    def __init__(self, emu: Emulator, tf: Tongfu, url: str, bodies: list[bytes], account: AlipayAccount) -> None:
        self.emu, self.tf, self.url, self.bodies, self.account = emu, tf, url, bodies, account
        self.alipay = tf.open(account)
        self.payment = self.alipay.payment

    async def order(self, out_trade_no: str = "A1001", **changes: Any) -> Any:
        given: dict[str, Any] = {"subject": "茶,tea", "total_fee": 100, "notify_url": self.url, "trade_type": "NATIVE"}
        return await self.payment.get_order_info(out_trade_no=out_trade_no, **{**given, **changes})

    async def paid(self, out_trade_no: str = "A1001", **changes: Any) -> Any:
        info = await self.order(out_trade_no, **changes)
        await self.emu.pay(out_trade_no)
        return info

    async def control(self, path: str, **body: Any) -> Any:
        url = f"{self.emu.url}/_emulator/alipay/{path}"
        async with aiohttp.ClientSession() as session, session.post(url, json=body) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def heard(self, which: int = -1) -> Notification:
        """A notification that came, once all that are on their way have."""
        await self.emu.settle()
        return Notification({}, self.bodies[which])

    async def code(self, outcome: str) -> str:
        return str((await self.control("payment_code", outcome=outcome))["auth_code"])

    async def exchanges(self) -> list[dict[str, Any]]:
        async with aiohttp.ClientSession() as session, session.get(f"{self.emu.url}/_emulator/exchanges") as answer:
            found: list[dict[str, Any]] = (await answer.json())["exchanges"]
            return found

    def pay(self, auth_code: str, **changes: Any) -> Any:
        given = {"out_trade_no": "A1001", "total_fee": 100, "subject": "tea", "pause": self.pause, **changes}
        return self.alipay.trade.pay(auth_code=auth_code, **given)

    async def pause(self, seconds: float) -> None:
        await self.emu.clock.advance(seconds)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def emu() -> AsyncIterator[Emulator]:
    async with Emulator(platforms=["alipay"], frozen=True) as emulator:
        yield emulator


@pytest_asyncio.fixture(loop_scope="module")
async def open_shop(emu: Emulator) -> AsyncIterator[OpenStage]:
    await emu.reset()
    bodies: list[bytes] = []

    async def hear(request: web.Request) -> web.Response:
        bodies.append(await request.read())
        return web.Response(text="success")

    application = web.Application()
    application.router.add_post("/notify", hear)
    opened: list[Tongfu] = []
    async with TestServer(application) as server:

        def open_shop(mode: str = "certificates", **changes: Any) -> Shop:
            settings, chosen = emu.settings()["alipay"], dict(MODES[mode])
            names = ("app_id", "seller_id", "gateway", *chosen.pop("names"))
            account = AlipayAccount(**{**{name: settings[name] for name in names}, **chosen, **changes})
            tf = Tongfu({"alipay": account}, clock=emu.clock)
            opened.append(tf)
            return Shop(emu, tf, str(server.make_url("/notify")), bodies, account)

        yield open_shop
    for tf in opened:
        await tf.close()


@pytest.mark.parametrize("mode", MODES)
async def test_a_whole_order_is_the_same_in_every_mode(open_shop: OpenStage, mode: str) -> None:
    shop = open_shop(mode)
    info = await shop.order()
    assert info.code_url.startswith("https://qr.alipay.com/")
    with pytest.raises(OrderNotFound) as absent:
        await shop.payment.order_query(out_trade_no="A1001")
    assert (absent.value.code, absent.value.sub_code, absent.value.verified) == (
        "40004",
        "ACQ.TRADE_NOT_EXIST",
        True,
    )
    await shop.emu.pay("A1001")
    order = await shop.payment.order_query(out_trade_no="A1001")
    assert (order.trade_state, order.total_fee, order.cash_fee) == ("SUCCESS", 100, 100)

    notice = await shop.payment.verify_payment_notify(await shop.heard(0))
    assert (notice.paid, notice.out_trade_no, notice.total_fee) == (True, "A1001", 100)

    part = await shop.payment.refund(out_trade_no="A1001", out_refund_no="R1", refund_fee=30)
    rest = await shop.payment.refund(out_trade_no="A1001", out_refund_no="R2", refund_fee=70)
    assert [(each.fund_change, each.refund_fee, each.total_refund_fee) for each in (part, rest)] == [
        (True, 30, 30),
        (True, 70, 100),
    ]
    found = await shop.payment.refund_query(out_trade_no="A1001", out_refund_no="R1")
    assert (found.refund_status, found.refund_fee, found.refund_detail_item_list[0].amount) == ("SUCCESS", 30, 30)
    told = await shop.payment.verify_refund_notify(await shop.heard())
    assert (told.out_refund_no, told.refund_fee) == ("R2", 100)

    await shop.order("A1002", trade_type="JSAPI", openid="2088101117955611")
    closed = await shop.payment.close_order(out_trade_no="A1002")
    assert closed.out_trade_no == "A1002"
    await shop.paid("A1003")
    undone = await shop.payment.cancel_order(out_trade_no="A1003")
    assert (undone.action, undone.retry_flag) == ("refund", False)

    exchanges = [each for each in await shop.exchanges() if not each["path"].startswith("/_emulator")]
    assert {each["verdict"] for each in exchanges} == {"valid"}
    assert all(each["path"].startswith("/v3/alipay/") == ("v3" in mode) for each in exchanges)


@pytest.mark.parametrize("mode", MODES)
async def test_a_day_is_billed_in_every_mode(open_shop: OpenStage, mode: str) -> None:
    shop = open_shop(mode)
    for number in range(3):
        await shop.paid(f"A100{number}", total_fee=29 + number)
    await shop.payment.refund(out_trade_no="A1001", out_refund_no="R1", refund_fee=7)
    day = shop.emu.clock.now()
    with pytest.raises(BillUnavailable):
        await shop.payment.download_bill(bill_date=day.date())
    await shop.emu.clock.advance(2 * 86400)
    beijing = (await shop.payment.order_query(out_trade_no="A1000")).time_end[:8]

    bill = await shop.payment.download_bill(bill_date=beijing)
    lines = list(bill.lines())
    assert bill.content == "".join(lines)
    assert lines[0] == "#支付宝业务明细查询\r\n"
    rows = list(csv.DictReader([line for line in lines if not line.startswith("#")]))
    assert [
        (row["商户订单号"].strip(), row["业务类型"], row["商家实收（元）"], row["退款批次号/请求号"].strip())
        for row in rows
    ] == [
        ("A1000", "交易", "0.29", ""),
        ("A1001", "交易", "0.30", ""),
        ("A1001", "退款", "-0.07", "R1"),
        ("A1002", "交易", "0.31", ""),
    ]
    assert rows[0]["商品名称"].strip() == "茶,tea"
    assert len(rows[0]) == 25
    assert bill.summary is not None
    assert "0.83" in bill.summary

    flow = await shop.payment.download_fundflow(bill_date=beijing)
    rows = list(csv.DictReader([line for line in flow.lines() if not line.startswith("#")]))
    assert [row["账户余额（元）"] for row in rows] == ["0.29", "0.59", "0.52", "0.83"]
    await shop.emu.clock.advance(40 * 86400)
    month = await shop.payment.download_bill(bill_date=f"{beijing[:4]}-{beijing[4:6]}", bill_type="trade")
    assert month.content.count("A100") == 4


async def test_a_day_of_a_hundred_thousand_trades_comes_back_whole(open_shop: OpenStage) -> None:
    shop = open_shop()
    now = shop.emu.clock.now()
    for number in range(100_000):
        shop.emu._ledger.add(
            EmulatedOrder(
                platform="alipay",
                out_trade_no=f"A{number}",
                total_fee=number + 1,
                created=now,
                state="paid",
                transaction_id=f"20261124{number:020d}",
                paid=now,
                wire={"content": {"subject": "茶"}, "method": "alipay.trade.create", "opened": True},
            )
        )
    day = (await shop.payment.order_query(out_trade_no="A1")).time_end[:8]
    await shop.emu.clock.advance(2 * 86400)
    bill = await shop.payment.download_bill(bill_date=day)
    rows = csv.DictReader(line for line in bill.lines() if not line.startswith("#"))
    found = {row["商户订单号"].strip(): fen_from_yuan(row["商家实收（元）"]) for row in rows}

    assert found == {f"A{number}": number + 1 for number in range(100_000)}


# --- certificates ----------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["certificates", "certificates, encrypted, v3"])
async def test_alipay_changes_its_certificate_between_a_refund_and_its_answer(open_shop: OpenStage, mode: str) -> None:
    shop = open_shop(mode)
    await shop.paid()
    changed = await shop.control("certificates", rotate=True, in_notifications=True)
    refund = await shop.payment.refund(out_trade_no="A1001", out_refund_no="R1", refund_fee=30)
    assert refund.fund_change

    form = dict(parse_qsl((await shop.heard()).body.decode()))
    assert form["alipay_cert_sn"] == changed["alipay_cert_sn"]
    assert (await shop.payment.verify_refund_notify(await shop.heard())).refund_fee == 30
    posts = [each["path"] for each in await shop.exchanges() if each["method"] == "POST"]
    assert len([path for path in posts if path == "/gateway.do"]) == (4 if "v3" in mode else 6)


async def test_a_process_that_starts_later_verifies_an_older_notification(open_shop: OpenStage) -> None:
    shop = open_shop()
    await shop.paid()
    await shop.control("certificates", rotate=True)
    with pytest.raises(SignatureError):
        await shop.payment.verify_payment_notify(
            Notification({}, (await shop.heard(0)).body.replace(b"A1001", b"A1002"))
        )
    assert (await shop.payment.verify_payment_notify(await shop.heard(0))).paid


@pytest.mark.parametrize("forgery", ["foreign", "expired", "app", "number", "empty"])
@pytest.mark.parametrize("mode", ["certificates", "certificates, v3"])
async def test_a_forged_certificate_is_not_believed(open_shop: OpenStage, forgery: str, mode: str) -> None:
    shop = open_shop(mode)
    await shop.paid()
    await shop.control("certificates", rotate=True, forgery=forgery)
    with pytest.raises(OutcomeUnknown) as caught:
        await shop.payment.refund(out_trade_no="A1001", out_refund_no="R1", refund_fee=30)
    assert isinstance(caught.value, SignatureError)

    with pytest.raises((SignatureError, MalformedAnswer)):
        await shop.alipay._caller.credential(KIND)


@pytest.mark.parametrize("mode", ["certificates", "certificates, v3"])
@pytest.mark.parametrize("fault", ["bad_signature", "no_signature", "unknown_serial"])
async def test_an_answer_that_is_not_alipays_leaves_a_refund_open(open_shop: OpenStage, mode: str, fault: str) -> None:
    shop = open_shop(mode)
    await shop.paid()
    shop.emu.fault(fault, path="/*")
    with pytest.raises(OutcomeUnknown) as caught:
        await shop.payment.refund(out_trade_no="A1001", out_refund_no="R1", refund_fee=30)
    assert isinstance(caught.value, SignatureError)

    state = await shop.payment.refund_query(out_trade_no="A1001", out_refund_no="R1")
    assert state.refund_fee == 30


@pytest.mark.parametrize(
    ("change", "sub_code"),
    [
        ({"app_cert_sn": "0" * 32}, "isv.app-cert-not-exist"),
        ({"alipay_root_cert_sn": "0" * 32}, "isv.invalid-alipay-root-cert-sn"),
        ({"app_cert_sn": ""}, "isv.missing-app-cert-sn"),
        ({"alipay_root_cert_sn": ""}, "isv.missing-alipay-root-cert-sn"),
    ],
)
async def test_the_gateway_compares_the_numbers(open_shop: OpenStage, change: dict[str, str], sub_code: str) -> None:
    from dataclasses import replace

    shop = open_shop()
    shop.account.remember(certificates=replace(shop.account.certificates(), **change))
    with pytest.raises(PlatformRefused) as caught:
        await shop.payment.order_query(out_trade_no="A1001")

    assert (caught.value.sub_code, caught.value.verified) == (sub_code, False)


# --- bar codes -------------------------------------------------------------------------------------


async def test_a_scanned_code_pays_at_once(open_shop: OpenStage) -> None:
    shop = open_shop()
    order = await shop.pay(await shop.code("success"), notify_url=shop.url)

    assert (order.trade_state, order.paid, order.total_fee, order.cash_fee) == ("SUCCESS", True, 100, 100)
    assert (await shop.payment.verify_payment_notify(await shop.heard(0))).paid


@pytest.mark.parametrize("mode", ["keys", "certificates, encrypted, v3"])
@pytest.mark.parametrize(("outcome", "code"), [("success", "10000"), ("userpaying", "10003")])
async def test_a_payment_code_is_a_scene_of_an_order_too(
    open_shop: OpenStage, mode: str, outcome: str, code: str
) -> None:
    shop = open_shop(mode)
    info = await shop.order(trade_type="MICROPAY", extra={"auth_code": await shop.code(outcome)})
    state = await shop.payment.order_query(out_trade_no="A1001")

    assert (info.raw["code"], info.payload, state.paid) == (code, state.transaction_id, outcome == "success")
    for extra in (None, {}, {"auth_code": "1234"}):
        with pytest.raises(InvalidParams, match="payment code"):
            await shop.order("A1002", trade_type="MICROPAY", extra=extra)


@pytest.mark.parametrize("mode", ["keys", "certificates, encrypted, v3"])
async def test_a_buyer_who_types_his_password_is_waited_for(open_shop: OpenStage, mode: str) -> None:
    shop = open_shop(mode)
    states = []
    async for order in shop.pay(await shop.code("userpaying")):
        states.append(order.trade_state)
        if len(states) == 3:
            await shop.emu.pay("A1001")

    assert states == ["USERPAYING", "USERPAYING", "USERPAYING", "SUCCESS"]


async def test_a_buyer_who_never_does_is_not_charged(open_shop: OpenStage) -> None:
    shop = open_shop()
    began = shop.emu.clock.now()
    states = [order.trade_state async for order in shop.pay(await shop.code("userpaying"), every=10, within=25)]

    assert states == ["USERPAYING"] * 4 + ["REVOKED"]
    assert (shop.emu.clock.now() - began).total_seconds() == 25
    assert (await shop.payment.order_query(out_trade_no="A1001")).trade_state == "CLOSED"
    with pytest.raises(ValueError, match="closed"):
        await shop.emu.pay("A1001")


async def test_an_unknown_outcome_is_asked_about_at_once(open_shop: OpenStage) -> None:
    shop = open_shop()
    states = []
    async for order in shop.pay(await shop.code("system_error")):
        states.append(order.trade_state)
        if len(states) == 1:
            await shop.emu.pay("A1001")

    assert states == ["USERPAYING", "SUCCESS"]


async def test_a_payment_that_was_lost_is_cancelled_all_the_same(open_shop: OpenStage) -> None:
    shop = open_shop()
    order = await shop.pay(await shop.code("lost"))

    assert (order.trade_state, order.paid) == ("REVOKED", False)


@pytest.mark.parametrize("fault", ["timeout_after_commit", "bad_signature", "status:502", "truncate"])
async def test_whatever_happens_to_the_answer_nobody_pays_twice(open_shop: OpenStage, fault: str) -> None:
    shop = open_shop(timeout=0.8)
    shop.emu.fault(fault, path="/gateway.do")
    order = await shop.pay(await shop.code("success"))

    assert order.trade_state == ("REVOKED" if fault == "status:502" else "SUCCESS")
    orders = [each for each in shop.emu._ledger.orders("alipay") if each.out_trade_no == "A1001"]
    assert len(orders) == (0 if fault == "status:502" else 1)


async def test_a_cancellation_without_an_answer_is_repeated_under_the_same_number(open_shop: OpenStage) -> None:
    shop = open_shop(timeout=0.8)
    payment = shop.pay(await shop.code("userpaying"), every=10, within=5)
    states = []
    async for order in payment:
        states.append(order.trade_state)
        if len(states) == 2:
            shop.emu.fault("timeout_before", path="/gateway.do")
    assert states == ["USERPAYING", "USERPAYING", "REVOKED"]


async def test_what_cannot_be_cancelled_is_an_unknown_outcome(open_shop: OpenStage) -> None:
    shop = open_shop(timeout=0.8)
    payment = aiter(shop.pay(await shop.code("userpaying"), every=10, within=5))
    assert [(await anext(payment)).trade_state for _ in range(2)] == ["USERPAYING", "USERPAYING"]
    shop.emu.fault("timeout_before", path="/gateway.do", times=3)
    with pytest.raises(OutcomeUnknown, match="could not be cancelled"):
        await anext(payment)


@pytest.mark.parametrize(
    ("outcome", "error"), [("not_enough", NotEnough), ("expired", CodeRejected), ("used", CodeRejected)]
)
async def test_a_code_that_does_not_pay_is_refused(open_shop: OpenStage, outcome: str, error: type[Exception]) -> None:
    shop = open_shop()
    code = await shop.code("success" if outcome == "used" else outcome)
    if outcome == "used":
        await shop.pay(code, out_trade_no="A1000")
    with pytest.raises(error):
        await shop.pay(code)


@pytest.mark.parametrize("seconds", [0, -1, 86401, float("nan"), True, "5"])
@pytest.mark.parametrize("name", ["every", "within"])
async def test_times_that_cannot_pass_are_refused(open_shop: OpenStage, name: str, seconds: Any) -> None:
    shop = open_shop()
    with pytest.raises(InvalidParams, match=name):
        shop.pay("28" * 9, **{name: seconds})


async def test_a_clock_that_stands_makes_no_endless_loop(open_shop: OpenStage) -> None:
    shop = open_shop()
    paused: list[float] = []

    async def pause(seconds: float) -> None:
        paused.append(seconds)

    order = await shop.pay(await shop.code("userpaying"), every=10, within=25, pause=pause)
    assert (order.trade_state, paused) == ("REVOKED", [10, 10, 10])


async def test_the_states_are_read_once(open_shop: OpenStage) -> None:
    shop = open_shop()
    payment = shop.pay(await shop.code("success"))
    await payment
    with pytest.raises(RuntimeError, match="read already"):
        await payment


# --- money out -------------------------------------------------------------------------------------

PAYEE: dict[str, Any] = {"identity": "2088101117955611", "identity_type": "ALIPAY_USER_ID", "order_title": "工资"}


@pytest.mark.parametrize("mode", ["certificates", "certificates, encrypted, v3"])
async def test_a_transfer_arrives_and_is_found_by_either_number(open_shop: OpenStage, mode: str) -> None:
    shop = open_shop(mode)
    sent = await shop.alipay.fund.transfer(out_biz_no="T1", trans_amount=1029, **PAYEE, remark="十一月")
    assert (sent.succeeded, sent.final, sent.trans_amount) == (True, True, 1029)
    again = await shop.alipay.fund.transfer(out_biz_no="T1", trans_amount=1029, **PAYEE, remark="十一月")
    assert again.order_id == sent.order_id

    for key in ({"out_biz_no": "T1"}, {"order_id": sent.order_id}):
        found = await shop.alipay.fund.transfer_query(**key)
        assert (found.status, found.trans_amount, found.out_biz_no) == ("SUCCESS", 1029, "T1")
    assert (await shop.control("funds"))["balance"] == 10**8 - 1029


async def test_an_unknown_outcome_of_a_transfer_is_settled_by_the_same_number(open_shop: OpenStage) -> None:
    shop = open_shop()
    await shop.control("funds", outcome="SYSTEM_ERROR")
    with pytest.raises(OutcomeUnknown):
        await shop.alipay.fund.transfer(out_biz_no="T1", trans_amount=1000, **PAYEE)
    assert (await shop.alipay.fund.transfer(out_biz_no="T1", trans_amount=1000, **PAYEE)).succeeded
    assert (await shop.control("funds"))["balance"] == 10**8 - 1000


async def test_dealing_is_neither_success_nor_failure(open_shop: OpenStage) -> None:
    shop = open_shop()
    await shop.control("funds", outcome="DEALING")
    sent = await shop.alipay.fund.transfer(out_biz_no="T1", trans_amount=1000, **PAYEE)
    assert (sent.status, sent.succeeded, sent.final) == ("DEALING", False, False)
    await shop.emu.clock.advance(61)
    assert (await shop.alipay.fund.transfer_query(out_biz_no="T1")).succeeded

    await shop.control("funds", outcome="FAIL")
    failed = await shop.alipay.fund.transfer(out_biz_no="T2", trans_amount=1000, **PAYEE)
    assert (failed.succeeded, failed.final, failed.error_code) == (False, True, "PAYEE_CARD_INFO_ERROR")


async def test_a_transfer_beyond_the_balance_and_a_number_used_otherwise_are_refused(open_shop: OpenStage) -> None:
    shop = open_shop()
    await shop.alipay.fund.transfer(out_biz_no="T1", trans_amount=1000, **PAYEE)
    with pytest.raises(PlatformRefused, match="PARAM_ILLEGAL"):
        await shop.alipay.fund.transfer(out_biz_no="T1", trans_amount=1001, **PAYEE)
    await shop.control("funds", balance=999)
    with pytest.raises(NotEnough):
        await shop.alipay.fund.transfer(out_biz_no="T2", trans_amount=1000, **PAYEE)
    with pytest.raises(OrderNotFound):
        await shop.alipay.fund.transfer_query(out_biz_no="T2")


async def test_key_mode_sends_no_transfer(open_shop: OpenStage) -> None:
    shop = open_shop("keys")
    with pytest.raises(ConfigError, match="certificate mode"):
        await shop.alipay.fund.transfer(out_biz_no="T1", trans_amount=1000, **PAYEE)
    with pytest.raises(PermissionDenied):
        await shop.alipay.call("alipay.fund.trans.uni.transfer", {"out_biz_no": "T1"})


@pytest.mark.parametrize("mode", ["certificates", "keys, v3"])
async def test_a_trade_is_shared_with_who_was_bound_and_no_further(open_shop: OpenStage, mode: str) -> None:
    shop = open_shop(mode)
    await shop.paid()
    trade_no = (await shop.payment.order_query(out_trade_no="A1001")).transaction_id
    share: dict[str, Any] = {"trans_in": "2088000000000001", "amount": 30}
    with pytest.raises(PlatformRefused, match="USER_NOT_MATCH"):
        await shop.alipay.trade.settle(out_request_no="S1", transaction_id=trade_no, royalty_parameters=[share])
    receiver = {"type": "userId", "account": share["trans_in"]}
    await shop.alipay.call("alipay.trade.royalty.relation.bind", {"receiver_list": [receiver], "out_request_no": "B1"})
    for _ in range(2):
        settled = await shop.alipay.trade.settle(
            out_request_no="S1", transaction_id=trade_no, royalty_parameters=[share]
        )
        assert (settled.transaction_id, bool(settled.settle_no)) == (trade_no, True)
    with pytest.raises(OrderConflict):
        await shop.alipay.trade.settle(
            out_request_no="S1", transaction_id=trade_no, royalty_parameters=[{**share, "amount": 31}]
        )
    with pytest.raises(PlatformRefused, match="ALLOC_AMOUNT"):
        await shop.alipay.trade.settle(
            out_request_no="S2", transaction_id=trade_no, royalty_parameters=[{**share, "amount": 71}]
        )


# --- what is frozen, what is agreed ----------------------------------------------------------------


@pytest.mark.parametrize("mode", ["keys", "certificates"])
async def test_a_deposit_is_frozen_used_and_given_back(open_shop: OpenStage, mode: str) -> None:
    shop = open_shop(mode)
    freeze = {"out_order_no": "F1", "out_request_no": "Q1", "order_title": "押金", "amount": "10.00"}
    string = await shop.alipay.order_string(
        "alipay.fund.auth.order.app.freeze", {**freeze, "product_code": "PREAUTH_PAY"}, notify_url=shop.url
    )
    frozen = await shop.control("app_pay", order_string=string)
    assert frozen["status"] == "SUCCESS"
    paid = await shop.alipay.trade.pay(
        out_trade_no="A1001",
        total_fee=700,
        subject="one day",
        extra={"auth_no": frozen["auth_no"], "product_code": "PREAUTH_PAY", "auth_confirm_mode": "NOT_COMPLETE"},
    )
    assert (paid.trade_state, paid.total_fee) == ("SUCCESS", 700)
    back = {"auth_no": frozen["auth_no"], "out_request_no": "Q2", "remark": "given back"}
    with pytest.raises(PlatformRefused, match="REQUEST_AMOUNT_EXCEED"):
        await shop.alipay.call("alipay.fund.auth.order.unfreeze", {**back, "amount": "3.01"})
    await shop.alipay.call("alipay.fund.auth.order.unfreeze", {**back, "amount": "3.00"})
    state = await shop.alipay.call(
        "alipay.fund.auth.operation.detail.query",
        {"auth_no": frozen["auth_no"], "out_request_no": "Q2"},
        read_only=True,
    )
    assert (state["operation_type"], state["rest_amount"]) == ("UNFREEZE", "0.00")


async def test_a_user_who_signed_is_charged_until_he_ends_it(open_shop: OpenStage) -> None:
    shop = open_shop()
    page = await shop.alipay.page(
        "alipay.user.agreement.page.sign",
        {
            "personal_product_code": "CYCLE_PAY_AUTH_P",
            "sign_scene": "INDUSTRY|DEFAULT_SCENE",
            "external_agreement_no": "E1",
            "access_params": {"channel": "QRCODE"},
        },
        notify_url=shop.url,
    )
    async with aiohttp.ClientSession() as browser, browser.get(page.url) as opened:
        assert "E1" in await opened.text()
    signed = await shop.control("agreement", external_agreement_no="E1")
    message = await shop.alipay.verify_message(await shop.heard())
    assert (message.method, message.content["agreement_no"], message.reply.body) == (
        "dut_user_sign",
        signed["agreement_no"],
        b"success",
    )
    agreed = {"agreement_no": signed["agreement_no"]}
    charge: dict[str, Any] = {
        "total_fee": 100,
        "subject": "month",
        "extra": {"agreement_params": agreed, "product_code": "CYCLE_PAY_AUTH"},
    }
    assert (await shop.alipay.trade.pay(out_trade_no="A1001", **charge)).paid
    found = await shop.alipay.call("alipay.user.agreement.query", {"external_agreement_no": "E1"}, read_only=True)
    assert found["status"] == "NORMAL"
    await shop.alipay.call("alipay.user.agreement.unsign", agreed)
    with pytest.raises(PlatformRefused, match="AGREEMENT_NOT_EXIST"):
        await shop.alipay.trade.pay(out_trade_no="A1002", **charge)


# --- for a merchant, and what else is signed -------------------------------------------------------


@pytest.mark.parametrize("mode", ["keys", "certificates", "keys, v3", "certificates, encrypted, v3"])
async def test_an_isv_acts_for_a_merchant_who_allowed_it(open_shop: OpenStage, mode: str) -> None:
    own = open_shop(mode)
    code = (await own.control("authorize"))["app_auth_code"]
    token = (await own.alipay.auth.get_app_auth_token(code)).app_auth_token
    shop = open_shop(mode, app_auth_token=token)
    await shop.paid(extra={"sub_merchant": {"merchant_id": "2088000603999128"}})
    assert (await shop.payment.order_query(out_trade_no="A1001")).trade_state == "SUCCESS"
    with pytest.raises(CredentialRejected):
        await open_shop(mode, app_auth_token="made-up").payment.order_query(out_trade_no="A1001")


@pytest.mark.parametrize("mode", ["keys", "certificates", "keys, v3"])
async def test_users_log_in_and_share_their_profile_in_every_protocol(open_shop: OpenStage, mode: str) -> None:
    shop = open_shop(mode)
    code = (await shop.control("login", openid="2088101117955611"))["code"]
    session = await shop.alipay.auth.code2session(code)
    assert session.openid == "2088101117955611"
    assert (await shop.alipay.user_info.share(session.access_token)).gender == "F"
    with pytest.raises(CodeRejected):
        await shop.alipay.auth.code2session(code)


@pytest.mark.parametrize("mode", ["keys", "certificates"])
async def test_the_way_back_from_a_page_is_alipays_and_proves_no_payment(open_shop: OpenStage, mode: str) -> None:
    shop = open_shop(mode)
    info = await shop.order(trade_type="PAGE", return_url="https://shop.example/back?lang=zh")
    async with aiohttp.ClientSession() as browser:
        await browser.get(info.pay_url)
    url = (await shop.control("page_return", out_trade_no="A1001"))["url"]
    query = dict(parse_qsl(urlsplit(url).query))
    assert query.pop("lang") == "zh"
    back = await shop.alipay.verify_return(query)
    assert (back.out_trade_no, back.total_fee) == ("A1001", 100)
    assert not hasattr(back, "paid")
    for forged in ({**query, "total_amount": "0.01"}, {**query, "sign": ""}, {}):
        with pytest.raises((SignatureError, MalformedAnswer)):
            await shop.alipay.verify_return(forged)


async def test_a_message_to_the_apps_gateway_is_verified(open_shop: OpenStage) -> None:
    shop = open_shop("keys")
    content = {"order_id": "1", "price": 0.29, "title": "茶"}
    await shop.control("message", url=shop.url, method="alipay.open.servicemarket.order.notify", biz_content=content)
    message = await shop.alipay.verify_message(await shop.heard())
    assert (message.method, message.content) == (
        "alipay.open.servicemarket.order.notify",
        {"order_id": "1", "price": "0.29", "title": "茶"},
    )
    with pytest.raises(SignatureError):
        await shop.alipay.verify_message(Notification({}, shop.bodies[-1].replace(b"0.29", b"0.30")))


# --- REST ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["bad_signature", "no_signature"])
async def test_an_unsigned_or_wrongly_signed_rest_answer_is_none(open_shop: OpenStage, fault: str) -> None:
    shop = open_shop("keys, v3")
    await shop.paid()
    shop.emu.fault(fault, path="/v3/*", times=3)
    with pytest.raises(SignatureError):
        await shop.payment.order_query(out_trade_no="A1001")


async def test_a_rest_refusal_without_a_signature_says_so(open_shop: OpenStage) -> None:
    shop = open_shop("keys, v3", app_id="2021000000000009")
    with pytest.raises(CredentialRejected) as caught:
        await shop.payment.order_query(out_trade_no="A1001")

    assert (caught.value.sub_code, caught.value.http_status, caught.value.verified) == ("invalid-app-id", 400, False)


async def test_many_calls_at_once_share_one_fetch_of_a_changed_certificate(open_shop: OpenStage) -> None:
    shop = open_shop()
    await shop.paid()
    await shop.control("certificates", rotate=True)
    states = await asyncio.gather(*[shop.payment.order_query(out_trade_no="A1001") for _ in range(20)])
    assert {state.trade_state for state in states} == {"SUCCESS"}

    posts = [each for each in await shop.exchanges() if each["path"] == "/gateway.do"]
    assert len(posts) == 1 + 20 + 2
