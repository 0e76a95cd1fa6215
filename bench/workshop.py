# SPDX-License-Identifier: Apache-2.0
"""A deployment in this process, with a key, an IAM user who may use it, and requests he signed."""

from __future__ import annotations

import json
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stockade.app import Stockade
from stockade.config import Settings
from stockade.creation import create
from stockade.testing.transport import session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stockade.protocol.http import HttpRequest, HttpResponse

PLAINTEXT = bytes(range(32))
CONTEXT = {"tenant": "a", "purpose": "bench"}
USER_ACTIONS = ["kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey", "kms:DescribeKey"]


@dataclass
class Workshop:
    """What the steps are made from."""

    app: Stockade
    key_arn: str
    access_key_id: str
    secret_access_key: str
    requests: dict[str, HttpRequest] = field(default_factory=dict)
    """A signed request by the operation's name."""


class _Catcher:
    """Hands requests to the deployment and keeps the last one."""

    def __init__(self, app: Stockade) -> None:
        self._app = app
        self.last: HttpRequest | None = None

    def answer(self, http: HttpRequest) -> HttpResponse:
        self.last = http
        return self._app.answer(http)


@contextmanager
def workshop() -> Iterator[Workshop]:
    """Open a durable deployment in a folder of its own and fill it."""
    with tempfile.TemporaryDirectory(prefix="stockade-bench-") as name:
        settings = Settings(mode="dev", data=Path(name) / "data")
        create(settings, _no_passphrase)
        app = Stockade.open(settings, _no_passphrase)
        try:
            yield _filled(app)
        finally:
            app.close()


def _no_passphrase() -> str:
    raise AssertionError("a file seal asks for no passphrase")


def _filled(app: Stockade) -> Workshop:
    root = session(app)
    key_arn = root.client("kms").create_key()["KeyMetadata"]["Arn"]
    iam = root.client("iam")
    iam.create_user(UserName="bench")
    document = json.dumps(user_policy(key_arn))
    iam.put_user_policy(UserName="bench", PolicyName="use-key", PolicyDocument=document)
    made = iam.create_access_key(UserName="bench")["AccessKey"]
    shop = Workshop(app, key_arn, made["AccessKeyId"], made["SecretAccessKey"])
    shop.requests = _signed(shop)
    return shop


def user_policy(key_arn: str) -> dict[str, Any]:
    """Return the user's policy: what the key is used for, on this key."""
    statement = {"Effect": "Allow", "Action": USER_ACTIONS, "Resource": key_arn}
    return {"Version": "2012-10-17", "Statement": [statement]}


def caught(app: Stockade, key: tuple[str, str], call: Callable[[Any], object]) -> HttpRequest:
    """Have a call made with an access key, and return what was sent for it."""
    catcher = _Catcher(app)
    call(session(catcher, access_key_id=key[0], secret_access_key=key[1]).client("kms"))
    assert catcher.last is not None
    return catcher.last


def _signed(shop: Workshop) -> dict[str, HttpRequest]:
    """Have the user make each call once, and keep what was sent."""
    catcher = _Catcher(shop.app)
    signer = session(
        catcher,
        access_key_id=shop.access_key_id,
        secret_access_key=shop.secret_access_key,
    )
    kms, key, sent = signer.client("kms"), shop.key_arn, {}
    blob = kms.encrypt(KeyId=key, Plaintext=PLAINTEXT, EncryptionContext=CONTEXT)["CiphertextBlob"]
    sent["Encrypt"] = catcher.last
    kms.decrypt(CiphertextBlob=blob, EncryptionContext=CONTEXT)
    sent["Decrypt"] = catcher.last
    kms.generate_data_key(KeyId=key, KeySpec="AES_256", EncryptionContext=CONTEXT)
    sent["GenerateDataKey"] = catcher.last
    kms.describe_key(KeyId=key)
    sent["DescribeKey"] = catcher.last
    return {name: http for name, http in sent.items() if http is not None}
