# SPDX-License-Identifier: Apache-2.0
"""Every operation demands permissions that AWS has, on resources as AWS names them.

The table of `policy.actions` says which actions there are, what the ARNs of their resources look
like and which condition keys exist. Where AWS's behaviour differs from its own reference, the
difference stands in a list here, with its reason.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from msgspec.structs import replace

import stockade as package
from stockade.app import Stockade
from stockade.core.access import Touched
from stockade.core.context import Context
from stockade.core.identity import Caller
from stockade.policy.actions import arn_glob, find_action, table
from stockade.policy.match import glob
from stockade.policy.request import Principal
from stockade.protocol.catalogue import Catalogue
from stockade.store.resources import Scope
from stockade.store.unit import Unit
from stockade.testing.transport import session
from tests.house.test_every_operation import ACCOUNT, OPEN, SAMPLES, SERVICES, operations, sample

SERVICES_FOLDER = Path(package.__file__).parent / "services"

UNKNOWN_ACTIONS: Mapping[str, str] = MappingProxyType(
    {
        "kms:Decapsulate": "younger than the table; AWS's API reference names it",
        "kms:Encapsulate": "as kms:Decapsulate",
        "access-analyzer:CreateServiceLinkedAnalyzer": "newer than the table",
        "access-analyzer:DeleteServiceLinkedAnalyzer": "newer than the table",
        "kms:GetKeyLastUsage": "newer than the table: AWS's API reference demands it",
    }
)
"""Actions that the table lacks -> why they are demanded all the same."""

OTHER_ARNS: Mapping[str, str] = MappingProxyType(
    {
        "iam:list_groups": "AWS's denial names the folder: `arn:aws:iam::ACCOUNT:group/`",
        "iam:list_instance_profiles": "as iam:list_groups",
        "iam:list_policies": "AWS's denial speaks of `policy path /`, not of an ARN",
        "iam:list_roles": "AWS's denial names the folder: `arn:aws:iam::ACCOUNT:role/`",
        "iam:list_users": "AWS's denial names the folder: `arn:aws:iam::ACCOUNT:user/`",
        "iam:list_server_certificates": "as iam:list_groups",
        "iam:list_virtual_mfa_devices": "as iam:list_groups",
        "kms:replicate_key": "kms:CreateKey in the replica's Region is about no key yet: `*`",
        "organizations:accept_handshake": "what does not exist has no kind for its ARN: `*`",
        "organizations:cancel_handshake": "as organizations:accept_handshake",
        "organizations:decline_handshake": "as organizations:accept_handshake",
        "organizations:describe_handshake": "as organizations:accept_handshake",
        "organizations:create_account": "as kms:create_key",
        "organizations:create_policy": "as kms:create_key",
        "organizations:put_resource_policy": "there is no policy before it is put: `*`",
        "organizations:invite_account_to_organization": "the account is not a member yet: `*`",
        "sts:get_federation_token": "the federated user that comes to be, as AWS documents it",
        "kms:list_retirable_grants": "the retiring principal, as AWS's API reference has it",
        "kms:retire_grant": "a request that names no grant names no key: `*`",
        "kms:create_key": "TagResource is asked for before there is a key: `*`",
    }
)
"""Operations whose resource AWS names otherwise than by an ARN of the table -> how."""

OTHER_LEVELS: Mapping[str, str] = MappingProxyType(
    {
        "accessanalyzer:create_service_linked_analyzer": "the table lacks its action",
        "accessanalyzer:delete_service_linked_analyzer": "the table lacks its action",
        "kms:encrypt": "AWS records all cryptographic operations as reads",
        "kms:decrypt": "AWS records all cryptographic operations as reads",
        "kms:re_encrypt": "AWS records all cryptographic operations as reads",
        "kms:generate_data_key": "AWS records all cryptographic operations as reads",
        "kms:generate_data_key_without_plaintext": "as the other cryptographic operations",
        "kms:generate_data_key_pair": "as the other cryptographic operations",
        "kms:generate_data_key_pair_without_plaintext": "as the other cryptographic operations",
        "kms:derive_shared_secret": "as the other cryptographic operations",
        "kms:generate_random": "as the other cryptographic operations",
        "kms:generate_mac": "as the other cryptographic operations",
        "kms:verify_mac": "as the other cryptographic operations",
        "kms:sign": "as the other cryptographic operations",
        "kms:verify": "as the other cryptographic operations",
        "sts:assume_role": "AWS's records of AssumeRole say readOnly: true",
        "sts:assume_root": "as sts:assume_role",
        "sts:decode_authorization_message": "as sts:assume_role: nothing is changed",
        "sts:get_web_identity_token": "as sts:assume_role: nothing is changed",
        "iam:generate_credential_report": "the report is kept, so it is a write here",
        "iam:generate_service_last_accessed_details": "as iam:generate_credential_report",
    }
)
"""Operations whose record says otherwise than the action's access level -> why."""

NEWER_KEYS = frozenset(
    {
        "kms:grantconstraintsourcearn",
        "kms:granteeserviceprincipal",
        "kms:retiringserviceprincipal",
    }
)
"""Keys of AWS's newest documentation that the table does not have yet."""

