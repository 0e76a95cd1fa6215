# SPDX-License-Identifier: Apache-2.0
"""An enclave of our own: a root, a chain below it, and documents signed as the Nitro system does.

What AWS specifies for certificates and documents is the default; every test changes what it needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import cbor2
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from stockade.crypto.nitro import signed_bytes

ES384 = cbor2.dumps({1: -35})
BEGINS, ENDS = datetime(2019, 10, 28, tzinfo=UTC), datetime(2049, 10, 28, tzinfo=UTC)
PCRS = {0: bytes(range(48)), 1: b"\x01" * 48, 2: b"\x02" * 48, 4: b"\x04" * 48}
_RSA = rsa.generate_private_key(65_537, 2_048)

Key = ec.EllipticCurvePrivateKey


def usage(*, signs: bool, certifies: bool) -> x509.KeyUsage:
    """Return the KeyUsage extension of an authority, or of a signer."""
    return x509.KeyUsage(
        digital_signature=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certifies,
        crl_sign=certifies,
        encipher_only=False,
        decipher_only=False,
    )


class Authority:
    """A key with its certificate, which may issue others."""

    def __init__(
        self,
        issuer: Authority | None = None,
        *,
        key: Any = None,
        name: str = "lab.nitro-enclaves",
        ca: bool = True,
        path_length: int | None = None,
        key_usage: x509.KeyUsage | None = None,
        validity: tuple[datetime, datetime] = (BEGINS, ENDS),
        extra: tuple[x509.ExtensionType, ...] = (),
        digest: hashes.SHA256 | hashes.SHA384 | None = None,
    ) -> None:
        self.key = ec.generate_private_key(ec.SECP384R1()) if key is None else key
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        parent = issuer or self
        builder = (
            x509.CertificateBuilder()
            .subject_name(self.name)
            .issuer_name(parent.name)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(validity[0])
            .not_valid_after(validity[1])
            .add_extension(x509.BasicConstraints(ca=ca, path_length=path_length), critical=True)
            .add_extension(key_usage or usage(signs=not ca, certifies=ca), critical=True)
        )
        for extension in extra:
            builder = builder.add_extension(extension, critical=True)
        self.certificate = builder.sign(parent.key, digest or hashes.SHA384())

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)


class Enclave:
    """An enclave (or an instance with a NitroTPM) below a root of its own."""

    def __init__(self, **signer: Any) -> None:
        self.root = Authority()
        self.zone = Authority(self.root, name="zone", path_length=0)
        made: dict[str, Any] = {"name": "i-1-enc2", "ca": False} | signer
        self.signer = Authority(self.zone, **made)
        self.rsa = _RSA

    def payload(self, now: datetime, **changes: Any) -> dict[str, Any]:
        """Return the fields of a document; a change to None takes a field out."""
        fields = {
            "module_id": "i-1234567890abcdef0-enc0123456789abcdef",
            "digest": "SHA384",
            "timestamp": (now - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1),
            "pcrs": PCRS,
            "certificate": self.signer.der,
            "cabundle": [self.root.der, self.zone.der],
            "public_key": spki(self.rsa.public_key()),
            "user_data": None,
            "nonce": b"",
        } | changes
        return {name: value for name, value in fields.items() if value is not None}

    def document(self, now: datetime, **changes: Any) -> bytes:
        """Return a signed document of this moment."""
        return self.signed(cbor2.dumps(self.payload(now, **changes)))

    def signed(
        self,
        payload: bytes,
        *,
        protected: bytes = ES384,
        unprotected: Mapping[Any, Any] | None = None,
        tagged: bool = False,
    ) -> bytes:
        """Return any payload as a COSE_Sign1."""
        der = self.signer.key.sign(signed_bytes(protected, payload), ec.ECDSA(hashes.SHA384()))
        signature = b"".join(part.to_bytes(48, "big") for part in decode_dss_signature(der))
        parts = [protected, unprotected or {}, payload, signature]
        return cbor2.dumps(cbor2.CBORTag(18, parts) if tagged else parts)

    def recipient(self, now: datetime, **changes: Any) -> dict[str, Any]:
        """Return the Recipient of a request."""
        return {
            "KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256",
            "AttestationDocument": self.document(now, **changes),
        }

    def opened_key(self, encrypted: bytes) -> bytes:
        """Return the content key that was encrypted for this enclave."""
        oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
        return self.rsa.decrypt(encrypted, oaep)


def spki(key: Any) -> bytes:
    """Return a public key as DER."""
    encoded: bytes = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return encoded
