"""One mini-program: its app, the platform's keys, and what the platform would sign for it."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from tongfu import Tongfu
from tongfu.testing import FakeTransport
from tongfu_alipay import Alipay, AlipayAccount

ENCRYPT_KEY = "aYA0GP8JEW+D7/UFaskCWA=="
NOW = datetime(2026, 11, 24, 8, 3, 18, tzinfo=UTC)  # 16:03:18 in Beijing


def _new() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@dataclass(frozen=True)
class MiniProgram:
    """Signs and encrypts by the documents' rules in its own few lines: the code under test is not its own judge."""

    app: rsa.RSAPrivateKey = field(default_factory=_new)
    alipay: rsa.RSAPrivateKey = field(default_factory=_new)
    stranger: rsa.RSAPrivateKey = field(default_factory=_new)
    app_id: str = "2021000000000001"
    encrypt_key: str = ENCRYPT_KEY

    def account(self, **changes: Any) -> AlipayAccount:
        der = serialization.Encoding.DER
        private = self.app.private_bytes(der, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        public = self.alipay.public_key().public_bytes(der, serialization.PublicFormat.SubjectPublicKeyInfo)
        keywords: dict[str, Any] = {
            "app_id": self.app_id,
            "private_key": private,
            "alipay_public_key": public,
        }
        return AlipayAccount(**{**keywords, **changes})

    def open(self, *answers: Any, **changes: Any) -> tuple[Alipay, FakeTransport]:
        """The account's object; the answers are the platform's, in turn."""
        transport = FakeTransport(*answers)
        account = self.account(**changes)
        return Tongfu({"app": account}, transport=transport, clock=lambda: NOW).open(account), transport

    def sign(self, text: str, signer: rsa.RSAPrivateKey | None = None) -> str:
        signed = (signer or self.alipay).sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
        return base64.b64encode(signed).decode()

    def answer(
        self, method: str, node: str, *, name: str = "", signer: rsa.RSAPrivateKey | None = None, sign: bool = True
    ) -> bytes:
        """The gateway's answer to *method* whose node is the text *node*."""
        name = name or method.replace(".", "_") + "_response"
        tail = f',"sign":"{self.sign(node, signer)}"' if sign else ""
        return f'{{"{name}":{node}{tail}}}'.encode()

    def encrypted(self, plain: bytes, key: str = ENCRYPT_KEY, *, pad: bool = True) -> str:
        missing = 16 - len(plain) % 16
        padded = plain + bytes([missing]) * missing if pad else plain
        encryptor = Cipher(algorithms.AES(base64.b64decode(key)), modes.CBC(bytes(16))).encryptor()
        return base64.b64encode(encryptor.update(padded) + encryptor.finalize()).decode()

    def client_data(self, plain: str, **changes: Any) -> str:
        """What the client's SDK gives for *plain*, correctly encrypted and signed; *changes* replace its members."""
        content = self.encrypted(plain.encode())
        document = {"response": content, "sign": self.sign(f'"{content}"'), **changes}
        return json.dumps({name: value for name, value in document.items() if value is not None})


@pytest.fixture(scope="session")
def mini() -> MiniProgram:
    return MiniProgram()
