from __future__ import annotations

import logging
from collections.abc import Generator
from typing import Any

import pytest

from tongfu import CallFinished, SignatureError, UnsupportedOperation, hookimpl
from tongfu.errors import ProviderContractError
from tongfu.provider import OPERATIONS, PIPELINE, Provider

EVENT = CallFinished("toy", "shop", "refund", 0.1, None)


class Metrics:
    @hookimpl(wrapper=True)
    def tongfu_cancel_order(self, params: Any) -> Generator[None, Any, Any]:
        return (yield)


class Forgetful:
    @hookimpl(wrapper=True)
    def tongfu_refund(self, params: Any) -> Generator[None, Any, None]:
        yield


@pytest.mark.parametrize("missing", PIPELINE)
def test_a_provider_lacks_no_hook_of_the_pipeline(toy: Any, missing: str) -> None:
    with pytest.raises(ProviderContractError, match=f"'toy' lacks tongfu_{missing}$"):
        toy.provider(**{missing: None})


def test_operations_are_the_implemented_ones_in_the_contracts_order(toy: Any) -> None:
    provider = toy.provider(refund=lambda params: 1, order_query=lambda params: 1)

    assert provider.operations == ("order_query", "refund")


def test_a_wrapper_does_not_make_an_operation_supported(toy: Any) -> None:
    provider = toy.provider(refund=lambda params: 1)
    provider.extend(Metrics())

    assert provider.operations == ("refund",)
    with pytest.raises(UnsupportedOperation) as caught:
        provider.begin("cancel_order", toy.account(), None, None)
    assert str(caught.value) == "toy does not support cancel_order; it supports: refund"


def test_none_from_a_wrapper_names_the_plugins(toy: Any) -> None:
    provider = toy.provider(refund=lambda params: "done")
    provider.extend(Forgetful(), name="forgetful")
    with pytest.raises(ProviderContractError) as caught:
        provider.begin("refund", toy.account(), None, None)

    assert str(caught.value) == (
        "toy: tongfu_refund answered None (plugins asked: toy, forgetful); a wrapper must end with 'return (yield)'"
    )


def test_none_from_the_only_plugin_names_it(toy: Any) -> None:
    provider = toy.provider(refund=lambda params: None)
    with pytest.raises(ProviderContractError, match=r"answered None \(plugins asked: toy\)"):
        provider.begin("refund", toy.account(), None, None)


@pytest.mark.parametrize("answer", [None, False, 1, "yes", b"\x01", [True], 0])
def test_verify_counts_only_when_it_is_true(toy: Any, answer: object) -> None:
    provider = toy.provider(verify=lambda payload: answer)
    with pytest.raises(SignatureError, match="not the platform's"):
        provider.check(toy.account(), b"payload", "signature", "HMAC")


@pytest.mark.parametrize("answer", [None, False, 1, "yes"])
def test_verify_counts_only_when_it_is_true_behind_a_wrapper_too(toy: Any, answer: object) -> None:
    class Audit:
        @hookimpl(wrapper=True)
        def tongfu_verify(self) -> Generator[None, Any, Any]:
            return (yield)

    provider = toy.provider(verify=lambda payload: answer)
    provider.extend(Audit())
    with pytest.raises(SignatureError):
        provider.check(toy.account(), b"payload", "signature", "HMAC")


def test_true_from_verify_is_enough(toy: Any) -> None:
    account = toy.account()
    provider = toy.provider()
    provider.check(account, b"payload", provider.sign(account, b"payload", "HMAC"), "HMAC")


@pytest.mark.parametrize("signature", ["", None, b"bytes", 0, ["a"]])
def test_a_missing_signature_is_refused_without_asking(toy: Any, signature: Any) -> None:
    asked: list[bytes] = []

    def asked_and_true(payload: bytes) -> bool:
        asked.append(payload)
        return True

    provider = toy.provider(verify=asked_and_true)
    with pytest.raises(SignatureError, match="the HMAC signature is missing"):
        provider.check(toy.account(), b"payload", signature, "HMAC")

    assert asked == []


@pytest.mark.parametrize("signature", ["", 1, b"bytes"])
def test_sign_answers_text(toy: Any, signature: Any) -> None:
    with pytest.raises(ProviderContractError, match="answered no signature"):
        toy.provider(sign=lambda payload: signature).sign(toy.account(), b"", "HMAC")


def test_a_provider_of_another_platform_signs_and_verifies_nothing_here(toy: Any) -> None:
    account = toy.account()
    provider = toy.provider(refund=lambda params: "mine")
    before = provider.sign(account, b"x", "HMAC")
    late = {name: lambda: True for name in (*PIPELINE, *OPERATIONS)}
    Provider("late", toy.plugin(**{**late, "sign": lambda: "LATE", "refund": lambda: "late"}))

    assert provider.sign(account, b"x", "HMAC") == before
    assert provider.begin("refund", account, None, None) == "mine"
    assert provider.operations == ("refund",)
    with pytest.raises(SignatureError):
        provider.check(account, b"x", "forged", "HMAC")


