from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.request import urlopen

import pytest
from click.testing import CliRunner

from tongfu import errors, registry
from tongfu.cli.commands import tongfu

# A half that serves nothing, installed for one process; then the command itself.
SERVE = """
import sys
from types import SimpleNamespace
from tongfu import registry
half = SimpleNamespace(platform="fake", routes=lambda: (), settings=lambda: {"app_id": "a1"}, account=lambda: None)
registry.installed = lambda group=None: {"fake": ["tongfu-fake"]}
registry.load = lambda platform, group=None: SimpleNamespace(emulate=lambda world: half)
from tongfu.cli import main
sys.argv = ["tongfu", *sys.argv[1:]]
main()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_emulate_prints_one_line_serves_and_stops(number: signal.Signals) -> None:
    started = time.perf_counter()
    command = [sys.executable, "-c", SERVE, "emulate", "--json", "--seed", "7"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as served:
        assert served.stdout is not None
        assert served.stderr is not None
        settings = json.loads(served.stdout.readline())
        elapsed = time.perf_counter() - started
        with urlopen(f"{settings['control']}/orders") as response:
            orders = json.load(response)
        served.send_signal(number)
        rest, said = served.stdout.read(), served.stderr.read()
        code = served.wait(timeout=20)

    assert sorted(settings) == ["ca_pem", "control", "fake", "https_url", "url"]
    assert (settings["fake"], orders) == ({"app_id": "a1"}, {"orders": []})
    assert (rest, said, code) == ("", "", 0)
    assert elapsed < 10  # it takes 0.5 s alone; the machine may be busy


def test_emulate_takes_a_state_file_and_a_scenario(tmp_path: Path) -> None:
    state, scenario = tmp_path / "state.json", tmp_path / "scenario.json"
    scenario.write_text('[{"fault": {"fault": "reset"}}, {"advance": 3600}]')
    command = [sys.executable, "-c", SERVE, "emulate", "--json", "--state", str(state), "--scenario", str(scenario)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as served:
        assert served.stdout is not None
        settings = json.loads(served.stdout.readline())
        with urlopen(f"{settings['control']}/faults") as response:
            faults = json.load(response)["faults"]
        served.terminate()
        code = served.wait(timeout=20)

    assert (["reset"], 0) == ([fault["fault"] for fault in faults], code)
    assert 3599 <= json.loads(state.read_text())["offset"] <= 3601


@pytest.mark.parametrize(("option", "said"), [("--state", "delete the file"), ("--scenario", "a list of steps")])
def test_a_file_that_is_no_state_and_no_scenario_is_named(option: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "wrong.json"
    file.write_text("5")
    command = [sys.executable, "-c", SERVE, "emulate", option, str(file)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (1, "") == (result.returncode, result.stdout)
    assert said in " ".join(result.stderr.split())
    assert "Traceback" not in result.stderr


def test_emulate_for_people_names_the_addresses() -> None:
    command = [sys.executable, "-c", SERVE, "emulate"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | {"COLUMNS": "100"}) as served:
        assert served.stdout is not None
        lines = []
        for line in served.stdout:
            lines.append(line)
            if "Stop with Ctrl-C" in line:
                break
        served.send_signal(signal.SIGINT)
        code = served.wait(timeout=20)
    text = "".join(lines)

    assert code == 0
    assert [
        word for word in ("http://127.0.0.1:", "https://127.0.0.1:", "/_emulator", "fake") if word not in text
    ] == []


def test_emulate_says_why_it_cannot_listen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "installed", lambda group=None: {"fake": ["dist"]})
    monkeypatch.setattr(registry, "load", lambda platform, group=None: SimpleNamespace(emulate=lambda world: None))
    result = CliRunner().invoke(tongfu, ["emulate", "--host", "192.0.2.1", "--port", "9"])

    assert result.exit_code == 1
    assert result.output.startswith("Error: cannot listen on 192.0.2.1 port 9: ")


def test_emulate_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "installed", lambda group=None: {})
    result = CliRunner().invoke(tongfu, ["emulate"])

    assert result.exit_code == 1
    assert result.output.startswith("Error: no installed distribution emulates a platform")


def test_emulate_refuses_a_port_that_is_none() -> None:
    result = CliRunner().invoke(tongfu, ["emulate", "--port", "70000"])

    assert (result.exit_code, "--port" in result.output) == (2, True)


@pytest.fixture
def claims(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    providers: dict[str, Any] = {"good": SimpleNamespace(operations=("refund", "order_query"))}
    broken = {"bad": errors.BrokenProvider("bad", "tongfu-bad", "ImportError: x")}
    groups = {
        registry.PROVIDERS: {"bad": ["tongfu-bad"], "good": ["tongfu-good"]},
        registry.EMULATORS: {"good": ["tongfu-good"]},
    }
    monkeypatch.setattr(registry, "installed", lambda group=registry.PROVIDERS: groups[group])
    monkeypatch.setattr(registry, "load_all", lambda: (providers, broken))
    return {"groups": groups, "broken": broken}


def rows(output: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("│┃").split("│")] for line in output.splitlines() if "│" in line]


def test_platforms_tells_who_provides_what_and_what_is_broken(claims: dict[str, Any]) -> None:
    result = CliRunner().invoke(tongfu, ["platforms"], env={"COLUMNS": "200"})
    bad, good = rows(result.output)

    assert result.exit_code == 1
    assert good == ["good", "tongfu-good", "yes", "refund, order_query"]
    assert bad[:3] == ["bad", "tongfu-bad", "no"]
    assert bad[3].startswith("broken: ")


def test_platforms_is_content_when_none_is_broken(claims: dict[str, Any]) -> None:
    claims["broken"].clear()
    del claims["groups"][registry.PROVIDERS]["bad"]
    result = CliRunner().invoke(tongfu, ["platforms"], env={"COLUMNS": "200"})

    assert (result.exit_code, len(rows(result.output))) == (0, 1)


def test_platforms_says_when_there_is_none(claims: dict[str, Any]) -> None:
    claims["groups"][registry.PROVIDERS].clear()
    result = CliRunner().invoke(tongfu, ["platforms"])

    assert (result.exit_code, "no platform is installed" in result.output) == (1, True)


@pytest.mark.parametrize("missing", ["click", "rich"])
def test_a_missing_extra_is_named(missing: str) -> None:
    code = (
        f"import sys; sys.modules[{missing!r}] = None; sys.argv = ['tongfu', 'platforms']; "
        "from tongfu.cli import main; main()"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == (
        f"tongfu: the command line needs {missing}, which is not installed: pip install 'tongfu[cli]'\n"
    )


def test_the_entry_point_imports_no_click() -> None:
    code = "import sys, tongfu.cli; print(sorted({'click', 'rich', 'aiohttp'} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert result.stdout == "[]\n"
