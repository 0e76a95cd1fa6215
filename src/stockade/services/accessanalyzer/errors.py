# SPDX-License-Identifier: Apache-2.0
"""Access Analyzer's errors, with the HTTP statuses of its model."""

from __future__ import annotations

from stockade.core.errors import AwsError


class ResourceNotFoundException(AwsError):
    """An analyzer, rule, finding or resource that does not exist."""

    code = "ResourceNotFoundException"
    status = 404

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(
            f"The {kind} {name} was not found.",
            members={"resourceId": name, "resourceType": kind},
        )


class ConflictException(AwsError):
    """Something of this name is there already."""

    code = "ConflictException"
    status = 409

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(
            f"The {kind} {name} already exists.",
            members={"resourceId": name, "resourceType": kind},
        )


class ServiceQuotaExceededException(AwsError):
    """A quota is used up."""

    code = "ServiceQuotaExceededException"
    status = 402

    def __init__(self, kind: str, name: str, quota: int) -> None:
        super().__init__(
            f"The quota of {quota} for {kind} is used up.",
            members={"resourceId": name, "resourceType": kind},
        )


class ValidationException(AwsError):
    """A request that the model allows and Access Analyzer does not."""

    code = "ValidationException"

    def __init__(self, message: str, reason: str = "other") -> None:
        super().__init__(message, members={"reason": reason})


class UnprocessableEntityException(AwsError):
    """Policies that cannot be compared in reasonable time."""

    code = "UnprocessableEntityException"
    status = 422

    def __init__(self) -> None:
        super().__init__("The specified entity could not be processed.")


class InvalidParameterException(AwsError):
    """A policy that cannot be read."""

    code = "InvalidParameterException"
