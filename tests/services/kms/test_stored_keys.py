# SPDX-License-Identifier: Apache-2.0
"""Keys in custom key stores: made, used, unavailable, deleted; in real tokens, behind a proxy."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stockade.core.replay import Replay
from stockade.protocol.http import HttpRequest
from stockade.services.kms import hsm_envelope
from stockade.services.kms.envelope import NotABlob
from stockade.store.errors import NotInMemory
from stockade.store.token_uri import TokenUri
from stockade.store.tokens import Token
from tests.services.kms.stores import (
    CLUSTER,
    ExternalKeys,
    Stores,
    hsm_store,
    refused,
    with_cluster,
    with_proxy,
    xks_store,
)
from tests.softhsm import MODULE, PIN, SoftHsm

CONTEXT = {"tenant": "blue", "purpose": "test"}


@pytest.fixture
def hsm(softhsm: SoftHsm) -> Iterator[Stores]:
    with with_cluster(softhsm) as app:
        yield Stores(app)


@pytest.fixture
def token(hsm: Stores) -> Token:
    """The cluster as its owner sees it."""
    return Token(TokenUri(module=MODULE, token="HSM"), PIN)


@pytest.fixture
def external() -> ExternalKeys:
    return ExternalKeys()


@pytest.fixture
def xks(external: ExternalKeys) -> Iterator[Stores]:
    with with_proxy(external) as app:
        yield Stores(app)


class Made:
    """A key in a connected store, of either kind."""

    def __init__(self, stores: Stores, wanted: dict[str, Any], **key: str) -> None:
        self.stores = stores
        self.kms = stores.kms
        self.store_id = stores.connected(wanted)
        self.asked = {"CustomKeyStoreId": self.store_id, **key}
        self.metadata = self.kms.create_key(**self.asked)["KeyMetadata"]
        self.key_id = str(self.metadata["KeyId"])
        self.arn = str(self.metadata["Arn"])


@pytest.fixture(params=["hsm", "xks"])
def made(request: pytest.FixtureRequest) -> Made:
    stores: Stores = request.getfixturevalue(request.param)
    if request.param == "hsm":
        return Made(stores, hsm_store(), Origin="AWS_CLOUDHSM")
    return Made(stores, xks_store(), Origin="EXTERNAL_KEY_STORE", XksKeyId="one")


def test_metadata_of_a_key_in_a_cluster(hsm: Stores, token: Token) -> None:
    made = Made(hsm, hsm_store(), Origin="AWS_CLOUDHSM")
    described = hsm.kms.describe_key(KeyId=made.key_id)["KeyMetadata"]
    assert described["Origin"] == "AWS_CLOUDHSM"
    assert described["CustomKeyStoreId"] == made.store_id
    assert described["CloudHsmClusterId"] == CLUSTER
    assert described["KeyState"] == "Enabled"
    assert "CurrentKeyMaterialId" not in described
    assert "XksKeyConfiguration" not in described
    assert token.key(made.key_id, bytes.fromhex(made.key_id.replace("-", ""))).exists()


def test_metadata_of_a_key_with_an_external_key(xks: Stores, external: ExternalKeys) -> None:
    made = Made(xks, xks_store(), Origin="EXTERNAL_KEY_STORE", XksKeyId="one")
    described = xks.kms.describe_key(KeyId=made.key_id)["KeyMetadata"]
    assert described["Origin"] == "EXTERNAL_KEY_STORE"
    assert described["CustomKeyStoreId"] == made.store_id
    assert described["XksKeyConfiguration"] == {"Id": "one"}
    assert "CloudHsmClusterId" not in described
    assert "CurrentKeyMaterialId" not in described
    path, body = external.asked[-1]
    assert path == "/keys/one/metadata"
    assert body["requestMetadata"]["kmsOperation"] == "CreateKey"


def test_what_is_encrypted_is_decrypted(made: Made) -> None:
    kms = made.kms
    for plaintext in (b"x", b"y" * 4096):
        sealed = kms.encrypt(KeyId=made.key_id, Plaintext=plaintext, EncryptionContext=CONTEXT)
        assert sealed["KeyId"] == made.arn
        blob = sealed["CiphertextBlob"]
        assert plaintext * 2 not in blob * 2 or len(plaintext) == 1
        opened = kms.decrypt(CiphertextBlob=blob, EncryptionContext=CONTEXT)
        assert (opened["Plaintext"], opened["KeyId"]) == (plaintext, made.arn)
        assert "KeyMaterialId" not in opened
    refusal, _ = refused(kms.decrypt, CiphertextBlob=blob, EncryptionContext={"tenant": "red"})
    assert refusal in ("InvalidCiphertextException", "KMSInvalidStateException")
    broken = blob[:-1] + bytes([blob[-1] ^ 1])
    refusal, _ = refused(kms.decrypt, CiphertextBlob=broken, EncryptionContext=CONTEXT)
    assert refusal in ("InvalidCiphertextException", "KMSInvalidStateException")


def test_data_keys_and_other_keys(made: Made) -> None:
    kms = made.kms
    data_key = kms.generate_data_key(KeyId=made.key_id, KeySpec="AES_256")
    assert "KeyMaterialId" not in data_key
    assert (
        kms.decrypt(CiphertextBlob=data_key["CiphertextBlob"])["Plaintext"]
        == (data_key["Plaintext"])
    )
    bare = kms.generate_data_key_without_plaintext(KeyId=made.key_id, NumberOfBytes=24)
    assert len(kms.decrypt(CiphertextBlob=bare["CiphertextBlob"])["Plaintext"]) == 24
    ordinary = kms.create_key()["KeyMetadata"]
    there = kms.re_encrypt(
        CiphertextBlob=data_key["CiphertextBlob"], DestinationKeyId=ordinary["KeyId"]
    )
    assert "SourceKeyMaterialId" not in there
    assert there["DestinationKeyMaterialId"] == ordinary["CurrentKeyMaterialId"]
    back = kms.re_encrypt(CiphertextBlob=there["CiphertextBlob"], DestinationKeyId=made.key_id)
    assert "DestinationKeyMaterialId" not in back
    opened = kms.decrypt(CiphertextBlob=back["CiphertextBlob"])["Plaintext"]
    assert opened == data_key["Plaintext"]
    code, _ = refused(kms.decrypt, CiphertextBlob=back["CiphertextBlob"], KeyId=ordinary["KeyId"])
    assert code == "IncorrectKeyException"


def test_a_disconnected_store_makes_its_keys_unavailable(made: Made) -> None:
    kms, stores = made.kms, made.stores
    blob = kms.encrypt(KeyId=made.key_id, Plaintext=b"kept")["CiphertextBlob"]
    stores.disconnect(made.store_id)
    described = kms.describe_key(KeyId=made.key_id)["KeyMetadata"]
    assert (described["KeyState"], described["Enabled"]) == ("Unavailable", False)
    for call, arguments in (
        (kms.encrypt, {"KeyId": made.key_id, "Plaintext": b"x"}),
        (kms.decrypt, {"CiphertextBlob": blob}),
        (kms.generate_data_key, {"KeyId": made.key_id, "KeySpec": "AES_256"}),
    ):
        code, text = refused(call, **arguments)
        assert code == "KMSInvalidStateException"
        if made.metadata["Origin"] == "AWS_CLOUDHSM":
            assert text == f"{made.arn} is unavailable."
        else:
            assert text.startswith("This KMS key is in a custom key store that is not connected")
    kms.update_key_description(KeyId=made.key_id, Description="while it is away")
    kms.tag_resource(KeyId=made.key_id, Tags=[{"TagKey": "a", "TagValue": "b"}])
    assert refused(kms.create_key, **made.asked)[0] == "CustomKeyStoreInvalidStateException"
    kms.connect_custom_key_store(CustomKeyStoreId=made.store_id)
    stores.settle()
    assert kms.describe_key(KeyId=made.key_id)["KeyMetadata"]["KeyState"] == "Enabled"
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"kept"


def test_a_key_that_was_disabled_stays_so_whatever_its_store_does(made: Made) -> None:
    kms, stores = made.kms, made.stores
    stores.disconnect(made.store_id)
    kms.disable_key(KeyId=made.key_id)
    kms.connect_custom_key_store(CustomKeyStoreId=made.store_id)
    stores.settle()
    assert refused(kms.encrypt, KeyId=made.key_id, Plaintext=b"x")[0] == "DisabledException"
    kms.enable_key(KeyId=made.key_id)
    kms.encrypt(KeyId=made.key_id, Plaintext=b"x")


def test_stores_with_keys_are_not_deleted(made: Made) -> None:
    kms, stores = made.kms, made.stores
    kms.schedule_key_deletion(KeyId=made.key_id, PendingWindowInDays=7)
    stores.disconnect(made.store_id)
    code, _ = refused(kms.delete_custom_key_store, CustomKeyStoreId=made.store_id)
    assert code == "CustomKeyStoreHasCMKsException"
    stores.app.travel(stores.app.clock.now() + timedelta(days=8))
    kms.delete_custom_key_store(CustomKeyStoreId=made.store_id)


def test_the_end_of_the_waiting_period_deletes_the_tokens_key(hsm: Stores, token: Token) -> None:
    made = Made(hsm, hsm_store(), Origin="AWS_CLOUDHSM")
    key = token.key(made.key_id)
    hsm.kms.schedule_key_deletion(KeyId=made.key_id, PendingWindowInDays=7)
    assert key.exists()
    hsm.app.travel(hsm.app.clock.now() + timedelta(days=8))
    assert not key.exists()


def test_a_token_without_its_key_refuses(hsm: Stores, token: Token, softhsm: SoftHsm) -> None:
    made = Made(hsm, hsm_store(), Origin="AWS_CLOUDHSM")
    token.key(made.key_id).destroy()
    code, text = refused(hsm.kms.encrypt, KeyId=made.key_id, Plaintext=b"x")
    assert code == "KMSInvalidStateException"
    assert made.arn in text
    softhsm.delete_token("HSM")
    assert refused(hsm.kms.encrypt, KeyId=made.key_id, Plaintext=b"x")[0] == code
    hsm.kms.schedule_key_deletion(KeyId=made.key_id, PendingWindowInDays=7)
    hsm.app.travel(hsm.app.clock.now() + timedelta(days=8))  # deleted all the same
    assert refused(hsm.kms.describe_key, KeyId=made.key_id)[0] == "NotFoundException"


def test_what_an_external_key_has_to_be(xks: Stores, external: ExternalKeys) -> None:
    made = Made(xks, xks_store(), Origin="EXTERNAL_KEY_STORE", XksKeyId="one")
    create = xks.kms.create_key
    assert refused(create, **made.asked)[0] == "XksKeyAlreadyInUseException"
    asked = {**made.asked, "XksKeyId": "none"}
    assert refused(create, **asked)[0] == "XksKeyNotFoundException"
    external.status = "DISABLED"
    asked["XksKeyId"] = "two"
    assert refused(create, **asked)[0] == "XksKeyInvalidConfigurationException"
    external.status = "ENABLED"
    create(**asked)


def test_a_failing_proxy_refuses_with_its_reason(xks: Stores, external: ExternalKeys) -> None:
    made = Made(xks, xks_store(), Origin="EXTERNAL_KEY_STORE", XksKeyId="one")
    external.failure = (400, "InvalidStateException")
    code, text = refused(xks.kms.encrypt, KeyId=made.key_id, Plaintext=b"x")
    assert code == "KMSInvalidStateException"
    assert text.startswith("The external key associated with this KMS key")


def test_each_origin_takes_its_own_members(hsm: Stores) -> None:
    made = Made(hsm, hsm_store(), Origin="AWS_CLOUDHSM")
    create = hsm.kms.create_key
    store = {"CustomKeyStoreId": made.store_id}
    for asked, expected in (
        (store, "ValidationException"),
        ({"Origin": "AWS_CLOUDHSM"}, "ValidationException"),
        ({**made.asked, "XksKeyId": "one"}, "ValidationException"),
        ({**store, "Origin": "EXTERNAL_KEY_STORE", "XksKeyId": "a"}, "ValidationException"),
        ({**made.asked, "CustomKeyStoreId": "cks-none"}, "CustomKeyStoreNotFoundException"),
        ({**made.asked, "MultiRegion": True}, "UnsupportedOperationException"),
        (
            {**made.asked, "KeySpec": "RSA_2048", "KeyUsage": "SIGN_VERIFY"},
            "UnsupportedOperationException",
        ),
    ):
        assert refused(create, **asked)[0] == expected


def test_random_bytes_of_a_cluster(hsm: Stores) -> None:
    store_id = hsm.connected(hsm_store())
    asked = {"CustomKeyStoreId": store_id, "NumberOfBytes": 64}
    one, two = (hsm.kms.generate_random(**asked)["Plaintext"] for _ in range(2))
    assert len(one) == len(two) == 64
    assert one != two
    hsm.disconnect(store_id)
    assert refused(hsm.kms.generate_random, **asked)[0] == "CustomKeyStoreInvalidStateException"


def test_random_bytes_of_no_proxy(xks: Stores) -> None:
    store_id = xks.connected(xks_store())
    code, _ = refused(xks.kms.generate_random, CustomKeyStoreId=store_id, NumberOfBytes=8)
    assert code == "UnsupportedOperationException"


def test_the_event_loop_never_waits_for_a_store(made: Made) -> None:
    """What memory could answer for an ordinary key goes to a thread for such a key."""
    from stockade.testing.transport import session

    app = made.stores.app
    asked: list[HttpRequest] = []

    class Listening:
        def answer(self, http: HttpRequest) -> Any:
            asked.append(http)
            return app.answer(http)

    kms: Any = session(Listening()).client("kms")
    kms.encrypt(KeyId=made.key_id, Plaintext=b"x")
    held: list[bytes] = []
    with pytest.raises(NotInMemory):
        app.answer_from_memory(asked[-1], held)
    assert held == []


@given(st.binary(max_size=300))
def test_no_bytes_crash_the_parser(data: bytes) -> None:
    for blob in (data, hsm_envelope.VERSION + data):
        with pytest.raises(NotABlob):
            hsm_envelope.open_blob(blob, {}, _refuse)


def _refuse(nonce: bytes, box: bytes, aad: bytes) -> bytes:
    raise NotABlob


def test_a_transaction_that_begins_again_has_the_same_random_bytes() -> None:
    import os

    replay = Replay(os.urandom)
    first = [replay(16), replay(32), replay(12)]
    replay.begin()
    assert [replay(16), replay(32)] == first[:2]
    assert len(replay(28)) == 28  # it went another way: what is left is fresh
    replay.begin()
    assert replay(16) == first[0]
