"""Self-made certificates whose names look like the platform's: a root, the app's and Alipay's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "CN"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Ant Financial"),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "Certification Authority"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def certificates(app_id: str, app_key: rsa.RSAPrivateKey, alipay_key: rsa.RSAPrivateKey) -> dict[str, str]:
    """``app_cert``, ``alipay_cert`` and ``alipay_root_cert``, PEM."""
    root_key = rsa.generate_private_key(65537, 2048)
    root_name = _name("Emulated Financial Certification Authority R1")
    start = datetime.now(UTC) - timedelta(days=1)

    def certificate(name: x509.Name, key: rsa.RSAPublicKey) -> str:
        built = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(root_name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + timedelta(days=3650))
            .add_extension(x509.BasicConstraints(ca=name == root_name, path_length=None), critical=True)
            .sign(root_key, hashes.SHA256())
        )
        return built.public_bytes(serialization.Encoding.PEM).decode()

    return {
        "app_cert": certificate(_name(f"{app_id}-app"), app_key.public_key()),
        "alipay_cert": certificate(_name("Emulated Alipay"), alipay_key.public_key()),
        "alipay_root_cert": certificate(root_name, root_key.public_key()),
    }
