"""The emulator: one http and one https origin that every emulated platform answers on."""

from __future__ import annotations

import asyncio
import random
import re
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

from aiohttp import web

from tongfu import log, registry
from tongfu.call import Account
from tongfu.errors import AmbiguousPlatform, BrokenProvider, ConfigError

from . import control
from .certificates import Authority, server_context
from .clock import EmulatorClock, Settling
from .delivery import Attempt, Corruption, Postman, SentNotification
from .endpoints import BODY_LIMIT, Endpoints
from .exchanges import Exchange, Exchanges, Secrets
from .faults import Fault, Faults
from .half import Delivery, Emulate, EmulatedOrder, Forgets, Half, Route
from .state import StateFile
from .world import HalfWorld, Ledger

if TYPE_CHECKING:
    from .scenario import Scenario, Step


class Emulator:
    """
    The platforms' side, on loopback, while the ``async with`` lasts.

    :param port: of the http origin; 0 takes a free one, as the https origin always does.
    :param seed: chance: the same seed and the same requests give the same numbers. Keys are always new.
    :param start: what the clock shows at first; now by default.
    :param frozen: the clock moves only by ``clock.advance``.
    :param platforms: emulate these only; by default all that are installed.
    :param halves: emulate these instead of installed ones.
    :param state_file: goes on with the orders, refunds, notifications, clock and seed of this file, and
        keeps them there. Keys, logins and tokens are new each time.
    :param scenario: what happens by itself: a TOML or JSON file, or its steps as plain data.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        seed: int = 0,
        start: datetime | None = None,
        frozen: bool = False,
        platforms: Sequence[str] | None = None,
        halves: Sequence[Emulate] | None = None,
        state_file: str | Path | None = None,
        scenario: str | Path | Sequence[Any] | None = None,
    ) -> None:
        self.host = host
        self.clock = EmulatorClock(start, frozen=frozen)
        self.url = ""
        self.https_url = ""
        self.ca_pem = b""
        self._port = port
        self._plan = _plan(scenario)
        self._scenario: Scenario | None = None
        self._state = StateFile(Path(state_file)) if state_file is not None else None
        self._seed = seed if self._state is None or self._state.seed is None else self._state.seed
        self._emulates = _emulates(platforms) if halves is None else dict[object, Emulate](enumerate(halves))
        self._halves: dict[str, Half] = {}
        self._routes: list[Route] = []
        self._worlds: list[tuple[HalfWorld, str]] = []
        self._ledger = Ledger(self.clock)
        self._faults = Faults()
        self._exchanges = Exchanges(Secrets())
        self._postman = Postman(self.clock, self._strikes)
        self._closing = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self.clock.settles(self.settle)

    async def __aenter__(self) -> Self:
        if self._runner is not None:
            raise RuntimeError("this emulator is, or was, in use: make a new one")
        plain, tls = self._bind(self._port), self._bind(0)
        try:
            await self._begin(plain, tls)
        except BaseException:
            await self._end()
            plain.close()
            tls.close()
            raise
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._end()

    async def _begin(self, plain: socket.socket, tls: socket.socket) -> None:
        self.url, self.https_url = self._origin("http", plain), self._origin("https", tls)
        authority, clients = Authority.new("tongfu emulator CA"), Authority.new("tongfu emulator client CA")
        self.ca_pem = authority.pem
        self._worlds = [(self._world(clients, name), f"{self._seed}:{name}") for name in self._emulates]
        # In threads: making RSA keys takes most of the start, and it leaves the interpreter to others meanwhile.
        made = await asyncio.gather(
            *(
                asyncio.to_thread(emulate, world)
                for emulate, (world, _) in zip(self._emulates.values(), self._worlds, strict=True)
            )
        )
        for half in made:
            if half.platform in self._halves:
                raise ConfigError(f"two halves emulate {half.platform!r}")
            self._halves[half.platform] = half
            self._exchanges.secrets.learn(half.settings())
        self._resume()
        # A client that goes cancels its handler: a request held unanswered must not outlive it.
        self.served = self._application()
        self._runner = web.AppRunner(self.served, handler_cancellation=True, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.SockSite(self._runner, plain).start()
        await web.SockSite(self._runner, tls, ssl_context=server_context(authority, clients, self.host)).start()
        self.clock.catch_up()
        if self._plan:
            from .scenario import Scenario  # noqa: PLC0415 - for who has one

            self._scenario = Scenario(self, self._plan)
            await self._scenario.start()

    async def _end(self) -> None:
        self._closing.set()
        self.clock.stop()
        if self._scenario is not None:
            await self._scenario.stop()
        if self._state is not None and self._runner is not None:
            self._keep()
            self._postman.changed = lambda: None
        await self._postman.close()
        if self._runner is not None:
            await self._runner.cleanup()

    def _resume(self) -> None:
        """Go on where the state file's emulator ended, and see that the file can be written."""
        if self._state is None:
            return
        self._state.restore(self.clock, self._ledger, self._halves, self._postman)
        for world, seed in self._worlds:
            # Other chance than the last time: the ids that it would give again are taken.
            world.random.seed(seed + self._state.text)
        self._keep()
        self._postman.changed = self._keep

    def _keep(self) -> None:
        if self._state is not None:
            self._state.keep(self._seed, self.clock, self._ledger, self._postman)

    @web.middleware
    async def _keeping(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """What an answer says is on disk before the answer goes out."""
        try:
            return await handler(request)
        finally:
            self._keep()

    def accounts(self) -> dict[str, Account]:
        """One account for each platform, under the platform's name, ready for ``Tongfu``."""
        return {platform: half.account() for platform, half in self._halves.items()}

    def settings(self) -> dict[str, Any]:
        """What ``tongfu emulate --json`` prints: addresses, and each platform's keys and ids."""
        return {
            "url": self.url,
            "https_url": self.https_url,
            "ca_pem": self.ca_pem.decode(),
            "control": self.url + control.PREFIX,
            **{platform: dict(half.settings()) for platform, half in self._halves.items()},
        }

    def routes(self) -> list[Route]:
        """Every route of every half."""
        return list(self._routes)

    def orders(self, platform: str | None = None) -> list[EmulatedOrder]:
        """A platform's orders, or all, oldest first."""
        return self._ledger.orders(platform)

    def order(self, out_trade_no: str, platform: str | None = None) -> EmulatedOrder:
        """
        One order.

        :raises LookupError: there is none, or several platforms have one and none was named.
        """
        return self._ledger.find(out_trade_no, platform)

    async def pay(self, out_trade_no: str, outcome: str = "success", platform: str | None = None) -> EmulatedOrder:
        """
        The buyer's part: success, not_enough, cancel, userpaying, expire.

        Where that notifies the merchant, the first attempt is over when this ends, unless it takes
        longer than five seconds.

        :raises LookupError: as for ``order``.
        :raises ValueError: the order cannot take that outcome now.
        """
        order = self.pay_now(out_trade_no, outcome, platform)
        await self._postman.delivered(out_trade_no)
        return order

    def pay_now(self, out_trade_no: str, outcome: str = "success", platform: str | None = None) -> EmulatedOrder:
        """As ``pay``, without waiting for the notification."""
        order = self._ledger.find(out_trade_no, platform)
        self._halves[order.platform].pay(order, outcome)
        return order

    @property
    def notifications(self) -> list[SentNotification]:
        """Every notification, oldest first."""
        return list(self._postman.notifications)

    async def redeliver(self, id: str, corrupt: Corruption | None = None, times: int = 1) -> list[Attempt]:  # noqa: A002 - the control route's word
        """
        Deliver a notification once more, now, *times* in a row; broken on purpose where *corrupt* says how.

        :raises LookupError: there is no such notification.
        :raises ValueError: no such corruption, or times is not 1 to 100.
        """
        return await self._postman.redeliver(id, corrupt, times)

    async def settle(self) -> None:
        """Wait until no notification and no step of the scenario is under way or due."""
        await self._postman.settle()
        while self._scenario is not None and not self._scenario.idle:
            await self._scenario.settle()
            await self._postman.settle()

    @property
    def scenario(self) -> list[Step]:
        """The scenario's steps, and what became of each."""
        return list(self._scenario.steps) if self._scenario is not None else []

    def fault(
        self,
        fault: str,
        *,
        path: str | None = None,
        nth: int | None = None,
        out_trade_no: str | None = None,
        times: int = 1,
        match: Mapping[str, Any] | None = None,
    ) -> Fault:
        """
        Let something go wrong, *times* in a row from the *nth* match on.

        :param fault: timeout_before, timeout_after_commit, reset, status:NNN, truncate, slow:SECONDS,
            bad_signature, no_signature, unknown_serial, signtest; lose_notification, duplicate_notification.
        :param path: a glob over the request's path, or over the notify_url's.
        :param match: ``path``, ``nth`` and ``out_trade_no`` together, as the control route takes them.
        :raises ValueError: no such fault, or a matcher that cannot match.
        """
        matchers = {"path": path, "nth": nth, "out_trade_no": out_trade_no}
        if unknown := [str(name) for name in match or {} if name not in matchers]:
            raise ValueError(f"unknown: {', '.join(unknown)}; there are: {', '.join(matchers)}")
        return self._faults.add(fault, **{**matchers, **(match or {})}, times=times)

    @property
    def faults(self) -> list[Fault]:
        """The faults that wait."""
        return self._faults.waiting()

    def clear_faults(self) -> None:
        self._faults.clear()

    @property
    def exchanges(self) -> list[Exchange]:
        """The latest thousand requests to the platforms, oldest first, without secrets."""
        return self._exchanges.kept()

    def reset(self) -> Settling:
        """
        Forget orders, notifications, faults and exchanges; set the clock and chance back. Keys stay.

        Await the answer to have deliveries that were under way ended.
        """
        self._postman.clear()
        self._ledger.clear()
        self._faults.clear()
        self._exchanges.clear()
        self.clock.reset()
        for world, seed in self._worlds:
            world.random.seed(seed)
        for half in self._halves.values():
            if isinstance(half, Forgets):
                half.reset()
        return Settling(self.settle)

    def _world(self, clients: Authority, name: object) -> HalfWorld:
        return HalfWorld(
            clock=self.clock,
            random=random.Random(f"{self._seed}:{name}"),  # noqa: S311 - numbers of a simulation, to be repeatable
            origin=self.url,
            https_origin=self.https_url,
            ca_pem=self.ca_pem,
            ledger=self._ledger,
            clients=clients,
            post=self._postman.post,
        )

    def _strikes(self, delivery: Delivery) -> Fault | None:
        path = re.sub(r"^[a-z]+://[^/?#]*|[?#].*$", "", delivery.url, flags=re.DOTALL | re.IGNORECASE)
        return self._faults.strike(path, [delivery.out_trade_no], lambda number: [number], notifies=True)

    def _application(self) -> web.Application:
        endpoints = Endpoints(self.clock, self._ledger, self._faults, self._exchanges, self._closing)
        keeping = [self._keeping] if self._state is not None else []
        application = web.Application(client_max_size=BODY_LIMIT, middlewares=keeping)
        add = application.router.add_route
        for operation in control.OPERATIONS:
            add(operation.method, control.PREFIX + operation.path, control.handler(self, operation))
        owners: dict[tuple[str, str], str] = {}
        for half in self._halves.values():
            for route in half.routes():
                owner = owners.setdefault((route.method, route.path), half.platform)
                if owner != half.platform:
                    raise ConfigError(f"{owner} and {half.platform} both answer {route.method} {route.path}")
                self._routes.append(route)
                add(route.method, route.path, self._handler(endpoints, half, route))
        add("*", control.PREFIX + "{rest:(?:/.*)?}", control.nothing)
        add("*", "/{rest:.*}", endpoints.unknown)
        return application

    def _handler(
        self, endpoints: Endpoints, half: Half, route: Route
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        if route.path.startswith(f"{control.PREFIX}/"):
            return control.platform_handler(self, route)

        async def serve(request: web.Request) -> web.StreamResponse:
            return await endpoints.serve(half, route, request)

        return serve

    def _bind(self, port: int) -> socket.socket:
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        return socket.create_server((self.host, port), family=family, backlog=128)

    def _origin(self, scheme: str, bound: socket.socket) -> str:
        # Nothing can be sent to "every address": this machine's own stands for it.
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 - compared, not bound
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{bound.getsockname()[1]}"


def _plan(scenario: str | Path | Sequence[Any] | None) -> list[Step]:
    """:raises ConfigError: naming the step that is wrong."""
    if scenario is None:
        return []
    from .scenario import load, steps  # noqa: PLC0415 - for who has one

    return load(Path(scenario)) if isinstance(scenario, str | Path) else steps(scenario)


def _emulates(platforms: Sequence[str] | None) -> dict[object, Emulate]:
    """
    The installed halves' functions. One that is broken stops only those who ask for it by name.

    :raises ConfigError: a wanted platform has no working emulator, or there is none at all.
    """
    emulates: dict[object, Emulate] = {}
    for platform in registry.installed(registry.EMULATORS) if platforms is None else platforms:
        try:
            emulates[platform] = _emulate(platform)
        except (AmbiguousPlatform, BrokenProvider) as exc:
            if platforms is not None:
                raise
            log.warning("tongfu.emulator_broken", platform=platform, reason=str(exc))
    if not emulates:
        raise ConfigError("no installed distribution emulates a platform; install a provider, such as tongfu-…")
    return emulates


def _emulate(platform: str) -> Emulate:
    emulate = getattr(registry.load(platform, registry.EMULATORS), "emulate", None)
    if not callable(emulate):
        raise BrokenProvider(platform, registry.EMULATORS, "its entry point has no function emulate(world)")
    return cast("Emulate", emulate)
