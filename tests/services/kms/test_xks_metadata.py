# SPDX-License-Identifier: Apache-2.0
"""What a proxy is told of the call behind a request."""

from __future__ import annotations

import msgspec
import pytest
from msgspec.structs import replace

from stockade.app import Stockade
from stockade.core.context import Context
from stockade.core.identity import Caller
from stockade.core.ids import system_random
from stockade.core.ports import Ports
from stockade.policy.request import Principal
from stockade.services.kms.xks_metadata import health_metadata, request_metadata

ACCOUNT = "111122223333"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/app"
SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/app/one"
KEY = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"


@pytest.mark.parametrize(
    ("principal", "told"),
    [
        (Principal(kind="session", arn=SESSION, account=ACCOUNT, role_arn=ROLE), ROLE),
        (Principal(kind="user", arn=ROLE, account=ACCOUNT), ROLE),
        (Principal(kind="service", arn="", account="", service="s3.aws"), "s3.aws"),
    ],
)
def test_who_called(stockade: Stockade, principal: Principal, told: str) -> None:
    with stockade.store.read() as unit:
        ctx = Context(
            now=stockade.clock.now(),
            request_id="4112f4d6",
            region="us-east-1",
            caller=replace(Caller.nobody(), principal=principal),
            unit=unit,
            record=lambda _line: None,
            random=system_random,
            nonce=lambda: bytes(28),
            vault=stockade.vault,
            ports=Ports({}),
        )
        direct = request_metadata(ctx, "CreateKey")
        through = request_metadata(replace(ctx, via=("s3.amazonaws.com",)), "Decrypt", KEY)
    assert msgspec.to_builtins(direct) == {
        "kmsOperation": "CreateKey",
        "kmsRequestId": "4112f4d6",
        "awsPrincipalArn": told,
    }
    assert (through.kms_via_service, through.kms_key_arn) == ("s3", KEY)


def test_a_health_check_tells_only_why() -> None:
    asked = health_metadata("4112f4d6", "CreateCustomKeyStore")
    assert msgspec.to_builtins(asked) == {
        "kmsOperation": "CreateCustomKeyStore",
        "kmsRequestId": "4112f4d6",
    }
