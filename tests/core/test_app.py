from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import Callable, Generator
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest

from tongfu import (
    CallFinished,
    ConfigError,
    Credential,
    InvalidParams,
    MalformedAnswer,
    Notification,
    Order,
    OutcomeUnknown,
    Refund,
    SignatureError,
    Tongfu,
    TransportError,
    UnsupportedOperation,
    errors,
    hookimpl,
)
from tongfu.app import Opened
from tongfu.payments import AccountPayments
from tongfu.testing import FakeTransport

OPERATIONS = ("order_query", "refund", "verify_payment_notify")


@pytest.fixture
def toy_platform(install: Callable[..., Any]) -> None:
    install("acme-toy", "toy")


pytestmark = pytest.mark.usefixtures("toy_platform")


def facade(toy: Any, *answers: Any, **options: Any) -> tuple[Tongfu, FakeTransport]:
    transport = FakeTransport(*answers)
    accounts = {"shop": toy.account(), "shop-2": toy.account(key="another-key", scope="toy-shop-2")}
    return Tongfu(accounts, transport=transport, **options), transport


async def test_an_operation_goes_to_the_account_of_that_name(toy: Any) -> None:
    tf, transport = facade(toy, *[b'{"state": "SUCCESS", "no": "A1"}'] * 2)
    async with tf:
        assert await tf.payment.order_query("shop", out_trade_no="A1") == Order(
            trade_state="SUCCESS", out_trade_no="A1"
        )
        await tf.payment.order_query("shop-2", out_trade_no="A1")

    signatures = [request.headers["x-sign"] for request in transport.requests]
    keys = (b"a-toy-key", b"another-key")
    assert signatures == [hmac.new(key, b'{"no": "A1"}', hashlib.sha256).hexdigest() for key in keys]
    assert transport.closed


async def test_closing_ends_the_fetches_under_way_before_it_closes_the_transport(toy: Any) -> None:
    tf, transport = facade(toy)
    ended = []

    async def fetch(rejected: Credential | None) -> Credential:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(transport.closed)
        raise AssertionError

    waiting = asyncio.create_task(tf._keeper.get("k", fetch))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await tf.close()

    assert ended == [False]
    with pytest.raises(TransportError, match="closed"):
        await waiting


async def test_a_refund_without_an_answer_is_sent_once_and_unknown(toy: Any) -> None:
    tf, transport = facade(toy, TransportError("gone"), b"never asked")
    with pytest.raises(OutcomeUnknown):
        await tf.payment.refund("shop", out_trade_no="A1", refund_fee=60)

    assert len(transport.requests) == 1


async def test_wrong_params_send_nothing(toy: Any) -> None:
    tf, transport = facade(toy)
    keywords: Any = {"out_trade_no": "A1", "refund_fee": "60", "reason": "x"}
    with pytest.raises(InvalidParams) as caught:
        await tf.payment.refund("shop", **keywords)

    assert sorted(caught.value.problems) == ["reason", "refund_fee"]
    assert transport.requests == []


async def test_an_unsupported_operation_sends_nothing(toy: Any) -> None:
    tf, transport = facade(toy)
    keywords: Any = {"nonsense": 1}
    with pytest.raises(UnsupportedOperation) as caught:
        await tf.payment.cancel_order("shop", **keywords)

    assert str(caught.value) == (
        "toy does not support cancel_order; it supports: order_query, refund, verify_payment_notify"
    )
    assert transport.requests == []


def test_operations_are_listed(toy: Any) -> None:
    assert facade(toy)[0].operations("shop") == OPERATIONS


async def test_an_unknown_account_lists_the_known(toy: Any) -> None:
    tf, _ = facade(toy)
    with pytest.raises(errors.UnknownAccount, match="no account is named 'Shop'; the accounts are: shop, shop-2"):
        await tf.payment.order_query("Shop", out_trade_no="A1")
    with pytest.raises(errors.UnknownAccount):
        tf.open("toy")
    with pytest.raises(errors.UnknownAccount):
        tf.operations("toy")


@pytest.mark.parametrize("account", [{"app_id": "x"}, "toy", None, object()], ids=lambda value: type(value).__name__)
def test_what_is_no_account_is_refused_by_its_name(toy: Any, account: Any) -> None:
    with pytest.raises(ConfigError, match=f"the account 'bad' is a {type(account).__name__}, not an account"):
        Tongfu({"bad": account}, transport=FakeTransport())
    if not isinstance(account, str):
        with pytest.raises(ConfigError, match=f"the account to open is a {type(account).__name__}, not an account"):
            facade(toy)[0].open(account)


def test_an_account_of_a_platform_that_is_not_installed_is_refused() -> None:
    class Stray:
        platform = "stray"
        timeout = 5.0
        scope = ""

    stray: Any = Stray()
    with pytest.raises(errors.UnknownPlatform, match=r"'stray'; installed: .*toy"):
        Tongfu({"a": stray}, transport=FakeTransport())


