# SPDX-License-Identifier: Apache-2.0
"""What policies may say, and AWS's words when they say it wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stockade.policy.document import (
    MAX_DOCUMENT,
    Condition,
    InvalidJson,
    Kind,
    MalformedPolicy,
    PrincipalName,
    parse,
)
from tests.policy.build import ALICE_ARN, A

SYNTAX = "Syntax errors in policy."
LEGACY = "The policy failed legacy parsing"
VENDOR = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
NO_ACTIONS = "Policy statement must contain actions."
NO_RESOURCES = "Policy statement must contain resources."
OLD = "Policy document must be version 2012-10-17 or greater."
UNIQUE = "Statement IDs (SID) in a single policy must be unique."
NOT_ALPHA = (
    "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular "
    "expression [0-9A-Za-z]*"
)
IAM_PATH = (
    'IAM resource path must either be "*" or start with user/, federated-user/, role/, group/, '
    "instance-profile/, mfa/, server-certificate/, policy/, sms-mfa/, saml-provider/, "
    "oidc-provider/, report/, access-report/."
)

GOOD: dict[str, Any] = {
    "Effect": "Allow",
    "Action": "s3:ListBucket",
    "Resource": "arn:aws:s3:::example_bucket",
}


def with_(**elements: Any) -> dict[str, Any]:
    return GOOD | elements


def without(*names: str, **elements: Any) -> dict[str, Any]:
    return {name: value for name, value in with_(**elements).items() if name not in names}


def written(*statements: Any, **top: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)} | top)


def condition(block: Any) -> dict[str, Any]:
    return with_(Condition=block)


IDENTITY = [
    ("This is not a json document", SYNTAX),
    ("", SYNTAX),
    ("[]", SYNTAX),
    ("null", SYNTAX),
    (written(GOOD, Version="2013-10-17"), SYNTAX),
    (written(GOOD, Version=2012), SYNTAX),
    (json.dumps({"Version": "2012-10-17"}), SYNTAX),
    (written("afd"), SYNTAX),
    (written(), SYNTAX),
    (written(GOOD, Extra="value"), SYNTAX),
    (written(with_(Extra="value")), SYNTAX),
    (written(GOOD, Id=["x"]), SYNTAX),
    (written(with_(Effect="invalid")), SYNTAX),
    (written(without("Effect")), SYNTAX),
    (written(with_(Effect="denY")), LEGACY),
    (written(with_(Action="invalid")), VENDOR),
    (written(with_(Action="")), VENDOR),
    (written(without("Action", NotAction="")), VENDOR),
    (written(with_(Action="a a:ListBucket")), "Vendor a a is not valid"),
    (written(with_(Action="s3:List:Bucket")), "Actions/Condition can contain only one colon."),
    (written(with_(Action=[[]])), SYNTAX),
    (written(with_(Action={})), SYNTAX),
    (written(with_(Action=5)), SYNTAX),
    (written(with_(Action=None)), SYNTAX),
    (written(with_(NotAction="s3:x")), SYNTAX),
    (written(with_(NotAction=[])), SYNTAX),
    (written(without("Action")), NO_ACTIONS),
    (written(with_(Action=[])), NO_ACTIONS),
    (written(without("Action", "Resource")), NO_ACTIONS),
    (written(without("Resource")), NO_RESOURCES),
    (written(with_(Resource=[])), NO_RESOURCES),
    (written(without("Resource", Action="invalid")), VENDOR),
    (written(with_(Resource={"a": "b"})), SYNTAX),
    (written(with_(Resource=["adfdf", {}])), SYNTAX),
    (written(with_(NotResource="*")), SYNTAX),
    (written(with_(Resource="invalid")), 'Resource invalid must be in ARN format or "*".'),
    (written(with_(Resource="")), 'Resource  must be in ARN format or "*".'),
    (
        written(with_(Action="s:3:L", Resource="sdfsadf")),
        'Resource sdfsadf must be in ARN format or "*".',
    ),
    (
        written(with_(Resource="a:bsdf")),
        'Partition "bsdf" is not valid for resource "arn:bsdf:*:*:*:*".',
    ),
    (
        written(with_(Resource="a:b:cadf")),
        'Partition "b" is not valid for resource "arn:b:cadf:*:*:*".',
    ),
    (
        written(with_(Resource="a:b:c:d:e:f:g:h")),
        'Partition "b" is not valid for resource "arn:b:c:d:e:f:g:h".',
    ),
    (
        written(with_(Resource="aws:s3:::example_bucket")),
        'Partition "s3" is not valid for resource "arn:s3:::example_bucket:*".',
    ),
    (
        written(with_(Resource=["arn:error:s3:::b", "arn:error:s3::b"])),
        'Partition "error" is not valid for resource "arn:error:s3:::b".',
    ),
    (
        written(with_(Resource="arn:aws")),
        "Resource vendor must be fully qualified and cannot contain regexes.",
    ),
    (
        written(with_(Resource="arn:aws:iam:us-east-1::b")),
        "IAM resource arn:aws:iam:us-east-1::b cannot contain region information.",
    ),
    (
        written(with_(Resource="arn:aws:s3:us-east-1::b")),
        "Resource arn:aws:s3:us-east-1::b can not contain region information.",
    ),
    (written(with_(Resource="arn:aws:iam:::example_bucket")), IAM_PATH),
    (written(with_(Resource="arn:aws:s3::example_bucket")), LEGACY),
    (written(without("Action", Resource="arn:aws:s3::example_bucket")), LEGACY),
    (written(without("Resource", NotResource="arn:aws:s3::example_bucket")), LEGACY),
    (written(with_(Resource="arn:aws::fdsasf")), LEGACY),
    (written(with_(Resource="arn:aws::::b")), LEGACY),
    (written(with_(Effect="allow", Resource="arn:aws:s3:us-east-1::b")), LEGACY),
    (written(condition([])), SYNTAX),
    (written(condition("a")), SYNTAX),
    (written(condition({"a": "b"})), SYNTAX),
    (written(condition({"DateGreaterThan": "b"})), SYNTAX),
    (written(condition({"DateGreaterThan": {"a": {}}})), SYNTAX),
    (written(condition({"StringEquals": {"a": None}})), SYNTAX),
    (written(condition({"x": {"a": "1"}})), SYNTAX),
    (written(condition({"ForAnyValue::StringEqualsIfExists": {"a": "b"}})), SYNTAX),
    (written(condition({"NullIfExists": {"a": "true"}})), SYNTAX),
    (written(condition({"ForAllValues:Null": {"a": "true"}})), SYNTAX),
    (written(with_(Sid="S")).replace("S", "\ud800"), SYNTAX),
    (written(condition({"stringequals": {"a": "b"}})), SYNTAX),
    (written(condition({"DateGreaterThan": {"a": "sdfdsf"}})), LEGACY),
    (written(condition({"DateLessThanEquals": {"a": "234-13"}})), LEGACY),
    (written(condition({"DateLessThan": {"a": "2016-12-13t2:00:00.593194+1"}})), LEGACY),
    (written(condition({"DateLessThan": {"a": "2016-12-13t2:00:00.1999999999+10:59"}})), LEGACY),
    (written(condition({"DateLessThan": {"a": "9223372036854775808"}})), LEGACY),
    (written(with_(Sid={})), SYNTAX),
    (written(with_(Sid="a"), with_(Sid="a")), UNIQUE),
    (written(with_(Sid="a", Effect="aLLow"), with_(Sid="a")), LEGACY),
    (
        written(with_(Sid="not alpha")),
        NOT_ALPHA,
    ),
    (written(with_(Principal="*")), "Policy document should not specify a principal."),
    (
        written(without("Resource", NotPrincipal={"AWS": "*"})),
        "Policy document should not specify a principal.",
    ),
    ('{"Version":"2012-10-17","Version":"2012-10-17","Statement":[]}', SYNTAX),
    (written(with_(Sid="S")).replace('"Sid": "S"', '"Sid": "S", "Sid": "T"'), SYNTAX),
    (written(with_(Sid="S")).replace('"S"', "NaN"), SYNTAX),
    (written(with_(Sid="S")).replace('"S"', '"\\ud800"'), SYNTAX),
]


@pytest.mark.parametrize(("document", "message"), IDENTITY)
def test_identity_policies_are_refused_in_the_words_of_iam(document: str, message: str) -> None:
    with pytest.raises(MalformedPolicy) as refusal:
        parse(document, "identity", managed=True)
    assert str(refusal.value) == message


@pytest.mark.parametrize(
    "document",
    [
        written(GOOD),
        json.dumps({"Version": "2012-10-17", "Statement": GOOD}),
        written(GOOD, Id="some id"),
        written(with_(Action="iam: asdf safdsf af ")),
        written(with_(Action="*")),
        written(with_(Action="*:*")),
        written(with_(Action="s3.s:ListBucket")),
        written(without("Action", NotAction="s3:ListBucket")),
        written(without("Resource", NotResource=["arn:aws:s3:::b", "arn:aws:s3:::b/*"])),
        written(with_(Resource=["arn:aws:s3:::example_bucket", "*"])),
        written(with_(Resource="arn:aws:fdsasf")),
        written(with_(Resource="arn:aws:s33:::b")),
        written(with_(Resource="arn:aws:iam:::user/b")),
        written(with_(Resource="arn:aws:iam::*:*")),
        written(with_(Resource="arn:aws:s3:us-east-1:1:accesspoint/p")),
        written(with_(Resource="arn:aws:cloudwatch:us-east-1::b")),
        written(condition({})),
        written(condition({"x": {}, "DateGreaterThan": {}})),
        written(condition({"DateGreaterThan": {"a": []}})),
        written(condition({"DateGreaterThan": {"a": "01T"}})),
        written(condition({"DateLessThan": {"a": "-292275054"}})),
        written(condition({"DateLessThan": {"a": "2016-12-13t2:00:00.593194+23"}})),
        written(condition({"ForAnyValue:StringEqualsIfExists": {"a": "b"}})),
        written(with_(Sid="a"), GOOD, with_(Sid="")),
    ],
)
def test_what_iam_accepts_is_accepted(document: str) -> None:
    assert parse(document, "identity", managed=True).kind == "identity"


@pytest.mark.parametrize("version", [{}, {"Version": "2008-10-17"}])
def test_only_managed_policies_must_be_of_the_new_version(version: dict[str, str]) -> None:
    document = json.dumps(version | {"Statement": [GOOD]})
    assert parse(document, "identity").version == "2008-10-17"
    with pytest.raises(MalformedPolicy) as refusal:
        parse(document, "identity", managed=True)
    assert str(refusal.value) == OLD


def test_a_statement_keeps_what_was_written() -> None:
    statement = with_(
        Sid="One",
        Action=["s3:Get*", "s3:List*"],
        Condition={
            "Bool": {"aws:SecureTransport": True},
            "NumericLessThan": {"s3:max-keys": [10, 2.50, "1e3"]},
        },
    )
    (read,) = parse(written(statement).encode(), "identity").statements
    assert read.sid == "One"
    assert read.effect == "Allow"
    assert read.actions == ("s3:Get*", "s3:List*")
    assert read.not_actions is None
    assert read.resources == ("arn:aws:s3:::example_bucket",)
    assert read.principals is None
    assert read.conditions == (
        Condition("Bool", "aws:SecureTransport", ("true",)),
        Condition("NumericLessThan", "s3:max-keys", ("10", "2.5", "1e3")),
    )


KEY_STATEMENT: dict[str, Any] = {
    "Sid": "Enable IAM User Permissions",
    "Effect": "Allow",
    "Principal": {"AWS": f"arn:aws:iam::{A}:root"},
    "Action": "kms:*",
    "Resource": "*",
}
INVALID_PRINCIPAL = "Policy contains a statement with one or more invalid principals."


def key_statement(*leave_out: str, **elements: Any) -> str:
    statement = KEY_STATEMENT | elements
    return written({name: value for name, value in statement.items() if name not in leave_out})


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("{", "The policy is not in the valid JSON format."),
        (key_statement("Effect"), "Missing required field Effect"),
        (key_statement(Effect="allow"), SYNTAX),
        (key_statement("Principal"), "Policy contains a statement with no principal."),
        (key_statement(Principal={"AWS": []}), "Policy contains a statement with no principal."),
        (key_statement("Action"), "Missing required field Action"),
        (key_statement("Resource"), "Missing required field Resource"),
        (key_statement(Principal="alice"), INVALID_PRINCIPAL),
        (key_statement(Principal={"*": "*"}), INVALID_PRINCIPAL),
        (key_statement(Principal={"AWS": "alice"}), INVALID_PRINCIPAL),
        (key_statement(Principal={"AWS": f"arn:aws:iam::{A}:user/*"}), INVALID_PRINCIPAL),
        (key_statement(Principal={"AWS": f"arn:aws:s3:::{A}"}), INVALID_PRINCIPAL),
        (key_statement(Principal={"Nobody": "x"}), INVALID_PRINCIPAL),
        (key_statement(Condition={"Unknown": {"a": "b"}}), SYNTAX),
        (key_statement(Condition={"DateEquals": {"a": "soon"}}), LEGACY),
        (key_statement(Action="kms"), VENDOR),
    ],
)
def test_resource_policies_are_refused_in_the_words_of_kms(document: str, message: str) -> None:
    with pytest.raises(MalformedPolicy) as refusal:
        parse(document, "resource")
    assert str(refusal.value) == message


@pytest.mark.fact("kms-26")
def test_the_default_key_policy_is_read_as_it_is() -> None:
    document = parse(written(KEY_STATEMENT, Id="key-default-1"), "resource")
    assert document.id == "key-default-1"
    (statement,) = document.statements
    assert statement.sid == "Enable IAM User Permissions"
    assert statement.principals == (PrincipalName("AWS", f"arn:aws:iam::{A}:root"),)


def test_resource_policies_may_repeat_sids_and_name_every_kind_of_principal() -> None:
    principal = {
        "AWS": ["*", A, ALICE_ARN, "AIDACKCEVSQ6C2EXAMPLE"],
        "Service": "s3.amazonaws.com",
        "Federated": "accounts.google.com",
        "CanonicalUser": "79a59d",
    }
    statement = KEY_STATEMENT | {"Principal": principal}
    document = parse(written(statement, statement, KEY_STATEMENT | {"Principal": "*"}), "resource")
    assert document.statements[2].principals == (PrincipalName("*", "*"),)


TRUST: dict[str, Any] = {
    "Effect": "Allow",
    "Principal": {"Service": "ec2.amazonaws.com"},
    "Action": "sts:AssumeRole",
}


def trust(*leave_out: str, **elements: Any) -> str:
    statement = TRUST | elements
    return written({name: value for name, value in statement.items() if name not in leave_out})


NOT_STS = "AssumeRole policy may only specify STS AssumeRole actions."


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("{", "This policy contains invalid Json"),
        (written(TRUST, Version="2009"), "The policy must contain a valid version string"),
        (written(), "Could not parse the policy: Statement is empty!"),
        (
            written(TRUST | {"Sid": "a"}, TRUST | {"Sid": "a"}),
            "The Statement Ids in the policy are not unique",
        ),
        (trust("Effect"), "Missing required field Effect"),
        (trust(Effect="Permit"), "Invalid effect: Permit"),
        (trust("Principal"), "Missing required field Principal"),
        (trust(Principal={}), "Missing required field Principal cannot be empty!"),
        (trust(Principal="alice"), "Principal must be a JSON object."),
        (trust(Principal={"AWS": "alice"}), 'Invalid principal in policy: "AWS":"alice"'),
        (trust(Principal={"User": "x"}), 'Invalid principal in policy: "User":"x"'),
        (
            trust("Principal", NotPrincipal={"AWS": A}),
            "Allow with NotPrincipal is not allowed.",
        ),
        (
            trust("Principal", NotPrincipal={"AWS": A}, Effect="Deny"),
            "AssumeRole policy must not contain NotPrincipal field.",
        ),
        (trust("Action"), "Missing required field Action"),
        (trust(Action="s3:GetObject"), NOT_STS),
        (trust(Action="sts:*"), NOT_STS),
        (trust(Action="*"), NOT_STS),
        (trust(Resource="*"), "Has prohibited field Resource"),
        (trust(NotResource="*"), "AssumeRole policy must not contain resources."),
        (trust(NotAction="sts:TagSession"), "Syntax error in policy."),
        (trust(Condition={"Unknown": {"a": "b"}}), "Syntax error in policy."),
    ],
)
def test_trust_policies_are_refused_in_the_words_of_iam(document: str, message: str) -> None:
    with pytest.raises(MalformedPolicy) as refusal:
        parse(document, "trust")
    assert str(refusal.value) == message


def test_a_trust_policy_needs_no_resource() -> None:
    document = parse(trust(Action=["sts:AssumeRole", "sts:TagSession"], Principal="*"), "trust")
    assert document.statements[0].resources is None


@pytest.mark.parametrize("kind", ["identity", "resource", "trust"])
@pytest.mark.parametrize(
    "bomb",
    [
        "[" * 60_000,
        '{"Statement":' * 9_000,
        written(GOOD) + " " * MAX_DOCUMENT,
        b"\xff\xfe",
        '{"Statement": ' + "9" * 100_000 + "}",
    ],
)
def test_bombs_are_defused(bomb: str | bytes, kind: Kind) -> None:
    with pytest.raises(MalformedPolicy):
        parse(bomb, kind)


def test_a_service_can_tell_broken_json_from_a_broken_policy() -> None:
    with pytest.raises(InvalidJson):
        parse("{", "identity")
    with pytest.raises(MalformedPolicy) as refusal:
        parse("{}", "identity")
    assert not isinstance(refusal.value, InvalidJson)


@pytest.mark.parametrize("top", [{"_comment": "x"}, {"statement": []}])
def test_trust_policies_name_the_field_that_there_is_not(top: dict[str, Any]) -> None:
    """Recorded: `MalformedPolicyDocument: Unknown field _comment`."""
    (name,) = top
    for document in (written(TRUST, **top), trust(**top)):
        with pytest.raises(MalformedPolicy, match=f"^Unknown field {name}$"):
            parse(document, "trust")


def test_session_policies_keep_the_rules_of_identity_policies() -> None:
    assert parse(written(GOOD), "session").kind == "session"
    with pytest.raises(InvalidJson, match=r"The policy is not in the valid JSON format\."):
        parse("{", "session")
    for document, message in (
        (written(with_(Principal="*")), "Policy document should not specify a principal."),
        (written(with_(Action="invalid")), VENDOR),
        (written(with_(Extra="x")), SYNTAX),
    ):
        with pytest.raises(MalformedPolicy) as refusal:
            parse(document, "session")
        assert str(refusal.value) == message


NOT_OF_ITS_TYPE = (
    "The provided policy document does not meet the requirements of the specified policy type."
)
RCP_STATEMENT: dict[str, Any] = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:*",
    "Resource": "*",
}


def rcp(*leave_out: str, **elements: Any) -> str:
    statement = RCP_STATEMENT | elements
    return written({name: value for name, value in statement.items() if name not in leave_out})


@pytest.mark.parametrize(
    "document",
    [
        written(GOOD),
        written(with_(Effect="Deny", Condition={"Bool": {"aws:SecureTransport": "false"}})),
        written(with_(Action="ec2:*Tags")),
        written(without("Action", NotAction="iam:*")),
        written(without("Resource", NotResource="arn:aws:s3:::b/*")),
        written(with_(Condition={"StringEquals": {"aws:RequestedRegion": "eu-west-1"}})),
    ],
)
def test_service_control_policies_have_the_whole_language(document: str) -> None:
    """Since September 2025."""
    assert parse(document, "scp").kind == "scp"


@pytest.mark.parametrize(
    "document",
    [
        "{",
        "[]",
        written(),
        written(with_(Principal="*")),
        written(with_(Action="invalid")),
        written(without("Effect")),
        written(without("Action")),
        written(without("Resource")),
        written(with_(Extra="x")),
        written(with_(Resource="invalid")),
        written(condition({"Unknown": {"a": "b"}})),
        written(GOOD, Version="2013-10-17"),
        written(with_(Sid="a"), with_(Sid="a")),
    ],
)
def test_service_control_policies_are_refused_in_one_sentence(document: str) -> None:
    with pytest.raises(MalformedPolicy) as refusal:
        parse(document, "scp")
    assert str(refusal.value) == NOT_OF_ITS_TYPE


def test_resource_control_policies_deny_to_everybody() -> None:
    for document in (
        rcp(),
        rcp(Principal={"AWS": "*"}),
        rcp(Condition={"Bool": {"aws:SecureTransport": "false"}}),
        rcp("Resource", NotResource="arn:aws:s3:::b/*"),
        rcp(Action=["s3:Get*", "kms:*"]),
    ):
        assert parse(document, "rcp").kind == "rcp"


@pytest.mark.parametrize(
    "document",
    [
        rcp(Effect="Allow"),
        rcp(Action="*"),
        rcp(Action=["s3:*", "*"]),
        rcp("Action", NotAction="s3:*"),
        rcp("Principal"),
        rcp("Principal", NotPrincipal="*"),
        rcp(Principal={"AWS": A}),
        rcp(Principal={"AWS": ["*", A]}),
        rcp(Principal={"Service": "s3.amazonaws.com"}),
        rcp("Resource"),
        rcp(Resource="invalid"),
        rcp(Action="s3"),
        rcp(Effect="deny"),
        rcp(Sid="a b"),
    ],
)
def test_other_resource_control_policies_are_refused(document: str) -> None:
    with pytest.raises(MalformedPolicy) as refusal:
        parse(document, "rcp")
    assert str(refusal.value) == NOT_OF_ITS_TYPE


def test_only_aws_allows_by_a_resource_control_policy() -> None:
    full = rcp(Effect="Allow", Action="*")
    assert parse(full, "rcp", managed=True).statements[0].effect == "Allow"
    with pytest.raises(MalformedPolicy):
        parse(rcp(Effect="Allow", Principal={"AWS": A}), "rcp", managed=True)
