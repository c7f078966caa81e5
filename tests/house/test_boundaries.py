"""Who may import whom, and what the core may not know (core/docs/adding_a_platform.md tells why)."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping

import pytest

Tree = Mapping[str, str]

PLATFORM = re.compile("weixin|wechat|alipay", re.IGNORECASE)
CORE = "core/tongfu/"
# The only importers of aiohttp's client: the transport, and the emulator's deliveries, which play the platform's part.
CLIENTS = ("core/tongfu/transport.py", "core/tongfu/emulator/delivery.py")
SERVERS = re.compile(r"core/tongfu/(emulator|web)/|providers/\w+/\w+/emulator(/|\.py$)")
# A feature uses the kernel, and these other features.
USES = {"web": {"inbox"}, "testing": {"credentials", "emulator"}, "cli": {"emulator"}}
SLOW = ("aiohttp", "marshmallow", "pluggy", "cryptography", "stamina", "click", "jinja2")


class Import:
    """One imported name: where, whether only for type checkers, whether inside a function."""

    def __init__(self, path: str, line: int, name: str, *, typing_only: bool, lazy: bool) -> None:
        self.path, self.line, self.name, self.typing_only, self.lazy = path, line, name, typing_only, lazy

    def under(self, module: str) -> bool:
        return self.name == module or self.name.startswith(f"{module}.")

    def __str__(self) -> str:
        return f"{self.path}:{self.line} imports {self.name}"


def python(tree: Tree, *tops: str) -> Iterator[tuple[str, ast.Module]]:
    for path, text in tree.items():
        if path.endswith(".py") and path.startswith(tops):
            yield path, ast.parse(text)


def package(path: str) -> list[str]:
    """The package that a module's relative imports start from."""
    parts = path.removesuffix(".py").split("/")
    return parts[1:-1] if parts[0] == "core" else parts[2:-1]


def imports(path: str, module: ast.Module) -> list[Import]:
    found: list[Import] = []

    def look(node: ast.AST, *, typing_only: bool, lazy: bool) -> None:
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            home = package(path)
            base = home[: len(home) - node.level + 1] if node.level else []
            prefix = ".".join([*base, *([node.module] if node.module else [])])
            names = [f"{prefix}.{alias.name}" for alias in node.names]
        found.extend(
            Import(path, getattr(node, "lineno", 0), name, typing_only=typing_only, lazy=lazy) for name in names
        )
        if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            for typed in node.body:
                look(typed, typing_only=True, lazy=lazy)
            for other in node.orelse:
                look(other, typing_only=typing_only, lazy=lazy)
            return
        inside = lazy or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for child in ast.iter_child_nodes(node):
            look(child, typing_only=typing_only, lazy=inside)

    look(module, typing_only=False, lazy=False)
    return found


def docstrings(module: ast.Module) -> set[int]:
    """The ids of the constants that are documentation."""
    ids = set()
    for node in ast.walk(module):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                ids.add(id(first.value))
    return ids


def words(node: ast.AST) -> list[str]:
    """The identifiers and texts that a node holds itself."""
    found = [value for _, value in ast.iter_fields(node) if isinstance(value, str)]
    if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
        found.append(node.value if isinstance(node.value, str) else node.value.decode("latin-1"))
    return found


def platforms_named(tree: Tree) -> list[str]:
    """The core knows no platform: outside docstrings no identifier and no text names one."""
    problems = []
    for path, module in python(tree, CORE):
        documented = docstrings(module)
        for node in ast.walk(module):
            if id(node) in documented:
                continue
            problems += [
                f"{path}:{getattr(node, 'lineno', 0)} {word!r}" for word in words(node) if PLATFORM.search(word)
            ]
    return problems


