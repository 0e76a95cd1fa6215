# SPDX-License-Identifier: Apache-2.0
"""Grants through boto3: what they allow, to whom, under what, and who ends them."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest

from stockade.app import Stockade
from stockade.services.kms import granting
from stockade.services.kms.grant_resources import GRANTS
from stockade.testing.plugin import TestClock
from stockade.testing.transport import session
from tests.services.kms.grantees import Somebody, a_role, a_session, a_taker, a_user
from tests.services.kms.test_encrypting import refusal
from tests.services.test_authorization import ACCOUNT, OTHER, allow, denial, deny, policy

ROOT = f"arn:aws:iam::{ACCOUNT}:root"
IT = {"Department": "IT"}


@pytest.fixture
def kms(aws: boto3.Session) -> Any:
    return aws.client("kms")


@pytest.fixture
def key(kms: Any) -> str:
    return str(kms.create_key()["KeyMetadata"]["Arn"])


@pytest.fixture
def alice(stockade: Stockade, aws: boto3.Session) -> Somebody:
    return a_user(stockade, aws, "alice")


@pytest.fixture
def bob(stockade: Stockade, aws: boto3.Session) -> Somebody:
    return a_user(stockade, aws, "bob")


def give(kms: Any, key: str, who: str, *operations: str, **more: Any) -> Any:
    """Make a grant and return the answer."""
    return kms.create_grant(KeyId=key, GranteePrincipal=who, Operations=list(operations), **more)


def may(kms: Any, key: str, **context: str) -> bool:
    """Tell whether a caller may encrypt under a key."""
    try:
        kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext=context)
    except kms.exceptions.ClientError as error:
        if error.response["Error"]["Code"] == "AccessDeniedException":
            return False
        raise
    return True


@pytest.mark.fact("kms-3")
def test_a_grant_allows_what_no_policy_allows_at_once(kms: Any, key: str, alice: Somebody) -> None:
    assert not may(alice.kms, key)
    made = give(kms, key, alice.arn, "Encrypt", "Decrypt")
    assert len(made["GrantId"]) == 64
    blob = alice.kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    assert alice.kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
    denial(alice.kms.generate_data_key, KeyId=key, KeySpec="AES_256")
    denial(alice.kms.describe_key, KeyId=key)
    kms.revoke_grant(KeyId=key, GrantId=made["GrantId"])
    assert denial(alice.kms.encrypt, KeyId=key, Plaintext=b"x").endswith(
        "because no identity-based policy allows the kms:Encrypt action"
    )


@pytest.mark.fact("kms-3")
def test_every_explicit_deny_stands_above_a_grant(
    stockade: Stockade, aws: boto3.Session, kms: Any, key: str
) -> None:
    carol = a_user(stockade, aws, "carol", policy(deny("kms:Encrypt")))
    give(kms, key, carol.arn, "Encrypt", "Decrypt")
    assert "explicit deny in an identity-based policy" in denial(
        carol.kms.encrypt, KeyId=key, Plaintext=b"x"
    )
    dave = a_user(stockade, aws, "dave")
    give(kms, key, dave.arn, "Encrypt")
    assert may(dave.kms, key)
    against = deny("kms:*", Principal={"AWS": dave.arn})
    to_root = allow("kms:*", Principal={"AWS": ROOT})
    kms.put_key_policy(KeyId=key, Policy=policy(to_root, against))
    assert "explicit deny in a resource-based policy" in denial(
        dave.kms.encrypt, KeyId=key, Plaintext=b"x"
    )


def test_a_key_policy_that_names_nobody_else_does_not_matter(
    stockade: Stockade, aws: boto3.Session, alice: Somebody
) -> None:
    owner = a_user(stockade, aws, "owner", policy(allow("kms:*")))
    only = policy(allow("kms:*", Principal={"AWS": owner.arn}))
    key = owner.kms.create_key(Policy=only)["KeyMetadata"]["Arn"]
    give(owner.kms, key, alice.arn, "Encrypt")
    assert may(alice.kms, key)


def test_a_constraint_on_the_context_does_not_hold_describe_key(
    kms: Any, key: str, alice: Somebody
) -> None:
    constraints = {"EncryptionContextEquals": IT}
    give(kms, key, alice.arn, "Encrypt", "DescribeKey", Constraints=constraints)
    assert alice.kms.describe_key(KeyId=key)["KeyMetadata"]["Arn"] == key


def test_both_sides_of_a_re_encryption_can_be_granted(kms: Any, key: str, alice: Somebody) -> None:
    other = kms.create_key()["KeyMetadata"]["Arn"]
    blob = kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext=IT)["CiphertextBlob"]
    again = {"CiphertextBlob": blob, "DestinationKeyId": other, "SourceEncryptionContext": IT}
    give(kms, key, alice.arn, "ReEncryptFrom", Constraints={"EncryptionContextEquals": IT})
    denial(alice.kms.re_encrypt, **again)
    give(kms, other, alice.arn, "ReEncryptTo")
    assert alice.kms.re_encrypt(**again)["KeyId"] == other


def test_a_role_is_covered_in_all_its_sessions_and_a_session_alone(
    stockade: Stockade, aws: boto3.Session, kms: Any, key: str
) -> None:
    taker = a_taker(stockade, aws)
    role = a_role(aws, "app")
    one, two = (a_session(stockade, taker, role, name) for name in ("one", "two"))
    only = give(kms, key, one.arn, "Encrypt")["GrantId"]
    assert (may(one.kms, key), may(two.kms, key)) == (True, False)
    kms.revoke_grant(KeyId=key, GrantId=only)
    give(kms, key, role, "Encrypt")
    assert (may(one.kms, key), may(two.kms, key)) == (True, True)


def test_limits_hold_what_is_granted_to_a_role_and_not_what_is_granted_to_a_session(
    stockade: Stockade, aws: boto3.Session, kms: Any, key: str
) -> None:
    taker = a_taker(stockade, aws)
    role = a_role(aws, "app")
    limited = a_session(stockade, taker, role, "limited", policy(allow("s3:*")))
    give(kms, key, role, "Encrypt")
    assert denial(limited.kms.encrypt, KeyId=key, Plaintext=b"x").endswith(
        "because no session policy allows the kms:Encrypt action"
    )
    give(kms, key, limited.arn, "Encrypt")
    assert may(limited.kms, key)


def test_an_account_hands_on_what_it_is_granted(stockade: Stockade, kms: Any, key: str) -> None:
    far_root = session(stockade, access_key_id=OTHER)
    silent = a_user(stockade, far_root, "silent")
    able = a_user(stockade, far_root, "able", policy(allow("kms:Encrypt", key)))
    assert not may(able.kms, key)
    give(kms, key, f"arn:aws:iam::{OTHER}:root", "Encrypt")
    assert may(far_root.client("kms"), key)
    assert (may(silent.kms, key), may(able.kms, key)) == (False, True)


@pytest.mark.fact("kms-27")
def test_a_grantee_of_another_account_needs_nothing_more_of_its_own(
    stockade: Stockade, kms: Any
) -> None:
    """EC2 Auto Scaling's service-linked role gets keys of others by a grant its account makes."""
    far_root = session(stockade, access_key_id=OTHER)
    far = a_user(stockade, far_root, "far")
    share = allow("kms:CreateGrant", Principal={"AWS": f"arn:aws:iam::{OTHER}:root"})
    document = policy(allow("kms:*", Principal={"AWS": ROOT}), share)
    key = kms.create_key(Policy=document)["KeyMetadata"]["Arn"]
    assert not may(far.kms, key)
    give(far_root.client("kms"), key, far.arn, "Encrypt")
    assert may(far.kms, key)


