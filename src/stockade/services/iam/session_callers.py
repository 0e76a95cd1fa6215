# SPDX-License-Identifier: Apache-2.0
"""From a session to its caller: who stands behind it is looked up again, so that it can be revoked.

A session ends with the role or the user it was made for; what is changed in the policies of either
counts at once. Sessions of users are the users themselves with the facts of the session added;
federated users are held by the policies that were passed for them, and without any may do only what
a resource's own policy grants them.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec.structs import replace

from stockade.core import audit
from stockade.core.arn import arn
from stockade.core.identity import Caller
from stockade.core.sessions import Grant, condition_keys
from stockade.policy.compile import Policy
from stockade.policy.decide import Principal
from stockade.services.iam import callers
from stockade.services.iam.lookup import find_role, find_user
from stockade.services.iam.resources import AWS_OWNED, policy_arn
from stockade.services.iam.sessions import Session
from stockade.store.unit import Unit

Identity = dict[str, Any]


def caller_of(unit: Unit, session: Session, access_key_id: str) -> Caller | None:
    """Return the caller of a session, or None when what it was made for is gone."""
    grant = session.grant
    if grant.kind == "role":
        role = find_role(unit, grant.account, grant.entity)
        if role is None or role.role_id != grant.entity_id:
            return None
        return callers.role_session(unit, role, session, access_key_id)
    behind = _behind(unit, grant, access_key_id)
    if behind is None:
        return None
    match grant.kind:
        case "federated":
            return _federated(unit, behind, session)
        case _:
            return _itself(unit, behind, session)


def closed_to(grant: Grant) -> frozenset[str]:
    """Return the services that a session does not open, as AWS documents it.

    IAM takes a user's session only with a second factor, and a federated user's never.
    """
    if grant.kind == "federated" or (grant.kind == "user" and grant.mfa is None):
        return frozenset({"iam"})
    return frozenset()


def _behind(unit: Unit, grant: Grant, access_key_id: str) -> Caller | None:
    """Return the user or the root that a session was made for."""
    if not grant.entity:
        return callers.root(grant.account, access_key_id)
    user = find_user(unit, grant.account, grant.entity)
    if user is None or user.unique_id != grant.entity_id:
        return None
    return callers.user(unit, user, access_key_id)


def _itself(unit: Unit, behind: Caller, session: Session) -> Caller:
    """Return the user or the root with the facts of the session; a root's task limits it."""
    identity: Identity = msgspec.json.decode(behind.audit_identity)
    identity["sessionContext"] = callers.session_context(session)
    grant = session.grant
    return replace(
        behind,
        session=callers.session_policies(unit, grant) if grant.limited else None,
        keys=condition_keys(grant),
        session_issued=session.issued,
        grant=grant,
        audit_identity=audit.caller_identity(identity),
    )


def _federated(unit: Unit, behind: Caller, session: Session) -> Caller:
    """Return a federated user: the permissions are those of who asked, within what was passed."""
    grant = session.grant
    name = arn("sts", "", grant.account, f"federated-user/{grant.name}")
    user_id = f"{grant.account}:{grant.name}"
    issuer: Identity = msgspec.json.decode(behind.audit_identity)
    issuer.pop("accessKeyId", None)
    identity = {
        "type": "FederatedUser",
        "principalId": user_id,
        "arn": name,
        "accountId": grant.account,
        "accessKeyId": behind.access_key_id,
        "sessionContext": {"sessionIssuer": issuer, **callers.session_context(session)},
    }
    return replace(
        behind,
        identity=behind.identity if grant.entity else _of_root(unit, grant.account),
        principal=Principal("federated", name, grant.account, role_arn=behind.arn),
        user_id=user_id,
        user_name="",
        session=callers.session_policies(unit, grant),
        keys=condition_keys(grant),
        tags=callers.session_tags(behind.tags, grant),
        session_issued=session.issued,
        grant=grant,
        audit_identity=audit.caller_identity(identity),
    )


def _of_root(unit: Unit, account: str) -> tuple[Policy, ...]:
    """Return in policies what a root may do: for whom it asked is no root and needs some."""
    everything = policy_arn(AWS_OWNED, "/", "AdministratorAccess")
    policy = callers.managed_policy(unit, account, everything)
    return () if policy is None else (policy,)
