"""
The whole way of a payment on both platforms, on WeChat Pay's v2 and v3 and with Alipay's keys and certificates, against
the embedded emulator: no credentials, no network.

Order, buyer pays, signed notification arrives at an aiohttp service, a duplicate and a forgery of it,
query, partial refund, its notice, refund query, close of an unpaid order, the day's bill, cancel.
Exit code 0 only if every step held. ``--serve`` leaves the emulator and the shop running.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta, timezone

from aiohttp import web

import tongfu
import tongfu.web
from tongfu.emulator import Emulator
from tongfu_alipay import AlipayAccount
from tongfu_weixin import WeixinAccount

BEIJING = timezone(timedelta(hours=8))
NAMES = ("alipay", "alipay-certified", "weixin", "weixin-v3")  # yours to choose: two of one platform need two


@dataclass
class Shop:
    """A merchant's service: it knows its orders, and delivers only what is paid, once."""

    tf: tongfu.Tongfu
    orders: dict[str, int]
    delivered: list[str] = field(default_factory=list)
    refunded: dict[str, int | None] = field(default_factory=dict)
    duplicates: int = 0
    url: str = ""

    async def paid(self, notice: tongfu.PaymentNotice) -> None:
        notice.expect(out_trade_no=notice.out_trade_no, total_fee=self.orders[notice.out_trade_no])
        if not notice.paid:
            return
        if notice.out_trade_no in self.delivered:
            self.duplicates += 1
            return
        self.delivered.append(notice.out_trade_no)

    async def refund_done(self, notice: tongfu.RefundNotice) -> None:
        if notice.refunded:
            self.refunded[notice.out_trade_no] = notice.refund_fee

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        app = web.Application()
        for name in NAMES:
            route = tongfu.web.notify_route(
                self.tf, name, f"/notify/{name}", on_payment=self.paid, on_refund=self.refund_done
            )
            app.add_routes([route])
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        try:
            yield
        finally:
            await runner.cleanup()


def step(text: str, held: bool) -> None:
    print(f"  {'ok' if held else 'FAILED':6} {text}", flush=True)
    if not held:
        raise AssertionError(text)


