# SPDX-License-Identifier: Apache-2.0
"""AWS's service authorization reference: which actions there are, on what, under which keys.

`actions.json.gz` has the facts (tools/write_actions.py writes it and says where they are from). It
is read when somebody first asks, which no request that is merely decided does. Of every service
the names of the actions with their access levels and the condition keys are known; what an
action's resources look like only of those that Stockade serves or is going to serve.
"""

from __future__ import annotations

import gzip
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Literal

import msgspec

from stockade.policy.match import glob

if TYPE_CHECKING:
    from collections.abc import Mapping

AccessLevel = Literal["List", "Read", "Write", "Permissions management", "Tagging"]


class ResourceType(msgspec.Struct, frozen=True):
    """What a resource's ARN looks like, and the condition keys that come with it."""

    arn: str
    """With placeholders: `arn:${Partition}:kms:${Region}:${Account}:key/${KeyId}`."""
    keys: frozenset[str] = frozenset()


class Scope(msgspec.Struct, frozen=True):
    """The resource types an action knows, and the condition keys it has beside theirs."""

    types: tuple[str, ...] = ()
    keys: frozenset[str] = frozenset()


class ServiceFacts(msgspec.Struct, frozen=True):
    """The facts of one service prefix."""

    title: str
    levels: dict[AccessLevel, tuple[str, ...]]
    keys: dict[str, str]
    """Condition key -> its type: String, ArrayOfString, ARN, Bool, Date, Numeric ..."""
    resources: dict[str, ResourceType] = {}
    actions: dict[str, Scope] = {}
    """Empty where only the names of the actions are known."""


class Table(msgspec.Struct, frozen=True):
    """The whole file."""

    notice: str
    source: str
    services: dict[str, ServiceFacts]


class Action(msgspec.Struct, frozen=True):
    """One action as AWS spells it."""

    name: str
    """`kms:Encrypt`."""
    level: AccessLevel
    arns: tuple[str, ...] | None
    """The ARN patterns of its resources; empty where it knows only `*`, None where we do not
    know."""
    keys: frozenset[str]
    """The condition keys of the action and of its resources, without AWS's global ones."""


@cache
def table() -> Table:
    """Return all facts."""
    packed = (resources.files("stockade.policy") / "actions.json.gz").read_bytes()
    return msgspec.json.decode(gzip.decompress(packed), type=Table)


def find_service(prefix: str) -> ServiceFacts | None:
    """Return the facts of a service prefix, in any case."""
    return table().services.get(prefix.lower())


def find_action(name: str) -> Action | None:
    """Return the action of a name such as `kms:Encrypt`, in any case."""
    return _actions().get(name.lower())


def expand(pattern: str) -> frozenset[str]:
    """Return the actions that a pattern such as `kms:Gen*` covers, as AWS spells them."""
    prefix, colon, _ = pattern.partition(":")
    if colon and not set("*?") & set(prefix):
        return _expand(pattern.lower(), prefix.lower())
    return _expand(pattern.lower(), None)


def all_actions() -> frozenset[str]:
    """Return the name of every action."""
    return _expand("*", None)


def arn_glob(pattern: str) -> str:
    """Return an ARN pattern with a `*` in the place of each placeholder."""
    head, *rest = pattern.split("${")
    return head + "".join("*" + part.partition("}")[2] for part in rest)


@cache
def _actions() -> Mapping[str, Action]:
    return {
        f"{prefix}:{name}".lower(): _action(prefix, facts, level, name)
        for prefix, facts in table().services.items()
        for level, names in facts.levels.items()
        for name in names
    }


def _action(prefix: str, facts: ServiceFacts, level: AccessLevel, name: str) -> Action:
    scope = facts.actions.get(name)
    if scope is None:
        return Action(f"{prefix}:{name}", level, None, frozenset(facts.keys))
    types = [facts.resources[one] for one in scope.types]
    keys = scope.keys.union(*(one.keys for one in types))
    return Action(f"{prefix}:{name}", level, tuple(one.arn for one in types), keys)


@cache
def _names() -> Mapping[str, frozenset[str]]:
    """Return the names of the actions by service prefix."""
    return {
        prefix: frozenset(f"{prefix}:{name}" for names in facts.levels.values() for name in names)
        for prefix, facts in table().services.items()
    }


@cache
def _everything() -> frozenset[str]:
    return frozenset().union(*_names().values())


def _expand(pattern: str, prefix: str | None) -> frozenset[str]:
    names = _everything() if prefix is None else _names().get(prefix, frozenset())
    if pattern in {"*", f"{prefix}:*"}:
        return names
    fits = glob(pattern)
    return frozenset(name for name in names if fits(name.lower()))
