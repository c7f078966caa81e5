"""The command ``tongfu``. It needs the extra ``cli``; without it, it says so."""

from __future__ import annotations

import sys
from typing import Final

EXTRA: Final = ("click", "rich")


def main() -> None:
    """The console script."""
    try:
        from .commands import tongfu  # noqa: PLC0415 - click is an extra

        tongfu()
    except ModuleNotFoundError as exc:
        missing = (exc.name or "").partition(".")[0]
        if missing not in EXTRA:
            raise
        sys.exit(f"tongfu: the command line needs {missing}, which is not installed: pip install 'tongfu[cli]'")
