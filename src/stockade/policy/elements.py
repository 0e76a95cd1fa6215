# SPDX-License-Identifier: Apache-2.0
"""What a policy document consists of, as frozen structs."""

from __future__ import annotations

from typing import Literal

import msgspec

Kind = Literal["identity", "resource", "trust", "session", "scp", "rcp"]
"""Permissions boundaries are identity policies; VPC endpoint policies are resource policies."""

OLD_VERSION = "2008-10-17"
VERSION = "2012-10-17"


class MalformedPolicy(ValueError):
    """The policy breaks the grammar; the message is AWS's."""


class InvalidJson(MalformedPolicy):
    """The policy is no JSON at all; some services have words of their own for this."""


class PrincipalName(msgspec.Struct, frozen=True):
    """One entry of a Principal element; a bare `*` has the type `*`."""

    type: str
    value: str


class Condition(msgspec.Struct, frozen=True):
    """One key under one operator of a Condition element, as written."""

    operator: str
    key: str
    values: tuple[str, ...]


class Statement(msgspec.Struct, frozen=True):
    """One statement; an element that is not there is None."""

    effect: str
    sid: str = ""
    principals: tuple[PrincipalName, ...] | None = None
    not_principals: tuple[PrincipalName, ...] | None = None
    actions: tuple[str, ...] | None = None
    not_actions: tuple[str, ...] | None = None
    resources: tuple[str, ...] | None = None
    not_resources: tuple[str, ...] | None = None
    conditions: tuple[Condition, ...] = ()


class Document(msgspec.Struct, frozen=True):
    """A policy document that keeps the grammar of its kind."""

    version: str
    id: str
    statements: tuple[Statement, ...]
    kind: Kind
