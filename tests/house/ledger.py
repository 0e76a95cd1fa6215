# SPDX-License-Identifier: Apache-2.0
"""What a server acknowledged, written down, to be held against what it has after a fault."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from botocore.exceptions import ClientError
from sqlalchemy import select

from stockade.app import Stockade
from stockade.cli.deployment import existing, settings
from stockade.store import blocks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.house.server import Credentials, Server

UNAVAILABLE = 503


class Ledger:
    """What a server acknowledged, to be held against it later."""

    def __init__(self, server: Server, root: Credentials) -> None:
        self._server = server
        self._root = root
        self._kms = server.client("kms", root)
        self._iam = server.client("iam", root)
        self.keys: dict[str, bytes] = {}
        """Ciphertexts by key."""
        self.created: set[str] = set()
        """Keys, those too under which nothing was encrypted any more."""
        self.users: list[str] = []
        self.requests: list[str] = []
        self.slowest = 0.0

    def work(self) -> None:
        """Create a key, use it, create a user, look at users."""
        self._create_key()
        self._decrypt()
        self._create_user()
        self._list_users()

    def must_fail(self) -> None:
        """See that reads and writes of both protocols fail, and how.

        Not each at once: there may be room for one more record in a block of the disk.
        """
        self.writes_must_fail()
        self.reads_must_fail()

    def writes_must_fail(self) -> None:
        """See that what needs a transaction fails."""
        self._must_fail(self._create_key, self._create_user)

    def reads_must_fail(self) -> None:
        """See that what needs the journal fails."""
        self._must_fail(self._decrypt, self._list_users)

    def _must_fail(self, *deeds: Callable[[], None]) -> None:
        for deed in deeds:
            with pytest.raises(ClientError) as refusal:
                again(deed)
            must_be_unavailable(refusal.value)

    def await_recovery(self, seconds: float = 20) -> None:
        """Wait until it works again by itself."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                self.work()
            except ClientError as error:
                must_be_unavailable(error)
                assert time.monotonic() < deadline, self._server.complaints()
                time.sleep(0.05)
            else:
                break
        while not self._server.ready():
            assert time.monotonic() < deadline, self._server.complaints()

    def check(self) -> None:
        """See that what was acknowledged is there, and nothing that failed is."""
        pages = self._kms.get_paginator("list_keys").paginate()
        found = {key["KeyId"] for page in pages for key in page["Keys"]}
        assert found == self.created
        for key, blob in self.keys.items():
            assert self._kms.decrypt(CiphertextBlob=blob)["Plaintext"] == key.encode()
        users = self._iam.get_paginator("list_users").paginate()
        assert {user["UserName"] for page in users for user in page["Users"]} == set(self.users)

    def check_audit(self) -> None:
        """See that each acknowledged call has one record in the stopped server's journal."""
        recorded = [record["requestID"] for record in records(self._server.data)]
        assert len(recorded) == len(set(recorded))
        assert set(self.requests) <= set(recorded)

    def _create_key(self) -> None:
        key = self._call(self._kms.create_key)["KeyMetadata"]["KeyId"]
        self.created.add(key)
        answer = self._call(self._kms.encrypt, KeyId=key, Plaintext=key.encode())
        self.keys[key] = answer["CiphertextBlob"]

    def _decrypt(self) -> None:
        key, blob = next(iter(self.keys.items()))
        answer = self._call(self._kms.decrypt, CiphertextBlob=blob)
        assert answer["Plaintext"] == key.encode()

    def _create_user(self) -> None:
        name = f"user-{len(self.users)}"
        self._call(self._iam.create_user, UserName=name)
        self.users.append(name)

    def _list_users(self) -> None:
        self._call(self._iam.list_users)

    def _call(self, call: Any, **arguments: Any) -> Any:
        began = time.monotonic()
        try:
            answer = call(**arguments)
        finally:
            self.slowest = max(self.slowest, time.monotonic() - began)
        self.requests.append(answer["ResponseMetadata"]["HTTPHeaders"]["x-amzn-requestid"])
        return answer


def again(deed: Callable[[], None]) -> None:
    for _ in range(100):
        deed()


def must_be_unavailable(error: ClientError) -> None:
    assert error.response["Error"]["Code"] == "ServiceUnavailable", error
    metadata: Any = error.response["ResponseMetadata"]
    assert metadata["HTTPStatusCode"] == UNAVAILABLE
    assert metadata["HTTPHeaders"]["x-amzn-requestid"]


@contextmanager
def opened(data: Path) -> Iterator[Stockade]:
    """Open a data directory in this process."""
    app = Stockade.open(settings("serve", data, existing(data)), lambda: "")
    try:
        yield app
    finally:
        app.close()


def records(data: Path) -> list[Any]:
    """Return every record in the journal of a data directory."""
    with opened(data) as app:
        app.ship_audit()
        with app.store.read() as unit:
            lines = unit.connection.execute(select(blocks.records.c.record)).scalars().all()
    return [msgspec.json.decode(line) for line in lines]
