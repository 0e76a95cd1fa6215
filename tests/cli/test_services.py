# SPDX-License-Identifier: Apache-2.0
"""`stockade services`: the support matrix is what the code and AWS's model say."""

from __future__ import annotations

import json

import pytest
from botocore.session import Session

from stockade.cli.services import support
from stockade.joining import services as served_services
from tests.cli.conftest import Run

SUPPORT = {each.name: each for each in support()}


def test_every_service_of_the_program_is_there() -> None:
    assert SUPPORT.keys() == served_services().keys()


@pytest.mark.parametrize("name", SUPPORT)
def test_every_operation_of_the_model_is_there_once(name: str) -> None:
    model = Session().get_service_model(name)
    assert [each.name for each in SUPPORT[name].operations] == sorted(model.operation_names)
    assert SUPPORT[name].served == len(served_services()[name].operations)


@pytest.mark.parametrize("name", SUPPORT)
def test_members_are_the_model_s_minus_ours(name: str) -> None:
    model = Session().get_service_model(name)
    for operation in SUPPORT[name].operations:
        shape = model.operation_model(operation.name).input_shape
        members = shape.members if shape is not None else {}
        assert set(operation.not_honoured) <= set(members)
        if not operation.served:
            assert operation.not_honoured == ()


def test_the_table_adds_up(run: Run) -> None:
    lines = run("services").out.splitlines()
    assert lines[0].split() == ["service", "AWS's", "name", "served", "of"]
    served = sum(each.served for each in SUPPORT.values())
    of = sum(len(each.operations) for each in SUPPORT.values())
    assert lines[-1].split() == ["total", str(served), str(of)]
    assert len(lines) == len(SUPPORT) + 2


def test_one_service_operation_by_operation(run: Run) -> None:
    out = run("services", "kms").out
    assert "\nEncrypt " in out
    assert "\nConnectCustomKeyStore " in out
    row = next(line for line in out.splitlines() if line.startswith("Decrypt "))
    assert row.split()[1] == "yes"
    assert "DryRunModifiers" in row


def test_markdown_has_the_same_columns_in_each_row(run: Run) -> None:
    for arguments in ((), ("iam",)):
        lines = run("services", "--format", "markdown", *arguments).out.splitlines()
        assert len({line.count("|") for line in lines}) == 1
        assert set(lines[1]) == set("| -")


def test_json_has_everything(run: Run) -> None:
    content = json.loads(run("services", "--format", "json").out)
    assert {each["name"]: len(each["operations"]) for each in content} == {
        name: len(each.operations) for name, each in SUPPORT.items()
    }
    (kms,) = json.loads(run("services", "--format", "json", "kms").out)
    encrypt = next(each for each in kms["operations"] if each["name"] == "Encrypt")
    assert encrypt["served"]


def test_an_unknown_service_is_said(run: Run) -> None:
    ended = run("services", "teleport")
    assert ended.status == 1
    assert ended.err.startswith(
        "stockade: error: there is no service 'teleport'\nhint: there are: "
    )
