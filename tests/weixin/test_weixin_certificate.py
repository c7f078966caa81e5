"""The merchant's PKCS#12 in every form people have it, read once, and refused clearly."""

from __future__ import annotations

import base64
import textwrap
import traceback
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.serialization import PrivateFormat, pkcs12

from tongfu import ConfigError
from tongfu.emulator.certificates import Authority
from tongfu_weixin.certificate import client_certificate

MCH_ID = "1900000109"
AUTHORITY = Authority.new("WeChat's")
PFX, DER = AUTHORITY.client_certificate(MCH_ID, MCH_ID.encode())


def test_bytes_base64_and_paths_are_one_certificate(tmp_path: Path) -> None:
    path = tmp_path / "apiclient_cert.p12"
    path.write_bytes(PFX)
    wrapped = "\n".join(textwrap.wrap(base64.b64encode(PFX).decode(), 64)) + "\n"
    first = client_certificate(PFX, MCH_ID)

    assert all(client_certificate(form, MCH_ID) is first for form in (wrapped, wrapped.encode(), path, str(path)))
    leaf, issuer = x509.load_pem_x509_certificates(first.certificate)
    assert (leaf.public_bytes(serialization.Encoding.DER), issuer) == (DER, AUTHORITY.certificate)
    key = serialization.load_pem_private_key(first.private_key, None)
    assert key.public_key() == leaf.public_key()


def test_a_file_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / "apiclient_cert.p12"
    with pytest.raises(ConfigError, match="cannot be read"):
        client_certificate(path, MCH_ID)
    path.write_bytes(PFX)
    first = client_certificate(path, MCH_ID)
    path.unlink()

    assert client_certificate(path, MCH_ID) is first


def test_an_old_encryption_is_read() -> None:
    """What the merchant platform gave for years: triple DES, which OpenSSL 3 itself no longer loads."""
    key, certificate, _ = pkcs12.load_key_and_certificates(PFX, MCH_ID.encode())
    old = (
        PrivateFormat.PKCS12.encryption_builder()
        .key_cert_algorithm(pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC)
        .hmac_hash(hashes.SHA1())
        .build(MCH_ID.encode())
    )
    sealed = pkcs12.serialize_key_and_certificates(b"Tenpay Certificate", key, certificate, None, old)  # type: ignore[arg-type]  # any private key

    assert client_certificate(sealed, MCH_ID).private_key == client_certificate(PFX, MCH_ID).private_key


@pytest.mark.parametrize(
    ("pfx", "mch_id", "reason"),
    [
        (PFX, "1900000110", "password is mch_id"),
        (PFX[:-1], MCH_ID, "not a PKCS#12"),
        (b"junk", MCH_ID, "not a PKCS#12"),
        (b"", MCH_ID, "not a PKCS#12"),
        ("x" * 600 + "!", MCH_ID, "bytes, base64 or a path"),
        (base64.b64encode(b"junk" * 200).decode(), MCH_ID, "not a PKCS#12"),
        ("/no/such/file.p12", MCH_ID, "cannot be read"),
        ("a\0b", MCH_ID, "cannot be read"),
        (Path("/"), MCH_ID, "cannot be read"),
        (AUTHORITY.pem, MCH_ID, "not a PKCS#12"),
    ],
)
def test_what_is_no_certificate_is_refused_without_showing_it(pfx: Any, mch_id: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=f"^pfx: .*{reason}") as caught:
        client_certificate(pfx, mch_id)
    shown = base64.b64encode(pfx).decode() if isinstance(pfx, bytes) and len(pfx) > 9 else "x" * 600

    assert shown not in str(caught.value)


def test_a_certificate_without_its_key_is_refused() -> None:
    alone = pkcs12.serialize_key_and_certificates(
        b"x", None, AUTHORITY.certificate, None, serialization.BestAvailableEncryption(MCH_ID.encode())
    )
    with pytest.raises(ConfigError, match="lacks the private key"):
        client_certificate(alone, MCH_ID)


def test_what_was_pasted_in_a_paths_place_shows_nowhere() -> None:
    try:
        client_certificate("s3cr3t*pfx.p12", MCH_ID)
    except ConfigError as exc:
        told = "".join(traceback.format_exception(exc))
    assert "pfx: the file cannot be read" in told
    assert "s3cr3t" not in told.replace('client_certificate("s3cr3t*pfx.p12", MCH_ID)', "")
