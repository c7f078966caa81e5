"""
Credentials in Redis, for processes that share an account's.

A credential is a hash; beside it lie its lease and the last owner of that lease, all three in one slot of a cluster.
Nothing here needs a clock: ends of life travel as spans.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal, Self, TypeVar

from tongfu import log
from tongfu.call import Credential
from tongfu.errors import ConfigError, CredentialStoreUnavailable

if TYPE_CHECKING:
    from redis.asyncio import Redis

T = TypeVar("T")

CONNECTIONS: Final = 16  # of a client made here; more callers than that wait for one
REMEMBERED: Final = 3600  # seconds for which the last owner of a lease is known: much longer than any fetch takes

ACQUIRE: Final = """
if not redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2]) then return 0 end
redis.call('SET', KEYS[3], ARGV[1], 'PX', ARGV[3])
return 1
"""
RELEASE: Final = """
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[2])
"""
# The fence: an owner whose lease ran out, and was taken by another, comes too late.
PUT: Final = """
local last = redis.call('GET', KEYS[3])
if ARGV[1] ~= '' and last and last ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'value', ARGV[2], 'expires_at', ARGV[3], 'fetched_at', ARGV[4])
if ARGV[5] ~= '' then redis.call('PEXPIRE', KEYS[1], ARGV[5]) end
return 1
"""
DROP: Final = """
if redis.call('HGET', KEYS[1], 'value') ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
"""


class RedisStore:
    """
    A shared store in Redis 5 or newer.

    :param redis: a URL, or a ``redis.asyncio.Redis`` of yours, which is never closed here.
    :param prefix: what every key begins with; keys hold public ids, never a secret.
    :param lease: seconds after which a process that died while it fetched is replaced. Longer than a fetch takes, which
        is the account's ``timeout`` for each of its requests.
    :param timeout: seconds that one command may take.
    :param on_outage: ``"error"`` raises CredentialStoreUnavailable, and nothing is sent; ``"local"`` goes on with what
        this process has seen and fetches itself what is missing.
    :param retry_after: seconds between looks whether an unreachable Redis is back, one command each time.
    :param clock: monotonic seconds, for tests.
    :raises ConfigError: the package ``redis`` is missing.
    """

    def __init__(
        self,
        redis: str | Redis,
        *,
        prefix: str = "tongfu:",
        lease: float = 10.0,
        timeout: float = 1.0,
        on_outage: Literal["error", "local"] = "error",
        retry_after: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if on_outage not in ("error", "local"):
            raise ConfigError(f"on_outage is 'error' or 'local', not {on_outage!r}")
        self.lease = lease
        self._url = redis if isinstance(redis, str) else ""
        self._redis: Any = _client(redis, timeout) if isinstance(redis, str) else redis
        self._loop: asyncio.AbstractEventLoop | None = None
        self._unreachable = _failures()
        self._prefix = prefix
        self._timeout = timeout
        self._on_outage = on_outage
        self._retry_after = retry_after
        self._clock = clock
        self._down = False
        self._next_look = 0.0
        self._seen: dict[str, Credential] = {}  # only if it goes on without Redis

    def __repr__(self) -> str:
        # Nothing of the URL: it may hold a password.
        return f"RedisStore(prefix={self._prefix!r}, on_outage={self._on_outage!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the client if it was made here."""
        if self._url and self._loop in (None, asyncio.get_running_loop()):
            await self._redis.aclose()

    async def get(self, key: str) -> Credential | None:
        hashed = self._keys(key)[0]
        try:
            fields = await self._ask(lambda: self._fields(hashed))
        except CredentialStoreUnavailable as exc:
            return self._alone(exc, self._seen.get(key))
        credential = _read(*fields)
        self._see(key, credential)
        return credential

    async def put(self, key: str, credential: Credential) -> None:
        await self.put_held(key, credential, "")

    async def put_held(self, key: str, credential: Credential, owner: str) -> bool:
        try:
            stored = await self._run(PUT, key, owner, *_written(credential))
        except CredentialStoreUnavailable as exc:
            self._see(key, credential)
            return self._alone(exc, True)
        if stored:
            self._see(key, credential)
        return stored

    async def drop(self, key: str, value: str) -> None:
        seen = self._seen.get(key)
        if seen is not None and seen.value == value:
            del self._seen[key]
        try:
            await self._run(DROP, key, value)
        except CredentialStoreUnavailable as exc:
            self._alone(exc, None)

    async def acquire(self, key: str, owner: str, seconds: float) -> bool:
        try:
            return await self._run(ACQUIRE, key, owner, max(1, int(seconds * 1000)), int(REMEMBERED + seconds) * 1000)
        except CredentialStoreUnavailable as exc:
            return self._alone(exc, True)

    async def release(self, key: str, owner: str) -> None:
        try:
            await self._run(RELEASE, key, owner)
        except CredentialStoreUnavailable as exc:
            self._alone(exc, None)

    def _keys(self, key: str) -> tuple[str, str, str]:
        # In braces: what a cluster chooses the slot by.
        name = f"{self._prefix}{{{key}}}"
        return name, f"{name}:lease", f"{name}:last"

    async def _fields(self, hashed: str) -> list[str | bytes | None]:
        try:
            return list(await self._redis.hmget(hashed, ("value", "expires_at", "fetched_at")))
        except Exception as exc:
            # No outage, which would stop every key's: only this one is no hash, or no text for a client that decodes.
            if isinstance(exc, UnicodeDecodeError) or str(exc).startswith("WRONGTYPE"):
                return [None]
            raise

    async def _run(self, script: str, key: str, *arguments: str | int) -> bool:
        return bool(await self._ask(lambda: self._redis.eval(script, 3, *self._keys(key), *arguments)))

    async def _ask(self, command: Callable[[], Awaitable[T]]) -> T:
        """
        :raises CredentialStoreUnavailable: no answer in time, or none that can be used. Until the next look is due,
            Redis is not even asked.
        """
        loop = asyncio.get_running_loop()
        if self._url and loop is not self._loop:
            # Connections belong to an event loop: one that was left, or that this process was forked from, has its own.
            if self._loop is not None:
                self._redis = _client(self._url, self._timeout)
            self._loop = loop
        if self._down:
            if self._clock() < self._next_look:
                raise CredentialStoreUnavailable("Redis", "it was unreachable a moment ago")
            # This one looks; the others do not wait for what it finds.
            self._next_look = self._clock() + self._retry_after
        try:
            async with asyncio.timeout(self._timeout):
                answer = await command()
        except self._unreachable as exc:
            self._next_look = self._clock() + self._retry_after
            if not self._down:
                self._down = True
                log.warning("tongfu.credential_store_down", error=type(exc).__name__, on_outage=self._on_outage)
            # Not chained: an answer of Redis may quote the command, and with it the credential.
            raise CredentialStoreUnavailable("Redis", type(exc).__name__) from None
        if self._down:
            self._down = False
            log.warning("tongfu.credential_store_back")
        return answer

    def _alone(self, outage: CredentialStoreUnavailable, answer: T) -> T:
        """What holds without Redis."""
        if self._on_outage == "error":
            raise outage
        return answer

    def _see(self, key: str, credential: Credential | None) -> None:
        if self._on_outage == "local":
            if credential is None:
                self._seen.pop(key, None)
            else:
                self._seen[key] = credential


