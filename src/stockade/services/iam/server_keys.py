# SPDX-License-Identifier: Apache-2.0
"""What a server certificate has to be: readable, in its time, with its own key, its chain whole."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from stockade.services.iam.credential_errors import KeyPairMismatch, MalformedCertificate

UNREADABLE = (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion)
"""What the library raises of certificates and keys that are none, or that it does not know."""


def read_server_certificate(body: str, chain: str, now: datetime) -> x509.Certificate:
    """Return a certificate that counts at this moment, or raise what AWS says of it."""
    try:
        certificate = x509.load_pem_x509_certificate(body.encode())
        certificate.public_key()
    except UNREADABLE:
        raise MalformedCertificate(
            "Unable to parse certificate. Please ensure the certificate is in PEM format."
        ) from None
    if certificate.not_valid_after_utc < now:
        raise MalformedCertificate(
            "Certificate is no longer valid. The 'Not After' date restriction on the certificate "
            "has passed."
        )
    if certificate.not_valid_before_utc > now:
        raise MalformedCertificate(
            "Certificate is not yet valid. The 'Not Before' date restriction on the certificate "
            "has not passed."
        )
    if chain:
        _check_chain(certificate, chain)
    return certificate


def check_pair(certificate: x509.Certificate, private_key: str) -> None:
    """Raise where a private key is none in clear PEM, or not the certificate's."""
    try:
        key = load_pem_private_key(private_key.encode(), None)
    except UNREADABLE:
        raise MalformedCertificate(
            "Unable to parse private key. Please ensure the private key is in PEM format and is "
            "not encrypted."
        ) from None
    mine, theirs = (
        each.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        for each in (key.public_key(), certificate.public_key())
    )
    if mine != theirs:
        raise KeyPairMismatch(
            "The private key did not match the public key provided. Please verify the key material "
            "and try again."
        )


def _check_chain(certificate: x509.Certificate, chain: str) -> None:
    """Raise where a certificate of the chain has not signed the one before it."""
    try:
        issuers = x509.load_pem_x509_certificates(chain.encode())
    except UNREADABLE:
        # What AWS answers here has no message.
        raise MalformedCertificate from None
    for index, (signed, issuer) in enumerate(pairwise((certificate, *issuers))):
        if not _issued(signed, issuer):
            # AWS counts the first as -1.
            raise MalformedCertificate(
                "Unable to validate certificate chain. The certificate chain must start with the "
                "immediate signing certificate, followed by any intermediaries in order. The index "
                f"within the chain of the invalid certificate is: {index or -1}"
            )


def _issued(signed: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        signed.verify_directly_issued_by(issuer)
    except (*UNREADABLE, InvalidSignature):
        return False
    return True