def test_what_the_owner_of_a_key_grants_the_other_account_allows_as_well(
    stockade: Stockade, kms: Any, key: str
) -> None:
    """So it was recorded from AWS, of the uses of a key and of RetireGrant."""
    far_root = session(stockade, access_key_id=OTHER)
    silent = a_user(stockade, far_root, "silent")
    able = a_user(stockade, far_root, "able", policy(allow(["kms:Encrypt", "kms:RetireGrant"])))
    members = {"RetiringPrincipal": silent.arn}
    token = give(kms, key, silent.arn, "Encrypt", "RetireGrant", **members)["GrantToken"]
    assert not may(silent.kms, key)
    denial(silent.kms.retire_grant, GrantToken=token)
    members = {"RetiringPrincipal": able.arn}
    token = give(kms, key, able.arn, "Encrypt", **members)["GrantToken"]
    assert may(able.kms, key)
    able.kms.retire_grant(GrantToken=token)
    assert not may(able.kms, key)


@pytest.mark.fact("iam-6")
@pytest.mark.fact("kms-34")
def test_another_account_copies_what_was_shared_with_it(
    stockade: Stockade, aws: boto3.Session, kms: Any
) -> None:
    far_root = session(stockade, access_key_id=OTHER)
    share = allow(
        ["kms:Decrypt", "kms:CreateGrant", "kms:DescribeKey"],
        Principal={"AWS": f"arn:aws:iam::{OTHER}:root"},
    )
    shared = kms.create_key(Policy=policy(allow("kms:*", Principal={"AWS": ROOT}), share))
    key = shared["KeyMetadata"]["Arn"]
    copier = a_user(stockade, far_root, "copier", policy(allow("kms:*")))
    worker = a_user(stockade, far_root, "worker")
    blob = kms.encrypt(KeyId=key, Plaintext=b"snapshot")["CiphertextBlob"]
    made = give(copier.kms, key, worker.arn, "Decrypt", "ReEncryptFrom")
    own = far_root.client("kms").create_key()["KeyMetadata"]["Arn"]
    give(far_root.client("kms"), own, worker.arn, "ReEncryptTo", "Decrypt")
    copy = worker.kms.re_encrypt(CiphertextBlob=blob, DestinationKeyId=own)["CiphertextBlob"]
    assert worker.kms.decrypt(CiphertextBlob=copy)["Plaintext"] == b"snapshot"
    (listed,) = kms.list_grants(KeyId=key)["Grants"]
    assert listed["IssuingAccount"] == f"arn:aws:iam::{OTHER}:root"
    denial(copier.kms.revoke_grant, KeyId=key, GrantId=made["GrantId"])
    kms.revoke_grant(KeyId=key, GrantId=made["GrantId"])
    denial(worker.kms.decrypt, CiphertextBlob=blob)
    private = kms.create_key()["KeyMetadata"]["Arn"]
    denial(copier.kms.create_grant, KeyId=private, GranteePrincipal=worker.arn, Operations=["Sign"])


