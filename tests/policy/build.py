# SPDX-License-Identifier: Apache-2.0
"""Short ways to write policies and requests."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from stockade.policy.compile import Policy, compile_policy
from stockade.policy.decide import Decision, Layers, Principal, Query, decide
from stockade.policy.document import parse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stockade.policy.document import Kind

A, B = "111122223333", "444455556666"
KEY = f"arn:aws:kms:us-east-1:{A}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
ROOT_ARN = f"arn:aws:iam::{A}:root"
ALICE_ARN = f"arn:aws:iam::{A}:user/alice"
ROLE_ARN = f"arn:aws:iam::{A}:role/app"
SESSION_ARN = f"arn:aws:sts::{A}:assumed-role/app/s1"

ROOT = Principal("root", ROOT_ARN, A)
ALICE = Principal("user", ALICE_ARN, A)
CAROL = Principal("user", f"arn:aws:iam::{B}:user/carol", B)
SESSION = Principal("session", SESSION_ARN, A, role_arn=ROLE_ARN)
SERVICE = Principal("service", "", "", service="s3.amazonaws.com")
ANONYMOUS = Principal("anonymous", "", "")


def text(*statements: dict[str, Any], version: str | None = "2012-10-17", **more: Any) -> str:
    """Write a policy document."""
    head = {"Version": version} if version else {}
    return json.dumps(head | more | {"Statement": list(statements)})


def policy(
    kind: Kind, *statements: dict[str, Any], version: str | None = "2012-10-17", arn: str = ""
) -> Policy:
    """Write, parse and compile a policy."""
    return compile_policy(parse(text(*statements, version=version), kind), arn=arn)


def allow(action: str | list[str] = "*", resource: str | list[str] = "*", **more: Any) -> Any:
    """Write an allowing statement; `condition`, `principal` and `sid` may be added."""
    return _statement("Allow", action, resource, more)


def deny(action: str | list[str] = "*", resource: str | list[str] = "*", **more: Any) -> Any:
    """Write a denying statement."""
    return _statement("Deny", action, resource, more)


def identity(*statements: dict[str, Any], arn: str = "") -> Policy:
    """Write an identity policy."""
    return policy("identity", *statements, arn=arn)


def resource(*statements: dict[str, Any]) -> Policy:
    """Write a resource policy."""
    return policy("resource", *statements)


def ask(
    principal: Principal,
    layers: Layers,
    *,
    action: str = "kms:Decrypt",
    on: str = KEY,
    context: Mapping[str, tuple[str, ...]] | None = None,
) -> Decision:
    """Decide a request."""
    found = context or {}
    return decide(Query(principal, action, on, found.get), layers)


def layers(
    *identities: Policy,
    resource: Policy | None = None,
    account: str = A,
    must_allow: bool = False,
    boundary: Policy | None = None,
    session: tuple[Policy, ...] | None = None,
) -> Layers:
    """Put layers together."""
    return Layers(identities, resource, account, must_allow, boundary, session)


def _statement(effect: str, action: Any, resource: Any, more: dict[str, Any]) -> dict[str, Any]:
    statement = {"Effect": effect, "Action": action, "Resource": resource}
    return statement | {name.capitalize(): value for name, value in more.items()}
