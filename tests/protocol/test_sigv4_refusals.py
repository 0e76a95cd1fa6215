# SPDX-License-Identifier: Apache-2.0
"""Every refusal of authentication and authorization, in every protocol family."""

from __future__ import annotations

import pytest

from stockade.protocol import refusals, wording

FAMILIES = ("query", "json", "rest-json", "s3", "ec2", "cbor")

# code and status over query, the JSON code (400, over REST-JSON 403), over s3, over ec2
TABLE = [
    (
        refusals.MissingAuthenticationToken,
        ("MissingAuthenticationToken", 403),
        "MissingAuthenticationTokenException",
        ("AccessDenied", 403),
        ("AuthFailure", 401),
    ),
    (
        refusals.IncompleteSignature,
        ("IncompleteSignature", 400),
        "IncompleteSignatureException",
        ("AuthorizationHeaderMalformed", 400),
        ("AuthFailure", 401),
    ),
    (
        refusals.InvalidClientToken,
        ("InvalidClientTokenId", 403),
        "UnrecognizedClientException",
        ("InvalidAccessKeyId", 403),
        ("AuthFailure", 401),
    ),
    (
        refusals.SignatureDoesNotMatch,
        ("SignatureDoesNotMatch", 403),
        "InvalidSignatureException",
        ("SignatureDoesNotMatch", 403),
        ("AuthFailure", 401),
    ),
    (
        refusals.ContentHashMismatch,
        ("SignatureDoesNotMatch", 403),
        "InvalidSignatureException",
        ("XAmzContentSHA256Mismatch", 400),
        ("AuthFailure", 401),
    ),
    (
        refusals.HeadersNotSigned,
        ("SignatureDoesNotMatch", 403),
        "InvalidSignatureException",
        ("AccessDenied", 403),
        ("AuthFailure", 401),
    ),
    (
        refusals.SignatureExpired,
        ("SignatureDoesNotMatch", 403),
        "InvalidSignatureException",
        ("RequestTimeTooSkewed", 403),
        ("RequestExpired", 400),
    ),
    (
        refusals.PresignedExpired,
        ("SignatureDoesNotMatch", 403),
        "InvalidSignatureException",
        ("AccessDenied", 403),
        ("RequestExpired", 400),
    ),
    (
        refusals.ExpiredToken,
        ("ExpiredToken", 403),
        "ExpiredTokenException",
        ("ExpiredToken", 400),
        ("RequestExpired", 400),
    ),
    (
        refusals.InvalidToken,
        ("InvalidClientTokenId", 403),
        "UnrecognizedClientException",
        ("InvalidToken", 400),
        ("AuthFailure", 401),
    ),
    (
        refusals.WrongScope,
        ("SignatureDoesNotMatch", 403),
        "InvalidSignatureException",
        ("AuthorizationHeaderMalformed", 400),
        ("AuthFailure", 401),
    ),
    (
        refusals.TwoForms,
        ("SignatureDoesNotMatch", 403),
        "InvalidSignatureException",
        ("InvalidArgument", 400),
        ("AuthFailure", 401),
    ),
    (
        refusals.ContentHashMissing,
        ("SignatureDoesNotMatch", 403),
        "InvalidSignatureException",
        ("InvalidRequest", 400),
        ("AuthFailure", 401),
    ),
    (
        refusals.ContentHashInvalid,
        ("SignatureDoesNotMatch", 403),
        "InvalidSignatureException",
        ("InvalidArgument", 400),
        ("AuthFailure", 401),
    ),
    (
        refusals.UnsupportedAlgorithm,
        ("IncompleteSignature", 400),
        "IncompleteSignatureException",
        ("InvalidRequest", 400),
        ("AuthFailure", 401),
    ),
    (
        refusals.InvalidDate,
        ("IncompleteSignature", 400),
        "IncompleteSignatureException",
        ("AccessDenied", 403),
        ("AuthFailure", 401),
    ),
    (
        refusals.AccessDenied,
        ("AccessDenied", 403),
        "AccessDeniedException",
        ("AccessDenied", 403),
        ("UnauthorizedOperation", 403),
    ),
]


@pytest.mark.parametrize(("refusal", "query", "json", "s3", "ec2"), TABLE)
def test_code_and_status_per_family(
    refusal: type[refusals.Refusal],
    query: tuple[str, int],
    json: str,
    s3: tuple[str, int],
    ec2: tuple[str, int],
) -> None:
    error = refusal()
    assert error.on("query") == query
    assert error.on("json") == (json, 400)
    assert error.on("cbor") == (json, 400)
    assert error.on("rest-json") == (json, 403)
    assert error.on("s3") == s3
    assert error.on("ec2") == ec2


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row[0].__name__)
@pytest.mark.parametrize("family", FAMILIES)
def test_every_refusal_says_something_in_every_family(
    row: tuple[type[refusals.Refusal], object, object, object, object], family: str
) -> None:
    assert row[0]().message_on(family)


def test_fixed_words_of_a_family_win_over_the_details() -> None:
    error = refusals.SignatureDoesNotMatch("Credential should be scoped to a valid region.")
    assert error.message_on("json") == "Credential should be scoped to a valid region."
    assert error.message_on("ec2") == (
        "AWS was not able to validate the provided access credentials"
    )
    assert error.message_on("s3") == (
        "The request signature we calculated does not match the signature you provided. "
        "Check your key and signing method."
    )


@pytest.mark.parametrize(
    ("error", "family", "text"),
    [
        (refusals.MissingAuthenticationToken(), "json", "Missing Authentication Token"),
        (refusals.MissingAuthenticationToken(), "query", "Request is missing Authentication Token"),
        (refusals.MissingAuthenticationToken(), "s3", "Access Denied"),
        (
            refusals.InvalidClientToken(),
            "query",
            "The security token included in the request is invalid.",
        ),
        (
            refusals.InvalidClientToken(),
            "s3",
            "The AWS Access Key Id you provided does not exist in our records.",
        ),
        (refusals.InvalidToken(), "json", "The security token included in the request is invalid"),
        (refusals.ExpiredToken(), "json", "The security token included in the request is expired"),
        (refusals.ExpiredToken(), "s3", "The provided token has expired."),
        (refusals.ExpiredToken(), "ec2", "Request has expired."),
        (
            refusals.SignatureDoesNotMatch(),
            "json",
            (
                "The request signature we calculated does not match the signature you provided. "
                "Check your AWS Secret Access Key and signing method. "
                "Consult the service documentation for details."
            ),
        ),
        (
            refusals.IncompleteSignature("anything"),
            "ec2",
            "Authorization header or parameters are not formatted correctly.",
        ),
        (refusals.AccessDenied("User: x is not authorized"), "s3", "User: x is not authorized"),
    ],
)
def test_words(error: refusals.Refusal, family: str, text: str) -> None:
    assert error.message_on(family) == text


def test_chunks_are_refused_by_name_where_they_are_not_taken() -> None:
    error = refusals.StreamingPayload(form="STREAMING-AWS4-HMAC-SHA256-PAYLOAD")
    assert error.on("json") == ("IncompleteSignatureException", 400)
    assert "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" in error.message_on("json")


def test_a_client_s_text_is_shown_without_control_characters_and_cut() -> None:
    assert wording.shown("a\x00b\né" + "x" * 100) == "a?b??" + "x" * 59
