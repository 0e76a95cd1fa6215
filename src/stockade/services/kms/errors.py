# SPDX-License-Identifier: Apache-2.0
"""AWS KMS's errors: all client errors are HTTP 400, the texts are those recorded from AWS."""

from __future__ import annotations

from stockade.core.errors import AwsError


class NotFoundException(AwsError):
    """A key or alias that does not exist."""

    code = "NotFoundException"


class InvalidArnException(AwsError):
    """An ARN that is malformed or of another Region."""

    code = "InvalidArnException"


class InvalidAliasNameException(AwsError):
    """An alias name that AWS does not take."""

    code = "InvalidAliasNameException"


class AlreadyExistsException(AwsError):
    """An alias that is there already."""

    code = "AlreadyExistsException"
    template = "An alias with the name {arn} already exists"


class NotAuthorizedException(AwsError):
    """A name that belongs to AWS."""

    code = "NotAuthorizedException"


class DisabledException(AwsError):
    """The key is disabled."""

    code = "DisabledException"
    template = "{arn} is disabled."


class KMSInvalidStateException(AwsError):
    """The key's state does not allow the operation."""

    code = "KMSInvalidStateException"
    template = "{arn} is {state}."


class InvalidKeyUsageException(AwsError):
    """The key is not for this."""

    code = "InvalidKeyUsageException"


class IncorrectKeyException(AwsError):
    """The ciphertext was made under another key than the one named."""

    code = "IncorrectKeyException"
    template = "The key ID in the request does not identify a CMK that can perform this operation."


class InvalidCiphertextException(AwsError):
    """A ciphertext that is damaged, foreign, or bound to another encryption context."""

    code = "InvalidCiphertextException"


class KMSInvalidSignatureException(AwsError):
    """A signature that is not one of this message by this key."""

    code = "KMSInvalidSignatureException"


class KMSInvalidMacException(AwsError):
    """An HMAC that is not that of this message under this key."""

    code = "KMSInvalidMacException"


class IncorrectKeyMaterialException(AwsError):
    """Imported material that is not what the key can take."""

    code = "IncorrectKeyMaterialException"


class InvalidImportTokenException(AwsError):
    """An import token that is damaged or was given for another key."""

    code = "InvalidImportTokenException"


class ExpiredImportTokenException(AwsError):
    """An import token that is more than 24 hours old."""

    code = "ExpiredImportTokenException"


class ConflictException(AwsError):
    """A rotation that another one is in the way of."""

    code = "ConflictException"


class InvalidGrantTokenException(AwsError):
    """A grant token that no grant stands behind."""

    code = "InvalidGrantTokenException"


class InvalidMarkerException(AwsError):
    """A marker that no earlier answer gave."""

    code = "InvalidMarkerException"


class LimitExceededException(AwsError):
    """A quota is used up."""

    code = "LimitExceededException"


class MalformedPolicyDocumentException(AwsError):
    """A key policy that is not well formed, or that locks its author out."""

    code = "MalformedPolicyDocumentException"


class TagException(AwsError):
    """Tags that AWS does not take."""

    code = "TagException"


class UnsupportedOperationException(AwsError):
    """An operation or a parameter that does not go with this key."""

    code = "UnsupportedOperationException"


class DryRunOperationException(AwsError):
    """The answer to a DryRun that would have succeeded."""

    code = "DryRunOperationException"
    template = "The request would have succeeded, but the DryRun option is set."


class ThrottlingException(AwsError):
    """A request quota is used up for the moment."""

    code = "ThrottlingException"
    template = (
        "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls."
    )


class ValidationException(AwsError):
    """A request that the model allows and KMS does not."""

    code = "ValidationException"
