"""Sizes, sorted exports, twins: what keeps the house readable."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields, make_dataclass
from inspect import signature
from typing import Any, Required, TypedDict, get_origin, get_type_hints

import pytest

from tongfu import params
from tongfu.payments import PARAMS, AccountPayments, Payments
from tongfu.provider import OPERATIONS

Tree = Mapping[str, str]

KERNEL_LINES = 2500
MODULE_LINES = 400
HOOKIMPL_LINES = 3


def product(tree: Tree) -> Iterator[tuple[str, str]]:
    for path, text in tree.items():
        if path.endswith(".py") and path.startswith(("core/tongfu/", "providers/")):
            yield path, text


def kernel_lines(tree: Tree) -> int:
    """The lines of the modules directly in core/tongfu that are not blank."""
    return sum(
        sum(1 for line in text.splitlines() if line.strip())
        for path, text in product(tree)
        if path.split("/")[:2] == ["core", "tongfu"] and path.count("/") == 2
    )


def long_modules(tree: Tree) -> list[str]:
    return [f"{path}: {lines}" for path, text in product(tree) if (lines := len(text.splitlines())) > MODULE_LINES]


def long_hookimpls(tree: Tree) -> list[str]:
    """plugin.py is a table of contents."""
    problems = []
    for path, text in tree.items():
        if not (path.startswith("providers/") and path.endswith("/plugin.py")):
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef) and any(
                "hookimpl" in ast.unparse(mark) for mark in node.decorator_list
            ):
                body = node.body[1:] if ast.get_docstring(node) is not None else node.body
                lines = (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
                if lines > HOOKIMPL_LINES:
                    problems.append(f"{path}:{node.lineno} {node.name} has {lines} lines")
    return problems


def unsorted_exports(tree: Tree) -> list[str]:
    problems = []
    for path, text in product(tree):
        for node in ast.parse(text).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
                names = ast.literal_eval(node.value)
                if list(names) != sorted(set(names)):
                    problems.append(path)
    return problems


def versions(tree: Tree) -> dict[str, str]:
    projects = (
        tomllib.loads(text)["project"]
        for path, text in tree.items()
        if path.endswith("pyproject.toml") and path.split("/")[0] in ("pyproject.toml", "providers")
    )
    return {project["name"]: project["version"] for project in projects}


def apart(keywords: type[Any], kind: type[Any]) -> set[str]:
    """The names in which a TypedDict and its dataclass differ: in being there, required or of another type."""
    hints, twin = get_type_hints(keywords), get_type_hints(kind)
    # Not __required_keys__: it cannot see Required in an annotation that is still text.
    marked = get_type_hints(keywords, include_extras=True)
    required = {name for name, hint in marked.items() if get_origin(hint) is Required}
    types = {name for name in hints.keys() | twin.keys() if hints.get(name) != twin.get(name)}
    return types | (required ^ {field.name for field in fields(kind) if field.default is MISSING})


def test_the_kernel_stays_small(tree: Tree) -> None:
    assert kernel_lines(tree) < KERNEL_LINES


def test_only_modules_directly_in_tongfu_are_kernel() -> None:
    assert 3 == kernel_lines(
        {"core/tongfu/a.py": "1\n2\n\n3\n", "core/tongfu/web/b.py": "1\n", "core/bootstrap.py": "1\n"}
    )


def test_no_module_is_longer_than_400_lines(tree: Tree) -> None:
    assert [] == long_modules(tree)


def test_a_module_of_401_lines_is_found() -> None:
    assert ["providers/x/tongfu_x/b.py: 401"] == long_modules(
        {"core/tongfu/a.py": "\n" * 400, "providers/x/tongfu_x/b.py": "\n" * 401}
    )


def test_hookimpls_are_three_lines_at_most(tree: Tree) -> None:
    assert [] == long_hookimpls(tree)


def test_a_hookimpl_of_four_lines_is_found() -> None:
    source = "@hookimpl\ndef tongfu_sign():\n    'Long,\\\nlong'\n    a\n    b\n    c\n\n"
    source += "@hookimpl(trylast=True)\ndef tongfu_verify():\n    a\n    b\n    c\n    d\n"

    assert ["providers/x/tongfu_x/plugin.py:10 tongfu_verify has 4 lines"] == long_hookimpls(
        {"providers/x/tongfu_x/plugin.py": source}
    )


def test_exports_are_sorted(tree: Tree) -> None:
    assert [] == unsorted_exports(tree)


def test_unsorted_and_repeated_exports_are_found() -> None:
    assert ["core/tongfu/b.py", "core/tongfu/c.py"] == unsorted_exports(
        {
            "core/tongfu/a.py": "__all__ = ['A', 'b']",
            "core/tongfu/b.py": "__all__ = ['b', 'A']",
            "core/tongfu/c.py": "__all__ = ('A', 'A')",
        }
    )


def test_the_three_distributions_have_one_version(tree: Tree) -> None:
    found = versions(tree)

    assert {"tongfu", "tongfu-alipay", "tongfu-weixin"} == found.keys()
    assert 1 == len(set(found.values())), found


def test_a_distribution_of_another_version_is_seen() -> None:
    texts = {"pyproject.toml": "1.0", "providers/x/pyproject.toml": "1.1", "examples/y/pyproject.toml": "9"}

    assert {"n1.0": "1.0", "n1.1": "1.1"} == versions(
        {path: f'[project]\nname = "n{version}"\nversion = "{version}"\n' for path, version in texts.items()}
    )


@pytest.mark.parametrize("operation", PARAMS)
def test_keywords_and_parameters_are_twins(operation: str) -> None:
    keywords = get_type_hints(getattr(Payments, operation))["params"].__args__[0]
    assert keywords is get_type_hints(getattr(AccountPayments, operation))["params"].__args__[0]
    assert keywords.__module__ == params.__name__

    assert set() == apart(keywords, PARAMS[operation])


def test_twins_that_differ_are_seen() -> None:
    class Keywords(TypedDict, total=False):
        same: Required[int]
        optional_here: str
        another_type: str
        only_here: int

    kind = make_dataclass(
        "Kind", [("same", int), ("optional_here", str), ("another_type", int, 0), ("only_there", int, 0)]
    )

    assert {"optional_here", "another_type", "only_here", "only_there"} == apart(Keywords, kind)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_both_facades_have_every_operation(operation: str) -> None:
    by_name = signature(getattr(Payments, operation))
    of_one = signature(getattr(AccountPayments, operation))

    assert [name for name in by_name.parameters if name != "account"] == list(of_one.parameters)
    assert by_name.return_annotation == of_one.return_annotation
