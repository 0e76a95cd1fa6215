# SPDX-License-Identifier: Apache-2.0
"""From stored users, roles and sessions to callers: principal, policies, and name in the records.

`userIdentity` is encoded here, once for a caller, with the members and the order that CloudTrail's
records have.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stockade.core import audit
from stockade.core.arn import arn
from stockade.core.identity import Caller
from stockade.core.sessions import Grant, condition_keys
from stockade.policy.compile import Policy, compile_policy
from stockade.policy.decide import Principal
from stockade.policy.document import VERSION, Document, parse
from stockade.policy.grammar import syntax
from stockade.policy.reading import read
from stockade.services.iam.lookup import find_group, find_policy, find_role
from stockade.services.iam.resources import (
    AWS_OWNED,
    Entity,
    ManagedPolicy,
    Role,
    User,
    root_arn,
)
from stockade.services.iam.sessions import Session
from stockade.services.iam.trusted import as_seen
from stockade.store.unit import Unit

Identity = dict[str, Any]

NOTHING = compile_policy(Document(version=VERSION, id="", statements=(), kind="identity"))
"""The boundary of who has one whose policy is gone: it allows nothing."""


def root(account: str, access_key_id: str) -> Caller:
    """Return the root of an account."""
    name = root_arn(account)
    return Caller(
        principal=Principal("root", name, account),
        user_id=account,
        access_key_id=access_key_id,
        audit_identity=audit.caller_identity(
            _identity("Root", account, name, account, access_key_id)
        ),
    )


def user(unit: Unit, shown: User, access_key_id: str) -> Caller:
    """Return a user with its own policies and those of its groups."""
    identity = _identity("IAMUser", shown.unique_id, shown.arn, shown.account, access_key_id)
    return Caller(
        principal=Principal("user", shown.arn, shown.account),
        user_id=shown.unique_id,
        access_key_id=access_key_id,
        identity=user_policies(unit, shown),
        boundary=boundary_of(unit, shown),
        user_name=shown.name,
        tags=shown.tags,
        audit_identity=audit.caller_identity(identity | {"userName": shown.name}),
    )


def role_session(unit: Unit, role: Role, session: Session, access_key_id: str) -> Caller:
    """Return a session of a role with the role's policies and the limits it was made with."""
    grant = session.grant
    name = session_arn(role, grant.name)
    session_id = f"{role.role_id}:{grant.name}"
    identity = _identity("AssumedRole", session_id, name, role.account, access_key_id)
    return Caller(
        principal=Principal("session", name, role.account, role_arn=role.arn),
        user_id=session_id,
        access_key_id=access_key_id,
        identity=role_policies(unit, role),
        boundary=boundary_of(unit, role),
        service_linked=role.service_linked,
        session=session_policies(unit, grant) if grant.limited else None,
        keys=condition_keys(grant),
        tags=session_tags(role.tags, grant),
        session_issued=session.issued,
        grant=grant,
        audit_identity=audit.caller_identity(
            identity | {"sessionContext": _session_context(role, session)}
        ),
    )


def session_arn(role: Role, session_name: str) -> str:
    """Return the ARN of a session: the role's name without its path."""
    return arn("sts", "", role.account, f"assumed-role/{role.name}/{session_name}")


def policies_of(unit: Unit, entity: Entity) -> tuple[Policy, ...]:
    """Return the compiled policies of a user, group or role: inline ones, then attached ones."""
    inline = [
        compile_policy(parse(entity.inline[name], "identity"), name=name)
        for name in sorted(entity.inline)
    ]
    attached = (managed_policy(unit, entity.account, each) for each in entity.attached)
    return (*inline, *(policy for policy in attached if policy is not None))


def user_policies(unit: Unit, shown: User) -> tuple[Policy, ...]:
    """Return the compiled policies that speak for a user: its own, then those of its groups."""
    of_groups = (group_policies(unit, shown.account, each) for each in shown.groups)
    return (*policies_of(unit, shown), *(policy for each in of_groups for policy in each))


