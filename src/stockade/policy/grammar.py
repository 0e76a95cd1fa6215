# SPDX-License-Identifier: Apache-2.0
"""The rules that each kind of policy must keep, in the order and the words of AWS.

Identity policies speak with the voice of IAM's CreatePolicy and PutUserPolicy, resource
policies with that of KMS's PutKeyPolicy, trust policies with that of CreateRole, session policies
with that of AssumeRole, and control policies with that of Organizations' CreatePolicy, which has
one sentence for everything.

A service control policy may say what an identity policy may. A resource control policy may only
deny, to everybody, and neither everything nor what it does not name; AWS's own `RCPFullAWSAccess`
alone allows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

import msgspec

from stockade.policy.elements import VERSION, Kind, MalformedPolicy, PrincipalName
from stockade.policy.operators import parse_operator
from stockade.policy.reading import Syntax
from stockade.policy.values import parse_instant

if TYPE_CHECKING:
    from stockade.policy.elements import Condition, Document, Statement

_SYNTAX_ERRORS = "Syntax errors in policy."
_LEGACY = "The policy failed legacy parsing"
_IAM_RESOURCES = (
    "user/",
    "federated-user/",
    "role/",
    "group/",
    "instance-profile/",
    "mfa/",
    "server-certificate/",
    "policy/",
    "sms-mfa/",
    "saml-provider/",
    "oidc-provider/",
    "report/",
    "access-report/",
)
_PARTITIONS = frozenset({"*", "aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-eusc"})
_NO_VENDOR = re.compile(r"[^a-zA-Z0-9.-]")
_SID = re.compile(r"[0-9A-Za-z]*")
_AWS_PRINCIPAL = re.compile(
    r"\*|[0-9]{12}|A(?:IDA|ROA|GPA|KIA)[0-9A-Z]{12,128}"
    r"|arn:[a-z-]+:iam::[0-9a-z]*:(?:root|(?:user|role)/[^*]+)"
    r"|arn:[a-z-]+:sts::[0-9]*:(?:assumed-role|federated-user)/[^*]+"
)
_PRINCIPAL_TYPES = frozenset({"AWS", "Service", "Federated"})

_IDENTITY = Syntax(
    json=_SYNTAX_ERRORS,
    shape=_SYNTAX_ERRORS,
    version=_SYNTAX_ERRORS,
    statement=_SYNTAX_ERRORS,
    effect=_SYNTAX_ERRORS,
    principal=_SYNTAX_ERRORS,
)
_RESOURCE = Syntax(
    json="The policy is not in the valid JSON format.",
    shape=_SYNTAX_ERRORS,
    version=_SYNTAX_ERRORS,
    statement=_SYNTAX_ERRORS,
    effect="Missing required field Effect",
    principal="Policy contains a statement with one or more invalid principals.",
)
_TRUST = Syntax(
    json="This policy contains invalid Json",
    shape="Syntax error in policy.",
    version="The policy must contain a valid version string",
    statement="Could not parse the policy: Statement is empty!",
    effect="Missing required field Effect",
    principal="Principal must be a JSON object.",
    unknown="Unknown field",
)
_SESSION = msgspec.structs.replace(_IDENTITY, json="The policy is not in the valid JSON format.")
_NOT_OF_ITS_TYPE = (
    "The provided policy document does not meet the requirements of the specified policy type."
)
_CONTROL = Syntax(
    json=_NOT_OF_ITS_TYPE,
    shape=_NOT_OF_ITS_TYPE,
    version=_NOT_OF_ITS_TYPE,
    statement=_NOT_OF_ITS_TYPE,
    effect=_NOT_OF_ITS_TYPE,
    principal=_NOT_OF_ITS_TYPE,
)
_SYNTAXES: Mapping[Kind, Syntax] = MappingProxyType(
    {
        "identity": _IDENTITY,
        "resource": _RESOURCE,
        "trust": _TRUST,
        "session": _SESSION,
        "scp": _CONTROL,
        "rcp": _CONTROL,
    }
)
_EVERYONE = PrincipalName("*", "*")


def syntax(kind: Kind) -> Syntax:
    """Return what to say when a policy of this kind has the wrong shape."""
    return _SYNTAXES[kind]


def check(document: Document, *, managed: bool = False) -> None:
    """Raise MalformedPolicy unless a document keeps the rules of its kind."""
    match document.kind:
        case "identity" | "session":
            _check_identity(document, managed=managed)
        case "resource":
            _check_resource(document)
        case "trust":
            _check_trust(document)
        case "scp" | "rcp":
            _check_control(document, managed=managed)


def _check_control(document: Document, *, managed: bool) -> None:
    """Hold a control policy to its rules; whatever breaks them is told in the same words."""
    try:
        if document.kind == "scp":
            _check_identity(document, managed=False)
            return
        _sids(document)
        for statement in document.statements:
            _check_rcp_statement(statement, managed=managed)
    except MalformedPolicy:
        raise MalformedPolicy(_NOT_OF_ITS_TYPE) from None


def _check_rcp_statement(statement: Statement, *, managed: bool) -> None:
    _shape(statement, _NOT_OF_ITS_TYPE)
    _legacy(statement)
    _resource_formats(statement)
    _vendors(statement)
    denies = statement.effect == "Deny" and "*" not in (statement.actions or ())
    everyone = statement.principals in ((_EVERYONE,), (PrincipalName("AWS", "*"),))
    if not (statement.actions and _resources(statement) and everyone and (denies or managed)):
        raise MalformedPolicy(_NOT_OF_ITS_TYPE)


def _check_identity(document: Document, *, managed: bool) -> None:
    """Run IAM's checks, each over the whole document before the next."""
    for statement in document.statements:
        _shape(statement, _SYNTAX_ERRORS)
    if managed and document.version != VERSION:
        raise MalformedPolicy("Policy document must be version 2012-10-17 or greater.")
    for statement in document.statements:
        _legacy(statement)
    _sids(document)
    for rule in (_no_principal, _some_actions, _resource_formats, _vendors, _some_resources):
        for statement in document.statements:
            rule(statement)


