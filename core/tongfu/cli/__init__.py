"""The command ``tongfu``. It needs the extra ``cli``; without it, it says so."""

from __future__ import annotations

import sys
from typing import Final

EXTRA: Final = ("click", "rich")


def main() -> None:
    """The console script."""
    try:
        from .commands import tongfu  # noqa: PLC0415 - click is an extra
    except ModuleNotFoundError as exc:
        if exc.name is None or exc.name.partition(".")[0] not in EXTRA:
            raise
        sys.exit(f"tongfu: the command line needs {exc.name}, which is not installed: pip install 'tongfu[cli]'")
    tongfu()
