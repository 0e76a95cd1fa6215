# SPDX-License-Identifier: Apache-2.0
"""From an access key id to a caller: dev's known keys, roots, users, strangers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from stockade.core.ids import system_random, unique_id
from stockade.policy.decide import Principal
from stockade.protocol.refusals import InvalidClientToken, InvalidToken, Refusal
from stockade.services.iam import accounts
from stockade.services.iam.credentials import IamDirectory
from stockade.store.seal import RootKey
from stockade.store.store import Store
from stockade.store.vault import Vault
from stockade.testing.transport import session
from tests.services.iam.helpers import ACCOUNT, OTHER, account, allow, refused, trust, user

if TYPE_CHECKING:
    import boto3

    from stockade.app import Stockade

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


class Serving:
    """A directory as a deployment that serves has it: nothing is known but what was made."""

    def __init__(self) -> None:
        self.store = Store.open("sqlite://")
        self.vault = Vault(RootKey("memory", bytes(32)), system_random)
        self.directory = IamDirectory(self.vault)
        with self.store.write() as unit:
            self.key, self.secret = accounts.create_root(
                unit, self.vault, OTHER, NOW, system_random
            )

    def find(self, access_key_id: str, token: str | None = None) -> Any:
        with self.store.read() as unit:
            return self.directory.find_credential(unit, access_key_id, token, NOW)

    def exists(self, name: str) -> bool:
        with self.store.read() as unit:
            return self.directory.principal_exists(unit, name)


@pytest.fixture
def serving() -> Iterator[Serving]:
    made = Serving()
    yield made
    made.store.close()


def test_dev_knows_a_root_of_every_account(stockade: Stockade, aws: boto3.Session) -> None:
    assert aws.client("sts").get_caller_identity()["Account"] == ACCOUNT
    other = account(stockade, OTHER).client("sts").get_caller_identity()
    assert other["Arn"] == f"arn:aws:iam::{OTHER}:root"
    assert other["UserId"] == OTHER


def test_even_a_known_key_needs_its_secret(stockade: Stockade) -> None:
    wrong = session(stockade, access_key_id=OTHER, secret_access_key="guess")
    assert refused(wrong.client("sts").get_caller_identity)[0] == "SignatureDoesNotMatch"


def test_a_deployment_that_serves_knows_its_root_alone(serving: Serving) -> None:
    credential = serving.find(serving.key)
    assert credential.secret == serving.secret
    assert credential.caller.principal == Principal("root", f"arn:aws:iam::{OTHER}:root", OTHER)
    assert serving.secret not in repr(credential)
    for stranger in ("test", OTHER, ACCOUNT, "", "AKIA", "AKIAIOSFODNN7EXAMPLE", "x" * 4096):
        with pytest.raises(InvalidClientToken):
            serving.find(stranger)


@pytest.mark.parametrize("prefix", ["AKIA", "ASIA", "AIDA"])
@pytest.mark.parametrize("owner", [ACCOUNT, OTHER])
def test_made_up_keys_are_refused(serving: Serving, prefix: str, owner: str) -> None:
    with pytest.raises(Refusal) as caught:
        serving.find(unique_id(prefix, owner, system_random), "token")
    assert isinstance(caught.value, InvalidClientToken | InvalidToken)
    assert caught.value.on("query") == ("InvalidClientTokenId", 403)


def test_a_warm_credential_needs_no_database(serving: Serving) -> None:
    serving.find(serving.key)
    with serving.store.read(memory_only=True) as unit:
        found = serving.directory.find_credential(unit, serving.key, None, NOW)
    assert found.secret == serving.secret


def test_keys_of_unknown_accounts_are_refused_without_the_database(serving: Serving) -> None:
    with pytest.raises(InvalidClientToken):
        serving.find(unique_id("AKIA", ACCOUNT, system_random))
    stranger = unique_id("ASIA", "999999999999", system_random)
    with serving.store.read(memory_only=True) as unit, pytest.raises(InvalidClientToken):
        serving.directory.find_credential(unit, stranger, "token", NOW)


def test_principals_exist_or_not(serving: Serving) -> None:
    assert serving.exists(OTHER)
    assert serving.exists(f"arn:aws:iam::{OTHER}:root")
    for unknown in (
        ACCOUNT,
        "arn:aws:iam::999999999999:root",
        f"arn:aws:iam::{OTHER}:user/alice",
        f"arn:aws:iam::{OTHER}:group/all",
        f"arn:aws:sts::{OTHER}:assumed-role/reader",
        f"arn:aws-cn:iam::{OTHER}:root",
        f"arn:aws:iam:us-east-1:{OTHER}:root",
        "arn:aws:iam::root",
        "alice",
        "",
    ):
        assert not serving.exists(unknown), unknown


def test_users_roles_and_sessions_exist_by_their_whole_arn(
    stockade: Stockade, aws: boto3.Session
) -> None:
    iam = aws.client("iam")
    iam.create_user(UserName="Alice", Path="/eng/")
    iam.create_role(RoleName="Reader", Path="/eng/", AssumeRolePolicyDocument=trust(ACCOUNT))
    directory = IamDirectory(stockade.vault, known_account=ACCOUNT)
    known = {
        f"arn:aws:iam::{ACCOUNT}:user/eng/Alice": True,
        f"arn:aws:iam::{ACCOUNT}:user/Alice": False,
        f"arn:aws:iam::{ACCOUNT}:user/eng/alice": False,
        f"arn:aws:iam::{ACCOUNT}:role/eng/Reader": True,
        f"arn:aws:iam::{ACCOUNT}:role/Reader": False,
        f"arn:aws:sts::{ACCOUNT}:assumed-role/Reader/me": True,
        f"arn:aws:sts::{ACCOUNT}:assumed-role/reader/me": False,
        f"arn:aws:sts::{ACCOUNT}:assumed-role/Reader/": False,
        OTHER: True,
    }
    with stockade.store.read() as unit:
        assert {name: directory.principal_exists(unit, name) for name in known} == known


def test_a_principal_has_the_unique_id_of_its_calls(stockade: Stockade, aws: boto3.Session) -> None:
    iam = aws.client("iam")
    alice = iam.create_user(UserName="Alice", Path="/eng/")["User"]
    role = iam.create_role(RoleName="Reader", AssumeRolePolicyDocument=trust(ACCOUNT))["Role"]
    directory = IamDirectory(stockade.vault, known_account=ACCOUNT)
    known = {
        f"arn:aws:iam::{ACCOUNT}:root": ACCOUNT,
        alice["Arn"]: alice["UserId"],
        role["Arn"]: role["RoleId"],
        f"arn:aws:sts::{ACCOUNT}:assumed-role/Reader/me": f"{role['RoleId']}:me",
        f"arn:aws:sts::{ACCOUNT}:federated-user/fred": f"{ACCOUNT}:fred",
        f"arn:aws:iam::{ACCOUNT}:user/Alice": None,
        "none": None,
    }
    with stockade.store.read() as unit:
        assert {name: directory.principal_id(unit, name) for name in known} == known


def test_a_users_tags_and_name_are_in_the_decision(stockade: Stockade, aws: boto3.Session) -> None:
    own = f"arn:aws:iam::{ACCOUNT}:user/${{aws:username}}"
    alice = user(stockade, aws, "alice", allow("iam:GetUser", own)).client("iam")
    aws.client("iam").create_user(UserName="bob")
    alice.get_user()
    assert refused(alice.get_user, UserName="bob")[0] == "AccessDenied"
