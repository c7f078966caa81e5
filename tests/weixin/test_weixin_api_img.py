"""Pictures looked at by the platform: given by address or as a form, never both. Fixtures: conftest.py here."""

from __future__ import annotations

from typing import Any

import pytest

from tongfu import HttpResponse, InvalidParams, MalformedAnswer, OutcomeUnknown, PlatformRefused
from tongfu.errors import TransportError
from tongfu_weixin.api.img import Corners, Crop, Crops, ImgSize, Point, ScannedCode, ScannedCodes, Superresolution

CV = "https://api.weixin.qq.com/cv/img/"
OK = {"errCode": 0, "errMsg": "ok"}
PNG = b"\x89PNG\r\n\x1a\n....."
BOUNDARY = b"--tongfu0123456789abcdef0123456789abcdef"
CROPPED = {
    "errcode": 0,
    "errmsg": "ok",
    "results": [
        {"crop_left": 112, "crop_top": 0, "crop_right": 839, "crop_bottom": 727},
        {"crop_left": 0, "crop_top": 205, "crop_right": 965, "crop_bottom": 615},
    ],
    "img_size": {"w": 966, "h": 728},
}
SCANNED = {
    "errcode": 0,
    "errmsg": "ok",
    "code_results": [
        {
            "type_name": "QR_CODE",
            "data": "http://www.qq.com",
            "pos": {
                "left_top": {"x": 585, "y": 378},
                "right_top": {"x": 828, "y": 378},
                "right_bottom": {"x": 828, "y": 618},
                "left_bottom": {"x": 585, "y": 618},
            },
        },
        {"type_name": "EAN_13", "data": "5906789678957"},
    ],
    "img_size": {"w": 1000, "h": 900},
}
LARGER = {"errcode": 0, "errmsg": "ok", "media_id": "6WXsIXkG7lXuDLspD9xfm5dsvHzb0EFl0li6ySxi92ap8Vl3zZoD9DpOyNudeJGB"}
ANSWERS = {"aicrop": CROPPED, "qrcode": SCANNED, "superresolution": LARGER}
METHODS = [("ai_crop", "aicrop"), ("scan_qrcode", "qrcode"), ("superresolution", "superresolution")]


def ratios(text: bytes) -> bytes:
    return BOUNDARY + b'\r\ncontent-disposition: form-data; name="ratios"\r\n\r\n' + text + b"\r\n"


def img(content: bytes, filename: bytes, content_type: bytes) -> bytes:
    head = b'\r\ncontent-disposition: form-data; name="img"; filename="' + filename + b'"\r\ncontent-type: '
    return BOUNDARY + head + content_type + b"\r\n\r\n" + content + b"\r\n"


END = BOUNDARY + b"--\r\n"


@pytest.mark.parametrize(("method", "endpoint"), METHODS)
async def test_a_picture_by_its_address(mini: Any, method: str, endpoint: str) -> None:
    mini.answers(ANSWERS[endpoint])

    await getattr(mini.weixin.img, method)(img_url="https://a.example/图?x=1&y=2#f")

    url = f"{CV}{endpoint}?access_token=TOKEN&img_url=https%3A%2F%2Fa.example%2F%E5%9B%BE%3Fx%3D1%26y%3D2%23f"
    assert ("POST", url, b"") == mini.wire()


@pytest.mark.parametrize(("method", "endpoint"), METHODS)
@pytest.mark.parametrize(
    ("picture", "form"),
    [
        ({"contentType": "image/jpeg", "value": b"..."}, img(b"...", b"img.jpg", b"image/jpeg")),
        ({"content_type": "image/webp", "value": b"..."}, img(b"...", b"img.webp", b"image/webp")),
        (PNG, img(PNG, b"img.png", b"image/png")),
        (b"RIFF\0\0\0\0WEBPVP8 ", img(b"RIFF\0\0\0\0WEBPVP8 ", b"img.webp", b"image/webp")),
        (b"BM......", img(b"BM......", b"img.bmp", b"image/bmp")),
    ],
)
async def test_a_picture_in_a_form(mini: Any, method: str, endpoint: str, picture: Any, form: bytes) -> None:
    mini.answers(ANSWERS[endpoint])

    await getattr(mini.weixin.img, method)(img=picture, access_token="OTHER")

    assert ("POST", f"{CV}{endpoint}?access_token=OTHER", form + END) == mini.wire()
    assert f"multipart/form-data; boundary={BOUNDARY[2:].decode()}" == mini.sent[0].headers["content-type"]


