"""Example Pay: JSON over HTTPS, every body signed with HMAC-SHA256."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from tongfu import ConfigError


@dataclass(frozen=True, slots=True)
class ExampleAccount:
    """One shop on Example Pay. ``key`` signs both ways; ``timeout`` is seconds."""

    platform: ClassVar[str] = "examplepay"
    shop_id: str
    key: str = field(repr=False)
    timeout: float = 5.0

    def __post_init__(self) -> None:
        if not self.key:
            raise ConfigError("the account has no key")

    @property
    def scope(self) -> str:
        return self.shop_id
