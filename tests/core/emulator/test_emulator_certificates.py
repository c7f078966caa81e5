from __future__ import annotations

import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509 import verification

from tongfu.emulator.certificates import Authority, server_context


def test_the_servers_certificate_passes_a_strict_chain_check() -> None:
    authority = Authority.new("CA")
    leaf = authority.issue("server", ec.generate_private_key(ec.SECP256R1()), hosts=["localhost", "127.0.0.1"])
    store = verification.Store([authority.certificate])
    verifier = verification.PolicyBuilder().store(store).build_server_verifier(x509.DNSName("localhost"))

    assert verifier.verify(leaf, []) == [leaf, authority.certificate]


def test_a_client_certificate_comes_as_pkcs12_under_its_passphrase() -> None:
    clients = Authority.new("clients")
    sealed, der = clients.client_certificate("1900000109", b"pass")
    key, certificate, _ = pkcs12.load_key_and_certificates(sealed, b"pass")

    assert certificate is not None
    assert certificate.public_bytes(serialization.Encoding.DER) == der
    assert key is not None
    assert key.public_key() == certificate.public_key()
    certificate.verify_directly_issued_by(clients.certificate)
    with pytest.raises(ValueError, match="password"):
        pkcs12.load_key_and_certificates(sealed, b"wrong")


def test_the_https_origin_asks_for_a_client_certificate_without_demanding_it() -> None:
    context = server_context(Authority.new("CA"), Authority.new("clients"), "127.0.0.1")

    assert context.verify_mode is ssl.CERT_OPTIONAL


def test_the_key_of_an_authority_is_not_in_its_repr() -> None:
    assert "key" not in repr(Authority.new("CA"))
