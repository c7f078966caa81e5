"""What ``tongfu`` can do."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
from pathlib import Path
from typing import Final

import click

from tongfu import registry
from tongfu.emulator import Emulator
from tongfu.errors import ConfigError

FILE: Final = click.Path(dir_okay=False, path_type=Path)


@click.group()
@click.version_option(package_name="tongfu")
def tongfu() -> None:
    """One facade over payment platforms; each platform is a plugin."""


@tongfu.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", default=0, type=click.IntRange(0, 65535), help="The http origin's port; 0 takes a free one.")
@click.option("--seed", default=0, show_default=True, help="The same seed and requests give the same numbers.")
@click.option("--state", "state_file", type=FILE, help="Keep orders, notifications and the clock in this file.")
@click.option("--scenario", type=FILE, help="Do the steps of this TOML or JSON file, each at its time.")
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON when ready.")
def emulate(host: str, port: int, seed: int, state_file: Path | None, scenario: Path | None, *, as_json: bool) -> None:
    """Serve every installed platform on loopback until it is stopped."""
    try:
        emulator = Emulator(host=host, port=port, seed=seed, state_file=state_file, scenario=scenario)
        asyncio.run(_serve(emulator, as_json=as_json))
    except ConfigError as exc:
        raise click.ClickException(str(exc)) from exc
    except OSError as exc:
        raise click.ClickException(f"cannot listen on {host} port {port}: {exc.strerror or exc}") from exc
    except KeyboardInterrupt:
        # Where the event loop takes no signal handlers, Ctrl-C comes as this.
        pass


@tongfu.command()
def platforms() -> None:
    """Show the installed platforms, who provides them, and what they support."""
    from rich.console import Console  # noqa: PLC0415 - costs 40 ms, which emulate --json does not have to spend
    from rich.table import Table  # noqa: PLC0415

    claims = registry.installed()
    emulators = registry.installed(registry.EMULATORS)
    working, broken = registry.load_all()
    table = Table("platform", "distribution", "emulator", "supports")
    for platform, owners in claims.items():
        supports = ", ".join(working[platform].operations) if platform in working else f"broken: {broken[platform]}"
        table.add_row(platform, ", ".join(owners), "yes" if platform in emulators else "no", supports)
    if not claims:
        raise click.ClickException("no platform is installed; each is a distribution of its own, such as tongfu-…")
    Console().print(table)
    if broken:
        raise click.exceptions.Exit(1)


async def _serve(emulator: Emulator, *, as_json: bool) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, stopped.set)
    async with emulator:
        if as_json:
            click.echo(json.dumps(emulator.settings(), ensure_ascii=False))
        else:
            _tell(emulator)
        await stopped.wait()


def _tell(emulator: Emulator) -> None:
    from rich.console import Console  # noqa: PLC0415 - as above
    from rich.table import Table  # noqa: PLC0415

    table = Table(show_header=False, title="tongfu emulator")
    for name, value in (
        ("http", emulator.url),
        ("https", emulator.https_url),
        ("control", emulator.settings()["control"]),
        ("platforms", ", ".join(emulator.accounts())),
    ):
        table.add_row(name, value)
    console = Console()
    console.print(table)
    console.print("Accounts, keys and the CA certificate: --json. Stop with Ctrl-C.", markup=False)
