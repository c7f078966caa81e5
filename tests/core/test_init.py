from __future__ import annotations

import ast
import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import tongfu

# These two are features with extras and tests of their own.
FEATURES = ("emulator", "web")


def imported(program: str) -> set[str]:
    """The modules that a fresh interpreter has after *program*."""
    done = subprocess.run(
        [sys.executable, "-c", f"{program}\nimport json, sys; print(json.dumps(sorted(sys.modules)))"],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_importing_tongfu_imports_nothing_that_costs() -> None:
    modules = imported("import tongfu")

    assert modules & {"aiohttp", "marshmallow", "pluggy", "cryptography", "structlog", "asyncio", "stamina"} == set()
    assert {name for name in modules if name.startswith("tongfu")} == {"tongfu"}


@pytest.mark.parametrize("program", ["import tongfu.testing", "import tongfu; tongfu.testing.FakeTransport"])
def test_testing_needs_no_pytest_until_the_contract_is_wanted(program: str) -> None:
    assert imported(program) & {"pytest", "hypothesis", "aiohttp"} == set()


def test_a_facade_over_another_transport_needs_no_aiohttp() -> None:
    modules = imported("import tongfu; tongfu.Tongfu({}, transport=tongfu.testing.FakeTransport())")

    assert modules & {"aiohttp", "pytest", "cryptography"} == set()


@pytest.mark.parametrize("name", [name for name in tongfu.__all__ if name not in FEATURES])
def test_every_public_name_resolves(name: str) -> None:
    first = getattr(tongfu, name)

    assert first is getattr(tongfu, name)
    assert first is not None


def test_public_names_are_said_once_each_and_in_order() -> None:
    tree = ast.parse(Path(tongfu.__file__).read_text(encoding="utf-8"))
    (typed,) = [node for node in tree.body if isinstance(node, ast.If)]
    names = {alias.name for node in typed.body if isinstance(node, ast.ImportFrom) for alias in node.names}

    assert tongfu.__all__ == sorted(tongfu.__all__)
    assert set(tongfu.__all__) == set(tongfu._HOME) | set(tongfu._MODULES)
    assert names <= set(tongfu.__all__)
    assert set(tongfu.__all__) - names <= set(FEATURES)
    assert dir(tongfu) == tongfu.__all__


def test_each_home_is_where_the_name_is_defined() -> None:
    strays = {
        name: home
        for name, home in tongfu._HOME.items()
        if name != "hookimpl" and getattr(tongfu, name).__module__ != f"tongfu.{home}"
    }

    assert strays == {}


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'tongfu' has no attribute 'tongfu_refund'"):
        tongfu.tongfu_refund  # noqa: B018 - looking is the test
    with pytest.raises(ImportError):
        import_module("tongfu.tongfu_refund")
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        tongfu.testing.nothing  # noqa: B018 - looking is the test
