"""Tongfu: many named accounts, one engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self, TypeVar, overload

from . import registry
from .call import Account, Call, Context, Credential, Notification, Opens
from .engine import UNREADABLE, Engine, Transport, random_nonce, utc_now
from .errors import ConfigError, MalformedAnswer, TongfuError, UnknownAccount, UnknownPlatform, UnsupportedOperation
from .payments import PARAMS, AccountPayments, Payments, read
from .provider import Provider

if TYPE_CHECKING:
    import aiohttp

    from .credentials import Store

C = TypeVar("C")
R = TypeVar("R")
A = TypeVar("A")


class Opened:
    """What ``Tongfu.open`` gives for an account that brings no object of its own: its payments."""

    def __init__(self, caller: BoundCaller) -> None:
        self.payment = AccountPayments(caller.payment)


class Tongfu:
    """
    One facade over any number of named accounts.

    :param accounts: names of your choice, each with its provider's account.
    :param session: an aiohttp session to send through; it is never closed here.
    :param plugins: extensions such as audit, metrics or caps, each for every platform, or a pair of
        a platform and a plugin for that one. Only what is passed here extends a provider.
    :param credential_store: where fetched credentials are kept; in this process by default.
    :param clock: the current time, with a zone.
    :param transport: sends in the place of aiohttp, as in a test.
    :raises ConfigError: an account's platform is not installed, claimed twice, or broken.
    """

    def __init__(
        self,
        accounts: Mapping[str, Account],
        *,
        session: aiohttp.ClientSession | None = None,
        plugins: Iterable[object] = (),
        credential_store: Store | None = None,
        clock: Callable[[], datetime] = utc_now,
        nonce: Callable[[], str] = random_nonce,
        transport: Transport | None = None,
    ) -> None:
        # The client's and the keeper's modules are imported with the first client, not with tongfu.
        from .credentials import Keeper, MemoryStore  # noqa: PLC0415

        if transport is None:
            from .transport import AiohttpTransport  # noqa: PLC0415

            transport = AiohttpTransport(session)
        elif session is not None:
            raise ConfigError("pass a session or a transport, not both")
        self._transport = transport
        self._plugins = tuple(plugins)
        for plugin in self._plugins:
            if isinstance(plugin, tuple) and len(plugin) != 2:
                raise ConfigError("a tuple in plugins is a pair: a platform's name and a plugin for that one")
            # A cap for a platform of a misspelled name would never be asked.
            if isinstance(plugin, tuple) and plugin[0] not in registry.installed():
                raise UnknownPlatform(plugin[0], registry.installed())
        self._providers: dict[str, Provider] = {}
        self._keeper = Keeper(MemoryStore() if credential_store is None else credential_store, clock)
        self._engine = Engine(transport, self._keeper, clock=clock, nonce=nonce)
        self._callers = {
            name: BoundCaller(
                self._engine, self._provider(_checked(f"the account {name!r}", account).platform), name, account
            )
            for name, account in accounts.items()
        }
        self.payment = Payments(self._by_name)

    @classmethod
    def from_config(cls, config: Mapping[str, Mapping[str, Any]], **options: Any) -> Self:
        """
        Build the accounts from plain data: ``{"shop": {"platform": "…", "app_id": "…", …}}``.

        :param options: as for Tongfu itself.
        :raises ConfigError: an unknown or missing key, named; never the value.
        """
        accounts = {}
        for name, settings in config.items():
            if not isinstance(settings, Mapping) or not isinstance(settings.get("platform"), str):
                raise ConfigError(
                    f"{name}: expected a mapping with a platform, such as {{'platform': '…', 'app_id': '…'}}"
                )
            platform = settings["platform"]
            schema = registry.shared_provider(platform).account_schema()
            if schema is None:
                raise ConfigError(f"{name}: the provider of {platform!r} makes no accounts of plain data")
            accounts[name] = schema.build(name, {key: value for key, value in settings.items() if key != "platform"})
        return cls(accounts, **options)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close what was opened here. An injected session or credential store stays open."""
        await self._keeper.close()
        await self._transport.close()

    def operations(self, name: str) -> tuple[str, ...]:
        """The payment operations that the account's platform supports."""
        return self._caller(name).provider.operations

    @overload
    def open(self, account: Opens[C]) -> C: ...
    @overload
    def open(self, account: str) -> Any: ...
    def open(self, account: Opens[C] | str) -> C | Any:
        """
        One platform's own object: ``.payment`` and whatever else it has.

        Typed when opened with an account; by name it is that name's account.
        """
        if isinstance(account, str):
            caller = self._caller(account)
        else:
            name, bound = self._name_of(account), _checked("the account to open", account)
            caller = BoundCaller(self._engine, self._provider(bound.platform), name, bound)
        opens = getattr(caller.account, "open", None)
        return opens(caller) if opens is not None else Opened(caller)

    async def _by_name(self, name: str, operation: str, params: object) -> Any:
        return await self._caller(name).payment(operation, params)

    def _caller(self, name: str) -> BoundCaller:
        caller = self._callers.get(name)
        if caller is None:
            raise UnknownAccount(name, self._callers)
        return caller

    def _name_of(self, account: Account) -> str:
        names = (name for name, caller in self._callers.items() if caller.account is account)
        return next(names, str(_platform(account)))

    def _provider(self, platform: str) -> Provider:
        provider = self._providers.get(platform)
        if provider is None:
            extensions = [
                plugin[1] if isinstance(plugin, tuple) else plugin
                for plugin in self._plugins
                if not isinstance(plugin, tuple) or plugin[0] == platform
            ]
            provider = registry.load_provider(platform) if extensions else registry.shared_provider(platform)
            for extension in extensions:
                provider.extend(extension)
            self._providers[platform] = provider
        return provider


