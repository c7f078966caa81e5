"""What must not stand in any file: places that exist on one machine only, and links that lead nowhere."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

Tree = Mapping[str, str]

# [.] keeps these patterns from finding themselves.
ELSEWHERE = (
    re.compile(r"(?:pypi|pythonhosted|npmjs|crates)[.](?:org|io|com)\b", re.IGNORECASE),
    re.compile(r"\bmirrors?[.][a-z]", re.IGNORECASE),
    re.compile(r"--(?:extra-)?index[-]url|--find[-]links|--trusted[-]host"),
    re.compile(r"(?<![\w./:~-])/(?:home|root|Users|work|opt|mnt)/\w"),
    re.compile(r"\b[A-Z]:\\Users\\"),
)
TODO = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X)\b")
LINK = re.compile(r"\]\(([^)\s]+)\)")


def places(tree: Tree) -> list[str]:
    """Lines that name a package registry or a path of somebody's machine."""
    return [
        f"{path}:{number} {line.strip()}"
        for path, text in tree.items()
        for number, line in enumerate(text.splitlines(), 1)
        if any(pattern.search(line) for pattern in ELSEWHERE)
    ]


def unfinished(tree: Tree) -> list[str]:
    """Lines that promise work. WeChat's and other people's samples are quoted under tests/."""
    return [
        f"{path}:{number} {line.strip()}"
        for path, text in tree.items()
        if not path.startswith("tests/")
        for number, line in enumerate(text.splitlines(), 1)
        if TODO.search(line)
    ]


def dead_links(tree: Tree, root: Path) -> list[str]:
    """Relative links of Markdown pages that lead to nothing; a link into a heading must find that heading."""
    problems = []
    for path, text in tree.items():
        if not path.endswith(".md"):
            continue
        for target in LINK.findall(text):
            if re.match(r"[a-z]+:", target):
                continue
            place, _, anchor = target.partition("#")
            page = posixpath.normpath(posixpath.join(posixpath.dirname(path), place)) if place else path
            there = page in tree or (root / page).exists()
            if not there or (anchor and anchor not in anchors(tree.get(page, ""))):
                problems.append(f"{path}: {target}")
    return problems


def anchors(page: str) -> set[str]:
    """The names that headings are linked by."""
    headings = re.findall(r"^#+ (.*)$", page, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_no_file_names_a_registry_or_a_machine(tree: Tree) -> None:
    assert [] == places(tree)


@pytest.mark.parametrize(
    "line",
    [
        "https://" + "pypi" + ".org/simple",
        "pip install --index" + "-url https://x",
        "https://" + "mirrors" + ".example.cn/",
        "open('/" + "home/me/key.pem')",
        "cd /" + "work/main",
    ],
)
def test_a_registry_or_a_machine_is_found(line: str) -> None:
    assert [f"a.md:2 {line}"] == places({"a.md": f"fine: https://shop.example/home/x and ./root/y\n{line}\n"})


def test_nothing_is_left_to_do(tree: Tree) -> None:
    assert [] == unfinished(tree)


def test_something_left_to_do_is_found() -> None:
    assert ["core/a.py:1 # TO" + "DO: later"] == unfinished(
        {"core/a.py": "# TO" + "DO: later\n", "tests/a.py": "# TO" + "DO\n"}
    )


def test_links_lead_somewhere(tree: Tree, root: Path) -> None:
    assert [] == dead_links(tree, root)


def test_a_dead_link_is_found(tmp_path: Path) -> None:
    page = "[a](b.md) [c](../top.md#the-order) [d](../top.md#gone)\n"
    page += "[e](gone.md) [f](https://x.example) [g](#here)\n## Here\n"

    assert ["docs/a.md: ../top.md#gone", "docs/a.md: gone.md"] == dead_links(
        {"docs/a.md": page, "docs/b.md": "", "top.md": "# The order\n"}, tmp_path
    )


def page_readers(tree: Tree) -> list[str]:
    """Tests that read the pages and go with the wheels, where there are none: what does lies in tests/house."""
    return [
        path
        for path, text in tree.items()
        if path.startswith("tests/") and not path.startswith("tests/house/") and path.endswith(".py")
        if re.search(r"""core/docs|["']docs["']""", text)
    ]


def test_only_the_house_reads_pages(tree: Tree) -> None:
    assert [] == page_readers(tree)


def test_a_reader_of_pages_elsewhere_is_found() -> None:
    line = 'PAGE = ROOT / "core" / "docs" / "a.md"\n'

    assert ["tests/core/test_a.py"] == page_readers({"tests/core/test_a.py": line, "tests/house/test_b.py": line})
