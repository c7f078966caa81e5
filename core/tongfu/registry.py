"""
Platforms, found through the entry points of installed distributions.

Each entry point is loaded by itself and only when its platform is wanted: one that is broken stops
only those who ask for it, and two that claim one name are an error, never a silent choice.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Final

from . import log
from .errors import AmbiguousPlatform, BrokenProvider, ProviderContractError, TongfuError, UnknownPlatform
from .provider import Provider

PROVIDERS: Final = "tongfu.providers"
EMULATORS: Final = "tongfu.emulators"


def installed(group: str = PROVIDERS) -> dict[str, list[str]]:
    """Each platform's name and the distributions that claim it, in order of name. Loads nothing."""
    claims: dict[str, list[str]] = {}
    for entry in entry_points(group=group):
        owners = claims.setdefault(entry.name, [])
        if (owner := _owner(entry)) not in owners:
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
    claims = {_owner(entry): entry for entry in entry_points(group=group, name=platform)}
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


def _owner(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist is not None else entry.value
