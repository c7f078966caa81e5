"""Our client and the emulated API, each written from the documentation alone, agree."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

import tongfu
from tongfu.errors import CodeRejected
from tongfu_weixin import WeixinAccount
from tongfu_weixin.client import Weixin
from tongfu_weixin.errors import RepliesUsedUp, ReplyWindowClosed


@pytest.fixture
async def weixin(emu: Any) -> AsyncIterator[Weixin]:
    (account,) = emu.accounts().values()
    assert isinstance(account, WeixinAccount)
    async with tongfu.Tongfu({"weixin": account}, clock=emu.clock) as facade:
        yield facade.open(account)


async def test_a_login_gives_the_session_once(shop: Any, weixin: Weixin) -> None:
    code = (await shop.control("POST", "login", openid="o1", unionid="u1"))["code"]
    session = await weixin.auth.code2session(code)
    with pytest.raises(CodeRejected) as refused:
        await weixin.auth.code2session(code)
    rid = refused.value.request_id

    assert ("o1", "u1") == (session.openid, session.unionid)
    assert ("40163", True) == (str(refused.value.code), bool(rid))
    found = await weixin.call("POST", "/cgi-bin/openapi/rid/get", json={"rid": rid})
    assert "code been used" in found["request"]["response_body"]


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
