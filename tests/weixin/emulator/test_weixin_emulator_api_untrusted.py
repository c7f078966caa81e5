"""Whatever is sent to an endpoint, the platform's words come back and never the emulator's own failure."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tongfu.emulator import Asked, Emulator, Route

NAMES = re.findall(
    r"\w+",
    """
    touser msgtype text image link miniprogrampage content media_id title pagepath thumb_media_id url thumb_url
    command begin_date end_date path width scene page check_path env_version is_hyaline auto_color line_color r g b
    data value kind unionid phone_number invalidate session_from base64 pages used times label errcode errmsg
    daily_limit media_url template_id tid kidList sceneDesc priTmplId lang miniprogram_state version openid
    media_url media_type jump_wxa query expire_type expire_time expire_interval is_expire cloud_base env scheme
    url_link query_type page_url page_title is_permanent code encrypted_msg_hash cgi_path rid action check_operator
    appid secret grant_type force_refresh signature sig_method ids start limit img_url type transaction_id mch_id
    out_trade_no js_code
    """,
)
LIKELY = st.sampled_from(
    [
        "o1",
        "text",
        "image",
        "20260105",
        "pages/index/index",
        "a",
        "1037",
        "1",
        "https://a.example/",
        "2",
        "307",
        "image",
    ]
)
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=40)  # half surrogate pairs as well
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT | LIKELY
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES) | st.text(), inner, max_size=6),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=12)
BODIES = st.one_of(
    OBJECTS.map(lambda value: json.dumps(value).encode()),
    VALUES.map(lambda value: json.dumps(value).encode()),
    st.binary(),
)
QUERIES = st.dictionaries(st.sampled_from(NAMES), LIKELY | st.text(max_size=40), max_size=6)
TYPES = st.sampled_from(["application/json", "multipart/form-data; boundary=B", "multipart/form-data; boundary=", ""])
PARTS = st.lists(st.tuples(st.sampled_from(["media", "img", "ratios"]), st.binary(max_size=60)), max_size=3).map(
    lambda parts: b"".join(
        b'--B\r\nContent-Disposition: form-data; name="%s"; filename="f"\r\n\r\n%s\r\n' % (name.encode(), data)
        for name, data in parts
    )
)


@pytest.fixture(scope="module")
def emulated() -> Any:
    """The routes of the open API and of the user's part in it, a token, and a user who logged in and wrote."""
    routes: list[Route] = []
    controls: dict[str, Route] = {}
    token = ""

    async def begin() -> None:
        nonlocal token
        async with Emulator(platforms=["weixin"], start=datetime(2026, 1, 14, 3, 4, 5, tzinfo=UTC), frozen=True) as emu:
            routes.extend(route for route in emu.routes() if re.match("/(wxa|cgi-bin|datacube|cv|sns)", route.path))
            line = emu.settings()["weixin"]
            users = [route for route in emu.routes() if route.path.startswith("/_emulator/") and route.method == "POST"]
            controls.update((route.path.rpartition("/")[2], route) for route in users)
            for name in ("login", "user_message"):
                body = json.dumps({"openid": "o1"} | ({"text": "a"} if name == "user_message" else {})).encode()
                controls[name].handle(Asked("POST", "", "", {}, body), {})
            query = {"grant_type": "client_credential", "appid": line["app_id"], "secret": line["secret"]}
            fetch = next(route for route in routes if route.path == "/cgi-bin/token" and route.method == "GET")
            told = fetch.handle(Asked("GET", "/cgi-bin/token", urlencode(query), {}, b""), {})
            token = json.loads(told.body)["access_token"]

    asyncio.run(begin())
    return routes, token, controls


def test_there_are_as_many_endpoints_as_described(emulated: Any) -> None:
    routes, _, _ = emulated

    assert len({route.path for route in routes}) == 52


@settings(max_examples=60)
@given(body=BODIES | PARTS, query=QUERIES, kind=TYPES, data=st.data())
def test_an_endpoint_answers_with_an_errcode_or_with_what_was_asked(
    emulated: Any, body: bytes, query: dict[str, str], kind: str, data: st.DataObject
) -> None:
    routes, token, _ = emulated
    for route in data.draw(st.lists(st.sampled_from(routes), min_size=10, max_size=20)):
        encoded = urlencode({**query, "access_token": token})
        answer = route.handle(Asked(route.method, route.path, encoded, {"content-type": kind}, body), {})

        assert answer.status == 200
        assert "content-type" in answer.headers
        if answer.body.startswith(b"{"):
            assert isinstance(json.loads(answer.body), dict)


@settings(max_examples=200)
@given(body=BODIES, data=st.data())
def test_a_control_route_refuses_what_it_does_not_take(emulated: Any, body: bytes, data: st.DataObject) -> None:
    """As the shell has it: ValueError is 400, LookupError 404. A push needs the running emulator."""
    *_, controls = emulated
    name = data.draw(st.sampled_from(sorted(controls.keys() - {"push"})))
    try:
        answer = controls[name].handle(Asked("POST", controls[name].path, "", {}, body), {})
    except (ValueError, LookupError):
        return

    assert isinstance(json.loads(answer.body), dict)


@settings(max_examples=100)
@given(
    body=BODIES,
    headers=st.dictionaries(
        st.sampled_from(["wechatmp-appid", "wechatmp-timestamp", "wechatmp-signature"]),
        st.text(max_size=20) | st.just("1768359845") | st.just("QUJD"),
        min_size=1,
    ),
)
def test_a_seal_that_is_none_is_refused(emulated: Any, body: bytes, headers: dict[str, str]) -> None:
    routes, token, _ = emulated
    route = next(route for route in routes if (route.method, route.path) == ("POST", "/wxa/generatescheme"))
    answer = route.handle(Asked("POST", route.path, f"access_token={token}", headers, body), {})

    assert 40231 <= json.loads(answer.body)["errcode"] <= 40240
