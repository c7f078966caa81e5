"""The contract is documented exactly, and the READMEs say what the code does."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence

import pytest

from tongfu import registry
from tongfu.provider import OPERATIONS

Tree = Mapping[str, str]

READMES = ("README.md", "README.zh-CN.md")
PLATFORMS = ("weixin", "alipay")


def undocumented_hooks(specs: str, page: str) -> list[str]:
    """Hooks that lack a heading ``### `name(…) -> …` `` with the exact signature, and headings of no hook."""
    signatures = {
        f"{node.name}({ast.unparse(node.args)}) -> {ast.unparse(node.returns)}"
        for node in ast.parse(specs).body
        if isinstance(node, ast.FunctionDef)
        and node.returns
        and any("hookspec" in ast.unparse(mark) for mark in node.decorator_list)
    }
    headings = re.findall(r"^### `(.*)`$", page, re.MULTILINE)
    return sorted(signatures.symmetric_difference(headings) | {text for text in headings if headings.count(text) > 1})


def blocks(page: str) -> list[str]:
    return re.findall(r"^```.*?^```$", page, re.MULTILINE | re.DOTALL)


def operations_table(page: str, platforms: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """What a README says each platform supports: the rows ``| `operation` | yes | — |``."""
    head = next(
        line for line in page.splitlines() if all(f"`{name}`" in line for name in platforms) and line.startswith("|")
    )
    columns = [cell.strip().strip("`") for cell in head.strip("|").split("|")]
    rows = re.findall(r"^\| `(\w+)` \|(.*)\|$", page, re.MULTILINE)
    marks = {
        name: dict(zip(columns[1:], map(str.strip, cells.split("|")), strict=False))
        for name, cells in rows
        if name in OPERATIONS
    }
    return {platform: tuple(name for name in marks if marks[name][platform] == "✓") for platform in platforms}


def test_every_hook_has_its_heading_with_its_signature(tree: Tree) -> None:
    assert [] == undocumented_hooks(tree["core/tongfu/hookspecs.py"], tree["core/docs/hooks.md"])


def test_a_hook_without_its_heading_and_a_heading_without_its_hook_are_found() -> None:
    specs = "@hookspec(firstresult=True)\ndef a(x: int) -> str | None: ...\n"
    specs += "@hookspec\ndef b() -> None: ...\ndef c() -> None: ...\n"
    page = "### `a(x: str) -> str | None`\n### `b() -> None`\n### `b() -> None`\n"

    assert ["a(x: int) -> str | None", "a(x: str) -> str | None", "b() -> None"] == undocumented_hooks(specs, page)


def test_both_readmes_have_the_same_code(tree: Tree) -> None:
    english, chinese = (blocks(tree[name]) for name in READMES)

    assert english
    assert english == chinese


def test_a_block_is_whatever_stands_between_fences() -> None:
    assert ["```sh\nls\n```", "```python\n1\n\n2\n```"] == blocks("a\n```sh\nls\n```\nb\n```python\n1\n\n2\n```\n")


@pytest.mark.parametrize("readme", READMES)
def test_the_operations_table_is_what_the_providers_implement(tree: Tree, readme: str) -> None:
    implemented = {platform: registry.load_provider(platform).operations for platform in PLATFORMS}

    assert implemented == operations_table(tree[readme], PLATFORMS)


def test_a_wrong_mark_in_the_table_is_seen() -> None:
    page = "| Operation | `weixin` | `alipay` |\n|---|:-:|:-:|\n"
    page += "| `refund` | ✓ | — |\n| `order_query` | ✓ | ✓ |\n| `other` | ✓ | ✓ |\n"

    assert {"weixin": ("refund", "order_query"), "alipay": ("order_query",)} == operations_table(page, PLATFORMS)
