# SPDX-License-Identifier: Apache-2.0
"""A second evaluator: slow, obvious, straight from the documents, for tests to compare with.

It shares the structs with the engine and nothing else: no compiled closure, no glob, no
reader of dates or addresses. Where the two disagree, one of them is wrong.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
from datetime import UTC, datetime
from fractions import Fraction
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stockade.policy.compile import Policy
    from stockade.policy.decide import Layers
    from stockade.policy.elements import Condition, PrincipalName, Statement
    from stockade.policy.request import Lookup, Principal, Query

_Pattern = list[tuple[str, bool]]
"""Characters, each with whether it is a wildcard."""


def decide_naive(query: Query, layers: Layers) -> tuple[bool, str, str]:
    """Return whether a request is allowed, the outcome, and the kind of policy that decided."""
    root = query.principal.kind == "root"
    identity = () if root else layers.identity
    resource = () if layers.resource is None else (layers.resource,)
    boundary = () if layers.boundary is None or root else (layers.boundary,)
    session = layers.session or ()
    scp = layers.scp if query.principal.account else ()
    endpoint = () if layers.endpoint is None else (layers.endpoint,)
    for policy_type, policies in (
        ("identity-based policy", identity),
        ("resource-based policy", resource),
        ("permissions boundary", boundary),
        ("session policy", session),
        *(("resource control policy", level) for level in layers.rcp),
        *(("service control policy", level) for level in scp),
        ("VPC endpoint policy", endpoint),
    ):
        for policy in policies:
            for statement in policy.document.statements:
                if statement.effect != "Deny" or not _matches(query, policy, statement):
                    continue
                by_name = policy_type in {"resource-based policy", "VPC endpoint policy"}
                if not by_name or _denied(query, layers, statement):
                    return False, "explicitDeny", policy_type

    if not all(_any_allow(query, level) for level in layers.rcp):
        return False, "implicitDeny", "resource control policy"
    if not all(_any_allow(query, level) for level in scp):
        return False, "implicitDeny", "service control policy"
    if any(not {"direct", "role"} & set(_ways(query, policy)) for policy in endpoint):
        return False, "implicitDeny", "VPC endpoint policy"
    allows = {
        "identity-based policy": root or _any_allow(query, identity),
        "permissions boundary": not boundary or _any_allow(query, boundary),
        "session policy": layers.session is None or _any_allow(query, session),
    }
    named = {way for policy in resource for way in _ways(query, policy)}
    judged = _judge(query.principal, layers, allows, named)
    return judged if judged[0] or layers.granted is None else _granted(layers, allows, judged)


def _judge(
    principal: Principal, layers: Layers, allows: dict[str, bool], named: set[str]
) -> tuple[bool, str, str]:
    own_side = "" if principal.kind == "root" else "identity-based policy"
    same_account = principal.account == layers.resource_account
    if principal.account == "" or same_account:
        if "direct" in named:
            return True, "allowed", "resource-based policy"
        if principal.account == "":
            return False, "implicitDeny", "resource-based policy"
    if same_account and layers.resource_must_allow and not named:
        return False, "implicitDeny", "resource-based policy"
    role_suffices = same_account and "role" in named
    for policy_type, allowed in allows.items():
        if not allowed and not (role_suffices and policy_type == "identity-based policy"):
            return False, "implicitDeny", policy_type
    if not same_account and not named:
        return False, "implicitDeny", "resource-based policy"
    return True, "allowed", "resource-based policy" if role_suffices else own_side


def _granted(
    layers: Layers, allows: dict[str, bool], judged: tuple[bool, str, str]
) -> tuple[bool, str, str]:
    """Judge whom the policies do not allow: 3 is named itself, 2 its role, 1 its account."""
    naming = layers.granted() if layers.granted is not None else 0
    silent = [policy_type for policy_type, allowed in allows.items() if not allowed]
    if naming == 3 or (naming == 1 and not silent):
        return True, "allowed", "grant"
    if naming != 2:
        return judged
    limits = [policy_type for policy_type in silent if policy_type != "identity-based policy"]
    return (False, "implicitDeny", limits[0]) if limits else (True, "allowed", "grant")


def _any_allow(query: Query, policies: tuple[Policy, ...]) -> bool:
    return any(
        statement.effect == "Allow" and _matches(query, policy, statement)
        for policy in policies
        for statement in policy.document.statements
    )


def _ways(query: Query, policy: Policy) -> Iterator[str]:
    """Yield how the allowing statements of a resource policy name the caller."""
    for statement in policy.document.statements:
        if statement.effect == "Allow" and _matches(query, policy, statement):
            if statement.principals is not None:
                yield from _named(query.principal, statement.principals)
            elif statement.not_principals is not None and not any(
                _named(query.principal, statement.not_principals)
            ):
                yield "direct"


def _denied(query: Query, layers: Layers, statement: Statement) -> bool:
    """Tell whether a denying statement of a resource policy means the caller."""
    caller = query.principal
    if statement.principals is not None:
        return any(_named(caller, statement.principals))
    if statement.not_principals is None:
        return False
    if layers.boundary is not None:
        return True
    named = set(_named(caller, statement.not_principals))
    everyone = any(name.value == "*" for name in statement.not_principals)
    return not everyone and not ("direct" in named and ("role" in named or not caller.role_arn))


def _named(caller: Principal, names: tuple[PrincipalName, ...]) -> Iterator[str]:
    for name in names:
        if name.type == "*" or (name.type == "AWS" and name.value == "*"):
            yield "direct"
        elif name.type == "Service" and caller.kind == "service":
            yield from ["direct"] * (caller.service == name.value)
        elif name.type == "Federated" and caller.kind == "federated":
            yield from ["direct"] * (caller.arn == name.value)
        elif name.type == "AWS":
            yield from _named_by_arn(caller, name.value)


def _named_by_arn(caller: Principal, value: str) -> Iterator[str]:
    if value == caller.arn:
        yield "direct"
    if caller.role_arn and value == caller.role_arn:
        yield "role"
    if caller.account and value in {caller.account, f"arn:aws:iam::{caller.account}:root"}:
        yield "direct" if caller.kind == "root" else "account"


def _matches(query: Query, policy: Policy, statement: Statement) -> bool:
    """Tell whether action, resource and conditions of a statement match."""
    modern = policy.document.version == "2012-10-17"
    return (
        _action_matches(query.action, statement)
        and _resource_matches(query, statement, modern)
        and all(_holds(condition, query.lookup, modern) for condition in statement.conditions)
    )


def _action_matches(action: str, statement: Statement) -> bool:
    named = statement.not_actions if statement.actions is None else statement.actions
    found = any(_glob(_written(one.lower()), action.lower()) for one in named or ())
    return found if statement.actions is not None else not found


def _resource_matches(query: Query, statement: Statement, modern: bool) -> bool:
    if statement.resources is None and statement.not_resources is None:
        return True
    negated = statement.resources is None
    named = statement.not_resources if negated else statement.resources
    patterns = [_filled(one, query.lookup, modern) for one in named or ()]
    found = any(pattern is not None and _glob(pattern, query.resource) for pattern in patterns)
    if not negated:
        return found
    return not found and None not in patterns


def _written(text: str) -> _Pattern:
    return [(character, character in "*?") for character in text]


def _filled(text: str, lookup: Lookup, modern: bool) -> _Pattern | None:
    """Replace the variables of a pattern; None when one has no value."""
    if not modern or "${" not in text or "}" not in text[text.index("${") :]:
        return _written(text)
    start = text.index("${")
    end = text.index("}", start)
    inner, value = text[start + 2 : end], None
    if inner in {"*", "?", "$"}:
        value = inner
    else:
        key, comma, default = inner.partition(",")
        values = lookup(key.strip().lower()) or ()
        if len(values) == 1:
            value = values[0]
        elif (
            comma and len(default.strip()) > 1 and default.strip()[0] == default.strip()[-1] == "'"
        ):
            value = default.strip()[1:-1]
    rest = _filled(text[end + 1 :], lookup, modern)
    if value is None or rest is None:
        return None
    return _written(text[:start]) + [(character, False) for character in value] + rest


def _glob(pattern: _Pattern, text: str) -> bool:
    """Fill the table: row by row, which prefixes of the text the pattern so far matches."""
    row = [True] + [False] * len(text)
    for character, wild in pattern:
        many = wild and character == "*"
        following = [many and row[0]]
        for position, given in enumerate(text):
            one = row[position] and (wild or character == given)
            longer = following[position] or row[position + 1]
            following.append(longer if many else one)
        row = following
        if True not in row:
            return False
    return row[-1]


def _arn_glob(pattern: _Pattern, text: str) -> bool:
    if pattern == [("*", True)]:
        return text.count(":") >= 5
    fields: list[_Pattern] = [[]]
    for item in pattern:
        if item == (":", False) and len(fields) < 6:
            fields.append([])
        else:
            fields[-1].append(item)
    given = text.split(":", 5)
    return len(fields) == len(given) == 6 and all(map(_glob, fields, given))


def _holds(condition: Condition, lookup: Lookup, modern: bool) -> bool:
    values = lookup(condition.key.lower()) or ()
    operator = condition.operator
    if operator == "Null":
        return ("false" if values else "true") in [value.lower() for value in condition.values]
    quantifier, _, name = operator.rpartition(":")
    name, if_exists, _ = name.partition("IfExists")
    negated = "Not" in name
    if not values:
        if quantifier:
            return quantifier == "ForAllValues"
        return bool(if_exists) or negated
    patterns = []
    for written in condition.values:
        variables = modern and name.startswith(("String", "Arn", "Bool"))
        pattern = _filled(written, lookup, variables)
        if pattern is None and negated:
            return False
        if pattern is not None:
            patterns.append(pattern)
    results = [any(_compare(name, value, one) for one in patterns) for value in values]
    if quantifier == "ForAllValues":
        return not any(results) if negated else all(results)
    if quantifier == "ForAnyValue":
        return not all(results) if negated else any(results)
    return any(results) != negated


def _compare(name: str, given: str, pattern: _Pattern) -> bool:
    """Compare one value of the request with one of the policy, negation aside."""
    text = "".join(character for character, _ in pattern)
    positive = name.replace("Not", "")
    if positive == "StringEquals":
        return given == text
    if positive == "StringEqualsIgnoreCase":
        return given.lower() == text.lower()
    if positive == "StringLike":
        return _glob(pattern, given)
    if positive in {"ArnEquals", "ArnLike"}:
        return _arn_glob(pattern, given)
    if positive == "Bool":
        return given.lower() == text.lower() and text.lower() in {"true", "false"}
    try:
        return _typed_compare(positive, given, text)
    except (ValueError, binascii.Error):
        return False


def _typed_compare(name: str, given: str, text: str) -> bool:
    if name == "BinaryEquals":
        return base64.b64decode(given, validate=True) == base64.b64decode(text, validate=True)
    if name == "IpAddress":
        address, block = ipaddress.ip_address(given), ipaddress.ip_network(text, strict=False)
        mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
        return (mapped or address) in block
    kind = "Numeric" if name.startswith("Numeric") else "Date"
    read: Any = Fraction if kind == "Numeric" else _moment
    left, right = read(given), read(text)
    orders: dict[str, bool] = {
        "Equals": left == right,
        "LessThan": left < right,
        "LessThanEquals": left <= right,
        "GreaterThan": left > right,
        "GreaterThanEquals": left >= right,
    }
    return orders[name.removeprefix(kind)]


def _moment(text: str) -> float:
    if text.isdigit():
        return float(text)
    moment = datetime.fromisoformat(text.replace("t", "T"))
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
