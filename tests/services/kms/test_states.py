# SPDX-License-Identifier: Apache-2.0
"""AWS's key-state table, cell by cell: which operation a key in which state allows.

Cells of operations that are not served yet are skipped as pending: who adds the operation gives it
an entry in CALLS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest
from botocore.exceptions import ClientError
from msgspec.structs import replace

from stockade.app import Stockade
from stockade.crypto.keypairs import generate, load_private, public_der
from stockade.services.kms.resources import KEYS, KeyState, MultiRegion
from stockade.store.resources import Scope
from stockade.testing.transport import session
from tests.services.test_authorization import ACCOUNT

REGION = "us-east-1"
STATES: tuple[KeyState, ...] = (
    "Enabled",
    "Disabled",
    "PendingDeletion",
    "PendingReplicaDeletion",
    "PendingImport",
    "Unavailable",
    "Creating",
    "Updating",
)
MEANING: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "ok": frozenset({""}),
        "D": frozenset({"DisabledException"}),
        "S": frozenset({"KMSInvalidStateException"}),
        "DS": frozenset({"DisabledException", "KMSInvalidStateException"}),
        "U": frozenset({"UnsupportedOperationException"}),
    }
)
"""What the letters of a cell stand for; a cell `-` is of no key that there can be."""

ROWS = (
    # Enabled, Disabled, PendingDeletion and PendingReplicaDeletion, PendingImport, Unavailable,
    # Creating, Updating
    (
        (
            "DeleteAlias DescribeKey GetKeyPolicy ListAliases ListGrants ListKeyPolicies "
            "ListResourceTags PutKeyPolicy RetireGrant RevokeGrant"
        ),
        "ok ok ok ok ok ok ok",
    ),
    (
        (
            "Encrypt Decrypt ReEncryptFrom ReEncryptTo GenerateDataKey GenerateDataKeyPair "
            "GenerateDataKeyPairWithoutPlaintext GenerateDataKeyWithoutPlaintext"
        ),
        "ok D DS S S S ok",
    ),
    ("Sign Verify GenerateMac VerifyMac", "ok D DS - - S ok"),
    ("GetPublicKey", "ok ok DS - - S ok"),  # recorded twice so, though documented as D
    ("DeriveSharedSecret", "ok D DS S - S ok"),
    ("Decapsulate Encapsulate", "ok D DS - - S ok"),
    ("CreateGrant", "ok D DS S ok S ok"),
    (
        "CreateAlias TagResource UntagResource UpdateKeyDescription UpdateAlias",
        "ok ok S ok ok ok ok",
    ),
    ("EnableKey DisableKey", "ok ok S S ok S S"),
    ("EnableKeyRotation DisableKeyRotation", "ok D S - U S ok"),  # keys that are imported: U
    ("GetKeyRotationStatus", "ok ok ok ok U ok ok"),  # recorded so, though documented as U
    ("ScheduleKeyDeletion", "ok ok S ok ok ok S"),
    ("CancelKeyDeletion", "S S ok S S S S"),
    ("GetParametersForImport", "ok ok S ok U S S"),
    ("ImportKeyMaterial", "ok ok S ok U S ok"),
    ("DeleteImportedKeyMaterial", "ok ok ok ok - S S"),
    ("ReplicateKey", "ok D DS S - S S"),
    ("UpdatePrimaryRegion", "ok D DS S - S ok"),
)


class Prepared(NamedTuple):
    """A key, and what was made with it while it was enabled."""

    kms: Any
    key: str
    """Its ARN."""
    other: str
    """An enabled key."""
    alias: str
    grant: str
    blob: bytes
    proof: bytes
    """A signature or an HMAC by the key of `x`, where it makes such."""
    policy: str

    @property
    def which(self) -> dict[str, str]:
        return {"KeyId": self.key}


PUBLIC_KEY = public_der(load_private(generate("ECC_NIST_P256")))
ECDSA: Mapping[str, str] = MappingProxyType({"SigningAlgorithm": "ECDSA_SHA_256"})
HMAC: Mapping[str, str] = MappingProxyType({"MacAlgorithm": "HMAC_SHA_256"})
Call = Callable[[Prepared], Any]
CALLS: Mapping[str, Call] = MappingProxyType(
    {
        "CancelKeyDeletion": lambda it: it.kms.cancel_key_deletion(**it.which),
        "CreateAlias": lambda it: it.kms.create_alias(
            AliasName=f"{it.alias}-new", TargetKeyId=it.key
        ),
        "CreateGrant": lambda it: it.kms.create_grant(
            GranteePrincipal=f"arn:aws:iam::{ACCOUNT}:root", Operations=["Encrypt"], **it.which
        ),
        "Decapsulate": lambda it: it.kms.decapsulate(
            EncapsulationAlgorithm="ML_KEM", SharedSecretCiphertextBlob=bytes(1088), **it.which
        ),
        "Decrypt": lambda it: it.kms.decrypt(CiphertextBlob=it.blob),
        "DeleteAlias": lambda it: it.kms.delete_alias(AliasName=it.alias),
        "DeleteImportedKeyMaterial": lambda it: it.kms.delete_imported_key_material(**it.which),
        "DeriveSharedSecret": lambda it: it.kms.derive_shared_secret(
            KeyAgreementAlgorithm="ECDH", PublicKey=PUBLIC_KEY, **it.which
        ),
        "DescribeKey": lambda it: it.kms.describe_key(**it.which),
        "DisableKey": lambda it: it.kms.disable_key(**it.which),
        "DisableKeyRotation": lambda it: it.kms.disable_key_rotation(**it.which),
        "EnableKey": lambda it: it.kms.enable_key(**it.which),
        "EnableKeyRotation": lambda it: it.kms.enable_key_rotation(**it.which),
        "Encapsulate": lambda it: it.kms.encapsulate(EncapsulationAlgorithm="ML_KEM", **it.which),
        "Encrypt": lambda it: it.kms.encrypt(Plaintext=b"x", **it.which),
        "GenerateDataKey": lambda it: it.kms.generate_data_key(KeySpec="AES_256", **it.which),
        "GenerateDataKeyPair": lambda it: it.kms.generate_data_key_pair(
            KeyPairSpec="ECC_NIST_P256", **it.which
        ),
        "GenerateDataKeyPairWithoutPlaintext": lambda it: (
            it.kms.generate_data_key_pair_without_plaintext(KeyPairSpec="ECC_NIST_P256", **it.which)
        ),
        "GenerateDataKeyWithoutPlaintext": lambda it: it.kms.generate_data_key_without_plaintext(
            KeySpec="AES_256", **it.which
        ),
        "GenerateMac": lambda it: it.kms.generate_mac(Message=b"x", **HMAC, **it.which),
        "GetKeyPolicy": lambda it: it.kms.get_key_policy(**it.which),
        "GetKeyRotationStatus": lambda it: it.kms.get_key_rotation_status(**it.which),
        "GetParametersForImport": lambda it: it.kms.get_parameters_for_import(
            WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_2048", **it.which
        ),
        "GetPublicKey": lambda it: it.kms.get_public_key(**it.which),
        "ListAliases": lambda it: it.kms.list_aliases(**it.which),
        "ListGrants": lambda it: it.kms.list_grants(**it.which),
        "ListKeyPolicies": lambda it: it.kms.list_key_policies(**it.which),
        "ListResourceTags": lambda it: it.kms.list_resource_tags(**it.which),
        "PutKeyPolicy": lambda it: it.kms.put_key_policy(Policy=it.policy, **it.which),
        "ReEncryptFrom": lambda it: it.kms.re_encrypt(
            CiphertextBlob=it.blob, DestinationKeyId=it.other
        ),
        "ReEncryptTo": lambda it: it.kms.re_encrypt(
            CiphertextBlob=it.kms.encrypt(KeyId=it.other, Plaintext=b"x")["CiphertextBlob"],
            DestinationKeyId=it.key,
        ),
        "ReplicateKey": lambda it: it.kms.replicate_key(ReplicaRegion=ELSEWHERE, **it.which),
        "RetireGrant": lambda it: it.kms.retire_grant(GrantId=it.grant, **it.which),
        "RevokeGrant": lambda it: it.kms.revoke_grant(GrantId=it.grant, **it.which),
        "ScheduleKeyDeletion": lambda it: it.kms.schedule_key_deletion(**it.which),
        "Sign": lambda it: it.kms.sign(Message=b"x", **ECDSA, **it.which),
        "TagResource": lambda it: it.kms.tag_resource(
            Tags=[{"TagKey": "a", "TagValue": "1"}], **it.which
        ),
        "UntagResource": lambda it: it.kms.untag_resource(TagKeys=["a"], **it.which),
        "UpdateAlias": lambda it: it.kms.update_alias(
            AliasName=f"{it.alias}-other", TargetKeyId=it.key
        ),
        "UpdatePrimaryRegion": lambda it: it.kms.update_primary_region(
            PrimaryRegion=ELSEWHERE, **it.which
        ),
        "UpdateKeyDescription": lambda it: it.kms.update_key_description(
            Description="new", **it.which
        ),
        "Verify": lambda it: it.kms.verify(Message=b"x", Signature=it.proof, **ECDSA, **it.which),
        "VerifyMac": lambda it: it.kms.verify_mac(Message=b"x", Mac=it.proof, **HMAC, **it.which),
    }
)


ELSEWHERE = "eu-west-1"
KINDS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "DeleteImportedKeyMaterial": {"origin": "EXTERNAL"},
        "GetParametersForImport": {"origin": "EXTERNAL"},
        "ReplicateKey": {"multi_region": MultiRegion(primary=REGION)},
        "UpdatePrimaryRegion": {"multi_region": MultiRegion(primary=REGION, replicas=(ELSEWHERE,))},
    }
)
"""What a key has to be for an operation; the others are for every key."""
ML_KEM: Mapping[str, str] = MappingProxyType(
    {"KeySpec": "ML_KEM_768", "KeyUsage": "ENCAPSULATE_DECAPSULATE"}
)
SIGNING: Mapping[str, str] = MappingProxyType(
    {"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY"}
)
AUTHENTICATING: Mapping[str, str] = MappingProxyType(
    {"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"}
)
CREATED: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "Decapsulate": ML_KEM,
        "DeriveSharedSecret": {"KeySpec": "ECC_NIST_P256", "KeyUsage": "KEY_AGREEMENT"},
        "Encapsulate": ML_KEM,
        "GenerateMac": AUTHENTICATING,
        "GetPublicKey": SIGNING,
        "Sign": SIGNING,
        "Verify": SIGNING,
        "VerifyMac": AUTHENTICATING,
    }
)
"""How a key is made for an operation that wants another one than a symmetric key."""


def cells() -> Iterator[Any]:
    """Yield operation, state and what the table has for them."""
    for operations, row in ROWS:
        enabled, disabled, deletion, *rest = row.split()
        expected = (enabled, disabled, deletion, deletion, *rest)
        for operation in operations.split():
            pending = pytest.mark.skip(reason=f"pending: {operation} has no call here yet")
            for state, cell in zip(STATES, expected, strict=True):
                marks = () if operation in CALLS else (pending,)
                if cell != "-":
                    yield pytest.param(
                        operation, state, cell, marks=marks, id=f"{operation}-{state}"
                    )


@pytest.fixture(scope="module")
def stockade() -> Iterator[Stockade]:
    """One deployment for all: every cell has a key of its own."""
    app = Stockade.in_memory(account=ACCOUNT)
    yield app
    app.close()


@pytest.fixture(scope="module")
def kms(stockade: Stockade) -> Any:
    return session(stockade).client("kms")


def prepare(kms: Any, operation: str) -> Prepared:
    """Make a key with all that an operation may need."""
    kind = CREATED.get(operation, {})
    other = kms.create_key()["KeyMetadata"]["Arn"]
    key = kms.create_key(**kind)["KeyMetadata"]["Arn"]
    alias = f"alias/{key[-12:]}"
    kms.create_alias(AliasName=alias, TargetKeyId=key)
    kms.create_alias(AliasName=f"{alias}-other", TargetKeyId=other)
    grant = kms.create_grant(
        KeyId=key, GranteePrincipal=f"arn:aws:iam::{ACCOUNT}:root", Operations=["DescribeKey"]
    )
    return Prepared(
        kms=kms,
        key=key,
        other=other,
        alias=alias,
        grant=grant["GrantId"],
        blob=kms.encrypt(KeyId=other if kind else key, Plaintext=b"x")["CiphertextBlob"],
        proof=prove(kms, key, kind),
        policy=kms.get_key_policy(KeyId=key)["Policy"],
    )


def prove(kms: Any, key: str, kind: Mapping[str, str]) -> bytes:
    """Return a signature or an HMAC of `x`, or nothing of a key that makes none."""
    if kind is SIGNING:
        return bytes(kms.sign(KeyId=key, Message=b"x", **ECDSA)["Signature"])
    if kind is AUTHENTICATING:
        return bytes(kms.generate_mac(KeyId=key, Message=b"x", **HMAC)["Mac"])
    return b""


def put_into(stockade: Stockade, key_arn: str, state: KeyState, operation: str) -> None:
    """Put a key into a state, whatever would have led there, of the kind an operation is for."""
    kind = KINDS.get(operation, {})
    scope, key_id = Scope(ACCOUNT, REGION), key_arn.rpartition("/")[2]
    with stockade.store.write() as unit:
        key = unit.get(KEYS, scope, key_id)
        assert key is not None
        unit.put(KEYS, scope, replace(key, state=state, **kind))
        if operation == "UpdatePrimaryRegion":
            replica = replace(key, region=ELSEWHERE, **kind)
            unit.put(KEYS, replica.scope, replica)


@pytest.mark.parametrize(("operation", "state", "cell"), list(cells()))
def test_cell(stockade: Stockade, kms: Any, operation: str, state: KeyState, cell: str) -> None:
    prepared = prepare(kms, operation)
    put_into(stockade, prepared.key, state, operation)
    code, text = "", ""
    try:
        CALLS[operation](prepared)
    except ClientError as error:
        code, text = error.response["Error"]["Code"], error.response["Error"]["Message"]
    assert code in MEANING[cell]
    if code in ("DisabledException", "KMSInvalidStateException"):
        assert text.startswith(f"{prepared.key} is ")


def test_every_call_is_of_an_operation_of_the_table() -> None:
    assert set(CALLS) <= {name for operations, _ in ROWS for name in operations.split()}
