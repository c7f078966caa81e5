"""Every Python block of the pages runs."""

from __future__ import annotations

import ast
import inspect
import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest

import tongfu
import tongfu.emulator
import tongfu.web
from tongfu import HttpRequest, HttpResponse
from tongfu_weixin import WeixinAccount

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(
    r"(?:^<!-- given: (?P<given>[^\n]*) -->\n)?^(?P<indent> *)```python\n(?P<code>.*?)^ *```$", re.MULTILINE | re.DOTALL
)

JPEG = b"\xff\xd8\xff....."
EXAMPLES: dict[str, Any] = {
    "/datacube/getweanalysisappidweeklyretaininfo": {
        "ref_date": "20170306-20170312",
        "visit_uv_new": [{"key": 0, "value": 5464}],
        "visit_uv": [{"key": 0, "value": 55500}],
    },
    "/datacube/getweanalysisappiddailyvisittrend": {
        "list": [
            {
                "ref_date": "20170313",
                "session_cnt": 142549,
                "visit_pv": 472351,
                "visit_uv": 55500,
                "visit_uv_new": 5464,
                "stay_time_session": 0,
                "visit_depth": 1.9838,
            }
        ]
    },
    "/cgi-bin/message/custom/typing": {"errcode": 0, "errmsg": "ok"},
    "/cgi-bin/message/custom/send": {"errcode": 0, "errmsg": "ok"},
    "/cgi-bin/media/upload": {"type": "image", "media_id": "MEDIA_ID", "created_at": 1733131313},
    "/wxa/getwxacodeunlimit": JPEG,
    "/cv/img/aicrop": {
        "errcode": 0,
        "errmsg": "ok",
        "results": [{"crop_left": 112, "crop_top": 0, "crop_right": 839, "crop_bottom": 727}],
        "img_size": {"w": 966, "h": 728},
    },
    "/cv/img/qrcode": {
        "errcode": 0,
        "errmsg": "ok",
        "code_results": [{"type_name": "EAN_13", "data": "5906789678957"}],
        "img_size": {"w": 1000, "h": 900},
    },
    "/cgi-bin/openapi/quota/get": {"errcode": 0, "quota": {"daily_limit": 500, "used": 0, "remain": 500}},
    "/cgi-bin/openapi/rid/get": {
        "errcode": 0,
        "request": {
            "invoke_time": 1635156704,
            "cost_in_ms": 30,
            "request_url": "access_token=50_Im7xxxx",
            "request_body": "",
            "response_body": "{}",
            "client_ip": "113.xx.70.51",
        },
    },
    "/cgi-bin/message/subscribe/send": {"errcode": 43101, "errmsg": "user refuse to accept the msg"},
    "/wxa/generatescheme": {"errcode": 0, "openlink": "weixin://dl/business/?t=XTSkBZlzqmn"},
    "/wxa/generate_urllink": {"errcode": 0, "url_link": "https://wxaurl.cn/BQZRrcFCPvg"},
    "/wxa/genwxashortlink": {"errcode": 0, "link": "Short Link"},
    "/wxa/query_urllink": {
        "errcode": 0,
        "url_link_info": {
            "appid": "appid",
            "path": "",
            "query": "a=hello",
            "create_time": 611928113,
            "expire_time": 0,
            "env_version": "release",
        },
    },
    "/wxa/msg_sec_check": {
        "errcode": 0,
        "result": {"suggest": "risky", "label": 20001},
        "detail": [{"strategy": "keyword", "errcode": 0}],
        "trace_id": "60ae120f-371d5872-7941a05b",
    },
    "/wxa/media_check_async": {"errcode": 0, "trace_id": "967e945cd8a3e458f3c74dcb886068e9"},
    "/wxa/business/getuserphonenumber": {
        "errcode": 0,
        "phone_info": {
            "phoneNumber": "13580006666",
            "purePhoneNumber": "13580006666",
            "countryCode": "86",
            "watermark": {"timestamp": 1637744274, "appid": "appid"},
        },
    },
    "/wxa/getuserriskrank": {"errcode": 0, "errmsg": "getuserriskrank succ", "risk_rank": 0},
    "/wxa/checksession": {"errcode": 87009, "errmsg": "invalid signature"},
}


@dataclass(frozen=True)
class Block:
    """One ```python block: where it starts, and which names the comment above it asks for."""

    page: str
    line: int
    given: str
    code: str

    def compiled(self) -> Any:
        # As many lines before it as on the page, so that a traceback points there.
        source = "\n" * self.line + self.code
        flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT if self.given else 0
        return compile(source, self.page, "exec", flags=flags, dont_inherit=True)


def blocks(page: str, text: str) -> Iterator[Block]:
    for match in BLOCK.finditer(text):
        indent = match["indent"]
        code = "".join(line.removeprefix(indent) for line in match["code"].splitlines(keepends=True))
        yield Block(page, text.count("\n", 0, match.start("code")), match["given"] or "", code)


