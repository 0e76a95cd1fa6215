# SPDX-License-Identifier: Apache-2.0
"""A proxy's failure becomes the exception that the specification's table has for it."""

from __future__ import annotations

import pytest

from stockade.services.kms.xks_errors import (
    MALFORMED,
    NO_TLS,
    TIMED_OUT,
    UNHEALTHY,
    UNREACHABLE,
    XksFailure,
    connection_error_code,
    kms_error,
    unusable_key,
)

BAD_ANSWER = ("XksProxyInvalidResponseException", "XKS_PROXY_INVALID_RESPONSE")
UNREACHED = "XksProxyUriUnreachableException"
NOT_REACHED = (UNREACHED, "XKS_PROXY_NOT_REACHABLE")
SLOW = (UNREACHED, "XKS_PROXY_TIMED_OUT")
BAD_STORE = "CustomKeyStoreInvalidStateException"
BAD_KEY = "XksKeyInvalidConfigurationException"


@pytest.mark.parametrize(
    ("reason", "store", "key"),
    [
        ("ValidationException", BAD_ANSWER, BAD_STORE),
        ("InvalidStateException", NOT_REACHED, BAD_KEY),
        ("InvalidKeyUsageException", BAD_ANSWER, BAD_KEY),
        (
            "AuthenticationFailedException",
            ("XksProxyIncorrectAuthenticationCredentialException", "INVALID_CREDENTIALS"),
            BAD_STORE,
        ),
        ("AccessDeniedException", (BAD_ANSWER[0], "XKS_PROXY_ACCESS_DENIED"), BAD_STORE),
        ("KeyNotFoundException", BAD_ANSWER, "XksKeyNotFoundException"),
        (
            "InvalidUriPathException",
            ("XksProxyInvalidConfigurationException", "XKS_PROXY_INVALID_CONFIGURATION"),
            BAD_STORE,
        ),
        ("UnsupportedOperationException", BAD_ANSWER, "UnsupportedOperationException"),
        ("DependencyTimeoutException", SLOW, BAD_STORE),
        ("ThrottlingException", NOT_REACHED, BAD_STORE),
        ("InternalException", BAD_ANSWER, BAD_STORE),
        (UNREACHABLE, NOT_REACHED, BAD_STORE),
        (NO_TLS, (UNREACHED, "XKS_PROXY_INVALID_TLS_CONFIGURATION"), BAD_STORE),
        (TIMED_OUT, SLOW, BAD_STORE),
        (MALFORMED, BAD_ANSWER, BAD_STORE),
        (UNHEALTHY, NOT_REACHED, BAD_STORE),
        ("SomethingElse", BAD_ANSWER, BAD_STORE),
    ],
)
def test_the_table_of_failures(reason: str, store: tuple[str, str], key: str) -> None:
    happened = XksFailure(reason)
    assert (kms_error(happened, "store").code, connection_error_code(happened)) == store
    assert kms_error(happened, "key").code == key
    assert kms_error(happened, "use").code == "KMSInvalidStateException"


@pytest.mark.parametrize(
    ("spec", "usage", "status", "text"),
    [
        ("AES_128", "ENCRYPT DECRYPT", "ENABLED", "The key spec {} AES_128."),
        ("AES_256", "ENCRYPT DECRYPT", "DISABLED", "The status {} DISABLED."),
        ("AES_256", "ENCRYPT WRAP", "ENABLED", "The key use {} [ENCRYPT, WRAP]."),
    ],
)
def test_keys_that_createkey_does_not_take(spec: str, usage: str, status: str, text: str) -> None:
    error = unusable_key(spec, tuple(usage.split()), status)
    assert error is not None
    assert error.code == "XksKeyInvalidConfigurationException"
    assert error.message.endswith(text.format("of specified external key is"))
