"""
Requests to api.weixin.qq.com, and what comes back.

A call's fields: ``query`` (text by name), ``json`` or ``file`` and ``form``, ``access_token`` where
the caller or the account brings one, ``binary`` where the answer may be a file.

Source: https://developers.weixin.qq.com/miniprogram/dev/server/ "开发前必读"
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, urlencode

from tongfu.call import ANSWER_LIMIT, Call, Context, HttpRequest, HttpResponse
from tongfu.errors import InvalidParams, MalformedAnswer, TransportError
from tongfu_weixin import strict_json
from tongfu_weixin.account import API_BACKUP_HOST, API_HOST, SEAL_FIELDS, WeixinAccount

from .errors import refused

WIRE: Final = "api"
TOKEN: Final = "access_token"  # noqa: S105 - the name of a credential, not one
MEDIA_LIMIT: Final = 32 << 20
HEADERS: Final = {"accept-encoding": "identity"}
JSON_HEADERS: Final = {**HEADERS, "content-type": "application/json; charset=utf-8"}
MAGIC: Final = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8")
FILES: Final = ("image/", "audio/", "video/", "application/octet-stream")
SUFFIXES: Final = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/gif": "gif",
    "image/bmp": "bmp",
    "image/webp": "webp",
    "video/mp4": "mp4",
    "audio/mpeg": "mp3",
    "audio/amr": "amr",
}
_COUNT: Final = re.compile(r"\d{1,9}", re.ASCII)
_FILENAME: Final = re.compile(r'filename="?([^";]+)"?')


@dataclass(frozen=True, slots=True)
class File:
    """A part of a form: its name there, the bytes, their MIME type and a name for the file."""

    part: str
    content: bytes = field(repr=False)
    content_type: str
    filename: str = ""


def encode(account: WeixinAccount, call: Call[Any], ctx: Context) -> HttpRequest:
    """
    Write one request; the token goes into the query, always, and JSON is raw UTF-8.

    :raises InvalidParams: a value that JSON has not, or half a surrogate pair, which a user's text may end in.
    """
    query = dict(call.fields["query"])
    token = call.fields[TOKEN] or (ctx.credentials[TOKEN].value if TOKEN in call.credentials else "")
    if token and _sealed(account, call):
        return _seal(account, call, ctx, {TOKEN: token})
    if token:
        query = {TOKEN: token, **query}
    try:
        headers, body = _body(call, ctx.nonce)
        path = call.endpoint + ("?" + urlencode(query, quote_via=quote, safe="") if query else "")
        unwritable = ""
    except (TypeError, ValueError, RecursionError) as exc:
        unwritable = type(exc).__name__
    if unwritable:  # raised out here: the exception holds the text, which may be a token
        wanted = "expected JSON values, and text without lone surrogates"
        raise InvalidParams("weixin", call.operation, {"parameters": f"{wanted} ({unwritable})"})
    return HttpRequest(
        call.method,
        account.api_base_url + path,
        headers,
        body,
        backup_url=API_BACKUP_HOST + path if account.api_base_url == API_HOST else "",
        body_limit=MEDIA_LIMIT if call.fields["binary"] else ANSWER_LIMIT,
        ca=_ca(account),
    )


def _sealed(account: WeixinAccount, call: Call[Any]) -> bool:
    """
    Whether the account has "API 安全" on and the call supports it: files never do.

    :raises ConfigError: the account has some of what it needs, but not all.
    """
    fields = call.fields
    if not any(map(account.__getattribute__, SEAL_FIELDS)) or fields["file"] or fields["form"] or fields["binary"]:
        return False
    from tongfu_weixin import api_seal  # noqa: PLC0415 - cryptography is for who has switched it on

    wanted: bool | None = fields["sealed"]
    return api_seal.is_on(account) and (call.endpoint in api_seal.SEALABLE if wanted is None else wanted)


def _seal(account: WeixinAccount, call: Call[Any], ctx: Context, query: Mapping[str, str]) -> HttpRequest:
    """Everything but the token is in the encrypted body, whatever the method was; the signature covers the host."""
    from tongfu_weixin import api_seal  # noqa: PLC0415 - as above

    url = account.api_base_url + call.endpoint
    params = {**call.fields["query"], **(call.fields["json"] or {})}
    body, headers = api_seal.seal(account, url, params, ctx.now, ctx.nonce)
    return HttpRequest(
        "POST",
        f"{url}?{urlencode(query, quote_via=quote, safe='')}",
        {**HEADERS, **headers},
        body,
        ca=_ca(account),
    )


def _open(account: WeixinAccount, call: Call[Any], response: HttpResponse, ctx: Context) -> Mapping[str, Any]:
    """The fields of a sealed answer, or of a refusal that came plain: nothing else is believed."""
    from tongfu_weixin import api_seal  # noqa: PLC0415 - as above

    plain = api_seal.plain_refusal(response.headers, response.body)
    if plain is not None:
        return plain
    url = account.api_base_url + call.endpoint
    return api_seal.open_sealed(account, url, response.headers, response.body, ctx.now)


def _ca(account: WeixinAccount) -> bytes:
    return account.ca_pem if isinstance(account.ca_pem, bytes) else account.ca_pem.encode()


def _body(call: Call[Any], nonce: str) -> tuple[Mapping[str, str], bytes]:
    file: File | None = call.fields["file"]
    if file is not None or call.fields["form"]:
        boundary = f"tongfu{nonce}"
        headers = {**HEADERS, "content-type": f"multipart/form-data; boundary={boundary}"}
        return headers, form(boundary, call.fields["form"], file)
    if call.fields["json"] is not None:
        return JSON_HEADERS, strict_json.dump(call.fields["json"])
    return HEADERS, b""


def form(boundary: str, values: Mapping[str, str], file: File | None) -> bytes:
    """A multipart body. A file part without a filename is refused by the platform."""
    parts = [
        f'--{boundary}\r\ncontent-disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in values.items()
    ]
    if file is None:
        return b"".join([*parts, f"--{boundary}--\r\n".encode()])
    filename = _safe(file.filename) or f"{file.part}.{SUFFIXES.get(file.content_type, 'bin')}"
    head = (
        f'--{boundary}\r\ncontent-disposition: form-data; name="{file.part}"; filename="{filename}"\r\n'
        f"content-type: {file.content_type}\r\n\r\n"
    )
    return b"".join([*parts, head.encode(), file.content, f"\r\n--{boundary}--\r\n".encode()])


def _safe(filename: str) -> str:
    """A name that cannot end its header."""
    return re.sub(r'[\x00-\x1f\x7f"\\/]', "_", filename)


def decode(account: WeixinAccount, call: Call[Any], response: HttpResponse, ctx: Context) -> Mapping[str, Any]:
    """
    Read an answer: JSON, or bytes under ``buffer`` where the call is binary and a file came.

    Refusals come with HTTP 200 and under any content type; success often has no errcode at all.

    :raises PlatformRefused: errcode is there and not 0; ``request_id`` is its rid.
    """
    if response.status != 200:
        raise TransportError(f"weixin: a gateway answered HTTP {response.status} in the platform's place")
    answer: Mapping[str, Any]
    if _sealed(account, call):
        answer = _open(account, call, response, ctx)
    else:
        try:
            answer = parse(response.body)
        except MalformedAnswer:
            if not call.fields["binary"]:
                raise
            return _file(response)
        if call.fields["binary"] and "errcode" not in answer and _is_file(response):
            return _file(response)
    code = answer.get("errcode", 0)
    if isinstance(code, bool) or not isinstance(code, int | str):
        # Neither done nor refused: False and 0.0 are equal to 0, and are not the platform's 0.
        raise MalformedAnswer("weixin: the answer's errcode is not a number")
    if code not in (0, "0"):
        raise refused(call, code, str(answer.get("errmsg", "")), answer)
    return answer


def parse(body: bytes) -> dict[str, Any]:
    """:raises MalformedAnswer: not a JSON object in UTF-8, or one that two readers could read differently."""
    try:
        answer, reason = strict_json.read(body.removeprefix(codecs.BOM_UTF8)), ""
    except (ValueError, RecursionError) as exc:
        answer, reason = None, f" ({type(exc).__name__})"
    # Raised out here: the exception holds the answer, and with it tokens and keys.
    if reason:
        raise MalformedAnswer(f"weixin: the answer is not JSON{reason}")
    if not isinstance(answer, dict):
        raise MalformedAnswer("weixin: the answer is not a JSON object")
    return answer


def _is_file(response: HttpResponse) -> bool:
    kind = response.headers.get("content-type", "").lower()
    return (
        response.body.startswith(MAGIC)
        or kind.startswith(FILES)
        or "content-disposition" in response.headers
        or not ("json" in kind or kind.startswith("text/"))
    )


def _file(response: HttpResponse) -> Mapping[str, Any]:
    """:raises MalformedAnswer: a page or nothing, where a file was asked for."""
    if not response.body or not _is_file(response):
        raise MalformedAnswer("weixin: the answer is neither a file nor JSON")
    named = _FILENAME.search(response.headers.get("content-disposition", ""))
    used = _COUNT.fullmatch(response.headers.get("num-used", ""))
    return {
        "buffer": response.body,
        "content_type": response.headers.get("content-type", "application/octet-stream"),
        "filename": (_safe(re.split(r"[\\/]", named[1])[-1]).lstrip(". ") or None) if named else None,
        "num_used": used and int(used[0]),
    }
