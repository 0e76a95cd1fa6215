# SPDX-License-Identifier: Apache-2.0
"""Services and operations as AWS's model describes them, read lazily.

A `ServiceEntry` is what a service declares of itself, so that a request is identified without
any model being loaded. The model is botocore's, from botocore's own folder and never from
`~/.aws/models`: what AWS's words mean is not for a user's home directory to decide. Everything
computed here is computed once and is equal however often it is computed, so that two threads
that race for it do no harm.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec
from botocore import xform_name
from botocore.loaders import Loader
from botocore.model import ServiceModel

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from stockade.protocol.wire import Prepared, Wire


class ServiceEntry(msgspec.Struct, frozen=True):
    """What a service says of itself: enough to identify its requests."""

    name: str
    """The name of botocore's folder: `kms`, `cloudtrail`, `acm-pca`."""
    signing_name: str
    """The service in the credential scope of a signature."""
    target_prefix: str | None
    """What precedes the operation in `X-Amz-Target`; None where the protocol has no such header."""
    global_service: bool = False
    """The service has one endpoint for all Regions, in us-east-1."""
    s3_style: bool = False
    """Requests are signed as S3's are: the path as sent, bodies unsigned or in chunks."""


class WireService:
    """A service with its model, which is loaded when it is first asked for."""

    def __init__(self, entry: ServiceEntry, loader: Any) -> None:
        self.entry = entry
        self._loader = loader
        self._operations: dict[str, WireOperation] = {}

    @cached_property
    def model(self) -> Any:
        """The botocore `ServiceModel`."""
        description = self._loader.load_service_model(self.entry.name, "service-2")
        return ServiceModel(description, self.entry.name)

    @cached_property
    def api_version(self) -> str:
        """What query requests carry as `Version`."""
        return str(self.model.api_version)

    @cached_property
    def namespace(self) -> str | None:
        """The XML namespace of answers, or None where the model has none."""
        namespace: str | None = self.model.metadata.get("xmlNamespace")
        return namespace

    @cached_property
    def operation_names(self) -> frozenset[str]:
        """The names of all operations, as AWS writes them."""
        return frozenset(self.model.operation_names)

    @cached_property
    def errors(self) -> Mapping[str, Any]:
        """The modelled error shapes by their code on the wire and by their name."""
        shapes = self.model.error_shapes
        return {shape.name: shape for shape in shapes} | {
            shape.error_code: shape for shape in shapes
        }

    def operation(self, name: str) -> WireOperation | None:
        """Return the operation of that name, or None."""
        known = self._operations.get(name)
        if known is None and name in self.operation_names:
            known = self._operations.setdefault(name, WireOperation(self, name))
        return known


class WireOperation:
    """An operation with its shapes and what each wire has compiled for it."""

    def __init__(self, home: WireService, name: str) -> None:
        self.home = home
        self.service: str = home.entry.name
        self.name = name
        self.python_name: str = xform_name(name)
        model = home.model.operation_model(name)
        self.input_shape: Any = model.input_shape
        self.output_shape: Any = model.output_shape
        self.error_shapes: Sequence[Any] = tuple(model.error_shapes)
        self._prepared: dict[str, Prepared] = {}

    def __repr__(self) -> str:
        return f"<WireOperation {self.service}:{self.name}>"

    def prepared(self, wire: Wire) -> Prepared:
        """Return the reader and the writer of this operation on a wire, compiled at first use."""
        ready = self._prepared.get(wire.family)
        if ready is None:
            ready = self._prepared.setdefault(wire.family, wire.prepare(self))
        return ready


class Services:
    """All services that are served, found by what requests carry."""

    def __init__(self, entries: Iterable[ServiceEntry]) -> None:
        loader = Loader(
            extra_search_paths=[Loader.BUILTIN_DATA_PATH], include_default_search_paths=False
        )
        self._by_name = {entry.name: WireService(entry, loader) for entry in entries}
        self._by_target = {
            service.entry.target_prefix: service
            for service in self._by_name.values()
            if service.entry.target_prefix is not None
        }

    def __iter__(self) -> Iterator[WireService]:
        return iter(self._by_name.values())

    def named(self, name: str) -> WireService | None:
        """Return the service of that name, or None."""
        return self._by_name.get(name)

    def targeted(self, prefix: str) -> WireService | None:
        """Return the service of that `X-Amz-Target` prefix, or None."""
        return self._by_target.get(prefix)

    def signed_as(self, signing_name: str) -> Sequence[WireService]:
        """Return the services of that credential scope: several may share one."""
        return [s for s in self if s.entry.signing_name == signing_name]
