"""What travels between the caller, the engine and a provider. Nothing here does I/O."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar, runtime_checkable

from .errors import MalformedAnswer
from .swift import swift

if TYPE_CHECKING:
    from aiohttp import web

R = TypeVar("R")
C_co = TypeVar("C_co", covariant=True)

NOTIFICATION_LIMIT = 1 << 20  # bytes; real notifications are a few KiB
ANSWER_LIMIT = 8 << 20
BILL_LIMIT = 512 << 20


def joined(headers: Mapping[str, str]) -> dict[str, str]:
    """
    Lower-case names; a header that came twice has both values, so that a second signature hides no first.

    *headers* may be a multidict, whose items repeat.
    """
    merged: dict[str, str] = {}
    for name, value in headers.items():
        key = str(name).lower()
        merged[key] = f"{merged[key]}, {value}" if key in merged else str(value)
    return merged


@runtime_checkable
class Account(Protocol):
    """One merchant or app on one platform. Providers bring their own dataclass."""

    platform: ClassVar[str]

    @property
    def timeout(self) -> float:
        """Seconds one operation's request may take, retries included."""

    @property
    def scope(self) -> str:
        """
        Whose credentials these are: the public ids that tell two accounts apart, never a secret.

        An account that also has ``scope_of(kind)`` is asked that, as where several merchants share one app's token.
        """


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """A certificate and its private key, both PEM, for mutual TLS."""

    certificate: bytes = field(repr=False)
    private_key: bytes = field(repr=False)

    def __reduce__(self) -> str | tuple[Any, ...]:
        raise TypeError("a client certificate holds a private key and is not pickled")


@swift
@dataclass(frozen=True, slots=True)
class HttpRequest:
    """
    The exact bytes to send.

    ``backup_url`` is tried when a read-only request cannot connect. ``ca`` (PEM) is trusted beside
    the system's certificate authorities; nothing turns verification off. ``file`` makes what a body too large to hold
    is written to: given ``body_limit``, it answers something with ``write``, such as a ``tongfu.bills.Spool``.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    client_certificate: ClientCertificate | None = field(default=None, repr=False)
    backup_url: str = ""
    body_limit: int = ANSWER_LIMIT
    ca: bytes = field(default=b"", repr=False)
    file: Callable[[int], Any] | None = field(default=None, repr=False)

    def __repr__(self) -> str:
        # The query may hold tokens and signatures.
        return f"HttpRequest({self.method} {self.url.partition('?')[0]})"


@swift
@dataclass(frozen=True, slots=True)
class HttpResponse:
    """
    The exact bytes that came. Header names are lower-case.

    Where the request has a ``file``, a transport may write the body of a 200 there; ``body`` is empty then.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    file: Any = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Notification:
    """
    A request that the platform (or somebody who says so) made to our notify_url: raw bytes, unparsed.

    :raises MalformedAnswer: the body is larger than 1 MiB.
    """

    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    query: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.body, bytes):
            raise TypeError(f"a notification's body is bytes as received, not {type(self.body).__name__}")
        if len(self.body) > NOTIFICATION_LIMIT:
            raise MalformedAnswer(f"a notification of {len(self.body)} bytes is larger than {NOTIFICATION_LIMIT}")
        object.__setattr__(self, "headers", joined(self.headers))

    @classmethod
    def from_unicloud_event(cls, event: Mapping[str, Any]) -> Notification:
        """
        Read a uniCloud "cloud function URL" event: headers, queryStringParameters, body, isBase64Encoded.

        :raises MalformedAnswer: not such an event, or a body that is not base64 although it says so.
        """
        if not isinstance(event, Mapping):
            raise MalformedAnswer("a uniCloud event is a mapping with headers and body")
        headers = event.get("headers") or {}
        query = event.get("queryStringParameters") or {}
        body = event.get("body") or ""
        if not isinstance(headers, Mapping) or not isinstance(query, Mapping) or not isinstance(body, str | bytes):
            raise MalformedAnswer("a uniCloud event has a mapping of headers and a text body")
        if event.get("isBase64Encoded") is True:
            try:
                content = base64.b64decode(body, validate=True)
            except (binascii.Error, ValueError) as exc:
                raise MalformedAnswer("the event says its body is base64, but it is not") from exc
        else:
            content = body if isinstance(body, bytes) else body.encode("utf-8", "surrogatepass")
        return cls(headers, content, {str(k): str(v) for k, v in query.items()})

    @classmethod
    async def from_request(cls, request: web.BaseRequest) -> Notification:
        """
        Read an aiohttp request's raw body, at most 1 MiB of it.

        :raises MalformedAnswer: the body is larger, breaks off, or is not encoded as it says.
        """
        from aiohttp import web  # noqa: PLC0415 - whoever has such a request has imported it

        body = bytearray()
        try:
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > NOTIFICATION_LIMIT:
                    raise MalformedAnswer(f"a notification is larger than {NOTIFICATION_LIMIT} bytes")
        except (web.RequestPayloadError, ConnectionError) as exc:
            raise MalformedAnswer(f"a notification's body cannot be read ({type(exc).__name__})") from exc
        query = {name: ", ".join(request.query.getall(name)) for name in request.query}
        return cls(joined(request.headers), bytes(body), query)


