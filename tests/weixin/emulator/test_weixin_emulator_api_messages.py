"""Customer-service messages, typing and temporary media, by section A6."""

from __future__ import annotations

import base64
import io
import json
import zlib
from typing import Any

import pytest

SEND = "/cgi-bin/message/custom/send"
TYPING = "/cgi-bin/message/custom/typing"


def png(width: int, height: int, filling: bytes = b"") -> bytes:
    """A picture of that size, as far as its header goes."""
    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\x02\x00\x00\x00"
    crc = zlib.crc32(b"IHDR" + header).to_bytes(4, "big")
    return b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR" + header + crc + filling


def text(openid: str, content: str = "您好") -> dict[str, Any]:
    return {"touser": openid, "msgtype": "text", "text": {"content": content}}


async def upload(shop: Any, data: bytes, *, name: str = "media", filename: str | None = "a.png", **query: str) -> Any:
    named = f'; filename="{filename}"' if filename is not None else ""
    head = f'--BOUNDARY\r\nContent-Disposition: form-data; name="{name}"{named}\r\nContent-Type: image/png\r\n\r\n'
    return await shop.ask(
        "POST",
        "/cgi-bin/media/upload",
        query={"access_token": await shop.a_token(), "type": "image"} | query,
        data=io.BytesIO(head.encode() + data + b"\r\n--BOUNDARY--\r\n"),
        headers={"Content-Type": "multipart/form-data; boundary=BOUNDARY"},
    )


async def test_five_replies_within_48_hours_after_the_user_wrote(shop: Any) -> None:
    await shop.login()
    codes = [(await shop.post(SEND, text("o1"))).errcode]
    await shop.control("POST", "user_message", openid="o1", text="在吗")
    codes += [(await shop.post(SEND, text("o1"))).errcode for _ in range(6)]
    await shop.control("POST", "user_message", openid="o1", text="在吗")
    await shop.emu.clock.advance(48 * 3600)
    shop.token = ""
    codes.append((await shop.post(SEND, text("o1"))).errcode)
    await shop.emu.clock.advance(1)
    codes.append((await shop.post(SEND, text("o1"))).errcode)

    assert [45015, 0, 0, 0, 0, 0, 45047, 0, 45015] == codes


async def test_two_messages_within_a_minute_after_the_user_came_in(shop: Any) -> None:
    await shop.control("POST", "user_message", openid="o1", session_from="detail")
    codes = [(await shop.post(SEND, text("o1"))).errcode for _ in range(3)]
    await shop.control("POST", "user_message", openid="o1", session_from="detail")
    await shop.emu.clock.advance(61)
    codes.append((await shop.post(SEND, text("o1"))).errcode)

    assert [0, 0, 45047, 45015] == codes


async def test_every_type_of_message_is_kept_as_it_was_sent(shop: Any) -> None:
    await shop.control("POST", "user_message", openid="o1", text="在吗")
    media_id = (await upload(shop, png(10, 10))).told["media_id"]
    sent = [
        text("o1"),
        {"touser": "o1", "msgtype": "image", "image": {"media_id": media_id}},
        {
            "touser": "o1",
            "msgtype": "link",
            "link": {"title": "t", "description": "d", "url": "https://a.example/", "thumb_url": "https://a.example/t"},
        },
        {
            "touser": "o1",
            "msgtype": "miniprogrampage",
            "miniprogrampage": {"title": "t", "pagepath": "pages/index/index", "thumb_media_id": media_id},
        },
    ]
    answers = [(await shop.post(SEND, message)).told for message in sent]
    kept = (await shop.control("GET", "messages"))["messages"]

    assert [{"errcode": 0, "errmsg": "ok"}] * 4 == answers
    assert sent == [message["message"] for message in kept]
    assert {("customer_service", "o1", "2026-01-14T03:04:05+00:00")} == {
        (message["kind"], message["touser"], message["at"]) for message in kept
    }


@pytest.mark.parametrize(
    ("changed", "errcode"),
    [
        ({"touser": "nobody"}, 40003),
        ({"msgtype": "voice"}, 40008),
        ({"text": {"content": ""}}, 44004),
        ({"text": {"content": 1}}, 47001),
        ({"text": "hello"}, 47001),
        ({"text": {"content": "中" * 683}}, 45002),
        ({"msgtype": "image", "image": {"media_id": "none"}}, 40007),
        ({"msgtype": "link", "link": {"title": "t", "description": "d", "url": "u"}}, 40097),
        (
            {
                "msgtype": "miniprogrampage",
                "miniprogrampage": {"title": "t", "pagepath": "p", "thumb_media_id": "none"},
            },
            40007,
        ),
    ],
)
async def test_a_wrong_message_is_refused_and_costs_no_reply(shop: Any, changed: Any, errcode: int) -> None:
    await shop.control("POST", "user_message", openid="o1", text="在吗")
    refused = (await shop.post(SEND, text("o1") | changed)).errcode

    assert errcode == refused
    assert [] == (await shop.control("GET", "messages"))["messages"]
    assert [0] * 5 == [(await shop.post(SEND, text("o1"))).errcode for _ in range(5)]