GLOBAL_KEYS = frozenset(
    {
        "aws:sourcevpc",
        "aws:sourcevpce",
        "aws:calledvia",
        "aws:multifactorauthage",
        "aws:multifactorauthpresent",
        "aws:principaltag/",
        "aws:requesttag/",
        "aws:resourcetag/",
        "aws:sourceaccount",
        "aws:sourcearn",
        "aws:sourceidentity",
        "aws:tagkeys",
        "aws:federatedprovider",
    }
)


def context(stockade: Stockade, unit: Unit) -> Context:
    """Return the context of a call by a user without any policy."""
    caller = Caller(
        principal=Principal("user", f"arn:aws:iam::{ACCOUNT}:user/nobody", ACCOUNT),
        user_id="AIDA",
        access_key_id="AKIA",
        user_name="nobody",
        audit_identity=Caller.nobody().audit_identity,
    )
    quiet = stockade.reconciler._context(unit, Scope(ACCOUNT, "us-east-1"))
    return replace(quiet, caller=caller)


def touched(stockade: Stockade, service: Any, operation: Any, *, everything: bool) -> Touched:
    """Return what a sample of an operation touches: with the required members or with all."""
    home = Catalogue([service.entry]).service(service.entry.name)
    assert home is not None
    wires = filter(None, map(home.operation, home.operation_names))
    wire = next(wire for wire in wires if wire.python_name == operation.python_name)
    shape = wire.input_shape
    members = operation.bind(wire) if everything else (shape.required_members if shape else ())
    params = {name: sample(name, shape.members[name]) for name in members} if shape else {}
    if operation.python_name == "assume_role":  # a code of no device is refused before that
        params = {name: params[name] for name in params.keys() - {"SerialNumber", "TokenCode"}}
    if operation.python_name == "retire_grant":  # a token that nobody gave is refused before that
        params.pop("GrantToken", None)
    params.pop("Recipient", None)  # a document that proves nothing is refused before that
    if shape and "CiphertextBlob" in shape.members:
        params["CiphertextBlob"] = SAMPLES["CiphertextBlob"]
    with stockade.store.read() as unit:
        found: Touched = operation.access(context(stockade, unit), params)
    return found


@pytest.fixture(scope="module")
def empty() -> Iterator[Stockade]:
    """One deployment for all: nothing is changed in it."""
    app = Stockade.in_memory(account=ACCOUNT)
    session(app).client("organizations").create_organization()  # outside of one nothing has an ARN
    yield app
    app.close()


@pytest.mark.parametrize("everything", [False, True], ids=["required", "all"])
@pytest.mark.parametrize(("service", "operation"), operations())
def test_demands_are_those_of_aws(
    empty: Stockade, service: Any, operation: Any, *, everything: bool
) -> None:
    demands = touched(empty, service, operation, everything=everything).demands
    name = f"{service.entry.name}:{operation.python_name}"
    if name in OPEN and not demands:
        return
    assert demands, "what has no mapping is denied to everybody"
    for demand in demands:
        action = find_action(demand.action)
        if action is None:
            assert demand.action in UNKNOWN_ACTIONS
            continue
        assert demand.action == action.name, "AWS's spelling"
        if name in OTHER_ARNS:
            continue
        patterns = [glob(arn_glob(arn)) for arn in action.arns or ()] or ["*".__eq__]
        assert any(fits(demand.arn) for fits in patterns), (demand.arn, action.arns)


@pytest.mark.parametrize(("service", "operation"), operations())
def test_levels_are_those_of_the_record(empty: Stockade, service: Any, operation: Any) -> None:
    demands = touched(empty, service, operation, everything=False).demands
    levels = {action.level for each in demands if (action := find_action(each.action))}
    read_only = levels <= {"Read", "List"}
    expected_otherwise = f"{service.entry.name}:{operation.python_name}" in OTHER_LEVELS
    assert (operation.read_only is read_only) is not expected_otherwise


def test_exceptions_are_needed() -> None:
    """A list of exceptions that names what is no exception hides the next one."""
    assert not [name for name in UNKNOWN_ACTIONS if find_action(name)]
    assert not [key for key in NEWER_KEYS if key in _known_keys("kms")]
    served = {f"{case.values[0].entry.name}:{case.values[1].python_name}" for case in operations()}
    assert set(OTHER_LEVELS) | set(OTHER_ARNS) <= served


def keys_served() -> list[Any]:
    """Return the condition keys that the sources of a service name: lower case with a prefix."""
    prefixes = "|".join([*table().services, "aws"])
    key = re.compile(rf"(?:{prefixes}):[a-z][a-z0-9-]*[/:]?")
    found = set()
    for path in SERVICES_FOLDER.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and key.fullmatch(node.value)
            ):
                found.add((path.relative_to(SERVICES_FOLDER).parts[0], node.value))
    return sorted(found)


def _known_keys(prefix: str) -> set[str]:
    facts = table().services.get(prefix)
    return {name.lower().partition("${")[0] for name in facts.keys} if facts else set()


@pytest.mark.parametrize(("service", "key"), keys_served())
def test_condition_keys_exist(service: str, key: str) -> None:
    known = _known_keys(key.partition(":")[0])
    family = key.endswith(":") and any(name.startswith(key) for name in known)
    assert family or key in known | GLOBAL_KEYS | NEWER_KEYS, service


def test_every_service_has_facts_in_full() -> None:
    for service in SERVICES.values():
        facts = table().services.get(service.entry.signing_name)
        assert facts is not None
        assert facts.actions
