"""Codes that open the mini program: only what was set is sent, and a picture comes back. Fixtures: conftest.py here."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from tongfu import HttpResponse, InvalidParams, MalformedAnswer, OutcomeUnknown, PlatformRefused
from tongfu.errors import TransportError
from tongfu_weixin.api.result import Media

HOST = "https://api.weixin.qq.com"
JPEG = b"\xff\xd8\xff....."
EVERY = "abcdefghijklmnopqrstuvwxyz"
SCENE_SIGNS = "!#$&'()*+,/:;=?@-._~"


def picture(**headers: str) -> HttpResponse:
    return HttpResponse(200, {"content-type": "image/jpeg", **headers}, JPEG)


@pytest.mark.parametrize(
    ("method", "path", "arguments", "body"),
    [
        ("create_qrcode", "/cgi-bin/wxaapp/createwxaqrcode", {"path": "pages/a?b=订单"}, '{"path":"pages/a?b=订单"}'),
        (
            "create_qrcode",
            "/cgi-bin/wxaapp/createwxaqrcode",
            {"path": "page/index/index", "width": 430},
            '{"path":"page/index/index","width":430}',
        ),
        ("get", "/wxa/getwxacode", {"path": "?foo=bar"}, '{"path":"?foo=bar"}'),
        (
            "get",
            "/wxa/getwxacode",
            {
                "path": "p",
                "width": 280,
                "auto_color": False,
                "line_color": {"r": 0, "g": "255", "b": 7},
                "is_hyaline": True,
                "env_version": "trial",
            },
            '{"path":"p","width":280,"auto_color":false,"line_color":{"r":0,"g":"255","b":7},"is_hyaline":true,'
            '"env_version":"trial"}',
        ),
        ("get_unlimited", "/wxa/getwxacodeunlimit", {"scene": "id=1"}, '{"scene":"id=1"}'),
        (
            "get_unlimited",
            "/wxa/getwxacodeunlimit",
            {
                "scene": "a=1",
                "page": "pages/index/index",
                "check_path": False,
                "env_version": "develop",
                "width": 1280,
                "auto_color": True,
                "line_color": {"b": 1, "g": 2, "r": 3},
                "is_hyaline": False,
            },
            '{"scene":"a=1","page":"pages/index/index","check_path":false,"env_version":"develop","width":1280,'
            '"auto_color":true,"line_color":{"b":1,"g":2,"r":3},"is_hyaline":false}',
        ),
    ],
)
async def test_a_code_is_drawn(
    mini: Any, tmp_path: Path, method: str, path: str, arguments: dict[str, Any], body: str
) -> None:
    mini.answers(picture(**{"num-used": "42"}))
    before = copy.deepcopy(arguments)

    code = await getattr(mini.weixin.wxacode, method)(**arguments)

    assert ("POST", f"{HOST}{path}?access_token=TOKEN", body.encode()) == mini.wire()
    assert Media(content_type="image/jpeg", buffer=JPEG, num_used=42) == code
    assert {"errCode": 0, "errMsg": "ok", "contentType": "image/jpeg", "buffer": JPEG} == code.to_camel()
    assert JPEG == code.save(str(tmp_path / "code.jpg")).read_bytes()
    assert before == arguments


async def test_a_count_that_is_none_costs_no_code(mini: Any) -> None:
    mini.answers(picture(**{"num-used": "many"}))

    assert Media(content_type="image/jpeg", buffer=JPEG) == await mini.weixin.wxacode.get(path="p")


async def test_the_token_of_the_call(mini: Any) -> None:
    mini.answers(picture())

    await mini.weixin.wxacode.get_unlimited(scene="1", access_token="OTHER")

    assert f"{HOST}/wxa/getwxacodeunlimit?access_token=OTHER" == mini.wire()[1]


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("create_qrcode", {"path": "p" * 128}),
        ("create_qrcode", {"path": "码" * 42}),
        ("get", {"path": "码" * 1024}),
        ("get", {"path": "p", "width": 1280}),
        ("get_unlimited", {"scene": "0123456789ABC"}),
        ("get_unlimited", {"scene": EVERY}),
        ("get_unlimited", {"scene": SCENE_SIGNS}),
        ("get_unlimited", {"scene": "x" * 32}),
    ],
)
async def test_what_just_fits_is_sent(mini: Any, method: str, arguments: dict[str, Any]) -> None:
    mini.answers(picture())

    await getattr(mini.weixin.wxacode, method)(**arguments)

    assert 1 == len(mini.sent)


@pytest.mark.parametrize(
    ("method", "arguments", "field"),
    [
        ("create_qrcode", {"path": ""}, "path"),
        ("create_qrcode", {"path": "码" * 43}, "path"),
        ("create_qrcode", {"path": "p", "width": 279}, "width"),
        ("get", {"path": "p" * 1025}, "path"),
        ("get", {"path": "p?scancode_time=1"}, "path"),
        ("get", {"path": None}, "path"),
        ("get", {"path": "p", "width": 1281}, "width"),
        ("get", {"path": "p", "width": "430"}, "width"),
        ("get", {"path": "p", "width": 430.0}, "width"),
        ("get", {"path": "p", "auto_color": 1}, "auto_color"),
        ("get", {"path": "p", "is_hyaline": "true"}, "is_hyaline"),
        ("get", {"path": "p", "env_version": "release_error"}, "env_version"),
        *(
            ("get", {"path": "p", "line_color": color}, "line_color")
            for color in (
                {},
                {"r": 0, "g": 0},
                {"r": 0, "g": 0, "b": 0, "a": 0},
                {"r": 256, "g": 0, "b": 0},
                {"r": -1, "g": 0, "b": 0},
                {"r": "ff", "g": 0, "b": 0},
                {"r": "256", "g": 0, "b": 0},
                {"r": True, "g": 0, "b": 0},
                [0, 0, 0],
                "#000000",
            )
        ),
        ("get_unlimited", {"scene": ""}, "scene"),
        ("get_unlimited", {"scene": None}, "scene"),
        *(("get_unlimited", {"scene": scene}, "scene") for scene in ("x" * 33, "a b", "订单", "a%20", "<a>", "a\n", 5)),
        *(
            ("get_unlimited", {"scene": "1", "page": page}, "page")
            for page in ("/pages/index", "pages/index?a=1", "", "pages/scancode_time", "pages/index#a")
        ),
        ("get_unlimited", {"scene": "1", "check_path": "no"}, "check_path"),
        ("get_unlimited", {"scene": "1", "width": 279}, "width"),
        ("get_unlimited", {"scene": "1", "env_version": "Release"}, "env_version"),
    ],
)
async def test_what_does_not_fit_is_not_sent(mini: Any, method: str, arguments: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidParams) as caught:
        await getattr(mini.weixin.wxacode, method)(**arguments)
    assert ([field], f"wxacode.{method}", []) == (list(caught.value.problems), caught.value.operation, mini.sent)


@pytest.mark.parametrize("label", ["image/jpeg", "text/plain", "application/json; charset=utf-8"])
async def test_a_refusal_is_no_picture_whatever_its_label(mini: Any, label: str) -> None:
    mini.answers(HttpResponse(200, {"content-type": label}, b'{"errcode":41030,"errmsg":"invalid page rid: 5f-1a2b"}'))

    with pytest.raises(PlatformRefused, match="check_path=False") as caught:
        await mini.weixin.wxacode.get_unlimited(scene="1", page="pages/gone")
    assert "41030" == caught.value.code


@pytest.mark.parametrize(
    "answer",
    [
        HttpResponse(200, {"content-type": "text/html"}, b"<html>hello"),
        HttpResponse(200, {"content-type": "image/jpeg"}, b""),
        {"errcode": 0, "errmsg": "ok"},
    ],
)
@pytest.mark.parametrize(
    ("method", "arguments"), [("get", {"path": "p"}), ("get_unlimited", {"scene": "1"})], ids=["get", "get_unlimited"]
)
async def test_what_is_no_picture_is_not_used(mini: Any, method: str, arguments: dict[str, Any], answer: Any) -> None:
    mini.answers(answer)

    with pytest.raises(MalformedAnswer):
        await getattr(mini.weixin.wxacode, method)(**arguments)


@pytest.mark.parametrize("method", ["create_qrcode", "get"])
async def test_a_permanent_code_is_asked_for_once(mini: Any, method: str) -> None:
    mini.answers(HttpResponse(502, {"content-type": "text/html"}, b"<html>bad gateway"))

    with pytest.raises(OutcomeUnknown):
        await getattr(mini.weixin.wxacode, method)(path="p")
    assert 1 == len(mini.sent)


async def test_an_unlimited_code_is_asked_for_again(mini: Any) -> None:
    mini.answers(HttpResponse(502, {}, b""), TransportError("gone"), picture())

    assert JPEG == (await mini.weixin.wxacode.get_unlimited(scene="1")).buffer