async def test_text_that_was_sent_escaped_is_marked(shop: Any) -> None:
    """E-A4: the body is raw UTF-8; older back ends show \\u escapes as they stand."""
    await shop.control("POST", "user_message", openid="o1", text="在吗")
    for body in (
        json.dumps(text("o1", "你\n好")),
        json.dumps(text("o1", "你\n好\x00"), ensure_ascii=False),
        json.dumps(text("o1", "C:\\u4f60"), ensure_ascii=False),
    ):
        await shop.post(SEND, data=body.encode())
    kept = (await shop.control("GET", "messages"))["messages"]

    assert [("你\n好", True), ("你\n好\x00", False), ("C:\\u4f60", False)] == [
        (each["message"]["text"]["content"], each["escaped"]) for each in kept
    ]


@pytest.mark.parametrize("path", [TYPING, "/cgi-bin/message/custom/business/typing"])
async def test_typing_lasts_fifteen_seconds_and_needs_traffic_in_thirty(shop: Any, path: str) -> None:
    async def typing(command: str) -> int:
        return int((await shop.post(path, {"touser": "o1", "command": command})).errcode)

    await shop.login()
    codes = [await typing("Typing")]
    await shop.control("POST", "user_message", openid="o1", text="在吗")
    codes += [await typing(command) for command in ("typing", "Typing", "Typing", "CancelTyping", "Typing")]
    await shop.emu.clock.advance(15)
    codes.append(await typing("Typing"))
    await shop.emu.clock.advance(16)
    codes.append(await typing("Typing"))

    assert [45080, 45072, 0, 45081, 0, 0, 0, 45080] == codes


async def test_an_uploaded_picture_comes_back_for_three_days(shop: Any) -> None:
    picture = png(3, 2, bytes(range(256)) + b"\r\n--\r\n")
    told = (await upload(shop, picture)).told
    got = await shop.get("/cgi-bin/media/get", media_id=told["media_id"])
    await shop.emu.clock.advance(3 * 86400)
    shop.token = ""
    late = await shop.get("/cgi-bin/media/get", media_id=told["media_id"])

    assert {"type": "image", "media_id": told["media_id"], "created_at": 1768359845} == told
    assert (picture, "image/png") == (got.body, got.headers["Content-Type"])
    assert f'attachment; filename="{told["media_id"]}.png"' == got.headers["Content-Disposition"]
    assert (40007, "text/plain") == (late.errcode, late.headers["Content-Type"])


@pytest.mark.parametrize(
    ("data", "other", "errcode"),
    [
        (png(1, 1), {"type": "video"}, 40004),
        (png(1, 1), {"filename": None}, 41005),
        (png(1, 1), {"name": "file"}, 41005),
        (b"BM not a picture we know", {}, 40005),
        (png(1, 1, bytes((2 << 20) - 33)), {}, 0),
        (png(1, 1, bytes((2 << 20) - 32)), {}, 40009),
    ],
    ids=["video", "no filename", "another name", "no picture", "2 MB", "more than 2 MB"],
)
async def test_an_upload_is_a_picture_of_two_megabytes_in_a_part_named_media(
    shop: Any, data: bytes, other: Any, errcode: int
) -> None:
    assert errcode == (await upload(shop, data, **other)).errcode


async def test_a_video_is_told_by_its_url(shop: Any) -> None:
    media_id = (await shop.control("POST", "media", type="video"))["media_id"]
    got = await shop.get("/cgi-bin/media/get", media_id=media_id)

    assert {"video_url": f"{shop.emu.url}/video/{media_id}.mp4"} == got.told
    assert got.errcode == 0


async def test_a_picture_that_a_user_sent_can_be_fetched(shop: Any) -> None:
    picture = png(5, 5)
    encoded = base64.b64encode(picture).decode()
    media_id = (await shop.control("POST", "media", base64=encoded))["media_id"]
    message = (await shop.control("POST", "user_message", openid="o1", media_id=media_id))["message"]

    assert ("image", media_id) == (message["MsgType"], message["MediaId"])
    assert picture == (await shop.get("/cgi-bin/media/get", media_id=media_id)).body
