"""
What ``python3 examples`` shows: payments on both platforms, then a mini program's server. No credentials, no network.

Exit code 0 only if every step of both held. ``--serve`` leaves the payments' emulator and shop running at the end.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys

import mini_program
import payment


async def main(*, serve: bool) -> int:
    if serve:
        return await mini_program.main() or await payment.main(serve=True)
    return await payment.main(serve=False) or await mini_program.main()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--serve", action="store_true", help="keep the emulator and the shop running")
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(asyncio.run(main(serve=parser.parse_args().serve)))
