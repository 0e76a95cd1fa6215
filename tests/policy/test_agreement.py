# SPDX-License-Identifier: Apache-2.0
"""The engine and the slow, obvious evaluator agree on random requests.

`STOCKADE_POLICY_CASES` says how many, `STOCKADE_POLICY_SEED` which; a disagreement names both, and
is shrunk to the smallest documents that still disagree.
"""

from __future__ import annotations

import os
from collections import Counter
from random import Random
from typing import TYPE_CHECKING

import pytest

from stockade.policy.compile import compile_policy
from stockade.policy.decide import (
    BOUNDARY,
    ENDPOINT,
    GRANT,
    IDENTITY,
    RCP,
    RESOURCE,
    SCP,
    SESSION,
    Query,
    decide,
    first_deny,
    speaking,
)
from stockade.policy.elements import Document, Statement
from stockade.policy.naive import decide_naive
from tests.policy.build import ALICE, ALICE_ARN, ROLE_ARN, layers, policy
from tests.policy.shrink import smallest, told
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
            if fast != slow:
                case = told(smallest((query, given), disagree))
                pytest.fail(f"seed {SEED}, world {number}: {fast}, slowly {slow}\n{case}")
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


def disagree(case: tuple[Query, Layers]) -> bool:
    decision = decide(*case)
    return (decision.allowed, decision.outcome, decision.policy_type) != decide_naive(*case)


def test_a_disagreement_is_shrunk_to_what_matters() -> None:
    """Here the "disagreement" is that a conditional statement denies."""
    world = World(Random(7))
    cases = [world.question() for _ in range(2_000)]

    def fails(case: tuple[Query, Layers]) -> bool:
        found = first_deny(*case)
        return found is not None and bool(found[2].conditions)

    case = smallest(next(case for case in cases if fails(case)), fails)
    assert fails(case)
    found = first_deny(*case)
    assert found is not None
    policies = [policy for _, layer in speaking(case[0].principal, case[1]) for policy in layer]
    assert policies == [found[1]]
    (statement,) = found[1].statements
    assert len(statement.conditions) == 1
    assert statement.conditions[0].source.key in told(case)


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
    for policy_type in (IDENTITY, RESOURCE, BOUNDARY, SESSION, SCP, RCP, ENDPOINT):
        assert seen["explicitDeny", policy_type] > total * 0.001
        assert seen["implicitDeny", policy_type] > total * 0.003
    for policy_type in (IDENTITY, RESOURCE, GRANT, ""):
        assert seen["allowed", policy_type] > total * 0.005