def test_a_grant_belongs_to_who_bore_the_name(
    stockade: Stockade, aws: boto3.Session, kms: Any, key: str, alice: Somebody
) -> None:
    give(kms, key, alice.arn, "Encrypt")
    iam = aws.client("iam")
    unique = iam.get_user(UserName="alice")["User"]["UserId"]
    for one in iam.list_access_keys(UserName="alice")["AccessKeyMetadata"]:
        iam.delete_access_key(UserName="alice", AccessKeyId=one["AccessKeyId"])
    iam.delete_user(UserName="alice")
    heir = a_user(stockade, aws, "alice")
    assert not may(heir.kms, key)
    (listed,) = kms.list_grants(KeyId=key)["Grants"]
    assert listed["GranteePrincipal"] == unique


def test_the_same_name_and_members_are_the_same_grant(
    kms: Any, key: str, alice: Somebody, bob: Somebody
) -> None:
    first = give(kms, key, alice.arn, "Encrypt", "Decrypt", Name="mine")
    again = give(kms, key, alice.arn, "Decrypt", "Encrypt", Name="mine")
    assert again["GrantId"] == first["GrantId"]
    assert again["GrantToken"] != first["GrantToken"]
    others = [
        give(kms, key, alice.arn, "Encrypt", Name="mine"),
        give(kms, key, bob.arn, "Encrypt", "Decrypt", Name="mine"),
        give(kms, key, alice.arn, "Encrypt", "Decrypt", Name="yours"),
        give(kms, key, alice.arn, "Encrypt", "Decrypt"),
        give(kms, key, alice.arn, "Encrypt", "Decrypt"),
    ]
    assert len({one["GrantId"] for one in (first, *others)}) == 6
    kms.retire_grant(GrantToken=first["GrantToken"])
    code, _, _ = refusal(kms.retire_grant, GrantToken=again["GrantToken"])
    assert code == "NotFoundException"


