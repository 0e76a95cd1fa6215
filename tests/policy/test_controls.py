# SPDX-License-Identifier: Apache-2.0
"""Control policies, endpoint policies and grants: what holds whom, and how a denial names it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from stockade.policy.decide import (
    BOUNDARY,
    ENDPOINT,
    GRANT,
    IDENTITY,
    RCP,
    RESOURCE,
    SCP,
    SESSION,
    Decision,
    Query,
)
from stockade.policy.explain import denial_text, trace
from stockade.policy.principals import BY_ACCOUNT, BY_ROLE, DIRECTLY, NOT_NAMED
from tests.policy.build import (
    ALICE,
    ALICE_ARN,
    ANONYMOUS,
    CAROL,
    KEY,
    ROOT,
    ROOT_ARN,
    SERVICE,
    A,
    allow,
    ask,
    deny,
    identity,
    layers,
    resource,
)

if TYPE_CHECKING:
    from typing import Any

    from stockade.policy.decide import Layers

EVERYTHING = identity(allow())
NOTHING = identity(allow("none:None"))
OPEN = ((EVERYTHING,), (EVERYTHING,), (EVERYTHING,))
FULL_RCP = resource(allow(principal="*"))
TO_EVERYONE = resource(allow("kms:*", principal="*"))


def with_(given: Layers, **more: Any) -> Layers:
    return msgspec.structs.replace(given, **more)


def test_every_level_of_service_control_policies_must_allow() -> None:
    given = layers(EVERYTHING)
    assert ask(ALICE, with_(given, scp=OPEN)).allowed
    for number in range(3):
        levels = tuple((NOTHING,) if at == number else (EVERYTHING,) for at in range(3))
        assert ask(ALICE, with_(given, scp=levels)) == Decision("implicitDeny", SCP)
        both = tuple((NOTHING, EVERYTHING) for _ in range(3))
        assert ask(ALICE, with_(given, scp=both)).allowed
    assert ask(ALICE, with_(given, scp=((),))) == Decision("implicitDeny", SCP)


def test_service_control_policies_hold_the_root_and_nobody_without_account() -> None:
    held = with_(layers(resource=TO_EVERYONE), scp=((NOTHING,),))
    assert ask(ROOT, held) == Decision("implicitDeny", SCP)
    assert ask(CAROL, held) == Decision("implicitDeny", SCP)
    assert ask(SERVICE, held).allowed
    assert ask(ANONYMOUS, held).allowed


@pytest.mark.parametrize("caller", [ALICE, ROOT, ANONYMOUS, SERVICE, CAROL])
def test_resource_control_policies_hold_everybody(caller: Any) -> None:
    given = layers(EVERYTHING, resource=TO_EVERYONE)
    denying = ((FULL_RCP,), (FULL_RCP, resource(deny(principal="*", sid="No"))))
    denied = ask(caller, with_(given, rcp=denying))
    assert (denied.outcome, denied.policy_type, denied.sid) == ("explicitDeny", RCP, "No")
    assert ask(caller, with_(given, rcp=((FULL_RCP,), ()))) == Decision("implicitDeny", RCP)
    assert ask(caller, with_(given, rcp=((FULL_RCP,), (FULL_RCP,)))).allowed


def test_control_policies_grant_nothing() -> None:
    given = with_(layers(), scp=OPEN, rcp=((FULL_RCP,),), endpoint=FULL_RCP)
    assert ask(ALICE, given) == Decision("implicitDeny", IDENTITY)


def test_an_endpoint_policy_must_let_the_call_through() -> None:
    given = layers(EVERYTHING, resource=TO_EVERYONE)
    only_alice = resource(allow("kms:*", principal={"AWS": ALICE_ARN}))
    assert ask(ALICE, with_(given, endpoint=only_alice)).allowed
    assert ask(ROOT, with_(given, endpoint=only_alice)) == Decision("implicitDeny", ENDPOINT)
    by_account = resource(allow("kms:*", principal={"AWS": A}))
    assert ask(ALICE, with_(given, endpoint=by_account)) == Decision("implicitDeny", ENDPOINT)
    assert ask(ROOT, with_(given, endpoint=by_account)).allowed
    denying = resource(allow(principal="*"), deny(principal={"AWS": ALICE_ARN}))
    assert ask(ALICE, with_(given, endpoint=denying)).policy_type == ENDPOINT
    assert ask(ROOT, with_(given, endpoint=denying)).allowed


@pytest.mark.fact("iam-5")
def test_a_grant_allows_what_nothing_denies() -> None:
    key_policy = resource(allow("kms:*", principal={"AWS": ROOT_ARN}))
    given = with_(layers(resource=key_policy, must_allow=True), granted=lambda: DIRECTLY)
    for caller in (ALICE, CAROL, SERVICE):
        assert ask(caller, given) == Decision("allowed", GRANT)
    assert ask(ALICE, with_(given, boundary=NOTHING, session=())).allowed
    assert ask(ALICE, with_(given, identity=(identity(deny()),))).policy_type == IDENTITY
    against = resource(deny(principal="*"), allow("kms:*", principal={"AWS": ROOT_ARN}))
    assert ask(ALICE, with_(given, resource=against)).policy_type == RESOURCE
    assert ask(ALICE, with_(given, scp=((NOTHING,),))) == Decision("implicitDeny", SCP)
    assert ask(ALICE, with_(given, rcp=((NOTHING,),))) == Decision("implicitDeny", RCP)


@pytest.mark.fact("iam-5")
def test_how_firmly_a_grant_names_the_caller_counts() -> None:
    key_policy = resource(allow("kms:*", principal={"AWS": ROOT_ARN}))
    plain = layers(resource=key_policy, must_allow=True)
    silent = Decision("implicitDeny", IDENTITY)
    assert ask(ALICE, with_(plain, granted=lambda: NOT_NAMED)) == silent
    to_role = with_(plain, granted=lambda: BY_ROLE)
    assert ask(ALICE, to_role) == Decision("allowed", GRANT)
    assert ask(ALICE, with_(to_role, boundary=NOTHING)).policy_type == BOUNDARY
    assert ask(ALICE, with_(to_role, session=())).policy_type == SESSION
    to_account = with_(plain, granted=lambda: BY_ACCOUNT)
    assert ask(ALICE, to_account) == silent
    carol = with_(to_account, identity=(EVERYTHING,))
    assert ask(CAROL, carol) == Decision("allowed", GRANT)
    assert not ask(CAROL, with_(carol, boundary=NOTHING)).allowed


def test_grants_are_asked_last() -> None:
    def never() -> int:
        raise AssertionError("asked although the policies allow, or deny")

    key_policy = resource(allow("kms:*", principal={"AWS": ROOT_ARN}))
    given = with_(layers(EVERYTHING, resource=key_policy, must_allow=True), granted=never)
    assert ask(ALICE, given).allowed
    assert not ask(ALICE, with_(given, identity=(identity(deny()),))).allowed


def test_what_aws_owns_cannot_be_written() -> None:
    """33 of the public cases: managed policies, `alias/aws/*`, `aws-reserved` roles."""
    for caller in (ALICE, ROOT):
        owned = layers(EVERYTHING, account="aws")
        assert ask(caller, owned, action="iam:CreatePolicyVersion").outcome == "implicitDeny"


HEAD = f"User: {ALICE_ARN} is not authorized to perform: kms:Decrypt on resource: {KEY}"
POLICY = f"arn:aws:organizations::{A}:policy/o-1/service_control_policy/p-1"


@pytest.mark.parametrize(
    ("policy_type", "shown"),
    [
        (SCP, "a service control policy"),
        (RCP, "a resource control policy"),
        (ENDPOINT, "a VPC endpoint policy"),
    ],
)
def test_denials_name_the_layer(policy_type: str, shown: str) -> None:
    silent = Decision("implicitDeny", policy_type)
    assert denial_text(ALICE_ARN, "kms:Decrypt", KEY, silent) == (
        f"{HEAD} because no {policy_type} allows the kms:Decrypt action"
    )
    denied = Decision("explicitDeny", policy_type, POLICY, "", 0)
    assert denial_text(ALICE_ARN, "kms:Decrypt", KEY, denied) == (
        f"{HEAD} with an explicit deny in {shown}: {POLICY}"
    )


def explained(caller: Any, given: Layers) -> Any:
    return trace(Query(caller, "kms:Decrypt", KEY, lambda _key: None), given)


def test_a_trace_tells_the_levels() -> None:
    given = with_(layers(EVERYTHING), scp=OPEN[:2], rcp=((FULL_RCP,),), endpoint=FULL_RCP)
    found = explained(ALICE, given)
    assert [(layer.policy_type, layer.level) for layer in found.layers] == [
        (IDENTITY, None),
        (RCP, 0),
        (SCP, 0),
        (SCP, 1),
        (ENDPOINT, None),
    ]


def test_the_missing_allow_is_proposed_into_its_level() -> None:
    given = with_(
        layers(), scp=((EVERYTHING,), (NOTHING,), ()), endpoint=resource(deny("a:b", principal="*"))
    )
    found = explained(ALICE, given)
    assert [(change.policy_type, change.level) for change in found.proposal] == [
        (SCP, 1),
        (SCP, 2),
        (ENDPOINT, None),
        (IDENTITY, None),
    ]
    assert found.proposal[0].statement == {
        "Effect": "Allow",
        "Action": "kms:Decrypt",
        "Resource": KEY,
    }
    assert found.proposal[2].statement["Principal"] == {"AWS": ALICE_ARN}


def test_a_control_policy_in_the_way_is_proposed_to_change() -> None:
    against = identity(deny("kms:*", sid="No"), arn=POLICY)
    given = with_(layers(EVERYTHING), scp=((EVERYTHING, against),), rcp=((),))
    removed, added = explained(ALICE, given).proposal
    assert (removed.action, removed.policy_type, removed.policy_arn) == ("remove", SCP, POLICY)
    assert (added.action, added.policy_type, added.level) == ("add", RCP, 0)
    assert added.statement["Principal"] == "*"
