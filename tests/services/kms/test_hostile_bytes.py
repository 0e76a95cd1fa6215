# SPDX-License-Identifier: Apache-2.0
"""Blobs and attestation documents from strangers: refused in AWS's words, never a fault."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from stockade.app import Stockade
from stockade.config import Settings
from stockade.core.clock import ManualClock
from stockade.services.kms import envelope
from stockade.store.seal import RootKey
from stockade.store.store import Store
from stockade.testing.transport import session
from tests.services.kms.enclave import Enclave

MATERIAL = bytes(range(32))
KEY_ID = "12345678-1234-4234-8234-123456789012"
HEADER = envelope.Header("123456789012", KEY_ID, envelope.material_id(MATERIAL, KEY_ID))
CONTEXT = {"team": "blue"}
BLOB = envelope.seal(MATERIAL, HEADER, b"attack at dawn", CONTEXT, nonce=bytes(range(28)))
ENCLAVE = Enclave()
QUICK = Config(parameter_validation=False, retries={"total_max_attempts": 1})


@st.composite
def spoilt(draw: st.DrawFn, good: bytes) -> bytes:
    """Return `good` with a piece of it replaced by others bytes, or by none."""
    start = draw(st.integers(0, len(good)))
    end = draw(st.integers(start, min(len(good), start + 40)))
    changed = good[:start] + draw(st.binary(max_size=60)) + good[end:]
    return changed if changed != good else good[:-1]


@given(blob=spoilt(BLOB))
def test_a_spoilt_blob_does_not_open(blob: bytes) -> None:
    try:
        envelope.read_header(blob)
    except envelope.NotABlob:
        return
    with pytest.raises(envelope.NotABlob):
        envelope.open_blob(MATERIAL, blob, CONTEXT)


@given(head=st.binary(max_size=150), blob=st.binary(max_size=400))
def test_a_header_is_read_or_refused(head: bytes, blob: bytes) -> None:
    for noise in (blob, envelope.VERSION + blob, envelope.VERSION + head + BLOB):
        try:
            header = envelope.read_header(noise)
        except envelope.NotABlob:
            continue
        assert len(header.key_id) == 36
        assert len(header.material_id) == 64
        with pytest.raises(envelope.NotABlob):
            envelope.open_blob(MATERIAL, noise, CONTEXT)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stockade, Any, str, bytes]]:
    """Yield one deployment for all examples, with a client, a key and one of its blobs."""
    roots: Path = tmp_path_factory.mktemp("roots") / "roots.pem"
    roots.write_bytes(ENCLAVE.root.pem)
    app = Stockade(
        Settings(mode="dev", attestation_roots=roots),
        Store.open("sqlite://"),
        RootKey("memory", bytes(range(32))),
        clock=ManualClock.today(),
    )
    kms = session(app).client("kms", config=QUICK)
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    yield app, kms, key, kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    app.close()


def code_of(call: Any, **arguments: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    response: Any = caught.value.response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 400
    return str(response["Error"]["Code"])


@given(data=st.data())
def test_decrypt_refuses_what_it_did_not_make(
    served: tuple[Stockade, Any, str, bytes], data: st.DataObject
) -> None:
    _, kms, key, blob = served
    hostile = data.draw(spoilt(blob) | st.binary(min_size=1, max_size=300))
    refusals = {"InvalidCiphertextException", "AccessDeniedException", "IncorrectKeyException"}
    assert code_of(kms.decrypt, CiphertextBlob=hostile or b"x") in refusals
    assert code_of(kms.decrypt, CiphertextBlob=hostile or b"x", KeyId=key) in refusals


@given(data=st.data())
def test_recipient_refuses_what_nobody_signed(
    served: tuple[Stockade, Any, str, bytes], data: st.DataObject
) -> None:
    app, kms, _, _ = served
    document = ENCLAVE.document(app.clock.now())
    recipient = {
        "KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256",
        "AttestationDocument": data.draw(spoilt(document)) or b"x",
    }
    code = code_of(kms.generate_random, NumberOfBytes=1, Recipient=recipient)
    assert code == "ValidationException"
