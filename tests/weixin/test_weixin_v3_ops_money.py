"""APIv3 refunds and bills: what is sent, in which steps, and what is refused. C8, C9."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any, Final

import pytest

from tongfu import InvalidParams, MalformedAnswer
from tongfu.bills import Spool
from tongfu.call import Call, Context
from tongfu.model import Bill
from tongfu.params import BillParams, FundflowParams, RefundKey, RefundParams
from tongfu_weixin import WeixinAccount
from tongfu_weixin.pay_v3 import bill, refund


class Pen:
    def sign(self, payload: bytes, algorithm: str) -> str:
        raise AssertionError("nothing here is signed for a client")

    def check(self, payload: bytes, signature: str, algorithm: str) -> None:
        raise AssertionError("an operation checks nothing")

    def acting_as(self, account: Any) -> Pen:
        raise AssertionError("nobody else signs")


CTX: Final = Context(datetime(2026, 11, 24, 4, 0, tzinfo=UTC), "0123456789abcdef0123456789abcdef", Pen())
DIRECT: Final = WeixinAccount(app_id="wxd678efh567hg6787", mch_id="1230000109")
PARTNER: Final = WeixinAccount(app_id="wxd678efh567hg6787", mch_id="1230000109", sub_mch_id="1900000109")
URL: Final = "https://api.mch.weixin.qq.com/v3/billdownload/file?token=xx%2Fyy&tartype=gzip"
HASH: Final = "79bb0f45fc4c42234a918000b2668d689e2bde04"
APPLIED: Final = {"hash_type": "SHA1", "hash_value": HASH, "download_url": URL}


def request(call: Call[Any]) -> tuple[str, str, Any, Any]:
    assert (call.wire, call.needs_client_cert, call.credentials) == ("v3", False, ())
    assert call.fields["sensitive"] == ()
    return call.method, call.endpoint, call.fields["query"], call.fields["json"]


def refunding(account: WeixinAccount = DIRECT, **more: Any) -> Call[Any]:
    told = {"out_trade_no": "A10011", "out_refund_no": "R1", "total_fee": 100, "refund_fee": 60}
    return refund.refund(account, RefundParams(**{**told, **more}), CTX)


def problems(begin: Any, params: Any) -> dict[str, str]:
    with pytest.raises(InvalidParams) as caught:
        begin(DIRECT, params, CTX)
    return dict(caught.value.problems)


@pytest.mark.parametrize(
    ("account", "more", "body"),
    [
        (
            DIRECT,
            {},
            {
                "out_trade_no": "A10011",
                "out_refund_no": "R1",
                "amount": {"refund": 60, "total": 100, "currency": "CNY"},
            },
        ),
        (
            PARTNER,
            {
                "out_trade_no": None,
                "transaction_id": "4200001",
                "refund_desc": "商品已售完",
                "notify_url": "https://shop.example/refunds",
                "refund_fee_type": "HKD",
                "extra": {
                    "funds_account": "AVAILABLE",
                    "amount": {"from": [{"account": "AVAILABLE", "amount": 60}]},
                },
            },
            {
                "sub_mchid": "1900000109",
                "transaction_id": "4200001",
                "out_refund_no": "R1",
                "reason": "商品已售完",
                "notify_url": "https://shop.example/refunds",
                "amount": {
                    "refund": 60,
                    "total": 100,
                    "currency": "HKD",
                    "from": [{"account": "AVAILABLE", "amount": 60}],
                },
                "funds_account": "AVAILABLE",
            },
        ),
    ],
)
def test_a_refund_is_asked_for_once_and_needs_no_client_certificate(
    account: WeixinAccount, more: dict[str, Any], body: dict[str, Any]
) -> None:
    call = refunding(account, **more)

    assert (*request(call), call.read_only) == ("POST", "/v3/refund/domestic/refunds", None, body, False)


@pytest.mark.parametrize(
    ("more", "names"),
    [
        ({"out_refund_no": None}, {"out_refund_no"}),
        ({"out_refund_no": "R 1"}, {"out_refund_no"}),
        ({"out_refund_no": "R" * 65}, {"out_refund_no"}),
        ({"total_fee": None}, {"total_fee"}),
        ({"refund_fee": 101}, {"refund_fee"}),
        ({"refund_fee": 0}, {"refund_fee"}),
        ({"refund_desc": "x" * 81}, {"refund_desc"}),
        ({"refund_desc": "tea \U0001f375"}, {"refund_desc"}),
        ({"refund_desc": "tea \ud83c"}, {"refund_desc"}),
        ({"refund_fee_type": "x" * 17}, {"refund_fee_type"}),
        ({"notify_url": "https://shop.example/r?a=1"}, {"notify_url"}),
        ({"transaction_id": "4200001"}, {"out_trade_no", "transaction_id"}),
        ({"out_trade_no": None}, {"out_trade_no", "transaction_id"}),
        ({"extra": {"amount": {"refund": 1}}}, {"extra"}),
        ({"extra": {"amount": {"total": 1}}}, {"extra"}),
        ({"extra": {"amount": {"currency": "CNY"}}}, {"extra"}),
        ({"extra": {"amount": []}}, {"extra"}),
        ({"extra": {"reason": "x"}}, {"extra"}),
        ({"extra": {"sub_mchid": "1"}}, {"extra"}),
        ({"extra": {"goods_detail": [None]}}, {"extra"}),
    ],
)
def test_every_limit_of_a_refund_has_our_name(more: dict[str, Any], names: set[str]) -> None:
    with pytest.raises(InvalidParams) as caught:
        refunding(**more)

    assert set(caught.value.problems) == names


def test_a_refund_at_every_limit_is_sent() -> None:
    call = refunding(refund_fee=100, out_refund_no="R-_|*@" + "9" * 58, refund_desc="退" * 80)

    assert call.fields["json"]["amount"] == {"refund": 100, "total": 100, "currency": "CNY"}


@pytest.mark.parametrize(("account", "asked"), [(DIRECT, None), (PARTNER, {"sub_mchid": "1900000109"})])
def test_a_refund_is_found_by_its_own_number_percent_encoded(
    account: WeixinAccount, asked: dict[str, str] | None
) -> None:
    call = refund.refund_query(account, RefundKey(out_refund_no="R|*@1"), CTX)

    assert (*request(call), call.read_only) == (
        "GET",
        "/v3/refund/domestic/refunds/R%7C%2A%401",
        asked,
        None,
        True,
    )


@pytest.mark.parametrize("name", ["refund_id", "transaction_id", "out_trade_no"])
def test_what_only_apiv2_finds_refunds_by_is_refused_with_what_to_pass(name: str) -> None:
    key: dict[str, Any] = {name: "50001"}

    assert problems(refund.refund_query, RefundKey(**key)) == {
        "out_refund_no": "missing; expected the refund's own number, which APIv3 finds it by",
        name: "not enough in APIv3, which finds a refund by its out_refund_no only; pass that",
    }


def test_apiv3_lists_no_refunds() -> None:
    told = problems(refund.refund_query, RefundKey(out_refund_no="R1", offset=10))

    assert list(told) == ["offset"]
    assert "APIv3 answers one refund at a time and lists none; pass its out_refund_no" in told["offset"]


@pytest.mark.parametrize(
    ("account", "params", "asked"),
    [
        (DIRECT, {"bill_date": "20260101"}, {"bill_date": "2026-01-01", "bill_type": "ALL"}),
        (
            PARTNER,
            {"bill_date": date(2026, 1, 1), "bill_type": "REFUND", "tar_type": "GZIP"},
            {"bill_date": "2026-01-01", "bill_type": "REFUND", "tar_type": "GZIP", "sub_mchid": "1900000109"},
        ),
        (
            DIRECT,
            {"bill_date": "2026-01-01", "extra": {"more": 1}},
            {"bill_date": "2026-01-01", "bill_type": "ALL", "more": "1"},
        ),
    ],
)
def test_a_bill_is_applied_for(account: WeixinAccount, params: dict[str, Any], asked: dict[str, str]) -> None:
    call = bill.download_bill(account, BillParams(**params), CTX)

    assert (*request(call), call.read_only, call.fields["file"]) == (
        "GET",
        "/v3/bill/tradebill",
        asked,
        None,
        True,
        None,
    )


@pytest.mark.parametrize(
    ("given", "sent"), [(None, "BASIC"), ("Basic", "BASIC"), ("Operation", "OPERATION"), ("FEES", "FEES")]
)
def test_a_fund_flows_account_may_be_spelt_as_in_either_protocol(given: str | None, sent: str) -> None:
    call = bill.download_fundflow(DIRECT, FundflowParams(bill_date="20260101", account_type=given), CTX)

    assert (*request(call), call.read_only) == (
        "GET",
        "/v3/bill/fundflowbill",
        {"bill_date": "2026-01-01", "account_type": sent},
        None,
        True,
    )


def test_a_sub_merchants_fund_flow_is_not_mistaken_for_the_service_providers() -> None:
    call = bill.download_fundflow(PARTNER, FundflowParams(bill_date="20260101"), CTX)

    assert (call.endpoint, call.fields["query"]["sub_mchid"]) == ("/v3/bill/sub-merchant-fundflowbill", "1900000109")


@pytest.mark.parametrize(("tar_type", "gzip"), [("GZIP", True), (None, False)])
def test_the_file_is_fetched_from_the_very_address_with_the_hash_that_was_told(
    tar_type: str | None, gzip: bool
) -> None:
    for begun in (
        bill.download_bill(DIRECT, BillParams(bill_date="20260101", tar_type=tar_type), CTX),
        bill.download_fundflow(DIRECT, FundflowParams(bill_date="20260101", tar_type=tar_type), CTX),
    ):
        second = begun.finish(APPLIED, CTX)

        assert isinstance(second, Call)
        assert (*request(second), second.operation, second.read_only) == (
            "GET",
            URL,
            None,
            None,
            begun.operation,
            True,
        )
        assert second.fields["file"] == {"hash": HASH, "hash_type": "SHA1", "gzip": gzip}
        assert second.finish({"content": Spool.of("交易时间\n".encode())}, CTX) == Bill(content="交易时间\n")


@pytest.mark.parametrize(
    "changed",
    [
        {"hash_type": "MD5"},
        {"hash_type": None},
        {"hash_value": None},
        {"hash_value": ""},
        {"download_url": None},
        {"download_url": 5},
    ],
)
def test_a_file_without_a_hash_is_not_fetched(changed: dict[str, Any]) -> None:
    call = bill.download_bill(DIRECT, BillParams(bill_date="20260101"), CTX)
    with pytest.raises(MalformedAnswer):
        call.finish({**APPLIED, **changed}, CTX)


def test_json_where_the_file_was_promised_is_no_bill() -> None:
    second = bill.download_bill(DIRECT, BillParams(bill_date="20260101"), CTX).finish(APPLIED, CTX)

    assert isinstance(second, Call)
    with pytest.raises(MalformedAnswer):
        second.finish({"code": "x"}, CTX)


@pytest.mark.parametrize(
    ("begin", "params", "name"),
    [
        (bill.download_bill, BillParams(bill_date="2026-13-01"), "bill_date"),
        (bill.download_bill, BillParams(bill_date="20260101", bill_type="REVOKED"), "bill_type"),
        (bill.download_bill, BillParams(bill_date="20260101", tar_type="ZIP"), "tar_type"),
        (bill.download_bill, BillParams(bill_date="20260101", extra={"bill_date": "2026-01-02"}), "extra"),
        (bill.download_bill, BillParams(bill_date="20260101", extra={"sub_mchid": "1"}), "extra"),
        (bill.download_fundflow, FundflowParams(bill_date="x"), "bill_date"),
        (bill.download_fundflow, FundflowParams(bill_date="20260101", account_type="basic"), "account_type"),
        (bill.download_fundflow, FundflowParams(bill_date="20260101", extra={"account_type": "FEES"}), "extra"),
    ],
)
def test_every_limit_of_a_bill_has_our_name(begin: Any, params: Any, name: str) -> None:
    assert list(problems(begin, params)) == [name]
