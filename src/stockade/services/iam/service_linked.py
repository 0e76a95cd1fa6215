# SPDX-License-Identifier: Apache-2.0
"""Service-linked roles: made for a service, with its policy, and changed by nobody but it.

access.py keeps everybody else's changes away (`role_changed`); description and tags may change. A
deletion is a task with a status; here nothing stands in its way, so it is done at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from stockade.core.access import Demand, Touched
from stockade.core.context import Context
from stockade.core.ids import unique_id, uuid_of
from stockade.core.operation import Output
from stockade.services.iam import aws_managed, quotas, view
from stockade.services.iam.access import condition_keys, not_found, role_named
from stockade.services.iam.errors import InvalidInput, NoSuchEntity
from stockade.services.iam.lookup import find_role
from stockade.services.iam.resources import (
    DELETION_TASKS,
    ROLES,
    SERVICE_LINKED_PATH,
    DeletionTask,
    Role,
    role_arn,
    whole_second,
)
from stockade.services.iam.service import iam
from stockade.services.iam.service_linked_names import LINKED, SUFFIXED


def _creation(ctx: Context, params: Mapping[str, Any]) -> Touched:
    """Resolve CreateServiceLinkedRole: the ARN that the role will have."""
    service = params["AWSServiceName"]
    name = _name(service, params.get("CustomSuffix", ""))
    keys = condition_keys(params, {})

    def find(key: str) -> tuple[str, ...] | None:
        return (service,) if key == "iam:awsservicename" else keys(key)

    arn = role_arn(ctx.account, _path(service), name)
    demand = Demand(action="iam:CreateServiceLinkedRole", arn=arn, account=ctx.account, keys=find)
    return Touched(demands=(demand,))


@iam.operation(access=_creation, writes=True)
def create_service_linked_role(
    ctx: Context, *, aws_service_name: str, description: str = "", custom_suffix: str = ""
) -> Output:
    """Make the role of a service, with the policy that AWS gives it."""
    if aws_service_name not in LINKED:
        raise InvalidInput(f"{aws_service_name} has no service-linked role.")
    if custom_suffix and aws_service_name not in SUFFIXED:
        raise InvalidInput(f"Custom suffix is not allowed for {aws_service_name}")
    name = _name(aws_service_name, custom_suffix)
    if find_role(ctx.unit, ctx.account, name) is not None:
        raise InvalidInput(
            f"Service role name {name} has been taken in this account, please try a different "
            "suffix."
        )
    quotas.check_room(ctx, ROLES, quotas.ROLES, "RolesPerAccount")
    policy = aws_managed.find(LINKED[aws_service_name][1])
    role = Role(
        account=ctx.account,
        name=name,
        path=_path(aws_service_name),
        unique_id=unique_id("AROA", ctx.account, ctx.random),
        created=whole_second(ctx.now),
        trust_policy=_trust(aws_service_name),
        description=description,
        attached=(policy.arn,) if policy else (),
    )
    ctx.unit.put(ROLES, ctx.global_scope, role)
    return {"Role": view.role_made(role)}


@iam.operation(access=role_named("iam:DeleteServiceLinkedRole"), writes=True)
def delete_service_linked_role(ctx: Context, role: Role, *, role_name: str) -> Output:
    """Delete the role of a service and return the task that did it."""
    if not role.service_linked:
        raise not_found("role", role_name)
    service = role.path.removeprefix(SERVICE_LINKED_PATH).rstrip("/")
    task = DeletionTask(
        task_id=f"task/aws-service-role/{service}/{role.name}/{uuid_of(ctx.random(16))}",
        created=ctx.now,
    )
    ctx.unit.delete(ROLES, ctx.global_scope, role.id)
    ctx.unit.put(DELETION_TASKS, ctx.global_scope, task)
    return {"DeletionTaskId": task.task_id}


def _deletion(ctx: Context, params: Mapping[str, Any]) -> Touched:
    """Resolve GetServiceLinkedRoleDeletionStatus: the task's id names the role's ARN."""
    task_id = params["DeletionTaskId"]
    match task_id.split("/"):
        case ["task", "aws-service-role", service, name, _]:
            arn = role_arn(ctx.account, _path(service), name)
        case _:
            raise InvalidInput(f"Deletion task id {task_id} is not valid.")
    task = ctx.unit.get(DELETION_TASKS, ctx.global_scope, task_id)
    demand = Demand(action="iam:GetServiceLinkedRoleDeletionStatus", arn=arn, account=ctx.account)
    missing = NoSuchEntity(f"Deletion task {task_id} cannot be found.")
    return Touched(demands=(demand,), resources=(task,), absent=None if task else missing)


@iam.operation(access=_deletion)
def get_service_linked_role_deletion_status(
    _ctx: Context, _task: DeletionTask, *, deletion_task_id: str
) -> Output:
    """Return how far a deletion is: it is done."""
    del deletion_task_id
    return {"Status": "SUCCEEDED"}


def _name(service: str, suffix: str) -> str:
    name, _ = LINKED.get(service, (f"AWSServiceRoleFor{service.partition('.')[0]}", ""))
    return f"{name}_{suffix}" if suffix else name


def _path(service: str) -> str:
    return f"{SERVICE_LINKED_PATH}{service}/"


def _trust(service: str) -> str:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sts:AssumeRole",
    }
    return msgspec.json.encode({"Version": "2012-10-17", "Statement": [statement]}).decode()