def _no_principal(statement: Statement) -> None:
    if statement.principals is not None or statement.not_principals is not None:
        raise MalformedPolicy("Policy document should not specify a principal.")


def _some_actions(statement: Statement) -> None:
    if not _actions(statement):
        raise MalformedPolicy("Policy statement must contain actions.")


def _some_resources(statement: Statement) -> None:
    if not _resources(statement):
        raise MalformedPolicy("Policy statement must contain resources.")


def _resource_formats(statement: Statement) -> None:
    for resource in _resources(statement):
        if problem := _resource_problem(resource):
            raise MalformedPolicy(problem)


def _check_resource(document: Document) -> None:
    for statement in document.statements:
        _shape(statement, _SYNTAX_ERRORS)
        if statement.effect not in {"Allow", "Deny"}:
            raise MalformedPolicy(_SYNTAX_ERRORS)
    for statement in document.statements:
        _dates(statement)
        names = _principals(statement)
        if not names:
            raise MalformedPolicy("Policy contains a statement with no principal.")
        if not all(_known_principal(name, "CanonicalUser") for name in names):
            raise MalformedPolicy(_RESOURCE.principal)
        if not _actions(statement):
            raise MalformedPolicy("Missing required field Action")
        if not _resources(statement):
            raise MalformedPolicy("Missing required field Resource")
        _vendors(statement)


def _check_trust(document: Document) -> None:
    for statement in document.statements:
        _check_trust_statement(statement)
    sids = [statement.sid for statement in document.statements if statement.sid]
    if len(set(sids)) != len(sids):
        raise MalformedPolicy("The Statement Ids in the policy are not unique")


def _check_trust_statement(statement: Statement) -> None:
    if statement.effect not in {"Allow", "Deny"}:
        raise MalformedPolicy(f"Invalid effect: {statement.effect}")
    _check_trusted(statement)
    if not _actions(statement):
        raise MalformedPolicy("Missing required field Action")
    if not all(_is_sts_action(action) for action in _actions(statement)):
        raise MalformedPolicy("AssumeRole policy may only specify STS AssumeRole actions.")
    if statement.resources is not None:
        raise MalformedPolicy("Has prohibited field Resource")
    if statement.not_resources is not None:
        raise MalformedPolicy("AssumeRole policy must not contain resources.")
    _operators(statement, _TRUST.shape)
    _dates(statement)


def _check_trusted(statement: Statement) -> None:
    if statement.not_principals is not None:
        if statement.effect == "Allow":
            raise MalformedPolicy("Allow with NotPrincipal is not allowed.")
        raise MalformedPolicy("AssumeRole policy must not contain NotPrincipal field.")
    if statement.principals is None:
        raise MalformedPolicy("Missing required field Principal")
    if not statement.principals:
        raise MalformedPolicy("Missing required field Principal cannot be empty!")
    for name in statement.principals:
        if not _known_principal(name):
            raise MalformedPolicy(f'Invalid principal in policy: "{name.type}":"{name.value}"')