def test_a_plugin_may_sign_for_some_accounts(toy: Any) -> None:
    class Hsm:
        @hookimpl(tryfirst=True)
        def tongfu_sign(self, account: Any) -> str | None:
            return "FROM-HSM" if account.key == "in-the-hsm" else None

    provider = toy.provider()
    before = provider.sign(toy.account(), b"x", "HMAC")
    provider.extend(Hsm())

    assert provider.sign(toy.account(key="in-the-hsm"), b"x", "HMAC") == "FROM-HSM"
    assert provider.sign(toy.account(), b"x", "HMAC") == before


class Unknown:
    @hookimpl
    def tongfu_refund(self, params: Any) -> str:
        return "intruder"

    @hookimpl
    def tongfu_refnd(self, params: Any) -> str:
        return "typo"


class WrongParameter:
    @hookimpl
    def tongfu_refund(self, param: Any) -> str:
        return "intruder"

    @hookimpl
    def tongfu_order_query(self, params: Any) -> str:
        return "intruder"


class AsyncHook:
    @hookimpl(tryfirst=True)
    async def tongfu_refund(self, params: Any) -> str:
        return "intruder"


class AsyncWrapper:
    @hookimpl(wrapper=True)
    async def tongfu_refund(self, params: Any) -> Any:
        yield


class KeywordOnly:
    @hookimpl
    def tongfu_refund(self, *, params: Any) -> str:
        return "intruder"


class WrappingObserver:
    @hookimpl(wrapper=True)
    def tongfu_call_finished(self, event: CallFinished) -> Generator[None, Any, Any]:
        return (yield)


class WrapperInNothingButName:
    @hookimpl
    def tongfu_refund(self) -> Generator[None, Any, Any]:
        return (yield)


class NoHook:
    def tongfu_refund(self, params: Any) -> str:
        return "the decorator is missing"


@pytest.mark.parametrize(
    ("plugin", "fault"),
    [
        (Unknown(), "unknown hook 'tongfu_refnd'"),
        (WrongParameter(), "{'param'}"),
        (AsyncHook(), "tongfu_refund in AsyncHook is async"),
        (AsyncWrapper(), "tongfu_refund"),
        (WrapperInNothingButName(), "tongfu_refund in WrapperInNothingButName yields, but is not"),
        (KeywordOnly(), "tongfu_refund in KeywordOnly cannot be given params"),
        (Metrics, "tongfu_cancel_order in Metrics cannot be given self"),
        (WrappingObserver(), "an observer wraps nothing"),
        (NoHook(), "NoHook implements no hook; is @hookimpl missing"),
    ],
)
def test_a_refused_plugin_is_named_and_leaves_no_trace(toy: Any, plugin: object, fault: str) -> None:
    provider = toy.provider(refund=lambda params: "mine")
    with pytest.raises(ProviderContractError) as caught:
        provider.extend(plugin)

    assert fault in str(caught.value)
    assert provider.begin("refund", toy.account(), None, None) == "mine"
    assert provider.operations == ("refund",)
    assert not provider.observed
    with pytest.raises(ProviderContractError):
        provider.extend(plugin)
    provider.extend(toy.plugin(order_query=lambda params: "good"))
    assert provider.operations == ("order_query", "refund")


def test_a_plugin_is_registered_once(toy: Any) -> None:
    provider, plugin = toy.provider(), Metrics()
    provider.extend(plugin)
    with pytest.raises(ProviderContractError, match="toy: Metrics is registered already"):
        provider.extend(plugin)


def test_an_extension_registered_after_a_call_is_asked(toy: Any) -> None:
    provider = toy.provider(refund=lambda params: "mine")
    assert provider.begin("refund", toy.account(), None, None) == "mine"
    provider.extend(toy.plugin(refund=lambda params: "later"))

    assert provider.begin("refund", toy.account(), None, None) == "later"


def test_an_observer_that_raises_is_logged_and_hides_nothing(toy: Any, caplog: pytest.LogCaptureFixture) -> None:
    seen: list[CallFinished] = []

    class Bad:
        @hookimpl
        def tongfu_call_finished(self) -> None:
            raise KeyError("metrics backend")

    provider = toy.provider()
    assert not provider.observed
    provider.extend(toy.observer(seen))
    provider.extend(Bad(), name="bad")
    provider.extend(toy.observer(seen))
    with caplog.at_level(logging.ERROR, logger="tongfu"):
        provider.finished(EVENT)

    assert seen == [EVENT, EVENT]
    (record,) = caplog.records
    assert (record.message, record.__dict__["plugin"], record.__dict__["operation"]) == (
        "tongfu.observer_failed",
        "bad",
        "refund",
    )
    assert record.exc_info is not None
    assert record.exc_info[0] is KeyError


def test_none_is_no_platforms_account_schema(toy: Any) -> None:
    assert toy.provider().account_schema() is None
