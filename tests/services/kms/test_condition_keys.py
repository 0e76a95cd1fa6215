# SPDX-License-Identifier: Apache-2.0
"""Every condition key of KMS, proven through the API.

A case is a call that has the key with one value. A user whose permission asks for that value may
make the call, one whose permission asks for another may not, nor one to whom that value is denied.
Cases whose operation is not served yet are skipped and begin to count with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from stockade import app as composition
from stockade.app import Stockade, services
from stockade.config import Settings
from stockade.core.clock import ManualClock
from stockade.policy.actions import table
from stockade.services.kms.policies import default_policy
from stockade.store.seal import RootKey
from stockade.store.store import Store
from stockade.testing.transport import session
from tests.services.kms.enclave import Enclave
from tests.services.test_authorization import allow, deny, policy
from tests.services.test_between_services import parameter_store

ACCOUNT = "000000000000"
ENCLAVE = Enclave()
REGISTERS = {index: bytes([index]) * 48 for index in range(32)}
QUICK = Config(parameter_validation=False, retries={"total_max_attempts": 1})
ROLE = f"arn:aws:iam::{ACCOUNT}:role/role"
WHEN = datetime(2026, 12, 31, tzinfo=UTC)

NEWER = frozenset(
    {
        "kms:GrantConstraintSourceArn",
        "kms:GranteeServicePrincipal",
        "kms:RetiringServicePrincipal",
    }
)
"""Keys of March 2026 (AWS's document history), which the table does not have yet."""


class Case(NamedTuple):
    """A call that has a condition key."""

    key: str
    operation: str
    params: Mapping[str, Any]
    value: str
    other: str = "other"
    operator: str = "StringEquals"


def on(operation: str, key: str, value: str, other: str = "other", **params: Any) -> Case:
    """Return a case on the key of the test."""
    kind = next(kind for name, kind in every_key().items() if name.lower() == family(key.lower()))
    operator = {
        "ArrayOfString": "ForAnyValue:StringEquals",
        "Bool": "Bool",
        "Date": "DateEquals",
        "Numeric": "NumericEquals",
    }.get(kind, "StringEquals")
    return Case(key, operation, {"KeyId": "KEY"} | params, value, other, operator)


def family(key: str) -> str:
    """Return a key as AWS's table spells it, with its placeholder."""
    for head, placeholder in (
        ("aws:requesttag/", "${tagkey}"),
        ("aws:resourcetag/", "${tagkey}"),
        ("kms:encryptioncontext:", "${encryptioncontextkey}"),
    ):
        if key.startswith(head):
            return head + placeholder
    return key


def every_key() -> dict[str, str]:
    """Return the condition keys of AWS's table with their types, and the newer ones."""
    return table().services["kms"].keys | dict.fromkeys(NEWER, "String")


ENCRYPTION: dict[str, Any] = {"Plaintext": b"x", "EncryptionContext": {"Team": "blue"}}
MOVE: dict[str, Any] = {"CiphertextBlob": "BLOB", "DestinationKeyId": "KEY", "KeyId": None}
GRANT: dict[str, Any] = {
    "GranteePrincipal": ROLE,
    "RetiringPrincipal": ROLE,
    "Operations": ["Decrypt"],
    "Constraints": {"EncryptionContextSubset": {"Team": "blue"}},
}
SERVICE_GRANT: dict[str, Any] = {
    "GranteeServicePrincipal": "rds.amazonaws.com",
    "RetiringServicePrincipal": "rds.amazonaws.com",
    "Operations": ["Decrypt"],
    "Constraints": {"SourceArn": f"arn:aws:rds:us-east-1:{ACCOUNT}:db:db"},
}
IMPORT: dict[str, Any] = {
    "ImportToken": b"x",
    "EncryptedKeyMaterial": b"x",
    "ValidTo": WHEN,
    "ExpirationModel": "KEY_MATERIAL_EXPIRES",
}
WRAPPING: dict[str, Any] = {
    "WrappingAlgorithm": "RSAES_OAEP_SHA_256",
    "WrappingKeySpec": "RSA_2048",
}
SIGNING: dict[str, Any] = {"Message": b"x", "SigningAlgorithm": "ECDSA_SHA_256"}
PUTTING: dict[str, Any] = {
    "Policy": default_policy(ACCOUNT),
    "BypassPolicyLockoutSafetyCheck": True,
}
CREATING: dict[str, Any] = {"KeyId": None, "Tags": [{"TagKey": "team", "TagValue": "blue"}]}

CASES = (
    on("tag_resource", "aws:RequestTag/Team", "blue", Tags=CREATING["Tags"]),
    on("create_key", "aws:RequestTag/team", "blue", **CREATING),
    on("describe_key", "aws:ResourceTag/Team", "blue"),
    on("untag_resource", "aws:TagKeys", "team", TagKeys=["team"]),
    on("tag_resource", "aws:TagKeys", "team", Tags=CREATING["Tags"]),
    on("put_key_policy", "kms:BypassPolicyLockoutSafetyCheck", "true", "false", **PUTTING),
    on("describe_key", "kms:CallerAccount", ACCOUNT, "111122223333"),
    on("create_key", "kms:CallerAccount", ACCOUNT, "111122223333", KeyId=None),
    on("describe_key", "kms:CustomerMasterKeySpec", "SYMMETRIC_DEFAULT"),
    on("create_key", "kms:CustomerMasterKeySpec", "SYMMETRIC_DEFAULT", KeyId=None),
    on("describe_key", "kms:CustomerMasterKeyUsage", "ENCRYPT_DECRYPT"),
    on("create_key", "kms:CustomerMasterKeyUsage", "ENCRYPT_DECRYPT", KeyId=None),
    on("generate_data_key_pair", "kms:DataKeyPairSpec", "RSA_2048", KeyPairSpec="RSA_2048"),
    on("encrypt", "kms:EncryptionAlgorithm", "SYMMETRIC_DEFAULT", **ENCRYPTION),
    on("generate_data_key", "kms:EncryptionAlgorithm", "SYMMETRIC_DEFAULT", KeySpec="AES_256"),
    on("encrypt", "kms:EncryptionContext:team", "blue", **ENCRYPTION),
    on("create_grant", "kms:EncryptionContext:team", "blue", **GRANT),
    on("encrypt", "kms:EncryptionContextKeys", "Team", **ENCRYPTION),
    on("create_grant", "kms:EncryptionContextKeys", "Team", **GRANT),
    on("import_key_material", "kms:ExpirationModel", "KEY_MATERIAL_EXPIRES", **IMPORT),
    on("create_grant", "kms:GrantConstraintType", "EncryptionContextSubset", **GRANT),
    on(
        "create_grant",
        "kms:GrantConstraintSourceArn",
        f"arn:aws:rds:us-east-1:{ACCOUNT}:db:db",
        **SERVICE_GRANT,
    ),
    on("create_grant", "kms:GrantIsForAWSResource", "false", "true", **GRANT),
    on("list_grants", "kms:GrantIsForAWSResource", "false", "true"),
    on("create_grant", "kms:GrantOperations", "Decrypt", **GRANT),
    on("create_grant", "kms:GranteePrincipal", ROLE, **GRANT),
    on("create_grant", "kms:GranteeServicePrincipal", "rds.amazonaws.com", **SERVICE_GRANT),
    on(
        "derive_shared_secret",
        "kms:KeyAgreementAlgorithm",
        "ECDH",
        KeyAgreementAlgorithm="ECDH",
        PublicKey=b"x",
    ),
    on("describe_key", "kms:KeyOrigin", "AWS_KMS", "EXTERNAL"),
    on("create_key", "kms:KeyOrigin", "EXTERNAL", "AWS_KMS", KeyId=None, Origin="EXTERNAL"),
    on("describe_key", "kms:KeySpec", "SYMMETRIC_DEFAULT"),
    on(
        "create_key", "kms:KeySpec", "RSA_2048", "SYMMETRIC_DEFAULT", KeyId=None, KeySpec="RSA_2048"
    ),
    on("describe_key", "kms:KeyUsage", "ENCRYPT_DECRYPT"),
    on("create_key", "kms:KeyUsage", "SIGN_VERIFY", KeyId=None, KeyUsage="SIGN_VERIFY"),
    on(
        "generate_mac",
        "kms:MacAlgorithm",
        "HMAC_SHA_256",
        Message=b"x",
        MacAlgorithm="HMAC_SHA_256",
    ),
    on("sign", "kms:MessageType", "RAW", "DIGEST", **SIGNING),
    on(
        "verify",
        "kms:MessageType",
        "DIGEST",
        "RAW",
        Signature=b"x",
        MessageType="DIGEST",
        **SIGNING,
    ),
    on("describe_key", "kms:MultiRegion", "true", "false", KeyId="MRK"),
    on("describe_key", "kms:MultiRegion", "false", "true"),
    on("create_key", "kms:MultiRegion", "true", "false", KeyId=None, MultiRegion=True),
    on("describe_key", "kms:MultiRegionKeyType", "PRIMARY", "REPLICA", KeyId="MRK"),
    on("create_key", "kms:MultiRegionKeyType", "PRIMARY", "REPLICA", KeyId=None, MultiRegion=True),
    on(
        "update_primary_region",
        "kms:PrimaryRegion",
        "eu-west-1",
        KeyId="MRK",
        PrimaryRegion="eu-west-1",
    ),
    on("re_encrypt", "kms:ReEncryptOnSameKey", "true", "false", **MOVE),
    on(
        "re_encrypt",
        "kms:ReEncryptOnSameKey",
        "false",
        "true",
        **MOVE | {"DestinationKeyId": "MRK"},
    ),
    on("replicate_key", "kms:ReplicaRegion", "eu-west-1", KeyId="MRK", ReplicaRegion="eu-west-1"),
    on("describe_key", "kms:RequestAlias", "alias/project", KeyId="alias/project"),
    on("describe_key", "kms:ResourceAliases", "alias/project"),
    on("create_grant", "kms:RetiringPrincipal", ROLE, **GRANT),
    on("create_grant", "kms:RetiringServicePrincipal", "rds.amazonaws.com", **SERVICE_GRANT),
    on("enable_key_rotation", "kms:RotationPeriodInDays", "180", "365", RotationPeriodInDays=180),
    on("enable_key_rotation", "kms:RotationPeriodInDays", "365", "180"),
    on(
        "schedule_key_deletion",
        "kms:ScheduleKeyDeletionPendingWindowInDays",
        "7",
        "30",
        PendingWindowInDays=7,
    ),
    on("schedule_key_deletion", "kms:ScheduleKeyDeletionPendingWindowInDays", "30", "7"),
    on("sign", "kms:SigningAlgorithm", "ECDSA_SHA_256", **SIGNING),
    on(
        "import_key_material",
        "kms:ValidTo",
        "2026-12-31T00:00:00Z",
        "2027-12-31T00:00:00Z",
        **IMPORT,
    ),
    on("get_parameters_for_import", "kms:WrappingAlgorithm", "RSAES_OAEP_SHA_256", **WRAPPING),
    on("get_parameters_for_import", "kms:WrappingKeySpec", "RSA_2048", **WRAPPING),
)
ELSEWHERE = {"kms:ViaService"} | {
    name for name in every_key() if name.startswith("kms:RecipientAttestation:")
}
"""Keys with tests of their own below."""


@pytest.fixture
def stockade(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stockade]:
    """Yield a deployment that trusts our enclaves and has a service that calls KMS."""
    known = composition.services()
    monkeypatch.setattr(composition, "services", lambda: {**known, "ssm": parameter_store()})
    roots = tmp_path / "roots.pem"
    roots.write_bytes(ENCLAVE.root.pem)
    made = Stockade(
        Settings(mode="dev", attestation_roots=roots),
        Store.open("sqlite://"),
        RootKey("memory", bytes(range(32))),
        clock=ManualClock.today(),
    )
    yield made
    made.close()


class User:
    """A user whose one policy is changed during a test."""

    def __init__(self, stockade: Stockade, aws: boto3.Session) -> None:
        self._iam = aws.client("iam")
        self._iam.create_user(UserName="user")
        key = self._iam.create_access_key(UserName="user")["AccessKey"]
        self.session = session(
            stockade,
            access_key_id=key["AccessKeyId"],
            secret_access_key=key["SecretAccessKey"],
        )
        self.kms = self.session.client("kms", config=QUICK)

    def has(self, *statements: dict[str, Any]) -> None:
        """Give the user a policy in place of the one before."""
        document = policy(*statements)
        self._iam.put_user_policy(UserName="user", PolicyName="one", PolicyDocument=document)


@pytest.fixture
def alice(stockade: Stockade, aws: boto3.Session) -> User:
    return User(stockade, aws)


def may(call: Callable[..., Any], params: Mapping[str, Any]) -> bool:
    """Tell whether a call is allowed; what it comes to after that is not asked here."""
    try:
        call(**params)
    except ClientError as error:
        response: Any = error.response
        return bool(response["Error"]["Code"] != "AccessDeniedException")
    return True


def proven(alice: User, case: Case, call: Callable[..., Any], params: Mapping[str, Any]) -> None:
    """Make a call under three policies: two refuse it, the third allows it."""

    def asks_for(value: str) -> dict[str, Any]:
        return {"Condition": {case.operator: {case.key: value}}}

    # ReplicateKey needs CreateKey too, which does not have its condition keys.
    more = [allow("kms:CreateKey")] if case.operation == "replicate_key" else []
    alice.has(allow("*", **asks_for(case.other)), *more)
    assert not may(call, params)
    alice.has(allow("*"), deny("*", **asks_for(case.value)))
    assert not may(call, params)
    alice.has(allow("*", **asks_for(case.value)), *more)
    assert may(call, params)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.key}-{case.operation}")
