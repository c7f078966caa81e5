"""wechatpy's client and crypto against our emulated mini-program API: what it calls works, what it signs verifies."""

from __future__ import annotations

import asyncio
import io
import json
import struct
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from wechatpy import parse_message
from wechatpy.client import WeChatClient
from wechatpy.crypto import WeChatCrypto, WeChatWxaCrypto
from wechatpy.exceptions import InvalidAppIdException, InvalidSignatureException, WeChatClientException
from wechatpy.pay import WeChatPay
from wechatpy.session.memorystorage import MemoryStorage
from wechatpy.utils import check_signature

from tongfu.emulator import Emulator

# wechatpy 1.8 is older than some of what its dependencies deprecate.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
async def emu() -> AsyncIterator[Emulator]:
    async with Emulator(platforms=["weixin"], start=datetime(2026, 1, 14, 3, 4, 5, tzinfo=UTC)) as emulator:
        yield emulator


@pytest.fixture
def sdk(emu: Emulator) -> WeChatClient:
    """A client whose every part calls the emulator; the address of its token is written in its code."""
    line = emu.settings()["weixin"]

    class Client(WeChatClient):  # type: ignore[misc]  # wechatpy ships no types
        API_BASE_URL = f"{emu.url}/cgi-bin/"

        def fetch_access_token(self) -> Any:
            params = {"grant_type": "client_credential", "appid": self.appid, "secret": self.secret}
            return self._fetch_access_token(f"{emu.url}/cgi-bin/token", params)

    client = Client(line["app_id"], line["secret"], session=MemoryStorage())
    client.wxa.API_BASE_URL = f"{emu.url}/"
    client.datacube.API_BASE_URL = f"{emu.url}/datacube/"
    return client


