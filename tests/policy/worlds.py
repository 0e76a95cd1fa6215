# SPDX-License-Identifier: Apache-2.0
"""Random policies and requests that meet each other often: food for the comparison of evaluators.

Names are short, because the slow evaluator's globs cost pattern times text. Everything comes
from one `random.Random`, so a seed names a world.
"""

from __future__ import annotations

import base64
import json
from functools import partial
from typing import TYPE_CHECKING, Any

from stockade.policy.compile import Policy, compile_policy
from stockade.policy.decide import Layers, Levels, Principal, Query
from stockade.policy.document import Kind, parse
from stockade.policy.principals import BY_ACCOUNT, BY_ROLE, DIRECTLY, NOT_NAMED

if TYPE_CHECKING:
    from random import Random

A, B = "111111111111", "222222222222"
ROLE = f"arn:aws:iam::{A}:role/app"
ALICE = f"arn:aws:iam::{A}:user/alice"
PROVIDER = f"arn:aws:iam::{A}:oidc-provider/idp"

PRINCIPALS = (
    Principal("root", f"arn:aws:iam::{A}:root", A),
    Principal("user", ALICE, A),
    Principal("user", ALICE, A),
    Principal("user", f"arn:aws:iam::{A}:user/bob", A),
    Principal("user", f"arn:aws:iam::{B}:user/carol", B),
    Principal("session", f"arn:aws:sts::{A}:assumed-role/app/s1", A, role_arn=ROLE),
    Principal("session", f"arn:aws:sts::{A}:assumed-role/app/s2", A, role_arn=ROLE),
    Principal(
        "session",
        f"arn:aws:sts::{B}:assumed-role/far/s",
        B,
        role_arn=f"arn:aws:iam::{B}:role/far",
    ),
    Principal("federated", f"arn:aws:sts::{A}:federated-user/fred", A, role_arn=ALICE),
    Principal("federated", PROVIDER, ""),
    Principal("service", "", "", service="s3.amazonaws.com"),
    Principal("anonymous", "", ""),
)
AWS_NAMES = (
    A,
    B,
    f"arn:aws:iam::{A}:root",
    f"arn:aws:iam::{B}:root",
    ALICE,
    ROLE,
    f"arn:aws:sts::{A}:assumed-role/app/s1",
    f"arn:aws:iam::{B}:user/carol",
    f"arn:aws:iam::{B}:role/far",
    f"arn:aws:sts::{A}:federated-user/fred",
)
ACTIONS = ("k:En", "k:De", "k:DeA", "s:Get", "s:Put")
ACTION_PATTERNS = (
    "*",
    "k:*",
    "k:*",
    "k:De",
    "K:de*",
    "k:?e*",
    "s:*",
    "s:G?t",
    "*:*",
    "k:*n",
    "k: De",
    "k:De,",
)
RESOURCES = ("arn:aws:k:r:1:key/k1", "arn:aws:s3:::b/alice/x", "arn:aws:s3:::b/a*b", "*")
RESOURCE_PATTERNS = (
    "*",
    "*",
    "arn:aws:*",
    "arn:aws:k:*:1:key/*",
    "arn:aws:k:r:1:key/k?",
    "arn:aws:s3:::b/*",
    "arn:aws:s3:::b/${aws:username}/*",
    "arn:aws:s3:::b/${aws:username, 'alice'}/?",
    "arn:aws:s3:::b/a${*}b",
    "arn:aws:s3:::b/a${a:text}b",
    "arn:aws:*:${a:none}*",
    "arn:*:s3:::*x",
)
TEXTS = ("alice", "Alice", "bob", "a*", "al?ce", "", "x:y", "true", "5")
TEXT_PATTERNS = (
    *TEXTS,
    "*",
    "a*",
    "*e",
    "${aws:username}",
    "${a:none}",
    "${a:none, 'bob'}",
    "${$}",
    "a${*}",
)
NUMBERS = ("5", "05", "5.0", "-3", "7.25", "1e1", "five", "")
DATES = (
    "2024-05-01T00:00:00Z",
    "2024-05-01T02:00:00+02:00",
    "2024-05-01",
    "1714521600",
    "2025-01-01T10:20:30.5Z",
    "never",
)
ADDRESSES = ("10.1.2.3", "::ffff:10.1.2.3", "192.168.0.1", "2001:db8::1", "nowhere")
NETWORKS = ("10.0.0.0/8", "10.1.2.3", "10.1.2.9/24", "2001:db8::/32", "0.0.0.0/0", "::/0", "no/net")
ARNS = ("arn:aws:iam::1:user/alice", "arn:aws:iam::2:role/p/q:r", "arn:aws:sns:r:1:t", "no arn")
ARN_PATTERNS = (
    "*",
    "arn:aws:iam::*:user/*",
    "arn:aws:iam::?:*",
    "arn:aws:*",
    "arn:*:*:*:*:*",
    "arn:aws:iam::1:user/${aws:username}",
    "arn:aws:sns:r:1:t",
)
BINARIES = (*(base64.b64encode(text).decode() for text in (b"", b"a", b"abc")), "!")
BOOLS = ("true", "false", "True", "yes")

