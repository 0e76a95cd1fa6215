# SPDX-License-Identifier: Apache-2.0
"""Recipient: answers that only an attested enclave or instance can read.

Who calls with a signed attestation document gets `CiphertextForRecipient`, encrypted under the
public key that the document vouches for, in place of the plaintext. The document is verified
before the decision: its registers are condition keys (`kms:RecipientAttestation:...`), and a
document that proves nothing is a ValidationException whoever sends it. The handler gets the
verified document beside its key, or None where the call has no Recipient.

    @kms.operation(access=attested(key_named("kms:GenerateDataKeyPair")))
    def generate_data_key_pair(ctx, key, attestation, *, ..., recipient=None):
        return answer(ctx, attestation, {...}, "PrivateKeyPlaintext")

AWS publishes no texts for documents that it refuses; ours say what is wrong.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, load_der_public_key

from stockade.core.access import ConditionKeys, Resolver, Touched
from stockade.core.context import Context
from stockade.core.operation import Output
from stockade.crypto import cms, nitro
from stockade.crypto.nitro import Attestation
from stockade.services.kms.errors import ValidationException
from stockade.store.errors import NotInMemory

SMALLEST_RSA = 2_048
"""Bits; AWS asks for RSA_2048, larger keys fit into a document too."""

_PREFIX = "kms:recipientattestation:"
_ENCLAVE_PCRS = (1, 2, 3, 4, 8)
_TPM_PCRS = (4, 7, 8, 9, 16, 23)
"""The registers that AWS's records show."""


class AttestationRoots:
    """The root certificates below which documents are signed that count."""

    def __init__(self, pem: bytes = nitro.AWS_ROOT) -> None:
        """Read certificates in PEM; raise ValueError where there are none."""
        certificates = x509.load_pem_x509_certificates(pem)
        self.der = frozenset(each.public_bytes(Encoding.DER) for each in certificates)


def attested(resolve: Resolver) -> Resolver:
    """Return a resolver that verifies the Recipient first and hands it to the handler."""

    def resolve_attested(ctx: Context, params: Mapping[str, Any]) -> Touched:
        recipient = params.get("Recipient")
        if recipient is None:
            touched = resolve(ctx, params)
            touched.resources += (None,)
            return touched
        if ctx.unit.memory_only:  # a chain of signatures takes too long for the event loop
            raise NotInMemory
        attestation = _verified(ctx, recipient)
        touched = resolve(ctx, params)
        touched.resources += (attestation,)
        touched.noted = {"recipient": recorded(attestation)}
        for demand in touched.demands:
            demand.keys = _with_registers(demand.keys, attestation)
        return touched

    return resolve_attested


def answer(
    ctx: Context,
    attestation: Attestation | None,
    output: dict[str, Any],
    member: str = "Plaintext",
) -> Output:
    """Return an answer as it is, or with `member` encrypted for the recipient that attested."""
    if attestation is None:
        return output
    der = attestation.public_key or b""
    output["CiphertextForRecipient"] = cms.enveloped(
        _rsa_key(der),
        hashlib.sha256(der).digest(),
        output.pop(member),
        content_key=ctx.random(cms.CONTENT_KEY_SIZE),
        iv=ctx.random(cms.IV_SIZE),
    )
    output.pop("KeyMaterialId", None)
    return output


def recorded(attestation: Attestation) -> dict[str, str]:
    """Return what the record of a call says of its recipient, in AWS's names."""
    shown = {"attestationDocumentModuleId": attestation.module_id}
    if not attestation.tpm and 0 in attestation.pcrs:
        shown["attestationDocumentEnclaveImageDigest"] = attestation.pcrs[0].hex()
    kind, registers = ("NitroTPM", _TPM_PCRS) if attestation.tpm else ("Enclave", _ENCLAVE_PCRS)
    for index in registers:
        if index in attestation.pcrs:
            shown[f"attestationDocument{kind}PCR{index}"] = attestation.pcrs[index].hex()
    return shown


def registers_of(attestation: Attestation) -> dict[str, str]:
    """Return the condition keys of a document, in lower case, with their values."""
    kind = "nitrotpmpcr" if attestation.tpm else "pcr"
    keys = {f"{_PREFIX}{kind}{index}": content.hex() for index, content in attestation.pcrs.items()}
    if not attestation.tpm and 0 in attestation.pcrs:
        keys[f"{_PREFIX}imagesha384"] = attestation.pcrs[0].hex()
    return keys


def _verified(ctx: Context, recipient: Mapping[str, Any]) -> Attestation:
    """Return what the document of a Recipient proves; both members have to be there."""
    document: bytes | None = recipient.get("AttestationDocument")
    if document is None or "KeyEncryptionAlgorithm" not in recipient:
        raise ValidationException(
            "Recipient must have an AttestationDocument and a KeyEncryptionAlgorithm."
        )
    try:
        attestation = nitro.verify(document, ctx.port(AttestationRoots).der, ctx.now)
    except nitro.NotAttested as refused:
        raise ValidationException(f"The attestation document {refused}.") from None
    _rsa_key(attestation.public_key or b"")
    return attestation


def _rsa_key(der: bytes) -> RSAPublicKey:
    try:
        key = load_der_public_key(der)
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, RSAPublicKey) or key.key_size < SMALLEST_RSA:
        raise ValidationException(
            "The attestation document has no RSA public key of at least 2048 bits."
        )
    return key


def _with_registers(keys: ConditionKeys, attestation: Attestation) -> ConditionKeys:
    registers = registers_of(attestation)

    def find(name: str) -> tuple[str, ...] | None:
        if name.startswith(_PREFIX):
            value = registers.get(name)
            return None if value is None else (value,)
        return keys(name)

    return find
