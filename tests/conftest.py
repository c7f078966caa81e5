"""What every test shares: no waiting between attempts, the same examples each time, aioresponses on today's aiohttp."""

from __future__ import annotations

import inspect
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import stamina
from hypothesis import HealthCheck, settings

# The same examples in every run, on a busy machine too; `--hypothesis-profile=anew` draws others.
settings.register_profile(
    "tongfu",
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.register_profile("anew", settings.get_profile("tongfu"), derandomize=False)
settings.load_profile("tongfu")


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    """As many attempts as in production, without the pauses."""
    with stamina.set_testing(True, attempts=10, cap=True):
        yield


@pytest.fixture(scope="session")
def apart() -> Callable[..., Path]:
    """What pip brings and the environment cannot hold, in a folder of its own that is kept with the environment."""
    return _apart


def _apart(name: str, *wanted: tuple[str, ...]) -> Path:
    """The folder *name*: made by pip's commands, whose last word but the packages says where to."""
    folder = Path(sys.prefix) / "apart" / name
    if not folder.is_dir():
        made = folder.with_name(f"{name}.{os.getpid()}")
        # Where an environment has no pip of its own, that of the Python it was made from serves it.
        base = getattr(sys, "_base_executable", sys.executable)
        pips = ([sys.executable, "-m", "pip"], [base, "-m", "pip", "--python", sys.executable])
        pip = next(pip for pip in pips if subprocess.run([*pip, "--version"], check=False).returncode == 0)
        for command, where, *packages in wanted:
            line = [*pip, command, "-qq", "--disable-pip-version-check", where, str(made), *packages]
            subprocess.run(line, check=True, env={**os.environ, "PIP_USER": "0"})
        try:
            made.rename(folder)
        except OSError:  # another process was faster
            shutil.rmtree(made)
    return folder


NOTHING_SENT: Any = SimpleNamespace(output_size=0)


@pytest.fixture
def mocked(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """aioresponses, in place of aiohttp's network. Only for tests of the transport."""
    import aiohttp
    from aioresponses import core

    if "stream_writer" in inspect.signature(aiohttp.ClientResponse.__init__).parameters:
        # aioresponses 0.7.9 cannot build a response on aiohttp >= 3.14: pnuckowski/aioresponses#289.
        class Response(aiohttp.ClientResponse):
            def __init__(self, *args: Any, stream_writer: Any = None, **kwargs: Any) -> None:
                super().__init__(*args, stream_writer=stream_writer or NOTHING_SENT, **kwargs)

        monkeypatch.setattr(core, "ClientResponse", Response)
    with core.aioresponses() as mock:
        yield mock
