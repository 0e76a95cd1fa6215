# SPDX-License-Identifier: Apache-2.0
"""Denial texts, traces and proposals."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from stockade.policy.decide import Decision, Layers, Principal, Query, decide
from stockade.policy.document import parse
from stockade.policy.explain import ConditionTrace, StatementTrace, denial_text, trace
from stockade.policy.proposal import MOST_CHANGES, Change, statement_json
from tests.policy.build import (
    ALICE,
    ALICE_ARN,
    ANONYMOUS,
    KEY,
    ROLE_ARN,
    ROOT_ARN,
    SERVICE,
    SESSION,
    A,
    allow,
    deny,
    identity,
    layers,
    policy,
    resource,
    text,
)
from tests.policy.worlds import World

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stockade.policy.explain import Trace

HEAD = f"User: {ALICE_ARN} is not authorized to perform: kms:Decrypt on resource: {KEY}"
POLICY_ARN = f"arn:aws:iam::{A}:policy/NoKeys"


@pytest.mark.fact("iam-1")
@pytest.mark.parametrize(
    ("decision", "reason"),
    [
        (
            Decision("implicitDeny", "identity-based policy"),
            "because no identity-based policy allows the kms:Decrypt action",
        ),
        (
            Decision("implicitDeny", "resource-based policy"),
            "because no resource-based policy allows the kms:Decrypt action",
        ),
        (
            Decision("implicitDeny", "permissions boundary"),
            "because no permissions boundary allows the kms:Decrypt action",
        ),
        (
            Decision("implicitDeny", "session policy"),
            "because no session policy allows the kms:Decrypt action",
        ),
        (
            Decision("explicitDeny", "identity-based policy", POLICY_ARN, "", 0),
            f"with an explicit deny in an identity-based policy: {POLICY_ARN}",
        ),
        (
            Decision("explicitDeny", "resource-based policy", "", "", 0),
            "with an explicit deny in a resource-based policy",
        ),
        (
            Decision("explicitDeny", "permissions boundary", POLICY_ARN, "", 0),
            f"with an explicit deny in a permissions boundary: {POLICY_ARN}",
        ),
        (
            Decision("explicitDeny", "session policy", "", "", 0),
            "with an explicit deny in a session policy",
        ),
    ],
)
def test_denial_texts_follow_the_grammar_of_aws(decision: Decision, reason: str) -> None:
    assert denial_text(ALICE_ARN, "kms:Decrypt", KEY, decision) == f"{HEAD} {reason}"


def test_there_is_no_denial_text_for_what_is_allowed() -> None:
    with pytest.raises(ValueError, match="allowed"):
        denial_text(ALICE_ARN, "kms:Decrypt", KEY, Decision("allowed"))


def explain(
    caller: Principal,
    given: Layers,
    *,
    action: str = "kms:Decrypt",
    on: str = KEY,
    context: Mapping[str, tuple[str, ...]] | None = None,
) -> Trace:
    found = context or {}
    return trace(Query(caller, action, on, found.get), given)


def test_a_trace_tells_the_first_reason_of_every_statement() -> None:
    team = {"StringEquals": {"aws:PrincipalTag/Team": ["blue", "green"]}, "Null": {"x:y": "true"}}
    policies = identity(
        allow("s3:*", sid="Action"),
        allow("kms:*", "arn:aws:s3:::*", sid="Resource"),
        allow("kms:*", sid="Condition", condition=team),
        allow("kms:*", sid="Yes"),
    )
    key_policy = resource(
        allow("kms:*", principal={"AWS": ROLE_ARN}), allow("kms:*", principal={"AWS": ROOT_ARN})
    )
    context = {"aws:principaltag/team": ("red",)}
    found = explain(ALICE, layers(policies, resource=key_policy, must_allow=True), context=context)
    assert found.allowed
    assert found.decision.sid == "Yes"
    assert found.proposal == ()
    assert [layer.policy_type for layer in found.layers] == [
        "identity-based policy",
        "resource-based policy",
    ]
    failed = ConditionTrace("StringEquals", "aws:PrincipalTag/Team", ("blue", "green"), ("red",))
    assert found.layers[0].policies[0].statements == (
        StatementTrace(0, "Action", "Allow", matched=False, reason="action"),
        StatementTrace(1, "Resource", "Allow", matched=False, reason="resource"),
        StatementTrace(
            2, "Condition", "Allow", matched=False, reason="condition", condition=failed
        ),
        StatementTrace(3, "Yes", "Allow", matched=True),
    )
    assert [one.reason for one in found.layers[1].policies[0].statements] == ["principal", ""]
    assert found.missing_context_keys == ("x:y",)


def test_missing_keys_are_those_of_conditions_and_variables_about_the_action() -> None:
    policies = identity(
        allow(
            "kms:*",
            "arn:aws:s3:::${aws:username}",
            condition={
                "StringEquals": {"aws:RequestTag/A": "${aws:PrincipalTag/B}", "aws:Here": "x"},
                "StringLike": {"AWS:REQUESTTAG/a": "*"},
            },
        ),
        allow("s3:*", condition={"Bool": {"aws:SecureTransport": "true"}}),
    )
    found = explain(ALICE, layers(policies), context={"aws:here": ("x",)})
    assert found.missing_context_keys == (
        "aws:PrincipalTag/B",
        "aws:RequestTag/A",
        "aws:username",
    )
    old = policy("identity", allow("*", "arn:aws:s3:::${k:a}*"), version=None)
    assert explain(ALICE, layers(old)).missing_context_keys == ()


def test_a_trace_is_json() -> None:
    found = explain(ALICE, layers(identity(deny(condition={"Null": {"a:b": "true"}}))))
    decoded = msgspec.json.decode(msgspec.json.encode(found))
    assert decoded["decision"]["outcome"] == "explicitDeny"
    assert decoded["proposal"][0]["action"] == "remove"


def added(policy_type: str, arn: str = "", **elements: Any) -> Change:
    statement = {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": KEY} | elements
    kept = {name: value for name, value in statement.items() if value is not None}
    return Change("add", policy_type, arn, kept)


def test_the_missing_allow_is_proposed_where_it_is_missing() -> None:
    nothing = identity(allow("none:None"), arn=POLICY_ARN)
    assert explain(ALICE, layers()).proposal == (added("identity-based policy"),)
    assert explain(ALICE, layers(boundary=nothing, session=())).proposal == (
        added("identity-based policy"),
        added("permissions boundary", POLICY_ARN),
        added("session policy"),
    )


@pytest.mark.parametrize(
    ("caller", "name"),
    [
        (ALICE, {"AWS": ALICE_ARN}),
        (SESSION, {"AWS": ROLE_ARN}),
        (SERVICE, {"Service": "s3.amazonaws.com"}),
        (ANONYMOUS, "*"),
        (Principal("federated", "accounts.google.com", ""), {"Federated": "accounts.google.com"}),
        (Principal("root", ROOT_ARN, A), {"AWS": ROOT_ARN}),
    ],
)
def test_a_resource_policy_is_proposed_to_name_the_caller(caller: Principal, name: Any) -> None:
    given = layers(resource=resource(allow("s3:*", principal="*")), must_allow=True)
    assert explain(caller, given).proposal == (added("resource-based policy", Principal=name),)


def test_a_trust_policy_is_proposed_without_a_resource() -> None:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "ec2.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    given = layers(resource=policy("trust", statement), must_allow=True)
    found = explain(ALICE, given, action="sts:AssumeRole", on=ROLE_ARN)
    (change,) = found.proposal
    assert change.statement == {
        "Effect": "Allow",
        "Principal": {"AWS": ALICE_ARN},
        "Action": "sts:AssumeRole",
    }


def test_a_deny_is_proposed_to_go() -> None:
    denying = identity(
        allow("s3:*"), deny("kms:*", sid="No", condition={"Null": {"a:b": "true"}}), arn=POLICY_ARN
    )
    removed = Change(
        "remove",
        "identity-based policy",
        POLICY_ARN,
        {
            "Sid": "No",
            "Effect": "Deny",
            "Action": "kms:*",
            "Resource": "*",
            "Condition": {"Null": {"a:b": "true"}},
        },
    )
    assert explain(ALICE, layers(denying)).proposal == (removed, added("identity-based policy"))


def test_special_characters_are_proposed_as_themselves() -> None:
    on = "arn:aws:s3:::b/a*b?c${aws:username}"
    (change,) = explain(ALICE, layers(), action="s3:Get", on=on).proposal
    assert change.statement["Resource"] == "arn:aws:s3:::b/a${*}b${?}c${$}{aws:username}"
    old = policy("identity", allow("x:y"), version=None)
    given = layers(identity(allow()), boundary=old)
    (change,) = explain(ALICE, given, action="s3:Get", on=on).proposal
    assert change.statement["Resource"] == on
    assert explain(ALICE, layers(), on="*").proposal[0].statement["Resource"] == "*"


def test_proposals_end() -> None:
    fortress = identity(*[deny() for _ in range(100)])
    assert len(explain(ALICE, layers(fortress)).proposal) == MOST_CHANGES


def test_statements_are_written_as_they_were_read() -> None:
    statement = {
        "Sid": "S",
        "Effect": "Deny",
        "NotPrincipal": {"AWS": [ALICE_ARN, A], "Service": "s3.amazonaws.com"},
        "NotAction": ["s3:*", "kms:*"],
        "NotResource": "arn:aws:s3:::b",
        "Condition": {"StringLike": {"a:b": ["x", "y"], "c:d": "z"}, "Bool": {"e:f": "true"}},
    }
    (read,) = parse(text(statement), "resource").statements
    assert statement_json(read) == statement


def test_traces_tell_the_story_of_the_decision() -> None:
    pick = random.Random(20_261_101)
    for _ in range(20):
        world = World(pick)
        for _ in range(20):
            query, given = world.question()
            found = trace(query, given)
            assert found.decision == decide(query, given)
            assert found.allowed is (found.proposal == ())
            matched = {
                (layer.policy_type, one.index, one.effect)
                for layer in found.layers
                for of_policy in layer.policies
                for one in of_policy.statements
                if one.matched
            }
            decision = found.decision
            if decision.statement is not None:
                effect = "Allow" if decision.allowed else "Deny"
                assert (decision.policy_type, decision.statement, effect) in matched
            elif decision.outcome == "implicitDeny":
                assert all(effect == "Allow" for _, _, effect in matched)
