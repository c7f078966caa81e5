"""What an account accepts, what it hides, and what a call finds missing."""

from __future__ import annotations

import copy
import pickle
from dataclasses import fields
from typing import Any

import pytest

from tongfu import ConfigError, Tongfu
from tongfu.testing import FakeTransport
from tongfu_weixin import WeixinAccount
from tongfu_weixin.schema import WeixinAccountSchema

GOOD: dict[str, Any] = {
    "app_id": "wxd930ea5d5a258f4f",
    "mch_id": "1900000109",
    "key": "the-merchants-key-of-32-letters!",
}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"app_id": ""}, "app_id"),
        ({"mch_id": "m1"}, "mch_id"),
        ({"mch_id": 1900000109}, "mch_id"),
        ({"key": b"bytes"}, "key"),
        ({"sign_type": "RSA"}, "sign_type"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": True}, "timeout"),
        ({"base_url": "api.mch.weixin.qq.com"}, "base_url"),
        ({"base_url": "https://user:pass@own.example"}, "base_url"),
        ({"api_base_url": "https://own.example?x=1"}, "api_base_url"),
        ({"api_base_url": "https://own.example/\r\nx"}, "api_base_url"),
        ({"api_base_url": "https://["}, "api_base_url"),
        ({"app_id": "wx1/1900000109"}, "app_id"),
        ({"app_id": "wx1\r\nx-other: 1"}, "app_id"),
        ({"protocol": "v4"}, "protocol"),
        ({"push_mode": "secret"}, "push_mode"),
        ({"sub_mch_id": "m2"}, "sub_mch_id"),
        ({"sub_app_id": "wx2"}, "sub_mch_id"),
    ],
)
def test_a_wrong_field_is_named(change: dict[str, Any], field: str) -> None:
    with pytest.raises(ConfigError, match=f"^{field}:"):
        WeixinAccount(**{**GOOD, **change})


def test_no_secret_shows_and_none_is_pickled() -> None:
    account = WeixinAccount(
        **GOOD,
        secret="app-secret",
        pfx=b"pfx-bytes",
        api_v3_key="v3-key",
        push_token="push-token",
        push_aes_key="push-aes-key",
        api_aes_key="api-aes-key",
        api_private_key="api-private-key",
    )

    secrets = ("push-token", "push-aes-key", "api-aes-key", "api-private-key")
    for secret in (GOOD["key"], "app-secret", "pfx-bytes", "v3-key", *secrets):
        assert secret not in repr(account) + str(account)
    for attempt in (pickle.dumps, copy.copy):
        with pytest.raises(TypeError, match="secrets"):
            attempt(account)


async def test_login_needs_no_merchant_but_a_payment_says_what_it_needs() -> None:
    transport = FakeTransport()
    tf = Tongfu({"shop": WeixinAccount(app_id="wx1")}, transport=transport)
    with pytest.raises(ConfigError, match="order_query needs mch_id, key"):
        await tf.payment.order_query("shop", out_trade_no="A10011")

    assert transport.requests == []


async def test_what_needs_the_client_certificate_names_everything_that_is_missing() -> None:
    transport = FakeTransport()
    async with Tongfu({"shop": WeixinAccount(app_id="wx1")}, transport=transport) as tf:
        with pytest.raises(ConfigError, match="weixin refund needs mch_id, key, pfx in"):
            await tf.payment.refund("shop", out_trade_no="A10011", out_refund_no="R1", total_fee=2, refund_fee=1)
        with pytest.raises(ConfigError, match="weixin download_fundflow needs mch_id, key, pfx in"):
            await tf.payment.download_fundflow("shop", bill_date="20260102")

    assert transport.requests == []


def test_two_accounts_share_no_credentials() -> None:
    accounts = [
        WeixinAccount(**GOOD),
        WeixinAccount(**GOOD, sandbox=True),
        WeixinAccount(**GOOD, base_url="http://127.0.0.1:1"),
        WeixinAccount(**{**GOOD, "mch_id": "1900000110"}),
    ]

    assert len({account.scope for account in accounts}) == 4
    assert all(GOOD["key"] not in account.scope for account in accounts)


def test_every_field_can_be_a_plain_setting() -> None:
    assert {one.name for one in fields(WeixinAccount)} == set(WeixinAccountSchema().fields) - {"pfx_base64"}


def test_a_pfx_is_a_plain_setting_under_one_of_its_two_names() -> None:
    for name in ("pfx", "pfx_base64"):
        assert "TUlJ" == WeixinAccountSchema().build("shop", {**GOOD, name: "TUlJ"}).pfx

    with pytest.raises(ConfigError, match=r"^shop: pfx_base64: pfx is given already\. The keys are: ") as caught:
        WeixinAccountSchema().build("shop", {**GOOD, "pfx": "TUlJ", "pfx_base64": "TUlK"})
    assert "TUl" not in str(caught.value)


def test_a_mode_of_the_push_that_does_not_fit_the_key_is_refused_from_settings_too() -> None:
    settings = {"app_id": "wx1", "push_token": "AAAAA", "push_mode": "secure"}
    with pytest.raises(ConfigError, match="push_mode"):
        WeixinAccountSchema().build("shop", settings)

    assert "secure" == WeixinAccountSchema().build("shop", {**settings, "push_aes_key": "A" * 43}).push_mode
