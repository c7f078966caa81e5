"""
Which of the platform's keys a message is verified with.

In certificate mode the message names it, ``alipay_cert_sn``; what names none is tried with the account's own, in their
order, then with the one that was fetched. An account that also has ``alipay_public_key``, as while it moves from one
mode to the other, verifies with that what names no certificate. The texts and keys tried are few, and one must fit:
trying weakens nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from tongfu.call import Context, Signer
from tongfu.errors import CredentialNeeded, SignatureError

from . import certificate_mode, keys

if TYPE_CHECKING:
    from .account import AlipayAccount

_SN: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)
_UNKNOWN: Final = "alipay: the message is signed with a certificate that is not known"


def matches(account: AlipayAccount, payload: bytes, signature: str, algorithm: str) -> bool:
    """Whether *signature* is that of *payload* by the key whose number *algorithm* ends in, or by the public key."""
    name, _, sn = algorithm.partition(":")
    key = account.certificates().key(sn) if sn else account.verifying_key()
    return key is not None and keys.verifies(key, payload, signature, name)


def check(
    account: AlipayAccount,
    texts: Iterable[bytes],
    sign: str,
    algorithm: str,
    ctx: Context,
    sn: str = "",
    *,
    kind: str = certificate_mode.KIND,
) -> None:
    """
    Go on only if Alipay signed one of *texts*.

    :param sn: the certificate that the message names, if it names one.
    :param kind: the credential that holds a certificate which the account does not have.
    :raises SignatureError: it did not, or *sn* is no certificate's number.
    :raises CredentialNeeded: signed with a certificate that is not known (yet).
    :raises ConfigError: the account has no key to verify with.
    """
    if not account.certificate_mode:
        account.verifying_key()
        _one_of(ctx.signer, texts, sign, [algorithm])
        return
    own = account.certificates()
    if sn in own.platform:
        _one_of(ctx.signer, texts, sign, [f"{algorithm}:{sn}"])
        return
    if sn and _SN.fullmatch(sn) is None:
        raise SignatureError("alipay: the message's alipay_cert_sn is none")
    held = ctx.credentials.get(kind)
    if not sn:
        candidates = [f"{algorithm}:{each}" for each in own.platform]
        if account.alipay_public_key:
            account.verifying_key()
            candidates.append(algorithm)
        texts = list(texts)
        try:
            _one_of(ctx.signer, texts, sign, candidates)
        except SignatureError:
            if not sign:
                raise
        else:
            return
    unknown = f"{_UNKNOWN}, {sn}" if sn else _UNKNOWN
    if held is None:
        raise CredentialNeeded(kind, unknown)
    acting = certificate_mode.acting(account, held)
    fetched = {each: known for each, known in acting.certificates().platform.items() if each not in own.platform}
    if sn and sn not in fetched:
        raise CredentialNeeded(kind, unknown)
    serving = [f"{algorithm}:{each}" for each, known in fetched.items() if known.serves(ctx.now)]
    if not serving:
        raise SignatureError(f"{unknown}, or that has expired")
    _one_of(ctx.signer.acting_as(acting), texts, sign, serving)


def _one_of(signer: Signer, texts: Iterable[bytes], sign: str, algorithms: list[str]) -> None:
    problem: SignatureError | None = None
    for text in texts:
        for algorithm in algorithms:
            try:
                signer.check(text, sign, algorithm)
            except SignatureError as exc:
                problem = exc
            else:
                return
    if problem is not None:
        raise problem