@pytest.mark.parametrize("asked", ["1,2.35", [1, 2.35], ("1", "2.35")])
async def test_ratios_travel_in_the_form_with_and_without_a_picture(mini: Any, asked: Any) -> None:
    mini.answers(CROPPED, CROPPED)

    await mini.weixin.img.ai_crop(img=PNG, ratios=asked)
    await mini.weixin.img.ai_crop(img_url="http://a.example", ratios=asked)

    assert [
        (f"{CV}aicrop?access_token=TOKEN", ratios(b"1,2.35") + img(PNG, b"img.png", b"image/png") + END),
        (f"{CV}aicrop?access_token=TOKEN&img_url=http%3A%2F%2Fa.example", ratios(b"1,2.35") + END),
    ] == [(request.url, request.body) for request in mini.sent]


@pytest.mark.parametrize(
    "wrong", ["", [], "1,2,3,4,5,6", "0", "-1", "1:2", "1,,2", "nan", [True], [1e-9], 5, "1;2", "１"]
)
async def test_ratios_that_are_none(mini: Any, wrong: Any) -> None:
    with pytest.raises(InvalidParams, match="ratios: "):
        await mini.weixin.img.ai_crop(img=PNG, ratios=wrong)
    assert [] == mini.sent


async def test_five_ratios_are_let_through(mini: Any) -> None:
    mini.answers(CROPPED)

    await mini.weixin.img.ai_crop(img_url="http://a.example", ratios="1, 2.35,3,4,0.5")

    assert ratios(b"1,2.35,3,4,0.5") + END == mini.wire()[2]


async def test_where_to_crop(mini: Any) -> None:
    mini.answers(CROPPED)

    crops = await mini.weixin.img.ai_crop(img=PNG)

    assert (
        Crops(
            results=(
                Crop(crop_left=112, crop_top=0, crop_right=839, crop_bottom=727),
                Crop(crop_left=0, crop_top=205, crop_right=965, crop_bottom=615),
            ),
            img_size=ImgSize(w=966, h=728),
        )
        == crops
    )
    assert {
        **OK,
        "results": [
            {"cropLeft": 112, "cropTop": 0, "cropRight": 839, "cropBottom": 727},
            {"cropLeft": 0, "cropTop": 205, "cropRight": 965, "cropBottom": 615},
        ],
        "imgSize": {"w": 966, "h": 728},
    } == crops.to_camel()


async def test_which_codes_are_there(mini: Any) -> None:
    mini.answers(SCANNED)

    codes = await mini.weixin.img.scan_qrcode(img_url="http://a.example")

    corners = Corners(
        left_top=Point(x=585, y=378),
        right_top=Point(x=828, y=378),
        right_bottom=Point(x=828, y=618),
        left_bottom=Point(x=585, y=618),
    )
    assert (
        ScannedCodes(
            code_results=(
                ScannedCode(type_name="QR_CODE", data="http://www.qq.com", pos=corners),
                ScannedCode(type_name="EAN_13", data="5906789678957"),
            ),
            img_size=ImgSize(w=1000, h=900),
        )
        == codes
    )
    assert {
        **OK,
        "codeResults": [
            {
                "typeName": "QR_CODE",
                "data": "http://www.qq.com",
                "pos": {
                    "leftTop": {"x": 585, "y": 378},
                    "rightTop": {"x": 828, "y": 378},
                    "rightBottom": {"x": 828, "y": 618},
                    "leftBottom": {"x": 585, "y": 618},
                },
            },
            {"typeName": "EAN_13", "data": "5906789678957"},
        ],
        "imgSize": {"w": 1000, "h": 900},
    } == codes.to_camel()


