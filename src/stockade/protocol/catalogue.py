# SPDX-License-Identifier: Apache-2.0
"""Tells which service, which operation and which protocol a request means.

The protocol is chosen per request, not per service: by `X-Amz-Target` and the content type, or
by `Action`. A request that shows none of these is answered in the first protocol of the service
that it was signed for. A new protocol is one more line in `_WIRES`.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from stockade.protocol.json import JSON_1_0, JSON_1_1
from stockade.protocol.operations import ServiceEntry, Services, WireOperation, WireService
from stockade.protocol.query import QUERY, parameter
from stockade.protocol.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stockade.protocol.http import HttpRequest

__all__ = ["Catalogue", "ServiceEntry", "Wire", "WireOperation", "WireService"]

_WIRES: Final[Mapping[str, Wire]] = MappingProxyType({"json": JSON_1_1, "query": QUERY})
"""The wire of each protocol as models name it."""


class Catalogue:
    """The services that are served and the protocols that they are served in."""

    def __init__(self, entries: Iterable[ServiceEntry]) -> None:
        self._services = Services(entries)

    def wire(self, http: HttpRequest, scope_service: str | None = None) -> Wire:
        """Return the protocol that a request speaks."""
        content_type = http.header(b"content-type") or b""
        if content_type.startswith(b"application/x-amz-json-1.0"):
            return JSON_1_0
        if content_type.startswith(b"application/x-amz-json-"):
            return JSON_1_1
        if http.header(b"x-amz-target") is not None:
            return JSON_1_1
        if parameter(http, b"Action") is None and scope_service is not None:
            return self._usual_wire(scope_service)
        return QUERY

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
        for service in self._services.signed_as(scope_service):
            return _WIRES.get(service.model.protocol, QUERY)
        return QUERY