def client_imports(tree: Tree) -> list[str]:
    """aiohttp's client is for CLIENTS; its server (``from aiohttp import web``) for emulators and web/."""
    problems = []
    for path, module in python(tree, "core/tongfu/", "providers/"):
        if path in CLIENTS:
            continue
        for found in imports(path, module):
            served = found.under("aiohttp.web") and SERVERS.match(path) is not None
            typed = found.typing_only and path in ("core/tongfu/app.py", "core/tongfu/call.py")
            # Notification.from_request is given one of aiohttp's requests: its server is loaded by then.
            served = served or (found.lazy and found.under("aiohttp.web") and path == "core/tongfu/call.py")
            if found.under("aiohttp") and not served and not typed:
                problems.append(str(found))
    return problems


def provider_imports(tree: Tree) -> list[str]:
    """A provider imports no other provider, and asyncio only where it plays the platform's part."""
    problems = []
    for path, module in python(tree, "providers/"):
        own = path.split("/")[2]
        for found in imports(path, module):
            foreign = re.match(r"tongfu_\w+", found.name)
            if foreign and foreign[0] != own:
                problems.append(str(found))
            if found.under("asyncio") and not SERVERS.match(path):
                problems.append(str(found))
    return problems


def pluggy_imports(tree: Tree) -> list[str]:
    """pluggy has one definition site and one caller; plugins take ``tongfu.hookimpl``."""
    allowed = ("core/tongfu/hookspecs.py", "core/tongfu/provider.py")
    return [
        str(found)
        for path, module in python(tree, "core/tongfu/", "providers/", "examples/")
        if path not in allowed
        for found in imports(path, module)
        if found.under("pluggy")
    ]


def feature_imports(tree: Tree) -> list[str]:
    """The kernel imports no feature, save app.py lazily, which puts them together; features use USES."""
    inner = [path.removeprefix(CORE).split("/") for path in tree if path.startswith(CORE) and path.endswith(".py")]
    features = {parts[0] for parts in inner if len(parts) > 1}
    problems = []
    for path, module in python(tree, CORE):
        parts = path.removeprefix(CORE).split("/")
        own = parts[0] if len(parts) > 1 else None
        for found in imports(path, module):
            names = found.name.split(".")
            feature = names[1] if names[0] == "tongfu" and len(names) > 1 and names[1] in features else None
            if feature is None or feature == own or found.typing_only:
                continue
            if own is None and path == "core/tongfu/app.py" and found.lazy:
                continue
            if own is not None and feature in USES.get(own, ()):
                continue
            problems.append(str(found))
    return problems


def product_test_imports(tree: Tree) -> list[str]:
    """The product imports no other SDK and no test tool; the pytest plugin is the one that is a test tool."""
    forbidden = ("wechatpy", "alipay", "wechatpayv3", "hypothesis", "aioresponses", "pytest", "requests")
    return [
        str(found)
        for path, module in python(tree, "core/tongfu/", "providers/")
        if not path.startswith("core/tongfu/testing/")
        for found in imports(path, module)
        if any(found.under(name) for name in forbidden)
    ]


def test_core_names_no_platform(tree: Tree) -> None:
    assert [] == platforms_named(tree)


def test_a_platform_in_an_identifier_or_a_text_is_found_and_one_in_a_docstring_is_not() -> None:
    source = (
        '"""As Alipay does."""\n\ndef pay_weixin(alipay_key):\n    """WeChat."""\n    return f"{alipay_key} wechat"\n'
    )

    assert {
        "core/tongfu/a.py:3 'pay_weixin'",
        "core/tongfu/a.py:3 'alipay_key'",
        "core/tongfu/a.py:5 'alipay_key'",
        "core/tongfu/a.py:5 ' wechat'",
    } == set(platforms_named({"core/tongfu/a.py": source}))


def test_only_the_transport_and_the_deliveries_import_the_http_client(tree: Tree) -> None:
    assert [] == client_imports(tree)


