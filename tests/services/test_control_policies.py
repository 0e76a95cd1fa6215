# SPDX-License-Identifier: Apache-2.0
"""What an organization, a boundary and a credential's own keys do to a decision."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from botocore.exceptions import ClientError

from stockade.app import Stockade
from stockade.core.access import Demand, Touched
from stockade.core.authorization import (
    Denied,
    decode_message,
    encode_message,
    encoded_message,
    require,
)
from stockade.core.context import Context
from stockade.core.identity import Caller
from stockade.core.ports import Membership, Ports
from stockade.policy.compile import Policy
from stockade.policy.controls import RCP_SERVICES, held_by_rcp
from stockade.policy.principals import DIRECTLY
from stockade.policy.request import Principal
from stockade.store.unit import Unit
from stockade.testing.transport import session
from tests.policy.build import ALICE, ANONYMOUS, CAROL, KEY, A, B, allow, deny, identity, resource
from tests.services.test_authorization import ACCOUNT, policy, user

OPEN = identity(allow())
FULL_RCP = resource(allow(principal="*"))
TO_EVERYONE = resource(allow(principal="*"))
P_ARN = f"arn:aws:organizations::{A}:policy/o-a1/service_control_policy/p-1"


class Places:
    """An organization in memory: account -> place."""

    def __init__(self, **places: Membership) -> None:
        self.places = {name.removeprefix("a"): place for name, place in places.items()}

    def membership(self, unit: Unit, account: str) -> Membership | None:
        del unit
        return self.places.get(account)


def place(
    *, scp: tuple[Policy, ...] = (), rcp: tuple[Policy, ...] = (), org: str = "o-a1"
) -> Membership:
    return Membership(
        organization_id=org,
        management_account="999999999999",
        path=f"{org}/r-ab12/ou-ab12-11111111/",
        service_control=((OPEN,), (OPEN, *scp)),
        resource_control=((FULL_RCP,), (FULL_RCP, *rcp)),
    )


@pytest.fixture
def stockade() -> Iterator[Stockade]:
    made = Stockade.in_memory()
    yield made
    made.close()


def caller(principal: Principal = ALICE, **more: Any) -> Caller:
    return Caller(
        principal=principal,
        user_id="AIDACKCEVSQ6C2EXAMPLE",
        access_key_id="",
        identity=more.pop("identity", (OPEN,)),
        audit_identity=msgspec.Raw(b"{}"),
        **more,
    )


def context(stockade: Stockade, unit: Unit, who: Caller, places: Places | None, **more: Any) -> Any:
    ports = Ports({})
    ports.organization = places
    return Context(
        now=stockade.clock.now(),
        request_id="",
        region="us-east-1",
        caller=who,
        unit=unit,
        record=stockade.journal.append,
        random=bytes,
        nonce=lambda: bytes(28),
        vault=stockade.vault,
        ports=ports,
        source_ip="192.0.2.1",
        **more,
    )


def ask(
    stockade: Stockade,
    who: Caller | None = None,
    places: Places | None = None,
    *,
    demand: Demand | None = None,
    **more: Any,
) -> str:
    """Return the text of a refusal, or nothing."""
    demand = demand or Demand(action="kms:Decrypt", arn=KEY, account=A)
    with stockade.store.read() as unit:
        try:
            require(
                context(stockade, unit, who or caller(), places, **more), Touched(demands=(demand,))
            )
        except Denied as denied:
            return denied.message
    return ""


def test_service_control_policies_of_the_callers_account(stockade: Stockade) -> None:
    against = identity(deny("kms:*"), arn=P_ARN)
    held = Places(**{f"a{A}": place(scp=(against,))})
    assert ask(stockade, None, held).endswith(
        f"with an explicit deny in a service control policy: {P_ARN}"
    )
    assert not ask(stockade, caller(service_linked=True), held)
    assert not ask(stockade, None, Places(**{f"a{B}": place(scp=(against,))}))
    assert not ask(stockade, None, None)
    management = place(scp=(against,))
    management = msgspec.structs.replace(management, service_control=(), resource_control=())
    assert not ask(stockade, None, Places(**{f"a{A}": management}))


def test_resource_control_policies_of_the_resources_account(stockade: Stockade) -> None:
    against = resource(deny("kms:*", principal="*"))
    held = Places(**{f"a{A}": place(rcp=(against,)), f"a{B}": place()})
    open_key = Demand(action="kms:Decrypt", arn=KEY, account=A, policy=TO_EVERYONE)
    for who in (caller(), caller(CAROL), caller(ANONYMOUS)):
        text = ask(stockade, who, held, demand=open_key)
        assert text.endswith("with an explicit deny in a resource control policy")
    assert not ask(stockade, caller(service_linked=True), held, demand=open_key)
    assert not ask(stockade, None, held, demand=Demand(action="kms:ListKeys", account=A))
    retire = Demand(action="kms:RetireGrant", arn=KEY, account=A)
    assert not ask(stockade, None, held, demand=retire)
    iam = Demand(action="iam:GetUser", arn=f"arn:aws:iam::{A}:user/alice", account=A)
    assert not ask(stockade, None, held, demand=iam)


def test_which_services_resource_control_policies_hold() -> None:
    assert {"s3", "sts", "sqs", "kms", "secretsmanager", "ecr", "aoss", "dynamodb"} < RCP_SERVICES
    assert held_by_rcp("s3:GetObject", "arn:aws:s3:::b/k")
    assert not held_by_rcp("ec2:RunInstances", "arn:aws:ec2:us-east-1:1:instance/*")


def test_another_organization_does_not_hear_which_policy_denies(stockade: Stockade) -> None:
    rcp_arn = f"arn:aws:organizations::{A}:policy/o-a1/resource_control_policy/p-2"
    document = resource(deny("kms:*", principal="*")).document
    held = Policy(document, rcp_arn, "")
    open_key = Demand(action="kms:Decrypt", arn=KEY, account=A, policy=TO_EVERYONE)
    same = Places(**{f"a{A}": place(rcp=(held,)), f"a{B}": place()})
    other = Places(**{f"a{A}": place(rcp=(held,)), f"a{B}": place(org="o-b2")})
    assert ask(stockade, caller(CAROL), same, demand=open_key).endswith(rcp_arn)
    for places in (other, Places(**{f"a{A}": place(rcp=(held,))})):
        text = ask(stockade, caller(CAROL), places, demand=open_key)
        assert text.endswith("in a resource control policy")


def test_a_boundary_holds_its_user(stockade: Stockade) -> None:
    assert not ask(stockade, caller(boundary=OPEN))
    text = ask(stockade, caller(boundary=identity(allow("s3:*"))))
    assert text.endswith("because no permissions boundary allows the kms:Decrypt action")


def test_an_endpoint_policy_holds_and_hides_the_address(stockade: Stockade) -> None:
    assert not ask(stockade, endpoint=resource(allow(principal="*")))
    text = ask(stockade, endpoint=resource(allow("s3:*", principal="*")))
    assert text.endswith("because no VPC endpoint policy allows the kms:Decrypt action")
    here = identity(allow(condition={"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}))
    assert not ask(stockade, caller(identity=(here,)))
    assert ask(stockade, caller(identity=(here,)), endpoint=resource(allow(principal="*")))


def test_a_grant_allows(stockade: Stockade) -> None:
    demand = Demand(
        action="kms:Decrypt", arn=KEY, account=A, must_allow=True, granted=lambda: DIRECTLY
    )
    assert not ask(stockade, caller(identity=()), demand=demand)


@pytest.mark.parametrize(
    ("key", "value", "elsewhere"),
    [
        ("aws:PrincipalOrgID", "o-a1", None),
        ("aws:PrincipalOrgPaths", "o-a1/r-ab12/ou-ab12-11111111/", None),
        ("aws:ResourceOrgID", "o-a1", None),
        ("aws:ResourceOrgPaths", "o-a1/r-ab12/ou-ab12-11111111/", None),
        ("aws:ResourceAccount", A, A),
        ("aws:SourceIdentity", "Alice", "Alice"),
        ("aws:MultiFactorAuthPresent", "true", "true"),
        ("aws:MultiFactorAuthAge", "30", "30"),
        ("aws:FederatedProvider", "accounts.google.com", "accounts.google.com"),
        ("saml:sub", "x", "x"),
        ("aws:SourceOrgID", "o-a1", None),
        ("aws:SourceOrgPaths", "o-a1/r-ab12/ou-ab12-11111111/", None),
        ("aws:SourceAccount", A, A),
        ("aws:userid", "AIDACKCEVSQ6C2EXAMPLE", "AIDACKCEVSQ6C2EXAMPLE"),
        ("aws:CalledVia", None, None),
    ],
)
def test_global_keys(
    stockade: Stockade, key: str, value: str | None, elsewhere: str | None
) -> None:
    brought = {
        "aws:sourceidentity": ("Alice",),
        "aws:multifactorauthpresent": ("true",),
        "aws:multifactorauthage": ("30",),
        "aws:federatedprovider": ("accounts.google.com",),
        "saml:sub": ("x",),
    }
    for places, wanted in ((Places(**{f"a{A}": place()}), value), (None, elsewhere)):
        condition: dict[str, Any] = {"StringEquals": {key: wanted}}
        if wanted is None:
            condition = {"Null": {key: "true"}}
        who = caller(identity=(identity(allow(condition=condition)),), keys=brought)
        assert not ask(stockade, who, places, source_account=A)


def test_a_service_brings_no_key_of_its_caller(stockade: Stockade) -> None:
    nobody = {
        "Null": {"aws:PrincipalAccount": "true", "aws:userid": "true", "aws:username": "true"}
    }
    trusting = resource(allow(principal={"Service": "s3.amazonaws.com"}, condition=nobody))
    demand = Demand(action="kms:Decrypt", arn=KEY, account=A, policy=trusting)
    assert not ask(stockade, Caller.service("s3.amazonaws.com"), demand=demand)


def denied_message(stockade: Stockade, who: Caller) -> tuple[str, str, Denied]:
    demand = Demand(
        action="ec2:RunInstances", arn=f"arn:aws:ec2:us-east-1:{A}:instance/*", account=A
    )
    with stockade.store.write() as unit:
        ctx = context(stockade, unit, who, None)
        with pytest.raises(Denied) as caught:
            require(ctx, Touched(demands=(demand,)))
        text = encoded_message(ctx, caught.value)
        encode_message(ctx, caught.value)
    return text, caught.value.message, caught.value


def test_an_encoded_message_opens_in_its_account_only(stockade: Stockade) -> None:
    size = {"StringNotEquals": {"ec2:InstanceType": "t3.micro"}}
    against = identity(deny("ec2:RunInstances", sid="Small", condition=size))
    encoded, _, _ = denied_message(stockade, caller(identity=(OPEN, against), user_name="alice"))
    assert encoded.replace("-", "").replace("_", "").isalnum()
    assert len(encoded) <= 10_240
    with stockade.store.write() as unit:
        told = json.loads(decode_message(unit, stockade.vault, A, encoded) or "null")
        assert decode_message(unit, stockade.vault, B, encoded) is None
        for wrong in ("", "x", "?!", encoded[:-4], encoded[::-1], encoded + "AAAA"):
            assert decode_message(unit, stockade.vault, A, wrong) is None
    assert told["allowed"] is False
    assert told["explicitDeny"] is True
    assert told["failures"] == {"items": []}
    (statement,) = told["matchedStatements"]["items"]
    assert statement == {
        "statementId": "Small",
        "effect": "DENY",
        "principals": {"items": [{"value": "AIDACKCEVSQ6C2EXAMPLE"}]},
        "principalGroups": {"items": []},
        "actions": {"items": [{"value": "ec2:RunInstances"}]},
        "resources": {"items": [{"value": "*"}]},
        "conditions": {
            "items": [
                {"key": "ec2:InstanceType", "values": {"items": [{"value": "t3.micro"}]}},
            ]
        },
    }
    assert told["context"]["principal"] == {
        "id": "AIDACKCEVSQ6C2EXAMPLE",
        "name": "alice",
        "arn": ALICE.arn,
    }
    assert told["context"]["action"] == "ec2:RunInstances"
    values = {
        one["key"]: [value["value"] for value in one["values"]["items"]]
        for one in told["context"]["conditions"]["items"]
    }
    assert values["aws:SourceIp"] == ["192.0.2.1"]
    assert values["aws:PrincipalArn"] == [ALICE.arn]
    assert "ec2:InstanceType" not in values


def test_a_silent_denial_is_told_as_one(stockade: Stockade) -> None:
    encoded, text, denied = denied_message(stockade, caller(identity=()))
    with stockade.store.read() as unit:
        told = json.loads(decode_message(unit, stockade.vault, A, encoded) or "null")
    assert told["explicitDeny"] is False
    assert told["matchedStatements"] == {"items": []}
    head, _, message = text.partition(" Encoded authorization failure message: ")
    assert head == (
        f"You are not authorized to perform this operation. User: {ALICE.arn} is not authorized "
        f"to perform: ec2:RunInstances on resource: arn:aws:ec2:us-east-1:{A}:instance/* because "
        "no identity-based policy allows the ec2:RunInstances action."
    )
    assert message
    assert denied.on("ec2") == ("UnauthorizedOperation", 403)


def test_an_encoded_message_keeps_another_accounts_policies_to_itself(stockade: Stockade) -> None:
    against = resource(
        deny(principal="*", sid="Theirs", condition={"Null": {"aws:TokenIssueTime": "true"}})
    )
    demand = Demand(action="sqs:SendMessage", arn=f"arn:aws:sqs:x:{B}:q", account=B, policy=against)
    with stockade.store.write() as unit:
        ctx = context(stockade, unit, caller(), None)
        with pytest.raises(Denied) as caught:
            require(ctx, Touched(demands=(demand,)))
        told = decode_message(unit, stockade.vault, A, encoded_message(ctx, caught.value))
    assert told is not None
    assert json.loads(told)["explicitDeny"] is True
    assert json.loads(told)["matchedStatements"] == {"items": []}
    assert "Theirs" not in told
    assert "TokenIssueTime" not in told
    assert caught.value.explanation.trace.missing_context_keys == ()


def test_ec2_hears_of_a_refusal_with_its_encoded_message(stockade: Stockade) -> None:
    bound = stockade.gateway._called("kms", "ListKeys")
    with stockade.store.read() as unit:
        ctx = context(stockade, unit, caller(identity=()), None)
        ctx.request_id = "11111111-2222-3333-4444-555555555555"
        with pytest.raises(Denied) as caught:
            stockade.gateway.perform(ctx, bound, {}, "ec2")
    record = json.loads(stockade.find_record(ctx.request_id) or b"null")
    assert record["errorMessage"] == caught.value.message
    encoded = caught.value.message.rpartition(" ")[2]
    with stockade.store.read() as unit:
        told = json.loads(decode_message(unit, stockade.vault, A, encoded) or "null")
    assert told["context"]["action"] == "kms:ListKeys"


def test_an_organization_holds_calls_on_the_wire(stockade: Stockade) -> None:
    """And the refusal's record explains it."""
    admin = session(stockade)
    alice = user(stockade, admin, "alice", policy(allow("kms:*"))).client("kms")
    key = admin.client("kms").create_key()["KeyMetadata"]["Arn"]
    against = identity(deny("kms:Encrypt", sid="NoKeys"))
    stockade.gateway._ports.organization = Places(**{f"a{ACCOUNT}": place(scp=(against,))})
    assert alice.describe_key(KeyId=key)
    with pytest.raises(ClientError, match="explicit deny in a service control policy") as caught:
        alice.encrypt(KeyId=key, Plaintext=b"x")
    request_id = caught.value.response["ResponseMetadata"]["RequestId"]
    record = json.loads(stockade.find_record(request_id) or b"null")
    told = record["additionalEventData"]["decision"]["trace"]
    assert told["decision"]["policy_type"] == "service control policy"
    assert [layer["level"] for layer in told["layers"][2:]] == [0, 1, 0, 1]
    from stockade.cli.explain import story

    text = "\n".join(story(record))
    assert "service control policy at the organization's root:" in text
    assert "service control policy 1 below the organization's root:" in text
    assert "to allow it, take out of the service control policy" in text
