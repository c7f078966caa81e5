"""
The error tree, by who must act.

* TongfuError
  x ConfigError              the caller: an account or the installation is wrong; nothing was sent
    + UnknownAccount         no account of that name
    + UnknownPlatform        no installed distribution provides the platform
    + AmbiguousPlatform      two distributions claim one platform
    + BrokenProvider         the distribution that provides it cannot be loaded
  x UnsupportedOperation     the caller: the platform has no such operation; nothing was sent
  x InvalidParams            the caller: each bad field is named; nothing was sent
  x TransportError           nobody knows why: the network, or a gateway on the way
    + OutcomeUnknown         it may have happened: query before anything else
      . UnverifiedOutcome    ... because the answer's signature is wrong (also a SignatureError)
      . UnreadableOutcome    ... because the answer cannot be read (also a MalformedAnswer)
    + CredentialStoreUnavailable  what keeps access tokens cannot be reached: the call was not sent
  x SignatureError           not signed by the platform: use nothing of it
    + CredentialNeeded       ... or with a key that is not known, even after looking for it
  x MalformedAnswer          not what the platform documents: use nothing of it
    + WrongNotice            authentic, but it announces something else
    + NoticeMismatch         authentic, but not the payment that was expected
  x PlatformRefused          the platform understood and said no, with its code
    + OrderNotFound, OrderPaid, OrderClosed, OrderConflict, RefundNotFound, NotEnough,
      BillUnavailable, RateLimited, CredentialRejected, CodeRejected, PermissionDenied, PlatformBusy
  x ProviderContractError    a plugin's author: the plugin breaks the hook contract

Every error pickles, and no message holds a key, a signature, a body or an openid. ``raw`` keeps
the wire fields for the caller and is never printed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any


class TongfuError(Exception):
    """Base of every error this library raises on purpose."""

    def __reduce__(self) -> tuple[Callable[..., TongfuError], tuple[Any, ...]]:
        return _rebuilt, (type(self), self.args, self.__dict__)


def _rebuilt(kind: type[TongfuError], args: tuple[Any, ...], state: dict[str, Any]) -> TongfuError:
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(state)
    return error


class ConfigError(TongfuError):
    """An account, a key or the installation is wrong. Nothing was sent."""


class UnknownAccount(ConfigError):
    """No account of that name was given to Tongfu. Nothing was sent."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        self.name = name
        self.known = tuple(known)
        super().__init__(f"no account is named {name!r}; the accounts are: {', '.join(self.known) or 'none'}")


class UnknownPlatform(ConfigError):
    """No installed distribution provides the platform. Nothing was sent."""

    def __init__(self, platform: str, installed: Iterable[str]) -> None:
        self.platform = platform
        self.installed = tuple(installed)
        super().__init__(
            f"no installed distribution provides the platform {platform!r}; installed: "
            f"{', '.join(self.installed) or 'none'}. Install the distribution that provides it "
            f"(the ones of this project are named tongfu-<platform>)"
        )


class AmbiguousPlatform(ConfigError):
    """Two installed distributions claim one platform, and money must not go to the wrong one."""

    def __init__(self, platform: str, distributions: Iterable[str]) -> None:
        self.platform = platform
        self.distributions = tuple(distributions)
        super().__init__(
            f"more than one distribution claims the platform {platform!r}: {', '.join(self.distributions)}; "
            "uninstall all but the one you trust"
        )


class BrokenProvider(ConfigError):
    """The distribution that provides the platform cannot be loaded; the cause is chained."""

    def __init__(self, platform: str, distribution: str, reason: str) -> None:
        self.platform = platform
        self.distribution = distribution
        super().__init__(f"the provider of {platform!r} (distribution {distribution}) cannot be loaded: {reason}")


class UnsupportedOperation(TongfuError):
    """The platform has no such operation. Nothing was sent."""

    def __init__(self, platform: str, operation: str, supported: Iterable[str]) -> None:
        self.platform = platform
        self.operation = operation
        self.supported = tuple(supported)
        super().__init__(
            f"{platform} does not support {operation}; it supports: {', '.join(self.supported) or 'nothing'}"
        )


class InvalidParams(TongfuError, ValueError):
    """Parameters are wrong or missing. ``problems`` maps each field to what was expected. Nothing was sent."""

    def __init__(self, platform: str, operation: str, problems: Mapping[str, str]) -> None:
        self.platform = platform
        self.operation = operation
        self.problems = dict(problems)
        listed = "; ".join(f"{name}: {problem}" for name, problem in self.problems.items())
        super().__init__(f"{platform} {operation}: {listed}")


class TransportError(TongfuError):
    """
    The network, or a gateway on the way, failed.

    ``sent`` is False when no byte of the request can have reached the platform.
    """

    def __init__(self, message: str, *, sent: bool = True) -> None:
        self.sent = sent
        super().__init__(message)


