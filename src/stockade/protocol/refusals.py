# SPDX-License-Identifier: Apache-2.0
"""What AWS answers when a request is turned away before any operation runs.

One class per failure of authentication and authorization. Every protocol family has its own code,
HTTP status and sometimes its own words for the same failure: `on(family)` gives the first two,
`message_on(family)` the words. Families: query, json, rest-json, s3, ec2, cbor. S3 and EC2 have
fixed words, so the details that a class carries reach only the other families.

Texts are those of AWS's recorded answers. No text repeats a signature, a token, a canonical request
or an Authorization header: where AWS names the header, it prints its hash, and so do we.
"""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, ClassVar

from stockade.protocol.errors import FamilyError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Form = tuple[str, int]

_EC2_CREDENTIALS: Form = ("AuthFailure", 401)
_EC2_TEXT = "AWS was not able to validate the provided access credentials"
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


class Refusal(FamilyError):
    """A failure before any operation runs, with its code, status and words in every family."""

    texts: ClassVar[Mapping[str, str]] = {}

    def message_on(self, family: str) -> str:
        """Return the words that this failure has in a protocol family."""
        return self.texts.get(family, self.message)


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
        "s3": "The authorization header is malformed; the authorization header requires three "
        "components: Credential, SignedHeaders, and Signature.",
        "ec2": "Authorization header or parameters are not formatted correctly.",
    }


class StreamingPayload(IncompleteSignature):
    """The body is sent in signed chunks, a form that is not honoured yet."""

    template = "The payload form {form} of x-amz-content-sha256 is not supported."
    forms: ClassVar[Mapping[str, Form]] = {
        **IncompleteSignature.forms,
        "s3": ("NotImplemented", 501),
    }
    texts: ClassVar[Mapping[str, str]] = {
        **IncompleteSignature.texts,
        "s3": "A header you provided implies functionality that is not implemented.",
    }


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


# The words that say what exactly is wrong, for the families that print them.

BOTH_FORMS = (
    "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header."
)
TWO_AUTHORIZATIONS = "The request must have exactly one Authorization header."
HOST_NOT_SIGNED = "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."
WRONG_REGION = "Credential should be scoped to a valid region."
REGION_SET_MISSING = "Authorization header requires a signed 'X-Amz-Region-Set'."
EXPIRES_TOO_LONG = (
    "X-Amz-Expires must be less than a week (in seconds); "
    "that is, the given X-Amz-Expires must be less than 604800 seconds"
)


def missing_parts(absent: Sequence[str], authorization: bytes, *, dated: bool) -> str:
    """Say which parts an Authorization header lacks, and whether the date is missing too."""
    wrong = [f"Authorization header requires '{name}' parameter." for name in absent]
    if not dated:
        wrong.append(
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."
        )
    wrong.append(
        f"(Hashed with SHA-256 and encoded with Base64) Authorization={_hashed(authorization)}"
    )
    return " ".join(wrong)


def missing_query_parameters(absent: Sequence[str]) -> str:
    """Say which parameters a presigned request lacks."""
    wrong = [f"AWS query-string parameters must include '{name}'." for name in absent]
    return " ".join([*wrong, "Re-examine the query-string parameters."])


def repeated_query_parameter(name: str) -> str:
    """Say which parameter a presigned request has twice."""
    return (
        f"AWS query-string parameters must include '{name}' only once. "
        "Re-examine the query-string parameters."
    )


def bad_pair(authorization: bytes, *, missing_equals: bool) -> str:
    """Say that an Authorization header is not a list of pairs."""
    why = "missing equal-sign" if missing_equals else "given twice"
    return (
        f"Invalid key=value pair ({why}) in Authorization header "
        f"(hashed with SHA-256 and encoded with Base64): '{_hashed(authorization)}'."
    )


def bad_credential(elements: int, wanted: int = 5) -> str:
    """Say that a credential is malformed.

    AWS repeats the credential. We count its elements: who swaps key and secret would otherwise find
    the secret in a log.
    """
    form = "keyid/date/region/service/term" if wanted == 5 else "keyid/date/service/term"
    return (
        f"Credential must have exactly {wanted} slash-delimited elements, "
        f"e.g. {form}, got {elements}"
    )


def bad_date(text: str) -> str:
    """Say that the moment of signing cannot be read."""
    return (
        f"Date must be in ISO-8601 'basic format'. Got '{shown(text)}'. "
        "See http://en.wikipedia.org/wiki/ISO_8601"
    )


def unsupported_algorithm(algorithm: str) -> str:
    """Say that the algorithm is another one."""
    return f"Unsupported AWS 'algorithm': '{shown(algorithm)}' (only AWS4-HMAC-SHA256 for now). "


def wrong_day(date: str, amz_date: str) -> str:
    """Say that the scope is of another day than the moment of signing."""
    return (
        "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
        f"'{shown(date)}' != '{amz_date[:8]}', from '{amz_date}'."
    )


def expired(amz_date: str, now: datetime, life: timedelta) -> str:
    """Say that a signature is too old."""
    return (
        f"Signature expired: {amz_date} is now earlier than "
        f"{_basic(now - life)} ({_basic(now)} - {_length(life)}.)"
    )


def not_yet_current(amz_date: str, now: datetime, window: timedelta) -> str:
    """Say that a signature comes from the future."""
    return (
        f"Signature not yet current: {amz_date} is still later than "
        f"{_basic(now + window)} ({_basic(now)} + {_length(window)}.)"
    )


def shown(text: str) -> str:
    """Return a client's text in a form that is safe to repeat in an answer."""
    return "".join(c if c.isascii() and c.isprintable() else "?" for c in text[:64])


def _hashed(raw: bytes) -> str:
    return b64encode(sha256(raw).digest()).decode()


def _basic(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def _length(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    return f"{seconds} sec" if seconds % 60 else f"{seconds // 60} min"
