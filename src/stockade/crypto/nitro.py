# SPDX-License-Identifier: Apache-2.0
"""Attestation documents of Nitro Enclaves and NitroTPM: read, and verified up to a root.

A document is a COSE_Sign1 (RFC 9052), tagged or not, whose payload is a CBOR map. AWS's
specification ("Nitro Enclaves Attestation Process", "Validate a NitroTPM Attestation Document")
says what is checked here:

* ES384, nothing in the unprotected header, a payload of at most 16,384 bytes
* every field: present or optional, its type, its length
* the certificates: `cabundle` from the root down, then `certificate`; the first one is a root that
  is trusted, each signs the next, all are valid now, and only authorities sign
* the signature, with the key of `certificate`
* the age, which AWS leaves to the verifier: five minutes, like KMS's signatures

The two kinds differ in one field: `pcrs` is an enclave's, `nitrotpm_pcrs` an instance's.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import NamedTuple, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from stockade.crypto.cbor import NotCbor, Tagged, Value, decode

LONGEST_AGE = timedelta(minutes=5)
PAYLOAD_LIMIT = 16_384
CERTIFICATE_LIMIT = 1_024
PUBLIC_KEY_LIMIT = 1_024
USER_DATA_LIMIT = 1_024
"""AWS's two pages differ (512, 1,024); the Nitro Security Module lets 1,024 through."""

_COSE_SIGN1 = 18
_ES384_HEADER: Mapping[int | str, Value] = MappingProxyType({1: -35})
_P384_BYTES = 48
_PCR_SIZES = frozenset({32, 48, 64})
_KNOWN_EXTENSIONS = (x509.BasicConstraints, x509.KeyUsage)
_FIELDS = frozenset(
    {"module_id", "digest", "timestamp", "certificate", "cabundle"}
    | {"public_key", "user_data", "nonce"}
)

AWS_ROOT = b"""-----BEGIN CERTIFICATE-----
MIICETCCAZagAwIBAgIRAPkxdWgbkK/hHUbMtOTn+FYwCgYIKoZIzj0EAwMwSTEL
MAkGA1UEBhMCVVMxDzANBgNVBAoMBkFtYXpvbjEMMAoGA1UECwwDQVdTMRswGQYD
VQQDDBJhd3Mubml0cm8tZW5jbGF2ZXMwHhcNMTkxMDI4MTMyODA1WhcNNDkxMDI4
MTQyODA1WjBJMQswCQYDVQQGEwJVUzEPMA0GA1UECgwGQW1hem9uMQwwCgYDVQQL
DANBV1MxGzAZBgNVBAMMEmF3cy5uaXRyby1lbmNsYXZlczB2MBAGByqGSM49AgEG
BSuBBAAiA2IABPwCVOumCMHzaHDimtqQvkY4MpJzbolL//Zy2YlES1BR5TSksfbb
48C8WBoyt7F2Bw7eEtaaP+ohG2bnUs990d0JX28TcPQXCEPZ3BABIeTPYwEoCWZE
h8l5YoQwTcU/9KNCMEAwDwYDVR0TAQH/BAUwAwEB/zAdBgNVHQ4EFgQUkCW1DdkF
R+eWw5b6cp3PmanfS5YwDgYDVR0PAQH/BAQDAgGGMAoGCCqGSM49BAMDA2kAMGYC
MQCjfy+Rocm9Xue4YnwWmNJVA44fA0P5W2OpYow9OYCVRaEevL8uO1XYru5xtMPW
rfMCMQCi85sWBbJwKKXdS6BptQFuZbT73o/gBh1qUxl/nNr12UO8Yfwr6wPLb+6N
IwLz3/Y=
-----END CERTIFICATE-----
"""
"""AWS Nitro Enclaves Root-G1, which AWS publishes; its SHA-256 is AWS_ROOT_FINGERPRINT."""
AWS_ROOT_FINGERPRINT = "641a0321a3e244efe456463195d606317ed7cdcc3c1756e09893f3c68f79bb5b"

T = TypeVar("T")


class NotAttested(Exception):
    """A document that proves nothing, with the reason as the end of a sentence."""


