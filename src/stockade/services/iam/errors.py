# SPDX-License-Identifier: Apache-2.0
"""IAM's errors, with the codes and HTTP statuses of AWS's model."""

from __future__ import annotations

from stockade.core.errors import AwsError, ValidationError

__all__ = [
    "DeleteConflict",
    "EntityAlreadyExists",
    "InvalidInput",
    "LimitExceeded",
    "MalformedPolicyDocument",
    "NoSuchEntity",
    "PolicyNotAttachable",
    "UnmodifiableEntity",
    "ValidationError",
]


class NoSuchEntity(AwsError):
    """A user, role, policy or access key that does not exist."""

    code = "NoSuchEntity"
    status = 404


class EntityAlreadyExists(AwsError):
    """A name that is taken, in whatever case."""

    code = "EntityAlreadyExists"
    status = 409


class DeleteConflict(AwsError):
    """Something that still hangs on what is to be deleted."""

    code = "DeleteConflict"
    status = 409


class LimitExceeded(AwsError):
    """A quota is used up."""

    code = "LimitExceeded"
    status = 409


class InvalidInput(AwsError):
    """A value that the model allows and IAM does not."""

    code = "InvalidInput"


class PolicyNotAttachable(AwsError):
    """A policy that AWS made for the roles of its services alone."""

    code = "PolicyNotAttachable"


class UnmodifiableEntity(AwsError):
    """A role that only its service may change."""

    code = "UnmodifiableEntity"
    template = (
        "Cannot perform the operation on the protected role '{role}' - this role is only "
        "modifiable by AWS"
    )


class MalformedPolicyDocument(AwsError):
    """A policy that breaks the grammar of its kind."""

    code = "MalformedPolicyDocument"