@dataclass(frozen=True, slots=True)
class Credential:
    """Something fetched that a later call needs, such as an access token. The keeper notes when it was fetched."""

    value: str = field(repr=False)
    expires_at: datetime | None = None
    fetched_at: datetime | None = field(default=None, repr=False, compare=False)


class Signer(Protocol):
    """The account's sign and verify hooks."""

    def sign(self, payload: bytes, algorithm: str) -> str:
        """Sign *payload*; the answer is as it travels on the wire."""

    def check(self, payload: bytes, signature: str, algorithm: str) -> None:
        """
        Go on only if *signature* is the platform's over *payload*.

        :raises SignatureError: it is not, or it is empty, or no plugin vouched for it.
        """

    def acting_as(self, account: Any) -> Signer:
        """The same hooks for another account, such as one whose key was fetched."""


@swift
@dataclass(frozen=True, slots=True)
class Context:
    """Everything impure that a hook may use. ``nonce`` is new for each step."""

    now: datetime
    nonce: str
    signer: Signer = field(repr=False)
    credentials: Mapping[str, Credential] = field(default_factory=dict, repr=False)


@swift
@dataclass(frozen=True, slots=True)
class Call(Generic[R]):
    """
    One request of an operation: encode this, send it, decode the answer, then ``finish`` it.

    ``read_only`` says that asking again changes nothing: only such a call is ever resent, and only
    its timeout is an ordinary failure. ``credentials`` names the kinds that must be in the context.
    ``wire`` chooses among a provider's own encodings.
    """

    operation: str
    endpoint: str
    fields: Mapping[str, Any] = field(repr=False)
    finish: Callable[[Mapping[str, Any], Context], R | Call[R]] = field(repr=False)
    read_only: bool = False
    wire: str = ""
    method: str = "POST"
    needs_client_cert: bool = False
    credentials: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CallFinished:
    """One facade call ended. ``elapsed`` is seconds; ``error`` is None when it ended well."""

    platform: str
    account: str
    operation: str
    elapsed: float
    error: BaseException | None


class Caller(Protocol):
    """What an opened platform object is given: the engine, bound to one account."""

    async def run(self, operation: str, begin: Callable[[Context], Call[R] | R]) -> R:
        """Carry out what *begin* answers, as one operation named *operation*."""

    async def payment(self, operation: str, params: object) -> Any:
        """Carry out one of the ten payment operations through its hook."""

    async def credential(self, kind: str) -> Credential:
        """The kept credential of *kind*, or a new one where none is kept."""

    def now(self) -> datetime:
        """The facade's clock."""


class Opens(Account, Protocol[C_co]):
    """An account that knows the object ``Tongfu.open`` makes of it."""

    def open(self, caller: Caller) -> C_co:
        """The platform's object for this account."""
