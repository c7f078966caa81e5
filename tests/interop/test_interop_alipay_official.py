"""
alipay-sdk-python, Alipay's own, completes whole flows on our emulator.

In key mode and in the clear: it knows no certificates, and its encryption fails on Python 3 by its own fault.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cryptography.hazmat.primitives import serialization

from tongfu import Tongfu
from tongfu.emulator import Emulator
from tongfu_alipay import keys

SDK = "alipay-sdk-python==3.7.1411"
NEEDS = ("rsa>=4.9", "pycryptodome>=3.20")
FLOWS = Path(__file__).with_name("official_alipay_flows.py")


@pytest.fixture(scope="module")
def its_own_path(apart: Any) -> str:
    """
    A path of the SDK's own.

    The SDK is imported out of its wheel: unpacked, its fifteen thousand modules take half a gigabyte.
    """
    wanted = (("install", "--target", *NEEDS), ("download", "--dest", "--no-deps", SDK))
    folder = apart(SDK.replace("==", "-"), *wanted)
    (wheel,) = folder.glob("*.whl")
    return f"{wheel}{os.pathsep}{folder}"


@pytest.fixture
async def told(its_own_path: str) -> Any:
    async with Emulator(platforms=["alipay"]) as emu:
        line = emu.settings()["alipay"]
        private = keys.private_key(line["private_key"]).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
        bare = "".join(text for text in private.decode().splitlines() if not text.startswith("-----"))
        given = {**line, "pkcs1": bare, "control": f"{emu.url}/_emulator", "notify_url": "http://127.0.0.1:9/notify"}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-S", str(FLOWS)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": its_own_path, "PYTHONDONTWRITEBYTECODE": "1"},
        )
        out, _ = await asyncio.wait_for(process.communicate(json.dumps(given).encode()), 100)
        assert process.returncode == 0
        yield emu, json.loads(out)


async def test_the_official_sdk_takes_every_step_and_verifies_every_answer(told: Any) -> None:
    emu, steps = told
    passed = ("create", "unpaid", "paid", "refund", "again", "refund_query", "precreate", "close", "bar_code")
    assert {name: steps[name]["code"] for name in passed} == dict.fromkeys(passed, "10000")
    assert [steps["unpaid"]["trade_status"], steps["paid"]["trade_status"]] == ["WAIT_BUYER_PAY", "TRADE_SUCCESS"]
    assert [steps["refund"]["fund_change"], steps["again"]["fund_change"]] == ["Y", "N"]
    assert steps["refund_query"]["refund_amount"] == "8.88"
    assert steps["precreate"]["qr_code"].startswith("https://")
    assert steps["absent"]["sub_code"] == "ACQ.TRADE_NOT_EXIST"
    assert steps["bar_code"]["total_amount"] == "88.88"
    verdicts = {each.verdict for each in emu.exchanges if each.path.endswith("/gateway.do")}
    assert verdicts == {"valid"}


async def test_what_it_signs_for_the_client_opens_the_cashier(told: Any) -> None:
    emu, steps = told
    async with aiohttp.ClientSession() as session:
        string = {"order_string": steps["order_string"]}
        opened = await session.post(f"{emu.url}/_emulator/alipay/app_pay", json=string)
        assert (opened.status, await opened.json()) == (200, {"out_trade_no": "A1005"})
        shown = await session.get(steps["page"])
        assert "A1006" in await shown.text()


async def test_we_read_the_orders_that_it_made(told: Any) -> None:
    emu, _ = told
    async with Tongfu(emu.accounts()) as tf:
        order = await tf.payment.order_query("alipay", out_trade_no="A1001")
        assert (order.trade_state, order.total_fee) == ("SUCCESS", 8888)
        assert {each.out_trade_no for each in emu.notifications} == {"A1001", "A1004"}
