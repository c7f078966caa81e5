"""The table of core/docs/alipay_open_api.md is what an Alipay object has, and what it sends."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from tongfu import Tongfu
from tongfu.call import Call
from tongfu.testing import FakeTransport
from tongfu_alipay import AlipayAccount, bar_code, money_out
from tongfu_alipay.openapi import auth, qrcode, risk_content, templatemessage, user_info

PAY = ("auth_code", "out_trade_no", "total_fee", "subject", "body", "notify_url", "time_expire", "extra")
PAGE = (Path(__file__).parents[2] / "core" / "docs" / "alipay_open_api.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `([\w.]+)` \| (?:`([\w.]+)`|[\w ]+) \| (.*?) \| (\w+|—).*? \|$", PAGE, re.MULTILINE)


def public(thing: Any) -> dict[str, Any]:
    return {name: value for name, value in inspect.getmembers(thing) if not name.startswith("_")}


def test_every_method_stands_in_the_table_and_nothing_else() -> None:
    account = AlipayAccount(app_id="2021000000000000")
    alipay = Tongfu({"alipay": account}, transport=FakeTransport()).open(account)
    found = set()
    for name, value in public(alipay).items():
        if inspect.iscoroutinefunction(value):
            found.add(name)
        elif name != "payment":
            found |= {f"{name}.{inner}" for inner in public(value)}

    assert found == {row[0] for row in ROWS}


def test_the_table_names_the_method_that_is_sent_and_whether_again() -> None:
    message = {"to_user_id": "u", "to_open_id": None, "form_id": None, "user_template_id": "T", "page": "p"}
    account = AlipayAccount(app_id="2021000000000000")
    certified = AlipayAccount(app_id="2021000000000000", app_cert="one")
    order: dict[str, Any] = {"out_trade_no": "A1001", "total_fee": 1, "subject": "tea"}
    payee: dict[str, Any] = {
        "identity": "2088",
        "identity_type": "ALIPAY_USER_ID",
        "name": None,
        "remark": None,
        "extra": None,
        "product_code": "TRANS_ACCOUNT_NO_PWD",
        "biz_scene": "DIRECT_TRANSFER",
    }
    calls: dict[str, Call[Any]] = {
        "auth.code2session": auth.code2session("c"),
        "auth.code2_session": auth.code2session("c"),
        "auth.get_openid": auth.code2session("c"),
        "auth.refresh": auth.refresh("r"),
        "auth.get_app_auth_token": auth.get_app_auth_token("c"),
        "auth.refresh_app_auth_token": auth.refresh_app_auth_token("r"),
        "user_info.share": user_info.share("t"),
        "templatemessage.send": templatemessage.send(**message, data={"k": {"value": "v"}}),
        "qrcode.create": qrcode.create(url_param="p", query_param="x=1", describe="d", color=None, size=None),
        "risk_content.detect": risk_content.detect("t"),
        "trade.pay": bar_code.pay(account, {**dict.fromkeys(PAY), "auth_code": "28" * 9, **order}),
        "trade.settle": money_out.settle(
            out_request_no="S1", transaction_id="1", royalty_parameters=[{"trans_in": "2088", "amount": 1}], extra=None
        ),
        "fund.transfer": money_out.transfer(certified, out_biz_no="T1", trans_amount=10, order_title="t", **payee),
        "fund.transfer_query": money_out.transfer_query(
            out_biz_no="T1", order_id=None, product_code="p", biz_scene="s"
        ),
    }

    assert {name: (call.endpoint, call.read_only) for name, call in calls.items()} == {
        name: (method, again == "yes") for name, method, _, again in ROWS if method
    }


def test_the_seeds_names_are_all_there() -> None:
    seed = {name: ours for ours, _, name, _ in ROWS if name != "—"}

    assert {"`auth.code2Session`": "auth.code2session", "`getOpenid`": "auth.get_openid"} == seed


def test_importing_the_provider_loads_nothing_that_a_call_needs() -> None:
    code = "import sys, tongfu_alipay; print(*sorted({'aiohttp', 'cryptography', 'marshmallow'} & set(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout

    assert "" == loaded.strip()
