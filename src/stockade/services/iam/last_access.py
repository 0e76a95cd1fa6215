# SPDX-License-Identifier: Apache-2.0
"""Reports on which services somebody may use, and used last when: what the audit trail says.

AWS lets a job gather the data; here it is gathered when it is read, as of the job's moment. The
services are those that Stockade knows by name. Calls that were denied count too.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple

from stockade.core.access import on_everything
from stockade.core.context import Context
from stockade.core.ids import uuid_of
from stockade.core.operation import Output
from stockade.policy.compile import Policy
from stockade.services.iam import callers
from stockade.services.iam.errors import NoSuchEntity
from stockade.services.iam.granting import Subject, arn_named, find_subject, grants, speaking_for
from stockade.services.iam.last_used import records
from stockade.services.iam.paging import PAGE, among, listed
from stockade.services.iam.resources import (
    ACCESS_JOBS,
    ROLES,
    USERS,
    AccessJob,
    Entity,
    Group,
    Role,
    User,
)
from stockade.services.iam.service import iam
from stockade.store import entries
from stockade.store.entries import Entry
from stockade.store.resources import from_micros

SERVICES: Mapping[str, str] = MappingProxyType(
    {
        "access-analyzer": "AWS IAM Access Analyzer",
        "acm": "AWS Certificate Manager",
        "acm-pca": "AWS Private Certificate Authority",
        "cloudtrail": "AWS CloudTrail",
        "dynamodb": "Amazon DynamoDB",
        "ec2": "Amazon EC2",
        "events": "Amazon EventBridge",
        "fms": "AWS Firewall Manager",
        "guardduty": "Amazon GuardDuty",
        "iam": "AWS Identity and Access Management",
        "inspector2": "Amazon Inspector2",
        "kms": "AWS Key Management Service",
        "lambda": "AWS Lambda",
        "logs": "Amazon CloudWatch Logs",
        "macie2": "Amazon Macie",
        "organizations": "AWS Organizations",
        "rds": "Amazon RDS",
        "s3": "Amazon S3",
        "secretsmanager": "AWS Secrets Manager",
        "shield": "AWS Shield",
        "sns": "Amazon SNS",
        "sqs": "Amazon SQS",
        "ssm": "AWS Systems Manager",
        "sts": "AWS Security Token Service",
        "wafv2": "AWS WAF V2",
    }
)
"""Namespace of the actions -> name of the service."""
BATCH = 500
MOST_RECORDS = 10_000
"""How many of the newest calls to a service a report on actions looks at."""


class _Use(NamedTuple):
    """The last call of one user or role to one service."""

    who: User | Role
    entry: Entry

    @property
    def when(self) -> datetime:
        return from_micros(self.entry.micros)


@iam.operation(
    access=arn_named("iam:GenerateServiceLastAccessedDetails", policies=True), writes=True
)
def generate_service_last_accessed_details(
    ctx: Context, subject: Subject, *, arn: str, granularity: str = "SERVICE_LEVEL"
) -> Output:
    """Begin a report on the services that a user, group, role or policy gives access to."""
    del arn
    job = AccessJob(
        job_id=uuid_of(ctx.random(16)),
        arn=subject.arn,
        granularity="ACTION_LEVEL" if granularity == "ACTION_LEVEL" else "SERVICE_LEVEL",
        created=ctx.now,
    )
    ctx.unit.put(ACCESS_JOBS, ctx.global_scope, job)
    return {"JobId": job.job_id}


@iam.reconciles(ACCESS_JOBS)
def forget_job(_ctx: Context, _job: AccessJob) -> AccessJob | None:
    """Forget a report that is a week old."""
    return None


@iam.operation(access=on_everything("iam:GetServiceLastAccessedDetails"))
def get_service_last_accessed_details(
    ctx: Context, *, job_id: str, max_items: int = PAGE, marker: str | None = None
) -> Output:
    """Return the services of a report with who used each of them last."""
    job = _job(ctx, job_id)
    subject = _subject(ctx, job)
    policies = _policies(ctx, subject)
    allowed = [name for name in SERVICES if any(grants(each, name) for each in policies)]
    people = _people(ctx, subject)

    def show(namespace: str) -> dict[str, Any]:
        return _service(ctx, job, people, namespace)

    page = listed("ServicesLastAccessed", among(allowed, str), str, show, max_items, marker)
    return {"JobType": job.granularity, **_head(job), **page}


@iam.operation(access=on_everything("iam:GetServiceLastAccessedDetailsWithEntities"))
def get_service_last_accessed_details_with_entities(
    ctx: Context,
    *,
    job_id: str,
    service_namespace: str,
    max_items: int = PAGE,
    marker: str | None = None,
) -> Output:
    """Return the users and roles that may use a service, with when each used it last."""
    job = _job(ctx, job_id)
    people = among(_people(ctx, _subject(ctx, job)), _person_id)

    def show(who: User | Role) -> dict[str, Any]:
        use = _last_use(ctx, job, who, service_namespace)
        told = {"EntityInfo": _entity(who)}
        return told | ({"LastAuthenticated": use.when} if use else {})

    page = listed("EntityDetailsList", people, _person_id, show, max_items, marker)
    return _head(job) | page


def _job(ctx: Context, job_id: str) -> AccessJob:
    job = ctx.unit.get(ACCESS_JOBS, ctx.global_scope, job_id)
    if job is None:
        raise NoSuchEntity(f"Job {job_id} cannot be found.")
    return job


def _head(job: AccessJob) -> dict[str, Any]:
    return {
        "JobStatus": "COMPLETED",
        "JobCreationDate": job.created,
        "JobCompletionDate": job.created,
    }


def _subject(ctx: Context, job: AccessJob) -> Subject:
    subject = find_subject(ctx, job.arn)
    if subject is None:
        raise NoSuchEntity(f"{job.arn} cannot be found.")
    return subject


def _policies(ctx: Context, subject: Subject) -> list[Policy]:
    if isinstance(subject, Entity):
        return [each.policy for each in speaking_for(ctx, subject)]
    managed = callers.managed_policy(ctx.unit, ctx.account, subject.arn)
    return [managed] if managed else []


def _people(ctx: Context, subject: Subject) -> list[User | Role]:
    """Return the users and roles whose calls count for a report on a subject."""
    scope = ctx.global_scope
    if isinstance(subject, (User, Role)):
        return [subject]
    if isinstance(subject, Group):
        return [*ctx.unit.find(USERS, scope, "group", subject.id)]
    roles = ctx.unit.find(ROLES, scope, "policy", subject.arn)
    return [*ctx.unit.find(USERS, scope, "policy", subject.arn), *roles]


def _service(
    ctx: Context, job: AccessJob, people: list[User | Role], namespace: str
) -> dict[str, Any]:
    uses = [use for who in people if (use := _last_use(ctx, job, who, namespace))]
    shown: dict[str, Any] = {
        "ServiceName": SERVICES[namespace],
        "ServiceNamespace": namespace,
        "TotalAuthenticatedEntities": len(uses),
    }
    if uses:
        last = max(uses, key=lambda use: use.entry.micros)
        shown["LastAuthenticated"] = last.when
        shown["LastAuthenticatedEntity"] = last.who.arn
        shown["LastAuthenticatedRegion"] = last.entry.region
    if job.granularity == "ACTION_LEVEL":
        shown["TrackedActionsLastAccessed"] = _actions(ctx, job, uses, namespace)
    return shown


def _actions(
    ctx: Context, job: AccessJob, uses: list[_Use], namespace: str
) -> list[dict[str, Any]]:
    """Return the operations that were called, by name, each with its last call."""
    last: dict[str, _Use] = {}
    for use in (use for each in uses for use in _calls(ctx, job, each.who, namespace)):
        known = last.get(use.entry.event_name)
        if known is None or known.entry.micros < use.entry.micros:
            last[use.entry.event_name] = use
    return [
        {
            "ActionName": name,
            "LastAccessedEntity": last[name].who.arn,
            "LastAccessedTime": last[name].when,
            "LastAccessedRegion": last[name].entry.region,
        }
        for name in sorted(last)
    ]


def _last_use(ctx: Context, job: AccessJob, who: User | Role, namespace: str) -> _Use | None:
    found = _calls(ctx, job, who, namespace, most=1)
    return found[0] if found else None


def _calls(
    ctx: Context, job: AccessJob, who: User | Role, namespace: str, most: int = MOST_RECORDS
) -> list[_Use]:
    """Return the calls of a user or role to a service before the report, the newest first."""
    attribute = (entries.PRINCIPAL, f"{who.unique_id} {namespace}.amazonaws.com")
    found: list[_Use] = []
    before = None
    while len(found) < most:
        page, before = records(
            ctx, attribute, end=job.created, before=before, limit=min(BATCH, most)
        )
        found += [_Use(who, entry) for entry in page]
        if before is None:
            break
    return found


def _entity(who: User | Role) -> dict[str, str]:
    return {
        "Arn": who.arn,
        "Name": who.name,
        "Type": type(who).__name__.upper(),
        "Id": who.unique_id,
        "Path": who.path,
    }


def _person_id(who: User | Role) -> str:
    return f"{type(who).__name__}/{who.id}"