def test_tokens_are_taken_by_every_operation_and_forged_ones_refused(
    kms: Any, key: str, alice: Somebody
) -> None:
    made = give(kms, key, alice.arn, "Encrypt", "DescribeKey", "GenerateDataKey", "CreateGrant")
    token = made["GrantToken"]
    use = {"KeyId": key, "GrantTokens": [token] * 10}
    assert alice.kms.encrypt(Plaintext=b"x", **use)
    assert alice.kms.describe_key(**use)
    assert alice.kms.generate_data_key(KeySpec="AES_256", **use)
    assert give(alice.kms, key, alice.arn, "Encrypt", GrantTokens=[token])
    assert refusal(kms.encrypt, KeyId=key, Plaintext=b"x", GrantTokens=[token] * 11)[0] == (
        "ValidationException"
    )
    changed = ("B" if token[40] == "A" else "A").join((token[:40], token[41:]))
    for forged in ("x", "", token[:-8], token + "AAAA", changed, "AQAAAAAAAA=="):
        if forged:
            wrong = {"KeyId": key, "Plaintext": b"x", "GrantTokens": [token, forged]}
            assert refusal(kms.encrypt, **wrong) == ("InvalidGrantTokenException", "", 400)
    kms.revoke_grant(KeyId=key, GrantId=made["GrantId"])
    gone = {"KeyId": key, "Plaintext": b"x", "GrantTokens": [token]}
    assert refusal(kms.encrypt, **gone)[0] == "InvalidGrantTokenException"


def test_who_may_retire_a_grant(
    stockade: Stockade, aws: boto3.Session, kms: Any, key: str, alice: Somebody, bob: Somebody
) -> None:
    def made(*operations: str, retiring: str = "") -> dict[str, str]:
        more = {"RetiringPrincipal": retiring} if retiring else {}
        return {"KeyId": key, "GrantId": give(kms, key, alice.arn, *operations, **more)["GrantId"]}

    plain = made("Encrypt")
    able = a_user(stockade, aws, "able", policy(allow("kms:RetireGrant")))
    for stranger in (alice, bob):
        denial(stranger.kms.retire_grant, **plain)
    able.kms.retire_grant(**plain)
    alice.kms.retire_grant(**made("Encrypt", "RetireGrant"))
    bob.kms.retire_grant(**made("Encrypt", retiring=bob.arn))
    kms.retire_grant(**made("Encrypt"))
    held = made("Encrypt", retiring=bob.arn)
    against = deny("kms:RetireGrant", Principal={"AWS": bob.arn})
    to_alice = allow("kms:*", Principal={"AWS": alice.arn})
    to_root = allow("kms:*", Principal={"AWS": ROOT})
    kms.put_key_policy(KeyId=key, Policy=policy(to_root, to_alice, against))
    assert "explicit deny in a resource-based policy" in denial(bob.kms.retire_grant, **held)
    denial(alice.kms.retire_grant, **held)  # kms:RetireGrant is not effective in a key policy
    assert kms.list_grants(KeyId=key)["Grants"]


def test_a_constraint_does_not_hold_retiring(kms: Any, key: str, alice: Somebody) -> None:
    constraints = {"EncryptionContextEquals": IT}
    made = give(kms, key, alice.arn, "Encrypt", "RetireGrant", Constraints=constraints)
    alice.kms.retire_grant(KeyId=key, GrantId=made["GrantId"])
    assert kms.list_grants(KeyId=key)["Grants"] == []


