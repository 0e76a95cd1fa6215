# SPDX-License-Identifier: Apache-2.0
"""Certificates, keys and metadata with any byte changed: taken or refused, never a bug."""

from __future__ import annotations

import base64
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from stockade.core.errors import AwsError
from stockade.services.iam.saml_metadata import check_metadata
from stockade.services.iam.server_keys import check_pair, read_server_certificate
from stockade.services.iam.ssh_public_keys import _read
from tests.services.iam.certificates import certificate, der, ec_key, metadata, pem, rsa_key

pytestmark = pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
"""The library says of some certificates that it will refuse them one day."""

NOW = datetime.now(UTC)
KEY = ec_key()
BODY = certificate(KEY)
PRIVATE = pem(KEY)
DER = der(BODY)
METADATA = metadata(BODY)
SSH = rsa_key().public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)

changes = st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=4)


def changed(content: bytes, places: list[tuple[int, int]]) -> bytes:
    mutable = bytearray(content)
    for at, value in places:
        mutable[at % len(mutable)] = value
    return bytes(mutable)


def armoured(content: bytes) -> str:
    text = base64.encodebytes(content).decode()
    return f"-----BEGIN CERTIFICATE-----\n{text}-----END CERTIFICATE-----\n"


@given(changes)
def test_certificates(places: list[tuple[int, int]]) -> None:
    body = armoured(changed(DER, places))
    with suppress(AwsError):
        check_pair(read_server_certificate(body, body + BODY, NOW), PRIVATE)
    with suppress(AwsError):
        read_server_certificate(BODY, body, NOW)


@given(changes)
def test_private_keys(places: list[tuple[int, int]]) -> None:
    read = read_server_certificate(BODY, "", NOW)
    with suppress(AwsError):
        check_pair(read, changed(PRIVATE.encode(), places).decode("latin-1"))


@given(changes)
def test_public_keys(places: list[tuple[int, int]]) -> None:
    with suppress(AwsError):
        _read(changed(SSH, places).decode("latin-1"))


@given(changes)
def test_documents(places: list[tuple[int, int]]) -> None:
    with suppress(AwsError):
        check_metadata(changed(METADATA.encode(), places).decode("latin-1"))
