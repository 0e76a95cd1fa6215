# SPDX-License-Identifier: Apache-2.0
"""Checks of the frame: which elements there are, of which JSON type, in which combination."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from stockade.policy.elements import OLD_VERSION, VERSION
from stockade.policy.validation.issues import Issue, Target, issue

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from stockade.policy.validation.nodes import Node

_TOP: Final = ("Version", "Id", "Statement")
_ELEMENTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Sid": "String",
        "Effect": "String",
        "Principal": "Object",
        "NotPrincipal": "Object",
        "Action": "String or Array",
        "NotAction": "String or Array",
        "Resource": "String or Array",
        "NotResource": "String or Array",
        "Condition": "Object",
    }
)
_PAIRS: Final = (
    ("Action", "NotAction"),
    ("Resource", "NotResource"),
    ("Principal", "NotPrincipal"),
)
_SID: Final = re.compile(r"[0-9A-Za-z]*")


def check_document(root: Node, target: Target) -> Iterator[Issue]:
    """Check the outermost object."""
    for key, _ in root.members:
        if key.text not in _TOP:
            yield issue("INVALID_POLICY_ELEMENT", key, element=key.text)
    yield from _check_version(root)
    statement = root.get("Statement")
    if statement is None or (statement.kind == "Array" and not statement.items):
        yield issue("MISSING_STATEMENT", root if statement is None else statement)
    elif statement.kind not in {"Array", "Object"}:
        yield issue("DATA_TYPE_MISMATCH", statement, expected="Array")
    yield from _check_sids(statements(root), target)


def statements(root: Node) -> list[Node]:
    """Return the statements that are objects."""
    statement = root.get("Statement")
    found = [] if statement is None else list(statement.each())
    return [one for one in found if one.kind == "Object"]


def check_statement(statement: Node, target: Target) -> Iterator[Issue]:
    """Check one statement."""
    for key, value in statement.members:
        expected = _ELEMENTS.get(key.text)
        if expected is None:
            yield issue("INVALID_POLICY_ELEMENT", key, element=key.text)
        elif not _is_of_type(key.text, value):
            yield issue("DATA_TYPE_MISMATCH", value, expected=expected)
    for one, other in _PAIRS:
        if statement.get(one) is not None and statement.get(other) is not None:
            yield issue("UNSUPPORTED_ELEMENT_COMBINATION", statement, one=one, other=other)
    yield from _check_effect(statement)
    if not _has(statement, "Action"):
        yield issue("MISSING_ACTION", statement)
    yield from _check_resource(statement, target)
    yield from _check_principal(statement, target)
    yield from _check_emptiness(statement)


def _check_version(root: Node) -> Iterator[Issue]:
    version = root.get("Version")
    if version is None:
        yield issue("MISSING_VERSION", root)
    elif version.kind != "String":
        yield issue("DATA_TYPE_MISMATCH", version, expected="String")
    elif version.text not in (OLD_VERSION, VERSION):
        known = f"{VERSION}, {OLD_VERSION}"
        yield issue("INVALID_VERSION", version, version=version.text, versions=known)


def _check_sids(found: Sequence[Node], target: Target) -> Iterator[Issue]:
    seen: dict[str, Node] = {}
    for statement in found:
        sid = statement.get("Sid")
        if sid is None or sid.kind != "String":
            continue
        if target.type != "RESOURCE_POLICY" and not _SID.fullmatch(sid.text):
            yield issue("UNSUPPORTED_SID", sid)
        if sid.text and sid.text in seen:
            required = target.type != "RESOURCE_POLICY" or target.trust
            code = "UNIQUE_SIDS_REQUIRED" if required else "UNIQUE_SIDS_RECOMMENDED"
            yield issue(code, seen[sid.text], sid)
        seen.setdefault(sid.text, sid)


def _check_effect(statement: Node) -> Iterator[Issue]:
    effect = statement.get("Effect")
    if effect is None:
        yield issue("MISSING_EFFECT", statement)
    elif effect.kind == "String" and effect.text not in {"Allow", "Deny"}:
        yield issue("INVALID_EFFECT", effect, effect=effect.text)


def _check_resource(statement: Node, target: Target) -> Iterator[Issue]:
    if target.trust:
        found = [key for key, _ in statement.members if key.text in {"Resource", "NotResource"}]
        yield from (issue("ROLE_TRUST_POLICY_SYNTAX_ERROR_RESOURCE", key) for key in found)
    elif not _has(statement, "Resource"):
        yield issue("MISSING_RESOURCE", statement)


def _check_principal(statement: Node, target: Target) -> Iterator[Issue]:
    found = [key for key, _ in statement.members if key.text in {"Principal", "NotPrincipal"}]
    if target.names_principals:
        if not found:
            yield issue("MISSING_PRINCIPAL", statement)
        if target.trust and statement.get("NotPrincipal") is not None:
            yield issue("ROLE_TRUST_POLICY_SYNTAX_ERROR_NOTPRINCIPAL", *found)
    elif target.type == "SERVICE_CONTROL_POLICY":
        yield from (issue("SCP_SYNTAX_ERROR_PRINCIPAL", key) for key in found)
    elif target.type == "IDENTITY_POLICY":
        for key in found:
            yield issue("UNSUPPORTED_PRINCIPAL", key, type="IDENTITY_POLICY")
    if target.type == "RESOURCE_CONTROL_POLICY" and statement.get("NotAction") is not None:
        yield issue("RCP_SYNTAX_ERROR_NOTACTION", statement)


def _check_emptiness(statement: Node) -> Iterator[Issue]:
    for element, code in (
        ("Action", "EMPTY_ARRAY_ACTION"),
        ("Resource", "EMPTY_ARRAY_RESOURCE"),
        ("NotAction", "EMPTY_ARRAY_ACTION"),
        ("NotResource", "EMPTY_ARRAY_RESOURCE"),
    ):
        value = statement.get(element)
        if value is not None and value.kind == "Array" and not value.items:
            yield issue(code, value)
    condition = statement.get("Condition")
    if condition is not None and condition.kind == "Object" and not condition.members:
        yield issue("EMPTY_OBJECT_CONDITION", condition)


def _has(statement: Node, element: str) -> bool:
    return statement.get(element) is not None or statement.get(f"Not{element}") is not None


def _is_of_type(element: str, value: Node) -> bool:
    if element in {"Sid", "Effect"}:
        return value.kind == "String"
    if element == "Condition":
        return value.kind == "Object"
    if element in {"Principal", "NotPrincipal"}:
        return value.kind in {"Object", "String"}
    return all(one.kind == "String" for one in value.each())