async def test_a_platform_is_opened_by_name_and_by_account(toy: Any) -> None:
    tf, transport = facade(toy, *[b'{"state": "NOTPAY", "no": "A1"}'] * 2)
    own = toy.account(key="of its own")
    by_name, by_account = tf.open("shop-2"), tf.open(own)

    assert isinstance(by_name, Opened)
    assert isinstance(by_name.payment, AccountPayments)
    await by_name.payment.order_query(out_trade_no="A1")
    await by_account.payment.order_query(out_trade_no="A1")
    keys = (b"another-key", b"of its own")
    assert [request.headers["x-sign"] for request in transport.requests] == [
        hmac.new(key, b'{"no": "A1"}', hashlib.sha256).hexdigest() for key in keys
    ]


async def test_an_account_may_bring_the_object_it_opens(toy: Any) -> None:
    class Shop:
        def __init__(self, caller: Any) -> None:
            self.caller = caller

    class Rich(toy.account):  # type: ignore[misc] # the fixture's class
        def open(self, caller: Any) -> Shop:
            return Shop(caller)

    events: list[CallFinished] = []
    account = Rich()
    observer = toy.observer(events)
    tf = Tongfu({"rich": account}, transport=FakeTransport(), plugins=[observer])
    shop: Any = tf.open(account)

    assert isinstance(shop, Shop)
    assert (shop.caller.name, shop.caller.account) == ("rich", account)
    assert await shop.caller.run("greet", lambda ctx: "hello") == "hello"
    assert [(event.account, event.operation) for event in events] == [("rich", "greet")]


# --- notifications -------------------------------------------------------------------------------


def signed(body: bytes, key: bytes = b"a-toy-key") -> Notification:
    return Notification({"X-Sign": hmac.new(key, body, hashlib.sha256).hexdigest()}, body)


async def test_a_notification_is_verified_without_the_network(toy: Any) -> None:
    tf, transport = facade(toy)
    notice = await tf.payment.verify_payment_notify("shop", signed(b'{"paid": true, "no": "A1"}'))

    assert (notice.paid, notice.out_trade_no, notice.reply.body) == (True, "A1", b"ok")
    assert transport.requests == []


async def test_anothers_notification_is_refused(toy: Any) -> None:
    tf, _ = facade(toy)
    for notify in (signed(b"{}", b"another-key"), Notification({"x-sign": ""}, b"{}"), Notification({}, b"{}")):
        with pytest.raises(SignatureError):
            await tf.payment.verify_payment_notify("shop", notify)


@pytest.mark.parametrize("body", [b"", b"\xff", b"[]", b"null", b"{}", b"1", b"[" * 100_000])
async def test_a_notification_nobody_can_read_is_malformed(toy: Any, body: bytes) -> None:
    with pytest.raises(MalformedAnswer, match="toy: the notification cannot be read") as caught:
        await facade(toy)[0].payment.verify_payment_notify("shop", signed(body))
    assert caught.value.__cause__ is not None


@pytest.mark.parametrize("notify", [{"headers": {}, "body": ""}, b"<xml/>", None])
async def test_only_a_notification_is_verified(toy: Any, notify: Any) -> None:
    tf, _ = facade(toy)
    with pytest.raises(ConfigError, match=f"takes a tongfu.Notification, not {type(notify).__name__}"):
        await tf.payment.verify_payment_notify("shop", notify)


# --- extensions ----------------------------------------------------------------------------------


class Cap:
    @hookimpl(wrapper=True)
    def tongfu_refund(self, params: Any) -> Generator[None, Any, Any]:
        if params.refund_fee > 50:
            raise ConfigError("over the cap")
        return (yield)


async def test_an_extension_may_veto_before_anything_is_sent(toy: Any) -> None:
    tf, transport = facade(toy, b'{"fee": 50, "no": "A1"}', plugins=[Cap()])
    with pytest.raises(ConfigError, match="over the cap"):
        await tf.payment.refund("shop", out_trade_no="A1", refund_fee=51)
    assert transport.requests == []

    assert await tf.payment.refund("shop", out_trade_no="A1", refund_fee=50) == Refund(refund_fee=50, out_trade_no="A1")


async def test_an_extension_of_one_platform_sees_nothing_of_another(toy: Any, install: Callable[..., Any]) -> None:
    install("acme-other", "other")
    seen: list[Any] = []

    class Audit:
        def __init__(self, name: str) -> None:
            self.name = name

        @hookimpl(wrapper=True)
        def tongfu_sign(self, account: Any) -> Generator[None, str, str]:
            seen.append((self.name, account.platform))
            return (yield)

        @hookimpl
        def tongfu_call_finished(self, event: CallFinished) -> None:
            seen.append((self.name, event.platform))

    class OtherAccount(toy.account):  # type: ignore[misc] # the fixture's class
        platform = "other"

    answer = b'{"state": "NOTPAY", "no": "A1"}'
    tf = Tongfu(
        {"toy": toy.account(), "other": OtherAccount()},
        transport=FakeTransport(answer, answer),
        plugins=[("toy", Audit("toy only")), Audit("every")],
    )
    for name in ("toy", "other"):
        await tf.payment.order_query(name, out_trade_no="A1")

    assert sorted(seen) == sorted([("toy only", "toy")] * 2 + [("every", "toy")] * 2 + [("every", "other")] * 2)


