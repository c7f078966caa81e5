"""The contract passes a good provider, and each of its tests fails one that breaks what it is about."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import pytest

from tongfu import Call, InvalidParams, Notification, Order, OrderInfo, PaymentNotice, Refund, Reply, SignatureError
from tongfu.errors import MalformedAnswer
from tongfu.provider import Provider
from tongfu.testing import ProviderContract

BODY = b'{"no": "A1", "paid": true}'
SIGNED = Notification({"x-sign": hmac.new(b"a-toy-key", BODY, hashlib.sha256).hexdigest()}, BODY)


def checked(params: Any) -> None:
    problems = {}
    if not isinstance(params.out_trade_no, str):
        problems["out_trade_no"] = "missing"
    fee = getattr(params, "refund_fee", 1)
    if type(fee) is not int or not 1 <= fee <= 10**10:
        problems["refund_fee"] = "expected an int of fen"
    if problems:
        raise InvalidParams("toy", "refund", problems)


def refund(params: Any) -> Call[Refund]:
    checked(params)
    return Call("refund", "/refund", {"fee": params.refund_fee}, lambda fields, ctx: Refund(refund_fee=fields["fee"]))


def notice(params: Notification, ctx: Any) -> PaymentNotice:
    ctx.signer.check(params.body, params.headers.get("x-sign", ""), "HMAC")
    fields = json.loads(params.body)
    return PaymentNotice(paid=True, out_trade_no=fields["no"], trade_state="SUCCESS", reply=Reply(200, {}, b"ok"))


def decode(response: Any, ctx: Any) -> Any:
    ctx.signer.check(response.body, response.headers.get("x-sign", ""), "HMAC")
    return json.loads(response.body)


GOOD: dict[str, Any] = {"refund": refund, "verify_payment_notify": notice, "decode_response": decode}


def verify(account: Any, payload: bytes, signature: str) -> bool:
    expected = hmac.new(account.key.encode(), payload, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace"))


@pytest.fixture
def contract(toy: Any) -> Callable[..., ProviderContract]:
    """A contract over the toy platform with some hooks changed."""

    def contract(**changes: Any) -> ProviderContract:
        class Toy(ProviderContract):
            account = toy.account()
            other_account = toy.account(key="another-key", scope="toy-shop-2")
            algorithms = ("HMAC",)
            samples = MappingProxyType({"refund": {"out_trade_no": "A1", "refund_fee": 60, "extra": {"a": "b"}}})
            notices = MappingProxyType({"verify_payment_notify": SIGNED})

            def provider(self) -> Provider:
                made: Provider = toy.provider(**{**GOOD, "verify": verify, **changes})
                return made

        return Toy()

    return contract


TESTS = sorted(name for name in vars(ProviderContract) if name.startswith("test_"))


@pytest.mark.parametrize("name", TESTS)
def test_a_good_provider_passes(contract: Callable[..., ProviderContract], name: str) -> None:
    getattr(contract(), name)()


def changes_extra(params: Any) -> Call[Refund]:
    checked(params)
    (params.extra or {}).clear()
    return refund(params)


def shows_its_key(account: Any, params: Any) -> Any:
    if type(params.refund_fee) is not int or params.out_trade_no is None or not 0 < params.refund_fee < 10**10:
        raise InvalidParams("toy", "refund", {"refund_fee": f"wrong for {account.key}"})
    return refund(params)


def forgets_fees(params: Any) -> Any:
    if params.out_trade_no is None:
        raise InvalidParams("toy", "refund", {"out_trade_no": "missing"})
    return Call("refund", "/refund", {"fee": params.refund_fee}, lambda fields, ctx: None)


def counts(seen: list[int]) -> Callable[..., Any]:
    def encode(call: Any) -> Any:
        from tongfu import HttpRequest

        seen.append(1)
        return HttpRequest("POST", "https://toy.test/", {}, str(len(seen)).encode())

    return encode


def unsigned_notice(params: Notification) -> PaymentNotice:
    fields = json.loads(params.body)
    return PaymentNotice(paid=True, out_trade_no=fields["no"], trade_state="SUCCESS", reply=Reply(200, {}, b"ok"))


def foreign_error(params: Notification, ctx: Any) -> PaymentNotice:
    try:
        return notice(params, ctx)
    except (SignatureError, ValueError) as exc:
        raise OSError("not one of ours") from exc


def accepts_junk(response: Any) -> Any:
    return {"fee": 60}


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("test_each_supported_operation_has_a_sample", {"order_query": lambda params: Order(trade_state="")}),
        ("test_the_provider_itself_refuses_what_the_kernel_lets_through", {"refund": forgets_fees}),
        ("test_the_provider_itself_refuses_what_the_kernel_lets_through", {"refund": shows_its_key}),
        ("test_the_same_call_gives_the_same_bytes", {"refund": changes_extra}),
        ("test_the_same_call_gives_the_same_bytes", {"encode_request": counts([])}),
        ("test_a_forged_signature_is_refused", {"verify": lambda payload: True}),
        ("test_a_forged_signature_is_refused", {"verify": lambda account, payload, signature: len(signature) == 64}),
        ("test_signing_depends_on_the_payload_and_the_account", {"sign": lambda payload: "constant"}),
        ("test_signing_depends_on_the_payload_and_the_account", {"sign": lambda payload: payload.hex()}),
        ("test_another_merchants_notification_is_refused", {"verify_payment_notify": unsigned_notice}),
        ("test_a_changed_notification_is_refused_or_says_the_same", {"verify_payment_notify": unsigned_notice}),
        ("test_what_is_no_notification_is_refused", {"verify_payment_notify": foreign_error}),
        ("test_an_answer_that_nobody_signed_is_no_result", {"decode_response": accepts_junk}),
    ],
)
def test_a_provider_that_breaks_it_fails(
    contract: Callable[..., ProviderContract], name: str, changes: dict[str, Any]
) -> None:
    with pytest.raises((AssertionError, pytest.fail.Exception, OSError)):
        getattr(contract(**changes), name)()


def test_no_secret_may_show(contract: Callable[..., ProviderContract], toy: Any) -> None:
    class Chatty(toy.account):  # type: ignore[misc] # the fixture's class
        def __repr__(self) -> str:
            return f"Chatty({self.key})"

    loud = contract()
    loud.account = Chatty()
    with pytest.raises(AssertionError, match="a secret of the account shows"):
        loud.test_no_secret_shows()


def test_the_secrets_are_what_the_account_keeps_out_of_its_repr(contract: Callable[..., ProviderContract]) -> None:
    assert contract().secrets() == ["a-toy-key"]


def test_a_local_answer_is_compared_too(contract: Callable[..., ProviderContract]) -> None:
    seen: list[int] = []

    def order_info(params: Any) -> OrderInfo:
        seen.append(1)
        return OrderInfo(payload=str(len(seen)), out_trade_no=params.out_trade_no, trade_type="APP")

    impure = contract(get_order_info=order_info)
    impure.samples = {"get_order_info": {"out_trade_no": "A1", "total_fee": 1, "notify_url": "https://a.test/"}}
    with pytest.raises(AssertionError):
        impure.test_the_same_call_gives_the_same_bytes()


def test_malformed_counts_as_refused(contract: Callable[..., ProviderContract]) -> None:
    def refuses(params: Any) -> Any:
        raise MalformedAnswer("no")

    contract(verify_payment_notify=refuses).test_what_is_no_notification_is_refused()
