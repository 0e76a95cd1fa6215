# SPDX-License-Identifier: Apache-2.0
"""What AWS answers when a request is turned away before any operation runs.

One class per failure of authentication and authorization. Every protocol family has its own code,
HTTP status and sometimes its own words for the same failure: `on(family)` gives the first two,
`message_on(family)` the words. Families: query, json, rest-json, s3, ec2, cbor. EC2 has fixed
words; S3 has words of its own, which depend on where the signature stood, and tells details in
further elements of its answer (`elements_on`).

Texts are those of AWS's recorded answers. No text repeats a signature, a token, a canonical request
or an Authorization header: where AWS names the header, it prints its hash, and so do we. S3's
elements repeat what the client sent to be signed, to that client alone: they are in no record.
What exactly is wrong, wording.py says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from stockade.protocol.errors import FamilyError

if TYPE_CHECKING:
    from collections.abc import Mapping

Form = tuple[str, int]

_EC2_CREDENTIALS: Form = ("AuthFailure", 401)
_EC2_TEXT = "AWS was not able to validate the provided access credentials"
_S3_QUERY: Form = ("AuthorizationQueryParametersError", 400)
_S3_SIGNATURE_TEXT = (
    "The request signature we calculated does not match the signature you provided. "
    "Check your key and signing method."
)


def _forms(query: Form, json: str, *, s3: Form, ec2: Form) -> Mapping[str, Form]:
    """Return the forms of a failure; the JSON code is 400 but for REST-JSON, which says 403."""
    return {
        "query": query,
        "json": (json, 400),
        "cbor": (json, 400),
        "rest-json": (json, 403),
        "s3": s3,
        "ec2": ec2,
    }


class S3Words(NamedTuple):
    """What S3 says of a signature in a header, and of one in a query."""

    header: str
    query: str


class Refusal(FamilyError):
    """A failure before any operation runs, with its code, status and words in every family.

    `s3` are S3's words for this very failure, `elements` what its answer tells beside them.
    """

    texts: ClassVar[Mapping[str, str]] = {}
    s3_words: ClassVar[S3Words | None] = None
    s3_query_form: ClassVar[Form | None] = None
    """S3's code and status where the signature stood in the query, if they are others then."""

    def __init__(
        self,
        message: str | None = None,
        *,
        s3: S3Words | None = None,
        elements: Mapping[str, str] | None = None,
        **values: Any,
    ) -> None:
        super().__init__(message, **values)
        self.presigned = False
        self._s3 = s3 or self.s3_words
        self._elements = dict(elements or {})

    def on(self, family: str) -> tuple[str, int]:
        if family == "s3" and self.presigned and self.s3_query_form is not None:
            return self.s3_query_form
        return super().on(family)

    def message_on(self, family: str) -> str:
        """Return the words that this failure has in a protocol family."""
        if family == "s3" and self._s3 is not None:
            return self._s3.query if self.presigned else self._s3.header
        return self.texts.get(family, self.message)

    def elements_on(self, family: str) -> Mapping[str, str]:
        """Return the further elements of the answer, in order; only S3 has any."""
        return self._elements if family == "s3" else {}

    def add(self, name: str, text: str) -> None:
        """Add an element to S3's answer."""
        self._elements[name] = text


class MissingAuthenticationToken(Refusal):
    """The request carries no AWS signature at all."""

    code = "MissingAuthenticationToken"
    status = 403
    template = "Missing Authentication Token"
    forms = _forms(
        (code, status),
        "MissingAuthenticationTokenException",
        s3=("AccessDenied", 403),
        ec2=_EC2_CREDENTIALS,
    )
    texts: ClassVar[Mapping[str, str]] = {
        "query": "Request is missing Authentication Token",
        "s3": "Access Denied",
        "ec2": _EC2_TEXT,
    }