class OutcomeUnknown(TransportError):
    """
    The request may have been carried out. Query before anything else; keep the same numbers.

    ``code``, ``sub_code`` and ``raw`` are the platform's where it answered that it does not know.
    """

    def __init__(
        self,
        platform: str,
        operation: str,
        reason: str,
        *,
        code: str = "",
        sub_code: str = "",
        raw: Mapping[str, Any] | None = None,
    ) -> None:
        self.platform = platform
        self.operation = operation
        self.code = code
        self.sub_code = sub_code
        self.raw = dict(raw or {})
        super().__init__(
            f"{platform} {operation} may have been carried out: {reason}. Find out before doing anything else: "
            "query it with the same numbers, and never repeat it under new ones"
        )


class CredentialStoreUnavailable(TransportError):
    """What keeps fetched credentials cannot be reached. The call that needs one was not sent."""

    def __init__(self, store: str, reason: str) -> None:
        self.store = store
        super().__init__(
            f"{store}, which keeps the credentials, cannot be reached ({reason}); nothing was sent. Mend "
            "the store, or choose one that goes on without",
            sent=False,
        )


class SignatureError(TongfuError):
    """The answer or notification is not signed by the platform. Use nothing of it."""


class CredentialNeeded(SignatureError):
    """A hook asks the engine for a newer credential *kind*; the caller sees this only where there is none."""

    def __init__(self, kind: str, message: str) -> None:
        self.kind = kind
        super().__init__(message)


class MalformedAnswer(TongfuError):
    """The answer or notification is not what the platform documents. Use nothing of it."""


class UnverifiedOutcome(OutcomeUnknown, SignatureError):
    """The request may have been carried out, and the answer is not signed by the platform."""


class UnreadableOutcome(OutcomeUnknown, MalformedAnswer):
    """The request may have been carried out, and the answer cannot be read."""


class WrongNotice(MalformedAnswer):
    """The notification is authentic but announces something else, such as a payment where a refund is read."""


class NoticeMismatch(MalformedAnswer):
    """The notification is authentic but does not announce the payment that was expected."""

    def __init__(self, out_trade_no: str, fields: Iterable[str]) -> None:
        self.out_trade_no = out_trade_no
        self.fields = tuple(fields)
        super().__init__(
            f"the notification for {out_trade_no} is authentic, but differs from the order in: "
            f"{', '.join(self.fields)}; do not deliver, look at the order"
        )


class PlatformRefused(TongfuError):
    """
    The platform understood the request and refused it.

    ``verified`` is False where the platform does not sign refusals. ``advice`` is the next step
    when the platform's documentation names one.
    """

    def __init__(
        self,
        platform: str,
        code: str,
        sub_code: str = "",
        message: str = "",
        http_status: int = 200,
        request_id: str = "",
        raw: Mapping[str, Any] | None = None,
        *,
        verified: bool = True,
        advice: str = "",
    ) -> None:
        self.platform = platform
        self.code = code
        self.sub_code = sub_code
        self.message = message
        self.http_status = http_status
        self.request_id = request_id
        self.verified = verified
        self.advice = advice
        self.raw = dict(raw or {})
        codes = f"{code} {sub_code}".strip()
        text = f"{platform} refused: {codes}"
        if message:
            text += f": {message}"
        if http_status != 200:
            text += f" (HTTP {http_status})"
        if request_id:
            text += f" (request id {request_id})"
        if advice:
            text += f". {advice}"
        super().__init__(text)


class OrderNotFound(PlatformRefused):
    """The platform has no such order (yet: some exist only once the buyer opens the cashier)."""


class OrderPaid(PlatformRefused):
    """The order is paid already: query it, do not charge again."""


class OrderClosed(PlatformRefused):
    """The order is closed: use a new out_trade_no."""


class OrderConflict(PlatformRefused):
    """The number was used before with other parameters: use the first ones, or a new number."""


class RefundNotFound(PlatformRefused):
    """The platform has no such refund."""


class NotEnough(PlatformRefused):
    """Too little money: the buyer's, or the merchant's for a refund."""


class BillUnavailable(PlatformRefused):
    """No bill of that day: nothing was traded, or it is not ready yet."""


class RateLimited(PlatformRefused):
    """Too many requests: slow down. The request was not carried out."""


class CredentialRejected(PlatformRefused):
    """A key, token or app id is not accepted: check the account."""


class CodeRejected(PlatformRefused):
    """A login or phone code is wrong, too old or used already: ask the client for a new one."""


class PermissionDenied(PlatformRefused):
    """The merchant or app has not been granted this product."""


class PlatformBusy(PlatformRefused):
    """The platform failed for now: repeat with exactly the same parameters."""


class ProviderContractError(TongfuError):
    """A plugin breaks the hook contract: its author's bug, not the caller's."""
