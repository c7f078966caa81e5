from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

import tongfu
from tongfu import registry
from tongfu.emulator import Emulator
from tongfu.hookspecs import hookimpl
from tongfu.testing import pytest_plugin

fixtures = pytest_plugin.__name__


class Account:
    platform = "fake"
    timeout = 5.0
    scope = "fake"


class Plugin:
    @hookimpl
    def tongfu_sign(self) -> str:
        return "signed"

    @hookimpl
    def tongfu_verify(self) -> bool:
        return False

    @hookimpl
    def tongfu_encode_request(self) -> None:
        return None

    @hookimpl
    def tongfu_decode_response(self) -> None:
        return None


@pytest.fixture(autouse=True)
def platform(monkeypatch: pytest.MonkeyPatch) -> None:
    half = SimpleNamespace(platform="fake", routes=lambda: (), settings=dict, account=Account)
    monkeypatch.setattr(registry, "installed", lambda group: {"fake": ["dist"]})
    named = {registry.PROVIDERS: Plugin(), registry.EMULATORS: SimpleNamespace(emulate=lambda world: half)}
    monkeypatch.setattr(registry, "load", lambda name, group=registry.PROVIDERS: named[group])


async def test_the_fixtures_give_a_facade_on_an_emulator(tongfu_emulator: Emulator, tongfu_facade: Any) -> None:
    assert list(tongfu_emulator.accounts()) == ["fake"]
    assert isinstance(tongfu_facade, tongfu.Tongfu)
    assert tongfu_facade.operations("fake") == ()


async def test_the_facade_lives_by_the_emulators_clock(tongfu_emulator: Emulator, tongfu_facade: Any) -> None:
    assert tongfu_facade._engine.clock is tongfu_emulator.clock


def test_loading_the_plugin_imports_neither_aiohttp_nor_the_emulator() -> None:
    code = f"import sys, {fixtures}; print(sorted({{'aiohttp', 'cryptography', 'tongfu.emulator'}} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert result.stdout == "[]\n"
