"""
A mini program's server against the embedded emulator: no credentials, no network.

Login on both platforms, twenty tasks that need one token, a code as a PNG, a message to a user, a week's retention.
Exit code 0 only if every step held. ``--png FILE`` says where the code goes.
"""

from __future__ import annotations

import argparse
import asyncio
import struct
import sys
import tempfile
import zlib
from datetime import timedelta, timezone
from pathlib import Path
from typing import Any

import aiohttp

import tongfu
from tongfu.emulator import Emulator

BEIJING = timezone(timedelta(hours=8))


def step(text: str, held: bool) -> None:
    print(f"  {'ok' if held else 'FAILED':6} {text}", flush=True)
    if not held:
        raise AssertionError(text)


class Phone:
    """What only the user's phone and the platform's console can do, through the emulator's control routes."""

    def __init__(self, http: aiohttp.ClientSession, emu: Emulator) -> None:
        self._http, self._url = http, f"{emu.url}/_emulator"

    async def post(self, route: str, **told: object) -> Any:
        async with self._http.post(f"{self._url}/{route}", json=told) as answer:
            return await answer.json()

    async def get(self, route: str) -> Any:
        async with self._http.get(f"{self._url}/{route}") as answer:
            return await answer.json()

    async def fetches(self) -> int:
        return int((await self.get("weixin/tokens"))["fetches"]["stable_token"])


async def chapter(emu: Emulator, tf: tongfu.Tongfu, phone: Phone, png: Path) -> None:
    print("\nmini programs")
    weixin, alipay = tf.open("weixin"), tf.open("alipay")

    code = (await phone.post("weixin/login"))["code"]
    session = await weixin.auth.code2session(code)
    step(f"weixin login: {', '.join(session.to_camel())}", bool(session.openid and session.session_key))
    try:
        await weixin.auth.code2session(code)
    except tongfu.errors.CodeRejected as exc:
        step(f"the same code again: {exc.code}, refused", exc.code == "40163")
    else:
        step("the same code again is refused", held=False)
    buyer = await alipay.auth.code2session((await phone.post("alipay/login"))["code"])
    step(f"alipay login: {', '.join(buyer.to_camel())}", bool(buyer.openid))

    await asyncio.gather(*(weixin.wxacode.get_unlimited(scene=f"table={table}") for table in range(20)))
    step(f"20 tasks need a token at once: {await phone.fetches()} fetched", await phone.fetches() == 1)
    await phone.post("weixin/tokens", invalidate=True)
    image = await weixin.wxacode.get_unlimited(scene="table=7", is_hyaline=True)
    step(f"another server ends it: {await phone.fetches() - 1} fetched, the call replayed", await phone.fetches() == 2)

    saved = image.save(png)
    step(f"get_unlimited, {image.content_type}: {saved}", image.content_type == "image/png")
    print(*shown(image.buffer), sep="\n")

    await phone.post("weixin/user_message", openid=session.openid, text="Is it ready?")
    await weixin.customer_service_message.set_typing(touser=session.openid, command="Typing")
    await weixin.customer_service_message.send(
        touser=session.openid, msgtype="text", text={"content": "咖啡好了 ☕ table 7"}
    )
    *_, sent = (await phone.get("weixin/messages"))["messages"]
    step(f"the user wrote, the answer arrives: {sent['message']['text']['content']}", not sent["escaped"])

    print("         new users who came back, by day     0    1    2    3    4    5    6")
    today = (emu.clock.now().astimezone(BEIJING) - timedelta(hours=8)).date()  # at eight yesterday's figures are there
    for age in range(7, 0, -1):
        day = today - timedelta(days=age)
        retained = {one.key: one.value for one in (await weixin.analysis.get_daily_retain(begin_date=day)).visit_uv_new}
        print(f"         {day}                       " + "".join(f"{retained.get(key, ''):>5}" for key in range(7)))
    trend = (await weixin.analysis.get_daily_visit_trend(begin_date=day)).list
    step(f"of {day}: {trend[0].visit_uv} visitors, {trend[0].visit_uv_new} new", retained[0] == trend[0].visit_uv_new)


def shown(png: bytes) -> list[str]:
    """A code's PNG for a dark terminal, two modules a character: enough of a reader for black and white."""
    width, height = struct.unpack(">II", png[16:24])
    data, at = b"", 8
    while at < len(png):
        (size,) = struct.unpack(">I", png[at : at + 4])
        if png[at + 4 : at + 8] == b"IDAT":
            data += png[at + 8 : at + 8 + size]
        at += size + 12
    raw, stride = zlib.decompress(data), (width + 7) // 8 + 1
    grid = [[raw[y * stride + 1 + x // 8] >> (7 - x % 8) & 1 for x in range(width)] for y in range(height)]
    ink = 1 - grid[0][0]  # the margin is what the corner is
    rows = [row for row in grid if ink in row]
    left = min(row.index(ink) for row in rows)
    right = width - min(row[::-1].index(ink) for row in rows)
    run = rows[0][left:].index(1 - ink) // 7  # a finder pattern is seven modules wide
    light = [[True] * (len(rows[0][left:right:run]) + 2)]
    light += [[True, *(pixel != ink for pixel in row[left:right:run]), True] for row in rows[::run]]
    light += [light[0]] * (2 - len(light) % 2)  # a margin around, and an even number of lines
    pairs = zip(light[::2], light[1::2], strict=True)
    return ["         " + "".join(" ▀▄█"[up + 2 * down] for up, down in zip(*pair, strict=True)) for pair in pairs]


async def main(png: Path | None = None) -> int:
    png = png or Path(tempfile.mkdtemp(prefix="tongfu-")) / "table7.png"
    async with (
        Emulator() as emu,
        tongfu.Tongfu(emu.accounts(), clock=emu.clock) as tf,
        aiohttp.ClientSession() as http,
    ):
        try:
            await chapter(emu, tf, Phone(http, emu), png)
        except AssertionError as exc:
            print(f"\na step did not hold: {exc}")
            return 1
    print("\nevery step held")
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--png", type=Path, help="where the code goes; a temporary folder by default")
    sys.exit(asyncio.run(main(parser.parse_args().png)))
