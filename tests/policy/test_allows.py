# SPDX-License-Identifier: Apache-2.0
"""By what a request is allowed: one entry for each layer that had to."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import msgspec
import pytest

from stockade.policy.compile import compile_policy
from stockade.policy.decide import Query, decide, speaking
from stockade.policy.document import parse
from stockade.policy.principals import BY_ACCOUNT, DIRECTLY
from tests.policy.build import (
    ALICE,
    ALICE_ARN,
    CAROL,
    KEY,
    ROLE_ARN,
    ROOT,
    ROOT_ARN,
    SERVICE,
    SESSION,
    B,
    allow,
    deny,
    identity,
    layers,
    resource,
    text,
)
from tests.policy.worlds import World

if TYPE_CHECKING:
    from stockade.policy.decide import Layers, Principal

OWN = identity(allow(sid="Own"))
EDGE = identity(deny("iam:*"), allow())
TO_ACCOUNT = resource(allow(principal={"AWS": ROOT_ARN}, sid="Account"))


def told(principal: Principal, given: Layers) -> list[str]:
    """Return the kinds of policy that allowed, each with its Sid or position."""
    allows: list[tuple[str, msgspec.Raw | None]] = []
    assert decide(Query(principal, "kms:Decrypt", KEY, lambda _key: None), given, allows).allowed
    return [kind if by is None else f"{kind}: {msgspec.json.decode(by)[1]}" for kind, by in allows]


def with_(given: Layers, **more: object) -> Layers:
    return msgspec.structs.replace(given, **more)


IDENTITY = "identity-based policy: Own"
RESOURCE = "resource-based policy: Account"


@pytest.mark.parametrize(
    ("principal", "given", "expected"),
    [
        (ALICE, layers(OWN), [IDENTITY]),
        (ALICE, layers(OWN, resource=TO_ACCOUNT), [IDENTITY]),
        (ALICE, layers(OWN, resource=TO_ACCOUNT, must_allow=True), [RESOURCE, IDENTITY]),
        (ALICE, layers(OWN, boundary=EDGE), [IDENTITY, "permissions boundary: 1"]),
        (SESSION, layers(OWN, session=(EDGE,)), [IDENTITY, "session policy: 1"]),
        (ALICE, with_(layers(), granted=lambda: DIRECTLY), ["grant"]),
        (
            ALICE,
            with_(layers(OWN), granted=lambda: BY_ACCOUNT, resource_must_allow=True),
            ["grant", IDENTITY],
        ),
        (ROOT, layers(), ["account root"]),
        (ROOT, layers(resource=TO_ACCOUNT, must_allow=True), [RESOURCE]),
    ],
)
def test_what_had_to_allow_is_told(
    principal: Principal, given: Layers, expected: list[str]
) -> None:
    assert told(principal, given) == expected


def test_a_resource_policy_that_suffices_is_told_alone() -> None:
    named = resource(allow(principal={"AWS": ALICE_ARN}))
    assert told(ALICE, layers(OWN, resource=named)) == ["resource-based policy: 0"]
    role = resource(allow(principal={"AWS": ROLE_ARN}))
    limited = layers(OWN, resource=role, session=(EDGE,))
    assert told(SESSION, limited) == ["resource-based policy: 0", "session policy: 1"]
    service = resource(allow(principal={"Service": "s3.amazonaws.com"}))
    assert told(SERVICE, layers(resource=service)) == ["resource-based policy: 0"]


def test_across_accounts_both_sides_are_told() -> None:
    other = resource(allow(principal={"AWS": f"arn:aws:iam::{B}:root"}, sid="Account"))
    assert told(CAROL, layers(OWN, resource=other)) == [RESOURCE, IDENTITY]


def test_controls_are_told_before_level_by_level() -> None:
    door = resource(allow(principal="*", sid="Door"))
    given = with_(layers(OWN), scp=((EDGE,), (OWN, EDGE)), rcp=((door,),), endpoint=door)
    assert told(ALICE, given) == [
        "resource control policy: Door",
        "service control policy: 1",
        "service control policy: Own",
        "VPC endpoint policy: Door",
        IDENTITY,
    ]


def test_a_statement_is_called_by_its_policys_arn_or_name() -> None:
    document = parse(text(allow(sid="S"), allow()), "identity")
    arn = "arn:aws:iam::aws:policy/X"
    for policy, name in (
        (compile_policy(document, arn=arn, name="X"), arn),
        (compile_policy(document, name="X"), "X"),
        (compile_policy(document, arn=KEY), ""),
    ):
        references = [msgspec.json.decode(each.reference) for each in policy.statements]
        assert references == [[name, "S"], [name, 1]]


def test_only_statements_that_are_heard_and_apply_are_told() -> None:
    seen = 0
    world = World(random.Random(20))
    for _ in range(2_000):
        query, given = world.question()
        allows: list[tuple[str, msgspec.Raw | None]] = []
        if not decide(query, given, allows).allowed:
            continue
        heard = {
            (kind, bytes(statement.reference))
            for kind, policies in speaking(query.principal, given)
            for policy in policies
            for statement in policy.matching(query.action)[1]
            if statement.applies(query)
        }
        assert allows
        assert {(kind, bytes(by)) for kind, by in allows if by is not None} <= heard
        seen += 1
    assert seen > 50
