"""Real distributions of third parties, installed as pip leaves them, and once by pip itself."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tongfu import ConfigError, Order, Tongfu, registry
from tongfu.errors import AmbiguousPlatform, BrokenProvider, ProviderContractError, UnknownPlatform
from tongfu.testing import FakeTransport

TEMPLATE = Path(__file__).resolve().parents[2] / "examples" / "provider_template"
Install = Callable[..., Path]


def test_a_third_partys_platform_is_found(install: Install) -> None:
    install("acme-toy", "toy")

    assert registry.installed()["toy"] == ["acme-toy"]
    assert registry.load_provider("toy").operations == ("order_query", "refund", "verify_payment_notify")


def test_an_impostor_takes_no_platform_over(install: Install) -> None:
    install("acme-toy", "toy")
    install("impostor", "toy")

    assert registry.installed()["toy"] == ["acme-toy", "impostor"]
    with pytest.raises(AmbiguousPlatform) as caught:
        registry.load_provider("toy")
    assert caught.value.distributions == ("acme-toy", "impostor")
    assert str(caught.value) == (
        "more than one distribution claims the platform 'toy': acme-toy, impostor; uninstall all but the one you trust"
    )


def test_an_impostor_that_comes_later_is_seen_too(install: Install) -> None:
    """What was found once is kept, but only while the path's folders stay as they were."""
    place = install("acme-toy", "toy")
    assert registry.load_provider("toy").platform == "toy"
    os.utime(place, (0, 0))  # so that the clock's grain hides nothing

    install("impostor", "toy", folder="acme-toy")
    with pytest.raises(AmbiguousPlatform):
        registry.load_provider("toy")


def test_a_distribution_that_pip_had_half_installed_is_found_afterwards(install: Install) -> None:
    place = install("acme-toy", "toy")
    entry_points = place / "acme_toy-9.9.dist-info" / "entry_points.txt"
    written = entry_points.read_text()
    entry_points.write_text("")
    with pytest.raises(UnknownPlatform):
        registry.load_provider("toy")

    entry_points.write_text(written)

    assert registry.load_provider("toy").platform == "toy"


def test_clients_share_a_provider_only_where_nothing_extends_it(install: Install) -> None:
    install("acme-toy", "toy")
    bare, again = registry.shared_provider("toy"), registry.shared_provider("toy")
    own = registry.load_provider("toy")

    assert bare is again
    assert own is not bare


def test_an_impostors_code_is_not_even_imported(install: Install, tmp_path: Path) -> None:
    install("acme-toy", "toy")
    install("impostor-2", "toy", f"open({str(tmp_path / 'ran')!r}, 'w')")
    with pytest.raises(AmbiguousPlatform):
        registry.load_provider("toy")

    assert not (tmp_path / "ran").exists()


def test_one_distribution_twice_on_the_path_is_one(install: Install) -> None:
    """As an editable install beside a wheel."""
    install("acme-toy", "toy", folder="first")
    install("acme-toy", "toy", folder="second")

    assert registry.installed()["toy"] == ["acme-toy"]
    assert registry.load_provider("toy").platform == "toy"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("raise RuntimeError('I am broken')", "RuntimeError: I am broken"),
        ("import no_such_module_anywhere", "ModuleNotFoundError: No module named 'no_such_module_anywhere'"),
        ("def", "SyntaxError"),
        ("raise SystemExit(3)", "SystemExit: 3"),
    ],
)
def test_a_broken_provider_stops_only_those_who_ask_for_it(
    install: Install, caplog: pytest.LogCaptureFixture, source: str, reason: str
) -> None:
    digest = hashlib.sha256(source.encode()).hexdigest()[:8]
    broken = f"acme-broken-{digest}"
    install("acme-toy", "toy")
    install(broken, "broken", source)

    assert registry.load_provider("toy").operations
    with caplog.at_level(logging.WARNING, logger="tongfu"):
        providers, failed = registry.load_all()
    assert "toy" in providers
    assert isinstance(failed["broken"], BrokenProvider)
    warned = [record for record in caplog.records if record.__dict__["platform"] == "broken"]
    assert [record.message for record in warned] == ["tongfu.provider_broken"]

    with pytest.raises(BrokenProvider) as caught:
        registry.load_provider("broken")
    text = f"the provider of 'broken' (distribution {broken}) cannot be loaded: {reason}"
    assert str(caught.value).startswith(text)
    assert caught.value.__cause__ is not None


