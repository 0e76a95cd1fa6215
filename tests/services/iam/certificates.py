# SPDX-License-Identifier: Apache-2.0
"""Keys and certificates that tests make themselves."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes

DAY = timedelta(days=1)


def ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


def pem(key: CertificateIssuerPrivateKeyTypes) -> str:
    """Return a private key as clear PEM."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def certificate(
    key: CertificateIssuerPrivateKeyTypes,
    name: str = "leaf",
    *,
    issuer: str | None = None,
    issuer_key: CertificateIssuerPrivateKeyTypes | None = None,
    starts: timedelta = -DAY,
    ends: timedelta = 30 * DAY,
) -> str:
    """Return a certificate as PEM, signed by itself unless somebody else issues it."""
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name(issuer or name))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + starts)
        .not_valid_after(now + ends)
        .sign(issuer_key or key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode()


def der(text: str) -> bytes:
    """Return the content of a certificate's PEM."""
    return x509.load_pem_x509_certificate(text.encode()).public_bytes(serialization.Encoding.DER)


def metadata(text: str | None = None, *, root: str = "EntityDescriptor", inner: str = "") -> str:
    """Return metadata of a SAML provider, with a certificate or with other content."""
    shown = base64.b64encode(der(text)).decode() if text else "YWFh"
    key = (
        '<KeyDescriptor use="signing"><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#">'
        f"<X509Data><X509Certificate>{shown}</X509Certificate></X509Data></KeyInfo></KeyDescriptor>"
    )
    protocol = "urn:oasis:names:tc:SAML:2.0:protocol"
    content = inner or (
        f'<IDPSSODescriptor protocolSupportEnumeration="{protocol}">{key}</IDPSSODescriptor>'
    )
    return (
        f'<{root} xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="https://idp.example.com">'
        f"{content}</{root}><!--{'x' * 1000}-->"
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])
