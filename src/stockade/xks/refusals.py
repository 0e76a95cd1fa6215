# SPDX-License-Identifier: Apache-2.0
"""What the proxy answers when it does not do what it was asked: the specification's errors."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from stockade.core.authorization import Denied
from stockade.protocol.errors import AwsError
from stockade.protocol.xks import STATUSES

_TEXTS: Mapping[str, str] = MappingProxyType(
    {
        "ValidationException": "One or more input parameters are invalid.",
        "InvalidStateException": "The external key is not enabled.",
        "InvalidCiphertextException": "The ciphertext, initialization vector, additional "
        "authenticated data or authentication tag is corrupted, missing, or otherwise invalid.",
        "InvalidKeyUsageException": "The external key does not support the operation.",
        "AuthenticationFailedException": "The request's signature is not valid.",
        "AccessDeniedException": "The operation is not authorized by the external key's policy.",
        "KeyNotFoundException": "There is no such external key.",
        "InvalidUriPathException": "The URI path is not valid.",
        "InternalException": "The external key manager failed.",
        "UnsupportedOperationException": "A parameter is larger than what is supported.",
        "DependencyTimeoutException": "The external key manager did not answer in time.",
    }
)

_OF_KMS: Mapping[str, str] = MappingProxyType(
    {
        "NotFoundException": "KeyNotFoundException",
        "DisabledException": "InvalidStateException",
        "KMSInvalidStateException": "InvalidStateException",
        "InvalidKeyUsageException": "InvalidKeyUsageException",
        "InvalidCiphertextException": "InvalidCiphertextException",
    }
)
"""The code of KMS's error -> the name of the specification's."""


class Refusal(AwsError):
    """One of the specification's errors; `cause` is what led to it, for the record."""

    def __init__(self, name: str, message: str = "", *, cause: AwsError | None = None) -> None:
        super().__init__(message or _TEXTS[name])
        self.name = name
        self.http_status = STATUSES[name]
        self.cause = cause

    @property
    def decision(self) -> Denied | None:
        """The decision that refused it, where there was one."""
        return self.cause if isinstance(self.cause, Denied) else None


def of_kms(error: AwsError) -> Refusal:
    """Return an error of KMS's in the words of the specification."""
    return Refusal(_OF_KMS.get(error.code, "InternalException"), cause=error)
