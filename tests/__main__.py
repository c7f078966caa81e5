"""``python3 tests [pytest arguments]``: the tests, in an environment that the first start makes."""

import os
import pathlib
import runpy
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

if __name__ == "__main__":
    os.chdir(ROOT)
    run = runpy.run_path(str(ROOT / "core" / "bootstrap.py"))["run"]
    # All of them on every processor; a chosen few are done before the second worker is up.
    run("-m", "pytest", *(sys.argv[1:] or ["-n", "auto"]))
