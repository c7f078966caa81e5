"""Callbacks: the resource under the APIv3 key, the envelope signed anew for each attempt."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tongfu.emulator.half import Delivery, World

from .authorization import WINDOW
from .keys import Keys
from .wire import document, sealed, when

# Seconds: 15 more attempts after the first.
LADDER: Final = (15.0, 15.0, 30.0, 180.0, 600.0, 1200.0, *[1800.0] * 3, 3600.0, *[10800.0] * 3, *[21600.0] * 2)


@dataclass(frozen=True, slots=True)
class Told:
    """What one callback says; ``content`` is asked for when it is sent first."""

    event_type: str
    original_type: str
    summary: str
    content: Callable[[], Mapping[str, Any]]


class Callbacks:
    def __init__(self, world: World, platform: str, api_v3_key: str, keys: Keys) -> None:
        self._world, self._platform, self._key, self._keys = world, platform, api_v3_key, keys

    def named(self) -> dict[str, str]:
        """What makes a callback the same one each time it is sent."""
        return {"v3": f"EV-{secrets.token_hex(14)}", "created": when(self._world.clock.now())}

    def delivery(
        self, kind: str, number: str, url: str, told: Told, named: Mapping[str, Any], *, kept: bool = True
    ) -> Delivery:
        """:param kept: whether an emulator that goes on with the state file can make it again."""
        bodies: list[bytes] = []

        def body() -> bytes:
            if not bodies:
                envelope = {
                    "id": named["v3"],
                    "create_time": named["created"],
                    "resource_type": "encrypt-resource",
                    "event_type": told.event_type,
                    "summary": told.summary,
                    "resource": {
                        "original_type": told.original_type,
                        **sealed(self._key, document(told.content()), told.original_type),
                    },
                }
                bodies.append(document(envelope))
            return bodies[0]

        def make() -> tuple[dict[str, str], bytes]:
            probe = self._keys.callback_probes > 0
            self._keys.callback_probes -= probe
            return self._keys.headers(self._keys.caller(), body(), probe=probe), body()

        def corrupt(how: str) -> tuple[dict[str, str], bytes]:
            # A replay is signed rightly: only its time tells that it is one.
            age = WINDOW + 1 if how == "timestamp" else 0
            headers, changed = self._keys.headers(self._keys.caller(), body(), age=age), body()
            if how == "signature":
                headers["Wechatpay-Signature"] = flipped(headers["Wechatpay-Signature"])
            if how == "body":
                changed = changed.replace(b'"summary":"', b'"summary":"!', 1)
            return headers, changed

        def accepted(status: int, _: bytes) -> bool:
            """The status alone decides, whatever the body says."""
            return status in (200, 204)

        wire = dict(named) if kept else None
        return Delivery(self._platform, kind, number, url, make, corrupt, accepted, LADDER, wire)


def flipped(signature: str) -> str:
    return ("B" if signature[0] == "A" else "A") + signature[1:]
