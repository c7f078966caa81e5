"""Our client and the emulated API, each written from the documentation alone, agree."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

import tongfu
from tongfu.errors import CodeRejected
from tongfu_weixin import WeixinAccount, session
from tongfu_weixin.client import Weixin
from tongfu_weixin.errors import RepliesUsedUp, ReplyWindowClosed, StaleSessionKey
from tongfu_weixin.push import MessagePush


@pytest.fixture
async def weixin(emu: Any) -> AsyncIterator[Weixin]:
    (account,) = emu.accounts().values()
    assert isinstance(account, WeixinAccount)
    async with tongfu.Tongfu({"weixin": account}, clock=emu.clock) as facade:
        yield facade.open(account)


async def test_a_login_gives_the_session_once(shop: Any, weixin: Weixin) -> None:
    code = (await shop.control("POST", "login", openid="o1", unionid="u1"))["code"]
    found = await weixin.auth.code2session(code)
    with pytest.raises(CodeRejected) as refused:
        await weixin.auth.code2session(code)
    rid = refused.value.request_id

    assert ("o1", "u1") == (found.openid, found.unionid)
    assert ("40163", True) == (str(refused.value.code), bool(rid))
    told = await weixin.call("POST", "/cgi-bin/openapi/rid/get", json={"rid": rid})
    assert "code been used" in told["request"]["response_body"]


async def test_a_payer_has_a_union_id(emu: Any, weixin: Weixin) -> None:
    await weixin.payment.get_order_info(
        openid="opayer", body="coffee", out_trade_no="A10011", total_fee=100, notify_url="http://127.0.0.1:9/"
    )
    order = await emu.pay("A10011")

    assert (await weixin.auth.get_paid_union_id(openid="opayer", transaction_id=order.transaction_id)).unionid


async def test_twenty_calls_at_once_fetch_one_token_and_one_more_after_it_was_replaced(
    shop: Any, weixin: Weixin
) -> None:
    async def twenty() -> int:
        await asyncio.gather(*(weixin.call("GET", "/cgi-bin/getcallbackip", read_only=True) for _ in range(20)))
        return int((await shop.control("GET", "tokens"))["fetches"]["stable_token"])

    first = await twenty()
    await shop.control("POST", "tokens", invalidate=True)
    second = await twenty()
    await shop.emu.clock.advance(7200)
    third = await twenty()

    assert (1, 2, 3) == (first, second, third)


async def test_every_analysis_is_read(weixin: Weixin) -> None:
    ask = weixin.analysis
    kept = [
        await ask.get_daily_retain(begin_date="20260105"),
        await ask.get_weekly_retain(begin_date="20251208"),
        await ask.get_monthly_retain(begin_date="20251101"),
    ]
    trends = [
        await ask.get_daily_visit_trend(begin_date="20260105"),
        await ask.get_weekly_visit_trend(begin_date="20251208"),
        await ask.get_monthly_visit_trend(begin_date="20251101"),
    ]
    summary = await ask.get_daily_summary(begin_date="20260105")
    portrait = await ask.get_user_portrait(begin_date="20260105", end_date="20260105")
    spread = await ask.get_visit_distribution(begin_date="20260105")
    pages = await ask.get_visit_page(begin_date="20260105")

    assert [each.list[0].visit_uv for each in trends] == [each.visit_uv[0].value for each in kept]
    assert ["20260105", "20251208-20251214", "202511"] == [each.ref_date for each in kept]
    assert sum(item.value for item in portrait.visit_uv.genders) == trends[0].list[0].visit_uv
    assert sum(item.value for item in spread.list[0].item_list) == trends[0].list[0].session_cnt
    assert sum(page.page_share_pv for page in pages.list) == summary.list[0].share_pv


async def test_messages_typing_and_media(shop: Any, weixin: Weixin) -> None:
    messages = weixin.customer_service_message
    await shop.login()
    with pytest.raises(ReplyWindowClosed):
        await messages.send(touser="o1", msgtype="text", text={"content": "您好"})
    await shop.control("POST", "user_message", openid="o1", text="在吗")
    await messages.set_typing(touser="o1", command="Typing")
    await messages.set_typing(touser="o1", command="CancelTyping", business=True)
    code = await weixin.wxacode.get(path="pages/index/index", is_hyaline=True)
    uploaded = await messages.upload_temp_media(media=code)
    fetched = await messages.get_temp_media(media_id=uploaded.media_id)
    page = {"title": "t", "pagepath": "pages/index/index", "thumbMediaId": uploaded.media_id}
    await messages.send(touser="o1", msgtype="text", text={"content": "您好"})
    await messages.send(touser="o1", msgtype="image", image={"media_id": uploaded.media_id})
    await messages.send(touser="o1", msgtype="miniprogrampage", miniprogrampage=page)
    for _ in range(2):
        await messages.send(touser="o1", msgtype="text", text={"content": "您好"})
    with pytest.raises(RepliesUsedUp):
        await messages.send(touser="o1", msgtype="text", text={"content": "您好"})
    kept = [each["message"] for each in (await shop.control("GET", "messages"))["messages"]]

    assert (code.buffer, "image/png") == (fetched.buffer, fetched.content_type)
    assert ["Typing", "CancelTyping"] == [each.get("command") for each in kept[:2]]
    assert {"touser": "o1", "msgtype": "text", "text": {"content": "您好"}} == kept[2]
    assert page.pop("thumbMediaId") == kept[4]["miniprogrampage"].pop("thumb_media_id")
    assert page == kept[4]["miniprogrampage"]


async def test_codes_are_drawn_and_read(shop: Any, weixin: Weixin) -> None:
    permanent = await weixin.wxacode.create_qrcode(path="pages/index/index?id=1", width=600)
    counted = await weixin.wxacode.get(path="pages/index/index", line_color={"r": 1, "g": "2", "b": 3})
    scene = await weixin.wxacode.get_unlimited(scene="id=1", page="pages/cart/cart")
    found = await weixin.img.scan_qrcode(img=scene)
    crops = await weixin.img.ai_crop(img=permanent, ratios=[1, 2])
    double = await weixin.img.superresolution(img=counted)
    with pytest.raises(tongfu.PlatformRefused) as refused:
        await weixin.wxacode.get_unlimited(scene="id=1", page="pages/none/none")
    made = (await shop.control("GET", "wxacode"))["codes"]

    assert ["image/jpeg"] * 3 == [each.content_type for each in (permanent, counted, scene)]
    assert 2 == counted.num_used
    assert made[2]["content"] == found.code_results[0].data
    assert (600, 300) == (crops.img_size.w, crops.results[1].crop_bottom - crops.results[1].crop_top)
    assert (await weixin.customer_service_message.get_temp_media(media_id=double.media_id)).buffer
    assert "41030" == str(refused.value.code)


@pytest.mark.parametrize("errcode", [40001, 40014, 42001])
async def test_a_token_that_is_refused_is_replaced_once(shop: Any, weixin: Weixin, errcode: int) -> None:
    await weixin.call("GET", "/cgi-bin/getcallbackip")
    await shop.control("POST", "refusals", path="/cgi-bin/getcallbackip", errcode=errcode)

    assert ["127.0.0.1"] == (await weixin.call("GET", "/cgi-bin/getcallbackip"))["ip_list"]


async def test_user_data_is_opened_with_the_session_key_until_the_next_login(shop: Any) -> None:
    app_id = shop.line["app_id"]
    key = await shop.login()
    made = {
        kind: await shop.control("POST", "user_data", openid="o1", kind=kind) for kind in ("userinfo", "phone", "share")
    }

    def opened(how: Any, kind: str) -> Any:
        return how(made[kind]["encryptedData"], made[kind]["iv"], key, app_id=app_id, now=shop.emu.clock(), max_age=60)

    assert "o1" == opened(session.decrypt_user, "userinfo").open_id
    assert "13800138000" == opened(session.decrypt_phone, "phone").pure_phone_number
    assert opened(session.decrypt_share, "share").open_g_id.startswith("G")
    session.check_raw_data(made["userinfo"]["rawData"], made["userinfo"]["signature"], key)
    signed = {"openid": "o1", "signature": session.signature_of(key), "sig_method": "hmac_sha256"}
    assert 0 == (await shop.get("/wxa/checksession", **signed)).errcode

    key = await shop.login()
    with pytest.raises(StaleSessionKey):
        opened(session.decrypt_phone, "phone")


@pytest.mark.parametrize("form", ["json", "xml"])
@pytest.mark.parametrize("mode", ["secure", "compat", "plain"])
async def test_a_push_is_read_and_its_reply_is_understood(shop: Any, callback: Any, mode: str, form: str) -> None:
    keys = {"push_token": shop.line["push_token"], "push_aes_key": shop.line["push_aes_key"] if mode != "plain" else ""}
    push = MessagePush(WeixinAccount(app_id=shop.line["app_id"], **keys), clock=shop.emu.clock)
    await shop.control("POST", "push", url=callback.url, mode=mode, format=form)
    await shop.control("POST", "user_message", openid="o1", text="在吗")
    await shop.emu.settle()
    query, body, content_type = callback.got[0]
    received = tongfu.Notification({"content-type": content_type}, body, query)
    message = push.read(received, max_age=None)
    reply = push.transfer_customer_service(message)
    callback.answers = [(200, reply.body.decode())]
    await shop.control("POST", "user_message", openid="o1", text="再问")
    await shop.emu.settle()
    (answered,) = (await shop.control("GET", "push"))["sent"][-1]["replies"]

    assert ("o1", "text", "在吗") == (message.from_user_name, message.msg_type, message.raw["Content"])
    assert message.msg_id is not None
    assert message.msg_id > 1 << 61
    assert ("o1", "transfer_customer_service") == (answered["reply"]["ToUserName"], answered["reply"]["MsgType"])


@pytest.mark.parametrize("corrupt", ["signature", "body"])
async def test_a_push_that_is_broken_on_purpose_is_refused(shop: Any, callback: Any, corrupt: str) -> None:
    push = MessagePush(shop.emu.accounts()["weixin"], clock=shop.emu.clock)
    await shop.control("POST", "push", url=callback.url, message={"Content": "hi"}, corrupt=corrupt)
    await shop.control("POST", "push", message={"Content": "hi"})
    await shop.emu.settle()
    await shop.emu.redeliver(shop.emu.notifications[1].id, corrupt)
    broken, whole, again = (tongfu.Notification({}, body, query) for query, body, _ in callback.got)

    assert "hi" == push.read(whole, max_age=None).raw["Content"]
    for one in (broken, again):
        with pytest.raises(tongfu.SignatureError):
            push.read(one, max_age=None)


async def test_the_url_of_pushes_is_checked(shop: Any) -> None:
    push = MessagePush(shop.emu.accounts()["weixin"], clock=shop.emu.clock)
    check = (await shop.control("GET", "push"))["check"]

    assert check["echostr"].encode() == push.check_url(tongfu.Notification({}, b"", check)).body
    with pytest.raises(tongfu.SignatureError):
        push.check_url(tongfu.Notification({}, b"", check | {"nonce": "1"}))


@pytest.fixture
async def sealing(emu: Any) -> AsyncIterator[Weixin]:
    """A client whose account has API 安全 switched on."""
    line = emu.settings()["weixin"]
    account = WeixinAccount(
        app_id=line["app_id"],
        secret=line["secret"],
        api_base_url=line["api_base_url"],
        api_aes_key=line["api_aes_key"],
        api_aes_key_sn=line["api_aes_key_sn"],
        api_private_key=line["api_private_key"],
        api_platform_cert=line["api_platform_cert"],
        api_platform_cert_sn=line["api_platform_cert_sn"],
    )
    async with tongfu.Tongfu({"weixin": account}, clock=emu.clock) as facade:
        yield facade.open(account)


async def test_sealed_calls_are_opened_and_their_sealed_answers_too(shop: Any, sealing: Weixin) -> None:
    trend = await sealing.analysis.get_daily_visit_trend(begin_date="20260105")
    with pytest.raises(tongfu.PlatformRefused) as refused:
        await sealing.customer_service_message.send(touser="nobody", msgtype="text", text={"content": "您好"})
    verdicts = {exchange.path.rpartition("/")[2]: exchange.verdict for exchange in shop.emu.exchanges}

    assert "20260105" == trend.list[0].ref_date
    assert "40003" == str(refused.value.code)
    assert {
        "stable_token": "unsigned",
        "getweanalysisappiddailyvisittrend": "valid",
        "send": "valid",
    } == verdicts


@pytest.mark.parametrize("fault", ["bad_signature", "unknown_serial"])
async def test_a_sealed_answer_that_is_broken_is_not_believed(shop: Any, sealing: Weixin, fault: str) -> None:
    shop.emu.fault(fault, path="/datacube/*", times=9)

    with pytest.raises(tongfu.SignatureError):
        await sealing.analysis.get_daily_visit_trend(begin_date="20260105")
