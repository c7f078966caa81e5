"""``get_order_info`` in each scene: what is sent, what is signed here, and what a browser makes of the form."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import aiohttp
import pytest

from tongfu import ConfigError, InvalidParams, MalformedAnswer, OrderInfo, OutcomeUnknown, SignatureError, Tongfu
from tongfu.emulator import Emulator

if TYPE_CHECKING:
    from tests.alipay.conftest import Shop

NASTY = """&notify_url=x" onload='alert(1)'><script>alert("咖啡")</script>&amp;&copy;%41+\u2028\n\\/"""
CREATE, PRECREATE = "alipay.trade.create", "alipay.trade.precreate"


async def order(tf: Tongfu, name: str = "shop", **changes: Any) -> OrderInfo:
    keywords: dict[str, Any] = {
        "subject": "coffee",
        "out_trade_no": "A1001",
        "total_fee": 8888,
        "notify_url": "https://shop.example/notify",
        **changes,
    }
    return await tf.payment.get_order_info(name, **keywords)


async def asked(shop: Shop, answer: bytes, **changes: Any) -> tuple[dict[str, str], dict[str, Any], OrderInfo]:
    """The signed parameters that were sent, their biz_content, and what came of it."""
    tf, transport = shop.tongfu(answer)
    info = await order(tf, **changes)
    params = shop.asked(transport.requests[0])
    return params, json.loads(params["biz_content"]), info


def created(shop: Shop) -> bytes:
    return shop.answer('{"code":"10000","msg":"Success","out_trade_no":"A1001","trade_no":"2026T1"}', CREATE)


async def test_a_mini_program_gets_the_bare_trade_no(shop: Shop) -> None:
    params, content, info = await asked(shop, created(shop), openid="2088101117955611", body="one coffee")

    assert (params["method"], params["notify_url"]) == (CREATE, "https://shop.example/notify")
    assert content == {
        "out_trade_no": "A1001",
        "total_amount": "88.88",
        "subject": "coffee",
        "body": "one coffee",
        "product_code": "JSAPI_PAY",
        "op_app_id": shop.app_id,
        "seller_id": shop.seller_id,
        "buyer_id": "2088101117955611",
    }
    assert (info.payload, info.to_camel(), info.trade_type) == ("2026T1", "2026T1", "JSAPI")


@pytest.mark.parametrize(
    ("openid", "field"),
    [
        ("2088101117955611", "buyer_id"),
        ("007hqF5MR1mVqKu-Tyxn9pBNpVi41Bzq", "buyer_open_id"),
        ("20881011179556111", "buyer_open_id"),
        ("208810111795561", "buyer_open_id"),
        ("2089101117955611", "buyer_open_id"),
        ("2088 10111795561", "buyer_open_id"),
        ("٢٠٨٨101117955611", "buyer_open_id"),
    ],
)
async def test_a_buyer_is_named_by_the_shape_of_his_id(shop: Shop, openid: str, field: str) -> None:
    _, content, _ = await asked(shop, created(shop), openid=openid)

    assert {name: value for name, value in content.items() if name.startswith("buyer")} == {field: openid}


async def test_extra_may_name_the_buyer_in_the_shapes_place(shop: Shop) -> None:
    _, content, _ = await asked(shop, created(shop), extra={"buyer_open_id": "2088101117955611", "op_app_id": "2021"})
    assert (content["buyer_open_id"], content["op_app_id"]) == ("2088101117955611", "2021")
    assert "buyer_id" not in content

    tf, transport = shop.tongfu()
    for extra in ({"buyer_open_id": "o1"}, {"buyer_id": "2088101117955613"}):
        with pytest.raises(InvalidParams) as caught:
            await order(tf, openid="2088101117955611", extra=extra)
        assert set(caught.value.problems) == {"openid"}
    with pytest.raises(InvalidParams) as caught:
        await order(tf)
    assert set(caught.value.problems) == {"openid"}
    assert transport.requests == []


async def test_a_qr_code_needs_no_buyer(shop: Shop) -> None:
    body = shop.answer(
        '{"code":"10000","out_trade_no":"A1001","qr_code":"https:\\/\\/qr.alipay.com\\/bax1"}', PRECREATE
    )
    params, content, info = await asked(shop, body, trade_type="NATIVE", openid="2088101117955611")

    assert (params["method"], params["notify_url"]) == (PRECREATE, "https://shop.example/notify")
    assert content == {
        "out_trade_no": "A1001",
        "total_amount": "88.88",
        "subject": "coffee",
        "seller_id": shop.seller_id,
    }
    assert (info.code_url, info.payload) == ("https://qr.alipay.com/bax1", "https://qr.alipay.com/bax1")