async def run(call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """wechatpy blocks; the emulator lives in this loop."""
    return await asyncio.to_thread(call, *args, **kwargs)


async def control(emu: Emulator, path: str, **body: Any) -> Any:
    async with aiohttp.ClientSession() as session, session.post(f"{emu.url}/_emulator/weixin/{path}", json=body) as got:
        return await got.json()


async def fetches(emu: Emulator) -> int:
    async with aiohttp.ClientSession() as session, session.get(f"{emu.url}/_emulator/weixin/tokens") as got:
        return int((await got.json())["fetches"]["token"])


async def test_its_session_keeps_one_token_and_renews_one_that_another_server_replaced(
    emu: Emulator, sdk: WeChatClient
) -> None:
    for _ in range(3):
        await run(sdk.misc.get_wechat_ips)
    once = await fetches(emu)
    await control(emu, "tokens", invalidate=True)
    ips = await run(sdk.misc.get_wechat_ips)

    assert (1, 2, ["127.0.0.1"]) == (once, await fetches(emu), ips)
    assert sdk.session.get(f"{sdk.appid}_access_token") == sdk.access_token


async def test_it_logs_a_user_in(emu: Emulator, sdk: WeChatClient) -> None:
    code = (await control(emu, "login", openid="o1"))["code"]
    told = await run(sdk.wxa.code_to_session, code)
    with pytest.raises(WeChatClientException) as refused:
        await run(sdk.wxa.code_to_session, code)

    assert ("o1", 40163) == (told["openid"], refused.value.errcode)


async def test_it_decrypts_user_data_and_sees_a_foreign_watermark(emu: Emulator, sdk: WeChatClient) -> None:
    code = (await control(emu, "login", openid="o1"))["code"]
    session_key = (await run(sdk.wxa.code_to_session, code))["session_key"]
    phone = await control(emu, "user_data", openid="o1", kind="phone")
    foreign = await control(emu, "user_data", openid="o1", kind="phone", appid="wxother")

    assert (
        "13800138000"
        == (WeChatWxaCrypto(session_key, phone["iv"], sdk.appid).decrypt_message(phone["encryptedData"])["phoneNumber"])
    )
    with pytest.raises(InvalidAppIdException):
        WeChatWxaCrypto(session_key, foreign["iv"], sdk.appid).decrypt_message(foreign["encryptedData"])


async def test_it_makes_codes(emu: Emulator, sdk: WeChatClient) -> None:
    plain = await run(sdk.wxa.create_qrcode, "pages/index/index", 600)
    clear = await run(sdk.wxa.get_wxa_code, "pages/index/index", is_hyaline=True)
    unlimited = await run(sdk.wxa.get_wxa_code_unlimited, "id=1", page="pages/cart/cart")
    with pytest.raises(WeChatClientException) as refused:
        await run(sdk.wxa.get_wxa_code_unlimited, "id=1", page="pages/none/none")

    assert ["image/jpeg", "image/png", "image/jpeg"] == [
        answer.headers["Content-Type"] for answer in (plain, clear, unlimited)
    ]
    assert (430, 430) == struct.unpack(">II", clear.content[16:24])
    assert refused.value.errcode == 41030


async def test_it_uploads_and_downloads_media_and_sends_messages(emu: Emulator, sdk: WeChatClient) -> None:
    picture = (await run(sdk.wxa.get_wxa_code, "pages/index/index", is_hyaline=True)).content
    media_id = (await run(sdk.media.upload, "image", ("code.png", io.BytesIO(picture), "image/png")))["media_id"]
    downloaded = (await run(sdk.media.download, media_id)).content
    await control(emu, "user_message", openid="o1", text="在吗")
    answers = [await run(sdk.message.send_text, "o1", "在的"), await run(sdk.message.send_image, "o1", media_id)]
    with pytest.raises(WeChatClientException) as refused:
        await run(sdk.media.download, "none")
    async with aiohttp.ClientSession() as session, session.get(f"{emu.url}/_emulator/weixin/messages") as got:
        sent = [each["message"] for each in (await got.json())["messages"]]

    assert picture == downloaded
    assert [0, 0] == [answer["errcode"] for answer in answers]
    assert [
        {"touser": "o1", "msgtype": "text", "text": {"content": "在的"}},
        {"touser": "o1", "msgtype": "image", "image": {"media_id": media_id}},
    ] == sent
    assert refused.value.errcode == 40007


async def test_its_datacube_reads_our_figures(emu: Emulator, sdk: WeChatClient) -> None:
    """It has no method of the mini program's own figures: its way to call them is the one of its others."""
    dates = {"begin_date": "20260105", "end_date": "20260105"}
    post = sdk.datacube._post
    retain = await run(post, "getweanalysisappiddailyretaininfo", data=dates)
    trend = await run(post, "getweanalysisappiddailyvisittrend", data=dates, result_processor=lambda x: x["list"])

    assert {"key": 0, "value": trend[0]["visit_uv"]} == retain["visit_uv"][0]


async def test_its_text_check_is_of_the_retired_version_and_refused(emu: Emulator, sdk: WeChatClient) -> None:
    with pytest.raises(WeChatClientException) as refused:
        await run(sdk.wxa.check_text_security, "早上好")

    assert refused.value.errcode == 40097


async def test_it_learns_the_union_id_of_a_payer(emu: Emulator, sdk: WeChatClient) -> None:
    line = emu.settings()["weixin"]
    pay = WeChatPay(line["app_id"], line["key"], line["mch_id"])
    pay.API_BASE_URL = emu.url + "/"
    await run(
        pay.order.create,
        "JSAPI",
        "咖啡",
        100,
        "http://127.0.0.1:9/notify",
        client_ip="127.0.0.1",
        user_id="opayer",
        out_trade_no="A10011",
    )
    order = await emu.pay("A10011")
    by_number = await run(sdk.wxa.get_paid_unionid, "opayer", mch_id=line["mch_id"], out_trade_no="A10011")
    by_id = await run(sdk.wxa.get_paid_unionid, "opayer", transaction_id=order.transaction_id)
    with pytest.raises(WeChatClientException) as refused:
        await run(sdk.wxa.get_paid_unionid, "nobody", transaction_id=order.transaction_id)

    assert by_number == by_id
    assert refused.value.errcode == 40003


@pytest.mark.parametrize("form", ["xml", "json"])
async def test_its_crypto_reads_our_pushes_and_we_read_its_replies(emu: Emulator, sdk: WeChatClient, form: str) -> None:
    line = emu.settings()["weixin"]
    crypto = WeChatCrypto(line["push_token"], line["push_aes_key"], line["app_id"])
    heard: list[Any] = []

    async def hear(request: web.Request) -> web.Response:
        query, body = request.query, await request.read()
        check_signature(line["push_token"], query["signature"], query["timestamp"], query["nonce"])
        outer = body if form == "xml" else json.loads(body)
        sealed = (query["msg_signature"], query["timestamp"], query["nonce"])
        heard.append(crypto.decrypt_message(outer, *sealed))
        with pytest.raises(InvalidSignatureException):
            crypto.decrypt_message(outer, "0" * 40, *sealed[1:])
        reply = "<xml><MsgType><![CDATA[transfer_customer_service]]></MsgType></xml>"
        return web.Response(text=crypto.encrypt_message(reply, query["nonce"], query["timestamp"]))

    app = web.Application()
    app.router.add_post("/wx", hear)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/wx"
    await control(emu, "push", url=url, mode="secure", format=form)
    await control(emu, "user_message", openid="o1", text="在吗")
    await emu.settle()
    async with aiohttp.ClientSession() as session, session.get(f"{emu.url}/_emulator/weixin/push") as got:
        replies = (await got.json())["sent"][0]["replies"]
    await runner.cleanup()

    if form == "xml":
        message = parse_message(heard[0])
        assert ("o1", "text", "在吗") == (message.source, message.type, message.content)
    else:
        assert ("o1", "在吗") == (json.loads(heard[0])["FromUserName"], json.loads(heard[0])["Content"])
    assert [{"status": 200, "reply": {"MsgType": "transfer_customer_service"}}] == replies
