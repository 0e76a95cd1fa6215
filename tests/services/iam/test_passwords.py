# SPDX-License-Identifier: Apache-2.0
"""Login profiles and the account's password policy: which passwords count, which were used."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from stockade.crypto import passwords
from stockade.services.iam.passwords import LOGIN_PROFILES
from stockade.services.iam.resources import scope_of
from tests.services.iam.helpers import ACCOUNT, OTHER, account, allow, below, refused, user

if TYPE_CHECKING:
    import boto3

    from stockade.app import Stockade

GOOD, BETTER, BEST = "Correct-Horse-1", "Battery-Staple-2", "Tr0ub4dor&3"
VIOLATION = (
    "PasswordPolicyViolation",
    400,
    "Password does not conform to the account password policy.",
)


@pytest.fixture
def iam(aws: boto3.Session) -> Any:
    iam = aws.client("iam")
    iam.create_user(UserName="alice")
    return iam


def test_a_profile_is_made_shown_updated_and_deleted(iam: Any) -> None:
    made = iam.create_login_profile(UserName="alice", Password=GOOD)["LoginProfile"]
    assert (made["UserName"], made["PasswordResetRequired"]) == ("alice", False)
    assert iam.get_login_profile(UserName="alice")["LoginProfile"] == made
    assert refused(iam.create_login_profile, UserName="alice", Password=GOOD) == (
        "EntityAlreadyExists",
        409,
        "Login Profile for user alice already exists.",
    )
    iam.update_login_profile(UserName="alice", PasswordResetRequired=True)
    assert iam.get_login_profile(UserName="alice")["LoginProfile"]["PasswordResetRequired"] is True
    iam.update_login_profile(UserName="alice", Password=BETTER)
    assert iam.get_login_profile(UserName="alice")["LoginProfile"]["PasswordResetRequired"] is True
    assert refused(iam.delete_user, UserName="alice") == (
        "DeleteConflict",
        409,
        "Cannot delete entity, must delete login profile first.",
    )
    iam.delete_login_profile(UserName="alice")
    missing = ("NoSuchEntity", 404, "Login Profile for User alice cannot be found.")
    for call in (iam.get_login_profile, iam.delete_login_profile, iam.update_login_profile):
        assert refused(call, UserName="alice") == missing
    iam.delete_user(UserName="alice")


def test_a_profile_needs_a_user_and_a_password(iam: Any) -> None:
    absent = refused(iam.create_login_profile, UserName="nobody", Password=GOOD)
    assert absent[2] == "The user with name nobody cannot be found."
    assert refused(iam.create_login_profile, UserName="alice")[0] == "ValidationError"
    assert refused(iam.create_login_profile, Password=GOOD)[0] == "ValidationError"


@pytest.mark.parametrize("weak", ["Aa1-xyz", "lowercase-only", "UPPERandlower", "12345678-9"])
def test_without_a_policy_eight_letters_of_three_kinds(iam: Any, weak: str) -> None:
    assert refused(iam.create_login_profile, UserName="alice", Password=weak) == VIOLATION


@pytest.mark.parametrize(
    ("rule", "weak", "strong"),
    [
        ({"MinimumPasswordLength": 12}, "abcdefghijk", "abcdefghijkl"),
        ({"RequireSymbols": True}, "abcdef", "abcde|"),
        ({"RequireNumbers": True}, "abcdef", "abcde1"),
        ({"RequireUppercaseCharacters": True}, "abcdef", "abcdeF"),
        ({"RequireLowercaseCharacters": True}, "ABCDEF", "ABCDEf"),
    ],
)
def test_a_policy_is_enforced(iam: Any, rule: dict[str, Any], weak: str, strong: str) -> None:
    iam.update_account_password_policy(**rule)
    assert refused(iam.create_login_profile, UserName="alice", Password=weak) == VIOLATION
    iam.create_login_profile(UserName="alice", Password=strong)


def test_a_policy_has_defaults_and_starts_anew_with_each_update(
    stockade: Stockade, iam: Any
) -> None:
    missing = (
        "NoSuchEntity",
        404,
        f"The Password Policy with domain name {ACCOUNT} cannot be found.",
    )
    assert refused(iam.get_account_password_policy) == missing
    full = {
        "MinimumPasswordLength": 10,
        "RequireSymbols": True,
        "RequireNumbers": True,
        "RequireUppercaseCharacters": True,
        "RequireLowercaseCharacters": True,
        "AllowUsersToChangePassword": True,
        "MaxPasswordAge": 60,
        "PasswordReusePrevention": 3,
        "HardExpiry": True,
    }
    iam.update_account_password_policy(**full)
    assert iam.get_account_password_policy()["PasswordPolicy"] == full | {"ExpirePasswords": True}
    assert refused(account(stockade, OTHER).client("iam").get_account_password_policy)
    iam.update_account_password_policy()
    assert iam.get_account_password_policy()["PasswordPolicy"] == {
        "MinimumPasswordLength": 6,
        "RequireSymbols": False,
        "RequireNumbers": False,
        "RequireUppercaseCharacters": False,
        "RequireLowercaseCharacters": False,
        "AllowUsersToChangePassword": False,
        "ExpirePasswords": False,
    }
    iam.delete_account_password_policy()
    assert refused(iam.get_account_password_policy) == missing
    assert refused(iam.delete_account_password_policy) == (
        "NoSuchEntity",
        404,
        "The account policy with name PasswordPolicy cannot be found.",
    )


def test_a_policy_out_of_range_is_refused_in_awss_words(iam: Any) -> None:
    code, status, text = refused(
        iam.update_account_password_policy,
        MinimumPasswordLength=129,
        PasswordReusePrevention=25,
        MaxPasswordAge=1096,
    )
    assert (code, status) == ("ValidationError", 400)
    assert text.startswith("3 validation errors detected: Value at 'minimumPasswordLength'")


def test_users_change_their_own_password(stockade: Stockade, aws: boto3.Session) -> None:
    iam = aws.client("iam")
    mine = user(stockade, aws, "bob", allow("iam:ChangePassword")).client("iam")
    missing = refused(mine.change_password, OldPassword=GOOD, NewPassword=BETTER)
    assert missing[2] == "Login Profile for User bob cannot be found."
    iam.create_login_profile(UserName="bob", Password=GOOD, PasswordResetRequired=True)
    wrong = refused(mine.change_password, OldPassword=BEST, NewPassword=BETTER)
    assert wrong == ("AccessDenied", 403, "The old password was incorrect.")
    same = refused(mine.change_password, OldPassword=GOOD, NewPassword=GOOD)
    assert same[:2] == ("AccessDenied", 403)
    assert refused(mine.change_password, OldPassword=GOOD, NewPassword="weak") == VIOLATION
    mine.change_password(OldPassword=GOOD, NewPassword=BETTER)
    assert iam.get_login_profile(UserName="bob")["LoginProfile"]["PasswordResetRequired"] is False
    assert refused(mine.change_password, OldPassword=GOOD, NewPassword=BEST)[0] == "AccessDenied"
    assert refused(iam.change_password, OldPassword=GOOD, NewPassword=BEST)[:2] == (
        "InvalidUserType",
        400,
    )


def test_used_passwords_are_remembered_as_long_as_the_policy_says(iam: Any) -> None:
    iam.create_login_profile(UserName="alice", Password=GOOD)
    iam.update_login_profile(UserName="alice", Password=BETTER)
    iam.update_account_password_policy(PasswordReusePrevention=2)
    for used in (GOOD, BETTER):
        assert refused(iam.update_login_profile, UserName="alice", Password=used) == VIOLATION
    iam.update_login_profile(UserName="alice", Password=BEST)
    iam.update_login_profile(UserName="alice", Password=GOOD)


def test_a_password_is_in_no_row_and_no_record(stockade: Stockade, iam: Any) -> None:
    made = iam.create_login_profile(UserName="alice", Password=GOOD)
    record = stockade.find_record(made["ResponseMetadata"]["RequestId"]) or b""
    assert b"alice" in record
    assert GOOD.encode() not in record
    with below(stockade) as ctx:
        (profile,) = ctx.unit.list(LOGIN_PROFILES, scope_of(ACCOUNT))
        opened = ctx.unseal(ctx.global_scope, profile.place, profile.sealed)
    assert GOOD.encode() not in profile.sealed.box
    assert GOOD.encode() not in opened
    assert b'"hashes"' in opened


def test_a_renamed_user_keeps_its_password(stockade: Stockade, iam: Any) -> None:
    before = iam.create_login_profile(UserName="alice", Password=GOOD)["LoginProfile"]
    stockade.travel(stockade.clock.now() + timedelta(days=1))
    iam.update_user(UserName="alice", NewUserName="alicia")
    after = iam.get_login_profile(UserName="alicia")["LoginProfile"]
    assert after == before | {"UserName": "alicia"}


def test_others_write_while_passwords_are_hashed(
    stockade: Stockade, aws: boto3.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each hash is made while another write begins and ends, so in no write of its own."""
    hashed: list[str] = []

    def derive(*given: Any) -> bytes:
        name = f"other-{len(hashed)}"
        with ThreadPoolExecutor(1) as others:
            others.submit(aws.client("iam").create_user, UserName=name).result(timeout=30)
        hashed.append(name)
        return passwords.derive(*given)

    admin = aws.client("iam")
    own = user(stockade, aws, "alice", allow("iam:ChangePassword")).client("iam")
    monkeypatch.setattr("stockade.services.iam.passwords.derive", derive)
    admin.create_login_profile(UserName="alice", Password=GOOD)
    admin.update_login_profile(UserName="alice", Password=BETTER)
    own.change_password(OldPassword=BETTER, NewPassword=BEST)
    assert len(hashed) == 4
    monkeypatch.undo()
    own.change_password(OldPassword=BEST, NewPassword=GOOD)


def test_a_profile_made_anew_meanwhile_is_held_against_its_own_salt(
    stockade: Stockade, aws: boto3.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = aws.client("iam")
    own = user(stockade, aws, "alice", allow("iam:ChangePassword")).client("iam")
    admin.create_login_profile(UserName="alice", Password=GOOD)

    def derive(*given: Any) -> bytes:
        monkeypatch.undo()
        admin.delete_login_profile(UserName="alice")
        admin.create_login_profile(UserName="alice", Password=BETTER)
        return passwords.derive(*given)

    monkeypatch.setattr("stockade.services.iam.passwords.derive", derive)
    refusal = refused(own.change_password, OldPassword=GOOD, NewPassword=BEST)
    assert refusal[2] == "The old password was incorrect."
    own.change_password(OldPassword=BETTER, NewPassword=BEST)
