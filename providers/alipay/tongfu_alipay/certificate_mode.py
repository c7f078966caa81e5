"""
Certificate mode: the account's certificates, and the one that the platform has changed to.

The gateway says under which certificate it signs, ``alipay_cert_sn``. One that the account does not have is fetched
once, kept as a credential, and believed only where it is Alipay's for the same merchant and the account's roots vouch
for it. Which one to fetch the gateway itself is asked: what a notification names is the choice of whoever sent it.

Source: https://opendocs.alipay.com/common/02mse2 "接口加签方式", and the page of alipay.open.app.alipaycert.download
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from tongfu.call import Call, Context, Credential
from tongfu.errors import ConfigError, MalformedAnswer, SignatureError

from . import certificates, keys
from .certificates import Certificate, Unreadable

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import rsa

    from .account import AlipayAccount

KIND: Final = "alipay_certificate"
# The same for what anybody can send. Who posts made-up numbers has it fetched less and less often, and is not to keep
# the answers to our own calls from being read when Alipay does change its certificate.
NOTICES: Final = "alipay_certificate_of_notices"
KINDS: Final = (KIND, NOTICES)
METHOD: Final = "alipay.open.app.alipaycert.download"
FETCH: Final = f"fetch_{KIND}"
NUMBER: Final = "alipay_cert_sn"
LIFE: Final = timedelta(hours=12)
NEEDED: Final = ("app_cert", "alipay_cert", "alipay_root_cert")


@dataclass(frozen=True, slots=True)
class Certificates:
    """
    An account's, parsed.

    ``platform`` are Alipay's, which messages are verified with; ``anchors`` those that may vouch for another.
    """

    app_cert_sn: str
    alipay_root_cert_sn: str
    platform: Mapping[str, Certificate]
    anchors: Sequence[Certificate]

    def key(self, sn: str) -> rsa.RSAPublicKey | None:
        known = self.platform.get(sn)
        return None if known is None else known.key


def of(account: AlipayAccount) -> Certificates:
    """
    Parse the account's three files.

    :raises ConfigError: one is missing or unreadable, or does not belong with private_key.
    """
    missing = [name for name in NEEDED if not getattr(account, name)]
    if missing:
        raise ConfigError(f"certificate mode needs {', '.join(NEEDED)}; {' and '.join(missing)} missing")
    app = certificates.read("app_cert", account.app_cert or b"")[0]
    if app.key != account.signing_key().public_key():
        raise ConfigError("app_cert: not the certificate of this private_key")
    roots = certificates.read("alipay_root_cert", account.alipay_root_cert or b"")
    signing, issuers = certificates.leaves(certificates.read("alipay_cert", account.alipay_cert or b""))
    for each in signing:
        if each.key == app.key:
            raise ConfigError("alipay_cert: this is the app's own; expected Alipay's, alipayCertPublicKey_RSA2.crt")
        if each.key.key_size < keys.LEAST_BITS[account.sign_type]:
            raise ConfigError(f"alipay_cert: {account.sign_type} needs {keys.LEAST_BITS[account.sign_type]} bits")
    return Certificates(app.sn, certificates.root_sn(roots), {each.sn: each for each in signing}, (*roots, *issuers))


def acting(account: AlipayAccount, held: Credential) -> AlipayAccount:
    """
    The account with the fetched certificate among its own; made once for each credential.

    :raises ConfigError: the credential store holds something else.
    """
    kept = account.acting
    if kept is None or kept[0] != held.value:
        own = account.certificates()
        try:
            pem = json.loads(held.value)["pem"].encode("ascii")
            fetched = {each.sn: each for each in certificates.parse(pem)[:1]} if pem else {}
        except (AttributeError, LookupError, TypeError, ValueError):
            raise ConfigError(f"the credential store holds no certificate under {KIND}") from None
        other = replace(account)
        other.remember(certificates=replace(own, platform={**own.platform, **fetched}))
        kept = (held.value, other)
        account.remember(acting=kept)
    return kept[1]


def fetch(account: AlipayAccount) -> Call[Credential]:
    """
    Learn which certificate the gateway signs with now, and get that.

    The account's own is asked for; the answer's ``alipay_cert_sn`` tells.
    """
    own = account.certificates()
    return _download(account, next(iter(own.platform)), _told)


def _download(account: AlipayAccount, sn: str, finish: Any) -> Call[Credential]:
    return Call(
        FETCH,
        METHOD,
        {"biz_content": {NUMBER: sn}, "plain": True},
        lambda answer, ctx: finish(account, answer, ctx),
        read_only=True,
    )


def _told(account: AlipayAccount, answer: Mapping[str, Any], ctx: Context) -> Call[Credential] | Credential:
    current = answer[NUMBER]
    if current in account.certificates().platform:
        # Nothing newer. An empty one is kept too, so that not every message with a made-up number asks again.
        return Credential(stored(b""), ctx.now + LIFE)
    return _download(account, current, _contained)


def _contained(account: AlipayAccount, answer: Mapping[str, Any], ctx: Context) -> Credential:
    if "pem" not in answer:
        raise SignatureError("alipay: the gateway changed its certificate while it was asked for it")
    return Credential(stored(answer["pem"]), min(ctx.now + LIFE, answer["ends"]))


def stored(pem: bytes) -> str:
    """The credential's value."""
    return json.dumps({"pem": pem.decode("ascii")})


def is_bootstrap(call: Call[Any]) -> bool:
    """Whether the answer to *call* may be signed with the very certificate that is asked for."""
    return call.operation == FETCH and call.endpoint == METHOD


def content(account: AlipayAccount, node: Mapping[str, Any], ctx: Context) -> tuple[bytes, Certificate]:
    """
    The certificate in an answer, with its chain.

    :raises SignatureError: it is not Alipay's for this merchant, or no root vouches for it.
    :raises MalformedAnswer: there is none.
    """
    try:
        pem = base64.b64decode(node["alipay_cert_content"], validate=True)
        pem.decode("ascii")
        found = certificates.parse(pem)
    except (LookupError, TypeError, binascii.Error, ValueError):
        raise MalformedAnswer("alipay: the answer holds no certificate") from None
    if not found:
        raise MalformedAnswer("alipay: the answer holds no RSA certificate")
    own = account.certificates()
    try:
        leaf = certificates.chained(found, own.anchors, ctx.now)
    except Unreadable as exc:
        raise SignatureError(f"alipay: the certificate that was downloaded is not believed: {exc}") from None
    # The same authorities issue the certificates of every merchant's apps, which vouch for nothing of Alipay's.
    if leaf.may_issue or leaf.name not in {each.name for each in own.platform.values()}:
        raise SignatureError(
            "alipay: the certificate that was downloaded is not Alipay's for this merchant; if Alipay has changed its "
            "name in it, download alipay_cert anew from the console"
        )
    if leaf.key == account.signing_key().public_key() or leaf.key.key_size < keys.LEAST_BITS[account.sign_type]:
        raise SignatureError("alipay: the certificate that was downloaded is for the app's own key, or for a short one")
    return pem, leaf
