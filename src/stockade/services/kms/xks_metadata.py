# SPDX-License-Identifier: Apache-2.0
"""What KMS tells a proxy of the call behind a request: the specification's `requestMetadata`."""

from __future__ import annotations

from stockade.core.context import Context
from stockade.protocol.xks import RequestMetadata

_AWS = "AWS Internal"


def request_metadata(ctx: Context, operation: str, key_arn: str | None = None) -> RequestMetadata:
    """Return the metadata of a call; CreateKey has no key's ARN to tell yet.

    The principal of a role session is its role, as in `aws:PrincipalArn`; of a service its name.
    """
    principal = ctx.caller.principal
    return RequestMetadata(
        kms_operation=operation,
        kms_request_id=ctx.request_id,
        aws_principal_arn=principal.role_arn or principal.arn or principal.service or _AWS,
        kms_key_arn=key_arn,
        kms_via_service=ctx.via[-1].removesuffix(".amazonaws.com") if ctx.via else None,
    )


def health_metadata(request_id: str, operation: str = "KmsHealthCheck") -> RequestMetadata:
    """Return the metadata of GetHealthStatus: `operation` is what made KMS ask."""
    return RequestMetadata(kms_operation=operation, kms_request_id=request_id)