def test_a_client_import_is_found_anywhere_else() -> None:
    client = "from aiohttp import ClientSession\n"
    typed = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import aiohttp\n"
    found = client_imports(
        {
            "core/tongfu/transport.py": client,
            "core/tongfu/engine.py": client,
            "core/tongfu/app.py": typed,
            "core/tongfu/money.py": typed,
            "core/tongfu/web/routes.py": "from aiohttp import web\nimport aiohttp\n",
            "providers/x/tongfu_x/wire.py": "def f():\n    from aiohttp import web\n",
            "providers/x/tongfu_x/emulator/server.py": "from aiohttp import web\n",
        }
    )

    assert [
        "core/tongfu/engine.py:1 imports aiohttp.ClientSession",
        "core/tongfu/money.py:3 imports aiohttp",
        "core/tongfu/web/routes.py:2 imports aiohttp",
        "providers/x/tongfu_x/wire.py:2 imports aiohttp.web",
    ] == found


def test_providers_import_neither_each_other_nor_asyncio(tree: Tree) -> None:
    assert [] == provider_imports(tree)


def test_a_provider_that_imports_another_or_asyncio_is_found() -> None:
    source = "import asyncio\nfrom tongfu_y.wire import sign\nfrom tongfu_x.wire import sign\nfrom . import wire\n"
    found = provider_imports(
        {"providers/x/tongfu_x/plugin.py": source, "providers/x/tongfu_x/emulator/__init__.py": "import asyncio\n"}
    )

    assert [
        "providers/x/tongfu_x/plugin.py:1 imports asyncio",
        "providers/x/tongfu_x/plugin.py:2 imports tongfu_y.wire.sign",
    ] == found


def test_pluggy_is_imported_by_hookspecs_and_provider_only(tree: Tree) -> None:
    assert [] == pluggy_imports(tree)


def test_a_pluggy_import_elsewhere_is_found() -> None:
    source = "from pluggy import HookimplMarker\n"

    assert ["providers/x/tongfu_x/plugin.py:1 imports pluggy.HookimplMarker"] == pluggy_imports(
        {"core/tongfu/provider.py": source, "providers/x/tongfu_x/plugin.py": source}
    )


def test_the_kernel_imports_no_feature_and_features_only_those_they_use(tree: Tree) -> None:
    assert [] == feature_imports(tree)


def test_a_feature_import_out_of_place_is_found() -> None:
    found = feature_imports(
        {
            "core/tongfu/credentials/__init__.py": "from tongfu.call import Credential\nfrom . import keeper\n",
            "core/tongfu/inbox/__init__.py": "from tongfu import credentials\n",
            "core/tongfu/web/__init__.py": "from tongfu.inbox import memory\n",
            "core/tongfu/app.py": "from .inbox import memory\ndef f():\n    from .credentials import Keeper\n",
            "core/tongfu/engine.py": "def f():\n    from .credentials import Keeper\n",
        }
    )

    assert [
        "core/tongfu/inbox/__init__.py:1 imports tongfu.credentials",
        "core/tongfu/app.py:1 imports tongfu.inbox.memory",
        "core/tongfu/engine.py:2 imports tongfu.credentials.Keeper",
    ] == found


def test_the_product_imports_no_test_tool_and_no_other_sdk(tree: Tree) -> None:
    assert [] == product_test_imports(tree)


def test_a_test_tool_in_the_product_is_found() -> None:
    assert ["core/tongfu/engine.py:1 imports wechatpy"] == product_test_imports(
        {"core/tongfu/engine.py": "import wechatpy\n", "core/tongfu/testing/pytest_plugin.py": "import pytest\n"}
    )


def loaded_by(module: str) -> list[str]:
    """Which of SLOW a fresh interpreter has loaded after importing *module*."""
    code = f"import sys, {module}; print(*sorted(set(sys.modules) & set({SLOW!r})))"
    result = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return result.stdout.split()


@pytest.mark.parametrize("module", ["tongfu", "tongfu_weixin", "tongfu_alipay"])
def test_importing_a_distribution_loads_none_of_what_is_slow(module: str) -> None:
    assert [] == loaded_by(module)


def test_a_slow_import_is_seen() -> None:
    assert "aiohttp" in loaded_by("tongfu.transport")
