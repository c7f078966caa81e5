"""The mini-program server API from the platform's side: every part of it, put together behind one gate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa

from tongfu.emulator.half import Answer, Route, World

from .admin import Admin
from .app import App, Part
from .customer import Customer
from .datacube import Datacube
from .envelope import Envelope
from .gate import Gate
from .img import Img
from .links import Links
from .media import Media
from .push import Push
from .security import Security
from .sessions import Sessions
from .subscribe import Subscribe
from .tokens import Tokens
from .wxacode import Wxacode

__all__ = ["Api"]


class Api:
    """
    One app's open API.

    :param merchant: a private key to make the app's of.
    :param platform: a private key to make the platform's of.
    """

    def __init__(
        self,
        world: World,
        app_id: str,
        secret: str,
        mch_id: str,
        merchant: rsa.RSAPrivateKey,
        platform: rsa.RSAPrivateKey,
    ) -> None:
        self.app = App(world, "weixin", app_id, secret, mch_id)
        self.tokens, self.push = Tokens(self.app), Push(self.app)
        self.envelope = Envelope(self.app, merchant, platform)
        self.gate = Gate(self.app, self.tokens, self.envelope)
        media, codes = Media(self.app), Wxacode(self.app)
        self._parts: list[Part] = [
            self.tokens,
            Sessions(self.app, self.tokens),
            Datacube(self.app),
            Customer(self.app, media, self.push),
            media,
            codes,
            Img(media, codes),
            Subscribe(self.app),
            Security(self.app, self.push),
            Links(self.app),
            Admin(self.app, self.gate, self.tokens, self.push),
        ]

    def routes(self) -> Iterable[Route]:
        yield from self.gate.routes(endpoint for part in self._parts for endpoint in part.endpoints())
        for part in self._parts:
            yield from part.controls()
        yield from self.push.controls()
        yield from self.gate.controls()

    def settings(self) -> Mapping[str, Any]:
        """What the app's server needs beside app_id and secret: message pushes, and the second encryption."""
        return {
            "push_token": self.push.token,
            "push_aes_key": self.push.aes_key,
            "api_aes_key": self.envelope.aes_key,
            "api_aes_key_sn": self.envelope.aes_key_sn,
            "api_private_key": self.envelope.private_key,
            "api_platform_cert": self.envelope.platform_cert,
            "api_platform_cert_sn": self.envelope.platform_cert_sn,
        }

    def sabotage(self, fault: str, answer: Answer) -> Answer | None:
        """Break the signature of a sealed answer; None where it is none."""
        return self.envelope.sabotage(fault, answer) if "Wechatmp-Signature" in answer.headers else None

    def reset(self) -> None:
        self.app.reset()
        self.push.reset()
        self.gate.reset()
        for part in self._parts:
            part.reset()
