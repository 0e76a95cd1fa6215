# SPDX-License-Identifier: Apache-2.0
"""The engine and the slow, obvious evaluator agree on random requests.

`STOCKADE_POLICY_CASES` says how many, `STOCKADE_POLICY_SEED` which; a disagreement names both.
"""

from __future__ import annotations

import os
from collections import Counter
from random import Random
from typing import TYPE_CHECKING

import msgspec
import pytest

from stockade.policy.compile import compile_policy
from stockade.policy.decide import BOUNDARY, IDENTITY, RESOURCE, SESSION, Query, decide
from stockade.policy.elements import Document, Statement
from stockade.policy.naive import decide_naive
from tests.policy.build import ALICE, ALICE_ARN, ROLE_ARN, layers, policy
from tests.policy.worlds import World

if TYPE_CHECKING:
    from stockade.policy.decide import Layers

CASES = int(os.environ.get("STOCKADE_POLICY_CASES", "100000"))
SEED = int(os.environ.get("STOCKADE_POLICY_SEED", "20261101"))
QUESTIONS = 40
"""Requests to one world: its policies are the dear part."""
PARTS = 4
"""Parts of the work, so that several cores may share it."""


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_both_evaluators_agree(part: int) -> None:
    seen: Counter[tuple[str, str]] = Counter()
    for number in range(part, CASES // QUESTIONS, PARTS):
        world = World(Random(f"{SEED}-{number}"))
        for _ in range(QUESTIONS):
            query, given = world.question()
            decision = decide(query, given)
            fast = (decision.allowed, decision.outcome, decision.policy_type)
            slow = decide_naive(query, given)
            assert fast == slow, describe(number, query, given)
            seen[decision.outcome, decision.policy_type] += 1
    check_variety(seen)


def test_the_slow_evaluator_knows_trust_policies_and_missing_principals() -> None:
    trusting = {"Effect": "Allow", "Principal": {"AWS": ALICE_ARN}, "Action": "sts:AssumeRole"}
    given = layers(resource=policy("trust", trusting), must_allow=True)
    question = Query(ALICE, "sts:AssumeRole", ROLE_ARN, lambda _key: None)
    assert decide_naive(question, given) == (True, "allowed", RESOURCE)
    statements = tuple(Statement(effect, actions=("*",)) for effect in ("Deny", "Allow"))
    nobody = compile_policy(Document("2012-10-17", "", statements, "resource"))
    given = layers(resource=nobody, must_allow=True)
    assert decide_naive(question, given) == (False, "implicitDeny", RESOURCE)


def check_variety(seen: Counter[tuple[str, str]]) -> None:
    """Make sure that the cases were not all of one kind."""
    total = seen.total()
    if total < 5_000:
        return
    outcomes: Counter[str] = Counter()
    for (outcome, _), count in seen.items():
        outcomes[outcome] += count
    assert outcomes["allowed"] > total * 0.12
    assert outcomes["explicitDeny"] > total * 0.08
    assert outcomes["implicitDeny"] > total * 0.3
    for policy_type in (IDENTITY, RESOURCE, BOUNDARY, SESSION):
        assert seen["explicitDeny", policy_type] > total * 0.003
        assert seen["implicitDeny", policy_type] > total * 0.003
    for policy_type in (IDENTITY, RESOURCE, ""):
        assert seen["allowed", policy_type] > total * 0.01


def describe(number: int, query: Query, given: Layers) -> str:
    """Write down a disagreement so that it can be repeated."""
    policies = [*given.identity, given.resource, given.boundary, *(given.session or ())]
    documents = [policy.document for policy in policies if policy is not None]
    return "\n".join(
        [
            f"seed {SEED}, world {number}: {query.action} on {query.resource}",
            f"{query.principal}",
            f"context {getattr(query.lookup, '__self__', None)}",
            f"resource account {given.resource_account}, must allow {given.resource_must_allow}",
            *(msgspec.json.encode(document).decode() for document in documents),
        ]
    )
