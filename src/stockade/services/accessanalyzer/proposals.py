# SPDX-License-Identifier: Apache-2.0
"""Proposed configurations of resources, and whom they would let in.

What is not proposed is as it is: the policy that the resource has, or what it would be made with.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from stockade.core.context import Context
from stockade.policy.exposure import Exposure, Zone
from stockade.services.accessanalyzer.errors import ValidationException
from stockade.services.accessanalyzer.external import Source, exposures_of, find_source
from stockade.services.accessanalyzer.resources import Analyzer

Configuration = Mapping[str, Any]


class Kind(NamedTuple):
    """A kind of configuration: the type of its resource, and the member with the policy."""

    resource_type: str
    policy: str
    more: frozenset[str] = frozenset()
    """Other members that are honoured."""


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "dynamodbStream": Kind("AWS::DynamoDB::Stream", "streamPolicy"),
        "dynamodbTable": Kind("AWS::DynamoDB::Table", "tablePolicy"),
        "ecrRepository": Kind("AWS::ECR::Repository", "repositoryPolicy"),
        "efsFileSystem": Kind("AWS::EFS::FileSystem", "fileSystemPolicy"),
        "iamRole": Kind("AWS::IAM::Role", "trustPolicy"),
        "kmsKey": Kind("AWS::KMS::Key", "keyPolicies", frozenset({"grants"})),
        "s3Bucket": Kind("AWS::S3::Bucket", "bucketPolicy", frozenset({"bucketPublicAccessBlock"})),
        "s3ExpressDirectoryBucket": Kind("AWS::S3Express::DirectoryBucket", "bucketPolicy"),
        "secretsManagerSecret": Kind(
            "AWS::SecretsManager::Secret", "secretPolicy", frozenset({"kmsKeyId"})
        ),
        "snsTopic": Kind("AWS::SNS::Topic", "topicPolicy"),
        "sqsQueue": Kind("AWS::SQS::Queue", "queuePolicy"),
    }
)
NEVER_EMPTY = frozenset({"iamRole", "kmsKey"})
"""Whose resources always have a policy."""


def proposed(ctx: Context, analyzer: Analyzer, arn: str, given: Configuration) -> Source:
    """Return a resource with the policy that it would have, which may be none."""
    name, configuration = _only(given)
    kind = _kind(name, configuration)
    current = find_source(ctx, analyzer, arn, analyzer.account)
    policy = _policy(name, configuration)
    if policy is None:
        policy = current.policy if current else ""
        if name == "iamRole" and current is None:
            raise _invalid("The trust policy of a new role must be specified.")
    elif not policy and name in NEVER_EMPTY:
        raise _invalid("The proposed policy cannot be an empty string.")
    return Source(arn, kind.resource_type, policy, analyzer.account)


def exposures_by(source: Source, given: Configuration, zone: Zone) -> list[Exposure] | None:
    """Return whom a resource would let in; None where the proposal cannot be read."""
    _, configuration = _only(given)
    texts = [source.policy] if source.policy else []
    if configuration.get("grants"):
        texts.append(_as_policy(configuration["grants"]))
    found: list[Exposure] = []
    for text in texts:
        exposed = exposures_of(text, source.type, zone)
        if exposed is None:
            return None
        found += exposed
    block = configuration.get("bucketPublicAccessBlock", {})
    if block.get("restrictPublicBuckets") and any(one.public for one in found):
        return []  # S3 lets in nobody but the account itself then
    return found


def _only(given: Configuration) -> tuple[str, Configuration]:
    """Return the one configuration of a union, and its kind."""
    if len(given) != 1:
        raise _invalid("A configuration must be of exactly one kind.")
    ((name, configuration),) = given.items()
    return name, configuration


def _kind(name: str, configuration: Configuration) -> Kind:
    kind = KINDS.get(name)
    if kind is None:
        raise _unsupported(name)
    for member in configuration:
        if member != kind.policy and member not in kind.more:
            raise _unsupported(f"{name}.{member}")
    return kind


def _policy(name: str, configuration: Configuration) -> str | None:
    """Return the policy that is proposed, None where there is none."""
    policy: str | None
    if name == "kmsKey":
        policies = configuration.get("keyPolicies", {})
        if not policies.keys() <= {"default"}:
            raise _invalid("The only valid name of a key policy is default.")
        policy = policies.get("default")
    else:
        policy = configuration.get(KINDS[name].policy)
    return policy


def _as_policy(grants: Sequence[Configuration]) -> str:
    """Return the policy that lets in whom grants do."""
    return json.dumps({"Version": "2012-10-17", "Statement": [_statement(one) for one in grants]})


def _statement(grant: Configuration) -> dict[str, Any]:
    constraints = grant.get("constraints", {})
    pairs = {
        **constraints.get("encryptionContextSubset", {}),
        **constraints.get("encryptionContextEquals", {}),
    }
    keys = {f"kms:EncryptionContext:{key}": value for key, value in pairs.items()}
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": grant["granteePrincipal"]},
        "Action": [f"kms:{operation}" for operation in grant["operations"]],
        "Resource": "*",
    }
    return statement | ({"Condition": {"StringEquals": keys}} if keys else {})


def _invalid(message: str) -> ValidationException:
    return ValidationException(message, "fieldValidationFailed")


def _unsupported(name: str) -> ValidationException:
    return ValidationException(f"Access previews of {name} are not supported.", "notSupported")
