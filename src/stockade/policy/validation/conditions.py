# SPDX-License-Identifier: Apache-2.0
"""Checks of conditions: operators, keys, the types of values, variables."""

from __future__ import annotations

import ipaddress
import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from stockade.policy import actions
from stockade.policy.operators import Operator, parse_operator
from stockade.policy.validation.global_keys import GLOBAL_KEYS
from stockade.policy.validation.issues import Issue, Target, issue, strings
from stockade.policy.values import parse_binary, parse_instant, parse_number

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from stockade.policy.validation.nodes import Node

_FAMILY: Final[Mapping[str, str]] = MappingProxyType(
    {
        "String": "String",
        "ArrayOfString": "String",
        "ARN": "ARN",
        "ArrayOfARN": "ARN",
        "Bool": "Boolean",
        "ArrayOfBool": "Boolean",
        "Date": "Date",
        "Numeric": "Numeric",
        "IPAddress": "IP address",
    }
)
"""The operators that go with a key's type, in AWS's word for them."""
_VARIABLE: Final = re.compile(r"\$\{([^}]*)(\}?)")
_EPOCH: Final = re.compile(r"[0-9]+")
_TAG_KEYS: Final = frozenset(
    {
        "aws:requesttag/",
        "aws:resourcetag/",
        "aws:principaltag/",
        "aws:requesttag",
        "aws:resourcetag",
    }
)
_FORMATS: Final[Mapping[str, tuple[re.Pattern[str], str]]] = MappingProxyType(
    {
        "aws:sourcevpc": (re.compile(r"vpc-([0-9a-z]{8}|[0-9a-z]{17})"), "INVALID_VPC_FORMAT"),
        "aws:sourcevpce": (re.compile(r"vpce-([0-9a-z]{8}|[0-9a-z]{17})"), "INVALID_VPCE_FORMAT"),
    }
)


def check_conditions(statement: Node) -> Iterator[Issue]:
    """Check the Condition element of a statement."""
    condition = statement.get("Condition")
    if condition is None or condition.kind != "Object":
        return
    for name, block in condition.members:
        operator = parse_operator(name.text)
        if operator is None:
            yield from _check_bad_operator(name)
            continue
        if block.kind != "Object":
            yield issue("DATA_TYPE_MISMATCH", block, expected="Object")
            continue
        yield from _check_block(name, operator, block)


def _check_bad_operator(name: Node) -> Iterator[Issue]:
    if name.text == "NullIfExists":
        yield issue("NULL_WITH_IF_EXISTS", name)
    elif name.text in {"ForAllValues:Null", "ForAnyValue:Null"}:
        yield issue("NULL_WITH_QUALIFIER", name)
    else:
        yield issue("INVALID_CONDITION_OPERATOR", name, operator=name.text)


def _check_block(name: Node, operator: Operator, block: Node) -> Iterator[Issue]:
    seen: dict[str, Node] = {}
    for key, value in block.members:
        folded = key.text.lower()
        if folded in seen:
            yield issue("DUPLICATE_KEYS_WITH_DIFFERENT_CASE", seen[folded], key, key=key.text)
        seen.setdefault(folded, key)
        if value.kind == "Array" and not value.items:
            yield issue("EMPTY_ARRAY_CONDITION", value, key=key.text)
        yield from _check_key(name, operator, key, value)
        yield from _check_values(name, operator, key, value)


def _check_key(name: Node, operator: Operator, key: Node, value: Node) -> Iterator[Issue]:
    prefix, colon, _ = key.text.partition(":")
    if not colon:
        yield issue("INVALID_CONDITION_KEY_FORMAT", key)
        return
    if key.text.lower() in _TAG_KEYS:
        yield issue("MISSING_TAG_KEY_IN_CONDITION", key, key=f"{key.text.rstrip('/')}/")
        return
    if key.text.lower() == "aws:arn":
        yield issue("UNSUPPORTED_GLOBAL_CONDITION_KEY", key)
        return
    known = _type_of(prefix, key.text)
    if known is not None:
        yield from _check_type(name, operator, key, value, known)
    elif prefix.lower() == "aws":
        yield issue("INVALID_GLOBAL_CONDITION_KEY", key, key=key.text)
    elif "." not in prefix and prefix != "saml":
        if actions.find_service(prefix) is None:
            yield issue("INVALID_SERVICE", key, service=prefix)
        else:
            yield issue("INVALID_SERVICE_CONDITION_KEY", key, key=key.text, service=prefix)


def _type_of(prefix: str, key: str) -> str | None:
    """Return the type of a condition key, None for one that AWS does not have."""
    facts = actions.find_service(prefix)
    known: Mapping[str, str] = GLOBAL_KEYS if prefix.lower() == "aws" else {}
    if facts is not None:
        known = facts.keys
    folded = key.lower()
    for name, of_type in known.items():
        head, placeholder, _ = name.lower().partition("${")
        if folded == head or (placeholder and folded.startswith(head) and len(folded) > len(head)):
            return of_type
    return None


