# SPDX-License-Identifier: Apache-2.0
"""The blob of a key in an external key store: encrypted twice, opened by nobody alone."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stockade.protocol import xks as wire
from stockade.services.kms import envelope, xks_envelope
from stockade.services.kms.envelope import Header, NotABlob
from stockade.services.kms.xks_errors import XksFailure, kms_error

MATERIAL = bytes(range(32))
KEY_ID = "1234abcd-12ab-34cd-56ef-1234567890ab"
KEY = Header("111122223333", KEY_ID, envelope.material_id(MATERIAL, KEY_ID))
CONTEXT = {"project": "nile"}


class Manager:
    """An external key manager that keeps what it is given in clear, with its AAD."""

    def encrypt(self, inner: bytes, aad: bytes) -> wire.Encrypted:
        self.aad = aad
        return wire.Encrypted(
            ciphertext=bytes(each ^ 0xFF for each in inner),
            initialization_vector=bytes(16),
            authentication_tag=bytes(16),
            ciphertext_metadata=b"v1",
        )

    def decrypt(self, outer: wire.Encrypted, aad: bytes) -> bytes:
        if aad != self.aad or outer.ciphertext_metadata != b"v1":
            raise XksFailure("InvalidCiphertextException")
        return bytes(each ^ 0xFF for each in outer.ciphertext)


def sealed(manager: Manager, plaintext: bytes = b"plaintext") -> bytes:
    return xks_envelope.seal(
        MATERIAL, KEY, plaintext, CONTEXT, nonce=bytes(28), encrypt=manager.encrypt
    )


@pytest.fixture
def made() -> tuple[Manager, bytes]:
    manager = Manager()
    return manager, sealed(manager)


def test_a_blob_is_encrypted_twice(made: tuple[Manager, bytes]) -> None:
    manager, blob = made
    assert xks_envelope.is_external(blob)
    assert xks_envelope.read_header(blob) == KEY
    assert xks_envelope.open_blob(MATERIAL, blob, CONTEXT, manager.decrypt) == b"plaintext"
    inner = bytes(each ^ 0xFF for each in blob[-(152 + 9) :])
    assert envelope.open_blob(MATERIAL, inner, CONTEXT) == b"plaintext"
    assert b"plaintext" not in inner


def test_the_longest_plaintext_fits_what_a_proxy_has_to_take() -> None:
    manager = Manager()
    blob = sealed(manager, bytes(4096))
    assert 4096 + envelope.OVERHEAD <= wire.LONGEST_PLAINTEXT
    assert len(blob) <= 6144
    assert len(manager.aad) <= wire.LONGEST_AAD


def test_neither_side_opens_it_alone(made: tuple[Manager, bytes]) -> None:
    manager, blob = made
    for material, context in ((bytes(32), CONTEXT), (MATERIAL, {"project": "blue"})):
        with pytest.raises(XksFailure):
            xks_envelope.open_blob(material, blob, context, manager.decrypt)
    with pytest.raises(XksFailure) as raised:
        xks_envelope.open_blob(MATERIAL, blob, CONTEXT, lambda outer, _: outer.ciphertext)
    assert kms_error(raised.value, "use").message.startswith("The ciphertext that the external key")


@given(place=st.integers(0, 239), change=st.integers(1, 255))
@settings(max_examples=200, deadline=None)
def test_changed_blobs_never_open(place: int, change: int) -> None:
    manager = Manager()
    blob = bytearray(sealed(manager))
    blob[place % len(blob)] ^= change
    # The stand-in looks at no IV and no tag: those are for a real manager to check.
    if not 79 < place < 79 + 1 + 16 + 16:
        with pytest.raises((NotABlob, XksFailure)):
            xks_envelope.open_blob(MATERIAL, bytes(blob), CONTEXT, manager.decrypt)


@given(st.binary(max_size=400) | st.binary(max_size=400).map(lambda rest: b"\x02\x02\x00" + rest))
@settings(max_examples=200, deadline=None)
def test_what_is_no_blob(data: bytes) -> None:
    manager = Manager()
    sealed(manager)
    with pytest.raises((NotABlob, XksFailure)):
        xks_envelope.open_blob(MATERIAL, data, CONTEXT, manager.decrypt)


def test_a_blob_that_is_cut_short(made: tuple[Manager, bytes]) -> None:
    manager, blob = made
    for length in range(len(blob)):
        with pytest.raises((NotABlob, XksFailure)):
            xks_envelope.open_blob(MATERIAL, blob[:length], CONTEXT, manager.decrypt)
