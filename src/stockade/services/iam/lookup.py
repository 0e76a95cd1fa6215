# SPDX-License-Identifier: Apache-2.0
"""From a name or an ARN to the user, group, role or managed policy that it stands for."""

from __future__ import annotations

import re
from typing import NamedTuple

from stockade.core.arn import parse_arn
from stockade.services.iam import aws_managed
from stockade.services.iam.errors import InvalidInput, ValidationError
from stockade.services.iam.resources import (
    AWS_OWNED,
    GROUPS,
    INSTANCE_PROFILES,
    POLICIES,
    ROLES,
    USERS,
    Group,
    InstanceProfile,
    ManagedPolicy,
    Role,
    User,
    scope_of,
)
from stockade.store.unit import Unit

ACCOUNT = re.compile(r"[0-9]{12}")


class PolicyName(NamedTuple):
    """What the ARN of a managed policy says."""

    owner: str
    """An account, or `aws`."""
    path: str
    name: str


def find_user(unit: Unit, account: str, name: str) -> User | None:
    """Return the user of a name, whatever its case."""
    return unit.get(USERS, scope_of(account), name.lower())


def find_group(unit: Unit, account: str, name: str) -> Group | None:
    """Return the group of a name, whatever its case."""
    return unit.get(GROUPS, scope_of(account), name.lower())


def find_instance_profile(unit: Unit, account: str, name: str) -> InstanceProfile | None:
    """Return the instance profile of a name, whatever its case."""
    return unit.get(INSTANCE_PROFILES, scope_of(account), name.lower())


def find_role(unit: Unit, account: str, name: str) -> Role | None:
    """Return the role of a name, whatever its case."""
    return unit.get(ROLES, scope_of(account), name.lower())


def find_policy(unit: Unit, account: str, text: str) -> ManagedPolicy | None:
    """Return the managed policy of an ARN: the account's own, or one that AWS manages."""
    named = parse_policy_arn(text)
    if named is None:
        return None
    if named.owner == AWS_OWNED:
        policy = aws_managed.find(named.name)
    elif named.owner == account:
        policy = unit.get(POLICIES, scope_of(account), named.name.lower())
    else:
        return None
    return policy if policy is not None and policy.arn == text else None


def parse_policy_arn(text: str) -> PolicyName | None:
    """Return what an ARN of a managed policy says, or None when it is not one."""
    fields = parse_arn(text)
    if fields is None or fields.service != "iam" or fields.region:
        return None
    kind, _, rest = fields.resource.partition("/")
    path, _, name = rest.rpartition("/")
    owned = fields.account == AWS_OWNED or ACCOUNT.fullmatch(fields.account)
    if kind != "policy" or not name or not owned:
        return None
    return PolicyName(fields.account, f"/{path}/" if path else "/", name)


def must_be_policy_arn(text: str) -> PolicyName:
    """Return what an ARN of a managed policy says, or refuse it in AWS's words."""
    named = parse_policy_arn(text)
    if named is None:
        refusal = InvalidInput if parse_arn(text) else ValidationError
        raise refusal(f"ARN {text} is not valid.")
    return named


def entity_of_arn(unit: Unit, text: str) -> User | Role | None:
    """Return the user or role that an ARN names exactly."""
    fields = parse_arn(text)
    if fields is None or fields.service != "iam" or not fields.resource.startswith("user/"):
        return role_of_arn(unit, text)
    user = find_user(unit, fields.account, fields.resource.rpartition("/")[2])
    return user if user is not None and user.arn == text else None


def role_of_arn(unit: Unit, text: str) -> Role | None:
    """Return the role that a role ARN names exactly."""
    fields = parse_arn(text)
    if fields is None or not fields.resource.startswith("role/"):
        return None
    role = find_role(unit, fields.account, fields.resource.rpartition("/")[2])
    return role if role is not None and role.arn == text else None