def _check_type(
    name: Node, operator: Operator, key: Node, value: Node, known: str
) -> Iterator[Issue]:
    """Check an operator against the type of its key."""
    if operator.family is None:
        return
    several = known.startswith("ArrayOf")
    if several and not operator.quantifier:
        yield issue("MISSING_QUALIFIER", key, key=key.text)
    if not several and operator.quantifier == "ForAllValues":
        yield issue("FORALLVALUES_WITH_SINGLE_VALUED_KEY", name, key=key.text)
    wanted, given = _FAMILY.get(known, ""), _family_of(operator.name)
    if wanted and given != wanted and {wanted, given} != {"String", "ARN"}:
        yield issue("TYPE_MISMATCH", name, allowed=wanted, operator=name.text, key=key.text)
    if given == "Boolean" and len(list(value.each())) > 1:
        yield issue("INVALID_CONDITION_MULTIPLE_BOOLEAN", value)


def _family_of(operator: str) -> str:
    if "IpAddress" in operator:
        return "IP address"
    for start, family in (
        ("String", "String"),
        ("Arn", "ARN"),
        ("Bool", "Boolean"),
        ("Date", "Date"),
        ("Numeric", "Numeric"),
    ):
        if operator.startswith(start):
            return family
    return operator


def _check_values(name: Node, operator: Operator, key: Node, value: Node) -> Iterator[Issue]:
    family = _family_of(operator.name)
    nodes = [one for one in value.each() if "${" not in one.text]
    if family == "IP address":
        yield from _check_addresses(name, operator, key, nodes)
    for node in nodes:
        if family in {"Boolean", "Null"} and node.text.lower() not in {"true", "false"}:
            yield issue("TYPE_MISMATCH_BOOLEAN", node, operator=name.text)
        elif family == "Numeric" and parse_number(node.text) is None:
            yield issue("TYPE_MISMATCH_NUMBER", node, operator=name.text)
        elif family == "Date":
            yield from _check_date(node)
        elif family == "BinaryEquals" and parse_binary(node.text) is None:
            yield issue("TYPE_MISMATCH_STRING", node, operator=name.text)
        elif family == "String":
            yield from _check_text(operator, key, node)


def _check_date(node: Node) -> Iterator[Issue]:
    if parse_instant(node.text) is None:
        yield issue("TYPE_MISMATCH_DATE", node)
    elif _EPOCH.fullmatch(node.text):
        yield issue("INVALID_DATE_VALUE", node, date=node.text)


def _check_text(operator: Operator, key: Node, node: Node) -> Iterator[Issue]:
    wild = "*" in node.text or "?" in node.text
    if wild and "Like" not in operator.name:
        yield issue("WILDCARD_WITHOUT_LIKE_OPERATOR", node)
    wanted = _FORMATS.get(key.text.lower())
    if wanted is not None and not wild and not wanted[0].fullmatch(node.text):
        yield issue(wanted[1], node)


def _check_addresses(
    name: Node, operator: Operator, key: Node, nodes: Sequence[Node]
) -> Iterator[Issue]:
    private = []
    for node in nodes:
        try:
            network = ipaddress.ip_network(node.text, strict=False)
        except ValueError:
            yield issue("TYPE_MISMATCH_IP_RANGE", node, operator=name.text)
            continue
        private.append(network.is_private)
        if "/" in node.text and not _is_exact(node.text):
            yield issue("IMPROVE_IP_RANGE", node, address=str(network))
    if key.text.lower() != "aws:sourceip" or not any(private):
        return
    subset = "" if all(private) else "_SUBSET"
    negated = "_NOT" if operator.name.startswith("Not") else ""
    yield issue(f"PRIVATE{negated}_IP_ADDRESS{subset}", key)


def _is_exact(text: str) -> bool:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return True


def check_variables(statement: Node, target: Target) -> Iterator[Issue]:
    """Check the variables in resources and condition values."""
    for element in ("Resource", "NotResource"):
        for node in strings(statement.get(element)):
            yield from _check_variables(node, target)
    condition = statement.get("Condition")
    for name, block in () if condition is None else condition.members:
        plain = _family_of(name.text.rpartition(":")[2]) in {"String", "ARN"}
        for _, value in block.members:
            for node in strings(value):
                if "${" in node.text and not plain:
                    yield issue("INVALID_VARIABLE_FOR_OPERATOR", node)
                yield from _check_variables(node, target)


def _check_variables(node: Node, target: Target) -> Iterator[Issue]:
    for found in _VARIABLE.finditer(node.text):
        inner, brace = found.groups()
        key, comma, default = inner.partition(",")
        if not brace:
            yield issue("MISSING_BRACE_IN_VARIABLE", node)
        elif not target.modern:
            yield issue("VARIABLE_UNSUPPORTED_IN_VERSION", node)
        elif not inner.strip():
            yield issue("EMPTY_VARIABLE", node)
        elif " " in key:
            yield issue("UNSUPPORTED_SPACE_IN_VARIABLE", node)
        elif comma and not _is_quoted(default.strip()):
            yield issue("MISSING_QUOTE_IN_VARIABLE", node)


def _is_quoted(text: str) -> bool:
    return len(text) > 1 and text[0] == text[-1] == "'"
