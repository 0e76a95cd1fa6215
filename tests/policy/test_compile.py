# SPDX-License-Identifier: Apache-2.0
"""Compiled policies: the index of actions, and threads that share it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from stockade.policy.compile import MAX_INDEXED_ACTIONS, compile_policy
from stockade.policy.document import parse
from tests.policy.build import ALICE, ALICE_ARN, allow, ask, deny, identity, layers, text


def test_the_index_sorts_statements_by_action_and_effect() -> None:
    policy = identity(
        allow("kms:*"), deny("kms:De*"), allow("s3:*"), deny("*", sid="All"), allow("KMS:Decrypt")
    )
    denies, allows = policy.matching("kms:Decrypt")
    assert [statement.index for statement in denies] == [1, 3]
    assert [statement.index for statement in allows] == [0, 4]
    assert policy.matching("kms:decrypt")[1] == allows
    denies, allows = policy.matching("s3:GetObject")
    assert [statement.source.sid for statement in denies] == ["All"]
    assert [statement.index for statement in allows] == [2]


def test_not_action_means_every_other_action() -> None:
    policy = identity({"Effect": "Allow", "NotAction": ["iam:*", "kms:De*"], "Resource": "*"})
    assert policy.matching("kms:Encrypt")[1]
    assert not policy.matching("kms:Decrypt")[1]
    assert not policy.matching("IAM:GetUser")[1]


def test_the_index_is_bounded() -> None:
    policy = identity(allow("kms:*"))
    for number in range(MAX_INDEXED_ACTIONS + 100):
        assert policy.matching(f"kms:Action{number}")[1]
    assert len(policy._index) == MAX_INDEXED_ACTIONS
    assert not policy.matching("s3:Another")[1]


def test_a_policy_carries_its_names() -> None:
    document = parse(text(allow()), "identity")
    policy = compile_policy(document, arn="arn:aws:iam::aws:policy/X", name="X")
    assert (policy.arn, policy.name, policy.document) == (
        "arn:aws:iam::aws:policy/X",
        "X",
        document,
    )


def test_variables_live_in_the_new_version_alone() -> None:
    home = "arn:aws:s3:::b/${aws:username}"
    for version, resource, allowed in (
        ("2012-10-17", "arn:aws:s3:::b/alice", True),
        ("2012-10-17", home, False),
        ("2008-10-17", "arn:aws:s3:::b/alice", False),
        ("2008-10-17", home, True),
    ):
        policy = compile_policy(parse(text(allow("*", home), version=version), "identity"))
        context = {"aws:username": ("alice",)}
        decision = ask(ALICE, layers(policy), action="s3:Get", on=resource, context=context)
        assert decision.allowed is allowed


def test_threads_may_share_a_policy() -> None:
    policy = identity(allow("kms:*", condition={"StringEquals": {"aws:PrincipalArn": ALICE_ARN}}))
    context = {"aws:principalarn": (ALICE_ARN,)}

    def work(worker: int) -> bool:
        return all(
            ask(ALICE, layers(policy), action=f"kms:A{number}", context=context).allowed
            and not ask(ALICE, layers(policy), action=f"s3:A{number}{worker}").allowed
            for number in range(200)
        )

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(8)))
