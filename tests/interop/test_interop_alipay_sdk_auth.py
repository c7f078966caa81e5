"""python-alipay-sdk logs users in and acts for a merchant on our emulator, and verifies all that it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest
from alipay import AliPay, ISVAliPay
from alipay.exceptions import AliPayException
from cryptography.hazmat.primitives import serialization

from tongfu.emulator import Emulator
from tongfu_alipay import keys

# python-alipay-sdk uses what Python deprecates.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
async def emu() -> AsyncIterator[Emulator]:
    async with Emulator(platforms=["alipay"]) as emulator:
        yield emulator


def sdk(emu: Emulator, kind: Any = AliPay, **more: Any) -> Any:
    line = emu.settings()["alipay"]
    pem = serialization.Encoding.PEM
    private = keys.private_key(line["private_key"]).private_bytes(
        pem, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    public = keys.public_key(line["alipay_public_key"]).public_bytes(
        pem, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    client = kind(
        appid=line["app_id"],
        app_private_key_string=private.decode(),
        alipay_public_key_string=public.decode(),
        sign_type="RSA2",
        **more,
    )
    client._gateway = line["gateway"]
    return client


async def run(call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """The SDK blocks; the emulator lives in this loop."""
    return await asyncio.to_thread(call, *args, **kwargs)


async def control(emu: Emulator, path: str, **body: Any) -> Any:
    async with aiohttp.ClientSession() as session:
        answer = await session.post(f"{emu.url}/_emulator/alipay/{path}", json=body)
        return await answer.json()


async def test_the_sdk_logs_a_user_in_once_and_reads_the_profile(emu: Emulator) -> None:
    client = sdk(emu)
    code = (await control(emu, "login", user_id="2088102150477652"))["code"]
    oauth = "alipay.system.oauth.token"
    session = await run(client.server_api, oauth, grant_type="authorization_code", code=code)
    assert ("2088102150477652", 1296000) == (session["user_id"], session["expires_in"])

    user = await run(client.server_api, "alipay.user.info.share", auth_token=session["access_token"])
    assert ("10000", "2088102150477652", "支付宝小二") == (user["code"], user["user_id"], user["nick_name"])
    with pytest.raises(AliPayException, match=r"isv\.code-invalid"):
        await run(client.server_api, oauth, grant_type="authorization_code", code=code)

    fresh = await run(client.server_api, oauth, grant_type="refresh_token", refresh_token=session["refresh_token"])
    assert session["access_token"] != fresh["access_token"]
    dead = await run(client.server_api, "alipay.user.info.share", auth_token=session["access_token"])
    assert ("20001", "aop.invalid-auth-token") == (dead["code"], dead["sub_code"])


async def test_the_isvs_sdk_acts_for_a_merchant(emu: Emulator) -> None:
    code = (await control(emu, "authorize"))["app_auth_code"]
    client = sdk(emu, ISVAliPay, app_auth_code=code)
    token = await run(client.api_alipay_open_auth_token_app)
    assert ("10000", emu.settings()["alipay"]["seller_id"]) == (token["code"], token["user_id"])

    acting = sdk(emu, ISVAliPay, app_auth_token=token["app_auth_token"])
    made = await run(
        acting.api_alipay_trade_create,
        subject="tea",
        out_trade_no="A1001",
        total_amount="0.01",
        buyer_id="2088101117955611",
    )
    assert "10000" == made["code"]
    stranger = sdk(emu, ISVAliPay, app_auth_token="x")
    refused = await run(stranger.api_alipay_trade_query, out_trade_no="A1001")
    assert ("20001", "aop.invalid-app-auth-token") == (refused["code"], refused["sub_code"])
    again = await run(client.api_alipay_open_auth_token_app, token["app_refresh_token"])
    assert token["app_auth_token"] != again["app_auth_token"]


async def test_the_sdk_sends_a_message_makes_a_code_and_has_a_text_judged(emu: Emulator) -> None:
    client = sdk(emu)
    sent = await run(
        client.server_api,
        "alipay.open.app.mini.templatemessage.send",
        {"to_user_id": "2088", "user_template_id": "T", "page": "p", "data": '{"keyword1":{"value":"v"}}'},
    )
    code = await run(
        client.server_api,
        "alipay.open.app.qrcode.create",
        {"url_param": "p", "query_param": "x=1", "describe": "d"},
    )
    judged = await run(client.server_api, "alipay.security.risk.content.detect", {"content": "茶"})

    assert ("10000", "10000", "PASSED") == (sent["code"], code["code"], judged["action"])
