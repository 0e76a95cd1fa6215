# SPDX-License-Identifier: Apache-2.0
"""What IAM stores: users, roles, managed policies, access keys.

All of it belongs to an account and to no Region. A name is unique in its account whatever its case,
so the name in small letters is the id of the row; the ARN and every answer keep the name as it was
given. Inline policies and attachments stand in the user or role that they speak for: one read finds
them all, and one write changes them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from stockade.core.arn import arn
from stockade.store.resources import Collection, Scope
from stockade.store.vault import Sealed

AWS_OWNED = "aws"
"""What stands for the account in the ARN of a policy that AWS manages."""


def scope_of(account: str) -> Scope:
    """Return where an account keeps what belongs to no Region."""
    return Scope(account, "")


def whole_second(moment: datetime) -> datetime:
    """Return a moment as IAM keeps and shows it."""
    return moment.replace(microsecond=0)


class Entity(msgspec.Struct, frozen=True, kw_only=True):
    """What a user and a role have in common: a name, and policies that speak for it."""

    account: str
    name: str
    path: str = "/"
    unique_id: str
    created: datetime
    inline: dict[str, str] = {}
    """Inline policies: name -> the document as it was put."""
    attached: tuple[str, ...] = ()
    """ARNs of attached managed policies."""
    tags: dict[str, str] = {}

    @property
    def id(self) -> str:
        return self.name.lower()


class User(Entity, frozen=True, kw_only=True):
    """An IAM user."""

    @property
    def arn(self) -> str:
        return user_arn(self.account, self.path, self.name)


class Role(Entity, frozen=True, kw_only=True):
    """An IAM role."""

    trust_policy: str
    description: str = ""
    max_session_duration: int = 3600
    """Seconds."""

    @property
    def arn(self) -> str:
        return role_arn(self.account, self.path, self.name)

    @property
    def role_id(self) -> str:
        """AROA..., which a role made anew under the same name does not share."""
        return self.unique_id


class PolicyVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a managed policy."""

    version_id: str
    document: str
    created: datetime


class ManagedPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """A managed policy with its versions, the oldest first."""

    account: str
    name: str
    path: str = "/"
    policy_id: str
    description: str = ""
    created: datetime
    updated: datetime
    versions: tuple[PolicyVersion, ...]
    default_version: str = "v1"
    last_version: int = 1
    """The number that was given last: AWS never gives one twice."""
    tags: dict[str, str] = {}

    @property
    def id(self) -> str:
        return self.name.lower()

    @property
    def arn(self) -> str:
        return policy_arn(self.account, self.path, self.name)

    @property
    def document(self) -> str:
        """The document in force."""
        return next(v.document for v in self.versions if v.version_id == self.default_version)


class AccessKey(msgspec.Struct, frozen=True, kw_only=True):
    """A long-lived access key of a user or of the account's root."""

    access_key_id: str
    user: str
    """The id of the user, empty for the account's root."""
    status: Literal["Active", "Inactive"] = "Active"
    created: datetime
    sealed: Sealed
    """The secret access key."""

    @property
    def place(self) -> str:
        return access_key_place(self.access_key_id)


def access_key_place(access_key_id: str) -> str:
    """Return the place that the seal of a secret access key is bound to."""
    return f"iam/access-key/{access_key_id}/sealed"


def root_arn(account: str) -> str:
    """Return the ARN of an account's root."""
    return arn("iam", "", account, "root")


def user_arn(account: str, path: str, name: str) -> str:
    """Return the ARN of a user."""
    return arn("iam", "", account, f"user{path}{name}")


def role_arn(account: str, path: str, name: str) -> str:
    """Return the ARN of a role."""
    return arn("iam", "", account, f"role{path}{name}")


def policy_arn(account: str, path: str, name: str) -> str:
    """Return the ARN of a managed policy."""
    return arn("iam", "", account, f"policy{path}{name}")


USERS: Collection[User] = Collection(
    User,
    service="iam",
    kind="user",
    id=lambda user: user.id,
    indexes={"policy": lambda user: user.attached},
)
ROLES: Collection[Role] = Collection(
    Role,
    service="iam",
    kind="role",
    id=lambda role: role.id,
    indexes={"policy": lambda role: role.attached},
)
POLICIES: Collection[ManagedPolicy] = Collection(
    ManagedPolicy, service="iam", kind="policy", id=lambda policy: policy.id
)
ACCESS_KEYS: Collection[AccessKey] = Collection(
    AccessKey,
    service="iam",
    kind="access-key",
    id=lambda key: key.access_key_id,
    indexes={"user": lambda key: key.user},
)
