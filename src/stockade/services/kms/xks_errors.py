# SPDX-License-Identifier: Apache-2.0
"""What KMS says when an external key store does not do as it should.

The table "KMS Considerations" of AWS's proxy specification, with its texts: a failure of the proxy
becomes one exception for CreateCustomKeyStore and its like, another for CreateKey, and always
KMSInvalidStateException for cryptography; ConnectCustomKeyStore has a connection error code
instead. A proxy's own words (`errorMessage`) never reach a caller; they are hints for the log.

Where the specification's table and KMS's model do not fit, the developer guide decides: CreateKey
says CustomKeyStoreInvalidStateException for AccessDeniedException, UnsupportedOperationException
for its namesake; a store whose managers are all UNAVAILABLE is unreachable.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

from stockade.core.errors import AwsError
from stockade.services.kms.errors import KMSInvalidStateException, UnsupportedOperationException

Situation = Literal["store", "key", "use"]
"""Create-/UpdateCustomKeyStore; CreateKey; Encrypt, Decrypt, ReEncrypt and data keys."""

UNREACHABLE = "Unreachable"
NO_TLS = "NoTls"
TIMED_OUT = "TimedOut"
MALFORMED = "Malformed"
UNHEALTHY = "Unhealthy"
BAD_CIPHERTEXT = "BadCiphertext"
NOT_CONNECTED = "NotConnected"


class XksProxyUriUnreachableException(AwsError):
    """The proxy cannot be reached, or not in time."""

    code = "XksProxyUriUnreachableException"


class XksProxyInvalidResponseException(AwsError):
    """The proxy answers what nobody understands."""

    code = "XksProxyInvalidResponseException"


class XksProxyInvalidConfigurationException(AwsError):
    """The proxy is not where the store says."""

    code = "XksProxyInvalidConfigurationException"


class XksProxyIncorrectAuthenticationCredentialException(AwsError):
    """The proxy does not accept the store's credential."""

    code = "XksProxyIncorrectAuthenticationCredentialException"


class XksKeyNotFoundException(AwsError):
    """The proxy does not know the external key."""

    code = "XksKeyNotFoundException"


class XksKeyInvalidConfigurationException(AwsError):
    """The external key is not an enabled AES-256 key for encryption and decryption."""

    code = "XksKeyInvalidConfigurationException"


class CustomKeyStoreInvalidStateException(AwsError):
    """The store's connection does not allow the operation."""

    code = "CustomKeyStoreInvalidStateException"