def test_an_account_hands_on_what_it_may_retire(stockade: Stockade, kms: Any, key: str) -> None:
    far_root = session(stockade, access_key_id=OTHER)
    silent = a_user(stockade, far_root, "silent")
    able = a_user(stockade, far_root, "able", policy(allow("kms:RetireGrant")))
    made = give(kms, key, silent.arn, "Encrypt", RetiringPrincipal=f"arn:aws:iam::{OTHER}:root")
    which = {"KeyId": key, "GrantId": made["GrantId"]}
    denial(silent.kms.retire_grant, **which)
    able.kms.retire_grant(**which)


def test_the_account_that_made_a_grant_may_retire_it(stockade: Stockade, kms: Any) -> None:
    far_root = session(stockade, access_key_id=OTHER)
    share = allow("kms:CreateGrant", Principal={"AWS": f"arn:aws:iam::{OTHER}:root"})
    document = policy(allow("kms:*", Principal={"AWS": ROOT}), share)
    key = kms.create_key(Policy=document)["KeyMetadata"]["Arn"]
    far = far_root.client("kms")
    made = give(far, key, f"arn:aws:iam::{OTHER}:root", "Encrypt")
    far.retire_grant(GrantToken=made["GrantToken"])


def test_retiring_wants_a_token_or_key_and_id(kms: Any, key: str) -> None:
    text = "You must specify either a grant token, or both a grant ID and a key ID."
    assert refusal(kms.retire_grant, KeyId=key)[:2] == ("ValidationException", text)
    assert refusal(kms.retire_grant, GrantToken="none") == ("InvalidGrantTokenException", "", 400)


def test_a_grant_that_is_not_there_is_not_found(kms: Any, key: str) -> None:
    which = {"KeyId": key, "GrantId": "0" * 64}
    for end in (kms.revoke_grant, kms.retire_grant):
        assert refusal(end, **which)[0] == "NotFoundException"


def test_lists_are_paged_and_filtered(kms: Any, key: str, alice: Somebody, bob: Somebody) -> None:
    for who in (alice, bob):
        for _ in range(3):
            give(kms, key, who.arn, "Encrypt", RetiringPrincipal=bob.arn)
    pages = kms.get_paginator("list_grants").paginate
    everything = [
        one for page in pages(KeyId=key, PaginationConfig={"PageSize": 2}) for one in page["Grants"]
    ]
    ids = [one["GrantId"] for one in everything]
    assert ids == sorted(ids)
    assert len(ids) == 6
    mine = kms.list_grants(KeyId=key, GranteePrincipal=alice.arn, Limit=2)
    assert mine["Truncated"]
    rest = kms.list_grants(KeyId=key, GranteePrincipal=alice.arn, Marker=mine["NextMarker"])
    found = [*mine["Grants"], *rest["Grants"]]
    assert {one["GranteePrincipal"] for one in found} == {alice.arn}
    assert len(found) == 3
    (one,) = kms.list_grants(KeyId=key, GrantId=ids[3])["Grants"]
    assert one["GrantId"] == ids[3]
    assert kms.list_grants(KeyId=key, GrantId="0" * 64)["Grants"] == []
    retirable = kms.get_paginator("list_retirable_grants").paginate(
        RetiringPrincipal=bob.arn, PaginationConfig={"PageSize": 4}
    )
    assert [one["GrantId"] for page in retirable for one in page["Grants"]] == ids
    assert kms.list_retirable_grants(RetiringPrincipal=alice.arn)["Grants"] == []


def test_an_entry_has_the_members_of_aws(kms: Any, key: str, alice: Somebody) -> None:
    constraints = {"EncryptionContextSubset": IT}
    made = give(kms, key, alice.arn, "Decrypt", RetiringPrincipal=ROOT, Constraints=constraints)
    (entry,) = kms.list_grants(KeyId=key)["Grants"]
    assert entry.pop("CreationDate").microsecond == 0
    assert entry == {
        "KeyId": key,
        "GrantId": made["GrantId"],
        "Name": "",
        "GranteePrincipal": alice.arn,
        "RetiringPrincipal": ROOT,
        "IssuingAccount": ROOT,
        "Operations": ["Decrypt"],
        "Constraints": constraints,
    }