FAMILIES: tuple[tuple[tuple[str, ...], str, tuple[str, ...], tuple[str, ...]], ...] = (
    (("StringEquals", "StringNotEquals"), "a:Text", TEXTS, TEXT_PATTERNS),
    (("StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase"), "a:Text", TEXTS, TEXT_PATTERNS),
    (("StringLike", "StringNotLike"), "A:TEXT", TEXTS, TEXT_PATTERNS),
    (
        (
            "NumericEquals",
            "NumericNotEquals",
            "NumericLessThan",
            "NumericLessThanEquals",
            "NumericGreaterThan",
            "NumericGreaterThanEquals",
        ),
        "a:Number",
        NUMBERS,
        NUMBERS,
    ),
    (
        (
            "DateEquals",
            "DateNotEquals",
            "DateLessThan",
            "DateLessThanEquals",
            "DateGreaterThan",
            "DateGreaterThanEquals",
        ),
        "a:Date",
        DATES,
        DATES[:-1],
    ),
    (("Bool",), "a:Bool", BOOLS, (*BOOLS, "${a:bool}")),
    (("BinaryEquals",), "a:Binary", BINARIES, BINARIES),
    (("IpAddress", "NotIpAddress"), "a:Ip", ADDRESSES, NETWORKS),
    (("ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike"), "a:Arn", ARNS, ARN_PATTERNS),
)


GRANTS = tuple(partial(int, naming) for naming in (NOT_NAMED, BY_ACCOUNT, BY_ROLE, DIRECTLY))
"""Grants that name the caller more or less firmly."""


