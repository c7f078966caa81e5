from __future__ import annotations

import random
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest

from tongfu import errors, registry
from tongfu.emulator import Emulator

Create = Callable[..., Any]


async def test_settings_are_the_json_line(emu: Emulator) -> None:
    assert emu.settings() == {
        "url": emu.url,
        "https_url": emu.https_url,
        "ca_pem": emu.ca_pem.decode(),
        "control": f"{emu.url}/_emulator",
        "fake": {"app_id": "app-identity", "key": "top-secret-word", "public_key": "public-key-text"},
    }
    assert (emu.url[:17], emu.https_url[:18]) == ("http://127.0.0.1:", "https://127.0.0.1:")


async def test_accounts_bear_the_platforms_name(emu: Emulator, fake_half: Any) -> None:
    accounts = emu.accounts()

    assert {name: account.platform for name, account in accounts.items()} == {"fake": "fake"}


async def first_number(half: Any, seed: int) -> str:
    async with (
        Emulator(halves=[half], seed=seed) as emu,
        aiohttp.ClientSession(emu.url) as client,
        client.post("/orders/create", json={"out_trade_no": "A1"}),
    ):
        return emu.order("A1").transaction_id


async def test_the_same_seed_gives_the_same_numbers(fake_half: Any) -> None:
    numbers = [await first_number(fake_half, seed) for seed in (1, 1, 2)]

    assert numbers[0] == numbers[1] != numbers[2]


async def draws(half: Any, before: int) -> float:
    """What the second platform draws after the first has drawn *before* times."""
    chance: dict[str, random.Random] = {}

    def emulating(platform: str) -> Any:
        def emulate(world: Any) -> Any:
            chance[platform] = world.random
            made = half(world)
            made.platform = platform
            made.routes = lambda: ()
            return made

        return emulate

    async with Emulator(halves=[emulating("a"), emulating("b")]):
        for _ in range(before):
            chance["a"].random()
        return chance["b"].random()


async def test_each_platforms_chance_is_its_own(fake_half: Any) -> None:
    assert await draws(fake_half, 0) == await draws(fake_half, 5)


async def test_reset_is_told_to_a_half_that_keeps_more(fake_half: Any) -> None:
    halves: list[Any] = []

    def emulate(world: Any) -> Any:
        halves.append(fake_half(world))
        return halves[0]

    async with Emulator(halves=[emulate]) as emu:
        await emu.reset()

    assert halves[0].resets == 1


async def test_pay_wants_an_order_that_can_take_it(emu: Emulator, create: Create) -> None:
    await create("A1")
    with pytest.raises(LookupError, match="there is no order A2"):
        await emu.pay("A2")
    with pytest.raises(ValueError, match="an order that is open cannot take cancel"):
        await emu.pay("A1", "cancel")

    assert emu.order("A1").state == "open"


async def test_two_halves_of_one_platform_are_refused(fake_half: Any) -> None:
    with pytest.raises(errors.ConfigError, match="two halves emulate 'fake'"):
        async with Emulator(halves=[fake_half, fake_half]):
            pass


async def test_two_platforms_on_one_path_are_refused_by_name(fake_half: Any) -> None:
    def other(world: Any) -> Any:
        half = fake_half(world)
        half.platform = "other"
        return half

    with pytest.raises(errors.ConfigError, match="fake and other both answer POST /orders/create"):
        async with Emulator(halves=[fake_half, other]):
            pass


async def test_a_half_that_cannot_be_made_leaves_no_port_open(fake_half: Any) -> None:
    async with Emulator(halves=[fake_half]) as emu:
        port = int(emu.url.rpartition(":")[2])

    def broken(world: Any) -> Any:
        raise RuntimeError("no keys today")

    with pytest.raises(RuntimeError, match="no keys today"):
        async with Emulator(halves=[broken], port=port):
            pass
    async with Emulator(halves=[fake_half], port=port) as emu:
        assert emu.url == f"http://127.0.0.1:{port}"


async def test_an_emulator_is_used_once(fake_half: Any) -> None:
    emu = Emulator(halves=[fake_half])
    async with emu:
        pass

    with pytest.raises(RuntimeError, match="make a new one"):
        await emu.__aenter__()


async def test_the_shell_starts_and_stops_in_a_fraction_of_a_second(fake_half: Any) -> None:
    """
    Measured: 25 ms to start, 5 ms to stop; the rest of a second is for the halves' keys.

    Of processor time, so that a busy machine does not matter.
    """
    started = time.process_time()
    async with Emulator(halves=[fake_half]):
        pass

    assert time.process_time() - started < 0.5


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch, fake_half: Any) -> dict[str, Any]:
    """What the entry points of the emulators' group name: a module, or what loading it raises."""
    modules: dict[str, Any] = {"fake": SimpleNamespace(emulate=fake_half)}

    def load(platform: str, group: str) -> Any:
        if platform not in modules:
            raise errors.UnknownPlatform(platform, modules)
        if isinstance(modules[platform], Exception):
            raise modules[platform]
        return modules[platform]

    monkeypatch.setattr(registry, "installed", lambda group: {name: ["dist"] for name in modules})
    monkeypatch.setattr(registry, "load", load)
    return modules


async def test_every_installed_platform_is_emulated_but_the_broken(installed: dict[str, Any]) -> None:
    installed["broken"] = errors.BrokenProvider("broken", "dist", "ImportError: x")
    installed["empty"] = SimpleNamespace()
    async with Emulator() as emu:
        assert list(emu.accounts()) == ["fake"]


@pytest.mark.parametrize("wanted", ["broken", "empty", "unknown"])
def test_a_broken_platform_that_is_asked_for_is_an_error(installed: dict[str, Any], wanted: str) -> None:
    installed["broken"] = errors.BrokenProvider("broken", "dist", "ImportError: x")
    installed["empty"] = SimpleNamespace()
    with pytest.raises(errors.ConfigError, match=wanted):
        Emulator(platforms=["fake", wanted])


def test_no_platform_at_all_is_an_error(installed: dict[str, Any]) -> None:
    installed.clear()
    with pytest.raises(errors.ConfigError, match="no installed distribution emulates a platform"):
        Emulator()
