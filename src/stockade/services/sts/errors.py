# SPDX-License-Identifier: Apache-2.0
"""STS's errors, with the codes and HTTP statuses of AWS's model and the texts that AWS answers."""

from __future__ import annotations

from stockade.core.errors import AwsError, ValidationError
from stockade.protocol.refusals import AccessDenied

__all__ = [
    "AccessDenied",
    "ExpiredIdentityToken",
    "IdpCommunicationError",
    "IdpRejectedClaim",
    "InvalidAuthorizationMessage",
    "InvalidIdentityToken",
    "InvalidParameterValue",
    "JwtPayloadSizeExceeded",
    "MalformedPolicyDocument",
    "PackedPolicyTooLarge",
    "SessionDurationEscalation",
    "ValidationError",
]


class MalformedPolicyDocument(AwsError):
    """A session policy that breaks the grammar."""

    code = "MalformedPolicyDocument"


class PackedPolicyTooLarge(AwsError):
    """Session policies and tags that take more room than a session has."""

    code = "PackedPolicyTooLarge"
    template = "Packed policy consumes {percent}% of allotted space, please use smaller policy."


class InvalidParameterValue(AwsError):
    """Session tags that contradict each other or the session that asks."""

    code = "InvalidParameterValue"


class InvalidIdentityToken(AwsError):
    """A web identity token or SAML assertion that does not prove anything."""

    code = "InvalidIdentityToken"


class ExpiredIdentityToken(AwsError):
    """A web identity token or SAML assertion whose time is over."""

    code = "ExpiredTokenException"


class IdpRejectedClaim(AwsError):
    """An identity provider that says no, or a claim that it does not stand for."""

    code = "IDPRejectedClaim"
    status = 403


class IdpCommunicationError(AwsError):
    """An identity provider that cannot be reached."""

    code = "IDPCommunicationError"
    template = (
        "Couldn't retrieve verification key from your identity provider,  "
        "please reference AssumeRoleWithWebIdentity documentation for requirements"
    )


class InvalidAuthorizationMessage(AwsError):
    """An encoded message that this account was never given."""

    code = "InvalidAuthorizationMessageException"
    template = "Message is not valid"


class SessionDurationEscalation(AwsError):
    """A token that would outlive the session that asks for it."""

    code = "SessionDurationEscalationException"
    status = 403
    template = (
        "The requested token duration would extend the session beyond its original expiration time."
    )


class JwtPayloadSizeExceeded(AwsError):
    """A token whose claims take more room than a token has."""

    code = "JWTPayloadSizeExceededException"
    template = "The requested token payload size exceeds the maximum allowed size."
