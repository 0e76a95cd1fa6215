# SPDX-License-Identifier: Apache-2.0
"""Checks of what statements name: actions, resources, principals."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from stockade.policy import actions
from stockade.policy.globs import Pattern, overlap, pattern
from stockade.policy.validation.issues import Issue, Target, issue, strings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stockade.policy.validation.nodes import Node

_PARTITIONS: Final = ("aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-eusc")
_ACCOUNT: Final = re.compile(r"[0-9]{12}|aws|cloudfront")
_PRINCIPAL_KEYS: Final = frozenset({"AWS", "CanonicalUser", "Federated", "Service"})
_FIELDS: Final = 6
_REGION: Final = 3
_ACCOUNT_ID: Final = 4


def check_actions(statement: Node) -> Iterator[Issue]:
    """Check that every action, or pattern of actions, stands for something."""
    for element in ("Action", "NotAction"):
        for node in strings(statement.get(element)):
            yield from _variables_out_of_place(node)
            yield from _check_action(node)


def _check_action(node: Node) -> Iterator[Issue]:
    if node.text == "*" or "${" in node.text:
        return
    prefix, colon, _ = node.text.partition(":")
    if not colon:
        yield issue("INVALID_ACTION", node, action=node.text, hint="")
    elif _wild(prefix):
        yield issue("WILDCARD_IN_SERVICE_NAME", node)
    elif actions.find_service(prefix) is None:
        close = get_close_matches(prefix.lower(), actions.table().services, 1)
        hint = _hint(close)
        yield issue("INVALID_SERVICE_IN_ACTION", node, service=prefix, hint=hint)
    elif not actions.expand(node.text):
        close = get_close_matches(node.text, actions.expand(f"{prefix}:*"), 1, cutoff=0.8)
        yield issue("INVALID_ACTION", node, action=node.text, hint=_hint(close))


def _hint(close: list[str]) -> str:
    return f" Did you mean {close[0]}?" if close else ""


def check_resources(statement: Node) -> Iterator[Issue]:
    """Check the ARNs of the resources."""
    for element in ("Resource", "NotResource"):
        for node in strings(statement.get(element)):
            if node.text != "*":
                yield from _check_arn(node)


def _check_arn(node: Node) -> Iterator[Issue]:
    fields = _fields(node.text)
    if len(fields) < _FIELDS:
        if fields[-1] == "*" and fields[0] == "arn":
            return
        yield issue("MISSING_ARN_FIELD", node, fields=_FIELDS)
        return
    prefix, partition, service, *_ = fields
    if prefix != "arn":
        yield issue("INVALID_ARN_PREFIX", node)
        return
    if not _open(partition) and partition not in _PARTITIONS:
        known = ", ".join(_PARTITIONS)
        yield issue(
            "INVALID_PARTITION", node, service=service, partition=partition, partitions=known
        )
    if _wild(service):
        yield issue("WILDCARD_IN_SERVICE_NAME", node)
        return
    yield from _check_service_of_arn(node, fields)


def _check_service_of_arn(node: Node, fields: list[str]) -> Iterator[Issue]:
    service, region, account = fields[2:5]
    if _open(service):
        return
    if service != service.lower():
        yield issue("INVALID_ARN_SERVICE_CASE", node, service=service)
        return
    facts = actions.find_service(service)
    if facts is None:
        yield issue("INVALID_SERVICE", node, service=service)
        return
    if account and not _open(account) and not _ACCOUNT.fullmatch(account):
        yield issue("INVALID_ARN_ACCOUNT", node, account=account)
        return
    if not facts.resources or _is_known(fields, facts):
        return
    if region and _is_known(_with(fields, _REGION, ""), facts):
        yield issue("ARN_REGION_NOT_ALLOWED", node, service=service)
    elif account and _is_known(_with(fields, _ACCOUNT_ID, ""), facts):
        yield issue("ARN_ACCOUNT_NOT_ALLOWED", node, service=service)
    elif not region and _is_known(_with(fields, _REGION, "us-east-1"), facts):
        yield issue("MISSING_ARN_REGION", node, service=service)
    else:
        yield issue("INVALID_ARN_RESOURCE", node)


def _with(fields: list[str], place: int, value: str) -> list[str]:
    return [*fields[:place], value, *fields[place + 1 :]]


def _is_known(fields: list[str], facts: actions.ServiceFacts) -> bool:
    """Tell whether an ARN may be one of a service's resources."""
    given = pattern(":".join(fields), variables=True)
    return any(overlap(given, _pattern_of(one.arn)) for one in facts.resources.values())


