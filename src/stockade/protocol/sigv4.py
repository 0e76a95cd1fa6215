# SPDX-License-Identifier: Apache-2.0
"""Signature Version 4, verified: the request is what the holder of the secret key signed.

Pure functions, used in this order:

    parse             what the request claims: who signed, when, for which scope, which headers
    check_scope       the claim is made for this service and region
    check_time        the claim is fresh
    check_signature   the claim is true: the signature covers the bytes that arrived

Sources: AWS's "Create a signed AWS API request", the suite of aws-c-auth for the canonical forms,
recorded answers of AWS for texts and their order. Everything is computed from the bytes of the
request as they were sent. One rule of AWS looks odd: outside of S3 a session token need not be
covered by the signature, and a presigned request may have its token appended after signing. That is
safe, because a token is bound to its access key.
"""

from __future__ import annotations

import hmac
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from stockade.protocol import refusals, sigv4a, wording
from stockade.protocol.canonical import (
    QUERY_PARAMETERS,
    canonical_request,
    count_of,
    presigned_parameters,
)
from stockade.protocol.http import HttpRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

ALGORITHM = "AWS4-HMAC-SHA256"

_TERMINATOR = "aws4_request"
_LONGEST_CLAIM = 4096  # bytes of an Authorization header or of one query parameter
_LONGEST_REGION = 32
_LONGEST_EXPIRES = 604_800  # seconds: one week
_SCOPE_CHARACTERS = MappingProxyType(str.maketrans("", "", "-_."))


class SignedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a request says about its own signature; nothing of it is proven yet."""

    access_key_id: str
    date: str
    """The day of the credential scope, YYYYMMDD; `parse` has compared it with `amz_date`."""
    region: str
    service: str
    signed_headers: tuple[bytes, ...]
    """Lower-case names in canonical order."""
    signature: str
    timestamp: datetime
    amz_date: str
    """The moment of signing as the string to sign has it, YYYYMMDDTHHMMSSZ."""
    session_token: str | None
    presigned: bool
    expires: int | None
    """Seconds that a presigned request asks to be valid for."""
    region_set: str | None = None
    """Signature Version 4A: where the request may be answered; `region` is chosen from it."""

    def __repr__(self) -> str:
        return f"SignedRequest({self.access_key_id}, {self.scope})"

    @property
    def scope(self) -> str:
        """Return the credential scope."""
        if self.region_set is not None:
            return f"{self.date}/{self.service}/{_TERMINATOR}"
        return f"{self.date}/{self.region}/{self.service}/{_TERMINATOR}"

    @property
    def algorithm(self) -> str:
        """Return the algorithm as the string to sign has it."""
        return ALGORITHM if self.region_set is None else sigv4a.ALGORITHM


def parse(http: HttpRequest) -> SignedRequest:
    """Return what the request claims about its signature, or refuse it as malformed."""
    try:
        headers = http.table()
        authorization = headers.get(b"authorization")
        if b"X-Amz-Algorithm" in http.query:
            parameters = presigned_parameters(http.query)
            if b"X-Amz-Algorithm" in parameters:
                if authorization is not None:
                    raise wording.two_forms()
                return parse_parameters(parameters)
        if authorization is None:
            raise refusals.MissingAuthenticationToken
        if len(headers) != len(http.headers) and count_of(http.headers, b"authorization") > 1:
            raise refusals.IncompleteSignature(wording.TWO_AUTHORIZATIONS)
        return _parse_header(headers, authorization)
    except refusals.Refusal as refusal:
        refusal.presigned = b"X-Amz-Algorithm=" in http.query
        raise


class _Claim(NamedTuple):
    """The parts of an Authorization header or of its query form; empty for what is not there."""

    algorithm: str
    credential: str
    signed_headers: str
    signature: str


def _parse_header(headers: dict[bytes, bytes], raw: bytes) -> SignedRequest:
    if len(raw) > _LONGEST_CLAIM:
        raise refusals.IncompleteSignature
    tail = raw[-64:]
    if raw[-75:-64] in {b" Signature=", b",Signature="} and tail.isalnum():
        claim, signature = _authorization(raw[:-64]), tail.decode()
    elif raw.startswith(b"AWS4-ECDSA-"):
        claim, signature = _asymmetric_authorization(raw)
    else:
        claim = _authorization(raw)
        signature = claim.signature
    amz_date = _date_of(headers)
    if not (amz_date and signature and claim.credential and claim.signed_headers):
        raise _missing_parts(claim, signature, amz_date, raw)
    if claim.algorithm == sigv4a.ALGORITHM:
        return _signed_request(
            claim,
            signature,
            amz_date,
            headers.get(b"x-amz-security-token"),
            region_set=_signed_region_set(headers, claim),
        )
    return _signed_request(claim, signature, amz_date, headers.get(b"x-amz-security-token"))


def _signed_region_set(headers: dict[bytes, bytes], claim: _Claim) -> str:
    """Return X-Amz-Region-Set: it decides where the request is answered, so it must be signed."""
    if b"x-amz-region-set" not in _signed_names(claim.signed_headers):
        raise refusals.IncompleteSignature(wording.REGION_SET_MISSING)
    return sigv4a.read_region_set(headers.get(b"x-amz-region-set"))


@lru_cache(maxsize=2048)
def _authorization(stem: bytes) -> _Claim:
    """Return the parts of an Authorization header.

    The signature comes last in what SDKs send and is cut off before, so that all requests of one
    key and day share one entry of the cache.
    """
    text = stem.decode("latin-1").strip(" ")
    if not text.startswith("AWS4-"):
        raise refusals.MissingAuthenticationToken
    if not text.isascii():
        raise refusals.IncompleteSignature
    algorithm, *pieces = [piece for piece in text.replace(",", " ").split(" ") if piece]
    parts: dict[str, str] = {}
    for piece in pieces:
        name, equals, value = piece.partition("=")
        if not equals or name in parts:
            raise refusals.IncompleteSignature(wording.bad_pair(stem, missing_equals=not equals))
        parts[name] = value
    names = ("Credential", "SignedHeaders", "Signature")
    return _Claim(algorithm, *[parts.get(name, "") for name in names])


def _asymmetric_authorization(raw: bytes) -> tuple[_Claim, str]:
    """Cut off a signature whose length varies, as it does in DER."""
    stem, mark, tail = raw.rpartition(b" Signature=")
    if tail.isalnum():
        return _authorization(stem + mark), tail.decode()
    claim = _authorization(raw)
    return claim, claim.signature


def _missing_parts(
    claim: _Claim, signature: str, amz_date: str, raw: bytes
) -> refusals.IncompleteSignature:
    parts = {
        "Credential": claim.credential,
        "Signature": signature,
        "SignedHeaders": claim.signed_headers,
    }
    absent = [name for name, value in parts.items() if not value]
    return refusals.IncompleteSignature(wording.missing_parts(absent, raw, dated=bool(amz_date)))


def _date_of(headers: dict[bytes, bytes]) -> str:
    """Return the moment of signing as text: X-Amz-Date, or else Date in ISO basic form."""
    raw = headers.get(b"x-amz-date")
    if raw is not None:
        return raw.decode("latin-1")
    text = headers.get(b"date", b"").decode("latin-1").strip()
    stem, _, zone = text.rpartition(" ")
    if zone not in {"GMT", "UTC", "+0000", "-0000"}:
        return text
    try:
        moment = datetime.strptime(stem, "%a, %d %b %Y %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return text
    return moment.strftime("%Y%m%dT%H%M%SZ")


def parse_parameters(parameters: dict[bytes, bytes]) -> SignedRequest:
    """Return what the parameters of a query claim, or the fields of a form (post_policy.py)."""
    absent = [name.decode() for name in QUERY_PARAMETERS if not parameters.get(name)]
    if absent:
        raise refusals.IncompleteSignature(wording.missing_query_parameters(absent))
    if any(len(parameters[name]) > _LONGEST_CLAIM for name in QUERY_PARAMETERS):
        raise refusals.IncompleteSignature
    algorithm, credential, signature, signed_headers, amz_date = (
        parameters[name].decode("latin-1") for name in QUERY_PARAMETERS
    )
    region_set = None
    if algorithm == sigv4a.ALGORITHM:
        region_set = sigv4a.read_region_set(parameters.get(b"X-Amz-Region-Set"))
    return _signed_request(
        _Claim(algorithm, credential, signed_headers, signature),
        signature,
        amz_date,
        parameters.get(b"X-Amz-Security-Token"),
        presigned=True,
        expires=_expires(parameters.get(b"X-Amz-Expires")),
        region_set=region_set,
    )


def _expires(raw: bytes | None) -> int | None:
    if raw is None:
        return None
    if not raw.isdigit():
        raise wording.bad_expires("X-Amz-Expires should be a number")
    if len(raw) > 7 or not 1 <= int(raw) <= _LONGEST_EXPIRES:
        raise wording.bad_expires(wording.EXPIRES_TOO_LONG)
    return int(raw)


def _signed_request(
    claim: _Claim,
    signature: str,
    amz_date: str,
    token: bytes | None,
    *,
    presigned: bool = False,
    expires: int | None = None,
    region_set: str | None = None,
) -> SignedRequest:
    """Return the claim with its parts checked, in AWS's order."""
    timestamp = _timestamp(amz_date)
    names = _signed_names(claim.signed_headers)
    if claim.algorithm != ALGORITHM and region_set is None:
        raise refusals.UnsupportedAlgorithm(wording.unsupported_algorithm(claim.algorithm))
    if region_set is None:
        access_key_id, date, region, service = _credential(claim.credential)
    else:
        access_key_id, date, region, service = _credential(claim.credential, with_region=False)
    if date != amz_date[:8]:
        raise wording.wrong_day(date, amz_date)
    return SignedRequest(
        access_key_id=access_key_id,
        date=date,
        region=region,
        service=service,
        signed_headers=names,
        signature=signature,
        timestamp=timestamp,
        amz_date=amz_date,
        session_token=None if token is None else token.decode("latin-1"),
        presigned=presigned,
        expires=expires,
        region_set=region_set,
    )