def test_key_decides(aws: boto3.Session, alice: User, case: Case) -> None:
    if case.operation not in services()["kms"].operations:
        pytest.skip(f"{case.operation} is not served yet")
    kms = aws.client("kms")
    tags = [{"TagKey": "team", "TagValue": "blue"}]
    key = kms.create_key(Tags=tags)["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName="alias/project", TargetKeyId=key)
    named = {"KEY": key}
    if "MRK" in case.params.values():
        named["MRK"] = kms.create_key(MultiRegion=True)["KeyMetadata"]["KeyId"]
    if "BLOB" in case.params.values():
        named["BLOB"] = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    params = {
        member: named.get(value, value) if isinstance(value, str) else value
        for member, value in case.params.items()
        if value is not None
    }
    proven(alice, case, getattr(alice.kms, case.operation), params)


def test_via_service_is_who_passed_the_call_on(aws: boto3.Session, alice: User) -> None:
    key = aws.client("kms").create_key()["KeyMetadata"]["KeyId"]
    ssm = alice.session.client("ssm", config=QUICK)
    through_ssm = allow("ssm:*")

    def asks_for(service: str) -> dict[str, Any]:
        return {"Condition": {"StringEquals": {"kms:ViaService": service}}}

    here, elsewhere = "ssm.us-east-1.amazonaws.com", "ssm.eu-west-1.amazonaws.com"
    alice.has(through_ssm, allow("kms:*", **asks_for(elsewhere)))
    assert not may(ssm.get_parameter, {"Name": key})
    alice.has(through_ssm, allow("kms:*"), deny("kms:*", **asks_for(here)))
    assert not may(ssm.get_parameter, {"Name": key})
    alice.has(through_ssm, allow("kms:*", **asks_for(here)))
    assert may(ssm.get_parameter, {"Name": key})
    assert not may(alice.kms.encrypt, {"KeyId": key, "Plaintext": b"x"})


@pytest.mark.parametrize("registers", ["pcrs", "nitrotpm_pcrs"])
def test_every_register_decides(stockade: Stockade, alice: User, registers: str) -> None:
    changes = {"pcrs": None} | {registers: REGISTERS}
    document = ENCLAVE.recipient(stockade.clock.now(), **changes)
    params = {"NumberOfBytes": 1, "Recipient": document}
    kind = "NitroTPMPCR" if registers == "nitrotpm_pcrs" else "PCR"
    prefix = f"kms:RecipientAttestation:{kind}"
    found = {key: int(key.removeprefix(prefix)) for key in every_key() if key.startswith(prefix)}
    assert sorted(found.values()) == list(range(24 if kind == "NitroTPMPCR" else 32))
    expected = {key: REGISTERS[index].hex() for key, index in found.items()}
    if kind == "PCR":
        expected["kms:RecipientAttestation:ImageSha384"] = REGISTERS[0].hex()
    for key, value in expected.items():
        case = Case(key, "generate_random", params, value)
        proven(alice, case, alice.kms.generate_random, params)
        assert not may(alice.kms.generate_random, {"NumberOfBytes": 1})


def test_no_key_is_forgotten() -> None:
    proven_here = {family(case.key.lower()) for case in CASES} | {key.lower() for key in ELSEWHERE}
    assert {name.lower() for name in every_key()} == proven_here
