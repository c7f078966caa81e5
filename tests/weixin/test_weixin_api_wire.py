"""The API's requests as the fact sheet has them, and every way an answer can come. Fixtures: conftest.py here."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tongfu import ConfigError, HttpResponse, InvalidParams, MalformedAnswer, OutcomeUnknown, PlatformRefused
from tongfu.errors import (
    CodeRejected,
    CredentialRejected,
    OrderNotFound,
    PermissionDenied,
    PlatformBusy,
    RateLimited,
    TransportError,
    UnreadableOutcome,
)
from tongfu_weixin.api.auth import PaidUnionId, Session
from tongfu_weixin.api.wire import File

HOST = "https://api.weixin.qq.com"
STABLE = json.dumps(
    {"grant_type": "client_credential", "appid": "wxba5fad812f8e6fb9", "secret": "5f2d8c0b9a7e4d31"},
    separators=(",", ":"),
).encode()
PNG = b"\x89PNG\r\n\x1a\n....."


def media(body: bytes, content_type: str, **headers: str) -> HttpResponse:
    return HttpResponse(200, {"content-type": content_type, **headers}, body)


async def test_a_login_code_travels_with_appid_and_secret_and_no_token(mini: Any) -> None:
    mini.answers({"openid": "oABC", "session_key": "tiihtNczf5v6AKRyjwEUhQ==", "unionid": "uABC"})

    session = await mini.weixin.auth.code2session("0a1/+ b")

    assert (
        "GET",
        f"{HOST}/sns/jscode2session?appid=wxba5fad812f8e6fb9&secret=5f2d8c0b9a7e4d31"
        "&js_code=0a1%2F%2B%20b&grant_type=authorization_code",
        b"",
    ) == mini.wire()
    assert Session(openid="oABC", session_key="tiihtNczf5v6AKRyjwEUhQ==", unionid="uABC") == session
    assert {
        "errCode": 0,
        "errMsg": "ok",
        "openid": "oABC",
        "sessionKey": "tiihtNczf5v6AKRyjwEUhQ==",
        "unionid": "uABC",
    } == session.to_camel()


async def test_get_openid_is_code2session(mini: Any) -> None:
    mini.answers({"openid": "oABC", "session_key": "k"})

    assert Session(openid="oABC", session_key="k") == await mini.weixin.auth.get_openid("c")


async def test_neither_openid_nor_session_key_is_in_a_repr(mini: Any) -> None:
    mini.answers({"openid": "oABC", "session_key": "SESSION"})

    assert "Session()" == repr(await mini.weixin.auth.code2session("c"))


async def test_a_used_up_code_is_never_sent_twice(mini: Any) -> None:
    mini.answers(TransportError("gone"))

    with pytest.raises(OutcomeUnknown, match="code2session"):
        await mini.weixin.auth.code2session("c")
    assert 1 == len(mini.sent)


async def test_login_needs_a_secret_and_says_so_before_anything_is_sent(mini_program: Any) -> None:
    mini = mini_program(secret="")

    with pytest.raises(ConfigError, match="code2session needs secret"):
        await mini.weixin.auth.code2session("c")
    assert [] == mini.sent


@pytest.mark.parametrize("code", ["", None, 5, "x" * 513])
async def test_a_code_that_is_none_is_refused_here(mini: Any, code: Any) -> None:
    with pytest.raises(InvalidParams, match="code: "):
        await mini.weixin.auth.code2session(code)
    assert [] == mini.sent


async def test_paid_union_id_by_either_number(mini: Any) -> None:
    mini.answers(*[{"unionid": "u", "errcode": 0, "errmsg": "ok"}] * 2)

    by_platform = await mini.weixin.auth.get_paid_union_id(openid="o", transaction_id="42")
    await mini.weixin.auth.get_paid_union_id(openid="o", mch_id="19", out_trade_no="A 1", access_token="OTHER")

    assert [
        ("GET", f"{HOST}/wxa/getpaidunionid?access_token=TOKEN&openid=o&transaction_id=42", b""),
        ("GET", f"{HOST}/wxa/getpaidunionid?access_token=OTHER&openid=o&mch_id=19&out_trade_no=A%201", b""),
    ] == [(request.method, request.url, request.body) for request in mini.sent]
    assert PaidUnionId(unionid="u") == by_platform
    assert {"errCode": 0, "errMsg": "ok", "unionid": "u"} == by_platform.to_camel()


@pytest.mark.parametrize(
    ("numbers", "fields"),
    [
        ({}, {"transaction_id", "mch_id", "out_trade_no"}),
        ({"mch_id": "19"}, {"out_trade_no"}),
        ({"out_trade_no": "A1"}, {"mch_id"}),
        ({"transaction_id": "42", "out_trade_no": "A1"}, {"transaction_id", "mch_id", "out_trade_no"}),
    ],
)
async def test_one_payment_has_to_be_named(mini: Any, numbers: dict[str, str], fields: set[str]) -> None:
    with pytest.raises(InvalidParams) as caught:
        await mini.weixin.auth.get_paid_union_id(openid="o", **numbers)
    assert (fields, []) == (set(caught.value.problems), mini.sent)


async def test_json_goes_out_as_raw_utf_8(mini: Any) -> None:
    mini.answers({"errcode": 0, "errmsg": "ok", "n": 9007199254740993})

    answer = await mini.weixin.call("POST", "/wxa/x", json={"content": "你好 <b>&", "none": None}, query={"q": "é/"})

    (request,) = mini.sent
    assert f"{HOST}/wxa/x?access_token=TOKEN&q=%C3%A9%2F" == request.url
    assert '{"content":"你好 <b>&","none":null}'.encode() == request.body
    assert "application/json; charset=utf-8" == request.headers["content-type"]
    assert {"errcode": 0, "errmsg": "ok", "n": 9007199254740993} == answer


async def test_a_file_goes_out_as_a_form_with_a_filename(mini: Any) -> None:
    mini.answers({"media_id": "m"})

    await mini.weixin.call(
        "POST", "/x", file=File("media", b"\xff\xd8bytes", "image/jpeg", 'a"\r\nb.jpg'), form={"ratios": "1,2.35"}
    )

    (request,) = mini.sent
    boundary = b"tongfu0123456789abcdef0123456789abcdef"
    assert b"multipart/form-data; boundary=" + boundary == request.headers["content-type"].encode()
    assert (
        b"--" + boundary + b'\r\ncontent-disposition: form-data; name="ratios"\r\n\r\n1,2.35\r\n'
        b"--" + boundary + b'\r\ncontent-disposition: form-data; name="media"; filename="a___b.jpg"\r\n'
        b"content-type: image/jpeg\r\n\r\n\xff\xd8bytes\r\n--" + boundary + b"--\r\n"
    ) == request.body


async def test_a_form_needs_no_file(mini: Any) -> None:
    mini.answers({})

    await mini.weixin.call("POST", "/x", form={"ratios": "1"})

    boundary = b"--tongfu0123456789abcdef0123456789abcdef"
    assert (
        boundary + b'\r\ncontent-disposition: form-data; name="ratios"\r\n\r\n1\r\n' + boundary + b"--\r\n"
    ) == mini.sent[0].body


@pytest.mark.parametrize(
    "parts",
    [
        {"json": {"content": "half an emoji \ud83d"}},
        {"query": {"content": "\ud83d"}},
        {"form": {"content": "\ud83d"}},
        {"json": {"set": {1}}},
        {"json": {"number": float("nan")}},
    ],
)
@pytest.mark.parametrize("read_only", [True, False])
async def test_what_cannot_be_written_is_refused_here(mini: Any, parts: dict[str, Any], read_only: bool) -> None:
    with pytest.raises(InvalidParams, match="lone surrogates"):
        await mini.weixin.call("POST", "/x", read_only=read_only, **parts)
    assert [] == mini.sent


@pytest.mark.parametrize(
    ("method", "parts"),
    [
        ("POST", {"json": {}, "file": File("a", b"b", "image/png")}),
        ("POST", {"json": {}, "form": {"a": "b"}}),
        ("GET", {"json": {}}),
        ("GET", {"form": {"a": "b"}}),
        ("GET", {"file": File("a", b"b", "image/png")}),
    ],
)
async def test_a_call_has_one_body_and_a_get_none(mini: Any, method: str, parts: dict[str, Any]) -> None:
    with pytest.raises(InvalidParams, match="none of them with GET"):
        await mini.weixin.call(method, "/x", **parts)
    assert [] == mini.sent


@pytest.mark.parametrize(
    "arguments",
    [
        ("PUT", "/x"),
        ("GET", "x"),
        ("GET", "/x?a=1"),
        ("GET", "//evil.example/x"),
    ],
)
async def test_a_call_that_makes_no_sense_is_refused_here(mini: Any, arguments: tuple[str, str]) -> None:
    with pytest.raises(InvalidParams):
        await mini.weixin.call(*arguments)
    assert [] == mini.sent


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (-1, PlatformBusy),
        (40029, CodeRejected),
        (40163, CodeRejected),
        (45011, RateLimited),
        (45009, RateLimited),
        (48001, PermissionDenied),
        (40164, PermissionDenied),
        (40001, CredentialRejected),
        (89300, OrderNotFound),
        (99999, PlatformRefused),
        ("40029", CodeRejected),
        ("?", PlatformRefused),
    ],
)
async def test_an_errcode_is_an_error_of_its_kind_with_the_rid(
    mini: Any, code: Any, kind: type[PlatformRefused]
) -> None:
    mini.answers({"errcode": code, "errmsg": "no, rid: 61725984-6126f6f9-040f19c4"})

    with pytest.raises(PlatformRefused) as caught:
        await mini.weixin.call("GET", "/x")
    error = caught.value
    assert (kind, str(code), "61725984-6126f6f9-040f19c4") == (type(error), error.code, error.request_id)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (HttpResponse(502, {"content-type": "text/html"}, b"<html>bad gateway"), OutcomeUnknown),
        (HttpResponse(200, {"content-type": "text/html"}, b"<html>hello"), UnreadableOutcome),
        (b"", UnreadableOutcome),
        (b"[]", UnreadableOutcome),
        (b'{"a":', UnreadableOutcome),
        (b"\xff\xfe{}", UnreadableOutcome),
        (b"[" * 100_000, UnreadableOutcome),
        (b'{"errcode":' + b"9" * 5000 + b"}", UnreadableOutcome),
    ],
)
async def test_an_answer_that_is_none_leaves_the_outcome_open(mini: Any, answer: Any, kind: type[Exception]) -> None:
    mini.answers(answer)

    with pytest.raises(OutcomeUnknown) as caught:
        await mini.weixin.call("POST", "/x", json={})
    assert kind is type(caught.value)


async def test_a_read_only_call_is_sent_again_after_a_gateway_error(mini: Any) -> None:
    mini.answers(HttpResponse(502, {}, b""), {"ok": 1})

    assert {"ok": 1} == await mini.weixin.call("GET", "/x", read_only=True)


@pytest.mark.parametrize(
    "answer",
    [
        media(b'{"errcode":40007,"errmsg":"invalid media_id"}', "text/plain"),
        media(b'{"errcode":40007,"errmsg":"invalid media_id"}', "application/json; encoding=utf-8"),
        media(b'\n {"errcode":40007,"errmsg":"invalid media_id"}', "image/jpeg"),
        media(b'{"errcode":40007,"errmsg":""}', "image/jpeg", **{"content-disposition": "attachment"}),
    ],
)
async def test_a_refusal_is_told_from_a_file_whatever_its_label(mini: Any, answer: HttpResponse) -> None:
    mini.answers(answer)

    with pytest.raises(PlatformRefused) as caught:
        await mini.weixin.call("GET", "/x", binary=True, read_only=True)
    assert "40007" == caught.value.code


@pytest.mark.parametrize(
    ("answer", "filename"),
    [
        (media(PNG, "image/png"), None),
        (media(PNG, "text/plain"), None),
        (media(b"{not json", "image/jpeg"), None),
        (
            media(b'{"a":1}', "application/octet-stream", **{"content-disposition": 'attachment; filename="a.json"'}),
            "a.json",
        ),
        (media(b"anything", ""), None),
    ],
)
async def test_a_file_is_a_file(mini: Any, answer: HttpResponse, filename: str | None) -> None:
    mini.answers(answer)

    told = await mini.weixin.call("GET", "/x", binary=True)
    assert (answer.body, answer.headers["content-type"], filename) == (
        told["buffer"],
        told["content_type"],
        told["filename"],
    )


@pytest.mark.parametrize(
    "answer", [media(b"<html>", "text/html"), media(b"", "image/png"), media(b"hello", "text/plain")]
)
async def test_a_page_is_no_file(mini: Any, answer: HttpResponse) -> None:
    mini.answers(answer)

    with pytest.raises(MalformedAnswer):
        await mini.weixin.call("GET", "/x", binary=True, read_only=True)


async def test_the_kept_token_is_the_stable_one_and_is_fetched_once(mini_program: Any) -> None:
    mini = mini_program(access_token="")
    mini.answers({"access_token": "FETCHED", "expires_in": 7200}, {"a": 1}, {"a": 2})

    await mini.weixin.call("GET", "/x")
    await mini.weixin.call("GET", "/y")

    assert [
        ("POST", f"{HOST}/cgi-bin/stable_token", STABLE),
        ("GET", f"{HOST}/x?access_token=FETCHED", b""),
        ("GET", f"{HOST}/y?access_token=FETCHED", b""),
    ] == [(request.method, request.url, request.body) for request in mini.sent]


async def test_the_classic_token_on_request(mini_program: Any) -> None:
    mini = mini_program(access_token="", stable_token=False)
    mini.answers({"access_token": "FETCHED", "expires_in": 7200}, {"a": 1})

    await mini.weixin.call("GET", "/x")

    assert (
        "GET",
        f"{HOST}/cgi-bin/token?grant_type=client_credential&appid=wxba5fad812f8e6fb9&secret=5f2d8c0b9a7e4d31",
    ) == (mini.sent[0].method, mini.sent[0].url)


@pytest.mark.parametrize("code", [40001, 40014, 42001])
async def test_a_rejected_token_is_replaced_and_the_call_replayed_once(mini_program: Any, code: int) -> None:
    mini = mini_program(access_token="")
    stale = {"errcode": code, "errmsg": "no"}
    mini.answers({"access_token": "A", "expires_in": 7200}, stale, {"access_token": "B", "expires_in": 7200}, stale)

    with pytest.raises(CredentialRejected):
        await mini.weixin.call("POST", "/x", json={})
    assert ["/cgi-bin/stable_token", "/x?access_token=A", "/cgi-bin/stable_token", "/x?access_token=B"] == [
        request.url.removeprefix(HOST) for request in mini.sent
    ]


async def test_a_token_the_caller_brought_is_not_replaced(mini: Any) -> None:
    mini.answers({"errcode": 40001, "errmsg": "no"})

    with pytest.raises(CredentialRejected):
        await mini.weixin.call("GET", "/x")
    assert 1 == len(mini.sent)


@pytest.mark.parametrize(
    "answer",
    [{}, {"access_token": "", "expires_in": 1}, {"access_token": "A"}, {"access_token": "A", "expires_in": "x"}],
)
async def test_a_token_without_its_lifetime_is_none(mini_program: Any, answer: dict[str, Any]) -> None:
    mini = mini_program(access_token="")
    mini.answers(answer)

    with pytest.raises(MalformedAnswer, match="access_token"):
        await mini.weixin.call("GET", "/x")


async def test_no_secret_is_in_an_error(mini_program: Any) -> None:
    mini = mini_program(access_token="")
    mini.answers({"access_token": "TOKENTOKEN", "expires_in": 7200}, TransportError("broke"))

    with pytest.raises(OutcomeUnknown) as caught:
        await mini.weixin.call("POST", "/x", json={"k": "BODYBODY"})
    told = f"{caught.value!r} {caught.value} {mini.sent!r}"
    assert not [secret for secret in ("TOKENTOKEN", "BODYBODY", "5f2d8c0b9a7e4d31") if secret in told]
