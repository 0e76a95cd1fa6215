# SPDX-License-Identifier: Apache-2.0
"""What a temporary credential was made for: STS decides it, IAM seals it into the token.

Four kinds of sessions, each with the life of what stands behind it:

* `role`       AssumeRole, AssumeRoleWithSAML, AssumeRoleWithWebIdentity: the role's permissions
* `user`       GetSessionToken: the user's own permissions, or the root's
* `federated`  GetFederationToken: the user's, held by the policies that were passed
* `root`       AssumeRoot: the root of a member account, for one task

Everything that a session hands on (source identity, transitive tags, the proof of a second factor)
stands here, so that the next role in a chain can be held to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Literal

import msgspec

SessionKind = Literal["role", "user", "federated", "root"]


class Grant(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """The terms of a session; nothing in it is secret."""

    kind: SessionKind
    account: str
    entity: str = ""
    """The name of the role or the user behind the session, empty for an account's root."""
    entity_id: str = ""
    """AROA... or AIDA...: who takes the same name later does not inherit the session."""
    name: str = ""
    """The name of a role's session or of a federated user."""
    expires: datetime
    policy: str = ""
    """The session policy that was passed as a document."""
    policy_arns: tuple[str, ...] = ()
    """The managed policies that were passed as session policies."""
    tags: dict[str, str] = {}
    transitive: tuple[str, ...] = ()
    """The keys, as they are spelled in `tags`, that roles down the chain inherit."""
    source_identity: str = ""
    mfa: datetime | None = None
    """When a second factor was shown; None where none was."""
    provider: str = ""
    """The ARN of the OpenID Connect or SAML provider that the session came through."""
    keys: dict[str, tuple[str, ...]] = {}
    """Condition keys that the provider vouched for, in lower case: `saml:sub`, `ISSUER:aud`."""

    @property
    def limited(self) -> bool:
        """Whether session policies hold the session."""
        return bool(self.policy or self.policy_arns) or self.kind in ("federated", "root")

    def __repr__(self) -> str:
        return f"Grant({self.kind}, {self.account}/{self.entity}/{self.name})"


def condition_keys(grant: Grant) -> Mapping[str, tuple[str, ...]]:
    """Return the condition keys that every request of a session carries."""
    keys = {
        **grant.keys,
        "aws:multifactorauthpresent": ("true" if grant.mfa is not None else "false",),
    }
    if grant.source_identity:
        keys["aws:sourceidentity"] = (grant.source_identity,)
    if grant.provider:
        keys["aws:federatedprovider"] = (grant.provider,)
    if grant.kind == "root":
        keys["aws:assumedroot"] = ("true",)
    return MappingProxyType(keys)