@pytest.mark.parametrize(
    ("method", "changes", "node"),
    [
        (CREATE, {"openid": "o1"}, '{"code":"10000","msg":"Success"}'),
        (CREATE, {"openid": "o1"}, '{"code":"10000","trade_no":""}'),
        (CREATE, {"openid": "o1"}, '{"code":"10000","trade_no":["T1"]}'),
        (PRECREATE, {"trade_type": "NATIVE"}, '{"code":"10000","out_trade_no":"A1001"}'),
        (CREATE, {"openid": "o1"}, '{"code":"10000","out_trade_no":"A1002","trade_no":"T1"}'),
        (PRECREATE, {"trade_type": "NATIVE"}, '{"code":"10000","out_trade_no":"A1002","qr_code":"https://qr"}'),
    ],
)
async def test_an_answer_without_its_number_or_of_another_order_is_no_order(
    shop: Shop, method: str, changes: dict[str, Any], node: str
) -> None:
    tf, transport = shop.tongfu(shop.answer(node, method))
    with pytest.raises(OutcomeUnknown) as caught:
        await order(tf, **changes)

    assert isinstance(caught.value, MalformedAnswer)
    assert len(transport.requests) == 1


LOCAL = {
    "APP": ("alipay.trade.app.pay", "QUICK_MSECURITY_PAY"),
    "PAGE": ("alipay.trade.page.pay", "FAST_INSTANT_TRADE_PAY"),
    "WAP": ("alipay.trade.wap.pay", "QUICK_WAP_WAY"),
}


@pytest.mark.parametrize("scene", LOCAL)
async def test_these_scenes_are_signed_here_and_send_nothing(shop: Shop, scene: str) -> None:
    tf, transport = shop.tongfu()
    info = await order(
        tf, trade_type=scene, subject=NASTY, openid="2088101117955611", return_url="https://s.example/b?c=d&e"
    )

    assert transport.requests == []
    text = info.payload if scene == "APP" else urlsplit(info.payload).query
    params = shop.checked(parse_qsl(text, keep_blank_values=True, strict_parsing=True))
    method, product = LOCAL[scene]
    assert {name: value for name, value in params.items() if name not in ("timestamp", "sign", "biz_content")} == {
        "app_id": shop.app_id,
        "method": method,
        "format": "JSON",
        "charset": "utf-8",
        "sign_type": "RSA2",
        "version": "1.0",
        "notify_url": "https://shop.example/notify",
        **({} if scene == "APP" else {"return_url": "https://s.example/b?c=d&e"}),
    }
    assert json.loads(params["biz_content"]) == {
        "out_trade_no": "A1001",
        "total_amount": "88.88",
        "subject": NASTY,
        "product_code": product,
        "seller_id": shop.seller_id,
    }
    assert info.payload.isascii()
    assert not set(' <>"\\{}|^`\n') & set(info.payload)


async def test_client_types_choose_a_scene_and_a_trade_type_overrides_them(shop: Shop) -> None:
    tf, _ = shop.tongfu()
    chosen: list[tuple[dict[str, Any], str]] = [
        ({"client_type": "app"}, "APP"),
        ({"client_type": "app-plus"}, "APP"),
        ({"client_type": "app", "trade_type": "PAGE"}, "PAGE"),
        ({"client_type": "mp-alipay", "trade_type": "H5"}, "WAP"),
    ]
    for changes, scene in chosen:
        assert (await order(tf, **changes)).trade_type == scene
    app, _ = shop.tongfu(client_type="app-plus")
    assert (await order(app)).trade_type == "APP"

    for wrong in ({"client_type": "mp-weixin"}, {"trade_type": "MWEB"}, {"trade_type": "page"}):
        with pytest.raises(InvalidParams) as caught:
            await order(tf, **wrong)
        assert set(caught.value.problems) == set(wrong)


