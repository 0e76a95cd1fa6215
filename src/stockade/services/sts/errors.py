# SPDX-License-Identifier: Apache-2.0
"""STS's errors, with the codes and HTTP statuses of AWS's model."""

from __future__ import annotations

from stockade.core.errors import AwsError, ValidationError
from stockade.protocol.refusals import AccessDenied

__all__ = ["AccessDenied", "MalformedPolicyDocument", "PackedPolicyTooLarge", "ValidationError"]


class MalformedPolicyDocument(AwsError):
    """A session policy that breaks the grammar."""

    code = "MalformedPolicyDocument"


class PackedPolicyTooLarge(AwsError):
    """Session policies and tags that take more room than a session has."""

    code = "PackedPolicyTooLarge"
    template = "Packed policy consumes {percent}% of allotted space, please use smaller policy."
