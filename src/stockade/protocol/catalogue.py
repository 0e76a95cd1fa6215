# SPDX-License-Identifier: Apache-2.0
"""Tells which service, which operation and which protocol a request means.

The protocol is chosen per request, not per service: by `X-Amz-Target` and the content type, by
`smithy-protocol`, by `Action`; what shows none of these is of the protocol of the service that it
was signed for, or of the REST service that has its path. A new protocol is one more line in
`_WIRES`.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from stockade.protocol.cbor import CBOR_WIRE
from stockade.protocol.ec2 import EC2
from stockade.protocol.errors import AwsError
from stockade.protocol.json import JSON_1_0, JSON_1_1
from stockade.protocol.operations import ServiceEntry, Services, WireOperation, WireService
from stockade.protocol.query import QUERY, host_label, parameter
from stockade.protocol.rest_json import REST_JSON
from stockade.protocol.rest_xml import REST_XML, S3
from stockade.protocol.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stockade.protocol.http import HttpRequest

__all__ = ["Catalogue", "ServiceEntry", "Wire", "WireOperation", "WireService"]

_WIRES: Final[Mapping[str, Wire]] = MappingProxyType(
    {
        "json": JSON_1_1,
        "query": QUERY,
        "ec2": EC2,
        "rest-json": REST_JSON,
        "rest-xml": REST_XML,
        "smithy-rpc-v2-cbor": CBOR_WIRE,
    }
)
"""The wire of each protocol as models name it."""
_REST: Final = frozenset({"rest-json", "rest-xml"})
_BY_ACTION: Final = (JSON_1_0, JSON_1_1, CBOR_WIRE)
"""The wires of services that may be asked over query too."""


class Catalogue:
    """The services that are served and the protocols that they are served in."""

    def __init__(self, entries: Iterable[ServiceEntry]) -> None:
        self._services = Services(entries)
        self._usual: dict[str, Wire] = {}

    def wire(self, http: HttpRequest, scope_service: str | None = None) -> Wire:
        """Return the protocol that a request speaks."""
        content_type = http.header(b"content-type") or b""
        if content_type.startswith(b"application/x-amz-json-1.0"):
            return JSON_1_0
        if content_type.startswith(b"application/x-amz-json-"):
            return JSON_1_1
        if http.header(b"x-amz-target") is not None:
            return JSON_1_1
        if http.header(b"smithy-protocol") is not None:
            return CBOR_WIRE
        wire = self._usual_wire(scope_service) if scope_service else self._unsigned_wire(http)
        return QUERY if wire in _BY_ACTION and _has_action(http) else wire

    def operation(
        self, http: HttpRequest, wire: Wire, scope_service: str | None = None
    ) -> WireOperation:
        """Return the operation that a request names, or raise the AwsError that AWS would.

        `scope_service` is the service in the credential scope of the signature, if there is one.
        """
        return wire.find(http, self._services, scope_service)

    def service(self, name: str) -> WireService | None:
        """Return the service of that name with its model, or None."""
        return self._services.named(name)

    def _usual_wire(self, scope_service: str) -> Wire:
        """Return the protocol of the service that a request was signed for."""
        wire = self._usual.get(scope_service)
        if wire is None:
            signed = self._services.signed_as(scope_service)
            wire = _wire_of(signed[0]) if signed else QUERY
            if signed:  # what strangers make up is not kept
                self._usual[scope_service] = wire
        return wire

    def _unsigned_wire(self, http: HttpRequest) -> Wire:
        """Return the protocol of the service of the host, or of one that has such a path."""
        for service in self._services.signed_as(host_label(http)):
            return _wire_of(service)
        if _has_action(http):
            return QUERY
        # S3's paths fit nearly everything, so they come last.
        for service in sorted(self._services, key=lambda service: service.entry.s3_style):
            if service.entry.target_prefix is None and _has_route(service, http):
                return _wire_of(service)
        return QUERY


def _wire_of(service: WireService) -> Wire:
    if service.entry.name == "s3":
        return S3
    if service.protocol == "json" and service.model.metadata.get("jsonVersion") == "1.0":
        return JSON_1_0
    return _WIRES.get(service.protocol, QUERY)


def _has_action(http: HttpRequest) -> bool:
    try:
        return parameter(http, b"Action") is not None
    except AwsError:  # a form that cannot be read: said once the request is read
        return True


def _has_route(service: WireService, http: HttpRequest) -> bool:
    try:
        return service.protocol in _REST and service.router.find(http) is not None
    except AwsError:  # the same
        return True
