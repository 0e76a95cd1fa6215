# SPDX-License-Identifier: Apache-2.0
"""The rules of evaluation, one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from stockade.policy.compile import compile_policy
from stockade.policy.decide import BOUNDARY, IDENTITY, RESOURCE, SESSION, Decision, Principal
from stockade.policy.elements import Document, Statement
from tests.policy.build import (
    ALICE,
    ALICE_ARN,
    ANONYMOUS,
    CAROL,
    KEY,
    ROLE_ARN,
    ROOT,
    ROOT_ARN,
    SERVICE,
    SESSION_ARN,
    A,
    B,
    allow,
    ask,
    deny,
    identity,
    layers,
    policy,
    resource,
)
from tests.policy.build import SESSION as ROLE_SESSION

if TYPE_CHECKING:
    from stockade.policy.decide import Layers

EVERYTHING = identity(allow())
NOTHING = identity(allow("none:None"))
DENY = identity(deny(), arn="arn:aws:iam::aws:policy/Deny")
DELEGATION = resource(allow("kms:*", principal={"AWS": ROOT_ARN}))
TO_ALICE = resource(allow("kms:*", principal={"AWS": ALICE_ARN}))
TO_ROLE = resource(allow("kms:*", principal={"AWS": ROLE_ARN}))
TO_SESSION = resource(allow("kms:*", principal={"AWS": SESSION_ARN}))
TO_EVERYONE = resource(allow("kms:*", principal="*"))
TO_OTHERS = resource(allow("kms:*", principal={"AWS": B}))


def lacks(policy_type: str) -> Decision:
    return Decision("implicitDeny", policy_type)


def test_nothing_is_allowed_without_an_allow() -> None:
    assert ask(ALICE, layers()) == lacks(IDENTITY)
    assert ask(ALICE, layers(NOTHING)) == lacks(IDENTITY)


def test_a_decision_names_policy_and_statement() -> None:
    policies = identity(
        allow("s3:*"), allow("kms:*", sid="Keys"), arn="arn:aws:iam::aws:policy/Keys"
    )
    decision = ask(ALICE, layers(NOTHING, policies))
    assert decision.allowed
    assert decision == Decision("allowed", IDENTITY, "arn:aws:iam::aws:policy/Keys", "Keys", 1)


@pytest.mark.fact("iam-3")
@pytest.mark.parametrize(
    ("denying", "policy_type"),
    [
        (layers(EVERYTHING, DENY), IDENTITY),
        (layers(EVERYTHING, boundary=DENY), BOUNDARY),
        (layers(EVERYTHING, session=(EVERYTHING, DENY)), SESSION),
        (layers(EVERYTHING, resource=resource(deny(principal="*"))), RESOURCE),
        (layers(EVERYTHING, resource=resource(deny(principal={"AWS": A}))), RESOURCE),
    ],
)
def test_an_explicit_deny_in_any_layer_ends_it(denying: Layers, policy_type: str) -> None:
    decision = ask(ALICE, denying)
    assert not decision.allowed
    assert (decision.outcome, decision.policy_type) == ("explicitDeny", policy_type)
    assert decision.statement == 0


def test_a_deny_for_others_is_no_deny() -> None:
    others = resource(deny(principal={"AWS": B}), allow(principal={"AWS": ALICE_ARN}))
    assert ask(ALICE, layers(resource=others)).allowed


def test_a_deny_whose_condition_fails_is_no_deny() -> None:
    guarded = identity(
        allow(), deny(condition={"StringNotEquals": {"aws:RequestedRegion": "us-east-1"}})
    )
    here = {"aws:requestedregion": ("us-east-1",)}
    there = {"aws:requestedregion": ("eu-west-1",)}
    assert ask(ALICE, layers(guarded), context=here).allowed
    assert ask(ALICE, layers(guarded), context=there).outcome == "explicitDeny"
    assert ask(ALICE, layers(guarded)).outcome == "explicitDeny"


def test_context_is_looked_up_only_when_asked_for() -> None:
    asked: list[str] = []

    class Context(dict[str, tuple[str, ...]]):
        def get(self, key: str, default: Any = None) -> Any:
            asked.append(key)
            return default

    conditional = {"Bool": {"aws:SecureTransport": "true"}}
    policies = identity(allow("s3:*", condition=conditional), allow("kms:*"))
    assert ask(ALICE, layers(policies), context=Context(x=("y",))).allowed
    assert asked == []
    assert not ask(ALICE, layers(policies), action="s3:Get", context=Context(x=("y",))).allowed
    assert asked == ["aws:securetransport"]


def test_identity_policies_reach_as_far_as_every_limit() -> None:
    assert ask(ALICE, layers(EVERYTHING, boundary=EVERYTHING, session=(EVERYTHING,))).allowed
    assert ask(ALICE, layers(EVERYTHING, boundary=NOTHING)) == lacks(BOUNDARY)
    assert ask(ALICE, layers(EVERYTHING, session=(NOTHING,))) == lacks(SESSION)
    assert ask(ALICE, layers(EVERYTHING, session=(NOTHING, EVERYTHING))).allowed
    assert ask(ALICE, layers(EVERYTHING, session=())) == lacks(SESSION)
    assert ask(ALICE, layers(boundary=EVERYTHING, session=(EVERYTHING,))) == lacks(IDENTITY)


def test_in_one_account_either_side_suffices() -> None:
    assert ask(ALICE, layers(EVERYTHING, resource=TO_OTHERS)).policy_type == IDENTITY
    assert ask(ALICE, layers(resource=TO_ALICE)).policy_type == RESOURCE
    assert ask(ALICE, layers(resource=TO_EVERYONE)).allowed


@pytest.mark.fact("iam-4")
def test_naming_the_account_only_delegates() -> None:
    for must_allow in (False, True):
        assert ask(ALICE, layers(resource=DELEGATION, must_allow=must_allow)) == lacks(IDENTITY)
        both = ask(ALICE, layers(EVERYTHING, resource=DELEGATION, must_allow=must_allow))
        assert both.policy_type == IDENTITY
        assert both.allowed
        by_number = resource(allow(principal={"AWS": A}))
        assert ask(ALICE, layers(EVERYTHING, resource=by_number, must_allow=must_allow)).allowed


@pytest.mark.parametrize("must_allow", [False, True])
def test_what_names_a_user_or_all_passes_the_silence_of_limits(must_allow: bool) -> None:
    for granting in (TO_ALICE, TO_EVERYONE):
        silent = layers(
            resource=granting, must_allow=must_allow, boundary=NOTHING, session=(NOTHING,)
        )
        assert ask(ALICE, silent).policy_type == RESOURCE
        assert ask(ALICE, silent).allowed


@pytest.mark.parametrize("must_allow", [False, True])
def test_what_names_a_role_is_held_by_its_limits(must_allow: bool) -> None:
    assert ask(ROLE_SESSION, layers(resource=TO_ROLE, must_allow=must_allow)).allowed
    bounded = layers(resource=TO_ROLE, must_allow=must_allow, boundary=NOTHING)
    assert ask(ROLE_SESSION, bounded) == lacks(BOUNDARY)
    in_session = layers(resource=TO_ROLE, must_allow=must_allow, session=(NOTHING,))
    assert ask(ROLE_SESSION, in_session) == lacks(SESSION)


@pytest.mark.parametrize("must_allow", [False, True])
def test_what_names_a_session_passes_the_silence_of_its_limits(must_allow: bool) -> None:
    silent = layers(
        resource=TO_SESSION, must_allow=must_allow, boundary=NOTHING, session=(NOTHING,)
    )
    assert ask(ROLE_SESSION, silent).allowed


def test_no_grant_passes_the_deny_of_a_limit() -> None:
    assert not ask(ALICE, layers(resource=TO_ALICE, boundary=DENY)).allowed
    assert not ask(ROLE_SESSION, layers(resource=TO_SESSION, session=(DENY,))).allowed


def test_the_firmest_naming_counts() -> None:
    both = resource(
        allow(principal={"AWS": ROOT_ARN}),
        allow(principal={"AWS": ROLE_ARN}),
        allow(principal={"AWS": SESSION_ARN}, sid="Direct"),
    )
    assert ask(ROLE_SESSION, layers(resource=both, boundary=NOTHING)).sid == "Direct"


@pytest.mark.fact("kms-27")
@pytest.mark.parametrize("must_allow", [False, True])
def test_across_accounts_both_sides_are_needed(must_allow: bool) -> None:
    carol_arn = CAROL.arn
    for naming in ({"AWS": B}, {"AWS": carol_arn}, "*"):
        opened = resource(allow(principal=naming))
        assert ask(CAROL, layers(resource=opened, must_allow=must_allow)) == lacks(IDENTITY)
        decision = ask(CAROL, layers(EVERYTHING, resource=opened, must_allow=must_allow))
        assert decision.allowed
        limited = layers(EVERYTHING, resource=opened, must_allow=must_allow, boundary=NOTHING)
        assert ask(CAROL, limited) == lacks(BOUNDARY)
    closed = layers(EVERYTHING, resource=DELEGATION, must_allow=must_allow)
    assert ask(CAROL, closed) == lacks(RESOURCE)
    assert ask(CAROL, layers(EVERYTHING, must_allow=must_allow)) == lacks(RESOURCE)


@pytest.mark.fact("kms-25")
def test_a_key_needs_its_own_policy() -> None:
    assert ask(ALICE, layers(EVERYTHING, resource=TO_OTHERS, must_allow=True)) == lacks(RESOURCE)
    assert ask(ALICE, layers(EVERYTHING, must_allow=True)) == lacks(RESOURCE)
    assert ask(ALICE, layers(resource=TO_ALICE, must_allow=True)).allowed
    assert ask(ALICE, layers(EVERYTHING, resource=DELEGATION, must_allow=True)).allowed


@pytest.mark.fact("kms-3")
def test_a_delegation_may_be_narrower_than_the_identity_policy() -> None:
    narrow = resource(allow("kms:Encrypt", principal={"AWS": ROOT_ARN}))
    assert ask(ALICE, layers(EVERYTHING, resource=narrow, must_allow=True)) == lacks(RESOURCE)
    encrypt = ask(ALICE, layers(EVERYTHING, resource=narrow, must_allow=True), action="kms:Encrypt")
    assert encrypt.allowed


def test_the_root_may_do_everything_in_its_account() -> None:
    assert ask(ROOT, layers()) == Decision("allowed")
    assert ask(ROOT, layers(DENY, boundary=DENY)) == Decision("allowed")
    assert ask(ROOT, layers(resource=TO_ALICE)).allowed


@pytest.mark.fact("iam-3")
def test_a_key_policy_can_shut_the_root_out() -> None:
    assert ask(ROOT, layers(resource=TO_ALICE, must_allow=True)) == lacks(RESOURCE)
    assert ask(ROOT, layers(resource=DELEGATION, must_allow=True)).allowed
    denying = resource(allow(principal="*"), deny(principal={"AWS": ROOT_ARN}))
    assert ask(ROOT, layers(resource=denying)).outcome == "explicitDeny"


def test_the_root_of_another_account_needs_the_resource() -> None:
    root_of_b = Principal("root", f"arn:aws:iam::{B}:root", B)
    assert ask(root_of_b, layers(resource=DELEGATION)) == lacks(RESOURCE)
    assert ask(root_of_b, layers(resource=TO_OTHERS)).allowed


def test_a_session_of_the_root_has_its_limits() -> None:
    assert ask(ROOT, layers(session=(NOTHING,))) == lacks(SESSION)


@pytest.mark.parametrize("caller", [SERVICE, ANONYMOUS, Principal("federated", "idp", "")])
def test_who_belongs_to_no_account_has_only_the_resource_policy(caller: Principal) -> None:
    assert ask(caller, layers(EVERYTHING)) == lacks(RESOURCE)
    assert ask(caller, layers(EVERYTHING, resource=DELEGATION)) == lacks(RESOURCE)
    assert ask(caller, layers(resource=TO_EVERYONE, must_allow=True)).policy_type == RESOURCE
    assert ask(caller, layers(resource=TO_EVERYONE)).allowed
    closed = resource(allow(principal="*"), deny(principal="*"))
    assert ask(caller, layers(resource=closed)).outcome == "explicitDeny"


def test_a_service_is_named_by_its_name() -> None:
    source = {"StringEquals": {"aws:SourceAccount": A}}
    opened = resource(allow(principal={"Service": SERVICE.service}, condition=source))
    assert ask(SERVICE, layers(resource=opened), context={"aws:sourceaccount": (A,)}).allowed
    assert not ask(SERVICE, layers(resource=opened), context={"aws:sourceaccount": (B,)}).allowed


def test_deny_with_not_principal_always_hits_who_has_a_boundary() -> None:
    statement = {
        "Effect": "Deny",
        "NotPrincipal": {"AWS": ALICE_ARN},
        "Action": "*",
        "Resource": "*",
    }
    closed = resource(statement)
    assert ask(ALICE, layers(EVERYTHING, resource=closed)).allowed
    bounded = ask(ALICE, layers(EVERYTHING, resource=closed, boundary=EVERYTHING))
    assert (bounded.outcome, bounded.policy_type) == ("explicitDeny", RESOURCE)


def trust(names: Any) -> Layers:
    statement = {"Effect": "Allow", "Principal": names, "Action": "sts:AssumeRole"}
    return layers(resource=policy("trust", statement), must_allow=True)


def test_a_trust_policy_that_names_the_caller_suffices_in_its_account() -> None:
    def assume(caller: Principal, names: Any) -> Decision:
        return ask(caller, trust(names), action="sts:AssumeRole", on=ROLE_ARN)

    assert assume(ALICE, {"AWS": ALICE_ARN}).allowed
    assert assume(ALICE, {"AWS": ROOT_ARN}) == lacks(IDENTITY)
    assert assume(CAROL, {"AWS": CAROL.arn}) == lacks(IDENTITY)
    assert assume(ALICE, {"AWS": B}) == lacks(RESOURCE)
    assert assume(SERVICE, {"Service": SERVICE.service}).allowed
    provider = f"arn:aws:iam::{A}:oidc-provider/idp"
    assert assume(Principal("federated", provider, ""), {"Federated": provider}).allowed


def test_a_resource_statement_without_a_principal_never_applies() -> None:
    statement = Statement("Allow", actions=("*",), resources=("*",))
    nobody = compile_policy(Document("2012-10-17", "", (statement,), "resource"))
    assert ask(ALICE, layers(resource=nobody)) == lacks(IDENTITY)
    assert not ask(ANONYMOUS, layers(resource=nobody)).allowed


def test_resources_and_actions_are_matched() -> None:
    narrow = identity(allow(["kms:Decrypt", "kms:Gen*"], [KEY, "arn:aws:s3:::b/*"]))
    assert ask(ALICE, layers(narrow)).allowed
    assert ask(ALICE, layers(narrow), action="KMS:generateDATAkey").allowed
    assert not ask(ALICE, layers(narrow), action="kms:Encrypt").allowed
    assert not ask(ALICE, layers(narrow), on=KEY.upper()).allowed
    assert not ask(ALICE, layers(narrow), on="*").allowed
