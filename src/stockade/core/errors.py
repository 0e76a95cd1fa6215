# SPDX-License-Identifier: Apache-2.0
"""Errors that every service shares; a service's own stand in its `errors.py`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from stockade.protocol.errors import AwsError, FamilyError

__all__ = [
    "AwsError",
    "FamilyError",
    "InternalFailure",
    "MemberNotHonoured",
    "OperationNotServed",
    "RequestTooLarge",
    "ServiceUnavailable",
    "ValidationError",
]


class InternalFailure(FamilyError):
    """A bug of ours: the log has the reason under the request id, the wire has nothing."""

    code = "InternalFailure"
    status = 500
    template = (
        "The request processing has failed because of an unknown error, exception or failure."
    )


class ServiceUnavailable(FamilyError):
    """The store or the journal cannot be reached: nothing was changed, trying again is right."""

    code = "ServiceUnavailable"
    status = 503
    template = "The request has failed due to a temporary failure of the server."


class ValidationError(FamilyError):
    """A request that the model allows and the service does not."""

    code = "ValidationException"
    forms: ClassVar[Mapping[str, tuple[str, int]]] = {
        "query": ("ValidationError", 400),
        "ec2": ("ValidationError", 400),
    }


class MemberNotHonoured(ValidationError):
    """A member of AWS's model that this Stockade does not honour: said, never swallowed."""

    template = "Stockade does not honour the member {member} of {operation} yet."


class OperationNotServed(FamilyError):
    """An operation of AWS's model that this Stockade does not serve."""

    code = "UnknownOperationException"
    forms: ClassVar[Mapping[str, tuple[str, int]]] = {
        "query": ("InvalidAction", 400),
        "ec2": ("InvalidAction", 400),
    }
    template = "Stockade does not serve {service}:{operation} yet."


class RequestTooLarge(FamilyError):
    """A body over the limit."""

    code = "RequestEntityTooLargeException"
    status = 413
    forms: ClassVar[Mapping[str, tuple[str, int]]] = {"query": ("RequestEntityTooLarge", 413)}
    template = "Request size exceeded {limit} bytes."
