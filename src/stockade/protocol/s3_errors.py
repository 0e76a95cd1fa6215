# SPDX-License-Identifier: Apache-2.0
"""What S3 answers to bodies in chunks and to forms (chunked.py, post_policy.py).

Texts are those of answers of S3 that others have recorded. `elements` are what the answer tells
beside code and message.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stockade.protocol.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Mapping


class S3Error(AwsError):
    """An error of S3 with the further elements of its answer."""

    def __init__(
        self,
        message: str | None = None,
        *,
        elements: Mapping[str, str] | None = None,
        **values: Any,
    ) -> None:
        super().__init__(message, **values)
        self._elements = dict(elements or {})

    def elements_on(self, family: str) -> Mapping[str, str]:
        """Return the further elements of the answer, in order."""
        return self._elements if family == "s3" else {}


class IncompleteBody(S3Error):
    """The body ends early, or its chunks are not what they say."""

    code = "IncompleteBody"
    template = "The request body terminated unexpectedly"


class MissingContentLength(S3Error):
    """A body in chunks does not say how long it is without them."""

    code = "MissingContentLength"
    status = 411
    template = "You must provide the Content-Length HTTP header."


class InvalidChunkSize(S3Error):
    """A chunk that is not the last is too small; or a signed one is too large."""

    code = "InvalidChunkSizeError"
    status = 403
    template = "Only the last chunk is allowed to have a size less than 8192 bytes"


class MalformedTrailer(S3Error):
    """The trailers are broken, or others than those that were announced."""

    code = "MalformedTrailerError"
    template = (
        "The request contained trailing data that was not well-formed or did not conform to our "
        "published schema."
    )


class InvalidTrailerHeader(S3Error):
    """The announced trailer is not a checksum."""

    code = "InvalidRequest"
    template = "The value specified in the x-amz-trailer header is not supported"


class InvalidChecksum(S3Error):
    """The checksum is not one at all."""

    code = "InvalidRequest"
    template = "Value for {name} trailing header is invalid."


class BadDigest(S3Error):
    """The checksum is that of another body."""

    code = "BadDigest"
    template = "The {algorithm} you specified did not match the calculated checksum."


class BodyNotMultipart(S3Error):
    """A POST to a bucket is not a form."""

    code = "PreconditionFailed"
    status = 412
    template = "At least one of the pre-conditions you specified did not hold"


class MalformedPost(S3Error):
    """The form is broken."""

    code = "MalformedPOSTRequest"
    template = "The body of your POST request is not well-formed multipart/form-data."


class PreDataTooLong(S3Error):
    """What stands before the file is too long."""

    code = "MaxPostPreDataLengthExceededError"
    template = "Your POST request fields preceding the upload file were too large."


class IncorrectNumberOfFiles(S3Error):
    """The form has no file."""

    code = "IncorrectNumberOfFilesInPostRequest"
    template = "POST requires exactly one file upload per request."


class InvalidArgument(S3Error):
    """A field is missing or cannot be read."""

    code = "InvalidArgument"


class InvalidPolicyDocument(S3Error):
    """The policy of a form cannot be read."""

    code = "InvalidPolicyDocument"


class EntityTooSmall(S3Error):
    """The file is smaller than the policy allows."""

    code = "EntityTooSmall"
    template = "Your proposed upload is smaller than the minimum allowed size"


class EntityTooLarge(S3Error):
    """The file is larger than the policy allows."""

    code = "EntityTooLarge"
    template = "Your proposed upload exceeds the maximum allowed size"
