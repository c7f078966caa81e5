"""
Build the three distributions, check them, and run the tests against them with no source in reach.

Usage: ``python .ci/wheels.py FOLDER``, where everything is made. Needs build, twine and virtualenv.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Each distribution's folder, its package's, and the extras that the tests use.
DISTRIBUTIONS = {
    "tongfu": (ROOT, ROOT / "core" / "tongfu", "[cli,emulator,redis]"),
    "tongfu_weixin": (ROOT / "providers" / "weixin", ROOT / "providers" / "weixin" / "tongfu_weixin", ""),
    "tongfu_alipay": (ROOT / "providers" / "alipay", ROOT / "providers" / "alipay" / "tongfu_alipay", ""),
}
# Left behind: tests/house reads the source tree, and benchmarks are no test of a wheel.
LEFT = ("house", "benchmarks", "__pycache__")


def main(scratch: Path) -> None:
    dist, env, aside = (scratch / name for name in ("dist", "env", "aside"))
    for folder in (dist, env, aside):
        shutil.rmtree(folder, ignore_errors=True)
    for folder, _, _ in DISTRIBUTIONS.values():
        # The source archive first, then the wheel from it: so the archive is complete.
        run(sys.executable, "-m", "build", "--outdir", str(dist), str(folder))
    run(sys.executable, "-m", "twine", "check", "--strict", *(str(path) for path in sorted(dist.iterdir())))
    wheels = {name: wheel_of(name, dist) for name in DISTRIBUTIONS}
    for name, (_, package, _) in DISTRIBUTIONS.items():
        compare(wheels[name], package)

    run(sys.executable, "-m", "virtualenv", "-q", str(env))
    python = env / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    installed = [f"{wheels[name]}{extras}" for name, (_, _, extras) in DISTRIBUTIONS.items()]
    run(str(python), "-m", "pip", "install", "-q", *installed, *project["dependency-groups"]["test"])
    run(str(python), "-m", "pip", "check")

    aside.mkdir()
    for name in ("tests", "examples"):
        shutil.copytree(ROOT / name, aside / name, ignore=shutil.ignore_patterns(*LEFT))
    shutil.copy(ROOT / "pyproject.toml", aside)  # pytest's settings
    where = "import sys, tongfu, tongfu_alipay, tongfu_weixin; print(tongfu.__file__, *sys.path, sep='\\n')"
    found = subprocess.run(
        [str(python), "-c", where], cwd=aside, env=bare(), check=True, capture_output=True, text=True
    )
    strays = [
        line for line in found.stdout.splitlines() if line.startswith(f"{ROOT}{os.sep}") and str(scratch) not in line
    ]
    if strays:
        sys.exit(f"the source tree is in reach of the wheels' tests: {strays}")
    run(str(python), "-m", "pytest", "-n", "auto", cwd=aside)
    run(str(python), "examples/tour.py", cwd=aside)


def wheel_of(name: str, dist: Path) -> Path:
    (wheel,) = dist.glob(f"{name}-*.whl")
    return wheel


def compare(wheel: Path, package: Path) -> None:
    """The wheel holds every file of the package, py.typed and templates included, and no other package."""
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    there = {
        path.relative_to(package.parent).as_posix()
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    if packed != there or f"{package.name}/py.typed" not in packed:
        sys.exit(f"{wheel.name} and {package} differ in: {sorted(packed ^ there)}")


def bare() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}


def run(*command: str, cwd: Path = ROOT) -> None:
    print("$", *command, flush=True)
    if subprocess.run(command, cwd=cwd, env=bare(), check=False).returncode != 0:
        sys.exit(f"failed: {' '.join(command)}")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
