# SPDX-License-Identifier: Apache-2.0
"""ValidatePolicy and the three proofs about policies: nothing is stored."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ParamSpec, Protocol, TypeVar

from stockade.core.access import on_everything
from stockade.core.context import Context
from stockade.core.operation import Output
from stockade.policy import comparing, grammar
from stockade.policy.document import Document, Kind, MalformedPolicy
from stockade.policy.exposure import public_statements
from stockade.policy.globs import TooMuchWork
from stockade.policy.reading import read
from stockade.policy.validation import Finding, Location, PolicyType, Position, validate
from stockade.services.accessanalyzer.errors import (
    InvalidParameterException,
    UnprocessableEntityException,
    ValidationException,
)
from stockade.services.accessanalyzer.paging import paged
from stockade.services.accessanalyzer.service import accessanalyzer

P = ParamSpec("P")
T = TypeVar("T")

PAGE = 100
TRUST = "AWS::IAM::AssumeRolePolicyDocument"


class _Reason(Protocol):
    @property
    def index(self) -> int: ...
    @property
    def sid(self) -> str: ...


@accessanalyzer.operation(access=on_everything("access-analyzer:ValidatePolicy"))
def validate_policy(
    _ctx: Context,
    *,
    policy_document: str,
    policy_type: PolicyType,
    validate_policy_resource_type: str = "",
    locale: str = "EN",
    max_results: int = PAGE,
    next_token: str | None = None,
) -> Output:
    """Return what is wrong with a policy, and what is probably not meant."""
    del locale  # the words are English in every locale
    if validate_policy_resource_type and policy_type != "RESOURCE_POLICY":
        raise ValidationException(
            "The validatePolicyResourceType is supported for resource policies only.",
            "fieldValidationFailed",
        )
    found = validate(policy_document, policy_type, validate_policy_resource_type)
    numbered = [(f"{number:06d}", one) for number, one in enumerate(found)]
    return paged(
        "findings",
        numbered,
        lambda one: one[0],
        lambda one: _shown(one[1]),
        max_results,
        next_token,
    )


@accessanalyzer.operation(access=on_everything("access-analyzer:CheckNoNewAccess"))
def check_no_new_access(
    _ctx: Context, *, new_policy_document: str, existing_policy_document: str, policy_type: str
) -> Output:
    """Check that a policy allows nothing that the existing one does not."""
    kind = _kind(policy_type)
    new, existing = _read(new_policy_document, kind), _read(existing_policy_document, kind)
    found = _bounded(comparing.new_access, new, existing)
    return _verdict(
        found,
        passed="The modified permissions do not grant new access compared to your existing policy.",
        failed="The modified permissions grant new access compared to your existing policy.",
        reason="New access in the statement",
    )


@accessanalyzer.operation(access=on_everything("access-analyzer:CheckAccessNotGranted"))
def check_access_not_granted(
    _ctx: Context, *, policy_document: str, access: Sequence[Mapping[str, Any]], policy_type: str
) -> Output:
    """Check that a policy does not allow certain actions, or access to certain resources."""
    wanted = access[0] if access else {}
    actions, resources = wanted.get("actions", ()), wanted.get("resources", ())
    if not actions and not resources:
        raise InvalidParameterException("The access must name actions or resources.")
    document = _read(policy_document, _kind(policy_type))
    found = _bounded(comparing.granted_access, document, actions, resources)
    return _verdict(
        found,
        passed="The policy document does not grant access to perform the listed actions or "
        "resources.",
        failed="The policy document grants access to perform one or more of the listed actions or "
        "resources.",
        reason="One or more of the listed actions or resources in the statement",
    )


@accessanalyzer.operation(access=on_everything("access-analyzer:CheckNoPublicAccess"))
def check_no_public_access(_ctx: Context, *, policy_document: str, resource_type: str) -> Output:
    """Check that a resource policy does not let everybody in."""
    kind: Kind = "trust" if resource_type == TRUST else "resource"
    return _verdict(
        _bounded(public_statements, _read(policy_document, kind)),
        passed="The resource policy does not grant public access for the given resource type.",
        failed="The resource policy grants public access for the given resource type.",
        reason="Public access granted in the following statement",
    )


def _bounded(check: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return what a check finds, or say that it would take too long."""
    try:
        return check(*args, **kwargs)
    except TooMuchWork:
        raise UnprocessableEntityException from None


def _kind(policy_type: str) -> Kind:
    return "identity" if policy_type == "IDENTITY_POLICY" else "resource"


def _read(text: str, kind: Kind) -> Document:
    """Read a policy as far as its shape goes: its details may be those of any service."""
    try:
        return read(text, kind, grammar.syntax(kind))
    except MalformedPolicy as problem:
        raise InvalidParameterException(f"The policy document is not valid: {problem}") from None


def _verdict(found: Iterable[_Reason], *, passed: str, failed: str, reason: str) -> Output:
    reasons = [_reason(reason, one) for one in found]
    if not reasons:
        return {"result": "PASS", "message": passed}
    return {"result": "FAIL", "message": failed, "reasons": reasons}


def _reason(text: str, found: _Reason) -> dict[str, Any]:
    if not found.sid:
        description = f"{text} with index: {found.index}."
        return {"description": description, "statementIndex": found.index}
    return {
        "description": f"{text} with sid: {found.sid}.",
        "statementId": found.sid,
        "statementIndex": found.index,
    }


def _shown(finding: Finding) -> dict[str, Any]:
    return {
        "findingType": finding.kind,
        "issueCode": finding.code,
        "findingDetails": finding.details,
        "learnMoreLink": finding.link,
        "locations": [_place(location) for location in finding.locations],
    }


def _place(location: Location) -> dict[str, Any]:
    return {
        "path": [{step: value} for step, value in location.path],
        "span": {"start": _position(location.start), "end": _position(location.end)},
    }


def _position(position: Position) -> dict[str, int]:
    return {"line": position.line, "column": position.column, "offset": position.offset}
