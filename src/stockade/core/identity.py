# SPDX-License-Identifier: Apache-2.0
"""Who calls: the principal behind a verified signature, with the policies that speak for it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from msgspec.structs import replace

from stockade.core.sessions import Grant
from stockade.policy.compile import Policy
from stockade.policy.request import Principal


def _encoded(identity: Mapping[str, Any]) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(identity))


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """A principal as every layer of a decision and the audit trail need to know it."""

    principal: Principal
    user_id: str
    """`aws:userid`: the account for root, AIDA... for a user, AROA...:session for a session."""
    access_key_id: str
    identity: tuple[Policy, ...] = ()
    session: tuple[Policy, ...] | None = None
    """Session policies, None where the session was made without any."""
    boundary: Policy | None = None
    """The permissions boundary of the user or role."""
    service_linked: bool = False
    """A session of a service-linked role, which no control policy holds."""
    keys: Mapping[str, tuple[str, ...]] = {}
    """Condition keys that come with the credential, in lower case: `aws:sourceidentity`,
    `aws:multifactorauthpresent`, `aws:multifactorauthage`, `aws:federatedprovider`, `saml:sub`."""
    user_name: str = ""
    """The IAM user's name, `aws:username`; empty for everybody else."""
    tags: Mapping[str, str] = {}
    session_issued: datetime | None = None
    grant: Grant | None = None
    """The terms of a temporary credential; None for long-lived keys."""
    audit_identity: msgspec.Raw
    """CloudTrail's `userIdentity`, encoded once."""

    @classmethod
    def nobody(cls) -> Caller:
        """Return the caller of a request whose signature is not proven."""
        return cls(
            principal=Principal(kind="anonymous", arn="", account=""),
            user_id="",
            access_key_id="",
            audit_identity=msgspec.Raw(b"null"),
        )

    @classmethod
    def service(cls, name: str) -> Caller:
        """Return an AWS service that calls in its own name, such as `events.amazonaws.com`."""
        return cls(
            principal=Principal(kind="service", arn="", account="", service=name),
            user_id="",
            access_key_id="",
            audit_identity=_encoded({"type": "AWSService", "invokedBy": name}),
        )

    def invoked_by(self, service: str) -> Caller:
        """Return the same caller as records show it when a service calls on its behalf."""
        identity = msgspec.json.decode(self.audit_identity) or {}
        return replace(self, audit_identity=_encoded(identity | {"invokedBy": service}))

    @property
    def account(self) -> str:
        return self.principal.account

    @property
    def arn(self) -> str:
        return self.principal.arn


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """A secret access key and the caller it stands for."""

    secret: str
    caller: Caller
    expires: datetime | None = None
    """When a session's credential ends; None for long-lived keys."""
    closed: frozenset[str] = frozenset()
    """The services, by signing name, that this credential does not open (GetSessionToken, IAM)."""

    def __repr__(self) -> str:
        return f"Credential({self.caller.access_key_id})"

    __str__ = __repr__
