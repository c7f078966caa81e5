"""What a broken platform, somebody between or a hurried caller can do to the API. Fixtures: conftest.py here."""

from __future__ import annotations

import contextlib
import json
import pickle
from collections.abc import Iterator
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tongfu import HttpResponse, InvalidParams, MalformedAnswer, OutcomeUnknown, PlatformRefused, TongfuError
from tongfu.errors import CredentialRejected, UnreadableOutcome
from tongfu_weixin import api_keys
from tongfu_weixin.api.auth import AccessToken
from tongfu_weixin.api.wire import File

TEXT: dict[str, Any] = {"touser": "oABC", "msgtype": "text", "text": {"content": "hello"}}
TREND = {
    "ref_date": "20261120",
    "session_cnt": 1,
    "visit_pv": 2,
    "visit_uv": 1,
    "visit_uv_new": 0,
    "stay_time_session": 1.5,
    "visit_depth": 1.5,
}


SCAN = {
    "errcode": 0,
    "code_results": [{"type_name": "QR_CODE", "data": "d", "pos": {"left_top": {"x": 1, "y": 2}}}],
    "img_size": {"w": 1, "h": 2},
}
NESTED: list[Any] = [[], {}, [[]], [None], {"a": 1}]
ODD: st.SearchStrategy[Any] = st.sampled_from(
    [
        None,
        True,
        0,
        -1,
        1.5,
        10**30,
        "",
        "-",
        "--1",
        "1" * 5000,
        "\uff11",
        "\u00b2",
        "\ud800",
        [],
        {},
        [[]],
        [None],
        {"a": 1},
    ]
)


def behind(error: BaseException | None) -> Iterator[str]:
    """All that a program that reports errors could find on one: its chain, their attributes and arguments."""
    while error is not None:
        yield f"{error!r} {error} {vars(error)} {getattr(error, 'object', '')!r}"
        error = error.__cause__ or error.__context__


@pytest.mark.parametrize("errcode", ["false", "true", "0.0", "40001.0", "null", "{}", "[0]", "NaN", "1e999"])
async def test_an_errcode_that_is_no_number_is_neither_done_nor_refused(mini: Any, errcode: str) -> None:
    mini.answers(f'{{"errcode":{errcode},"errmsg":"ok"}}'.encode())

    with pytest.raises(UnreadableOutcome):
        await mini.weixin.customer_service_message.send(**TEXT)
    assert 1 == len(mini.sent)


@pytest.mark.parametrize(
    "body",
    [
        b'{"errcode":40003,"errmsg":"no","errcode":0}',
        b'{"errcode":0,"a":NaN}',
        b'{"errcode":0,"a":-Infinity}',
        b'{"errcode":0,"a":1e400}',
        b'{"errcode":0,"a":' + b"[" * 65 + b"]" * 65 + b"}",
    ],
)
async def test_an_answer_that_can_be_read_in_two_ways_is_none(mini: Any, body: bytes) -> None:
    mini.answers(body)

    with pytest.raises(UnreadableOutcome):
        await mini.weixin.customer_service_message.send(**TEXT)


async def test_a_figure_is_a_number(mini: Any) -> None:
    mini.answers(json.dumps({"list": [{**TREND, "visit_depth": float("nan")}]}).encode())

    with pytest.raises(MalformedAnswer):
        await mini.weixin.analysis.get_daily_visit_trend(begin_date="20261120")


async def test_a_byte_order_mark_before_an_answer_is_no_matter(mini: Any) -> None:
    mini.answers(b'\xef\xbb\xbf{"errcode":0,"a":1}')

    assert {"errcode": 0, "a": 1} == await mini.weixin.call("GET", "/x")


@pytest.mark.parametrize("body", [b'{"openid":"oABC","session_key":"SESSIONKEY', b'{"session_key":"SESSIONKEY\xff"}'])
async def test_an_answer_that_breaks_off_hangs_on_no_error(mini: Any, body: bytes) -> None:
    mini.answers(body)

    with pytest.raises(OutcomeUnknown) as caught:
        await mini.weixin.auth.code2session("c")
    assert "SESSIONKEY" not in " ".join(behind(caught.value))