def _pattern_of(arn: str) -> Pattern:
    """Return an ARN pattern of the table, in which a Region or an account is never empty."""
    *head, resource = _fields(actions.arn_glob(arn))
    filled = ["?*" if field == "*" else field for field in head]
    return pattern(":".join([*filled, resource]), variables=False)


def check_principals(statement: Node, target: Target) -> Iterator[Issue]:
    """Check whom a statement names."""
    for element in ("Principal", "NotPrincipal"):
        node = statement.get(element)
        if node is None or not target.names_principals:
            continue
        effect = statement.get("Effect")
        if element == "NotPrincipal" and effect is not None and effect.text == "Allow":
            yield issue("ALLOW_WITH_NOT_PRINCIPAL", node)
        if node.kind == "String":
            yield from _check_bare(node, target)
        for key, value in node.members:
            yield from _check_names(key, value, target)
        if target.trust:
            yield from _check_providers(statement, node)


def _check_bare(node: Node, target: Target) -> Iterator[Issue]:
    if node.text != "*":
        yield issue("INVALID_PRINCIPAL_FORMAT", node)
    elif target.trust:
        yield issue("ROLE_TRUST_POLICY_UNSUPPORTED_WILDCARD_IN_PRINCIPAL", node)


def _check_names(key: Node, value: Node, target: Target) -> Iterator[Issue]:
    if key.text not in _PRINCIPAL_KEYS:
        yield issue("INVALID_PRINCIPAL_KEY", key, key=key.text)
        return
    if value.kind == "Array" and not value.items:
        yield issue("EMPTY_ARRAY_PRINCIPAL", value)
    if key.text == "Federated" and target.resource_type and not target.trust:
        yield issue("FEDERATED_PRINCIPAL_NOT_SUPPORTED", value)
    for node in strings(value):
        yield from _variables_out_of_place(node)
        if _wild(node.text) and (key.text != "AWS" or node.text != "*"):
            yield issue("UNSUPPORTED_WILDCARD_IN_PRINCIPAL", node, key=key.text)
        elif node.text.startswith("AROA"):
            yield issue("INVALID_ROLE_REFERENCE", node, id=node.text)
        elif node.text.startswith("AIDA"):
            yield issue("INVALID_USER_REFERENCE", node, id=node.text)


def _check_providers(statement: Node, principal: Node) -> Iterator[Issue]:
    """Check that who comes with an assertion or a token comes from a provider of this kind."""
    names = [(key.text, node.text) for key, value in principal.members for node in strings(value)]
    for node in strings(statement.get("Action")):
        saml = node.text == "sts:AssumeRoleWithSAML"
        if not saml and node.text != "sts:AssumeRoleWithWebIdentity":
            continue
        wrong = [
            name
            for key, name in names
            if key != "Federated" or (":saml-provider/" in name) is not saml
        ]
        if wrong:
            told = ", ".join(wrong)
            yield issue("MISMATCHED_ACTION_FOR_PRINCIPAL", node, action=node.text, principals=told)


def _variables_out_of_place(node: Node) -> Iterator[Issue]:
    found = re.search(r"\$\{[^}]*\}?", node.text)
    if found:
        yield issue("VARIABLE_UNSUPPORTED_IN_ELEMENT", node, variable=found.group())


def _fields(text: str) -> list[str]:
    """Cut an ARN at its first five colons, but not within a variable."""
    return re.split(r":(?![^{}]*\})", text, maxsplit=_FIELDS - 1)


def _wild(text: str) -> bool:
    return "*" in text or "?" in text


def _open(text: str) -> bool:
    return _wild(text) or "${" in text
