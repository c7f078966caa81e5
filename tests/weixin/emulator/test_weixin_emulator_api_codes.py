"""Mini-program codes and picture processing, by sections A7 and A8."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from typing import Any

import aiohttp
import pytest
import segno

CREATE, GET, UNLIMITED = "/cgi-bin/wxaapp/createwxaqrcode", "/wxa/getwxacode", "/wxa/getwxacodeunlimit"


def pixels(picture: bytes) -> list[str]:
    """The rows of a PNG of one bit a pixel."""
    width, height, depth, kind = struct.unpack(">IIBB", picture[16:26])
    assert (depth, kind) == (1, 3)
    at, packed = 8, b""
    while at < len(picture):
        (length,) = struct.unpack(">I", picture[at : at + 4])
        name, data = picture[at + 4 : at + 8], picture[at + 8 : at + 8 + length]
        assert zlib.crc32(name + data) == struct.unpack(">I", picture[at + 8 + length : at + 12 + length])[0]
        packed += data if name == b"IDAT" else b""
        at += 12 + length
    rows = zlib.decompress(packed)
    stride = 1 + -(-width // 8)
    return [
        bin(int.from_bytes(b"\x01" + rows[y * stride + 1 : (y + 1) * stride], "big"))[3 : 3 + width]
        for y in range(height)
    ]


async def test_a_transparent_code_is_a_png_that_scans_as_its_page_and_scene(shop: Any) -> None:
    got = await shop.post(UNLIMITED, {"scene": "id=1", "page": "pages/cart/cart", "is_hyaline": True})
    (made,) = (await shop.control("GET", "wxacode"))["codes"]
    rows = pixels(got.body)
    expected = segno.make(made["content"], error="l", micro=False).matrix
    scale, left = 430 // (len(expected) + 8), (430 - len(expected) * (430 // (len(expected) + 8))) // 2
    seen = [[int(rows[left + y * scale][left + x * scale]) for x in range(len(expected))] for y in range(len(expected))]

    assert got.headers["Content-Type"] == "image/png"
    assert f"weixin://a/{shop.line['app_id']}?page=pages/cart/cart&scene=id%3D1" == made["content"]
    assert (430, 430) == (len(rows), len(rows[0]))
    assert [list(row) for row in expected] == seen


async def test_a_code_is_a_jpeg_of_the_width_that_was_asked_for(shop: Any) -> None:
    for path, body in ((CREATE, {"path": "pages/index/index"}), (UNLIMITED, {"scene": "a"})):
        got = await shop.post(path, body | {"width": 600})

        assert got.headers["Content-Type"] == "image/jpeg"
        assert (b"\xff\xd8\xff", b"\xff\xd9") == (got.body[:3], got.body[-2:])
        at = got.body.index(b"\xff\xc0")
        assert (600, 600) == struct.unpack(">HH", got.body[at + 5 : at + 9])


async def test_a_long_path_is_stood_for_by_a_digest_that_still_scans_when_it_is_small(shop: Any) -> None:
    got = await shop.post(GET, {"path": "pages/index/index?" + "a" * 1006, "width": 280, "is_hyaline": True})
    (made,) = (await shop.control("GET", "wxacode"))["codes"]

    assert (280, 280) == struct.unpack(">II", got.body[16:24])
    assert made["content"].startswith(f"weixin://a/{shop.line['app_id']}?sha256=")


@pytest.mark.parametrize(
    ("body", "errcode"),
    [
        ({}, 40169),
        ({"scene": ""}, 40169),
        ({"scene": "x" * 33}, 40169),
        ({"scene": "x" * 32}, 0),
        ({"scene": "0aZ!#$&'()*+,/:;=?@-._~"}, 0),
        ({"scene": "50%"}, 40129),
        ({"scene": "中"}, 40129),
        ({"scene": "a b"}, 40129),
        ({"scene": "a", "page": "pages/none/none"}, 41030),
        ({"scene": "a", "page": "/pages/index/index"}, 41030),
        ({"scene": "a", "page": "pages/index/index?b=1"}, 41030),
        ({"scene": "a", "page": "pages/none/none", "check_path": False}, 0),
        ({"scene": "a", "page": "pages/scancode_time", "check_path": False}, 85096),
        ({"scene": "a", "env_version": "release_error"}, 40097),
        ({"scene": "a", "env_version": "trial"}, 0),
        ({"scene": "a", "width": 279}, 40097),
        ({"scene": "a", "width": 1280}, 0),
        ({"scene": "a", "width": 1281}, 40097),
        ({"scene": "a", "width": "430"}, 47001),
        ({"scene": "a", "line_color": {"r": "0", "g": 128, "b": 255}}, 0),
        ({"scene": "a", "line_color": {"r": 0, "g": 0}}, 40097),
        ({"scene": "a", "line_color": {"r": 0, "g": 0, "b": 256}}, 40097),
    ],
)
async def test_an_unlimited_code_keeps_to_the_rules(shop: Any, body: Any, errcode: int) -> None:
    got = await shop.post(UNLIMITED, body)

    assert errcode == got.errcode
    assert (got.headers["Content-Type"] == "text/plain") == bool(errcode)


async def test_an_unlimited_code_that_is_no_json_is_its_own_error(shop: Any) -> None:
    assert [40169, 47001] == [(await shop.post(path, data=b"scene=a")).errcode for path in (UNLIMITED, GET)]


@pytest.mark.parametrize(
    ("path", "body", "errcode"),
    [
        (CREATE, {"path": ""}, 40159),
        (CREATE, {"path": "p" * 128}, 0),
        (CREATE, {"path": "中" * 43}, 40159),  # 129 bytes
        (GET, {}, 40159),
        (GET, {"path": "p" * 1024}, 0),
        (GET, {"path": "p" * 1025}, 40159),
        (GET, {"path": "p?scancode_time=1"}, 85096),
        (GET, {"path": "p", "env_version": "beta"}, 40097),
    ],
)
async def test_a_path_has_its_length(shop: Any, path: str, body: Any, errcode: int) -> None:
    assert errcode == (await shop.post(path, body)).errcode


async def test_two_endpoints_share_a_hundred_thousand_codes_for_good(shop: Any) -> None:
    await shop.control("POST", "wxacode", used=99_998)
    used = [(await shop.post(path, {"path": "p"})).headers.get("Num-Used") for path in (CREATE, GET)]
    codes = [(await shop.post(path, {"path": "p"})).errcode for path in (CREATE, GET)]

    assert ([None, "100000"], [45029, 45029]) == (used, codes)
    assert (await shop.post(UNLIMITED, {"scene": "a"})).errcode == 0


async def test_the_pages_of_the_released_version_can_be_set(shop: Any) -> None:
    await shop.control("POST", "wxacode", pages=["pages/mine"])
    pages = ("pages/mine", "pages/index/index")

    assert [0, 41030] == [(await shop.post(UNLIMITED, {"scene": "a", "page": page})).errcode for page in pages]


# --- pictures -----------------------------------------------------------------------------------------


def gif(width: int, height: int) -> bytes:
    return b"GIF89a" + struct.pack("<HH", width, height) + b"\x00\x00\x00;"


async def of_part(shop: Any, path: str, picture: bytes, **fields: str) -> Any:
    form = aiohttp.FormData()
    form.add_field("img", io.BytesIO(picture), filename="a.gif", content_type="image/gif")
    for name, value in fields.items():
        form.add_field(name, value)
    return await shop.post(path, data=form)


async def test_a_crop_has_its_ratio_and_lies_within_the_picture(shop: Any) -> None:
    told = (await of_part(shop, "/cv/img/aicrop", gif(400, 300), ratios="1,2")).told

    assert {
        "errcode": 0,
        "errmsg": "ok",
        "results": [
            {"crop_left": 50, "crop_top": 0, "crop_right": 350, "crop_bottom": 300},
            {"crop_left": 0, "crop_top": 50, "crop_right": 400, "crop_bottom": 250},
        ],
        "img_size": {"w": 400, "h": 300},
    } == told


@pytest.mark.parametrize("ratios", ["1,2,3,4,5,6", "a", "0", "nan"])
async def test_ratios_are_at_most_five_numbers(shop: Any, ratios: str) -> None:
    assert (await of_part(shop, "/cv/img/aicrop", gif(4, 3), ratios=ratios)).errcode == 40097


async def test_a_code_made_here_is_read_and_found(shop: Any) -> None:
    for body in ({"scene": "id=1"}, {"scene": "id=1", "is_hyaline": True}):
        code = (await shop.post(UNLIMITED, body)).body
        told = (await of_part(shop, "/cv/img/qrcode", code)).told
        (found,) = told["code_results"]
        content = (await shop.control("GET", "wxacode"))["codes"][-1]["content"]
        pos = found["pos"]

        assert ("QR_CODE", content, {"w": 430, "h": 430}) == (found["type_name"], found["data"], told["img_size"])
        assert 0 < pos["left_top"]["x"] < pos["right_top"]["x"] == pos["right_bottom"]["x"] < 430
        assert pos["left_top"]["y"] == pos["right_top"]["y"] < pos["left_bottom"]["y"]


async def test_a_picture_without_a_code_has_no_results(shop: Any) -> None:
    told = (await of_part(shop, "/cv/img/qrcode", gif(9, 8))).told

    assert {"errcode": 0, "errmsg": "ok", "code_results": [], "img_size": {"w": 9, "h": 8}} == told


async def test_a_picture_by_url_is_one_that_lies_there(shop: Any) -> None:
    url = "https://shop.example/a.gif?x=1&y=2"
    encoded = base64.b64encode(gif(7, 5)).decode()
    await shop.control("POST", "pictures", url=url, base64=encoded)
    known = await shop.ask("POST", "/cv/img/qrcode", query={"access_token": await shop.a_token(), "img_url": url})
    unknown = await shop.ask(
        "POST", "/cv/img/qrcode", query={"access_token": await shop.a_token(), "img_url": url + "3"}
    )

    assert ({"w": 7, "h": 5}, 101000) == (known.told["img_size"], unknown.errcode)


@pytest.mark.parametrize("picture", [b"x", b"\xff\xd8\xff\xe0\x00", gif(0, 1), gif(4, 3) + bytes(2 << 20)])
async def test_a_picture_that_is_none_or_too_large_is_refused(shop: Any, picture: bytes) -> None:
    assert (await of_part(shop, "/cv/img/aicrop", picture)).errcode == 101002


async def test_superresolution_gives_a_medium_of_twice_the_size(shop: Any) -> None:
    media_id = (await of_part(shop, "/cv/img/superresolution", gif(30, 20))).told["media_id"]
    got = await shop.get("/cgi-bin/media/get", media_id=media_id)

    assert (60, 40) == struct.unpack(">II", got.body[16:24])
