# SPDX-License-Identifier: Apache-2.0
"""`stockade services`: what is real and what is not, read from the code itself.

AWS's model says what operations and members there are; the signatures of ours say what is honoured.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import click

from stockade.cli.options import examples
from stockade.cli.problems import Problem
from stockade.cli.tables import markdown, table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stockade.core.operation import Service
    from stockade.protocol.operations import WireService


class OperationSupport(NamedTuple):
    """One operation of AWS's model, and how far it is served."""

    name: str
    served: bool
    not_honoured: tuple[str, ...]
    """Members of its input that a request is refused for."""


class ServiceSupport(NamedTuple):
    """One service, and which of its operations are served."""

    name: str
    title: str
    operations: tuple[OperationSupport, ...]

    @property
    def served(self) -> int:
        """How many operations are served."""
        return sum(operation.served for operation in self.operations)


@click.command(
    epilog=examples(
        "stockade services",
        "stockade services kms",
        "stockade services --format markdown",
    )
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "markdown", "json"]),
    default="table",
    show_default=True,
    help="How to print it.",
)
@click.argument("name", required=False)
def services(form: str, name: str | None) -> None:
    """Show which of AWS's operations are served.

    With the NAME of a service, show each of its operations, and which members of their input are
    not honoured yet. A request that uses one gets an error that names it.
    """
    supported = support()
    if name is not None:
        chosen = [each for each in supported if each.name == name]
        if not chosen:
            hint = f"there are: {', '.join(each.name for each in supported)}"
            raise Problem(f"there is no service {name!r}", hint)
        supported = chosen
    if form == "json":
        click.echo(_json(supported))
        return
    write = markdown if form == "markdown" else table
    heads, rows = _totals(supported) if name is None else _operations(supported[0])
    click.echo(write(heads, rows))


def support() -> list[ServiceSupport]:
    """Return how far every service is served."""
    from stockade import joining
    from stockade.protocol.operations import Services

    ours = joining.services()
    known = Services(service.entry for service in ours.values())
    return [_service(ours[wire.entry.name], wire) for wire in known]


def _service(service: Service, wire: WireService) -> ServiceSupport:
    operations = tuple(_operation(service, wire, name) for name in sorted(wire.operation_names))
    title = wire.model.metadata.get("serviceAbbreviation") or wire.model.metadata["serviceFullName"]
    return ServiceSupport(wire.entry.name, title, operations)


def _operation(service: Service, wire: WireService, name: str) -> OperationSupport:
    from botocore import xform_name

    operation = service.operations.get(xform_name(name))
    known = wire.operation(name)
    if operation is None or known is None:
        return OperationSupport(name, served=False, not_honoured=())
    members = known.input_shape.members if known.input_shape is not None else ()
    honoured = operation.bind(known)
    missing = tuple(member for member in members if member not in honoured)
    return OperationSupport(name, served=True, not_honoured=missing)


def _totals(supported: Iterable[ServiceSupport]) -> tuple[list[str], list[list[str]]]:
    rows = [
        [each.name, each.title, str(each.served), str(len(each.operations))] for each in supported
    ]
    served, of = (sum(int(row[column]) for row in rows) for column in (2, 3))
    return ["service", "AWS's name", "served", "of"], [*rows, ["total", "", str(served), str(of)]]


def _operations(service: ServiceSupport) -> tuple[list[str], list[list[str]]]:
    rows = [
        [each.name, "yes" if each.served else "no", ", ".join(each.not_honoured)]
        for each in service.operations
    ]
    total = f"{service.served} of {len(rows)}"
    return ["operation", "served", "members not honoured"], [*rows, ["total", total, ""]]


def _json(supported: Iterable[ServiceSupport]) -> str:
    import json

    content = [
        each._asdict() | {"operations": [operation._asdict() for operation in each.operations]}
        for each in supported
    ]
    return json.dumps(content, indent=2)