class Attestation(NamedTuple):
    """What a verified document says."""

    module_id: str
    timestamp: datetime
    pcrs: Mapping[int, bytes]
    tpm: bool
    """Whether the registers are a NitroTPM's; otherwise they are an enclave's."""
    public_key: bytes | None
    """DER, as the enclave wrote it."""
    user_data: bytes | None
    nonce: bytes | None


class _Document(NamedTuple):
    attestation: Attestation
    chain: tuple[bytes, ...]
    """DER, from the root down to the certificate that signed."""


def verify(document: bytes, roots: Collection[bytes], now: datetime) -> Attestation:
    """Return what a document says that a certificate below one of `roots` (DER) signed lately."""
    try:
        protected, payload, signature = _sign1(decode(document))
        read = _read(decode(payload))
    except NotCbor as malformed:
        raise NotAttested(f"is malformed: {malformed}") from None
    signer = _signer(read.chain, roots, now)
    _check_signature(signer, protected, payload, signature)
    if abs(now - read.attestation.timestamp) > LONGEST_AGE:
        raise NotAttested("has expired")
    return read.attestation


def _sign1(value: Value) -> tuple[bytes, bytes, bytes]:
    """Return protected header, payload and signature of a COSE_Sign1."""
    if isinstance(value, Tagged) and value.number == _COSE_SIGN1:
        value = value.value
    match value:
        case [bytes(protected), {**unprotected}, bytes(payload), bytes(signature)]:
            pass
        case _:
            raise NotAttested("is no COSE_Sign1 structure")
    if unprotected or decode(protected) != _ES384_HEADER:
        raise NotAttested("is not signed with ES384")
    if not 1 <= len(payload) <= PAYLOAD_LIMIT or len(signature) != 2 * _P384_BYTES:
        raise NotAttested("has a payload or a signature of the wrong length")
    return protected, payload, signature


def _read(value: Value) -> _Document:
    """Return the fields of a payload, each of the type and length that AWS says."""
    if not isinstance(value, dict):
        raise NotAttested("is no map")
    tpm = "nitrotpm_pcrs" in value
    registers = "nitrotpm_pcrs" if tpm else "pcrs"
    if value.keys() - _FIELDS - {registers}:
        raise NotAttested("has fields that AWS does not know")
    if value.get("digest") != "SHA384":
        raise NotAttested("has another digest than SHA384")
    attestation = Attestation(
        module_id=_text(value.get("module_id")),
        timestamp=_moment(value.get("timestamp")),
        pcrs=_pcrs(value.get(registers)),
        tpm=tpm,
        public_key=_optional(value, "public_key", 1, PUBLIC_KEY_LIMIT),
        user_data=_optional(value, "user_data", 0, USER_DATA_LIMIT),
        nonce=_optional(value, "nonce", 0, USER_DATA_LIMIT),
    )
    bundle = value.get("cabundle")
    if not isinstance(bundle, list) or not bundle:
        raise NotAttested("has no cabundle")
    chain = (*bundle, value.get("certificate"))
    return _Document(
        attestation, tuple(_bytes(each, 1, CERTIFICATE_LIMIT, "certificate") for each in chain)
    )


def _text(value: Value) -> str:
    if not isinstance(value, str) or not value:
        raise NotAttested("has no module_id")
    return value


def _moment(value: Value) -> datetime:
    if not isinstance(value, int) or value <= 0:
        raise NotAttested("has no timestamp")
    try:
        return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=value)
    except OverflowError:
        raise NotAttested("has no timestamp") from None


def _pcrs(value: Value) -> Mapping[int, bytes]:
    if not isinstance(value, dict) or not 1 <= len(value) <= 32:
        raise NotAttested("has no platform configuration registers")
    registers: dict[int, bytes] = {}
    for index, content in value.items():
        if not isinstance(index, int) or not 0 <= index < 32:
            raise NotAttested("has a register with an index that is not 0 to 31")
        if not isinstance(content, bytes) or len(content) not in _PCR_SIZES:
            raise NotAttested("has a register that is not 32, 48 or 64 bytes long")
        registers[index] = content
    return registers


def _optional(
    fields: Mapping[int | str, Value], name: str, shortest: int, longest: int
) -> bytes | None:
    """Return a field that may be missing; the Nitro Security Module writes null then."""
    value = fields.get(name)
    return None if value is None else _bytes(value, shortest, longest, name)


