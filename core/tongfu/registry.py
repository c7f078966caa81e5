"""
Platforms, found through the entry points of installed distributions.

Each entry point is loaded by itself and only when its platform is wanted: one that is broken stops
only those who ask for it, and two that claim one name are an error, never a silent choice.
"""

from __future__ import annotations

import os
import sys
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from . import log
from .errors import AmbiguousPlatform, BrokenProvider, ProviderContractError, TongfuError, UnknownPlatform
from .provider import Provider

PROVIDERS: Final = "tongfu.providers"
EMULATORS: Final = "tongfu.emulators"

# Reading every distribution's entry points and metadata takes 3 ms, making a Provider 0.4: too long for
# a service that makes a client for each request. What was found holds while sys.path's folders do.
_found: dict[str, tuple[object, tuple[tuple[EntryPoint, str], ...]]] = {}
_shared: dict[str, tuple[object, Provider]] = {}


def installed(group: str = PROVIDERS) -> dict[str, list[str]]:
    """Each platform's name and the distributions that claim it, in order of name. Loads nothing."""
    claims: dict[str, list[str]] = {}
    for entry, owner in _entries(group, fresh=True):
        owners = claims.setdefault(entry.name, [])
        if owner not in owners:
            owners.append(owner)
    return {name: sorted(claims[name]) for name in sorted(claims)}


def load(platform: str, group: str = PROVIDERS) -> object:
    """
    What the platform's entry point names.

    :raises UnknownPlatform: nobody claims it.
    :raises AmbiguousPlatform: two distributions do.
    :raises BrokenProvider: it cannot be imported.
    """
    # A distribution can be on the path twice (an editable install beside a wheel): one claim all the same.
    claims = _claims(platform, group, fresh=False) or _claims(platform, group, fresh=True)
    if not claims:
        raise UnknownPlatform(platform, installed(group))
    if len(claims) > 1:
        raise AmbiguousPlatform(platform, sorted(claims))
    ((owner, entry),) = claims.items()
    try:
        return entry.load()
    except (Exception, SystemExit) as exc:
        raise BrokenProvider(platform, owner, f"{type(exc).__name__}: {exc}") from exc


def load_provider(platform: str) -> Provider:
    """
    A new Provider of *platform*, with no extension.

    :raises ConfigError: as for ``load``.
    :raises ProviderContractError: the plugin breaks the hook contract.
    """
    return Provider(platform, load(platform))


def shared_provider(platform: str) -> Provider:
    """The process's one Provider of *platform* for those who extend it with nothing. As ``load_provider``."""
    plugin = load(platform)
    known = _shared.get(platform)
    if known is None or known[0] is not plugin:
        known = _shared[platform] = (plugin, Provider(platform, plugin))
    return known[1]


def load_all() -> tuple[dict[str, Provider], dict[str, TongfuError]]:
    """Every provider that loads, and for each that does not, why. The broken are logged and stop nobody."""
    providers: dict[str, Provider] = {}
    broken: dict[str, TongfuError] = {}
    for platform in installed():
        try:
            providers[platform] = load_provider(platform)
        except (AmbiguousPlatform, BrokenProvider, ProviderContractError) as exc:
            log.warning("tongfu.provider_broken", platform=platform, reason=str(exc))
            broken[platform] = exc
    return providers, broken


def _claims(platform: str, group: str, *, fresh: bool) -> dict[str, EntryPoint]:
    return {owner: entry for entry, owner in _entries(group, fresh=fresh) if entry.name == platform}


def _entries(group: str, *, fresh: bool) -> tuple[tuple[EntryPoint, str], ...]:
    """The group's entry points, each with the distribution that has it."""
    folders = tuple((path, _changed(path)) for path in sys.path)
    known = _found.get(group)
    if fresh or known is None or known[0] != folders:
        known = _found[group] = (folders, tuple((entry, _owner(entry)) for entry in entry_points(group=group)))
    return known[1]


def _changed(path: str) -> int:
    try:
        return os.stat(path or ".").st_mtime_ns
    except (OSError, ValueError):
        return 0


def _owner(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist is not None else entry.value
