# SPDX-License-Identifier: Apache-2.0
"""The rules of the house that no linter knows."""

from __future__ import annotations

import ast
import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel

import stockade as package
from stockade.core.operation import Operation, Service
from stockade.joining import services
from stockade.protocol.catalogue import Catalogue
from stockade.protocol.errors import AwsError

ROOT = Path(package.__file__).parent
SERVICES = services()
MUTABLE = (list, dict, set, bytearray)


def modules() -> list[str]:
    found = pkgutil.walk_packages([str(ROOT)], "stockade.")
    return [module.name for module in found]


def model(service: Service) -> ServiceModel:
    return ServiceModel(Loader().load_service_model(service.entry.name, "service-2"))


def operations() -> Iterator[Any]:
    for service in SERVICES.values():
        for operation in service.operations.values():
            name = f"{service.entry.name}:{operation.python_name}"
            yield pytest.param(service, operation, id=name)


def errors(kind: type[AwsError] = AwsError) -> Iterator[type[AwsError]]:
    for each in kind.__subclasses__():
        yield each
        yield from errors(each)


@pytest.mark.parametrize("name", modules())
def test_no_module_level_mutable_state(name: str) -> None:
    module = importlib.import_module(name)
    mutable = [
        key
        for key, value in vars(module).items()
        if isinstance(value, MUTABLE) and not key.startswith("__")
    ]
    assert mutable == []


@pytest.mark.parametrize("service", list(SERVICES.values()), ids=list(SERVICES))
def test_entries_are_those_of_the_model(service: Service) -> None:
    metadata = model(service).metadata
    entry = service.entry
    assert entry.signing_name == metadata.get("signingName", metadata["endpointPrefix"])
    assert entry.target_prefix == metadata.get("targetPrefix")
    # The model of Organizations leaves it to the endpoint rules, STS has regional endpoints too.
    no_regions = "globalEndpoint" in metadata or entry.name == "organizations"
    assert entry.global_service == (no_regions and entry.name != "sts")


@pytest.mark.parametrize(("service", "operation"), list(operations()))
def test_operations_fit_the_model(service: Service, operation: Operation) -> None:
    catalogue = Catalogue([service.entry])
    home = catalogue.service(service.entry.name)
    assert home is not None
    named = [
        wire
        for wire in map(home.operation, home.operation_names)
        if wire is not None and wire.python_name == operation.python_name
    ]
    assert len(named) == 1, "the function is not named as an operation of AWS"
    bound = operation.bind(named[0])
    required = set(named[0].input_shape.required_members if named[0].input_shape else ())
    assert required <= set(bound), "a required member is not honoured"
    assert operation.handler.__doc__, "every operation says what it does"
    assert operation.access is not None


@pytest.mark.parametrize("service", list(SERVICES.values()), ids=list(SERVICES))
def test_error_codes_exist_in_the_model(service: Service) -> None:
    known = {shape.name for shape in model(service).error_shapes}
    known |= {shape.error_code for shape in model(service).error_shapes}
    common = {"ValidationError", "ValidationException", "AccessDenied", "AccessDeniedException"}
    # What AWS answers for alias/aws/..., though its model does not say so.
    common |= {"NotAuthorizedException"}
    # And for session tags that contradict each other.
    common |= {"InvalidParameterValue"}
    # And any service where a request quota is used up.
    common |= {"ThrottlingException"}
    prefix = f"stockade.services.{service.entry.name}."
    mine = [error for error in errors() if error.__module__.startswith(prefix)]
    assert mine
    assert {error.code for error in mine} <= known | common


def test_only_config_reads_the_environment() -> None:
    assert _users_of({"environ", "getenv"}) <= {"config.py"}


def test_only_clock_and_ids_touch_time_and_entropy() -> None:
    wall_clock = _users_of({"now", "utcnow", "today"}, owners={"datetime", "date"})
    assert wall_clock <= {"core/clock.py"}
    assert _users_of({"urandom", "uuid4", "token_bytes"}) <= {"core/ids.py"}


def _users_of(names: set[str], owners: set[str] | None = None) -> set[str]:
    """Return the source files that mention `owner.name`."""
    users = set()
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and node.attr in names:
                owner = node.value
                named = owner.id if isinstance(owner, ast.Name) else ""
                if owners is None or named in owners:
                    users.add(str(path.relative_to(ROOT)))
    return users


def test_suppressions_stay_few() -> None:
    count = sum(path.read_text().count("# type: ignore") for path in ROOT.rglob("*.py"))
    assert count <= 20