async def test_a_larger_picture(mini: Any) -> None:
    mini.answers(LARGER)

    larger = await mini.weixin.img.superresolution(img_url="http://a.example")

    assert Superresolution(media_id=str(LARGER["media_id"])) == larger
    assert {**OK, "mediaId": LARGER["media_id"]} == larger.to_camel()


@pytest.mark.parametrize(("method", "endpoint"), METHODS)
@pytest.mark.parametrize(
    ("arguments", "fields"),
    [
        ({}, {"img_url", "img"}),
        ({"img_url": "https://a.example/", "img": PNG}, {"img_url", "img"}),
        ({"img_url": "a.example/a.png"}, {"img_url"}),
        ({"img_url": "file:///etc/passwd"}, {"img_url"}),
        ({"img_url": "https://a.example/a b"}, {"img_url"}),
        ({"img_url": 5}, {"img_url"}),
        ({"img": b""}, {"img"}),
        ({"img": b"text"}, {"img"}),
        ({"img": {"contentType": "text/html", "value": b"<"}}, {"img"}),
        ({"img": PNG.ljust(2 << 20, b".")}, {"img"}),
    ],
    ids=lambda value: None,
)
async def test_not_one_picture(
    mini: Any, method: str, endpoint: str, arguments: dict[str, Any], fields: set[str]
) -> None:
    with pytest.raises(InvalidParams) as caught:
        await getattr(mini.weixin.img, method)(**arguments)
    assert (fields, f"img.{method}", []) == (set(caught.value.problems), caught.value.operation, mini.sent)


async def test_less_than_two_mebibytes_is_little_enough(mini: Any) -> None:
    mini.answers(SCANNED)

    await mini.weixin.img.scan_qrcode(img=PNG.ljust((2 << 20) - 1, b"."))

    assert 1 == len(mini.sent)


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        ("ai_crop", {}),
        ("ai_crop", {**CROPPED, "results": {}}),
        ("ai_crop", {**CROPPED, "results": [{"crop_left": 1}]}),
        ("ai_crop", {**CROPPED, "img_size": [1, 2]}),
        ("scan_qrcode", {**SCANNED, "code_results": [{"type_name": "QR_CODE", "data": "x", "pos": {"left_top": 1}}]}),
        ("scan_qrcode", {**SCANNED, "code_results": [{"type_name": "QR_CODE", "data": None}]}),
        ("superresolution", {"errcode": 0, "errmsg": "ok"}),
        ("superresolution", {"media_id": {}}),
        ("scan_qrcode", b"[]"),
    ],
)
async def test_an_answer_of_other_types_is_not_used(mini: Any, method: str, answer: Any) -> None:
    mini.answers(answer)

    with pytest.raises(MalformedAnswer):
        await getattr(mini.weixin.img, method)(img_url="https://a.example/")


async def test_looking_again_is_harmless_but_drawing_again_is_not(mini: Any) -> None:
    mini.answers(TransportError("gone"), HttpResponse(502, {"content-type": "text/html"}, b"<html>"), SCANNED)

    assert 2 == len((await mini.weixin.img.scan_qrcode(img=PNG)).code_results)

    mini.answers(TransportError("gone"))
    with pytest.raises(OutcomeUnknown):
        await mini.weixin.img.superresolution(img=PNG)
    assert 4 == len(mini.sent)


async def test_an_address_that_the_platform_cannot_reach(mini: Any) -> None:
    mini.answers({"errcode": 101000, "errmsg": "invalid image url rid: 5f-1a2b3c"})

    with pytest.raises(PlatformRefused, match="could not fetch img_url") as caught:
        await mini.weixin.img.ai_crop(img_url="https://a.example/gone.png")
    assert ("101000", "5f-1a2b3c") == (caught.value.code, caught.value.request_id)