@pytest.mark.parametrize("plugin", [("toy",), ("toy", object(), object()), ()])
def test_a_tuple_of_plugins_is_a_pair_or_refused(plugin: tuple[object, ...]) -> None:
    with pytest.raises(errors.ConfigError, match="is a pair: a platform's name and a plugin"):
        Tongfu({}, plugins=[plugin])


def test_an_extension_for_a_platform_that_is_not_installed_is_refused(toy: Any) -> None:
    """A cap for a misspelled platform would never be asked."""
    with pytest.raises(errors.UnknownPlatform, match="'tooy'"):
        facade(toy, plugins=[("tooy", Cap())])


async def test_a_facades_extensions_are_its_own(toy: Any) -> None:
    facade(toy, plugins=[Cap()])
    tf, _ = facade(toy, b'{"fee": 51, "no": "A1"}')

    assert (await tf.payment.refund("shop", out_trade_no="A1", refund_fee=51)).refund_fee == 51


def test_a_bad_extension_stops_the_facade(toy: Any) -> None:
    with pytest.raises(errors.ProviderContractError, match="toy: "):
        facade(toy, plugins=[object()])


# --- plain settings ------------------------------------------------------------------------------


async def test_plain_settings_make_accounts() -> None:
    config = {"shop": {"platform": "toy", "key": "k", "timeout": 2}}
    transport = FakeTransport(b'{"state": "NOTPAY", "no": "A1"}')
    tf = Tongfu.from_config(config, transport=transport)
    await tf.payment.order_query("shop", out_trade_no="A1")

    assert transport.timeouts == [2.0]
    assert config == {"shop": {"platform": "toy", "key": "k", "timeout": 2}}


async def test_a_null_among_plain_settings_is_a_setting_that_is_not_there() -> None:
    transport = FakeTransport(b'{"state": "NOTPAY", "no": "A1"}')
    tf = Tongfu.from_config({"shop": {"platform": "toy", "key": "k", "timeout": None}}, transport=transport)
    await tf.payment.order_query("shop", out_trade_no="A1")

    assert transport.timeouts == [5.0]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"platform": "toy", "key": None}, "shop: key: Field may not be null. The keys are: key, timeout"),
        ({"platform": "toy", "key": "k", "kee": None}, "shop: kee: Unknown field. The keys are: key, timeout"),
        ({"platform": "toy"}, "shop: key: Missing data for required field. The keys are: key, timeout"),
        ({"platform": "toy", "key": "k", "kee": "s3cret"}, "shop: kee: Unknown field. The keys are: key, timeout"),
        ({"key": "s3cret"}, "shop: expected a mapping with a platform, such as {'platform': '…', 'app_id': '…'}"),
        ("s3cret", "shop: expected a mapping with a platform, such as {'platform': '…', 'app_id': '…'}"),
        ({"platform": 5}, "shop: expected a mapping with a platform, such as {'platform': '…', 'app_id': '…'}"),
    ],
)
def test_wrong_settings_are_named_and_never_shown(settings: Any, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Tongfu.from_config({"shop": settings}, transport=FakeTransport())

    assert str(caught.value) == said


def test_settings_of_a_platform_without_schema_are_refused(toy: Any, install: Callable[..., Any]) -> None:
    install("acme-bare", "bare", toy.MODULE.replace("@hookimpl\ndef tongfu_account_schema", "def account_schema"))
    with pytest.raises(ConfigError, match="shop: the provider of 'bare' makes no accounts of plain data"):
        Tongfu.from_config({"shop": {"platform": "bare"}}, transport=FakeTransport())


def test_settings_of_an_unknown_platform_are_refused() -> None:
    with pytest.raises(errors.UnknownPlatform):
        Tongfu.from_config({"shop": {"platform": "toi"}}, transport=FakeTransport())


# --- what is passed in ---------------------------------------------------------------------------


async def test_session_and_transport_exclude_each_other(toy: Any) -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(ConfigError, match="a session or a transport, not both"):
            Tongfu({}, session=session, transport=FakeTransport())


async def test_an_injected_session_outlives_the_facade(toy: Any) -> None:
    async with aiohttp.ClientSession() as session:
        async with Tongfu({"shop": toy.account()}, session=session):
            pass
        assert not session.closed


async def test_clock_and_nonce_reach_the_hooks(toy: Any) -> None:
    now = datetime(2026, 1, 2, tzinfo=UTC)
    seen: list[Any] = []

    class Watch:
        @hookimpl(wrapper=True)
        def tongfu_encode_request(self, ctx: Any) -> Generator[None, Any, Any]:
            seen.append((ctx.now, ctx.nonce))
            return (yield)

    tf, _ = facade(
        toy, json.dumps({"state": "", "no": ""}).encode(), clock=lambda: now, nonce=lambda: "n-1", plugins=[Watch()]
    )
    await tf.payment.order_query("shop", out_trade_no="A1")

    assert seen == [(now, "n-1")]