async def chapter(name: str, emu: Emulator, tf: tongfu.Tongfu, shop: Shop) -> None:
    """One platform's chapter: the same calls for each, by the account's name alone."""
    print(f"\n{name}: {', '.join(tf.operations(name))}")
    alipay = name.startswith("alipay")
    prefix = name.replace("-", "_")  # Alipay's numbers have no dash
    paid, unpaid, undone = (f"{prefix}_A{number}" for number in (1001, 1002, 1003))
    shop.orders |= {paid: 8888, unpaid: 100, undone: 57}
    notify_url = f"{shop.url}/notify/{name}"
    buyer = {"openid": "2088102146225135" if alipay else "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"}

    async def order(out_trade_no: str) -> tongfu.OrderInfo:
        return await tf.payment.get_order_info(
            name,
            openid=buyer["openid"],
            subject="coffee",
            body="coffee",
            out_trade_no=out_trade_no,
            total_fee=shop.orders[out_trade_no],
            notify_url=notify_url,
        )

    info = await order(paid)
    step(f"get_order_info: the client gets {_shown(info.payload)}", bool(info.payload))
    state = await tf.payment.order_query(name, out_trade_no=paid)
    step(f"order_query before payment: {state.trade_state}", not state.paid)

    await emu.pay(paid)
    step("buyer pays; the signed notification arrives and is verified", paid in shop.delivered)
    notification = next(sent for sent in emu.notifications if sent.out_trade_no == paid)
    await emu.redeliver(notification.id)
    step("the same notification again: seen as a duplicate", shop.duplicates == 1 and shop.delivered.count(paid) == 1)
    shop.duplicates = 0
    (forged,) = await emu.redeliver(notification.id, corrupt="signature")
    step(
        f"one with a broken signature: refused with HTTP {forged.status}", forged.status == 400 and not shop.duplicates
    )

    state = await tf.payment.order_query(name, out_trade_no=paid)
    step(f"order_query: {state.trade_state}, {state.total_fee} fen", state.paid and state.total_fee == 8888)

    refund = await tf.payment.refund(
        name,
        out_trade_no=paid,
        out_refund_no=f"{paid}_R1",
        total_fee=8888,
        refund_fee=888,
        notify_url=None if alipay else notify_url,  # Alipay tells the payment's own address
    )
    step(f"refund: {refund.refund_fee} of 8888 fen accepted as {refund.out_refund_no}", refund.refund_fee == 888)
    await emu.clock.advance(60)
    step("the refund notice arrives and is verified", shop.refunded.get(paid) == 888)
    refunded = await tf.payment.refund_query(name, out_trade_no=paid, out_refund_no=f"{paid}_R1")
    step(f"refund_query: {refunded.refund_status}, {refunded.refund_fee} fen", refunded.refund_status == "SUCCESS")

    await order(unpaid)
    await emu.clock.advance(5 * 60)  # one platform closes no order younger than five minutes
    await tf.payment.close_order(name, out_trade_no=unpaid)
    state = await tf.payment.order_query(name, out_trade_no=unpaid)
    step(f"close_order, then order_query: {state.trade_state}", state.trade_state == "CLOSED")

    if "cancel_order" in tf.operations(name):
        await order(undone)
        await emu.pay(undone)
        cancelled = await tf.payment.cancel_order(name, out_trade_no=undone)
        step(f"cancel_order of a paid order: {cancelled.action}", cancelled.action == "refund")
    else:
        try:
            await tf.payment.cancel_order(name, out_trade_no=undone)
        except tongfu.UnsupportedOperation as exc:
            step(f"cancel_order: {exc}"[:110], "cancel_order" in str(exc))
        else:
            step("cancel_order is refused", held=False)

    if "download_bill" in tf.operations(name):
        day = (emu.order(paid).paid or emu.clock.now()).astimezone(BEIJING).date()
        await emu.clock.advance(36 * 3600)
        bill = await tf.payment.download_bill(name, bill_date=day)
        step(f"download_bill of {day}: {len(bill.content.splitlines())} lines", paid in bill.content)


def _shown(payload: object) -> str:
    return "{" + ", ".join(payload) + "}" if isinstance(payload, dict) else "a trade_no"


def accounts(emu: Emulator) -> dict[str, tongfu.Account]:
    """The emulator's own; its WeChat merchant with the keys of APIv3 too, its Alipay app with certificates."""
    settings = emu.settings()
    v3 = ("app_id", "mch_id", "api_v3_key", "private_key", "cert_serial", "public_key_id", "public_key", "base_url")
    certified = ("app_id", "private_key", "app_cert", "alipay_cert", "alipay_root_cert", "gateway")
    return {
        **emu.accounts(),
        "weixin-v3": WeixinAccount(**{name: settings["weixin"][name] for name in v3}),
        "alipay-certified": AlipayAccount(**{name: settings["alipay"][name] for name in certified}),
    }


async def main(*, serve: bool) -> int:
    async with Emulator() as emu, tongfu.Tongfu(accounts(emu), clock=emu.clock) as tf:
        print(f"emulator at {emu.url} and {emu.https_url}")
        shop = Shop(tf, {})
        async with shop.serving():
            try:
                for name in NAMES:
                    await chapter(name, emu, tf, shop)
            except AssertionError as exc:
                print(f"\na step did not hold: {exc}")
                return 1
            print("\nevery step held")
            if serve:
                print(f"serving: emulator {emu.url}/_emulator, shop {shop.url}; stop with Ctrl-C")
                await asyncio.Event().wait()
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--serve", action="store_true", help="keep the emulator and the shop running")
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(asyncio.run(main(serve=parser.parse_args().serve)))
