"""Customer-service messages and their pictures. Fixtures: conftest.py here."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from tongfu import HttpResponse, InvalidParams, MalformedAnswer, OutcomeUnknown, PlatformRefused
from tongfu.errors import RateLimited, TransportError, UnreadableOutcome
from tongfu_weixin.api.customer_service_message import TempMedia
from tongfu_weixin.api.result import Done, Media
from tongfu_weixin.errors import RepliesUsedUp, ReplyWindowClosed

HOST = "https://api.weixin.qq.com"
OK = {"errCode": 0, "errMsg": "ok"}
SENT = {"errcode": 0, "errmsg": "ok"}
PNG = b"\x89PNG\r\n\x1a\n....."
JPEG = b"\xff\xd8\xff....."
UPLOADED = {"type": "image", "media_id": "MEDIA_ID", "created_at": 1733131313}
TEXT = {"touser": "oABC", "msgtype": "text", "text": {"content": "你好"}}
LINK = {
    "title": "t",
    "description": "d",
    "url": "https://shop.example/#/订单?a=1",
    "thumb_url": "http://shop.example/a.png",
}
CARD = {"title": "t", "pagepath": "pages/index/index?foo=bar", "thumb_media_id": "MEDIA_ID"}


def part(name: str, content: bytes, filename: str, content_type: str) -> bytes:
    """A form of one file as the platform wants it."""
    boundary = b"--tongfu0123456789abcdef0123456789abcdef"
    head = f'content-disposition: form-data; name="{name}"; filename="{filename}"\r\ncontent-type: {content_type}'
    return boundary + b"\r\n" + head.encode() + b"\r\n\r\n" + content + b"\r\n" + boundary + b"--\r\n"


@pytest.mark.parametrize(
    ("arguments", "body"),
    [
        ({"msgtype": "text", "text": {"content": '<a href="x">好</a>'}}, r'"text":{"content":"<a href=\"x\">好</a>"}'),
        ({"msgtype": "image", "image": {"media_id": "M"}}, '"image":{"media_id":"M"}'),
        ({"msgtype": "image", "image": {"mediaId": "M"}}, '"image":{"media_id":"M"}'),
        (
            {"msgtype": "link", "link": LINK},
            '"link":{"title":"t","description":"d","url":"https://shop.example/#/订单?a=1",'
            '"thumb_url":"http://shop.example/a.png"}',
        ),
        (
            {
                "msgtype": "link",
                "link": {"thumbUrl": "http://a.example", "url": "http://b.example/"}
                | {"title": "t"}
                | {"description": "d"},
            },
            '"link":{"title":"t","description":"d","url":"http://b.example/","thumb_url":"http://a.example"}',
        ),
        (
            {"msgtype": "miniprogrampage", "miniprogrampage": CARD},
            '"miniprogrampage":{"title":"t","pagepath":"pages/index/index?foo=bar","thumb_media_id":"MEDIA_ID"}',
        ),
        (
            {
                "msgtype": "miniprogrampage",
                "miniprogrampage": {"title": "t", "appId": "wx1", "pagePath": "p", "thumbMediaId": "M"},
            },
            '"miniprogrampage":{"title":"t","appid":"wx1","pagepath":"p","thumb_media_id":"M"}',
        ),
        (
            {
                "msgtype": "text",
                "text": {"content": "x"},
                "customservice": {"kfAccount": "test1@kftest"},
                "aimsgcontext": {"is_ai_msg": True},
                "business_id": "B1",
                "image": None,
            },
            '"text":{"content":"x"},"customservice":{"kf_account":"test1@kftest"},"aimsgcontext":{"is_ai_msg":1},'
            '"businessid":"B1"',
        ),
    ],
)
async def test_a_message_goes_out_under_the_names_of_the_wire(mini: Any, arguments: dict[str, Any], body: str) -> None:
    mini.answers(SENT)
    before = copy.deepcopy(arguments)

    result = await mini.weixin.customer_service_message.send(touser="oABC", **arguments)

    assert (
        "POST",
        f"{HOST}/cgi-bin/message/custom/send?access_token=TOKEN",
        f'{{"touser":"oABC","msgtype":"{arguments["msgtype"]}",{body}}}'.encode(),
    ) == mini.wire()
    assert (Done(), OK) == (result, result.to_camel())
    assert before == arguments


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"touser": ""}, {"touser"}),
        ({"touser": None, "msgtype": None}, {"touser", "msgtype"}),
        ({"msgtype": "voice"}, {"msgtype"}),
        ({"text": None}, {"text"}),
        ({"image": {"media_id": "M"}}, {"image"}),
        ({"image": {}, "link": 5}, {"image", "link", "image.media_id"}),
        ({"text": "hello"}, {"text"}),
        ({"text": {"content": ""}}, {"text.content"}),
        ({"text": {"content": 5, "colour": "red"}}, {"text.content", "text.colour"}),
        ({"text": {"content": "a", "Content": "b"}}, {"text.Content"}),
        ({"text": {"content": "a", 7: "b"}}, {"text.7"}),
        ({"msgtype": "link", "text": None, "link": {**LINK, "url": "javascript:alert(1)"}}, {"link.url"}),
        ({"msgtype": "link", "text": None, "link": {"title": "t"}}, {"link.description", "link.url", "link.thumb_url"}),
        (
            {"msgtype": "miniprogrampage", "text": None, "miniprogrampage": {**CARD, "pagepath": None}},
            {"miniprogrampage.pagepath"},
        ),
        ({"customservice": {}}, {"customservice.kf_account"}),
        ({"aimsgcontext": {"isAiMsg": 2}}, {"aimsgcontext.is_ai_msg"}),
        ({"business_id": 5}, {"business_id"}),
    ],
)
async def test_a_message_that_is_none_names_what_is_wrong(mini: Any, changes: dict[str, Any], fields: set[str]) -> None:
    with pytest.raises(InvalidParams) as caught:
        await mini.weixin.customer_service_message.send(**{**TEXT, **changes})
    assert (fields, []) == (set(caught.value.problems), mini.sent)


async def test_a_message_is_never_sent_twice(mini: Any) -> None:
    mini.answers(TransportError("gone"))

    with pytest.raises(OutcomeUnknown):
        await mini.weixin.customer_service_message.send(**TEXT)
    assert 1 == len(mini.sent)


@pytest.mark.parametrize(
    ("code", "kind"), [(45015, ReplyWindowClosed), (45047, RepliesUsedUp), (40003, PlatformRefused)]
)
async def test_a_user_who_has_to_write_first(mini: Any, code: int, kind: type[PlatformRefused]) -> None:
    mini.answers({"errcode": code, "errmsg": "no rid: 61725984-6126f6f9-040f19c4"})

    with pytest.raises(PlatformRefused) as caught:
        await mini.weixin.customer_service_message.send(**TEXT)
    assert (kind, str(code), "61725984-6126f6f9-040f19c4") == (
        type(caught.value),
        caught.value.code,
        caught.value.request_id,
    )


def test_used_up_replies_are_a_closed_window_and_a_limit() -> None:
    assert issubclass(RepliesUsedUp, ReplyWindowClosed)
    assert issubclass(RepliesUsedUp, RateLimited)


@pytest.mark.parametrize("command", ["Typing", "CancelTyping"])
@pytest.mark.parametrize(
    ("arguments", "path", "rest"),
    [
        ({}, "/cgi-bin/message/custom/typing", ""),
        ({"business": True, "business_id": "B1"}, "/cgi-bin/message/custom/business/typing", ',"businessid":"B1"'),
    ],
)
async def test_typing(mini: Any, command: str, arguments: dict[str, Any], path: str, rest: str) -> None:
    mini.answers(SENT)

    result = await mini.weixin.customer_service_message.set_typing(touser="oABC", command=command, **arguments)

    assert (
        "POST",
        f"{HOST}{path}?access_token=TOKEN",
        f'{{"touser":"oABC","command":"{command}"{rest}}}'.encode(),
    ) == mini.wire()
    assert (Done(), OK) == (result, result.to_camel())


@pytest.mark.parametrize(
    "wrong", [{"command": "typing"}, {"command": None}, {"touser": ""}, {"business": 1}, {"business_id": ""}]
)
async def test_typing_that_is_none(mini: Any, wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidParams) as caught:
        await mini.weixin.customer_service_message.set_typing(**{"touser": "o", "command": "Typing", **wrong})
    assert (set(wrong), []) == (set(caught.value.problems), mini.sent)


@pytest.mark.parametrize(
    ("media", "content", "filename", "content_type"),
    [
        ({"contentType": "image/png", "value": b"bytes"}, b"bytes", "media.png", "image/png"),
        ({"content_type": "image/jpg", "value": bytearray(b"b")}, b"b", "media.jpg", "image/jpeg"),
        ({"value": memoryview(PNG)}, PNG, "media.png", "image/png"),
        (PNG, PNG, "media.png", "image/png"),
        (JPEG, JPEG, "media.jpg", "image/jpeg"),
        (b"GIF89a..", b"GIF89a..", "media.gif", "image/gif"),
        (Media(content_type="image/jpeg; charset=x", buffer=b"code"), b"code", "media.jpg", "image/jpeg"),
    ],
)
async def test_a_picture_is_uploaded(mini: Any, media: Any, content: bytes, filename: str, content_type: str) -> None:
    mini.answers(UPLOADED)

    result = await mini.weixin.customer_service_message.upload_temp_media(media=media)

    assert (
        "POST",
        f"{HOST}/cgi-bin/media/upload?access_token=TOKEN&type=image",
        part("media", content, filename, content_type),
    ) == mini.wire()
    assert TempMedia(type="image", media_id="MEDIA_ID", created_at=1733131313) == result
    assert {**OK, "type": "image", "mediaId": "MEDIA_ID", "createdAt": 1733131313} == result.to_camel()


async def test_a_picture_from_a_file(mini: Any, tmp_path: Path) -> None:
    mini.answers(UPLOADED)
    path = tmp_path / "a.bin"
    path.write_bytes(PNG)

    await mini.weixin.customer_service_message.upload_temp_media(media=path, type="image")

    assert part("media", PNG, "media.png", "image/png") == mini.wire()[2]


async def test_ten_mebibytes_are_enough(mini: Any, tmp_path: Path) -> None:
    mini.answers(UPLOADED)
    path = tmp_path / "large"
    path.write_bytes(PNG.ljust((10 << 20) + 1, b"."))

    await mini.weixin.customer_service_message.upload_temp_media(media=path.read_bytes()[:-1])
    for larger in (path, path.read_bytes()):
        with pytest.raises(InvalidParams, match="media: larger than 10485760 bytes"):
            await mini.weixin.customer_service_message.upload_temp_media(media=larger)
    assert 1 == len(mini.sent)


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"media": PNG, "type": "video"}, "type"),
        ({"media": b""}, "media"),
        ({"media": None}, "media"),
        ({"media": "a.png"}, "media"),
        ({"media": b"RIFF0000WEBP"}, "media"),
        ({"media": b"what is this"}, "media"),
        ({"media": Path("there/is/none.png")}, "media"),
        ({"media": Path()}, "media"),  # a directory
        ({"media": {"contentType": "image/png"}}, "media"),
        ({"media": {"contentType": "image/png", "value": "text"}}, "media"),
        ({"media": {"contentType": "image/svg+xml", "value": b"<svg"}}, "media"),
        ({"media": {"contentType": "image/png\r\nx: y", "value": b"."}}, "media"),
        ({"media": {"contentType": 5, "value": PNG}}, "media"),
        ({"media": Media(video_url="https://v.example")}, "media"),
    ],
)
async def test_what_is_no_picture_is_not_uploaded(mini: Any, arguments: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidParams) as caught:
        await mini.weixin.customer_service_message.upload_temp_media(**arguments)
    assert ([field], []) == (list(caught.value.problems), mini.sent)


@pytest.mark.parametrize("answer", [{}, {**UPLOADED, "created_at": "soon"}, {**UPLOADED, "media_id": None}])
async def test_an_upload_without_its_media_id_leaves_the_outcome_open(mini: Any, answer: dict[str, Any]) -> None:
    mini.answers(answer)

    with pytest.raises(UnreadableOutcome):
        await mini.weixin.customer_service_message.upload_temp_media(media=PNG)


async def test_a_picture_is_downloaded_and_saved(mini: Any, tmp_path: Path) -> None:
    headers = {"content-type": "image/jpeg", "content-disposition": 'attachment; filename="../MEDIA_ID.jpg"'}
    mini.answers(HttpResponse(200, headers, JPEG))

    media = await mini.weixin.customer_service_message.get_temp_media(media_id="M/+1")

    assert ("GET", f"{HOST}/cgi-bin/media/get?access_token=TOKEN&media_id=M%2F%2B1", b"") == mini.wire()
    assert Media(content_type="image/jpeg", buffer=JPEG, filename="MEDIA_ID.jpg") == media
    assert {**OK, "contentType": "image/jpeg", "buffer": JPEG} == media.to_camel()
    assert JPEG == media.save(tmp_path / "a.jpg").read_bytes()


async def test_a_video_comes_as_its_address(mini: Any, tmp_path: Path) -> None:
    mini.answers({"video_url": "https://v.example/a.mp4"})

    media = await mini.weixin.customer_service_message.get_temp_media(media_id="M")

    assert Media(video_url="https://v.example/a.mp4") == media
    assert {**OK, "videoUrl": "https://v.example/a.mp4"} == media.to_camel()
    with pytest.raises(InvalidParams, match="video_url"):
        media.save(tmp_path / "a.mp4")
    assert not (tmp_path / "a.mp4").exists()


async def test_a_refused_download_is_no_picture_whatever_its_label(mini: Any) -> None:
    body = b'{"errcode":40007,"errmsg":"invalid media_id"}'
    mini.answers(HttpResponse(200, {"content-type": "image/jpeg"}, body))

    with pytest.raises(PlatformRefused, match=r"40007: invalid media_id\. Temporary media live three days"):
        await mini.weixin.customer_service_message.get_temp_media(media_id="M")


@pytest.mark.parametrize("answer", [b"", {"errcode": 0}, {"video_url": []}])
async def test_neither_a_file_nor_a_video(mini: Any, answer: Any) -> None:
    mini.answers(answer)

    with pytest.raises(MalformedAnswer):
        await mini.weixin.customer_service_message.get_temp_media(media_id="M")


@pytest.mark.parametrize("media_id", ["", None, 5])
async def test_a_download_of_nothing(mini: Any, media_id: Any) -> None:
    with pytest.raises(InvalidParams, match="media_id: "):
        await mini.weixin.customer_service_message.get_temp_media(media_id=media_id)
    assert [] == mini.sent
