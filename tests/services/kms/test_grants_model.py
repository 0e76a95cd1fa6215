# SPDX-License-Identifier: Apache-2.0
"""Random histories of grants against a list: made, made from grants, used, retired, revoked."""

from __future__ import annotations

from typing import Any, NamedTuple

import boto3
import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from stockade.app import Stockade
from stockade.services.kms import granting
from tests.services.kms.grantees import a_role, a_session, a_taker, a_user

PEOPLE = ("alice", "bob", "one", "two")
"""Two users, and two sessions of the role `app`."""
GRANTEES = (*PEOPLE, "app")
OPERATIONS = ("Encrypt", "DescribeKey", "CreateGrant", "RetireGrant")
Pairs = dict[str, str]

contexts = st.dictionaries(st.sampled_from("abA"), st.sampled_from("xy"), max_size=2)
constraints = st.fixed_dictionaries(
    {}, optional={"EncryptionContextEquals": contexts, "EncryptionContextSubset": contexts}
)
operations = st.lists(st.sampled_from(OPERATIONS), min_size=1, unique=True)
people, grantees = st.sampled_from(PEOPLE), st.sampled_from(GRANTEES)


class Made(NamedTuple):
    """A grant of the model."""

    grant_id: str
    token: str
    grantee: str
    operations: frozenset[str]
    constraints: dict[str, Pairs]
    retiring: str | None


class World(NamedTuple):
    """Who there is: the root's client, everybody's, and everybody's ARN."""

    root: Any
    clients: dict[str, Any]
    arns: dict[str, str]


def names(person: str) -> set[str]:
    """Return what a person goes by."""
    return {person, "app"} if person in ("one", "two") else {person}


def lower(context: Pairs) -> list[tuple[str, str]]:
    return sorted((name.lower(), value) for name, value in context.items())


def allows(made: Made, operation: str, context: Pairs) -> bool:
    """Tell whether a grant allows a use."""
    if operation not in made.operations or operation == "DescribeKey":
        return operation in made.operations
    equals = made.constraints.get("EncryptionContextEquals")
    subset = made.constraints.get("EncryptionContextSubset", {})
    fits = equals is None or lower(equals) == lower(context)
    return fits and all(pair in lower(context) for pair in lower(subset))


def lets_make(parent: Made, wanted: list[str], child: dict[str, Pairs]) -> bool:
    """Tell whether a grant lets its grantee make another."""
    if "CreateGrant" not in parent.operations or not set(wanted) <= parent.operations:
        return False
    equals = parent.constraints.get("EncryptionContextEquals")
    subset = parent.constraints.get("EncryptionContextSubset", {})
    own = child.get("EncryptionContextEquals")
    if equals is not None and (own is None or lower(own) != lower(equals)):
        return False
    held = own if own is not None else child.get("EncryptionContextSubset", {})
    return all(pair in lower(held) for pair in lower(subset))


def code(call: Any, **members: Any) -> tuple[str, Any]:
    """Return the error code of a call, empty where it was done, and its answer."""
    try:
        return "", call(**members)
    except ClientError as error:
        return error.response["Error"]["Code"], None


class Machine(RuleBasedStateMachine):
    """One key, everybody's grants on it, and the list of them."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.key = world.root.create_key()["KeyMetadata"]["Arn"]
        self.made: list[Made] = []

    @rule(
        maker=st.none() | people,
        to=grantees,
        wanted=operations,
        limits=constraints,
        retiring=st.none() | grantees,
    )
    def make(
        self,
        maker: str | None,
        to: str,
        wanted: list[str],
        limits: dict[str, Pairs],
        retiring: str | None,
    ) -> None:
        client = self.world.root if maker is None else self.world.clients[maker]
        arns = self.world.arns
        more = {} if retiring is None else {"RetiringPrincipal": arns[retiring]}
        found, answer = code(
            client.create_grant,
            KeyId=self.key,
            GranteePrincipal=arns[to],
            Operations=wanted,
            Constraints=limits,
            **more,
        )
        if maker is not None and not any(
            one.grantee in names(maker) and lets_make(one, wanted, limits) for one in self.made
        ):
            assert found == "AccessDeniedException"
        elif wanted == ["CreateGrant"]:
            assert found == "ValidationException"
        else:
            assert found == ""
            ids = answer["GrantId"], answer["GrantToken"]
            self.made.append(Made(*ids, to, frozenset(wanted), limits, retiring))

    @rule(person=people, context=contexts)
    def use(self, person: str, context: Pairs) -> None:
        client, mine = self.world.clients[person], names(person)
        encrypted, _ = code(
            client.encrypt, KeyId=self.key, Plaintext=b"x", EncryptionContext=context
        )
        described, _ = code(client.describe_key, KeyId=self.key)
        for operation, found in (("Encrypt", encrypted), ("DescribeKey", described)):
            allowed = any(
                one.grantee in mine and allows(one, operation, context) for one in self.made
            )
            assert found == ("" if allowed else "AccessDeniedException")

    @rule(person=people, pick=st.integers(0, 9), by_token=st.booleans())
    def retire(self, person: str, pick: int, *, by_token: bool) -> None:
        if not self.made:
            return
        one = self.made[pick % len(self.made)]
        client, mine = self.world.clients[person], names(person)
        which = {"KeyId": self.key, "GrantId": one.grant_id}
        found, _ = code(client.retire_grant, **({"GrantToken": one.token} if by_token else which))
        as_grantee = one.grantee in mine and "RetireGrant" in one.operations
        if as_grantee or one.retiring in mine:
            assert found == ""
            self.made.remove(one)
        else:
            assert found == "AccessDeniedException"

    @rule(person=st.none() | people, pick=st.integers(0, 9))
    def revoke(self, person: str | None, pick: int) -> None:
        if not self.made:
            return
        one = self.made[pick % len(self.made)]
        client = self.world.root if person is None else self.world.clients[person]
        found, _ = code(client.revoke_grant, KeyId=self.key, GrantId=one.grant_id)
        assert found == ("" if person is None else "AccessDeniedException")
        if person is None:
            self.made.remove(one)

    @rule(who=st.none() | grantees)
    def look(self, who: str | None) -> None:
        which = {} if who is None else {"GranteePrincipal": self.world.arns[who]}
        listed = self.world.root.list_grants(KeyId=self.key, Limit=1000, **which)["Grants"]
        expected = {one.grant_id for one in self.made if who in (None, one.grantee)}
        assert {one["GrantId"] for one in listed} == expected


@pytest.mark.fact("kms-3")
def test_grants_behave_like_a_list(
    stockade: Stockade, aws: boto3.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(granting, "FEW", 2)  # both ways to find them are walked
    taker, role = a_taker(stockade, aws), a_role(aws, "app")
    everybody = {name: a_user(stockade, aws, name) for name in ("alice", "bob")}
    everybody |= {name: a_session(stockade, taker, role, name) for name in ("one", "two")}
    arns = {name: somebody.arn for name, somebody in everybody.items()} | {"app": role}
    clients = {name: somebody.kms for name, somebody in everybody.items()}
    world = World(aws.client("kms"), clients, arns)

    class MachineHere(Machine):
        def __init__(self) -> None:
            super().__init__(world)

    run_state_machine_as_test(
        MachineHere,
        settings=settings(
            max_examples=settings().max_examples // 2,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
