# SPDX-License-Identifier: Apache-2.0
"""The words that say what exactly is wrong with a signature, for the families that print them.

A text that every family but S3 prints is returned as it is; where S3 has words or elements of its
own for the same failure, the whole refusal is returned.
"""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

from stockade.protocol.refusals import (
    HeadersNotSigned,
    IncompleteSignature,
    PresignedExpired,
    S3Words,
    SignatureDoesNotMatch,
    SignatureExpired,
    TwoForms,
    WrongScope,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stockade.protocol.sigv4 import SignedRequest

S3_MALFORMED_CREDENTIAL = (
    'the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".'
)

TWO_AUTHORIZATIONS = "The request must have exactly one Authorization header."
WRONG_REGION = "Credential should be scoped to a valid region."
REGION_SET_MISSING = "Authorization header requires a signed 'X-Amz-Region-Set'."
EXPIRES_TOO_LONG = (
    "X-Amz-Expires must be less than a week (in seconds); "
    "that is, the given X-Amz-Expires must be less than 604800 seconds"
)


def s3_scope(text: str) -> S3Words:
    """Return S3's words for what is wrong with a credential."""
    return S3Words(
        f"The authorization header is malformed; {text}",
        f"Error parsing the X-Amz-Credential parameter; {text}",
    )


def s3_same(text: str) -> S3Words:
    """Return words that S3 uses wherever the signature stood."""
    return S3Words(text, text)


def two_forms() -> TwoForms:
    """Return the refusal of a request that is signed twice."""
    return TwoForms(
        "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.",
        elements={"ArgumentName": "Authorization"},
    )


def host_not_signed() -> HeadersNotSigned:
    """Return the refusal of a signature that does not say which host it is for."""
    return HeadersNotSigned(
        "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.",
        elements={"HeadersNotSigned": "host"},
    )


def bad_scope(text: str) -> WrongScope:
    """Return the refusal of a scope that no endpoint has."""
    return WrongScope(text, s3=s3_scope(S3_MALFORMED_CREDENTIAL))


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


def bad_expires(text: str) -> IncompleteSignature:
    """Return the refusal of a presigned request's X-Amz-Expires."""
    return IncompleteSignature(text, s3=s3_same(text))


def bad_credential(elements: int, wanted: int = 5) -> IncompleteSignature:
    """Return the refusal of a malformed credential.

    AWS repeats the credential. We count its elements: who swaps key and secret would otherwise find
    the secret in a log.
    """
    form = "keyid/date/region/service/term" if wanted == 5 else "keyid/date/service/term"
    return IncompleteSignature(
        f"Credential must have exactly {wanted} slash-delimited elements, "
        f"e.g. {form}, got {elements}",
        s3=s3_scope(S3_MALFORMED_CREDENTIAL),
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


def wrong_day(date: str, amz_date: str) -> WrongScope:
    """Return the refusal of a scope of another day than the moment of signing."""
    return WrongScope(
        "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
        f"'{shown(date)}' != '{amz_date[:8]}', from '{amz_date}'.",
        s3=s3_same(
            f'Invalid credential date "{shown(date)}". '
            f'This date is not the same as X-Amz-Date: "{amz_date[:8]}".'
        ),
    )


def wrong_scope(text: str, signed: SignedRequest, service: str, region: str | None) -> WrongScope:
    """Return the refusal of a scope that is not this endpoint's; S3 speaks of one thing only."""
    if signed.service != service or region is None:
        words = (
            f'incorrect service "{shown(signed.service)}". This endpoint belongs to "{service}".'
        )
        refusal = WrongScope(text, s3=s3_scope(words))
    else:
        words = f"the region '{shown(signed.region)}' is wrong; expecting '{region}'"
        refusal = WrongScope(text, s3=s3_scope(words), elements={"Region": region})
    refusal.presigned = signed.presigned
    return refusal


def too_skewed(
    text: str, signed: SignedRequest, now: datetime, window: timedelta
) -> SignatureExpired:
    """Return the refusal of a signature that is too old or comes from the future."""
    elements = {
        "RequestTime": signed.amz_date,
        "ServerTime": _extended(now),
        "MaxAllowedSkewMilliseconds": str(int(window.total_seconds() * 1000)),
    }
    return SignatureExpired(text, elements=elements)


def presigned_expired(
    text: str, signed: SignedRequest, now: datetime, life: timedelta
) -> PresignedExpired:
    """Return the refusal of a presigned request whose own time is over."""
    elements = {
        "X-Amz-Expires": str(int(life.total_seconds())),
        "Expires": _extended(signed.timestamp + life),
        "ServerTime": _extended(now),
    }
    return PresignedExpired(text, elements=elements)


def wrong_signature(
    signed: SignedRequest, string_to_sign: bytes, canonical: bytes
) -> SignatureDoesNotMatch:
    """Return the refusal of a signature, with what S3 tells so that a client can find the error."""
    elements = {
        "AWSAccessKeyId": signed.access_key_id,
        "StringToSign": string_to_sign.decode("utf-8", "replace"),
        "SignatureProvided": signed.signature,
        "StringToSignBytes": string_to_sign.hex(" "),
        "CanonicalRequest": canonical.decode("utf-8", "replace"),
        "CanonicalRequestBytes": canonical.hex(" "),
    }
    return SignatureDoesNotMatch(elements=elements)


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


def _extended(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _length(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    return f"{seconds} sec" if seconds % 60 else f"{seconds // 60} min"
