# SPDX-License-Identifier: Apache-2.0
"""AWS managed keys: `aws/<service>`, one per account and Region, made on first use (kms-18).

Their policy lets everybody of the account use them through the service and look at them; nobody may
change, delete or rotate them, since no policy allows it. They rotate every year (kms-22). Until
somebody needs it, such a key is an alias without a key: ListAliases shows it so, and DescribeKey of
the alias makes the key.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import NamedTuple

from msgspec.structs import replace

from stockade.core.context import Context
from stockade.core.ids import uuid_of
from stockade.core.ports import Transactions
from stockade.services.kms import materials
from stockade.services.kms.resources import ALIASES, KEYS, Alias, Key, Rotation
from stockade.store.resources import Scope

PREFIX = "alias/aws/"
PERIOD_DAYS = 365


class ManagedKey(NamedTuple):
    """What AWS says of the key of a service."""

    via: str
    """The service as `kms:ViaService` names it."""
    title: str
    protects: str


SERVICES: Mapping[str, ManagedKey] = MappingProxyType(
    {
        "acm": ManagedKey("acm", "ACM", "ACM private keys"),
        "backup": ManagedKey("backup", "Backup", "Backup data"),
        "codecommit": ManagedKey("codecommit", "CodeCommit", "CodeCommit repositories"),
        "dynamodb": ManagedKey("dynamodb", "Amazon DynamoDB", "DynamoDB data"),
        "ebs": ManagedKey("ec2", "EBS", "EBS volumes"),
        "elasticfilesystem": ManagedKey("elasticfilesystem", "EFS", "EFS filesystems"),
        "es": ManagedKey("es", "Elasticsearch", "Elasticsearch data"),
        "fsx": ManagedKey("fsx", "FSx", "FSx resources"),
        "glue": ManagedKey("glue", "Glue", "Glue data"),
        "kinesis": ManagedKey("kinesis", "Kinesis", "Kinesis data"),
        "kinesisvideo": ManagedKey("kinesisvideo", "Kinesis Video", "Kinesis Video data"),
        "lambda": ManagedKey("lambda", "AWS Lambda", "Lambda functions"),
        "rds": ManagedKey("rds", "RDS", "RDS database volumes"),
        "redshift": ManagedKey("redshift", "Redshift", "Redshift clusters"),
        "s3": ManagedKey("s3", "S3", "S3 objects"),
        "secretsmanager": ManagedKey(
            "secretsmanager", "AWS Secrets Manager", "Secrets Manager data"
        ),
        "sns": ManagedKey("sns", "SNS", "SNS data"),
        "sqs": ManagedKey("sqs", "SQS", "SQS messages"),
        "ssm": ManagedKey("ssm", "SSM", "SSM parameters"),
        "workspaces": ManagedKey("workspaces", "Workspaces", "Workspaces volumes"),
        "xray": ManagedKey("xray", "X-Ray", "X-Ray data"),
    }
)
NAMES = tuple(sorted(PREFIX + service for service in SERVICES))
"""The predefined aliases, in the order of lists."""

USES = (
    "kms:Encrypt",
    "kms:Decrypt",
    "kms:ReEncrypt*",
    "kms:GenerateDataKey*",
    "kms:CreateGrant",
    "kms:DescribeKey",
)
LOOKS = ("kms:Describe*", "kms:Get*", "kms:List*", "kms:RevokeGrant")


class KmsManagedKeys:
    """The AWS managed keys, for the services that use them (see the port `ManagedKeys`)."""

    def managed_key(self, ctx: Context, account: str, region: str, service: str) -> str:
        """Return the ARN of a service's key in an account and Region, made where it is not yet."""
        scope, name = Scope(account, region), PREFIX + service
        key = _pointed_at(ctx, scope, name)
        return (make(ctx, name, planned(ctx, scope, name)) if key is None else key).arn


def planned(ctx: Context, scope: Scope, name: str) -> Key:
    """Return the key that a predefined alias is to have, for who has to decide over it."""
    service = name.removeprefix(PREFIX)
    period = timedelta(days=PERIOD_DAYS)
    return Key(
        key_id=uuid_of(ctx.random(16)),
        account=scope.account,
        region=scope.region,
        created=ctx.now,
        description=f"Default key that protects my {SERVICES[service].protects} when no other key "
        "is defined",
        manager="AWS",
        policy=policy(scope, service),
        rotation=Rotation(period_days=PERIOD_DAYS, next_date=ctx.now + period),
    )


def make(ctx: Context, name: str, key: Key) -> Key:
    """Store a planned key under its alias; return the one that is there if somebody was faster.

    Who only reads may need it, too, so it is a transaction of its own then.
    """

    def change(ctx: Context) -> Key:
        there = _pointed_at(ctx, key.scope, name)
        if there is not None:
            return there
        material = materials.generate(ctx, key.scope, key.key_id)
        made = replace(key, material_id=material.material_id)
        ctx.unit.put(KEYS, key.scope, made)
        alias = Alias(name=name, key_id=key.key_id, created=ctx.now, updated=ctx.now)
        ctx.unit.put(ALIASES, key.scope, alias)
        return made

    return ctx.port(Transactions).change(ctx, change)


def _pointed_at(ctx: Context, scope: Scope, name: str) -> Key | None:
    alias = ctx.unit.get(ALIASES, scope, name)
    return None if alias is None else ctx.unit.get(KEYS, scope, alias.key_id)


def policy(scope: Scope, service: str) -> str:
    """Return the policy of a service's key, in the form that AWS publishes."""
    managed = SERVICES[service]
    through = {
        "kms:CallerAccount": scope.account,
        "kms:ViaService": f"{managed.via}.{scope.region}.amazonaws.com",
    }
    statements = [
        {
            "Sid": f"Allow access through {managed.title} for all principals in the account that "
            f"are authorized to use {managed.title}",
            "Effect": "Allow",
            "Principal": {"AWS": "*"},
            "Action": USES,
            "Resource": "*",
            "Condition": {"StringEquals": through},
        },
        {
            "Sid": "Allow direct access to key metadata to the account",
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{scope.account}:root"},
            "Action": LOOKS,
            "Resource": "*",
        },
    ]
    document = {"Version": "2012-10-17", "Id": f"auto-{service}-2", "Statement": statements}
    return json.dumps(document, indent=2)