async def test_a_token_that_breaks_off_hangs_on_no_error(mini_program: Any) -> None:
    mini = mini_program(access_token="")
    mini.answers(b'{"access_token":"97_FETCHED', b'{"access_token":"97_FETCHED', b'{"access_token":"97_FETCHED')

    with pytest.raises(MalformedAnswer) as caught:
        await mini.weixin.call("GET", "/x")
    assert "97_FETCHED" not in " ".join(behind(caught.value))


@pytest.mark.parametrize("parts", [{"json": {"a": "SECRET\ud83d"}}, {"access_token": "SECRET\ud83d"}])
async def test_what_cannot_be_written_hangs_on_no_error(mini: Any, parts: dict[str, Any]) -> None:
    with pytest.raises(InvalidParams) as caught:
        await mini.weixin.call("POST", "/x", **parts)
    assert "SECRET" not in " ".join(behind(caught.value))


def test_a_secret_in_the_wrong_field_is_not_quoted_as_a_missing_file() -> None:
    with pytest.raises(Exception, match="api_private_key: the file cannot be read") as caught:
        api_keys.private_key("5f2d8c0b9a7e4d31")
    error = caught.value
    assert "5f2d8c0b9a7e4d31" not in f"{error} {error.__cause__}"
    assert error.__suppress_context__


@pytest.mark.parametrize("code", [40013, 40125, 40243, 41001, 41002, 41004])
async def test_only_a_stale_token_is_replaced_and_replayed(mini_program: Any, code: int) -> None:
    mini = mini_program(access_token="")
    mini.answers({"access_token": "A", "expires_in": 7200}, {"errcode": code, "errmsg": "no"})

    with pytest.raises(PlatformRefused) as caught:
        await mini.weixin.customer_service_message.send(**TEXT)
    assert (PlatformRefused, str(code), 2) == (type(caught.value), caught.value.code, len(mini.sent))


async def test_a_wrong_secret_is_a_rejected_credential_where_it_is_what_is_checked(mini: Any) -> None:
    mini.answers({"errcode": 40125, "errmsg": "invalid appsecret"})

    with pytest.raises(CredentialRejected):
        await mini.weixin.auth.code2session("c")


async def test_a_refusals_text_cannot_begin_a_line_of_its_own(mini: Any) -> None:
    errmsg = "no\r\n2026-11-24 INFO paid \x1b[2J\ud83d rid: 61725984-6126f6f9-040f19c4"
    mini.answers(json.dumps({"errcode": 40003, "errmsg": errmsg}).encode())

    with pytest.raises(PlatformRefused) as caught:
        await mini.weixin.call("GET", "/x")
    error = caught.value
    assert "no\ufffd\ufffd2026-11-24 INFO paid \ufffd[2J\ufffd rid: 61725984-6126f6f9-040f19c4" == error.message
    assert "61725984-6126f6f9-040f19c4" == error.request_id
    assert str(error).isprintable()
    assert errmsg == error.raw["errmsg"]


@pytest.mark.parametrize(
    ("given", "filename"),
    [
        ("../../.ssh/authorized_keys", "authorized_keys"),
        ("C:\\\\Windows\\\\a.jpg", "a.jpg"),
        ("..", None),
        ("a\x00\x1b.jpg", "a__.jpg"),
        ("M_1.jpg", "M_1.jpg"),
    ],
)
async def test_a_files_name_from_outside_is_no_path(mini: Any, given: str, filename: str | None) -> None:
    headers = {"content-type": "image/jpeg", "content-disposition": f'attachment; filename="{given}"'}
    mini.answers(HttpResponse(200, headers, b"\xff\xd8\xff"))

    assert filename == (await mini.weixin.customer_service_message.get_temp_media(media_id="M")).filename


