# SPDX-License-Identifier: Apache-2.0
"""What is proven of policies: by examples, and against the slow evaluator."""

from __future__ import annotations

import os
from random import Random
from typing import Any

import pytest

from stockade.policy.comparing import granted_access, new_access
from stockade.policy.decide import Layers, Query
from stockade.policy.document import Document
from stockade.policy.naive import decide_naive
from tests.policy import worlds
from tests.policy.build import A, B, allow, deny, policy
from tests.policy.worlds import World

CASES = int(os.environ.get("STOCKADE_COMPARING_CASES", "600"))
SEED = int(os.environ.get("STOCKADE_POLICY_SEED", "20261101"))
REAL = ("kms:Encrypt", "kms:Decrypt", "kms:DescribeKey", "s3:GetObject", "s3:PutObject")
REAL_PATTERNS = (
    "*",
    "kms:*",
    "kms:De*",
    "KMS:de*",
    "kms:?e*",
    "kms:Decrypt",
    "kms:Encrypt",
    "s3:*",
    "s3:?etObject",
    "s3:GetObject",
    "*:*Object",
    "kms:NoSuchThing",
)


def identity(*statements: Any, version: str = "2012-10-17") -> Document:
    return policy("identity", *statements, version=version).document


def resource(*statements: Any) -> Document:
    return policy("resource", *statements).document


def grants(new: Document, existing: Document) -> list[int]:
    return [reason.index for reason in new_access(new, existing)]


BUCKET = "arn:aws:s3:::b/*"
MFA = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}


@pytest.mark.parametrize(
    ("new", "existing"),
    [
        ((allow("s3:GetObject", BUCKET),), (allow("s3:Get*", "arn:aws:s3:::b*"),)),
        ((allow("s3:getobject", BUCKET),), (allow("s3:GetObject", BUCKET),)),
        ((allow(["s3:GetObject", "kms:Decrypt"]),), (allow("s3:*"), allow("kms:D*"))),
        ((allow("s3:GetObject", condition=MFA),), (allow("s3:GetObject"),)),
        ((allow("*"), deny("iam:*")), ({**allow(), "Action": None, "NotAction": "iam:*"},)),
        ((allow("s3:*"), deny("s3:*")), (allow("kms:*"),)),
        ((allow("s3:*"), deny("s3:Put*")), (allow("s3:*"), deny("s3:PutObject"))),
        ((allow("new:Thing"),), (allow("new:*"),)),
        ((allow("s3:GetObject", "arn:aws:s3:::b/${aws:username}/*"),), (allow("s3:*", BUCKET),)),
    ],
)
def test_no_new_access(new: tuple[Any, ...], existing: tuple[Any, ...]) -> None:
    assert grants(*(identity(*map(without_nothing, one)) for one in (new, existing))) == []


@pytest.mark.parametrize(
    ("new", "existing"),
    [
        ((allow("s3:*", BUCKET),), (allow("s3:Get*", BUCKET),)),
        ((allow("s3:GetObject", "*"),), (allow("s3:GetObject", BUCKET),)),
        ((allow("s3:GetObject"),), (allow("s3:GetObject", condition=MFA),)),
        ((allow("s3:*"),), (allow("s3:*"), deny("s3:PutObject"))),
        ((allow("new:*"),), (allow("new:Thing"),)),
        ((allow("s3:GetObject", BUCKET),), (allow("s3:*", "arn:aws:s3:::b/${aws:username}/*"),)),
        ((deny("iam:*"), allow("*")), (allow("s3:*"),)),
    ],
)
def test_new_access(new: tuple[Any, ...], existing: tuple[Any, ...]) -> None:
    found = grants(identity(*new), identity(*existing))
    assert found == [len(new) - 1]


def test_principals_count_in_resource_policies() -> None:
    one = resource(allow("kms:Decrypt", principal={"AWS": A}))
    root = resource(allow("kms:Decrypt", principal={"AWS": f"arn:aws:iam::{A}:root"}))
    two = resource(allow("kms:Decrypt", principal={"AWS": [A, B]}))
    everyone = resource(allow("kms:Decrypt", principal="*"))
    assert grants(one, root) == grants(root, one) == []
    assert grants(one, two) == grants(two, everyone) == []
    assert grants(two, one) == grants(everyone, two) == [0]


