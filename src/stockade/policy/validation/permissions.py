# SPDX-License-Identifier: Apache-2.0
"""Checks of what a policy permits: roles to pass or make, what is said twice, its size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stockade.policy import actions
from stockade.policy.globs import includes, pattern
from stockade.policy.match import glob
from stockade.policy.validation.issues import Issue, Target, issue, strings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from stockade.policy.validation.nodes import Node

_IDENTITY_QUOTA: Final = 6144
_SCP_QUOTA: Final = 10_240
_RCP_QUOTA: Final = 5120
_MOST_COMPARED: Final = 100
"""How many entries of a list are held against each other for what is said twice."""


def check_size(root: Node, text: str, target: Target) -> Iterator[Issue]:
    """Check the length that the quota of the policy's type counts."""
    if target.type == "IDENTITY_POLICY":
        size = sum(not character.isspace() for character in text)
        if size > _IDENTITY_QUOTA:
            code = "POLICY_SIZE_EXCEEDS_IDENTITY_POLICY_QUOTA"
            yield issue(code, root, size=size, quota=_IDENTITY_QUOTA)
    elif target.type == "SERVICE_CONTROL_POLICY" and len(text) > _SCP_QUOTA:
        yield issue("POLICY_SIZE_EXCEEDS_SCP_QUOTA", root, size=len(text), quota=_SCP_QUOTA)
    elif target.type == "RESOURCE_CONTROL_POLICY" and len(text) > _RCP_QUOTA:
        yield issue("POLICY_SIZE_EXCEEDS_RCP_QUOTA", root, size=len(text), quota=_RCP_QUOTA)


def check_permissions(statement: Node) -> Iterator[Issue]:
    """Check whether a statement lets any role be passed, any service-linked role be made."""
    effect = statement.get("Effect")
    if effect is None or effect.text != "Allow":
        return
    if not _conditioned_on(statement, "iam:passedtoservice"):
        yield from _too_wide(statement, "iam:passrole", "PASS_ROLE")
    if not _conditioned_on(statement, "iam:awsservicename"):
        yield from _too_wide(statement, "iam:createservicelinkedrole", "CREATE_SLR")


def _too_wide(statement: Node, action: str, name: str) -> Iterator[Issue]:
    granted = _granting(statement, action)
    element = statement.get("NotResource")
    wide = [node for node in strings(statement.get("Resource")) if _any_role(node.text)]
    if granted is None or (element is None and not wide):
        return
    by, node = granted
    if element is not None:
        code = {"": "_WITH_NOT_RESOURCE"}.get(by, f"_WITH_{by}_AND_NOT_RESOURCE")
        yield issue(f"{name}{code}", node, element)
    elif by == "NOT_ACTION":
        yield issue(f"{name}_WITH_STAR_IN_RESOURCE_AND_NOT_ACTION", node, wide[0])
    elif by:
        yield issue(f"{name}_WITH_STAR_IN_ACTION_AND_RESOURCE", node, wide[0])
    elif name == "PASS_ROLE":
        yield issue("PASS_ROLE_WITH_STAR_IN_RESOURCE", wide[0])


def _granting(statement: Node, action: str) -> tuple[str, Node] | None:
    """Return how a statement speaks of an action, and the node that does."""
    denied = statement.get("NotAction")
    if denied is not None:
        hit = any(glob(node.text.lower())(action) for node in strings(denied))
        return None if hit else ("NOT_ACTION", denied)
    for node in strings(statement.get("Action")):
        if node.text.lower() == action:
            return ("", node)
        if glob(node.text.lower())(action):
            return ("STAR_IN_ACTION", node)
    return None


def _any_role(text: str) -> bool:
    return text == "*" or (text.startswith("arn:") and text.endswith((":role/*", ":*")))


def _conditioned_on(statement: Node, key: str) -> bool:
    condition = statement.get("Condition")
    return condition is not None and any(
        name.text.lower() == key for _, block in condition.members for name, _ in block.members
    )


def check_redundancy(statements: Sequence[Node]) -> Iterator[Issue]:
    """Check for what is said twice, within a statement or by two."""
    seen: dict[object, Node] = {}
    for statement in statements:
        yield from _redundant_actions(statement)
        yield from _redundant_resources(statement)
        meaning = frozenset(
            (key.text, _compact(value)) for key, value in statement.members if key.text != "Sid"
        )
        if meaning in seen:
            yield issue("REDUNDANT_STATEMENT", seen[meaning], statement)
        seen.setdefault(meaning, statement)


def _redundant_actions(statement: Node) -> Iterator[Issue]:
    nodes = list(strings(statement.get("Action")))[:_MOST_COMPARED]
    meant = [actions.expand(node.text) for node in nodes]
    redundant = [
        node
        for index, node in enumerate(nodes)
        if meant[index]
        and any(
            meant[index] < other or (meant[index] == other and there < index)
            for there, other in enumerate(meant)
            if there != index
        )
    ]
    if redundant:
        yield issue("REDUNDANT_ACTION", *redundant, count=len(redundant), action=redundant[0].text)


def _redundant_resources(statement: Node) -> Iterator[Issue]:
    nodes = list(strings(statement.get("Resource")))[:_MOST_COMPARED]
    cut = [pattern(node.text, variables=True) for node in nodes]
    redundant = [
        node
        for index, node in enumerate(nodes)
        if any(
            includes(other, cut[index]) and (other != cut[index] or there < index)
            for there, other in enumerate(cut)
            if there != index
        )
    ]
    if redundant:
        yield issue("REDUNDANT_RESOURCE", *redundant, count=len(redundant))


def _compact(node: Node) -> object:
    """Return what a value says, without its place and spacing."""
    if node.kind == "Object":
        return frozenset((key.text, _compact(value)) for key, value in node.members)
    if node.kind == "Array" and len(node.items) == 1:
        return _compact(node.items[0])
    if node.kind == "Array":
        return frozenset(map(_compact, node.items))
    return (node.kind, node.text)
