"""The exact bytes of every method, written from the platform's parameter tables."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from tongfu_alipay import Alipay

SESSION = '{"user_id":"2088102150477652","access_token":"t","expires_in":"3600","re_expires_in":3600}'
APP_TOKEN = '{"code":"10000","msg":"Success","auth_app_id":"2013","app_auth_token":"a"}'
SHARED = '{"code":"10000","msg":"Success","user_id":"2088102150477652"}'
CODE = '{"code":"10000","msg":"Success","qr_code_url":"https://q.example/1"}'
CLEAN = '{"code":"10000","msg":"Success","action":"PASSED","unique_id":"u"}'
DONE = '{"code":"10000","msg":"Success"}'


@dataclass(frozen=True)
class Case:
    """``query`` and ``body`` are what this method adds; ``content`` is biz_content's text."""

    ask: Callable[[Alipay], Awaitable[Any]]
    method: str
    node: str
    query: tuple[tuple[str, str], ...] = ()
    body: tuple[tuple[str, str], ...] = ()
    account: tuple[tuple[str, str], ...] = ()


CASES = {
    "code2session": Case(
        lambda alipay: alipay.auth.code2session("4b203fe6c11548bcabd8da5bb087a83b"),
        "alipay.system.oauth.token",
        SESSION,
        body=(("grant_type", "authorization_code"), ("code", "4b203fe6c11548bcabd8da5bb087a83b")),
    ),
    "get_openid": Case(
        lambda alipay: alipay.auth.get_openid("c+d/e="),
        "alipay.system.oauth.token",
        SESSION,
        body=(("grant_type", "authorization_code"), ("code", "c+d/e=")),
    ),
    "code2session of a merchant's app": Case(
        lambda alipay: alipay.auth.code2session("c"),
        "alipay.system.oauth.token",
        SESSION,
        query=(("app_auth_token", "201708BB"),),
        body=(("grant_type", "authorization_code"), ("code", "c")),
        account=(("app_auth_token", "201708BB"),),
    ),
    "refresh": Case(
        lambda alipay: alipay.auth.refresh("201208134b203fe6c11548bcabd8da5bb087a83b"),
        "alipay.system.oauth.token",
        SESSION,
        body=(("grant_type", "refresh_token"), ("refresh_token", "201208134b203fe6c11548bcabd8da5bb087a83b")),
    ),
    "user_info.share": Case(
        lambda alipay: alipay.user_info.share("20120823ac6ffaa4d2d84e7384bf983531473993"),
        "alipay.user.info.share",
        SHARED,
        query=(("auth_token", "20120823ac6ffaa4d2d84e7384bf983531473993"),),
    ),
    "user_info.share by the account's token": Case(
        lambda alipay: alipay.user_info.share(),
        "alipay.user.info.share",
        SHARED,
        query=(("auth_token", "20120823"),),
        account=(("access_token", "20120823"),),
    ),
    "get_app_auth_token": Case(
        lambda alipay: alipay.auth.get_app_auth_token("bf67d8d5ed754af297f72cc482287X62"),
        "alipay.open.auth.token.app",
        APP_TOKEN,
        body=(("biz_content", '{"grant_type":"authorization_code","code":"bf67d8d5ed754af297f72cc482287X62"}'),),
    ),
    "refresh_app_auth_token, as the ISV itself": Case(
        lambda alipay: alipay.auth.refresh_app_auth_token("201708BB108a"),
        "alipay.open.auth.token.app",
        APP_TOKEN,
        body=(("biz_content", '{"grant_type":"refresh_token","refresh_token":"201708BB108a"}'),),
        account=(("app_auth_token", "201708BB"),),
    ),
    "templatemessage.send": Case(
        lambda alipay: alipay.templatemessage.send(
            to_user_id="2088102122458832",
            form_id="2017010100000000580012345678",
            user_template_id="MDI4YzIxMDE2M2I5YTQzYjUxNWE4MjA4NmU1MTIyYmM=",
            page="page/component/index",
            data={"keyword1": {"value": "12:00/咖啡"}, "keyword2": {"value": "20180808"}},
        ),
        "alipay.open.app.mini.templatemessage.send",
        DONE,
        body=(
            (
                "biz_content",
                '{"to_user_id":"2088102122458832","form_id":"2017010100000000580012345678",'
                '"user_template_id":"MDI4YzIxMDE2M2I5YTQzYjUxNWE4MjA4NmU1MTIyYmM=","page":"page/component/index",'
                '"data":"{\\"keyword1\\":{\\"value\\":\\"12:00/咖啡\\"},\\"keyword2\\":{\\"value\\":\\"20180808\\"}}"}',
            ),
        ),
    ),
    "templatemessage.send to an open_id": Case(
        lambda alipay: alipay.templatemessage.send(
            to_open_id="074a1CcTG1LelxKe4xQC0zgNdId0nxi95b5lsNpazWYoCo5",
            user_template_id="T",
            page="p",
            data={"keyword1": {"value": ""}},
        ),
        "alipay.open.app.mini.templatemessage.send",
        DONE,
        body=(
            (
                "biz_content",
                '{"to_open_id":"074a1CcTG1LelxKe4xQC0zgNdId0nxi95b5lsNpazWYoCo5","user_template_id":"T","page":"p",'
                '"data":"{\\"keyword1\\":{\\"value\\":\\"\\"}}"}',
            ),
        ),
    ),
    "qrcode.create": Case(
        lambda alipay: alipay.qrcode.create(
            url_param="page/component/component-pages/view/view",
            query_param="x=1&y=2",
            describe="二维码描述",
            color="0x00BFFF",
            size="s",
        ),
        "alipay.open.app.qrcode.create",
        CODE,
        body=(
            (
                "biz_content",
                '{"url_param":"page/component/component-pages/view/view","query_param":"x=1&y=2",'
                '"describe":"二维码描述","color":"0x00BFFF","size":"s"}',
            ),
        ),
    ),
    "risk_content.detect": Case(
        lambda alipay: alipay.risk_content.detect('一个 "好" 词\n'),
        "alipay.security.risk.content.detect",
        CLEAN,
        body=(("biz_content", '{"content":"一个 \\"好\\" 词\\n"}'),),
    ),
    "call": Case(
        lambda alipay: alipay.call(
            "alipay.marketing.card.query",
            {"target_card_no": "1", "extend": {"camelKey": [1, True, None, "é"]}},
            notify_url="https://shop.example/n?a=1",
            auth_token="201208",
            terminal_type="ios",
            return_url="",
        ),
        "alipay.marketing.card.query",
        DONE,
        query=(("notify_url", "https://shop.example/n?a=1"), ("auth_token", "201208")),
        body=(
            ("terminal_type", "ios"),
            ("biz_content", '{"target_card_no":"1","extend":{"camelKey":[1,true,null,"é"]}}'),
        ),
    ),
    "call for a merchant": Case(
        lambda alipay: alipay.call("alipay.user.info.share", app_auth_token="other"),
        "alipay.user.info.share",
        SHARED,
        query=(("app_auth_token", "other"),),
        account=(("app_auth_token", "own"),),
    ),
    "call as the app itself": Case(
        lambda alipay: alipay.call("alipay.user.info.share", {}, app_auth_token=""),
        "alipay.user.info.share",
        SHARED,
        body=(("biz_content", "{}"),),
        account=(("app_auth_token", "own"),),
    ),
}


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in CASES.items()])
async def test_a_method_sends_exactly_its_documented_parameters(mini: Any, case: Case) -> None:
    alipay, transport = mini.open(mini.answer(case.method, case.node), **dict(case.account))
    await case.ask(alipay)

    common = (
        ("app_id", "2021000000000001"),
        ("method", case.method),
        ("format", "JSON"),
        ("charset", "utf-8"),
        ("sign_type", "RSA2"),
        ("timestamp", "2026-11-24 16:03:18"),
        ("version", "1.0"),
    )
    text = "&".join(f"{name}={value}" for name, value in sorted((*common, *case.query, *case.body)))
    signature = base64.b64encode(mini.app.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())).decode()
    query = "&".join(f"{name}={quote_plus(value)}" for name, value in (*common, *case.query, ("sign", signature)))
    body = "&".join(f"{name}={quote_plus(value)}" for name, value in case.body)

    assert [
        (
            "POST",
            f"https://openapi.alipay.com/gateway.do?{query}",
            "application/x-www-form-urlencoded;charset=utf-8",
            body.encode(),
        )
    ] == [(sent.method, sent.url, sent.headers["content-type"], sent.body) for sent in transport.requests]


async def test_a_sandbox_account_asks_the_sandbox(mini: Any) -> None:
    alipay, transport = mini.open(mini.answer("alipay.system.oauth.token", SESSION), sandbox=True)
    await alipay.auth.code2session("c")

    assert transport.requests[0].url.startswith("https://openapi-sandbox.dl.alipaydev.com/gateway.do?app_id=")