def test_a_provider_that_breaks_the_contract_stops_only_those_who_ask_for_it(install: Install) -> None:
    install("acme-toy", "toy")
    install("acme-half", "half", "from tongfu import hookimpl\n@hookimpl\ndef tongfu_sign(payload): return 's'")
    providers, failed = registry.load_all()

    assert "toy" in providers
    assert "half" not in providers
    assert str(failed["half"]) == (
        "the provider of 'half' lacks tongfu_verify, tongfu_encode_request, tongfu_decode_response"
    )
    with pytest.raises(ProviderContractError):
        registry.load_provider("half")


def test_an_unknown_platform_lists_the_installed(install: Install) -> None:
    install("acme-toy", "toy")
    with pytest.raises(UnknownPlatform) as caught:
        registry.load_provider("tooy")

    assert caught.value.installed == tuple(registry.installed())
    assert "toy" in caught.value.installed
    assert str(caught.value).startswith("no installed distribution provides the platform 'tooy'; installed: ")


def test_a_platform_in_two_states_is_all_of_it_a_config_error() -> None:
    assert issubclass(AmbiguousPlatform, ConfigError)
    assert issubclass(BrokenProvider, ConfigError)
    assert issubclass(UnknownPlatform, ConfigError)


# --- the template, installed by pip --------------------------------------------------------------


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template as a wheel, installed by pip into a folder of its own."""
    folder = tmp_path_factory.mktemp("template")
    wheel, info = folder / "tongfu_examplepay-0.1.0-py3-none-any.whl", "tongfu_examplepay-0.1.0.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        for module in sorted((TEMPLATE / "tongfu_examplepay").glob("*.py")):
            archive.write(module, f"tongfu_examplepay/{module.name}")
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tongfu-examplepay\nVersion: 0.1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/entry_points.txt", _entry_points())
        names = "".join(f"{name},,\n" for name in archive.namelist())
        archive.writestr(f"{info}/RECORD", f"{names}{info}/RECORD,,\n")
    target = folder / "site"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--isolated", "install", "-q"]
    if subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True, check=False).returncode != 0:
        # An environment may have been made without pip; the one who made it has it.
        outer = shutil.which("pip3") or shutil.which("pip")
        assert outer is not None, "pip is needed to install a wheel"
        pip = [outer, *pip[3:]]
    options = ["--no-index", "--no-deps", "--no-compile", "--target", str(target), str(wheel)]
    subprocess.run([*pip, *options], check=True, timeout=120, capture_output=True)
    return target


def _entry_points() -> str:
    import tomllib

    project = tomllib.loads((TEMPLATE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = [f"{name} = {module}" for name, module in project["entry-points"]["tongfu.providers"].items()]
    return "\n".join(["[tongfu.providers]", *lines, ""])


def test_the_template_is_small() -> None:
    lines = [len(path.read_text(encoding="utf-8").splitlines()) for path in TEMPLATE.rglob("*.py")]

    assert sum(lines) < 150


def test_the_template_keeps_the_contract(site: Path, tmp_path: Path) -> None:
    """Its own test file, as somebody runs it who has copied the folder."""
    shutil.copy(TEMPLATE / "test_examplepay.py", tmp_path)
    path = os.pathsep.join([str(site), *sys.path])
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_examplepay.py"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": path, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout


async def test_the_template_is_served_through_the_facade(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(site))
    config = {"shop": {"platform": "examplepay", "shop_id": "s-1", "key": "the-key"}}
    transport = FakeTransport()
    tf = Tongfu.from_config(config, transport=transport, nonce=lambda: "n-1")
    plugin: Any = registry.load("examplepay")
    answer = json.dumps(
        {"shop_id": "s-1", "code": "OK", "state": "PAID", "out_trade_no": "A1", "total_fee": 100}
    ).encode()
    account = plugin.ExampleAccount("s-1", "the-key")

    def platform(request: Any) -> Any:
        return plugin.HttpResponse(200, {"x-sign": plugin.tongfu_sign(account, answer)}, answer)

    transport.answer(platform)
    order = await tf.payment.order_query("shop", out_trade_no="A1")

    assert order == Order(trade_state="SUCCESS", out_trade_no="A1", total_fee=100)
    (request,) = transport.requests
    assert (request.method, request.url, request.body) == (
        "POST",
        "https://api.examplepay.example/orders/query",
        b'{"out_trade_no": "A1", "shop_id": "s-1", "nonce": "n-1"}',
    )
    assert request.headers == {"X-Sign": plugin.tongfu_sign(account, request.body)}
    assert tf.operations("shop") == ("order_query", "refund", "verify_payment_notify")
