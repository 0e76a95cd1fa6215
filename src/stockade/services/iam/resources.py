# SPDX-License-Identifier: Apache-2.0
"""What IAM stores: users, groups, roles, managed policies, instance profiles, access keys.

All of it belongs to an account and to no Region. A name is unique in its account whatever its case,
so the name in small letters is the id of the row; the ARN and every answer keep the name as it was
given. Inline policies and attachments stand in the user or role that they speak for: one read finds
them all, and one write changes them.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

import msgspec

from stockade.core.arn import arn
from stockade.store.resources import Collection, Scope
from stockade.store.vault import Sealed

SERVICE_LINKED_PATH = "/aws-service-role/"
"""Where the roles are that belong to services."""
ACCESS_JOB_LIFE = timedelta(days=7)
AWS_OWNED = "aws"
"""What stands for the account in the ARN of a policy that AWS manages."""


def scope_of(account: str) -> Scope:
    """Return where an account keeps what belongs to no Region."""
    return Scope(account, "")


def whole_second(moment: datetime) -> datetime:
    """Return a moment as IAM keeps and shows it."""
    return moment.replace(microsecond=0)


class Entity(msgspec.Struct, frozen=True, kw_only=True):
    """What users, groups and roles have in common: a name, and policies that speak for them."""

    account: str
    name: str
    path: str = "/"
    unique_id: str
    created: datetime
    inline: dict[str, str] = {}
    """Inline policies: name -> the document as it was put."""
    attached: tuple[str, ...] = ()
    """ARNs of attached managed policies."""

    @property
    def id(self) -> str:
        return self.name.lower()


class Group(Entity, frozen=True, kw_only=True):
    """A group of users; who is in it stands in the users."""

    @property
    def arn(self) -> str:
        return group_arn(self.account, self.path, self.name)


class User(Entity, frozen=True, kw_only=True):
    """An IAM user."""

    tags: dict[str, str] = {}
    groups: tuple[str, ...] = ()
    """Ids of the groups that the user is in."""
    boundary: str = ""
    """The ARN of the managed policy that is the permissions boundary."""

    @property
    def arn(self) -> str:
        return user_arn(self.account, self.path, self.name)


class Role(Entity, frozen=True, kw_only=True):
    """An IAM role."""

    tags: dict[str, str] = {}
    boundary: str = ""
    """The ARN of the managed policy that is the permissions boundary."""

    trust_policy: str
    trusted: dict[str, str] = {}
    """ARN of a user or role that the trust policy names -> its unique id (trusted.py)."""
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

    @property
    def service_linked(self) -> bool:
        """Whether the role belongs to a service of AWS, which alone may change it."""
        return self.path.startswith(SERVICE_LINKED_PATH)


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


class InstanceProfile(msgspec.Struct, frozen=True, kw_only=True):
    """What hands a role to an EC2 instance: a name with one role in it, or none."""

    account: str
    name: str
    path: str = "/"
    profile_id: str
    created: datetime
    role: str = ""
    """The id of the role; empty while there is none."""
    tags: dict[str, str] = {}

    @property
    def id(self) -> str:
        return self.name.lower()

    @property
    def arn(self) -> str:
        return instance_profile_arn(self.account, self.path, self.name)


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


class DeletionTask(msgspec.Struct, frozen=True, kw_only=True):
    """The deletion of a service-linked role."""

    task_id: str
    created: datetime


class AccessJob(msgspec.Struct, frozen=True, kw_only=True):
    """A report on what services somebody used, to be read for a while."""

    job_id: str
    arn: str
    """Of the user, group, role or policy that the report is on."""
    granularity: Literal["SERVICE_LEVEL", "ACTION_LEVEL"]
    created: datetime


def access_key_place(access_key_id: str) -> str:
    """Return the place that the seal of a secret access key is bound to."""
    return f"iam/access-key/{access_key_id}/sealed"


def root_arn(account: str) -> str:
    """Return the ARN of an account's root."""
    return arn("iam", "", account, "root")


def user_arn(account: str, path: str, name: str) -> str:
    """Return the ARN of a user."""
    return arn("iam", "", account, f"user{path}{name}")


def group_arn(account: str, path: str, name: str) -> str:
    """Return the ARN of a group."""
    return arn("iam", "", account, f"group{path}{name}")


def instance_profile_arn(account: str, path: str, name: str) -> str:
    """Return the ARN of an instance profile."""
    return arn("iam", "", account, f"instance-profile{path}{name}")


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
    indexes={
        "policy": lambda user: user.attached,
        "boundary": lambda user: user.boundary or None,
        "group": lambda user: user.groups,
    },
)
GROUPS: Collection[Group] = Collection(
    Group,
    service="iam",
    kind="group",
    id=lambda group: group.id,
    indexes={"policy": lambda group: group.attached},
)
ROLES: Collection[Role] = Collection(
    Role,
    service="iam",
    kind="role",
    id=lambda role: role.id,
    indexes={
        "policy": lambda role: role.attached,
        "boundary": lambda role: role.boundary or None,
        "trusted": lambda role: role.trusted,
    },
)
INSTANCE_PROFILES: Collection[InstanceProfile] = Collection(
    InstanceProfile,
    service="iam",
    kind="instance-profile",
    id=lambda profile: profile.id,
    indexes={"role": lambda profile: profile.role or None},
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
DELETION_TASKS: Collection[DeletionTask] = Collection(
    DeletionTask, service="iam", kind="deletion-task", id=lambda task: task.task_id
)
ACCESS_JOBS: Collection[AccessJob] = Collection(
    AccessJob,
    service="iam",
    kind="access-job",
    id=lambda job: job.job_id,
    due=lambda job: job.created + ACCESS_JOB_LIFE,
)