class IncompleteSignature(Refusal):
    """The Authorization header or the query parameters are malformed."""

    code = "IncompleteSignature"
    status = 400
    template = "The request signature does not conform to AWS standards."
    forms = _forms(
        (code, status),
        "IncompleteSignatureException",
        s3=("AuthorizationHeaderMalformed", 400),
        ec2=_EC2_CREDENTIALS,
    )
    texts: ClassVar[Mapping[str, str]] = {
        "ec2": "Authorization header or parameters are not formatted correctly.",
    }
    s3_query_form: ClassVar[Form] = _S3_QUERY
    s3_words: ClassVar[S3Words] = S3Words(
        "The authorization header is malformed; the authorization header requires three "
        "components: Credential, SignedHeaders, and Signature.",
        "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, "
        "X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.",
    )


class UnsupportedAlgorithm(IncompleteSignature):
    """The signature is made with an algorithm that nobody knows."""

    forms: ClassVar[Mapping[str, Form]] = {
        **IncompleteSignature.forms,
        "s3": ("InvalidRequest", 400),
    }
    s3_words: ClassVar[S3Words] = S3Words(
        "The authorization mechanism you have provided is not supported. "
        "Please use AWS4-HMAC-SHA256.",
        'X-Amz-Algorithm only supports "AWS4-HMAC-SHA256 and AWS4-ECDSA-P256-SHA256"',
    )


class InvalidDate(IncompleteSignature):
    """The moment of signing cannot be read."""

    forms: ClassVar[Mapping[str, Form]] = {
        **IncompleteSignature.forms,
        "s3": ("AccessDenied", 403),
    }
    s3_words: ClassVar[S3Words] = S3Words(
        "AWS authentication requires a valid Date or x-amz-date header",
        "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"",
    )


class StreamingPayload(IncompleteSignature):
    """The body is sent in chunks, to a service that does not take them."""

    template = "The payload form {form} of x-amz-content-sha256 is not supported."


class InvalidClientToken(Refusal):
    """The access key id is unknown, deleted or inactive."""

    code = "InvalidClientTokenId"
    status = 403
    template = "The security token included in the request is invalid."
    forms = _forms(
        (code, status),
        "UnrecognizedClientException",
        s3=("InvalidAccessKeyId", 403),
        ec2=_EC2_CREDENTIALS,
    )
    texts: ClassVar[Mapping[str, str]] = {
        "s3": "The AWS Access Key Id you provided does not exist in our records.",
        "ec2": _EC2_TEXT,
    }


class SignatureDoesNotMatch(Refusal):
    """The signature is wrong, or is made for another service, region or day."""

    code = "SignatureDoesNotMatch"
    status = 403
    template = (
        "The request signature we calculated does not match the signature you provided. "
        "Check your AWS Secret Access Key and signing method. "
        "Consult the service documentation for details."
    )
    forms = _forms(
        (code, status),
        "InvalidSignatureException",
        s3=(code, status),
        ec2=_EC2_CREDENTIALS,
    )
    texts: ClassVar[Mapping[str, str]] = {"s3": _S3_SIGNATURE_TEXT, "ec2": _EC2_TEXT}


class WrongScope(SignatureDoesNotMatch):
    """The credential is scoped to another day, Region or service."""

    forms: ClassVar[Mapping[str, Form]] = {
        **SignatureDoesNotMatch.forms,
        "s3": ("AuthorizationHeaderMalformed", 400),
    }
    s3_query_form: ClassVar[Form] = _S3_QUERY


class TwoForms(SignatureDoesNotMatch):
    """The request is signed in its headers and in its query."""

    forms: ClassVar[Mapping[str, Form]] = {
        **SignatureDoesNotMatch.forms,
        "s3": ("InvalidArgument", 400),
    }
    texts: ClassVar[Mapping[str, str]] = {
        **SignatureDoesNotMatch.texts,
        "s3": "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, "
        "Signature query string parameter or the Authorization header should be specified",
    }


