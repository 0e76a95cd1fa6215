# SPDX-License-Identifier: Apache-2.0
"""Every condition operator, with each prefix and suffix, on present, missing and many values."""

from __future__ import annotations

import pytest

from stockade.policy.conditions import compile_condition
from stockade.policy.elements import Condition

K = "k:Key"


def holds(
    operator: str,
    policy: str | tuple[str, ...],
    request: str | tuple[str, ...] | None,
    *,
    variables: bool = True,
    **context: str,
) -> bool:
    """Test one condition on the key `k:key`."""
    wanted = (policy,) if isinstance(policy, str) else policy
    values: dict[str, tuple[str, ...]] = {
        key.replace("_", ":"): (value,) for key, value in context.items()
    }
    if request is not None:
        values["k:key"] = (request,) if isinstance(request, str) else request
    return compile_condition(Condition(operator, K, wanted), variables=variables)(values.get)


# operator, policy value, a request value that matches, one that does not
PAIRS = [
    ("StringEquals", "abc", "abc", "ABC"),
    ("StringEquals", "a*", "a*", "ab"),
    ("StringEqualsIgnoreCase", "aBc", "AbC", "abd"),
    ("StringLike", "a*c?", "abbcd", "abbc"),
    ("StringLike", "a${*}", "a*", "ab"),
    ("NumericEquals", "5", "5.0", "5.1"),
    ("DateEquals", "2024-05-01T00:00:00Z", "1714521600", "2024-05-02"),
    ("IpAddress", "10.0.0.0/8", "10.200.3.4", "11.0.0.1"),
    ("IpAddress", "2001:db8::/32", "2001:db8:1::5", "2001:db9::"),
    ("IpAddress", "0.0.0.0/0", "1.2.3.4", "::1"),
    ("IpAddress", "203.0.113.7", "203.0.113.7", "203.0.113.8"),
    ("ArnEquals", "arn:aws:iam::*:user/a", "arn:aws:iam::1:user/a", "arn:aws:iam::1:user/b"),
    ("ArnLike", "arn:aws:*:*:*:x", "arn:aws:sns:r:1:x", "arn:aws:sns:r:1:y"),
]
NEGATED = {
    "StringEquals": "StringNotEquals",
    "StringEqualsIgnoreCase": "StringNotEqualsIgnoreCase",
    "StringLike": "StringNotLike",
    "NumericEquals": "NumericNotEquals",
    "DateEquals": "DateNotEquals",
    "IpAddress": "NotIpAddress",
    "ArnEquals": "ArnNotEquals",
    "ArnLike": "ArnNotLike",
}
# operator, policy value, request value, whether it holds
ORDERS = [
    ("LessThan", "10", "9.99", True),
    ("LessThan", "10", "10", False),
    ("LessThanEquals", "10", "10", True),
    ("LessThanEquals", "10", "11", False),
    ("GreaterThan", "10", "11", True),
    ("GreaterThan", "10", "10", False),
    ("GreaterThanEquals", "10", "10", True),
    ("GreaterThanEquals", "10", "9", False),
]


@pytest.mark.parametrize(("operator", "policy", "hit", "miss"), PAIRS)
def test_positive_operators(operator: str, policy: str, hit: str, miss: str) -> None:
    assert holds(operator, policy, hit)
    assert not holds(operator, policy, miss)
    assert not holds(operator, policy, None)
    assert holds(operator, ("no", policy), hit)
    assert not holds(operator, (), hit)
    assert holds(operator, policy, (miss, hit))


@pytest.mark.parametrize(("operator", "policy", "hit", "miss"), PAIRS)
def test_negated_operators(operator: str, policy: str, hit: str, miss: str) -> None:
    negated = NEGATED[operator]
    assert not holds(negated, policy, hit)
    assert holds(negated, policy, miss)
    assert holds(negated, policy, None)
    assert not holds(negated, ("no", policy), hit)
    assert holds(negated, (), hit)
    assert not holds(negated, policy, (miss, hit))


@pytest.mark.parametrize(("operator", "policy", "hit", "miss"), PAIRS)
def test_if_exists(operator: str, policy: str, hit: str, miss: str) -> None:
    assert holds(f"{operator}IfExists", policy, None)
    assert holds(f"{operator}IfExists", policy, hit)
    assert not holds(f"{operator}IfExists", policy, miss)
    assert holds(f"{NEGATED[operator]}IfExists", policy, None)
    assert not holds(f"{NEGATED[operator]}IfExists", policy, hit)


@pytest.mark.parametrize(("operator", "policy", "hit", "miss"), PAIRS)
def test_for_all_values(operator: str, policy: str, hit: str, miss: str) -> None:
    for missing in (None, ()):
        assert holds(f"ForAllValues:{operator}", policy, missing)
        assert holds(f"ForAllValues:{NEGATED[operator]}", policy, missing)
    assert holds(f"ForAllValues:{operator}", policy, (hit, hit))
    assert not holds(f"ForAllValues:{operator}", policy, (hit, miss))
    assert holds(f"ForAllValues:{NEGATED[operator]}", policy, (miss, miss))
    assert not holds(f"ForAllValues:{NEGATED[operator]}", policy, (hit, miss))


