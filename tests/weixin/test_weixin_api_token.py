"""One token for an app, and a forced one only where the platform insists on the token that it rejects."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest

from tongfu import ConfigError, Tongfu
from tongfu.errors import CredentialRejected, MalformedAnswer
from tongfu.testing import FakeTransport
from tongfu_weixin import WeixinAccount
from tongfu_weixin.api.auth import AccessToken

STALE = {"errcode": 40001, "errmsg": "invalid credential"}


def paths(mini: Any) -> list[str]:
    return [urlsplit(request.url).path + ("!" if b"force_refresh" in request.body else "") for request in mini.sent]


async def test_get_access_token_gives_the_kept_one_and_what_is_left_of_it(mini_program: Any) -> None:
    mini = mini_program(access_token="")
    mini.answers({"access_token": "A", "expires_in": 7200}, {"a": 1})

    token = await mini.weixin.auth.get_access_token()
    await mini.weixin.call("GET", "/x")

    assert AccessToken(access_token="A", expires_in=7200) == token == await mini.weixin.auth.get_access_token()
    assert {"errCode": 0, "errMsg": "ok", "accessToken": "A", "expiresIn": 7200} == token.to_camel()
    assert "AccessToken(expires_in=7200)" == repr(token)
    assert ["/cgi-bin/stable_token", "/x"] == paths(mini)


async def test_get_access_token_needs_a_secret(mini_program: Any) -> None:
    mini = mini_program(access_token="", secret="")

    with pytest.raises(ConfigError, match="get_access_token needs secret"):
        await mini.weixin.auth.get_access_token()


@pytest.mark.parametrize("code", [40001, 40125, 40013])
async def test_a_refused_secret_is_told_as_what_it_is(mini_program: Any, code: int) -> None:
    mini = mini_program(access_token="")
    mini.answers({"errcode": code, "errmsg": "invalid"})

    with pytest.raises(CredentialRejected) as caught:
        await mini.weixin.auth.get_access_token()
    assert (str(code), ["/cgi-bin/stable_token"]) == (caught.value.code, paths(mini))


async def test_a_new_token_is_forced_only_when_the_rejected_one_comes_again(mini_program: Any) -> None:
    mini = mini_program(access_token="")
    mini.answers(
        {"access_token": "A", "expires_in": 7200},
        STALE,
        {"access_token": "A", "expires_in": 7100},
        {"access_token": "B", "expires_in": 7200},
        {"ok": 1},
    )

    assert {"ok": 1} == await mini.weixin.call("GET", "/x")
    assert ["/cgi-bin/stable_token", "/x", "/cgi-bin/stable_token", "/cgi-bin/stable_token!", "/x"] == paths(mini)
    assert {
        "grant_type": "client_credential",
        "appid": "wxba5fad812f8e6fb9",
        "secret": "5f2d8c0b9a7e4d31",
        "force_refresh": True,
    } == json.loads(mini.sent[3].body)
    assert "access_token=B" in mini.sent[4].url


@pytest.mark.parametrize(
    "answer",
    [
        {"access_token": "A\r\nx: 1", "expires_in": 7200},
        {"access_token": "A B", "expires_in": 7200},
        {"access_token": "", "expires_in": 7200},
        {"access_token": ["A"], "expires_in": 7200},
        {"access_token": "A", "expires_in": "7200"},
        {"access_token": "A", "expires_in": -1},
        {"access_token": "A", "expires_in": 10**30},
        {"access_token": "A"},
    ],
)
async def test_what_is_no_token_is_neither_sent_nor_kept(mini_program: Any, answer: dict[str, Any]) -> None:
    mini = mini_program(access_token="")
    mini.answers(answer, {"access_token": "A", "expires_in": 7200}, {"ok": 1})
    with pytest.raises(MalformedAnswer):
        await mini.weixin.call("GET", "/x")

    assert {"ok": 1} == await mini.weixin.call("GET", "/x")
    assert ["/cgi-bin/stable_token", "/cgi-bin/stable_token", "/x"] == paths(mini)


async def test_a_classic_token_is_never_forced(mini_program: Any) -> None:
    mini = mini_program(access_token="", stable_token=False)
    mini.answers({"access_token": "A", "expires_in": 7200}, STALE, {"access_token": "B", "expires_in": 7200}, {"ok": 1})

    await mini.weixin.call("GET", "/x")

    assert ["/cgi-bin/token", "/x", "/cgi-bin/token", "/x"] == paths(mini)


async def test_merchants_of_one_app_share_its_token_and_apps_do_not() -> None:
    transport = FakeTransport(
        b'{"access_token":"A","expires_in":7200}', b"{}", b"{}", b'{"access_token":"B","expires_in":7200}', b"{}"
    )
    accounts = {
        name: WeixinAccount(app_id=app_id, secret="s", mch_id=mch_id)
        for name, app_id, mch_id in (("one", "wx1", "1900000001"), ("two", "wx1", "1900000002"), ("other", "wx2", ""))
    }
    async with Tongfu(accounts, transport=transport) as tongfu:
        for name in accounts:
            await tongfu.open(name).call("GET", "/x")

    assert [
        "/cgi-bin/stable_token",
        "/x?access_token=A",
        "/x?access_token=A",
        "/cgi-bin/stable_token",
        "/x?access_token=B",
    ] == [request.url.removeprefix("https://api.weixin.qq.com") for request in transport.requests]


async def test_the_push_reads_the_facades_clock() -> None:
    moment = datetime(2030, 1, 1, tzinfo=UTC)
    account = WeixinAccount(app_id="wx1", push_token="token")
    tongfu = Tongfu({"one": account}, transport=FakeTransport(), clock=lambda: moment)
    weixin = tongfu.open(account)

    assert moment == weixin.push._clock()
    moment += timedelta(seconds=1)
    assert moment == weixin.push._clock()