def _bytes(value: Value, shortest: int, longest: int, name: str) -> bytes:
    if not isinstance(value, bytes) or not shortest <= len(value) <= longest:
        raise NotAttested(f"has a {name} of the wrong type or length")
    return value


def _signer(chain: tuple[bytes, ...], roots: Collection[bytes], now: datetime) -> x509.Certificate:
    """Return the last certificate of a chain that begins with a trusted root and holds."""
    if chain[0] not in roots:
        raise NotAttested("does not lead to a root certificate that is trusted")
    issuer = _certificate(chain[0], now)
    for below, der in zip(range(len(chain) - 2, -1, -1), chain[1:], strict=True):
        _must_be_authority(issuer, below)
        certificate = _certificate(der, now)
        _must_be_issued(certificate, issuer)
        issuer = certificate
    _must_only_sign(issuer)
    return issuer


def _certificate(der: bytes, now: datetime) -> x509.Certificate:
    try:
        certificate = x509.load_der_x509_certificate(der)
        unknown = [
            extension
            for extension in certificate.extensions
            if extension.critical and not isinstance(extension.value, _KNOWN_EXTENSIONS)
        ]
        begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        raise NotAttested("has a certificate that cannot be read") from None
    if unknown:
        raise NotAttested("has a certificate with a critical extension that nobody knows")
    if not begins <= now <= ends:
        raise NotAttested("has a certificate that is not valid at this time")
    return certificate


def _must_be_authority(issuer: x509.Certificate, below: int) -> None:
    """Refuse an issuer that may not sign certificates, or not `below` authorities under it."""
    constraints = _extension(issuer, x509.BasicConstraints)
    usage = _extension(issuer, x509.KeyUsage)
    if constraints is None or not constraints.ca or usage is None or not usage.key_cert_sign:
        raise NotAttested("has a certificate that somebody signed who is no authority")
    if constraints.path_length is not None and below > constraints.path_length:
        raise NotAttested("has a chain of certificates that is longer than its authority allows")


def _must_be_issued(certificate: x509.Certificate, issuer: x509.Certificate) -> None:
    try:
        if not isinstance(certificate.signature_hash_algorithm, hashes.SHA384):
            raise NotAttested("has a certificate that is not signed with SHA-384")
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
        raise NotAttested("has certificates that do not form a chain") from None


def _must_only_sign(certificate: x509.Certificate) -> None:
    """Refuse a signer whose key is not for signatures, or that is an authority."""
    constraints = _extension(certificate, x509.BasicConstraints)
    usage = _extension(certificate, x509.KeyUsage)
    if usage is None or not usage.digital_signature:
        raise NotAttested("has a certificate that is not for signatures")
    if constraints is not None and (constraints.ca or constraints.path_length is not None):
        raise NotAttested("is signed by an authority itself")


def _extension(certificate: x509.Certificate, kind: type[T]) -> T | None:
    found = [each.value for each in certificate.extensions if isinstance(each.value, kind)]
    return found[0] if found else None


def _check_signature(
    signer: x509.Certificate, protected: bytes, payload: bytes, signature: bytes
) -> None:
    try:
        key = signer.public_key()
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP384R1):
        raise NotAttested("has a certificate without a P-384 key")
    r, s = (int.from_bytes(half, "big") for half in (signature[:48], signature[48:]))
    try:
        key.verify(
            encode_dss_signature(r, s), signed_bytes(protected, payload), ec.ECDSA(hashes.SHA384())
        )
    except InvalidSignature:
        raise NotAttested("is not signed by its certificate") from None


def signed_bytes(protected: bytes, payload: bytes) -> bytes:
    """Return what a COSE_Sign1's signature covers: the Sig_structure without external data."""
    return b"\x84\x6aSignature1" + _byte_string(protected) + b"\x40" + _byte_string(payload)


def _byte_string(content: bytes) -> bytes:
    """Return the CBOR of a byte string of up to 65,535 bytes."""
    length = len(content)
    if length < 24:
        return bytes((0x40 | length,)) + content
    if length < 256:
        return bytes((0x58, length)) + content
    return b"\x59" + length.to_bytes(2, "big") + content