class XksFailure(Exception):
    """What went wrong with a proxy: an error name of the specification, or one of ours above."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason if reason in _TABLE else MALFORMED
        self.detail = detail
        """For the log: what the proxy or the system said of it, printable and short."""


class _Row(NamedTuple):
    text: str
    store: type[AwsError]
    key: type[AwsError]
    connection: str
    """The ConnectionErrorCode of ConnectCustomKeyStore."""


_UNINTERPRETABLE = (
    "AWS KMS cannot interpret the response from the external key store proxy. If you see this "
    "error repeatedly, report it to your external key store proxy administrator."
)

_Unreachable = XksProxyUriUnreachableException
_BadResponse = XksProxyInvalidResponseException
_BadStore = CustomKeyStoreInvalidStateException
_BadKey = XksKeyInvalidConfigurationException

_TABLE: Mapping[str, _Row] = MappingProxyType(
    {
        "ValidationException": _Row(
            _UNINTERPRETABLE, _BadResponse, _BadStore, "XKS_PROXY_INVALID_RESPONSE"
        ),
        "InvalidStateException": _Row(
            "The external key associated with this KMS key in an external key store is not enabled "
            "in the external key manager. Enable the external key in the external key manager and "
            "retry the request.",
            _Unreachable,
            _BadKey,
            "XKS_PROXY_NOT_REACHABLE",
        ),
        "InvalidCiphertextException": _Row(
            "The external key store proxy rejected the request because the specified ciphertext or "
            "encryption context is corrupted, missing, or otherwise invalid.",
            _BadResponse,
            _BadStore,
            "XKS_PROXY_INVALID_RESPONSE",
        ),
        BAD_CIPHERTEXT: _Row(
            "The ciphertext that the external key store proxy submitted for decryption, or the "
            "encryption context, is corrupted, missing, or otherwise invalid.",
            _BadResponse,
            _BadStore,
            "XKS_PROXY_INVALID_RESPONSE",
        ),
        "InvalidKeyUsageException": _Row(
            "The external key associated with this KMS key in an external key store does not "
            "support the requested operation. Enable the operation on the key in your external key "
            "manager, and try the request again.",
            _BadResponse,
            _BadKey,
            "XKS_PROXY_INVALID_RESPONSE",
        ),
        "AuthenticationFailedException": _Row(
            "The external key store proxy rejected the request because it could not authenticate "
            "AWS KMS. Verify the XKS proxy authentication credentials for your external key store "
            "and update if necessary.",
            XksProxyIncorrectAuthenticationCredentialException,
            _BadStore,
            "INVALID_CREDENTIALS",
        ),
        "AccessDeniedException": _Row(
            "The external key store proxy denied access to the operation. Verify that the user and "
            "the external key are both authorized for this operation, and try the request again.",
            _BadResponse,
            _BadStore,
            "XKS_PROXY_ACCESS_DENIED",
        ),
        "KeyNotFoundException": _Row(
            "The external key associated with this KMS key in an external key store was not found "
            "in its external key manager. If the external key ID associated with this KMS key is "
            "incorrect, create a new KMS key with the correct external key ID.",
            _BadResponse,
            XksKeyNotFoundException,
            "XKS_PROXY_INVALID_RESPONSE",
        ),
        "InvalidUriPathException": _Row(
            "The external key store proxy rejected the request because of an invalid URI path. "
            "Verify the URI path for your external key store and update if necessary.",
            XksProxyInvalidConfigurationException,
            _BadStore,
            "XKS_PROXY_INVALID_CONFIGURATION",
        ),
        "UnsupportedOperationException": _Row(
            "The external key store proxy rejected the request because it does not support the "
            "requested operation. If you see this error repeatedly, report it to your external key "
            "store proxy administrator.",
            _BadResponse,
            UnsupportedOperationException,
            "XKS_PROXY_INVALID_RESPONSE",
        ),
        "DependencyTimeoutException": _Row(
            "The external key store proxy did not respond to the request in the time allotted. "
            "Retry the request. If you see this error repeatedly, report it to your external key "
            "store proxy administrator.",
            _Unreachable,
            _BadStore,
            "XKS_PROXY_TIMED_OUT",
        ),
        "ThrottlingException": _Row(
            "The external key store proxy rejected the request due to a very high request rate. "
            "Reduce the frequency of your calls using KMS keys in this external key store.",
            _Unreachable,
            _BadStore,
            "XKS_PROXY_NOT_REACHABLE",
        ),
        "InternalException": _Row(
            "The external key store proxy rejected the request because it cannot communicate with "
            "the external key manager. Verify that the external key store proxy configuration is "
            "correct and that the external key manager is available.",
            _BadResponse,
            _BadStore,
            "XKS_PROXY_INVALID_RESPONSE",
        ),
        UNREACHABLE: _Row(
            "AWS KMS cannot communicate with the external key store proxy. This might be a "
            "transient network issue. If you see this error repeatedly, verify that your external "
            "key store proxy is active and is connected to the network, and that its endpoint URI "
            "is correct in your external key store.",
            _Unreachable,
            _BadStore,
            "XKS_PROXY_NOT_REACHABLE",
        ),
        NO_TLS: _Row(
            "AWS KMS cannot establish a TLS connection to the external key store proxy. Verify the "
            "TLS configuration, including its certificate.",
            _Unreachable,
            _BadStore,
            "XKS_PROXY_INVALID_TLS_CONFIGURATION",
        ),
        TIMED_OUT: _Row(
            "AWS KMS rejected the request because the external key store proxy did not respond in "
            "time. Retry the request. If you see this error repeatedly, report it to your external "
            "key store proxy administrator.",
            _Unreachable,
            _BadStore,
            "XKS_PROXY_TIMED_OUT",
        ),
        MALFORMED: _Row(_UNINTERPRETABLE, _BadResponse, _BadStore, "XKS_PROXY_INVALID_RESPONSE"),
        UNHEALTHY: _Row(
            "The external key store proxy is in an unhealthy state. If you see this message "
            "repeatedly, notify your external key store proxy administrator.",
            _Unreachable,
            _BadStore,
            "XKS_PROXY_NOT_REACHABLE",
        ),
        NOT_CONNECTED: _Row(
            "This KMS key is in a custom key store that is not connected to its external key store "
            "proxy. Connect the external key store and try the request again.",
            _BadStore,
            _BadStore,
            "XKS_PROXY_NOT_REACHABLE",
        ),
    }
)


def kms_error(failure: XksFailure, situation: Situation) -> AwsError:
    """Return the exception that KMS raises for a failure of a proxy."""
    row = _TABLE[failure.reason]
    if situation == "store" and failure.reason == "InvalidStateException":
        row = _TABLE[UNHEALTHY]
    kinds: dict[Situation, type[AwsError]] = {
        "store": row.store,
        "key": row.key,
        "use": KMSInvalidStateException,
    }
    return kinds[situation](row.text, hint=str(failure))


def connection_error_code(failure: XksFailure) -> str:
    """Return the ConnectionErrorCode of a store that could not be connected."""
    return _TABLE[failure.reason].connection


def unusable_key(spec: str, usage: tuple[str, ...], status: str) -> AwsError | None:
    """Return why CreateKey does not take an external key, None for one that it takes."""
    if spec != "AES_256":
        return XksKeyInvalidConfigurationException(
            "The key spec of the external key must be AES_256. "
            f"The key spec of specified external key is {spec}."
        )
    if status != "ENABLED":
        return XksKeyInvalidConfigurationException(
            "The status of the external key must be ENABLED. "
            f"The status of specified external key is {status}."
        )
    if not {"ENCRYPT", "DECRYPT"} <= set(usage):
        return XksKeyInvalidConfigurationException(
            "The key usage of the external key must include ENCRYPT and DECRYPT. "
            f"The key use of specified external key is [{', '.join(usage)}]."
        )
    return None