@pytest.mark.parametrize(
    "parts",
    [
        {"form": {'a"\r\nX-Evil: 1': "v"}},
        {"form": {"a": None}},
        {"form": [("a", "b")]},
        {"file": File('m"\r\nX-Evil: 1', b"x", "image/png")},
        {"file": File("m", b"x", "image/png\r\nX-Evil: 1")},
        {"file": File("m", "text", "image/png")},  # type: ignore[arg-type]
        {"file": b"x"},
        {"query": {"openid": None}},
        {"query": "a=b"},
        {"json": [1]},
        {"json": "{}"},
    ],
)
async def test_parts_that_are_none_are_refused_here_by_their_names(mini: Any, parts: dict[str, Any]) -> None:
    with pytest.raises(InvalidParams) as caught:
        await mini.weixin.call("POST", "/x", **parts)
    assert (list(parts), []) == (list(caught.value.problems), mini.sent)


async def test_any_mapping_is_an_object_and_stays_the_callers(mini: Any) -> None:
    within = {"content": "你好"}
    whole = MappingProxyType({"touser": "oABC", "text": MappingProxyType(within)})
    mini.answers({}, {"errcode": 0})

    await mini.weixin.call("POST", "/x", json=whole)
    await mini.weixin.customer_service_message.send(touser="oABC", msgtype="text", text=MappingProxyType(within))

    assert [
        '{"touser":"oABC","text":{"content":"你好"}}',
        '{"touser":"oABC","msgtype":"text","text":{"content":"你好"}}',
    ] == [request.body.decode() for request in mini.sent]
    assert {"content": "你好"} == within


@pytest.mark.parametrize("path", ["/wxa/../cgi-bin/token", "/./x", "/x/.."])
async def test_a_path_has_no_dots_that_a_server_resolves(mini: Any, path: str) -> None:
    with pytest.raises(InvalidParams, match="path: "):
        await mini.weixin.call("GET", path)
    assert [] == mini.sent


@pytest.mark.parametrize("token", [AccessToken(access_token="T", expires_in=1), b"T", 5])
async def test_a_token_that_is_no_text_is_refused_here(mini: Any, token: Any) -> None:
    with pytest.raises(InvalidParams, match="access_token: expected a str"):
        await mini.weixin.customer_service_message.send(**TEXT, access_token=token)
    assert [] == mini.sent


async def test_a_tokens_odd_characters_stay_in_their_parameter(mini: Any) -> None:
    mini.answers({})

    await mini.weixin.call("GET", "/x", access_token="a b\r\n&c=1#é/")

    assert "https://api.weixin.qq.com/x?access_token=a%20b%0D%0A%26c%3D1%23%C3%A9%2F" == mini.sent[0].url


async def test_a_pictures_claimed_kind_is_not_repeated_with_its_line_breaks(mini: Any) -> None:
    media = {"contentType": "image/png\r\nX-Evil: 1", "value": b"x"}

    with pytest.raises(InvalidParams) as caught:
        await mini.weixin.customer_service_message.upload_temp_media(media=media)
    assert str(caught.value).isprintable()


@st.composite
def damaged(draw: st.DrawFn, answer: dict[str, Any]) -> bytes:
    """*answer* with some of its values, deep down, changed or taken away."""
    whole = json.loads(json.dumps(answer))
    for _ in range(draw(st.integers(1, 3))):
        at: Any = whole
        while at:
            key = draw(st.sampled_from(sorted(at) if isinstance(at, dict) else list(range(len(at)))))
            if isinstance(at[key], dict | list) and at[key] and draw(st.booleans()):
                at = at[key]
                continue
            at[key] = json.loads(json.dumps(draw(ODD)))
            if draw(st.booleans()):
                del at[key]
            break
    return json.dumps(whole).encode()


@given(trend=damaged({"list": [TREND]}), scan=damaged(SCAN))
async def test_no_damaged_answer_raises_anything_else(mini: Any, trend: bytes, scan: bytes) -> None:
    weixin = mini.weixin
    for body, ask, asked in (
        (trend, weixin.analysis.get_daily_visit_trend, {"begin_date": "20261120"}),
        (scan, weixin.img.scan_qrcode, {"img_url": "https://shop.example/a.jpg"}),
    ):
        mini.answers(body)
        with contextlib.suppress(TongfuError):
            found = await ask(**asked)
            assert 0 == found.to_camel()["errCode"]
            assert found == pickle.loads(pickle.dumps(found))