@pytest.mark.parametrize(
    ("stricter", "laxer"),
    [
        ({"StringEquals": {"a:b": "x"}}, {"StringEquals": {"A:B": ["x", "y"]}}),
        ({"StringEquals": {"a:b": "xy"}}, {"StringLike": {"a:b": "x*"}}),
        ({"StringEquals": {"a:b": "x"}}, {"StringEqualsIfExists": {"a:b": "x"}}),
        ({"StringEquals": {"a:b": "x"}, "Null": {"a:c": "true"}}, {"Null": {"a:b": "false"}}),
        ({"StringNotEquals": {"a:b": ["x", "y"]}}, {"StringNotEquals": {"a:b": "x"}}),
        (
            {"IpAddress": {"aws:SourceIp": "10.1.0.0/16"}},
            {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}},
        ),
        (
            {"ArnEquals": {"aws:SourceArn": f"arn:aws:s3:::{A}"}},
            {"ArnLike": {"aws:SourceArn": "arn:aws:s3:*:*:*"}},
        ),
    ],
)
def test_conditions_follow_from_each_other(stricter: Any, laxer: Any) -> None:
    one = identity(allow("s3:GetObject", condition=stricter))
    other = identity(allow("s3:GetObject", condition=laxer))
    assert grants(one, other) == []
    assert grants(other, one) == [0]


def test_access_not_granted() -> None:
    given = identity(
        allow("s3:*", BUCKET), allow("kms:D*", sid="Keys"), deny(["kms:DeleteAlias", "s3:Put*"])
    )

    def found(actions: list[str], resources: list[str]) -> list[int]:
        return [reason.index for reason in granted_access(given, actions, resources)]

    assert found(["s3:GetObject"], []) == [0]
    assert found(["s3:PutObject"], []) == []
    assert found(["kms:DeleteAlias"], []) == []
    assert found(["kms:Delete*"], []) == [1]
    assert found(["iam:PassRole"], []) == []
    assert found([], ["arn:aws:s3:::b/x"]) == [0, 1]
    assert found(["s3:GetObject"], ["arn:aws:s3:::c/*"]) == []
    assert found(["s3:GetObject", "kms:Decrypt"], ["arn:aws:s3:::*"]) == [0, 1]
    assert [reason.sid for reason in granted_access(given, ["kms:Decrypt"], [])] == ["Keys"]


class RealWorld(World):
    """Random policies over actions that AWS has."""

    def some(self, values: tuple[str, ...]) -> str | list[str]:
        return super().some(REAL_PATTERNS if values is worlds.ACTION_PATTERNS else values)

    def variant(self, kind: Any) -> Document:
        """Return a policy that shares statements with the others."""
        those = self.identity if kind == "identity" else self.resource
        pool = [statement for one in those for statement in one.document.statements]
        count = self.random.choice((1, 2, 3))
        return Document("2012-10-17", "", tuple(self.random.sample(pool, count)), kind)


def policies(world: RealWorld, kind: Any) -> tuple[Any, Any]:
    from stockade.policy.compile import compile_policy

    return compile_policy(world.variant(kind)), compile_policy(world.variant(kind))


def allowed(query: Query, kind: str, one: Any, *, helped: Any) -> bool:
    if kind == "identity":
        given = Layers(identity=(one,), resource=None, resource_account=query.principal.account)
    else:
        # The policy itself has to say yes, or another one would be what grants.
        given = Layers(
            identity=helped, resource=one, resource_account=worlds.A, resource_must_allow=True
        )
    return decide_naive(query, given)[0]


@pytest.mark.parametrize("kind", ["identity", "resource"])
def test_what_passes_grants_nothing_new(kind: str) -> None:
    """No random request is allowed by a policy that passed, and not by the one before it."""
    passed, world = 0, RealWorld(Random(SEED))
    for number in range(CASES):
        pick = Random(f"{SEED}-{kind}-{number}")
        if number % 10 == 0:
            world = RealWorld(pick)
        new, existing = policies(world, kind)
        if new_access(new.document, existing.document):
            continue
        passed += 1
        for _ in range(40):
            context = world.context()
            query = Query(
                pick.choice(worlds.PRINCIPALS),
                pick.choice(REAL),
                pick.choice(worlds.RESOURCES),
                context.get,
            )
            helped = pick.choice(((), (world.open,)))
            if allowed(query, kind, new, helped=helped):
                assert allowed(query, kind, existing, helped=helped), (
                    number,
                    query,
                    new.document,
                    existing.document,
                )
    assert passed > CASES // 20, "too few pass to prove anything"


@pytest.mark.parametrize("kind", ["identity", "resource"])
def test_what_is_not_granted_is_not_allowed(kind: str) -> None:
    passed, world = 0, RealWorld(Random(SEED))
    for number in range(CASES):
        pick = Random(f"{SEED}-{kind}-{number}-granted")
        if number % 10 == 0:
            world = RealWorld(pick)
        given, _ = policies(world, kind)
        action, on = pick.choice(REAL), pick.choice(worlds.RESOURCES)
        asked = ([action], [on]) if pick.random() < 0.5 else ([action], [])
        if granted_access(given.document, *asked):
            continue
        passed += 1
        for principal in worlds.PRINCIPALS:
            query = Query(principal, action, on, world.context().get)
            if kind == "identity" and principal.kind == "root":
                continue
            assert not allowed(query, kind, given, helped=()), (number, query, given.document)
    assert passed > CASES // 20


def without_nothing(statement: dict[str, Any]) -> dict[str, Any]:
    return {element: value for element, value in statement.items() if value is not None}
