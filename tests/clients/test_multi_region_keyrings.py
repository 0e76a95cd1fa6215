# SPDX-License-Identifier: Apache-2.0
"""Multi-Region keyrings: what us-east-1 encrypted, eu-west-1 reads with its replica alone."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.clients.clients import allow, user

if TYPE_CHECKING:
    from tests.clients.clients import Clients

pytestmark = pytest.mark.slow
PROGRAM = Path(__file__).parent / "programs" / "keyrings.py"
REPLICA_REGION = "eu-west-1"
READY_WITHIN_SECONDS = 20.0


@pytest.fixture
def primary(clients: Clients) -> str:
    """The ARN of a multi-Region key that has a replica in another Region."""
    made: str = clients.aws("kms", "create-key", "--multi-region")["KeyMetadata"]["Arn"]
    clients.aws("kms", "replicate-key", "--key-id", made, "--replica-region", REPLICA_REGION)
    until = time.monotonic() + READY_WITHIN_SECONDS
    while described(clients, replica_of(made))["KeyState"] != "Enabled":
        assert time.monotonic() < until, "the replica is still not there"
    return made


def replica_of(primary: str) -> str:
    return primary.replace("us-east-1", REPLICA_REGION)


def described(clients: Clients, key: str) -> Any:
    region = key.split(":")[3]
    answer = clients.aws("kms", "describe-key", "--key-id", key, "--region", region)
    return answer["KeyMetadata"]


@pytest.fixture
def run(keyrings: Path) -> Any:
    """Run the program in the environment that has keyrings."""

    def program(clients: Clients, *arguments: str) -> Any:
        return clients.python(keyrings / "python", PROGRAM, *arguments)

    return program


@pytest.mark.fact("kms-30")
@pytest.mark.fact("kms-32")
@pytest.mark.fact("kms-33")
def test_the_replica_alone_reads_it(
    clients: Clients, primary: str, run: Any, enforced: None
) -> None:
    account = primary.split(":")[4]
    file = str(clients.home / "sealed")
    assert run(clients, "encrypt", file, primary) == {"keys": [primary]}
    clients.aws("kms", "disable-key", "--key-id", primary)
    abroad = clients.by(user(clients, "abroad", allow("kms:Decrypt", replica_of(primary))))
    places = [f"{REPLICA_REGION}/{account}", f"us-east-1/{account}", f"ap-southeast-2/{account}"]
    said = run(abroad, "decrypt", file, *places, f"{REPLICA_REGION}/111122223333")
    assert said == [
        {"opened": True, "refusals": []},
        {"opened": False, "refusals": ["AccessDeniedException"]},
        {"opened": False, "refusals": ["AccessDeniedException"]},
        {"opened": False, "refusals": []},
    ]