class World:
    """A handful of policies, and requests that they bear on."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.identity = [self.policy("identity") for _ in range(6)]
        self.resource = [self.policy("resource") for _ in range(5)]
        self.endpoint = [self.policy("resource") for _ in range(2)]
        self.open = compile_policy(_parse("identity", [_ANYTHING]))

    def question(self) -> tuple[Query, Layers]:
        """Return a request and the policies it meets."""
        pick = self.random
        limit = [*self.identity, self.open, self.open]
        context = self.context()
        query = Query(
            pick.choice(PRINCIPALS), pick.choice(ACTIONS), pick.choice(RESOURCES), context.get
        )
        layers = Layers(
            identity=tuple(pick.sample(self.identity, pick.choice((0, 1, 1, 2, 3)))),
            resource=pick.choice((None, *self.resource)),
            resource_account=pick.choice((A, A, A, B)),
            resource_must_allow=pick.random() < 0.3,
            boundary=pick.choice(limit) if pick.random() < 0.2 else None,
            session=self.session(limit),
            scp=self.levels(),
            rcp=self.levels(),
            endpoint=pick.choice(self.endpoint) if pick.random() < 0.1 else None,
            granted=pick.choice(GRANTS) if pick.random() < 0.1 else None,
        )
        return query, layers

    def levels(self) -> Levels:
        """Return levels of control policies, most of which allow everything."""
        pick = self.random
        if pick.random() > 0.2:
            return ()
        return tuple(
            tuple(pick.sample([*self.identity, self.open, self.open], 1))
            if pick.random() < 0.3
            else (self.open, *pick.sample(self.identity, pick.choice((0, 0, 1))))
            for _ in range(pick.choice((1, 2, 3)))
        )

    def session(self, limit: list[Policy]) -> tuple[Policy, ...] | None:
        if self.random.random() > 0.2:
            return None
        return tuple(self.random.sample(limit, self.random.choice((0, 1, 1, 2))))

    def context(self) -> dict[str, tuple[str, ...]]:
        pick = self.random
        context: dict[str, tuple[str, ...]] = {}
        if pick.random() < 0.7:
            context["aws:username"] = ("alice",)
        for _, key, values, _ in FAMILIES:
            if pick.random() < 0.6:
                many = pick.choice((1, 1, 1, 2, 3, 0))
                context[key.lower()] = tuple(pick.choice(values) for _ in range(many))
        return context

    def policy(self, kind: Kind) -> Policy:
        statements = [self.statement(kind) for _ in range(self.random.choice((1, 2, 3)))]
        version = "2012-10-17" if self.random.random() < 0.9 else "2008-10-17"
        return compile_policy(_parse(kind, statements, version))

    def statement(self, kind: Kind) -> dict[str, Any]:
        pick = self.random
        statement: dict[str, Any] = {"Effect": "Deny" if pick.random() < 0.2 else "Allow"}
        action = "NotAction" if pick.random() < 0.1 else "Action"
        statement[action] = self.some(ACTION_PATTERNS)
        resource = "NotResource" if pick.random() < 0.15 else "Resource"
        statement[resource] = self.some(RESOURCE_PATTERNS)
        if kind == "resource":
            statement["NotPrincipal" if pick.random() < 0.1 else "Principal"] = self.principal()
        if pick.random() < 0.45:
            statement["Condition"] = self.conditions()
        return statement

    def principal(self) -> str | dict[str, Any]:
        pick = self.random
        if pick.random() < 0.15:
            return "*"
        names: dict[str, Any] = {"AWS": pick.sample(AWS_NAMES, pick.choice((1, 2, 4)))}
        if pick.random() < 0.1:
            names["AWS"] = "*"
        if pick.random() < 0.3:
            names["Service"] = pick.choice(("s3.amazonaws.com", "lambda.amazonaws.com"))
        if pick.random() < 0.3:
            names["Federated"] = pick.choice((PROVIDER, "accounts.google.com"))
        return names

    def conditions(self) -> dict[str, dict[str, Any]]:
        pick = self.random
        block: dict[str, dict[str, Any]] = {}
        for _ in range(pick.choice((1, 1, 2))):
            if pick.random() < 0.1:
                block["Null"] = {"a:Text": pick.choice(("true", "false", True, ["true", "false"]))}
                continue
            operators, key, _, values = pick.choice(FAMILIES)
            prefix = pick.choice(("", "", "", "ForAllValues:", "ForAnyValue:"))
            suffix = pick.choice(("", "", "IfExists"))
            block[f"{prefix}{pick.choice(operators)}{suffix}"] = {key: self.some(values)}
        return block

    def some(self, values: tuple[str, ...]) -> str | list[str]:
        pick = self.random
        if pick.random() < 0.6:
            return pick.choice(values)
        return [pick.choice(values) for _ in range(pick.choice((1, 2, 3)))]


_ANYTHING: dict[str, Any] = {"Effect": "Allow", "Action": "*", "Resource": "*"}


def _parse(kind: Kind, statements: list[dict[str, Any]], version: str = "2012-10-17") -> Any:
    return parse(json.dumps({"Version": version, "Statement": statements}), kind)
