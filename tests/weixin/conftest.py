"""A mini program with nobody behind it: what it sends is kept, what comes back is scripted."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from tongfu import HttpRequest, HttpResponse, Tongfu
from tongfu.testing import FakeTransport
from tongfu_weixin import WeixinAccount
from tongfu_weixin.client import Weixin

NOW = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)  # noon in Beijing
NONCE = "0123456789abcdef0123456789abcdef"
APP_ID = "wxba5fad812f8e6fb9"
SECRET = "5f2d8c0b9a7e4d31"


@dataclass(frozen=True)
class MiniProgram:
    """``weixin`` sends through ``transport``; unless ``access_token`` is emptied it brings the token ``TOKEN``."""

    weixin: Weixin
    transport: FakeTransport

    def answers(self, *told: Any) -> None:
        """Script answers: a dict is JSON, as a text/plain one, which the platform's often are."""
        for one in told:
            if isinstance(one, dict):
                body = json.dumps(one, ensure_ascii=False).encode()
                self.transport.answer(HttpResponse(200, {"content-type": "text/plain"}, body))
            else:
                self.transport.answer(one)

    @property
    def sent(self) -> list[HttpRequest]:
        return self.transport.requests

    def wire(self) -> tuple[str, str, bytes]:
        """The only request that was sent: its method, URL and body."""
        (request,) = self.transport.requests
        return request.method, request.url, request.body


@pytest.fixture
def mini_program() -> Callable[..., MiniProgram]:
    """Make one with the account's fields of your choice."""

    def make(**fields: Any) -> MiniProgram:
        transport = FakeTransport()
        account = WeixinAccount(app_id=APP_ID, **{"secret": SECRET, "access_token": "TOKEN", **fields})
        tongfu = Tongfu({"weixin": account}, transport=transport, clock=lambda: NOW, nonce=lambda: NONCE)
        return MiniProgram(tongfu.open(account), transport)

    return make


@pytest.fixture
def mini(mini_program: Callable[..., MiniProgram]) -> MiniProgram:
    return mini_program()
