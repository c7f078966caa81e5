"""Make ``.venv`` once, then run a command inside it: what ``python3 tests`` and ``python3 examples`` stand on.

Only the standard library, and nothing that a Python older than 3.11 could not parse: such a Python must get to the
message that says so. It lies in core/ because both folders need it and neither should need the other; the wheel packs
core/tongfu alone, and the source archive leaves this file out.
"""

import contextlib
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
from collections.abc import Iterator

ROOT = pathlib.Path(__file__).resolve().parent.parent
DISTRIBUTIONS = (".[cli,emulator,redis]", "./providers/weixin", "./providers/alipay")
PYPROJECTS = ("pyproject.toml", "providers/weixin/pyproject.toml", "providers/alipay/pyproject.toml")
ENV = ROOT / ".venv"
# Written before anything else is put into the environment, and rewritten when it is complete: what bears no stamp was
# not made here, and what bears another one was interrupted or is out of date.
STAMP = ENV / ".tongfu-stamp"


def run(*arguments: str) -> None:
    """Run Python with *arguments* in the project's environment, in this process's place; its exit code is ours."""
    if sys.version_info < (3, 11):
        sys.exit("tongfu needs Python 3.11 or newer; {} is {}.{}".format(sys.executable, *sys.version_info[:2]))
    if not ready():
        with locked():
            if not ready():  # another process may have made it while this one waited
                make()
    command = [str(env_python()), *arguments]
    if os.name == "nt":  # execv on Windows returns to the shell before the new process has ended
        sys.exit(subprocess.run(command, check=False).returncode)
    os.execv(command[0], command)


def env_python() -> pathlib.Path:
    return ENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def fingerprint() -> str:
    """What the environment was made from: this Python, this folder, what the distributions ask for."""
    made_from = hashlib.sha256(repr((sys.version, sys.base_prefix, str(ROOT), DISTRIBUTIONS)).encode())
    for name in PYPROJECTS:
        made_from.update((ROOT / name).read_bytes())
    return made_from.hexdigest()


def ready() -> bool:
    try:
        return env_python().exists() and STAMP.read_text() == fingerprint()
    except OSError:
        return False


def make() -> None:
    """Make the environment from nothing: whatever an interrupted installation left is not worth trusting."""
    say("making .venv; this takes about half a minute, once")
    if ENV.is_symlink() or (ENV.exists() and not STAMP.exists()):
        aside = ENV.with_name(f".venv-before-{os.getpid()}")
        ENV.rename(aside)
        say(f"the .venv that was here is not of this command's making; it is now {aside.name}")
    elif ENV.exists():
        shutil.rmtree(ENV)
    ENV.mkdir()
    STAMP.write_text("unfinished")
    editable = [word for distribution in DISTRIBUTIONS for word in ("-e", distribution)]
    command = [*make_venv(), "install", "-qq", "--disable-pip-version-check", *editable, *requirements()]
    # PIP_USER is some people's guard for their system's Python; inside an environment pip refuses it.
    if subprocess.run(command, check=False, cwd=ROOT, env={**os.environ, "PIP_USER": "0"}).returncode != 0:
        sys.exit("tongfu: pip could not install what is needed (its own words stand above); run the command again")
    STAMP.write_text(fingerprint())


def make_venv() -> "list[str]":
    """
    Put an interpreter into ``.venv``; answer the pip command that installs into it.

    Debian and Ubuntu ship a Python whose ensurepip is missing until python3-venv is installed. The pip that stands
    outside serves as well: ``pip --python`` (since 22.3) runs as the environment's interpreter, which the refusal of an
    externally managed Python does not concern.
    """
    outside = getattr(sys, "_base_executable", sys.executable)  # if run from .venv itself: the Python that outlives it
    venv = [outside, "-m", "venv", str(ENV)]
    with_pip = attempt(*venv)
    if with_pip.returncode == 0:
        return [str(env_python()), "-m", "pip"]
    pip = [outside, "-m", "pip", "--python", str(env_python())]
    if attempt(*venv, "--without-pip").returncode == 0 and attempt(*pip, "--version").returncode == 0:
        return pip
    sys.exit(
        f"tongfu: {outside} can make no virtual environment with pip in it. On Debian or Ubuntu:\n"
        f"    apt-get install python3-venv\n(python3-pip 22.3 or newer also does). What Python said:\n{with_pip.stdout}"
    )


def attempt(*command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def requirements() -> "list[str]":
    """The dependency group ``test`` of pyproject.toml, read here because ``pip --group`` came only with pip 25.1."""
    import tomllib  # noqa: PLC0415  an older Python must be able to load this module

    groups = tomllib.loads((ROOT / PYPROJECTS[0]).read_text(encoding="utf-8"))["dependency-groups"]
    return [str(requirement) for requirement in groups["test"]]


@contextlib.contextmanager
def locked() -> "Iterator[None]":
    """Keep other processes out. The system drops the lock when this process dies, so none can be left behind."""
    with (ROOT / ".venv.lock").open("a") as lock:
        if sys.platform == "win32":
            import msvcrt  # noqa: PLC0415  exists on Windows only

            while True:
                with contextlib.suppress(OSError):  # LK_LOCK gives up after ten seconds; an installation takes longer
                    lock.seek(0)
                    msvcrt.locking(lock.fileno(), msvcrt.LK_LOCK, 1)
                    break
        else:
            import fcntl  # noqa: PLC0415  does not exist on Windows

            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def say(text: str) -> None:
    print(f"tongfu: {text}", file=sys.stderr, flush=True)
