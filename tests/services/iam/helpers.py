# SPDX-License-Identifier: Apache-2.0
"""What the tests of IAM, STS and CloudTrail share: policies, users, refusals."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from stockade.core.context import Context
from stockade.core.ids import system_random
from stockade.services.iam import callers
from stockade.testing.transport import session

if TYPE_CHECKING:
    import boto3

    from stockade.app import Stockade

ACCOUNT = "000000000000"
OTHER = "111122223333"
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: str | list[str], resource: str | list[str] = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: str, **more: Any) -> dict[str, Any]:
    return {"Effect": "Deny", "Action": action, "Resource": "*", **more}


def trust(
    principal: str | list[str], action: str | list[str] = "sts:AssumeRole", **more: Any
) -> str:
    return policy({"Effect": "Allow", "Principal": {"AWS": principal}, "Action": action, **more})


def refused(call: Any, **arguments: Any) -> tuple[str, int, str]:
    """Return code, HTTP status and text of a refusal."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    response: Any = caught.value.response
    return (
        response["Error"]["Code"],
        response["ResponseMetadata"]["HTTPStatusCode"],
        response["Error"].get("Message", ""),
    )


def with_key(stockade: Stockade, key: dict[str, Any]) -> boto3.Session:
    """Return the session of an access key, or of what AssumeRole answered."""
    return session(
        stockade,
        access_key_id=key["AccessKeyId"],
        secret_access_key=key["SecretAccessKey"],
        session_token=key.get("SessionToken"),
    )


def account(stockade: Stockade, number: str) -> boto3.Session:
    """Return the root of another account."""
    return session(stockade, access_key_id=number)


def user(stockade: Stockade, admin: boto3.Session, name: str, *statements: Any) -> boto3.Session:
    """Make a user with an inline policy and return its session."""
    iam = admin.client("iam")
    iam.create_user(UserName=name)
    if statements:
        iam.put_user_policy(UserName=name, PolicyName="inline", PolicyDocument=policy(*statements))
    return with_key(stockade, iam.create_access_key(UserName=name)["AccessKey"])


@contextmanager
def below(stockade: Stockade) -> Iterator[Context]:
    """Yield a writing context of the account's root, for what services ask below the API."""
    with stockade.store.write() as unit:
        yield Context(
            now=stockade.clock.now(),
            request_id="",
            region="us-east-1",
            caller=callers.root(ACCOUNT, "test"),
            unit=unit,
            record=stockade.journal.append,
            random=system_random,
            nonce=lambda: system_random(28),
            vault=stockade.vault,
            ports=stockade.gateway._ports,
        )