@lru_cache(maxsize=128)
def _timestamp(text: str) -> datetime:
    """Read YYYYMMDDTHHMMSSZ, and nothing else of what ISO 8601 has."""
    if len(text) == 16 and text[8] == "T" and text[15] == "Z" and text.isascii():
        try:
            if (text[:8] + text[9:15]).isdigit():
                return datetime.fromisoformat(text)
        except ValueError:
            pass
    raise refusals.InvalidDate(wording.bad_date(text))


@lru_cache(maxsize=512)
def _signed_names(text: str) -> tuple[bytes, ...]:
    names = tuple(sorted(text.lower().encode().split(b";")))
    if b"host" not in names:
        raise wording.host_not_signed()
    return names


@lru_cache(maxsize=2048)
def _credential(text: str, *, with_region: bool = True) -> tuple[str, str, str, str]:
    """Return access key id, date, region and service of a credential."""
    parts = text.split("/")
    wanted = 5 if with_region else 4
    if len(parts) != wanted or not parts[0] or not (text.isascii() and text.isprintable()):
        raise wording.bad_credential(len(parts), wanted)
    access_key_id, date, *regions, service, terminator = parts
    region = regions[0] if regions else ""
    wrong = []
    if regions and (
        len(region) > _LONGEST_REGION or not region.translate(_SCOPE_CHARACTERS).isalnum()
    ):
        wrong.append(wording.WRONG_REGION)
    if not service.translate(_SCOPE_CHARACTERS).isalnum():
        wrong.append("Credential should be scoped to correct service.")
    if terminator != _TERMINATOR:
        wrong.append(f"Credential should be scoped with a valid terminator: '{_TERMINATOR}'.")
    if wrong:
        raise wording.bad_scope(" ".join(wrong))
    return access_key_id, date, region, service


def check_scope(signed: SignedRequest, services: Sequence[str], region: str | None = None) -> None:
    """Refuse a request signed for another service, or for another region if one is given."""
    wrong = []
    if region is not None and signed.region != region:
        wrong.append(wording.WRONG_REGION)
    if signed.service not in services:
        wrong.append(f"Credential should be scoped to correct service: '{services[0]}'.")
    if wrong:
        raise wording.wrong_scope(" ".join(wrong), signed, services[0], region)


def check_time(
    signed: SignedRequest, now: datetime, window: timedelta, *, honour_expires: bool = True
) -> None:
    """Refuse a signature older or younger than the window.

    A presigned request lives for its X-Amz-Expires instead, unless the service does not honour it:
    STS measures every request by its window of 15 minutes, whatever the URL says.
    """
    if signed.timestamp > now + window:
        text = wording.not_yet_current(signed.amz_date, now, window)
        raise wording.too_skewed(text, signed, now, window)
    own = honour_expires and signed.expires is not None
    life = timedelta(seconds=signed.expires or 0) if own else window
    if signed.timestamp < now - life:
        text = wording.expired(signed.amz_date, now, life)
        if own:
            raise wording.presigned_expired(text, signed, now, life)
        raise wording.too_skewed(text, signed, now, window)


def signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    """Derive the key of one day, region and service from a secret access key."""
    key = hmac.digest(b"AWS4" + secret.encode(), date.encode(), "sha256")
    key = hmac.digest(key, region.encode(), "sha256")
    key = hmac.digest(key, service.encode(), "sha256")
    return hmac.digest(key, _TERMINATOR.encode(), "sha256")


def check_signature(
    http: HttpRequest,
    signed: SignedRequest,
    key: bytes | sigv4a.PublicKey,
    *,
    s3: bool = False,
    normalize: bool = True,
    body_follows: bool = False,
) -> None:
    """Refuse a request whose signature was not made with this key over these bytes."""
    canonical = canonical_request(
        http, signed, s3=s3, normalize=normalize, body_follows=body_follows
    )
    if _matches(signed, key, canonical):
        return
    if signed.presigned and signed.session_token is not None and not s3:
        canonical = canonical_request(http, signed, normalize=normalize, token_signed=False)
        if _matches(signed, key, canonical):
            return
    if s3:
        raise wording.wrong_signature(signed, string_to_sign(signed, canonical), canonical)
    raise refusals.SignatureDoesNotMatch


def _matches(signed: SignedRequest, key: bytes | sigv4a.PublicKey, canonical: bytes) -> bool:
    if not isinstance(key, bytes):
        return sigv4a.matches(key, string_to_sign(signed, canonical), signed.signature)
    expected = hmac.digest(key, string_to_sign(signed, canonical), "sha256").hex()
    return hmac.compare_digest(expected.encode(), signed.signature.encode())


def string_to_sign(signed: SignedRequest, canonical: bytes) -> bytes:
    """Return the text that the signing key signs."""
    digest = sha256(canonical).hexdigest()
    return f"{signed.algorithm}\n{signed.amz_date}\n{signed.scope}\n{digest}".encode()