def _is_sts_action(action: str) -> bool:
    vendor, _, name = action.partition(":")
    return vendor.lower() == "sts" and name not in {"", "*"}


def _known_principal(name: PrincipalName, *further_types: str) -> bool:
    if name.type == "AWS":
        return _AWS_PRINCIPAL.fullmatch(name.value) is not None
    known = name.type in _PRINCIPAL_TYPES or name.type in further_types or name.type == "*"
    return known and bool(name.value)


def _principals(statement: Statement) -> tuple[PrincipalName, ...]:
    return statement.principals or statement.not_principals or ()


def _actions(statement: Statement) -> tuple[str, ...]:
    return statement.actions or statement.not_actions or ()


def _resources(statement: Statement) -> tuple[str, ...]:
    return statement.resources or statement.not_resources or ()


def _shape(statement: Statement, text: str) -> None:
    if statement.effect.lower() not in {"allow", "deny"}:
        raise MalformedPolicy(text)
    _operators(statement, text)


def _operators(statement: Statement, text: str) -> None:
    for condition in statement.conditions:
        if parse_operator(condition.operator) is None:
            raise MalformedPolicy(text)


def _legacy(statement: Statement) -> None:
    """Hold a statement to IAM's older parser, which fails without saying where."""
    if statement.effect not in {"Allow", "Deny"}:
        raise MalformedPolicy(_LEGACY)
    _dates(statement)
    for resource in _resources(statement):
        if resource != "*" and not _resource_problem(resource) and _is_cut_short(resource):
            raise MalformedPolicy(_LEGACY)


def _is_cut_short(arn: str) -> bool:
    fields = arn.split(":")
    return not fields[2] or (len(fields) < 6 and "::" in arn)


def _dates(statement: Statement) -> None:
    for condition in statement.conditions:
        if _compares_dates(condition) and None in map(parse_instant, condition.values):
            raise MalformedPolicy(_LEGACY)


def _compares_dates(condition: Condition) -> bool:
    operator = parse_operator(condition.operator)
    return operator is not None and operator.name.startswith("Date")


def _sids(document: Document) -> None:
    sids = [statement.sid for statement in document.statements if statement.sid]
    if not all(_SID.fullmatch(sid) for sid in sids):
        raise MalformedPolicy(
            "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the "
            "regular expression [0-9A-Za-z]*"
        )
    if len(set(sids)) != len(sids):
        raise MalformedPolicy("Statement IDs (SID) in a single policy must be unique.")


def _vendors(statement: Statement) -> None:
    for action in _actions(statement):
        _vendor(action)


def _vendor(action: str) -> None:
    if action == "*":
        return
    vendor, *names = action.split(":")
    if not names:
        raise MalformedPolicy(
            "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
        )
    if len(names) > 1:
        raise MalformedPolicy("Actions/Condition can contain only one colon.")
    if vendor != "*" and _NO_VENDOR.search(vendor):
        raise MalformedPolicy(f"Vendor {vendor} is not valid")


def _resource_problem(resource: str) -> str:
    """Return what IAM says of a resource in the wrong format, or nothing."""
    if resource == "*":
        return ""
    _, colon, rest = resource.partition(":")
    if not colon:
        return f'Resource {resource} must be in ARN format or "*".'
    partition, colon, rest = rest.partition(":")
    if partition not in _PARTITIONS:
        given = rest.split(":", 3) if colon else []
        shown = ":".join(["arn", partition, *given, *["*"] * (4 - len(given))])
        return f'Partition "{partition}" is not valid for resource "{shown}".'
    if not colon:
        return "Resource vendor must be fully qualified and cannot contain regexes."
    return _service_problem(resource, rest.split(":", 3))


def _service_problem(resource: str, fields: list[str]) -> str:
    service, region, name = fields[0], "".join(fields[1:2]), "".join(fields[3:])
    if service == "iam" and region:
        return f"IAM resource {resource} cannot contain region information."
    if service == "s3" and region and not name.startswith("accesspoint/"):
        return f"Resource {resource} can not contain region information."
    known = name == "root" or name.startswith(("*", *_IAM_RESOURCES))  # AssumeRoot is on a root
    if service == "iam" and len(fields) > 3 and not known:
        starts = ", ".join(_IAM_RESOURCES)
        return f'IAM resource path must either be "*" or start with {starts}.'
    return ""