def group_policies(unit: Unit, account: str, group_id: str) -> tuple[Policy, ...]:
    """Return the compiled policies of a group, shared by all who are in it."""

    def build() -> tuple[Policy, ...]:
        group = find_group(unit, account, group_id)
        return () if group is None else policies_of(unit, group)

    return unit.derive(("iam-group-policies", account, group_id), build)


def boundary_of(unit: Unit, entity: User | Role) -> Policy | None:
    """Return the compiled permissions boundary of a user or role, None where there is none."""
    if not entity.boundary:
        return None
    return managed_policy(unit, entity.account, entity.boundary) or NOTHING


def role_policies(unit: Unit, role: Role) -> tuple[Policy, ...]:
    """Return the compiled policies of a role, shared by all of its sessions."""

    def build() -> tuple[Policy, ...]:
        stored = find_role(unit, role.account, role.name)
        return () if stored is None else policies_of(unit, stored)

    return unit.derive(("iam-role-policies", role.account, role.id), build)


def trust_policy(unit: Unit, role: Role) -> Policy | None:
    """Return the policy that says who may become a role."""

    def build() -> Policy | None:
        stored = find_role(unit, role.account, role.name)
        if stored is None:
            return None
        text = as_seen(unit, stored).trust_policy
        return compile_policy(read(text, "trust", syntax("trust")), arn=stored.arn)

    return unit.derive(("iam-trust", role.account, role.id), build)


def managed_policy(unit: Unit, account: str, policy_arn: str) -> Policy | None:
    """Return a managed policy, compiled once for all who have it."""

    def build() -> Policy | None:
        policy = find_policy(unit, account, policy_arn)
        if policy is None:
            return None
        document = _document(policy)
        return compile_policy(document, arn=policy.arn, name=policy.name)

    return unit.derive(("iam-policy", account, policy_arn), build)


def _document(policy: ManagedPolicy) -> Document:
    """Return the document in force; AWS's own are not held to the rules for its customers."""
    if policy.account == AWS_OWNED:
        return read(policy.document, "identity", syntax("identity"))
    return parse(policy.document, "identity")


def session_policies(unit: Unit, grant: Grant) -> tuple[Policy, ...]:
    """Return the compiled session policies that were passed when a session was made."""
    passed = [compile_policy(parse(grant.policy, "session"))] if grant.policy else []
    named = (managed_policy(unit, grant.account, each) for each in grant.policy_arns)
    return (*passed, *(policy for policy in named if policy is not None))


def session_tags(own: Mapping[str, str], grant: Grant) -> dict[str, str]:
    """Return the principal's tags: the session's stand before its own of the same name."""
    passed = {name.lower() for name in grant.tags}
    kept = {name: value for name, value in own.items() if name.lower() not in passed}
    return kept | grant.tags


def _identity(
    kind: str, principal_id: str, name: str, account: str, access_key_id: str
) -> Identity:
    return {
        "type": kind,
        "principalId": principal_id,
        "arn": name,
        "accountId": account,
        "accessKeyId": access_key_id,
    }


def _session_context(role: Role, session: Session) -> Identity:
    issuer = {
        "type": "Role",
        "principalId": role.role_id,
        "arn": role.arn,
        "accountId": role.account,
        "userName": role.name,
    }
    return {"sessionIssuer": issuer, **session_context(session)}


def session_context(session: Session) -> Identity:
    """Return the `sessionContext` that sessions of every kind have."""
    grant = session.grant
    context: Identity = {}
    if grant.provider:
        context["webIdFederationData"] = {"federatedProvider": grant.provider, "attributes": {}}
    context["attributes"] = {
        "creationDate": audit.event_time(session.issued),
        "mfaAuthenticated": "true" if grant.mfa is not None else "false",
    }
    if grant.source_identity:
        context["sourceIdentity"] = grant.source_identity
    if grant.kind == "root":
        context["assumedRoot"] = "true"
    return context
