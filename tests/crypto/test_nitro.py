# SPDX-License-Identifier: Apache-2.0
"""Attestation documents: what AWS specifies passes, everything else proves nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import cbor2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st

from stockade.crypto import nitro
from stockade.crypto.nitro import Attestation, NotAttested, verify
from tests.services.kms.enclave import BEGINS, ENDS, PCRS, Authority, Enclave, usage

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
ENCLAVE = Enclave()
ROOTS = frozenset({ENCLAVE.root.der})
DOCUMENT = ENCLAVE.document(NOW)


def verified(document: bytes, now: datetime = NOW) -> Attestation:
    return verify(document, ROOTS, now)


def refused(document: bytes, reason: str, *, now: datetime = NOW, enclave: Any = None) -> None:
    roots = ROOTS if enclave is None else {enclave.root.der}
    with pytest.raises(NotAttested, match=reason):
        verify(document, roots, now)


def test_a_document_says_what_is_in_it() -> None:
    attestation = verified(ENCLAVE.document(NOW, user_data=b"data", nonce=b"nonce"))
    assert attestation == Attestation(
        module_id="i-1234567890abcdef0-enc0123456789abcdef",
        timestamp=NOW,
        pcrs=PCRS,
        tpm=False,
        public_key=ENCLAVE.payload(NOW)["public_key"],
        user_data=b"data",
        nonce=b"nonce",
    )


def test_tagged_and_untagged_are_the_same() -> None:
    payload = cbor2.dumps(ENCLAVE.payload(NOW))
    assert verified(ENCLAVE.signed(payload)) == verified(ENCLAVE.signed(payload, tagged=True))


def test_nitro_writes_open_maps_and_null_for_what_is_absent() -> None:
    fields = ENCLAVE.payload(NOW) | {"public_key": None, "user_data": None, "nonce": None}
    parts = b"".join(cbor2.dumps(name) + cbor2.dumps(value) for name, value in fields.items())
    attestation = verified(ENCLAVE.signed(b"\xbf" + parts + b"\xff"))
    assert attestation[-3:] == (None, None, None)


def test_registers_of_a_nitro_tpm() -> None:
    attestation = verified(ENCLAVE.document(NOW, pcrs=None, nitrotpm_pcrs=PCRS))
    assert attestation.tpm
    assert attestation.pcrs == PCRS
    refused(ENCLAVE.document(NOW, nitrotpm_pcrs=PCRS), "fields that AWS does not know")


def test_aws_root_is_the_published_one() -> None:
    (root,) = x509.load_pem_x509_certificates(nitro.AWS_ROOT)
    assert root.fingerprint(hashes.SHA256()).hex() == nitro.AWS_ROOT_FINGERPRINT
    assert root.subject.rfc4514_string() == "CN=aws.nitro-enclaves,OU=AWS,O=Amazon,C=US"
    root.verify_directly_issued_by(root)


@pytest.mark.parametrize(
    "changes",
    [
        {"module_id": None},
        {"module_id": ""},
        {"module_id": b"bytes"},
        {"digest": "SHA256"},
        {"digest": None},
        {"timestamp": None},
        {"timestamp": 0},
        {"timestamp": -1},
        {"timestamp": "1"},
        {"timestamp": 2**64 - 1},
        {"pcrs": None},
        {"pcrs": {}},
        {"pcrs": [b"\x00" * 48]},
        {"pcrs": {32: b"\x00" * 48}},
        {"pcrs": {-1: b"\x00" * 48}},
        {"pcrs": {"0": b"\x00" * 48}},
        {"pcrs": {0: b"\x00" * 47}},
        {"pcrs": {0: "00" * 24}},
        {"pcrs": dict.fromkeys(range(33), b"\x00" * 48)},
        {"certificate": None},
        {"certificate": b""},
        {"certificate": bytes(1025)},
        {"certificate": bytes(100)},
        {"cabundle": None},
        {"cabundle": []},
        {"cabundle": ENCLAVE.root.der},
        {"cabundle": [ENCLAVE.root.der, b""]},
        {"cabundle": [ENCLAVE.root.der, bytes(1025)]},
        {"cabundle": [ENCLAVE.root.der, 1]},
        {"public_key": b""},
        {"public_key": bytes(1025)},
        {"public_key": "text"},
        {"user_data": bytes(1025)},
        {"nonce": bytes(1025)},
        {"nonce": 1},
        {"more": 1},
    ],
    ids=lambda changes: ",".join(
        f"{name}={type(value).__name__}" for name, value in changes.items()
    ),
)
def test_every_bound_of_the_specification(changes: dict[str, Any]) -> None:
    with pytest.raises(NotAttested):
        verified(ENCLAVE.document(NOW, **changes))


def test_payload_that_is_no_map_or_too_long() -> None:
    refused(ENCLAVE.signed(cbor2.dumps([1])), "is no map")
    refused(ENCLAVE.signed(b""), "wrong length")
    refused(ENCLAVE.signed(bytes(16_385)), "wrong length")
    refused(ENCLAVE.signed(b"\xff"), "is malformed")


def test_header_is_es384_and_nothing_else() -> None:
    payload = cbor2.dumps(ENCLAVE.payload(NOW))
    for header in ({1: -7}, {}, {1: -35, 4: b"x"}, [1, -35]):
        refused(ENCLAVE.signed(payload, protected=cbor2.dumps(header)), "ES384")
    refused(ENCLAVE.signed(payload, protected=b""), "is malformed")
    refused(ENCLAVE.signed(payload, unprotected={4: b"x"}), "ES384")


def test_other_structures_are_refused() -> None:
    parts = cbor2.loads(DOCUMENT)
    structures: tuple[Any, ...] = (
        1,
        {},
        parts[:3],
        [*parts, b""],
        [parts[0], {}, None, parts[3]],
        cbor2.CBORTag(98, parts),
        cbor2.CBORTag(18, cbor2.CBORTag(18, parts)),
    )
    for value in structures:
        refused(cbor2.dumps(value), "is no COSE_Sign1")
    refused(DOCUMENT + b"\x00", "is malformed")
    refused(cbor2.dumps([*parts[:3], parts[3][:95]]), "wrong length")


def test_age_is_five_minutes_at_most() -> None:
    for age in (timedelta(minutes=5), timedelta(minutes=-5)):
        verified(DOCUMENT, NOW + age)
        refused(DOCUMENT, "has expired", now=NOW + age + age / 300)


def test_signature_has_to_be_the_certificates() -> None:
    parts = cbor2.loads(DOCUMENT)
    payload = ENCLAVE.payload(NOW)
    payload["pcrs"] = {0: b"\x09" * 48}
    refused(cbor2.dumps([*parts[:2], cbor2.dumps(payload), parts[3]]), "not signed by its cert")
    for signature in (bytes(96), b"\xff" * 96, parts[3][48:] + parts[3][:48]):
        refused(cbor2.dumps([*parts[:3], signature]), "not signed by its certificate")


def test_another_root_is_not_trusted() -> None:
    refused(Enclave().document(NOW), "root certificate that is trusted")
    refused(ENCLAVE.document(NOW, cabundle=[ENCLAVE.zone.der]), "root certificate that is trusted")


def test_chain_has_to_hold() -> None:
    stranger = Enclave()
    for bundle in (
        [ENCLAVE.root.der],
        [ENCLAVE.root.der, stranger.zone.der],
        [ENCLAVE.root.der, ENCLAVE.zone.der, ENCLAVE.zone.der],
        [ENCLAVE.root.der, ENCLAVE.signer.der],
    ):
        with pytest.raises(NotAttested):
            verified(ENCLAVE.document(NOW, cabundle=bundle))


def lab(**zone: Any) -> Enclave:
    """Return an enclave whose intermediate authority is made in another way."""
    enclave = Enclave()
    enclave.zone = Authority(enclave.root, **{"name": "zone"} | zone)
    enclave.signer = Authority(enclave.zone, name="signer", ca=False)
    return enclave


@pytest.mark.parametrize(
    ("enclave", "reason"),
    [
        (lab(ca=False), "no authority"),
        (lab(key_usage=usage(signs=True, certifies=False)), "no authority"),
        (lab(validity=(BEGINS, NOW - timedelta(seconds=1))), "not valid at this time"),
        (lab(validity=(NOW + timedelta(seconds=1), ENDS)), "not valid at this time"),
        (lab(extra=(x509.InhibitAnyPolicy(0),)), "critical extension"),
        (lab(digest=hashes.SHA256()), "not signed with SHA-384"),
        (Enclave(ca=True), "not for signatures"),
        (Enclave(ca=True, key_usage=usage(signs=True, certifies=True)), "by an authority itself"),
        (Enclave(key=ec.generate_private_key(ec.SECP256R1())), "without a P-384 key"),
        (Enclave(validity=(BEGINS, NOW - timedelta(seconds=1))), "not valid at this time"),
    ],
)
def test_certificates_that_may_not(enclave: Enclave, reason: str) -> None:
    refused(enclave.document(NOW), reason, enclave=enclave)


def test_path_length_is_kept() -> None:
    enclave = Enclave()
    below = Authority(enclave.zone, name="below")  # the zone's path length is 0
    enclave.signer = Authority(below, name="signer", ca=False)
    bundle = [enclave.root.der, enclave.zone.der, below.der]
    refused(enclave.document(NOW, cabundle=bundle), "longer than its authority", enclave=enclave)


def test_rsa_root_of_a_lab_is_taken() -> None:
    enclave = Enclave()
    enclave.root = Authority(key=rsa.generate_private_key(65_537, 2_048))
    enclave.zone = Authority(enclave.root, name="zone")
    enclave.signer = Authority(enclave.zone, name="signer", ca=False)
    assert verify(enclave.document(NOW), {enclave.root.der}, NOW).pcrs == PCRS


# A flipped bit can make a certificate's serial number negative, which the library only warns of.
@pytest.mark.filterwarnings("ignore:Parsed a serial number")
@given(position=st.integers(0, len(DOCUMENT) - 1), bit=st.integers(0, 7))
def test_no_changed_bit_passes(position: int, bit: int) -> None:
    changed = bytearray(DOCUMENT)
    changed[position] ^= 1 << bit
    with pytest.raises(NotAttested):
        verified(bytes(changed))


@given(noise=st.binary(max_size=200), start=st.integers(0, len(DOCUMENT)))
def test_noise_is_refused(noise: bytes, start: int) -> None:
    for document in (noise, DOCUMENT[:start] + noise, b"\x84\x44\xa1\x01\x38\x22\xa0" + noise):
        if document != DOCUMENT:
            with pytest.raises(NotAttested):
                verified(document)


FIELDS = st.recursive(
    st.none() | st.integers(-(2**64), 2**64 - 1) | st.binary(max_size=60) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.integers(0, 40), inner, max_size=3)
    ),
    max_leaves=6,
)
NAMES = [*ENCLAVE.payload(NOW), "user_data", "nitrotpm_pcrs"]


@given(name=st.sampled_from(NAMES), value=FIELDS)
def test_signed_nonsense_raises_nothing_else(name: str, value: Any) -> None:
    try:
        attestation = verified(ENCLAVE.signed(cbor2.dumps(ENCLAVE.payload(NOW) | {name: value})))
    except NotAttested:
        return
    assert all(len(content) in {32, 48, 64} for content in attestation.pcrs.values())


@given(noise=st.binary(max_size=120), cut=st.integers(0, len(ENCLAVE.signer.der)))
def test_certificates_of_noise_raise_nothing_else(noise: bytes, cut: int) -> None:
    certificate = (ENCLAVE.signer.der[:cut] + noise)[:1024] or b"\x00"
    if certificate == ENCLAVE.signer.der:
        return
    for changes in ({"certificate": certificate}, {"cabundle": [ENCLAVE.root.der, certificate]}):
        with pytest.raises(NotAttested):
            verified(ENCLAVE.document(NOW, **changes))