@pytest.mark.parametrize(("operator", "policy", "hit", "miss"), PAIRS)
def test_for_any_value(operator: str, policy: str, hit: str, miss: str) -> None:
    for missing in (None, ()):
        assert not holds(f"ForAnyValue:{operator}", policy, missing)
        assert not holds(f"ForAnyValue:{operator}IfExists", policy, missing)
        assert not holds(f"ForAnyValue:{NEGATED[operator]}", policy, missing)
    assert holds(f"ForAnyValue:{operator}", policy, (miss, hit))
    assert not holds(f"ForAnyValue:{operator}", policy, (miss, miss))
    assert holds(f"ForAnyValue:{NEGATED[operator]}", policy, (hit, miss))
    assert not holds(f"ForAnyValue:{NEGATED[operator]}", policy, (hit, hit))


@pytest.mark.parametrize(("order", "policy", "request_value", "result"), ORDERS)
def test_numbers_are_ordered(order: str, policy: str, request_value: str, result: bool) -> None:
    assert holds(f"Numeric{order}", policy, request_value) is result
    assert not holds(f"Numeric{order}", policy, None)
    assert holds(f"Numeric{order}IfExists", policy, None)


@pytest.mark.parametrize(("order", "policy", "request_value", "result"), ORDERS)
def test_dates_are_ordered(order: str, policy: str, request_value: str, result: bool) -> None:
    day = "2024-01-{:02}T00:00:00Z"
    bound, given = day.format(int(policy)), day.format(int(float(request_value)))
    assert holds(f"Date{order}", bound, given) is result
    assert not holds(f"Date{order}", bound, None)


@pytest.mark.parametrize("name", ["Numeric", "Date"])
def test_what_cannot_be_read_matches_nothing(name: str) -> None:
    for order in ("Equals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals"):
        assert not holds(f"{name}{order}", "5", "five")
        assert not holds(f"{name}{order}", "five", "5")
        assert not holds(f"{name}{order}", "five", "five")
    assert holds(f"{name}NotEquals", "5", "five")


def test_addresses_that_cannot_be_read_match_no_network() -> None:
    assert not holds("IpAddress", "0.0.0.0/0", "unknown")
    assert not holds("IpAddress", "no/net", "10.0.0.1")
    assert holds("NotIpAddress", "0.0.0.0/0", "unknown")


def test_bool() -> None:
    assert holds("Bool", "true", "true")
    assert holds("Bool", "True", "tRUE")
    assert holds("Bool", ("true", "false"), "false")
    assert not holds("Bool", "true", "false")
    assert not holds("Bool", "true", None)
    assert holds("BoolIfExists", "true", None)
    assert not holds("Bool", "yes", "yes")
    assert holds("Bool", "${k:mfa}", "true", k_mfa="true")


def test_binary_equals() -> None:
    assert holds("BinaryEquals", "QmluYXJ5", "QmluYXJ5")
    assert not holds("BinaryEquals", "QmluYXJ5", "QmluYXJ6")
    assert not holds("BinaryEquals", "!", "!")
    assert not holds("BinaryEquals", "QmluYXJ5", None)


def test_null() -> None:
    for absent in (None, ()):
        assert holds("Null", "true", absent)
        assert not holds("Null", "false", absent)
    assert holds("Null", "false", "x")
    assert not holds("Null", "true", "x")
    assert holds("Null", ("true", "false"), "x")
    assert holds("Null", "False", "x")


def test_keys_know_no_case() -> None:
    condition = Condition("StringEquals", "AWS:RequestTag/Team", ("x",))
    assert compile_condition(condition, variables=True)({"aws:requesttag/team": ("x",)}.get)


@pytest.mark.parametrize("operator", ["StringEquals", "StringEqualsIgnoreCase", "StringLike"])
def test_variables_in_strings(operator: str) -> None:
    assert holds(operator, "${k:user}", "al", k_user="al")
    assert not holds(operator, "${k:user}", "bo", k_user="al")
    assert not holds(operator, "${k:user}", "bo", k_user="*")
    assert holds(operator, "${k:user}", "*", k_user="*")
    assert holds(operator, "${k:user, 'al'}", "al")
    assert not holds(operator, "${k:user}", "al")
    assert holds(operator, ("${k:user}", "al"), "al")
    assert holds(operator, "${k:user}", "${k:user}", variables=False)


def test_variables_in_arns() -> None:
    pattern = "arn:aws:iam::*:user/${k:user}"
    assert holds("ArnLike", pattern, "arn:aws:iam::1:user/al", k_user="al")
    assert not holds("ArnLike", pattern, "arn:aws:iam::1:user/bo", k_user="*")


@pytest.mark.parametrize(
    ("operator", "negated"),
    [pair for pair in NEGATED.items() if pair[0].startswith(("String", "Arn"))],
)
def test_an_unresolved_variable_never_makes_a_statement_apply(operator: str, negated: str) -> None:
    assert not holds(operator, "${k:none}", "x")
    assert not holds(negated, "${k:none}", "x")
    assert not holds(negated, ("y", "${k:none}"), "x")
    assert not holds(f"ForAllValues:{negated}", "${k:none}", ("x",))
    assert not holds(f"ForAnyValue:{negated}", "${k:none}", ("x",))
    assert holds(negated, "${k:none}", None)


def test_typed_operators_know_no_variables() -> None:
    assert not holds("NumericEquals", "${k:n}", "5", k_n="5")
    assert not holds("IpAddress", "${k:n}", "10.0.0.1", k_n="10.0.0.1")
    assert not holds("BinaryEquals", "${k:n}", "YQ==", k_n="YQ==")


def test_an_operator_that_does_not_exist_never_holds() -> None:
    assert not holds("StringMatches", "x", "x")