def pages() -> Iterator[Block]:
    for path in [*ROOT.glob("*.md"), *ROOT.glob("core/docs/**/*.md"), *ROOT.glob("providers/*/*.md")]:
        yield from blocks(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8"))


ALL = sorted(pages(), key=lambda block: (block.page, block.line))
ALONE = [block for block in ALL if not block.given]
GIVEN = [block for block in ALL if block.given]


def name(block: Block) -> str:
    return f"{block.page}:{block.line}"


@pytest.fixture
async def facade() -> AsyncIterator[dict[str, Any]]:
    """The names that core/docs/README.md promises to blocks that are ``given: facade``."""
    async with tongfu.emulator.Emulator() as emu, tongfu.Tongfu(emu.accounts(), clock=emu.clock) as tf:
        await tf.payment.get_order_info(
            "weixin",
            openid="oUpF8uMuAJO_M2pxb1Q9zNjWeS6o",
            body="coffee",
            out_trade_no="coffee_1001",
            total_fee=1500,
            notify_url="http://127.0.0.1:9/notify/weixin",
        )
        await emu.pay("coffee_1001")
        orders = {"coffee_1001": SimpleNamespace(out_trade_no="coffee_1001", total_fee=1500, delivered=False)}
        yield {"tongfu": tongfu, "emu": emu, "tf": tf, "settings": emu.settings(), "orders": orders}


class PlatformsExamples:
    """A transport that answers each path of WeChat's API as its page shows."""

    async def send(self, request: HttpRequest, timeout: float) -> HttpResponse:
        answer = EXAMPLES[urlsplit(request.url).path]
        if isinstance(answer, bytes):
            return HttpResponse(200, {"content-type": "image/jpeg"}, answer)
        return HttpResponse(200, {"content-type": "application/json"}, json.dumps(answer).encode())

    async def close(self) -> None:
        """There is nothing to close."""


@pytest.fixture
def mini_program(tmp_path: Path) -> dict[str, Any]:
    """The names that core/docs/README.md promises to blocks that are ``given: mini program``."""
    account = WeixinAccount(app_id="wx0123456789abcdef", access_token="TOKEN")
    tf = tongfu.Tongfu({"weixin": account}, transport=PlatformsExamples())
    return {"weixin": tf.open(account), "openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o", "photo": JPEG, "folder": tmp_path}


async def run(block: Block, names: dict[str, Any]) -> dict[str, Any]:
    """Execute the block, then each test function that it defines, with fixtures of the same emulator."""
    namespace = {"__name__": "a_page", **names}
    awaited = eval(block.compiled(), namespace)
    if inspect.isawaitable(awaited):
        await awaited
    fixtures = {"tongfu_emulator": names.get("emu"), "tongfu_facade": names.get("tf")}
    for test in [value for key, value in namespace.items() if key.startswith("test_")]:
        await test(**fixtures)
    return namespace


def test_the_pages_have_blocks_of_every_kind() -> None:
    assert {"README.md", "README.zh-CN.md"} <= {block.page for block in ALONE} & {block.page for block in GIVEN}
    assert {"", "facade", "mini program"} == {block.given for block in ALL}


def test_a_block_knows_its_place_its_indentation_and_what_it_is_given() -> None:
    text = "a\n```python\nx = 1\n```\n```sh\nls\n```\n<!-- given: facade -->\n```python\nawait x\n```\n"
    text += "- b\n  ```python\n  if x:\n      y\n  ```\n"

    assert [
        Block("p.md", 2, "", "x = 1\n"),
        Block("p.md", 9, "facade", "await x\n"),
        Block("p.md", 13, "", "if x:\n    y\n"),
    ] == list(blocks("p.md", text))


@pytest.mark.parametrize("block", ALONE, ids=name)
def test_a_block_runs_by_itself(block: Block, tmp_path: Path) -> None:
    block.compiled()
    result = subprocess.run(
        [sys.executable, "-c", block.code], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert (0, "") == (result.returncode, result.stderr)


@pytest.mark.parametrize("block", [block for block in GIVEN if block.given == "facade"], ids=name)
async def test_a_block_runs_with_a_facade(block: Block, facade: dict[str, Any]) -> None:
    await run(block, facade)


@pytest.mark.parametrize("block", [block for block in GIVEN if block.given != "facade"], ids=name)
async def test_a_block_runs_with_a_mini_program(block: Block, mini_program: dict[str, Any]) -> None:
    await run(block, mini_program)


async def test_a_block_that_is_wrong_fails(facade: dict[str, Any]) -> None:
    wrong = Block(
        "p.md", 9, "facade", "async def test_it(tongfu_emulator, tongfu_facade):\n    assert tongfu_facade.nothing\n"
    )

    with pytest.raises(AttributeError, match="nothing"):
        await run(wrong, facade)
