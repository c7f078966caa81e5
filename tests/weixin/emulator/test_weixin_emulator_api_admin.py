"""Quotas, rids and addresses, by section A14; and what the shell does to these paths as to all others."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

QUOTA, RID, CLEAR = "/cgi-bin/openapi/quota/get", "/cgi-bin/openapi/rid/get", "/cgi-bin/clear_quota"
SCHEME = "/wxa/generatescheme"


async def test_a_quota_counts_the_calls_of_a_beijing_day(shop: Any) -> None:
    for _ in range(3):
        await shop.post(SCHEME, {})
    today = (await shop.post(QUOTA, {"cgi_path": SCHEME})).told
    await shop.emu.clock.advance(13 * 3600)
    shop.token = ""
    tomorrow = (await shop.post(QUOTA, {"cgi_path": SCHEME})).told

    assert {
        "errcode": 0,
        "errmsg": "ok",
        "quota": {"daily_limit": 1_000_000, "used": 3, "remain": 999_997},
        "rate_limit": {"call_count": 6000, "refresh_second": 60},
    } == today
    assert tomorrow["quota"]["used"] == 0


async def test_a_quota_that_is_used_up_can_be_cleared_ten_times_a_month(shop: Any) -> None:
    await shop.control("POST", "quota", cgi_path=SCHEME, daily_limit=1)
    codes = []
    for _ in range(11):
        codes += [(await shop.post(SCHEME, {})).errcode, (await shop.post(SCHEME, {})).errcode]
        codes.append((await shop.post(CLEAR, {"appid": shop.line["app_id"]})).errcode)

    assert [*[0, 45009, 0] * 10, 0, 45009, 48006] == codes


async def test_the_second_way_to_clear_needs_no_token(shop: Any) -> None:
    query = {"appid": shop.line["app_id"], "appsecret": shop.line["secret"]}
    answers = [
        await shop.ask("POST", f"{CLEAR}/v2", query=query),
        await shop.ask("POST", f"{CLEAR}/v2", query=query | {"appsecret": "wrong"}),
        await shop.post(CLEAR, {"appid": "wx0"}),
    ]

    assert [0, 40125, 40013] == [answer.errcode for answer in answers]


@pytest.mark.parametrize(
    ("path", "errcode"),
    [("wxa/generatescheme", 76003), ("https://api.weixin.qq.com/wxa/a", 76003), ("//a/b", 76003), ("/wxa/none", 76021)],
)
async def test_a_cgi_path_has_no_host_and_exists(shop: Any, path: str, errcode: int) -> None:
    assert errcode == (await shop.post(QUOTA, {"cgi_path": path})).errcode


async def test_a_rid_finds_the_refused_exchange_for_seven_days_without_its_secrets(shop: Any) -> None:
    refused = await shop.post(SCHEME, {"jump_wxa": {"env_version": "beta"}})
    rid = refused.told["errmsg"].rpartition("rid: ")[2]
    found = (await shop.post(RID, {"rid": rid})).told["request"]
    others = [(await shop.post(RID, {"rid": wrong})).errcode for wrong in ("0-0", "0" * 8 + "-00000000-00000000")]
    token = shop.token
    await shop.emu.clock.advance(7 * 86400 + 1)
    shop.token = ""

    assert {
        "invoke_time": 1768359845,
        "cost_in_ms": found["cost_in_ms"],
        "request_url": f"access_token={token[:6]}xxxx",
        "request_body": '{"jump_wxa": {"env_version": "beta"}}',
        "response_body": refused.body.decode(),
        "client_ip": "127.0.0.1",
    } == found
    assert ([76002, 76001], 76004) == (others, (await shop.post(RID, {"rid": rid})).errcode)


async def test_the_addresses_are_told(shop: Any) -> None:
    told = [(await shop.get(f"/cgi-bin/{name}")).told for name in ("get_api_domain_ip", "getcallbackip")]

    assert [{"ip_list": ["127.0.0.1", "::1"]}, {"ip_list": ["127.0.0.1"]}] == told


async def test_the_callback_is_checked_as_asked(shop: Any) -> None:
    async def check(**body: str) -> Any:
        return await shop.post("/cgi-bin/callback/check", body)

    everything = (await check(action="all", check_operator="CAP")).told

    assert [{"ip": "127.0.0.1", "real_operator": "CAP"}] == everything["dns"]
    assert [{"ip": "127.0.0.1", "from_operator": "CAP", "package_loss": "0%", "time": "1.000ms"}] == everything["ping"]
    assert {"errcode", "errmsg", "dns"} == set((await check(action="dns")).told)
    assert [40097, 40097] == [
        (await check(action="trace")).errcode,
        (await check(action="all", check_operator="X")).errcode,
    ]


# --- the shell ----------------------------------------------------------------------------------------


async def test_any_errcode_can_be_asked_for(shop: Any) -> None:
    await shop.a_token()
    await shop.control("POST", "refusals", path="/wxa/*", errcode=-1, times=2)
    await shop.control("POST", "refusals", path="/cgi-bin/stable_token", errcode=40164)
    codes = [(await shop.post(SCHEME, {})).errcode for _ in range(3)]
    shop.token = ""
    body = {"grant_type": "client_credential", "appid": shop.line["app_id"], "secret": shop.line["secret"]}
    told = (await shop.ask("POST", "/cgi-bin/stable_token", json=body)).told
    await shop.control("POST", "refusals", errcode=48001)
    await shop.control("DELETE", "refusals")

    assert [-1, -1, 0] == codes
    assert (40164, True) == (told["errcode"], told["errmsg"].startswith("invalid ip 127.0.0.1, not in whitelist rid: "))
    assert (await shop.post(SCHEME, {})).errcode == 0


async def test_a_gateways_page_and_a_cut_answer_come_in_the_platforms_place(shop: Any) -> None:
    await shop.a_token()
    shop.emu.fault("status:502", path=SCHEME)
    page = await shop.post(SCHEME, {})
    shop.emu.fault("truncate", path="/wxa/getwxacodeunlimit")
    with pytest.raises(aiohttp.ClientPayloadError):
        await shop.post("/wxa/getwxacodeunlimit", {"scene": "a"})

    assert (502, "text/html; charset=utf-8") == (page.status, page.headers["Content-Type"])


async def test_a_login_that_timed_out_has_used_its_code_up(shop: Any) -> None:
    code = (await shop.control("POST", "login"))["code"]
    shop.emu.fault("timeout_after_commit", path="/sns/jscode2session")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(shop.session(code), 0.2)

    assert (await shop.session(code)).errcode == 40163


async def test_a_reset_forgets_users_tokens_and_messages_and_keeps_the_keys(shop: Any) -> None:
    await shop.control("POST", "user_message", openid="o1", text="在吗")
    await shop.post("/cgi-bin/message/custom/send", {"touser": "o1", "msgtype": "text", "text": {"content": "a"}})
    await shop.control("POST", "refusals", errcode=48001, times=9)
    line = shop.emu.settings()["weixin"]
    await shop.emu.reset()
    stale = (await shop.post(SCHEME, {})).errcode
    shop.token = ""
    send = {"touser": "o1", "msgtype": "text", "text": {"content": "a"}}

    assert line == shop.emu.settings()["weixin"]
    assert (40001, []) == (stale, (await shop.control("GET", "messages"))["messages"])
    assert (await shop.post("/cgi-bin/message/custom/send", send)).errcode == 40003


async def test_the_control_routes_say_what_they_take(shop: Any) -> None:
    document = (await shop.ask("GET", "/_emulator/openapi.json")).told
    routes = {
        path.removeprefix("/_emulator/weixin/"): methods
        for path, methods in document["paths"].items()
        if path.startswith("/_emulator/weixin/")
    }

    assert {
        "login", "user_data", "phone_code", "plugin_code", "tokens", "user_message", "messages", "media", "pictures",
        "wxacode", "subscribe", "media_verdict", "open_link", "push", "refusals", "quota",
    } <= set(routes)  # fmt: skip
    assert routes["tokens"]["post"]["summary"].endswith('{"invalidate": true}.')
    assert '"corrupt"' in routes["push"]["post"]["description"]
    assert "requestBody" not in routes["refusals"]["delete"]


async def test_no_exchange_shows_a_secret(shop: Any) -> None:
    await shop.session("none", secret=shop.line["secret"])
    await shop.post(SCHEME, {"jump_wxa": {"env_version": "beta"}})
    shown = str(shop.emu.exchanges)

    assert [] == [name for name in ("secret", "push_aes_key", "api_aes_key", "key") if shop.line[name] in shown]
    assert shop.token not in shown