@dataclass(frozen=True, slots=True)
class BoundCaller:
    """The engine for one account: what ``account.open`` gets."""

    engine: Engine
    provider: Provider
    name: str
    account: Account

    async def run(self, operation: str, begin: Callable[[Context], Call[R] | R]) -> R:
        return await self.engine.run(self.provider, self.name, self.account, operation, begin)

    async def credential(self, kind: str) -> Credential:
        return await self.engine.credential(self.provider, self.account, kind)

    def now(self) -> datetime:
        return self.engine.clock()

    async def payment(self, operation: str, params: object) -> Any:
        provider, account = self.provider, self.account
        if operation not in provider.operations:
            raise UnsupportedOperation(provider.platform, operation, provider.operations)
        if isinstance(params, Notification):
            return await self.engine.run(
                provider, self.name, account, operation, lambda ctx: _guarded(provider, operation, account, params, ctx)
            )
        if not isinstance(params, Mapping) or operation not in PARAMS:
            raise ConfigError(f"{operation} takes a tongfu.Notification, not {type(params).__name__}")
        return await self.engine.run(
            provider,
            self.name,
            account,
            operation,
            lambda ctx: read(
                provider.platform, operation, params, lambda p: provider.begin(operation, account, p, ctx)
            ),
        )


def _platform(account: object) -> object:
    return getattr(account, "platform", None)


def _checked(what: str, account: A) -> A:
    if not isinstance(_platform(account), str):
        raise ConfigError(
            f"{what} is a {type(account).__name__}, not an account of a platform; "
            "plain settings go through Tongfu.from_config"
        )
    return account


def _guarded(provider: Provider, operation: str, account: Account, notify: Notification, ctx: Context) -> Any:
    """Whatever an attacker sends, the caller's handler meets our errors only."""
    try:
        return provider.begin(operation, account, notify, ctx)
    except TongfuError:
        raise
    except UNREADABLE as exc:
        raise MalformedAnswer(f"{provider.platform}: the notification cannot be read ({type(exc).__name__})") from exc
