# SPDX-License-Identifier: Apache-2.0
"""Users and roles, what they may do and when they did it last: as services tell each other."""

from __future__ import annotations

from datetime import datetime

import msgspec


class Use(msgspec.Struct, frozen=True, kw_only=True):
    """A key, a password or an action, and when somebody used it last."""

    name: str
    created: datetime | None = None
    last: datetime | None = None


class Permission(msgspec.Struct, frozen=True, kw_only=True):
    """What policies let somebody do with one service."""

    service: str
    """As actions name it: `kms`."""
    last: datetime | None
    actions: tuple[Use, ...] = ()
    """Those that are allowed and of which it is known whether they were used."""


class AttachedPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """A policy that speaks for somebody."""

    id: str
    """The ARN, or the name of an inline policy."""
    document: str
    updated: datetime | None = None


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """A user or a role."""

    place: str
    """Where it stands in the order in which the port lists identities."""
    arn: str
    type: str
    """`AWS::IAM::Role` or `AWS::IAM::User`."""
    created: datetime
    tags: dict[str, str]
    service_linked: bool = False
    last: datetime | None = None
    keys: tuple[Use, ...] = ()
    """The access keys that are active."""
    password: Use | None = None
