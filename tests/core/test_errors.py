from __future__ import annotations

import copy
import inspect
import pickle
import re
from typing import Any

import pytest

from tongfu import errors
from tongfu.errors import PlatformRefused, TongfuError

RAW = {"openid": "o-buyer", "sign": "5IGN"}
EXAMPLES: list[tuple[TongfuError, str]] = [
    (errors.TongfuError("text"), "text"),
    (errors.ConfigError("the key is missing"), "the key is missing"),
    (errors.UnknownAccount("shop", ["a", "b"]), "no account is named 'shop'; the accounts are: a, b"),
    (errors.UnknownAccount("shop", []), "no account is named 'shop'; the accounts are: none"),
    (
        errors.UnknownPlatform("wechat", ["alipay", "weixin"]),
        "no installed distribution provides the platform 'wechat'; installed: alipay, weixin. Install the "
        "distribution that provides it (the ones of this project are named tongfu-<platform>)",
    ),
    (
        errors.AmbiguousPlatform("weixin", ["acme-impostor", "tongfu-weixin"]),
        "more than one distribution claims the platform 'weixin': acme-impostor, tongfu-weixin; uninstall all but "
        "the one you trust",
    ),
    (
        errors.BrokenProvider("toy", "acme-toy", "ImportError: no"),
        "the provider of 'toy' (distribution acme-toy) cannot be loaded: ImportError: no",
    ),
    (
        errors.UnsupportedOperation("weixin", "cancel_order", ["get_order_info", "refund"]),
        "weixin does not support cancel_order; it supports: get_order_info, refund",
    ),
    (errors.UnsupportedOperation("toy", "refund", []), "toy does not support refund; it supports: nothing"),
    (
        errors.InvalidParams("weixin", "refund", {"refund_fee": "missing", "offset": "expected an int of 0 to 50"}),
        "weixin refund: refund_fee: missing; offset: expected an int of 0 to 50",
    ),
    (errors.TransportError("cannot connect", sent=False), "cannot connect"),
    (
        errors.OutcomeUnknown("toy", "refund", "no answer", code="20000", sub_code="aop.x", raw=RAW),
        "toy refund may have been carried out: no answer. Find out before doing anything else: query it with "
        "the same numbers, and never repeat it under new ones",
    ),
    (
        errors.UnverifiedOutcome("toy", "refund", "unsigned", raw=RAW),
        "toy refund may have been carried out: unsigned. Find out before doing anything else: query it with "
        "the same numbers, and never repeat it under new ones",
    ),
    (
        errors.UnreadableOutcome("toy", "refund", "junk"),
        "toy refund may have been carried out: junk. Find out before doing anything else: query it with "
        "the same numbers, and never repeat it under new ones",
    ),
    (
        errors.CredentialStoreUnavailable("Redis", "TimeoutError"),
        "Redis, which keeps the credentials, cannot be reached (TimeoutError); nothing was sent. Mend the store, or "
        "choose one that goes on without",
    ),
    (errors.SignatureError("toy: forged"), "toy: forged"),
    (errors.CredentialNeeded("keys", "toy: an unknown key"), "toy: an unknown key"),
    (errors.MalformedAnswer("not JSON"), "not JSON"),
    (errors.WrongNotice("a refund"), "a refund"),
    (
        errors.NoticeMismatch("A1", ["total_fee", "fee_type"]),
        "the notification for A1 is authentic, but differs from the order in: total_fee, fee_type; do not deliver, "
        "look at the order",
    ),
    (
        PlatformRefused(
            "alipay",
            "40004",
            "ACQ.TRADE_NOT_EXIST",
            "no such trade",
            400,
            "r-1",
            RAW,
            verified=False,
            advice="Ask again",
        ),
        "alipay refused: 40004 ACQ.TRADE_NOT_EXIST: no such trade (HTTP 400) (request id r-1). Ask again",
    ),
    *(
        (kind("toy", "NO", raw=RAW), "toy refused: NO")
        for kind in (
            errors.OrderNotFound,
            errors.OrderPaid,
            errors.OrderClosed,
            errors.OrderConflict,
            errors.RefundNotFound,
            errors.NotEnough,
            errors.BillUnavailable,
            errors.RateLimited,
            errors.CredentialRejected,
            errors.CodeRejected,
            errors.PermissionDenied,
            errors.PlatformBusy,
        )
    ),
    (errors.ProviderContractError("a bug"), "a bug"),
]
CLASSES = {
    name: kind
    for name, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, TongfuError) and kind.__module__ == errors.__name__
}


def test_every_class_has_an_example_here() -> None:
    assert {type(error) for error, _ in EXAMPLES} == set(CLASSES.values())


@pytest.mark.parametrize(("error", "message"), EXAMPLES, ids=lambda value: type(value).__name__)
def test_an_error_says_what_happened_and_never_shows_its_wire_fields(error: TongfuError, message: str) -> None:
    assert str(error) == message
    assert "o-buyer" not in repr(error)
    assert "5IGN" not in repr(error)


@pytest.mark.parametrize("error", [error for error, _ in EXAMPLES], ids=lambda error: type(error).__name__)
@pytest.mark.parametrize(
    "again", [lambda e: pickle.loads(pickle.dumps(e)), copy.copy, copy.deepcopy], ids=["pickle", "copy", "deepcopy"]
)
def test_an_error_survives_with_its_fields(error: TongfuError, again: Any) -> None:
    twin = again(error)

    assert twin is not error
    assert type(twin) is type(error)
    assert (twin.args, vars(twin), str(twin)) == (error.args, vars(error), str(error))


def test_the_tree_at_the_top_is_the_tree() -> None:
    drawn = {}
    path: list[str] = []
    tree = errors.__doc__ or ""
    for bullet, name in re.findall(r"^ *([*x+.]) (\w+)", tree, re.MULTILINE):
        depth = "*x+.".index(bullet)
        path[depth:] = [name]
        drawn[name] = path[depth - 1] if depth else None
    refusals = re.search(r"\+ (OrderNotFound[\w,\s]+?)\n  x", tree)
    assert refusals is not None
    drawn.update(dict.fromkeys(re.findall(r"\w+", refusals[1]), "PlatformRefused"))

    bases = {name: getattr(kind.__base__, "__name__", "") for name, kind in CLASSES.items()}
    assert drawn == {**bases, "TongfuError": None}


@pytest.mark.parametrize(
    ("kind", "also"),
    [
        (errors.UnverifiedOutcome, (errors.OutcomeUnknown, errors.TransportError, errors.SignatureError)),
        (errors.UnreadableOutcome, (errors.OutcomeUnknown, errors.TransportError, errors.MalformedAnswer)),
        (errors.InvalidParams, (ValueError,)),
    ],
)
def test_some_errors_are_caught_as_either(kind: type[Exception], also: tuple[type[Exception], ...]) -> None:
    assert all(issubclass(kind, base) for base in also)


@pytest.mark.parametrize("kind", [errors.OutcomeUnknown, errors.UnverifiedOutcome, errors.UnreadableOutcome])
def test_what_may_have_happened_counts_as_sent(kind: Any) -> None:
    assert kind("toy", "refund", "x").sent is True


def test_an_errors_fields_are_copies() -> None:
    raw, problems = {"a": "1"}, {"fee": "missing"}
    refused = PlatformRefused("toy", "NO", raw=raw)
    invalid = errors.InvalidParams("toy", "refund", problems)
    raw.clear()
    problems.clear()

    assert refused.raw == {"a": "1"}
    assert invalid.problems == {"fee": "missing"}