def test_retirable_grants_are_asked_for_by_a_principal_of_the_own_account(
    stockade: Stockade, aws: boto3.Session, kms: Any, bob: Somebody
) -> None:
    code, text, _ = refusal(kms.list_retirable_grants)
    assert (code, text.split()[-3:]) == ("ValidationException", ["but", "not", "both."])
    foreign = f"arn:aws:iam::{OTHER}:root"
    denial(kms.list_retirable_grants, RetiringPrincipal=foreign)
    lister = a_user(stockade, aws, "lister", policy(allow("kms:ListRetirableGrants", bob.arn)))
    assert lister.kms.list_retirable_grants(RetiringPrincipal=bob.arn)["Grants"] == []
    denial(lister.kms.list_retirable_grants, RetiringPrincipal=lister.arn)


def test_a_dry_run_ends_no_grant(kms: Any, key: str) -> None:
    made = give(kms, key, ROOT, "Encrypt")
    which = {"KeyId": key, "GrantId": made["GrantId"], "DryRun": True}
    for end in (kms.revoke_grant, kms.retire_grant):
        assert refusal(end, **which)[0] == "DryRunOperationException"
    assert len(kms.list_grants(KeyId=key)["Grants"]) == 1


def test_deleting_a_key_deletes_its_grants(
    stockade: Stockade, kms: Any, key: str, clock: TestClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stockade.services.kms.reconcile.GRANTS_AT_ONCE", 2)
    for _ in range(5):
        token = give(kms, key, ROOT, "Encrypt", RetiringPrincipal=ROOT)["GrantToken"]
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    assert len(kms.list_grants(KeyId=key)["Grants"]) == 5
    clock.advance(days=7)
    assert kms.list_retirable_grants(RetiringPrincipal=ROOT)["Grants"] == []
    assert refusal(kms.retire_grant, GrantToken=token)[0] == "NotFoundException"
    with stockade.store.read() as unit:
        assert unit.scopes(GRANTS) == []


def test_very_many_grants_of_one_grantee_are_found_like_few(
    kms: Any, key: str, alice: Somebody, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(granting, "FEW", 3)
    for number in range(4):
        subset = {"EncryptionContextSubset": {"table": f"t{number}", "owner": ACCOUNT}}
        give(kms, key, alice.arn, "Encrypt", "CreateGrant", Constraints=subset)
    assert may(alice.kms, key, table="t2", owner=ACCOUNT, more="x")
    assert not may(alice.kms, key, table="t2")
    assert not may(alice.kms, key, table="t4", owner=ACCOUNT)
    equals = {"EncryptionContextEquals": {"table": "t1", "owner": ACCOUNT}}
    assert give(alice.kms, key, alice.arn, "Encrypt", Constraints=equals)
    denial(alice.kms.create_grant, KeyId=key, GranteePrincipal=alice.arn, Operations=["Encrypt"])
    give(kms, key, alice.arn, "Encrypt")
    assert may(alice.kms, key)


def test_records(stockade: Stockade, kms: Any, key: str, alice: Somebody) -> None:
    made = give(kms, key, alice.arn, "Encrypt", Constraints={"EncryptionContextEquals": IT})
    used = kms.encrypt(KeyId=key, Plaintext=b"x", GrantTokens=[made["GrantToken"]])
    ended = kms.retire_grant(GrantToken=made["GrantToken"])
    lines = [
        stockade.find_record(one["ResponseMetadata"]["RequestId"]) or b""
        for one in (made, used, ended)
    ]
    assert not [line for line in lines if made["GrantToken"].encode() in line]
    created, _, retired = map(json.loads, lines)
    assert created["responseElements"] == {"grantId": made["GrantId"]}
    assert created["requestParameters"] == {
        "keyId": key,
        "granteePrincipal": alice.arn,
        "operations": ["Encrypt"],
        "constraints": {"encryptionContextEquals": IT},
    }
    for record in (created, retired):
        assert record["resources"] == [{"accountId": ACCOUNT, "type": "AWS::KMS::Key", "ARN": key}]
        assert record["readOnly"] is False
    assert (retired["requestParameters"], retired["responseElements"]) == (None, None)