class ContentHashMismatch(SignatureDoesNotMatch):
    """The x-amz-content-sha256 header does not tell the hash of the body."""

    forms: ClassVar[Mapping[str, Form]] = {
        **SignatureDoesNotMatch.forms,
        "s3": ("XAmzContentSHA256Mismatch", 400),
    }
    texts: ClassVar[Mapping[str, str]] = {
        **SignatureDoesNotMatch.texts,
        "s3": "The provided 'x-amz-content-sha256' header does not match what was computed.",
    }


class ContentHashMissing(SignatureDoesNotMatch):
    """S3: the request does not say what its body is."""

    forms: ClassVar[Mapping[str, Form]] = {
        **SignatureDoesNotMatch.forms,
        "s3": ("InvalidRequest", 400),
    }
    texts: ClassVar[Mapping[str, str]] = {
        **SignatureDoesNotMatch.texts,
        "s3": "Missing required header for this request: x-amz-content-sha256",
    }


class ContentHashInvalid(SignatureDoesNotMatch):
    """S3: x-amz-content-sha256 is neither a hash nor a word for a body that is not hashed."""

    forms: ClassVar[Mapping[str, Form]] = {
        **SignatureDoesNotMatch.forms,
        "s3": ("InvalidArgument", 400),
    }
    texts: ClassVar[Mapping[str, str]] = {
        **SignatureDoesNotMatch.texts,
        "s3": "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, "
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, "
        "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD, "
        "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER or a valid sha256 value.",
    }


class HeadersNotSigned(SignatureDoesNotMatch):
    """S3: an x-amz-* header is present that the signature does not cover."""

    forms: ClassVar[Mapping[str, Form]] = {
        **SignatureDoesNotMatch.forms,
        "s3": ("AccessDenied", 403),
    }
    texts: ClassVar[Mapping[str, str]] = {
        **SignatureDoesNotMatch.texts,
        "s3": "There were headers present in the request which were not signed",
    }


class SignatureExpired(SignatureDoesNotMatch):
    """The date of the signature is too far from the clock of the server."""

    forms: ClassVar[Mapping[str, Form]] = {
        **SignatureDoesNotMatch.forms,
        "s3": ("RequestTimeTooSkewed", 403),
        "ec2": ("RequestExpired", 400),
    }
    texts: ClassVar[Mapping[str, str]] = {
        "s3": "The difference between the request time and the current time is too large.",
        "ec2": "Request has expired.",
    }


class PresignedExpired(SignatureExpired):
    """A presigned request is used after the seconds of its X-Amz-Expires."""

    forms: ClassVar[Mapping[str, Form]] = {**SignatureExpired.forms, "s3": ("AccessDenied", 403)}
    texts: ClassVar[Mapping[str, str]] = {**SignatureExpired.texts, "s3": "Request has expired"}


class ExpiredToken(Refusal):
    """The session of the temporary credentials is over."""

    code = "ExpiredToken"
    status = 403
    template = "The security token included in the request is expired"
    forms = _forms(
        (code, status),
        "ExpiredTokenException",
        s3=(code, 400),
        ec2=("RequestExpired", 400),
    )
    texts: ClassVar[Mapping[str, str]] = {
        "s3": "The provided token has expired.",
        "ec2": "Request has expired.",
    }


class InvalidToken(Refusal):
    """The session token is missing, malformed, revoked or belongs to another access key."""

    code = "InvalidClientTokenId"
    status = 403
    template = "The security token included in the request is invalid"
    forms = _forms(
        (code, status),
        "UnrecognizedClientException",
        s3=("InvalidToken", 400),
        ec2=_EC2_CREDENTIALS,
    )
    texts: ClassVar[Mapping[str, str]] = {
        "s3": "The provided token is malformed or otherwise invalid.",
        "ec2": _EC2_TEXT,
    }


class AccessDenied(Refusal):
    """The caller is known, but no policy allows what it asks for."""

    code = "AccessDenied"
    status = 403
    template = "Access Denied"
    forms = _forms(
        (code, status),
        "AccessDeniedException",
        s3=(code, status),
        ec2=("UnauthorizedOperation", 403),
    )