class Form(HTMLParser):
    """What a browser finds in a page: one form and its inputs."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.form: dict[str, str | None] = {}
        self.inputs: list[dict[str, str | None]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "form":
            self.form = dict(attrs)
        if tag == "input":
            self.inputs.append(dict(attrs))


@pytest.mark.parametrize("scene", ["PAGE", "WAP"])
async def test_the_form_is_the_same_request_whatever_the_subject(shop: Shop, scene: str) -> None:
    tf, _ = shop.tongfu(gateway="https://gateway.example/a'b\"<c>/gateway.do")
    info = await order(tf, trade_type=scene, subject=NASTY, return_url="https://s.example/b?c=d&copy=e")
    assert info.pay_form is not None
    form = Form(info.pay_form)

    assert form.tags == ["form", "input", "script"]
    action = urlsplit(str(form.form["action"]))
    assert (action.netloc, action.path) == ("gateway.example", "/a'b\"<c>/gateway.do")
    # A page in GBK would send the bytes of its own charset, and charset says utf-8.
    assert (form.form["method"], form.form["accept-charset"]) == ("post", "utf-8")
    assert [(each["type"], each["name"]) for each in form.inputs] == [("hidden", "biz_content")]
    pairs = [*parse_qsl(action.query, strict_parsing=True), ("biz_content", str(form.inputs[0]["value"]))]
    assert info.pay_url is not None
    assert shop.checked(pairs) == dict(parse_qsl(urlsplit(info.pay_url).query))
    assert json.loads(dict(pairs)["biz_content"])["subject"] == NASTY


@pytest.mark.parametrize("scene", ["PAGE", "WAP"])
async def test_a_browser_opens_the_cashier_by_the_url_or_the_form(scene: str) -> None:
    async with (
        Emulator(platforms=["alipay"]) as emu,
        Tongfu({"plain": plain(emu)}, clock=emu.clock) as tf,
        aiohttp.ClientSession() as browser,
    ):
        by_url = await order(tf, "plain", trade_type=scene, subject=NASTY, out_trade_no="A1001")
        by_form = await order(tf, "plain", trade_type=scene, subject=NASTY, out_trade_no="A1002")
        assert emu.orders() == []

        async with browser.get(by_url.payload) as page:
            assert (page.status, "A1001" in await page.text()) == (200, True)
        form = Form(by_form.pay_form or "")
        content = {str(each["name"]): str(each["value"]) for each in form.inputs}
        async with browser.post(str(form.form["action"]), data=content) as page:
            assert (page.status, "A1002" in await page.text()) == (200, True)

        for number in ("A1001", "A1002"):
            await emu.pay(number)
            paid = await tf.payment.order_query("plain", out_trade_no=number)
            assert (paid.trade_state, paid.total_fee) == ("SUCCESS", 8888)
        assert {exchange.verdict for exchange in emu.exchanges} == {"valid"}

        # What is changed on the way is not what was signed.
        for changed in (by_url.payload.replace("88.88", "00.01"), by_url.payload.replace("A1001", "A1003")):
            async with browser.get(changed) as page:
                assert "isv.invalid-signature" in await page.text()
        assert [each.out_trade_no for each in emu.orders()] == ["A1001", "A1002"]


def plain(emu: Emulator) -> Any:
    from tongfu_alipay import AlipayAccount

    line = emu.settings()["alipay"]
    names = ("app_id", "private_key", "alipay_public_key", "gateway", "seller_id")
    return AlipayAccount(**{name: line[name] for name in names})


async def test_a_local_order_is_not_signed_for_an_app_that_believes_itself(shop: Shop) -> None:
    """Its notifications could be believed by nobody, and nobody would know before the money has moved."""
    tf, _ = shop.tongfu(alipay_public_key=shop.own_public_key())
    for scene in LOCAL:
        with pytest.raises(ConfigError, match="the app's own public key"):
            await order(tf, trade_type=scene)
    # Without any key of Alipay's it is a matter of who verifies later.
    keyless, _ = shop.tongfu(alipay_public_key=None)
    assert (await order(keyless, trade_type="APP")).payload


async def test_bad_limits_are_named(shop: Shop) -> None:
    tf, transport = shop.tongfu()
    wrong: dict[str, Any] = {
        "out_trade_no": "A" * 65,
        "total_fee": 10**10 + 1,
        "notify_url": "https://shop.example/notify?a=1",
        "subject": "x" * 257,
        "body": "x" * 129,
        "return_url": "shop.example",
        "time_expire": datetime(2026, 1, 2),  # noqa: DTZ001 - no zone, on purpose
        "extra": {"total_amount": "0.01"},
        "trade_type": "MINIPROG",
    }
    with pytest.raises(InvalidParams) as caught:
        await order(tf, **wrong)
    assert set(caught.value.problems) == set(wrong)
    for name in ("a-b", "订单", "a b", "", "a\n"):
        with pytest.raises(InvalidParams):
            await order(tf, out_trade_no=name, openid="o1")
    assert transport.requests == []


async def test_the_timestamp_of_a_signed_order_is_the_clocks(shop: Shop) -> None:
    now = datetime(2026, 1, 2, 16, 4, 5, tzinfo=UTC)
    async with Tongfu({"shop": shop.account()}, clock=lambda: now) as tf:
        first, second = [await order(tf, trade_type="APP") for _ in range(2)]

    assert first == second
    assert dict(parse_qsl(first.payload))["timestamp"] == "2026-01-03 00:04:05"


async def test_a_forged_order_answer_is_unknown_and_unverified(shop: Shop) -> None:
    body = shop.answer('{"code":"10000","out_trade_no":"A1001","trade_no":"T1"}', CREATE, signer=shop.stranger)
    tf, _ = shop.tongfu(body)
    with pytest.raises(SignatureError) as caught:
        await order(tf, openid="o1")
    assert isinstance(caught.value, OutcomeUnknown)
