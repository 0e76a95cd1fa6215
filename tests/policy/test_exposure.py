# SPDX-License-Identifier: Apache-2.0
"""Public and external access that resource policies grant."""

from __future__ import annotations

from typing import Any

import pytest

from stockade.policy.exposure import Zone, exposures, public_statements
from tests.policy.build import A, B, allow, deny, resource

ZONE = Zone(frozenset({A}), "o-1234567890")
EVERYBODY = {"AWS": "*"}


def strangers(*statements: Any) -> list[tuple[tuple[str, str], bool]]:
    found = exposures(resource(*statements).document, ZONE)
    return [(one.principal, one.public) for one in found]


def is_public(*statements: Any) -> bool:
    return bool(public_statements(resource(*statements).document))


@pytest.mark.parametrize("principal", ["*", EVERYBODY, {"AWS": [A, "*"]}])
def test_everybody_is_public(principal: Any) -> None:
    assert strangers(allow("kms:*", principal=principal)) == [(("AWS", "*"), True)]
    assert is_public(allow("kms:*", principal=principal))


@pytest.mark.parametrize(
    "principal",
    [
        {"AWS": A},
        {"AWS": f"arn:aws:iam::{A}:root"},
        {"AWS": f"arn:aws:iam::{A}:user/alice"},
        {"AWS": "AROAEXAMPLEEXAMPLEXX"},
        {"Service": "s3.amazonaws.com"},
    ],
)
def test_the_zone_is_trusted(principal: Any) -> None:
    assert strangers(allow("kms:*", principal=principal)) == []


@pytest.mark.parametrize(
    ("principal", "shown"),
    [
        ({"AWS": B}, ("AWS", B)),
        ({"AWS": f"arn:aws:iam::{B}:root"}, ("AWS", B)),
        ({"AWS": f"arn:aws:iam::{B}:role/x"}, ("AWS", f"arn:aws:iam::{B}:role/x")),
        ({"Federated": "accounts.google.com"}, ("Federated", "accounts.google.com")),
    ],
)
def test_strangers_are_not_the_public(principal: Any, shown: tuple[str, str]) -> None:
    statement = allow("kms:*", principal=principal)
    assert strangers(statement) == [(shown, False)]
    assert not is_public(statement)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"StringEquals": {"kms:CallerAccount": A}}, None),
        ({"StringEquals": {"aws:PrincipalAccount": B}}, False),
        ({"StringEquals": {"aws:PrincipalAccount": [A, B]}}, False),
        ({"StringEquals": {"aws:PrincipalOrgID": "o-1234567890"}}, None),
        ({"StringEquals": {"aws:PrincipalOrgID": "o-0987654321"}}, False),
        ({"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-1234567890/*"}}, None),
        ({"ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::{B}:role/*"}}, False),
        ({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/x"}}, True),
        ({"StringLike": {"aws:PrincipalAccount": "1*"}}, True),
        ({"StringEqualsIfExists": {"aws:PrincipalAccount": A}}, True),
        ({"ForAllValues:StringEquals": {"aws:PrincipalOrgID": "o-1234567890"}}, True),
        ({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, False),
        ({"IpAddress": {"aws:SourceIp": "0.0.0.0/1"}}, True),
        ({"Bool": {"aws:SecureTransport": "true"}}, True),
    ],
)
def test_conditions_hold(condition: Any, expected: bool | None) -> None:
    found = strangers(allow("kms:*", principal="*", condition=condition))
    assert found == ([] if expected is None else [(("AWS", "*"), expected)])


def test_denies_take_away() -> None:
    public = allow("kms:De*", principal="*")
    assert strangers(public, deny("kms:*", principal="*")) == []
    assert strangers(public, deny("kms:Decrypt", principal="*")) == [(("AWS", "*"), True)]
    outside = {"StringNotEquals": {"aws:PrincipalOrgID": "o-1234567890"}}
    assert strangers(public, deny("*", principal="*", condition=outside)) == []
    elsewhere = {"StringNotEquals": {"aws:SourceVpce": "vpce-1"}}
    assert strangers(public, deny("*", principal="*", condition=elsewhere)) == [
        (("AWS", "*"), False)
    ]


def test_all_but_somebody_is_public() -> None:
    statement = {"Effect": "Allow", "NotPrincipal": {"AWS": B}, "Action": "*", "Resource": "*"}
    assert strangers(statement) == [(("AWS", "*"), True)]
