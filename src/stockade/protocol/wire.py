# SPDX-License-Identifier: Apache-2.0
"""What every protocol is to the gateway: find the operation, read it, render its answer.

A new protocol is one object of this kind and one line in the catalogue. `family` is what error
codes depend on (`AwsError.on`), and under it an operation keeps what a wire has compiled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from stockade.protocol.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stockade.protocol.errors import AwsError
    from stockade.protocol.http import HttpRequest, HttpResponse
    from stockade.protocol.operations import Services, WireOperation

_NO_DETAILS = "The request processing has failed because of an unknown error, exception or failure."


class Prepared(NamedTuple):
    """What a wire has compiled for one operation."""

    read: Callable[[Any], dict[str, Any]]
    """From what the wire has decoded to validated members by the model's names."""
    write: Callable[[Mapping[str, Any]], Any]
    """From output members by the model's names to a body, or to more of the answer."""


class Wire(Protocol):
    """One protocol."""

    @property
    def family(self) -> str:
        """The protocol family: what the codes of errors depend on."""

    def find(
        self, http: HttpRequest, services: Services, scope_service: str | None
    ) -> WireOperation:
        """Return the operation that a request names, or raise the AwsError that AWS would."""

    def prepare(self, operation: WireOperation) -> Prepared:
        """Compile the reader and the writer of an operation."""

    def read(self, http: HttpRequest, operation: WireOperation) -> dict[str, Any]:
        """Return the validated members of a request by the model's names."""

    def render(
        self, operation: WireOperation, output: Mapping[str, Any], request_id: str
    ) -> HttpResponse:
        """Return the answer of an operation; raises TypeError for output the model lacks."""

    def render_error(
        self, error: AwsError, request_id: str, operation: WireOperation | None = None
    ) -> HttpResponse:
        """Return the answer for an error; its shape comes from the operation's service if known."""


class Answer(NamedTuple):
    """What an error says in a protocol family."""

    code: str
    status: int
    message: str


def answer(error: AwsError, family: str) -> Answer:
    """Return what an error says; a failure of ours says no more than its class does."""
    code, status = error.on(family)
    message = error.message_on(family) if isinstance(error, Refusal) else error.message
    if status >= 500 and message != type(error).template:
        message = _NO_DETAILS
    return Answer(code, status, message)


def error_shape(operation: WireOperation | None, code: str, error: AwsError) -> Any:
    """Return the shape of an error in the operation's service, or None where it has none.

    Members need a shape: without an operation they are left out, and members that the model
    lacks are a bug.
    """
    if operation is None:
        return None
    shape = operation.home.errors.get(code)
    if shape is None and error.members:
        raise TypeError(f"{operation.service} has no error {code} for {sorted(error.members)}")
    return shape


def query_error(
    operation: WireOperation | None, shape: Any, error: AwsError, code: str, status: int
) -> tuple[str, list[tuple[bytes, bytes]]]:
    """Return the name of an error, and the header with the code that it had over query.

    Services that once spoke query (`awsQueryCompatible`) tell their clients both. The old code is
    what the error says over query, else the model's.
    """
    if shape is None or operation is None or not operation.home.query_compatible:
        return code, []
    fault = "Sender" if status < 500 else "Receiver"
    told, _ = error.on("query")
    old = shape.error_code if told == code else told
    return shape.name, [(b"x-amzn-query-error", f"{old};{fault}".encode())]
