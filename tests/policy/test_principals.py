# SPDX-License-Identifier: Apache-2.0
"""Whom the statements of resource policies name, and how firmly."""

from __future__ import annotations

from typing import Any

import pytest

from stockade.policy.principals import BY_ACCOUNT, BY_ROLE, DIRECTLY, NOT_NAMED
from stockade.policy.request import Principal
from tests.policy.build import (
    ALICE,
    ALICE_ARN,
    ANONYMOUS,
    CAROL,
    ROLE_ARN,
    ROOT,
    ROOT_ARN,
    SERVICE,
    SESSION,
    SESSION_ARN,
    A,
    B,
    resource,
)

PROVIDER = f"arn:aws:iam::{A}:oidc-provider/idp"
WEB_IDENTITY = Principal("federated", PROVIDER, "")
FEDERATED_ARN = f"arn:aws:sts::{A}:federated-user/fred"
FEDERATED = Principal("federated", FEDERATED_ARN, A, role_arn=ALICE_ARN)


def naming(
    caller: Principal, names: Any, *, effect: str = "Allow", no: bool = False, bounded: bool = False
) -> int:
    statement = {
        "Effect": effect,
        "NotPrincipal" if no else "Principal": names,
        "Action": "*",
        "Resource": "*",
    }
    return resource(statement).statements[0].naming(caller, bounded)


@pytest.mark.fact("iam-5")
@pytest.mark.parametrize(
    ("caller", "names", "how"),
    [
        (ALICE, "*", DIRECTLY),
        (ALICE, {"AWS": "*"}, DIRECTLY),
        (ALICE, {"AWS": ALICE_ARN}, DIRECTLY),
        (ALICE, {"AWS": [A, ALICE_ARN]}, DIRECTLY),
        (ALICE, {"AWS": A}, BY_ACCOUNT),
        (ALICE, {"AWS": ROOT_ARN}, BY_ACCOUNT),
        (ALICE, {"AWS": B}, NOT_NAMED),
        (ALICE, {"AWS": ROLE_ARN}, NOT_NAMED),
        (ALICE, {"Service": "s3.amazonaws.com"}, NOT_NAMED),
        (CAROL, {"AWS": ROOT_ARN}, NOT_NAMED),
        (CAROL, {"AWS": B}, BY_ACCOUNT),
        (SESSION, {"AWS": SESSION_ARN}, DIRECTLY),
        (SESSION, {"AWS": ROLE_ARN}, BY_ROLE),
        (SESSION, {"AWS": [A, ROLE_ARN]}, BY_ROLE),
        (SESSION, {"AWS": SESSION_ARN.replace("s1", "s2")}, NOT_NAMED),
        (SESSION, {"AWS": A}, BY_ACCOUNT),
        (ROOT, {"AWS": ROOT_ARN}, DIRECTLY),
        (ROOT, {"AWS": A}, DIRECTLY),
        (ROOT, {"AWS": ALICE_ARN}, NOT_NAMED),
        (FEDERATED, {"AWS": FEDERATED_ARN}, DIRECTLY),
        (FEDERATED, {"AWS": ALICE_ARN}, BY_ROLE),
        (WEB_IDENTITY, {"Federated": PROVIDER}, DIRECTLY),
        (WEB_IDENTITY, {"Federated": "accounts.google.com"}, NOT_NAMED),
        (WEB_IDENTITY, {"AWS": A}, NOT_NAMED),
        (SERVICE, {"Service": ["sns.amazonaws.com", "s3.amazonaws.com"]}, DIRECTLY),
        (SERVICE, {"Service": "sns.amazonaws.com"}, NOT_NAMED),
        (SERVICE, "*", DIRECTLY),
        (ANONYMOUS, "*", DIRECTLY),
        (ANONYMOUS, {"AWS": A}, NOT_NAMED),
        (ALICE, {"AWS": ALICE_ARN.replace("arn:aws:", "arn:aws-cn:")}, NOT_NAMED),
        (ALICE, {"CanonicalUser": ALICE_ARN}, NOT_NAMED),
    ],
)
def test_a_principal_element_names_a_caller(caller: Principal, names: Any, how: int) -> None:
    assert naming(caller, names) == how


@pytest.mark.parametrize(
    ("caller", "names", "spared"),
    [
        (ALICE, {"AWS": ALICE_ARN}, True),
        (ALICE, {"AWS": [ALICE_ARN, ROOT_ARN]}, True),
        (ALICE, {"AWS": ROOT_ARN}, False),
        (ALICE, {"AWS": ALICE_ARN.replace("alice", "bob")}, False),
        (ROOT, {"AWS": ROOT_ARN}, True),
        (ROOT, {"AWS": A}, True),
        (SESSION, {"AWS": [ROLE_ARN, SESSION_ARN]}, True),
        (SESSION, {"AWS": ROLE_ARN}, False),
        (SESSION, {"AWS": SESSION_ARN}, False),
        (SESSION, "*", True),
        (SERVICE, {"Service": "s3.amazonaws.com"}, True),
        (SERVICE, {"AWS": A}, False),
        (ANONYMOUS, {"AWS": A}, False),
    ],
)
def test_deny_with_not_principal_spares_who_is_named_in_full(
    caller: Principal, names: Any, spared: bool
) -> None:
    how = naming(caller, names, effect="Deny", no=True)
    assert how == (NOT_NAMED if spared else DIRECTLY)


def test_deny_with_not_principal_always_hits_who_has_a_boundary() -> None:
    assert naming(ALICE, {"AWS": ALICE_ARN}, effect="Deny", no=True, bounded=True) == DIRECTLY


def test_allow_with_not_principal_leaves_out_who_is_named_in_any_way() -> None:
    for names in ({"AWS": ALICE_ARN}, {"AWS": A}, {"AWS": ROOT_ARN}, "*"):
        assert naming(ALICE, names, no=True) == NOT_NAMED
    assert naming(SESSION, {"AWS": ROLE_ARN}, no=True) == NOT_NAMED
    assert naming(CAROL, {"AWS": A}, no=True) == DIRECTLY
