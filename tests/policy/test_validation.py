# SPDX-License-Identifier: Apache-2.0
"""ValidatePolicy's checks: one example for each code, places, and texts that are no policies."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stockade.policy.validation import PolicyType, validate
from stockade.policy.validation.issues import TRUST
from stockade.policy.validation.texts import codes, kind_of
from tests.policy.build import A

READ = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"}
OPEN = READ | {"Principal": "*"}
IDENTITY: PolicyType = "IDENTITY_POLICY"
RESOURCE: PolicyType = "RESOURCE_POLICY"
SCP: PolicyType = "SERVICE_CONTROL_POLICY"
RCP: PolicyType = "RESOURCE_CONTROL_POLICY"
LONG = [f"arn:aws:s3:::{'b' * 60}{number}" for number in range(200)]


def text(*statements: Any, **more: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)} | more)


def when(operator: str, key: str, value: Any) -> str:
    return text(READ | {"Condition": {operator: {key: value}}})


def without(element: str, **more: Any) -> str:
    return text({key: value for key, value in READ.items() if key != element} | more)


def on(arn: str) -> str:
    return text(READ | {"Action": "*", "Resource": arn})


def trusting(**more: Any) -> str:
    return text({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": A}} | more)


EXAMPLES: list[tuple[str, str, PolicyType]] = [
    ("ARN_ACCOUNT_NOT_ALLOWED", on(f"arn:aws:s3::{A}:b/x"), IDENTITY),
    ("ARN_REGION_NOT_ALLOWED", on(f"arn:aws:iam:us-east-1:{A}:role/x"), IDENTITY),
    ("DATA_TYPE_MISMATCH", text(READ | {"Sid": 5}), IDENTITY),
    (
        "DUPLICATE_KEYS_WITH_DIFFERENT_CASE",
        text(
            READ
            | {
                "Condition": {
                    "Bool": {"aws:SecureTransport": "true"} | {"AWS:securetransport": "true"}
                }
            }
        ),
        IDENTITY,
    ),
    ("EMPTY_VARIABLE", on("arn:aws:s3:::b/${}"), IDENTITY),
    ("INVALID_ACTION", text(READ | {"Action": "s3:GetObjekt"}), IDENTITY),
    ("INVALID_ARN_ACCOUNT", on("arn:aws:iam::12345:role/x"), IDENTITY),
    ("INVALID_ARN_PREFIX", on("arm:aws:s3:::b/x"), IDENTITY),
    ("INVALID_ARN_RESOURCE", on(f"arn:aws:iam::{A}:rule/x"), IDENTITY),
    ("INVALID_ARN_SERVICE_CASE", on("arn:aws:S3:::b"), IDENTITY),
    ("INVALID_CONDITION_KEY_FORMAT", when("StringEquals", "SourceVpc", "x"), IDENTITY),
    (
        "INVALID_CONDITION_MULTIPLE_BOOLEAN",
        when("Bool", "aws:SecureTransport", ["true", "false"]),
        IDENTITY,
    ),
    ("INVALID_CONDITION_OPERATOR", when("StringIs", "aws:userid", "x"), IDENTITY),
    ("INVALID_EFFECT", text(READ | {"Effect": "allow"}), IDENTITY),
    ("INVALID_GLOBAL_CONDITION_KEY", when("StringEquals", "aws:Nothing", "x"), IDENTITY),
    ("INVALID_PARTITION", on("arn:azure:s3:::b"), IDENTITY),
    ("INVALID_POLICY_ELEMENT", text(READ | {"Actions": []}), IDENTITY),
    ("INVALID_PRINCIPAL_FORMAT", text(OPEN | {"Principal": A}), RESOURCE),
    ("INVALID_PRINCIPAL_KEY", text(OPEN | {"Principal": {"Aws": A}}), RESOURCE),
    ("INVALID_SERVICE", on("arn:aws:nothing:::x"), IDENTITY),
    ("INVALID_SERVICE_CONDITION_KEY", when("StringEquals", "s3:nothing", "x"), IDENTITY),
    ("INVALID_SERVICE_IN_ACTION", text(READ | {"Action": "s33:GetObject"}), IDENTITY),
    ("INVALID_VARIABLE_FOR_OPERATOR", when("Bool", "aws:SecureTransport", "${x}"), IDENTITY),
    ("INVALID_VERSION", text(READ, Version="2020-01-01"), IDENTITY),
    ("INVALID_VPC_FORMAT", when("StringEquals", "aws:SourceVpc", "vpc-1"), IDENTITY),
    ("INVALID_VPCE_FORMAT", when("StringEquals", "aws:SourceVpce", "vpce-1"), IDENTITY),
    ("JSON_SYNTAX_ERROR", "{", IDENTITY),
    ("MISSING_ACTION", without("Action"), IDENTITY),
    ("MISSING_ARN_FIELD", on("arn:aws:s3"), IDENTITY),
    ("MISSING_ARN_REGION", on(f"arn:aws:kms::{A}:key/x"), IDENTITY),
    ("MISSING_BRACE_IN_VARIABLE", on("arn:aws:s3:::b/${aws:username"), IDENTITY),
    ("MISSING_EFFECT", without("Effect"), IDENTITY),
    ("MISSING_PRINCIPAL", text(READ), RESOURCE),
    ("MISSING_QUALIFIER", when("StringEquals", "aws:TagKeys", "x"), IDENTITY),
    ("MISSING_QUOTE_IN_VARIABLE", on("arn:aws:s3:::b/${aws:username, x}"), IDENTITY),
    ("MISSING_RESOURCE", without("Resource"), IDENTITY),
    ("MISSING_STATEMENT", text(), IDENTITY),
    ("MISSING_TAG_KEY_IN_CONDITION", when("StringEquals", "aws:ResourceTag", "x"), IDENTITY),
    ("NULL_WITH_IF_EXISTS", when("NullIfExists", "aws:userid", "true"), IDENTITY),
    ("POLICY_SIZE_EXCEEDS_RCP_QUOTA", text(OPEN | {"Resource": LONG}), RCP),
    ("POLICY_SIZE_EXCEEDS_SCP_QUOTA", text(READ | {"Resource": LONG}), SCP),
    ("PRIVATE_IP_ADDRESS", when("IpAddress", "aws:SourceIp", "10.0.0.0/8"), IDENTITY),
    ("PRIVATE_NOT_IP_ADDRESS", when("NotIpAddress", "aws:SourceIp", "10.0.0.0/8"), IDENTITY),
    ("RCP_SYNTAX_ERROR_NOTACTION", without("Action", NotAction="s3:*"), RCP),
    ("SCP_SYNTAX_ERROR_PRINCIPAL", text(OPEN), SCP),
    ("TYPE_MISMATCH_IP_RANGE", when("IpAddress", "aws:SourceIp", "here"), IDENTITY),
    ("UNIQUE_SIDS_REQUIRED", text(READ | {"Sid": "A"}, OPEN | {"Sid": "A"}), IDENTITY),
    ("UNSUPPORTED_ELEMENT_COMBINATION", text(READ | {"NotAction": "s3:*"}), IDENTITY),
    ("UNSUPPORTED_GLOBAL_CONDITION_KEY", when("StringEquals", "aws:ARN", "x"), IDENTITY),
    ("UNSUPPORTED_PRINCIPAL", text(OPEN), IDENTITY),
    ("UNSUPPORTED_SID", text(READ | {"Sid": "a b"}), IDENTITY),
    ("UNSUPPORTED_SPACE_IN_VARIABLE", on("arn:aws:s3:::b/${aws: username}"), IDENTITY),
    ("UNSUPPORTED_WILDCARD_IN_PRINCIPAL", text(OPEN | {"Principal": {"Service": "*"}}), RESOURCE),
    ("VARIABLE_UNSUPPORTED_IN_ELEMENT", text(READ | {"Action": "s3:${x}"}), IDENTITY),
    (
        "VARIABLE_UNSUPPORTED_IN_VERSION",
        text(READ | {"Resource": "arn:aws:s3:::b/${aws:username}"}, Version="2008-10-17"),
        IDENTITY,
    ),
    ("ALLOW_WITH_NOT_PRINCIPAL", text(READ | {"NotPrincipal": {"AWS": A}}), RESOURCE),
    (
        "FORALLVALUES_WITH_SINGLE_VALUED_KEY",
        when("ForAllValues:StringEquals", "aws:userid", "x"),
        IDENTITY,
    ),
    (
        "PASS_ROLE_WITH_NOT_ACTION_AND_NOT_RESOURCE",
        text({"Effect": "Allow", "NotAction": "s3:*", "NotResource": "arn:aws:s3:::b"}),
        IDENTITY,
    ),
    (
        "PASS_ROLE_WITH_NOT_RESOURCE",
        text({"Effect": "Allow", "Action": "iam:PassRole", "NotResource": "arn:aws:s3:::b"}),
        IDENTITY,
    ),
    (
        "PASS_ROLE_WITH_STAR_IN_ACTION_AND_NOT_RESOURCE",
        text({"Effect": "Allow", "Action": "iam:*", "NotResource": "arn:aws:s3:::b"}),
        IDENTITY,
    ),
    ("PASS_ROLE_WITH_STAR_IN_ACTION_AND_RESOURCE", on("*"), IDENTITY),
    (
        "PASS_ROLE_WITH_STAR_IN_RESOURCE",
        text(READ | {"Action": "iam:PassRole", "Resource": "*"}),
        IDENTITY,
    ),
    (
        "PASS_ROLE_WITH_STAR_IN_RESOURCE_AND_NOT_ACTION",
        without("Action", NotAction="s3:*", Resource="*"),
        IDENTITY,
    ),
    (
        "CREATE_SLR_WITH_NOT_ACTION_AND_NOT_RESOURCE",
        text({"Effect": "Allow", "NotAction": "s3:*", "NotResource": "arn:aws:s3:::b"}),
        IDENTITY,
    ),
    (
        "CREATE_SLR_WITH_NOT_RESOURCE",
        text(
            {
                "Effect": "Allow",
                "Action": "iam:CreateServiceLinkedRole",
                "NotResource": "arn:aws:s3:::b",
            }
        ),
        IDENTITY,
    ),
    (
        "CREATE_SLR_WITH_STAR_IN_ACTION_AND_NOT_RESOURCE",
        text({"Effect": "Allow", "Action": "iam:*", "NotResource": "arn:aws:s3:::b"}),
        IDENTITY,
    ),
    ("CREATE_SLR_WITH_STAR_IN_ACTION_AND_RESOURCE", on("*"), IDENTITY),
    (
        "CREATE_SLR_WITH_STAR_IN_RESOURCE_AND_NOT_ACTION",
        without("Action", NotAction="s3:*", Resource="*"),
        IDENTITY,
    ),
    ("INVALID_DATE_VALUE", when("DateLessThan", "aws:CurrentTime", "1700000000"), IDENTITY),
    ("INVALID_ROLE_REFERENCE", text(OPEN | {"Principal": {"AWS": "AROAEXAMPLE"}}), RESOURCE),
    ("INVALID_USER_REFERENCE", text(OPEN | {"Principal": {"AWS": "AIDAEXAMPLE"}}), RESOURCE),
    ("MISSING_VERSION", json.dumps({"Statement": [READ]}), IDENTITY),
    ("POLICY_SIZE_EXCEEDS_IDENTITY_POLICY_QUOTA", text(READ | {"Resource": LONG}), IDENTITY),
    ("TYPE_MISMATCH", when("StringEquals", "aws:SecureTransport", "true"), IDENTITY),
    ("TYPE_MISMATCH_BOOLEAN", when("Bool", "aws:SecureTransport", "yes"), IDENTITY),
    ("TYPE_MISMATCH_DATE", when("DateLessThan", "aws:CurrentTime", "never"), IDENTITY),
    ("TYPE_MISMATCH_NUMBER", when("NumericEquals", "aws:MultiFactorAuthAge", "x"), IDENTITY),
    ("TYPE_MISMATCH_STRING", when("BinaryEquals", "aws:userid", "!"), IDENTITY),
    ("UNIQUE_SIDS_RECOMMENDED", text(READ | {"Sid": "A"}, OPEN | {"Sid": "A"}), RESOURCE),
    ("WILDCARD_WITHOUT_LIKE_OPERATOR", when("StringEquals", "aws:userid", "x*"), IDENTITY),
    ("EMPTY_ARRAY_ACTION", text(READ | {"Action": []}), IDENTITY),
    ("EMPTY_ARRAY_CONDITION", when("StringEquals", "aws:userid", []), IDENTITY),
    ("EMPTY_ARRAY_PRINCIPAL", text(OPEN | {"Principal": {"AWS": []}}), RESOURCE),
    ("EMPTY_ARRAY_RESOURCE", text(READ | {"Resource": []}), IDENTITY),
    ("EMPTY_OBJECT_CONDITION", text(READ | {"Condition": {}}), IDENTITY),
    ("IMPROVE_IP_RANGE", when("IpAddress", "aws:SourceIp", "203.0.113.7/24"), IDENTITY),
    ("NULL_WITH_QUALIFIER", when("ForAllValues:Null", "aws:userid", "true"), IDENTITY),
    (
        "PRIVATE_IP_ADDRESS_SUBSET",
        when("IpAddress", "aws:SourceIp", ["10.0.0.0/8", "8.8.8.0/24"]),
        IDENTITY,
    ),
    (
        "PRIVATE_NOT_IP_ADDRESS_SUBSET",
        when("NotIpAddress", "aws:SourceIp", ["10.0.0.0/8", "8.8.8.0/24"]),
        IDENTITY,
    ),
    ("REDUNDANT_ACTION", text(READ | {"Action": ["s3:Get*", "s3:GetObject"]}), IDENTITY),
    (
        "REDUNDANT_RESOURCE",
        text(READ | {"Resource": ["arn:aws:s3:::b/*", "arn:aws:s3:::b/x"]}),
        IDENTITY,
    ),
    ("REDUNDANT_STATEMENT", text(READ, READ), IDENTITY),
    ("WILDCARD_IN_SERVICE_NAME", text(READ | {"Action": "s*:GetObject"}), IDENTITY),
]
TRUST_EXAMPLES = [
    ("ROLE_TRUST_POLICY_SYNTAX_ERROR_RESOURCE", trusting(Resource="*")),
    (
        "ROLE_TRUST_POLICY_SYNTAX_ERROR_NOTPRINCIPAL",
        text({"Effect": "Deny", "Action": "sts:AssumeRole", "NotPrincipal": {"AWS": A}}),
    ),
    ("ROLE_TRUST_POLICY_UNSUPPORTED_WILDCARD_IN_PRINCIPAL", trusting(Principal="*")),
    (
        "MISMATCHED_ACTION_FOR_PRINCIPAL",
        trusting(Action="sts:AssumeRoleWithSAML", Principal={"Federated": "accounts.google.com"}),
    ),
]
FEDERATED = (
    "FEDERATED_PRINCIPAL_NOT_SUPPORTED",
    text(OPEN | {"Principal": {"Federated": "x.org"}}),
)


def found(document: str, policy_type: PolicyType, resource_type: str = "") -> list[str]:
    return [finding.code for finding in validate(document, policy_type, resource_type)]


@pytest.mark.parametrize(("code", "document", "policy_type"), EXAMPLES)
def test_examples(code: str, document: str, policy_type: PolicyType) -> None:
    assert code in found(document, policy_type)


@pytest.mark.parametrize(("code", "document"), TRUST_EXAMPLES)
def test_trust_policies(code: str, document: str) -> None:
    assert code in found(document, RESOURCE, TRUST)


def test_every_code_has_an_example() -> None:
    shown = {example[0] for example in (*EXAMPLES, *TRUST_EXAMPLES, FEDERATED)}
    assert shown == codes()
    assert FEDERATED[0] in found(FEDERATED[1], RESOURCE, "AWS::S3::Bucket")


@pytest.mark.parametrize(
    ("document", "policy_type", "resource_type"),
    [
        (text(READ), IDENTITY, ""),
        (on("arn:aws:s3:::b/${aws:username}/*"), IDENTITY, ""),
        (on("arn:aws:s3:::b/${aws:PrincipalTag/team, 'none'}/*"), IDENTITY, ""),
        (on(f"arn:aws:kms:us-east-1:{A}:key/*"), IDENTITY, ""),
        (on(f"arn:aws:iam::{A}:role/app"), IDENTITY, ""),
        (when("StringLike", "aws:PrincipalTag/team", "x*"), IDENTITY, ""),
        (when("ForAnyValue:StringEquals", "aws:TagKeys", ["a", "b"]), IDENTITY, ""),
        (when("Bool", "aws:MultiFactorAuthPresent", "true"), IDENTITY, ""),
        (when("StringEquals", "s3:prefix", "home/"), IDENTITY, ""),
        (when("Null", "aws:TokenIssueTime", "false"), IDENTITY, ""),
        (text(OPEN), RESOURCE, "AWS::S3::Bucket"),
        (trusting(), RESOURCE, TRUST),
        (trusting(Principal={"Service": "ec2.amazonaws.com"}), RESOURCE, TRUST),
        (text({"Effect": "Deny", "Action": "*", "Resource": "*"}), SCP, ""),
    ],
)
def test_nothing_to_find(document: str, policy_type: PolicyType, resource_type: str) -> None:
    assert found(document, policy_type, resource_type) == []


def test_a_finding_points_at_its_place() -> None:
    document = json.dumps(json.loads(text(READ | {"Action": "s3:GetObjekt"})), indent=2)
    (finding,) = validate(document, IDENTITY)
    assert finding.details == "The action s3:GetObjekt does not exist. Did you mean s3:GetObject?"
    assert finding.kind == kind_of("INVALID_ACTION") == "ERROR"
    assert finding.link.endswith("#access-analyzer-reference-policy-checks-error-invalid-action")
    (place,) = finding.locations
    assert place.path == (("value", "Statement"), ("index", 0), ("value", "Action"))
    assert document[place.start.offset : place.end.offset] == '"s3:GetObjekt"'
    line = document.splitlines()[place.start.line - 1]
    assert line[place.start.column :] == '"s3:GetObjekt",'


def test_broken_json_is_one_finding() -> None:
    (finding,) = validate('{\n "Version" "2012-10-17"}', IDENTITY)
    assert finding.details == "Fix the JSON syntax error at index 13 line 2 column 11."


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "Statement",
                    "Effect",
                    "Principal",
                    "Action",
                    "Resource",
                    "Condition",
                    "Bool",
                    "AWS",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(JSON, st.sampled_from([IDENTITY, RESOURCE, SCP, RCP]))
def test_whatever_is_json_is_validated(value: Any, policy_type: PolicyType) -> None:
    document = json.dumps(value)
    for finding in validate(document, policy_type):
        assert finding.details
        assert all(place.start.offset <= place.end.offset for place in finding.locations)


@given(st.text(max_size=30))
def test_whatever_is_text_is_validated(document: str) -> None:
    validate(document, IDENTITY)
    validate("{" + document, IDENTITY)
    validate('{"Statement": [' * 40 + document, IDENTITY)
