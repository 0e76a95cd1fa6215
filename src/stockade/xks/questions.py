# SPDX-License-Identifier: Apache-2.0
"""From a request to what it asks: the URI path, and the body read by the specification's rules."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple, TypeVar

import msgspec

from stockade.protocol import xks as wire
from stockade.protocol.http import HttpRequest
from stockade.protocol.xks import AskedDecrypt, AskedEncrypt, AskedHealth, AskedMetadata
from stockade.xks.refusals import Refusal

BODY_LIMIT = 65_536
"""Bytes: 8,192 of AAD and 4,300 of text as base64, five ARNs of 2,048, and room."""

EVENT_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "health": "GetHealthStatus",
        "metadata": "GetKeyMetadata",
        "encrypt": "Encrypt",
        "decrypt": "Decrypt",
    }
)

_ROUTE = re.compile(
    rb"(?P<store>/[A-Za-z0-9/_-]{1,128})/"
    rb"(?:(?P<health>health)|keys/(?P<key>[A-Za-z0-9._-]{1,128})/(?P<api>metadata|encrypt|decrypt))"
)

Q = TypeVar("Q", AskedHealth, AskedMetadata, AskedEncrypt, AskedDecrypt)


class Route(NamedTuple):
    """What a URI path says: XksProxyUriPath, the API, and the external key."""

    path: str
    api: str
    key_id: str


def route_of(http: HttpRequest) -> Route | None:
    """Return what a request's target leads to, None where it leads nowhere."""
    found = _ROUTE.fullmatch(http.raw_path)
    if found is None or http.query:
        return None
    path, key = found["store"].decode(), (found["key"] or b"").decode()
    return Route(path, "health" if found["health"] else found["api"].decode(), key)


def read_health(body: bytes) -> AskedHealth:
    """Return what GetHealthStatus asks."""
    return _read(body, AskedHealth)


def read_metadata(body: bytes) -> AskedMetadata:
    """Return what GetKeyMetadata asks."""
    asked = _read(body, AskedMetadata)
    _require(aws_principal_arn=asked.request_metadata.aws_principal_arn)
    return asked


def read_encrypt(body: bytes) -> AskedEncrypt:
    """Return what Encrypt asks."""
    asked = _read(body, AskedEncrypt)
    _check(asked, asked.plaintext)
    if asked.ciphertext_data_integrity_value_algorithm not in {None, "SHA_256"}:
        raise Refusal("ValidationException", "The integrity value's algorithm is SHA_256.")
    return asked


def read_decrypt(body: bytes) -> AskedDecrypt:
    """Return what Decrypt asks."""
    asked = _read(body, AskedDecrypt)
    _check(asked, asked.ciphertext)
    sizes = (len(asked.initialization_vector), len(asked.authentication_tag))
    if sizes[0] not in wire.IV_SIZES or sizes[1] != wire.TAG_SIZE:
        raise Refusal("InvalidCiphertextException")
    if len(asked.ciphertext_metadata) > wire.LONGEST_METADATA:
        raise Refusal("InvalidCiphertextException")
    return asked


def _read(body: bytes, kind: type[Q]) -> Q:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Refusal("ValidationException") from None


def _check(asked: AskedEncrypt | AskedDecrypt, text: bytes) -> None:
    """Check what Encrypt and Decrypt have in common."""
    told = asked.request_metadata
    _require(aws_principal_arn=told.aws_principal_arn, kms_key_arn=told.kms_key_arn)
    if asked.encryption_algorithm != "AES_GCM":
        raise Refusal("ValidationException", "The encryption algorithm is AES_GCM.")
    if not text:
        raise Refusal("ValidationException")
    if len(text) > wire.LONGEST_PLAINTEXT:
        raise Refusal("UnsupportedOperationException")
    if len(asked.additional_authenticated_data) > wire.LONGEST_AAD:
        raise Refusal("UnsupportedOperationException")


def _require(**members: str | None) -> None:
    """Check that what the specification requires is there."""
    if None in members.values():
        raise Refusal("ValidationException")
