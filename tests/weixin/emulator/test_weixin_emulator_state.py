"""WeChat's half goes on with the orders of an emulator that ended."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tongfu import Notification, Tongfu
from tongfu.emulator import Emulator
from tongfu_weixin import WeixinAccount


def shop(emu: Emulator, protocol: str) -> WeixinAccount:
    settings = emu.settings()
    weixin = settings["weixin"]
    return WeixinAccount(
        **{name: value for name, value in weixin.items() if name != "pfx_base64"} | {"base_url": settings["https_url"]},
        pfx=weixin["pfx_base64"],
        ca_pem=settings["ca_pem"],
        protocol=protocol,
    )


@pytest.fixture
async def heard() -> AsyncIterator[tuple[str, list[Notification]]]:
    """A merchant's address that answers the first notification only with a refusal, and what came there."""
    got: list[Notification] = []

    async def hear(request: web.Request) -> web.Response:
        got.append(await Notification.from_request(request))
        return web.Response(status=500)

    application = web.Application()
    application.router.add_post("/notify", hear)
    async with TestServer(application) as server:
        yield str(server.make_url("/notify")), got


@pytest.mark.parametrize("protocol", ["v2", "v3"])
async def test_a_refund_under_way_arrives_and_every_notice_is_signed_by_the_new_key(
    heard: tuple[str, list[Notification]], tmp_path: Path, protocol: str
) -> None:
    url, got = heard
    file = tmp_path / "state.json"
    async with Emulator(platforms=["weixin"], state_file=file) as emu:
        async with Tongfu({"weixin": shop(emu, protocol)}, clock=emu.clock) as tf:
            await tf.payment.get_order_info(
                "weixin", openid="o" * 28, body="tea", out_trade_no="tea_0001", total_fee=880, notify_url=url
            )
            await emu.pay("tea_0001")
            await tf.payment.refund(
                "weixin", out_trade_no="tea_0001", out_refund_no="R1", total_fee=880, refund_fee=80, notify_url=url
            )
        app_id = emu.settings()["weixin"]["app_id"]

    async with Emulator(platforms=["weixin"], state_file=file) as emu:
        async with Tongfu({"weixin": shop(emu, protocol)}, clock=emu.clock) as tf:
            got.clear()
            await emu.clock.advance(20)
            notices = [
                await (
                    tf.payment.verify_refund_notify("weixin", notify)
                    if b"req_info" in notify.body or b"REFUND" in notify.body
                    else tf.payment.verify_payment_notify("weixin", notify)
                )
                for notify in got
            ]
            state = await tf.payment.refund_query("weixin", out_refund_no="R1")

        assert app_id == emu.settings()["weixin"]["app_id"]
        assert {("PaymentNotice", "tea_0001"), ("RefundNotice", "tea_0001")} == {
            (type(notice).__name__, notice.out_trade_no) for notice in notices
        }
        assert "SUCCESS" == state.refund_status
