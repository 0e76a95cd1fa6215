# SPDX-License-Identifier: Apache-2.0
"""What the wire itself refuses: requests that name nothing, cannot be read or break the model.

Codes and texts are AWS's, measured by others on real endpoints: a body that cannot be read is
a `SerializationException`, mostly without a message; over query it is `MalformedInput`. Why a
request was refused beyond AWS's text is in `hint`, which never echoes a value.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

from stockade.protocol.errors import AwsError, FamilyError

if TYPE_CHECKING:
    from collections.abc import Mapping


class SerializationFailure(FamilyError):
    """The body is not what the protocol or the type of a member asks for."""

    code = "SerializationException"
    forms: ClassVar[Mapping[str, tuple[str, int]]] = MappingProxyType(
        {
            "query": ("MalformedInput", 400),
            "ec2": ("MalformedInput", 400),
            "rest-xml": ("MalformedInput", 400),
            "s3": ("MalformedXML", 400),
        }
    )


class ValidationFailure(FamilyError):
    """Members are well formed, but missing or outside the model's constraints."""

    code = "ValidationException"
    forms: ClassVar[Mapping[str, tuple[str, int]]] = MappingProxyType(
        {
            "query": ("ValidationError", 400),
            "ec2": ("InvalidParameterValue", 400),
            "rest-xml": ("InvalidInput", 400),
            "s3": ("InvalidArgument", 400),
        }
    )


class UnknownOperation(FamilyError):
    """A request that names no operation in target, path or method; no message."""

    code = "UnknownOperationException"
    forms: ClassVar[Mapping[str, tuple[str, int]]] = MappingProxyType(
        {
            "rest-json": (code, 404),
            "rest-xml": (code, 404),
            "cbor": (code, 404),
            "s3": ("MethodNotAllowed", 405),
        }
    )


class IncompleteBody(AwsError):
    """A body that is read as it arrives broke off: its sender is gone."""

    code = "IncompleteBody"
    template = "You did not provide the number of bytes specified by the Content-Length HTTP header"


class InvalidAction(AwsError):
    """A query request for an operation or a version that the service does not have."""

    code = "InvalidAction"
    template = "Could not find operation {action} for version {version}"


class MissingAction(AwsError):
    """A query request without `Action`; AWS redirects a browser to its web pages here."""

    code = "MissingAction"
    template = "Missing Action"


class MalformedQuery(AwsError):
    """A query string or form that is not UTF-8, or has more parameters than anyone sends."""

    code = "MalformedQueryString"
    template = "The query string contains a syntax error"
