"""The house's rules are functions of a tree: path from the root, with slashes, to text."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXTS = frozenset({".py", ".md", ".toml", ".ini", ".yml", ".yaml", ".json", ".html", ".css", ".js", ".txt", ".xml", ""})
MADE = ("__pycache__", "dist", "build")


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def tree() -> Mapping[str, str]:
    """Every text file of the repository; not what tools have made in it."""
    found = {}
    for top in sorted(ROOT.iterdir()):
        if top.name.startswith(".") and top.name not in (".ci", ".gitignore"):
            continue
        for path in [top] if top.is_file() else sorted(top.rglob("*")):
            parts = path.relative_to(ROOT).parts
            if any(part in MADE or part.endswith(".egg-info") for part in parts) or path.suffix not in TEXTS:
                continue
            if path.is_file():
                found["/".join(parts)] = path.read_text(encoding="utf-8")
    return found