def _client(url: str, timeout: float) -> Redis:
    try:
        from redis.asyncio import BlockingConnectionPool, Redis  # noqa: PLC0415
        from redis.asyncio.retry import Retry  # noqa: PLC0415
        from redis.backoff import NoBackoff  # noqa: PLC0415
    except ImportError as exc:
        raise ConfigError("RedisStore needs the package redis: pip install 'tongfu[redis]'") from exc
    try:
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=CONNECTIONS,
            timeout=timeout,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            # Sent once: what waits longer than the timeout has no use here.
            retry=Retry(NoBackoff(), 0),
        )
    except ValueError:
        raise ConfigError("the URL of Redis cannot be read: redis://, rediss:// or unix://") from None
    return Redis.from_pool(pool)


def _failures() -> tuple[type[Exception], ...]:
    from redis.exceptions import RedisError  # noqa: PLC0415  whoever has a client has it

    return (RedisError, OSError, TimeoutError)


def _written(credential: Credential) -> tuple[str, str, str, str | int]:
    life: str | int = ""
    if credential.expires_at is not None and credential.fetched_at is not None:
        life = max(1, int((credential.expires_at - credential.fetched_at) / timedelta(milliseconds=1)))
    return credential.value, _text(credential.expires_at), _text(credential.fetched_at), life


def _read(value: str | bytes | None, *times: str | bytes | None) -> Credential | None:
    """What another hand has written, or another version, counts as nothing."""
    if not value or None in times:
        return None
    try:
        return Credential(_decoded(value), *(_time(_decoded(time or "")) for time in times))
    except ValueError:
        return None


def _decoded(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode()


def _text(moment: datetime | None) -> str:
    return "" if moment is None else moment.isoformat()


def _time(text: str) -> datetime | None:
    moment = datetime.fromisoformat(text) if text else None
    if moment is not None and moment.tzinfo is None:
        raise ValueError("a time without a zone")
    return moment
