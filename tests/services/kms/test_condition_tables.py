# SPDX-License-Identifier: Apache-2.0
"""KMS's tables of condition keys, held against AWS's: which action has which keys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from stockade.app import Stockade
from stockade.policy.actions import find_action, table
from stockade.services.kms.condition_keys import OF_KEY, OF_NEW_KEY, of_key_use, of_new_key
from stockade.services.kms.resources import ALIASES, Alias, Key, MultiRegion
from stockade.store.resources import Scope
from tests.house.test_every_mapping import context
from tests.services.kms.test_condition_keys import (
    ACCOUNT,
    CREATING,
    GRANT,
    IMPORT,
    NEWER,
    PUTTING,
    SERVICE_GRANT,
    SIGNING,
    WHEN,
    WRAPPING,
    every_key,
)


@pytest.fixture(scope="module")
def stockade() -> Iterator[Stockade]:
    """One deployment for all: they ask only."""
    made = Stockade.in_memory()
    yield made
    made.close()


DEPRECATED = frozenset({"kms:CustomerMasterKeySpec", "kms:CustomerMasterKeyUsage"})
"""Keys that the table gives to no action: they are what their new names are."""


KEY = Key(
    key_id=f"mrk-{'0' * 32}",
    account=ACCOUNT,
    region="us-east-1",
    created=WHEN,
    policy="",
    tags={"team": "blue"},
    multi_region=MultiRegion(primary="eu-west-1"),
)
EVERYTHING: dict[str, Any] = (
    {
        "EncryptionAlgorithm": "SYMMETRIC_DEFAULT",
        "EncryptionContext": {"team": "blue"},
        "KeyAgreementAlgorithm": "ECDH",
        "KeyPairSpec": "RSA_2048",
        "MacAlgorithm": "HMAC_SHA_256",
        "PrimaryRegion": "eu-west-1",
        "ReplicaRegion": "eu-west-1",
        "TagKeys": ["team"],
    }
    | GRANT
    | SERVICE_GRANT
    | IMPORT
    | WRAPPING
    | SIGNING
    | PUTTING
    | {"Constraints": GRANT["Constraints"], "Tags": CREATING["Tags"]}
)
OTHERWISE = {
    "ReEncryptFrom": {"kms:reencryptonsamekey"},  # is the operation's own to say
    "ReEncryptTo": {"kms:reencryptonsamekey"},
    "CreateKey": {"aws:resourcetag/team"},  # there is no key yet
}
UNTOLD = ("kms:encryptioncontext", "aws:requesttag/", "aws:tagkeys", "kms:requestalias")
"""Keys that come from members that only the requests of these actions have."""


def actions_on_keys() -> list[str]:
    """Return the actions on keys that somebody can call."""
    actions = table().services["kms"].actions
    return [
        name
        for name, scope in actions.items()
        if "key" in scope.types and name != "SynchronizeMultiRegionKey"
    ]


def named_in_table(action: str) -> set[str]:
    """Return the condition keys of an action in lower case, placeholders filled in."""
    known = find_action(f"kms:{action}")
    assert known is not None
    fillings = (("${tagkey}", "team"), ("${encryptioncontextkey}", "team"))
    names = {name.lower() for name in known.keys}
    for placeholder, filling in fillings:
        names = {name.replace(placeholder, filling) for name in names}
    return {name for name in names if "attestation" not in name and name != "kms:viaservice"}


@pytest.mark.parametrize("action", actions_on_keys())
def test_key_stands_where_aws_says(stockade: Stockade, action: str) -> None:
    alias = Alias(name="alias/project", key_id=KEY.key_id, created=WHEN, updated=WHEN)
    with stockade.store.write() as unit:
        unit.put(ALIASES, Scope(ACCOUNT, "us-east-1"), alias)
        ctx = context(stockade, unit)
        find = of_key_use(ctx, f"kms:{action}", KEY, "alias/project", EVERYTHING)
        every = {name.lower() for name in every_key().keys() - NEWER - DEPRECATED}
        for placeholder in ("${tagkey}", "${encryptioncontextkey}"):
            every = {name.replace(placeholder, "team") for name in every}
        stand = {name for name in every if find(name) is not None}
    expected = named_in_table(action) - OTHERWISE.get(action, set())
    assert {name for name in stand if not name.startswith(UNTOLD)} == {
        name for name in expected if not name.startswith(UNTOLD)
    }
    assert expected <= stand


def test_properties_of_a_new_key_are_those_asked_for(stockade: Stockade) -> None:
    with stockade.store.read() as unit:
        ctx = context(stockade, unit)
        plain, asked = of_new_key(ctx, {}), of_new_key(ctx, {"KeySpec": "RSA_2048"})
        assert set(OF_KEY) - set(OF_NEW_KEY) == {"kms:resourcealiases"}
        assert plain("kms:keyspec") == plain("kms:customermasterkeyspec") == ("SYMMETRIC_DEFAULT",)
        assert asked("kms:keyspec") == ("RSA_2048",)
        assert plain("kms:multiregion") == ("false",)
        assert plain("kms:multiregionkeytype") is None
        expected = named_in_table("CreateKey") - OTHERWISE["CreateKey"]
        everything = of_new_key(ctx, EVERYTHING | {"MultiRegion": True})
        assert not [name for name in expected if everything(name) is None]


def test_defaults_that_aws_shows_as_absent(stockade: Stockade) -> None:
    with stockade.store.read() as unit:
        ctx = context(stockade, unit)
        for action, name in (
            ("kms:PutKeyPolicy", "kms:bypasspolicylockoutsafetycheck"),
            ("kms:ImportKeyMaterial", "kms:expirationmodel"),
            ("kms:ImportKeyMaterial", "kms:validto"),
        ):
            assert of_key_use(ctx, action, KEY, None, {})(name) is None
        replica = of_key_use(ctx, "kms:DescribeKey", KEY, None, {})
        assert replica("kms:multiregionkeytype") == ("REPLICA",)
        assert replica("kms:requestalias") is None
        assert of_key_use(ctx, "kms:DescribeKey", None, None, {})("kms:keyspec") is None
