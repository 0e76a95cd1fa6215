# SPDX-License-Identifier: Apache-2.0
"""What is secret is in no file in clear: not in the data directory, the log, nor a backup.

A server is kept busy with secrets that the test knows, those that only the vault can give
included; then every file is searched for each of them in every form it could have been written in.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from stockade.core.ids import system_random
from stockade.services.kms.resources import MATERIALS
from stockade.store.vault import DOMAIN_KEYS
from tests.house.ledger import opened
from tests.house.raw import post
from tests.house.server import Credentials, Server, init, kill, run
from tests.services.kms.imports import OAEP, RSA_AES, bring

if TYPE_CHECKING:
    from collections.abc import Iterator

TRUST = {
    "Version": "2012-10-17",
    "Statement": {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"},
}
EVERYTHING = {
    "Version": "2012-10-17",
    "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"},
}
ROUNDS = 20


def forms(secret: bytes) -> Iterator[bytes]:
    """Yield how a secret may stand in a file: raw, hex, base64, escaped for JSON, a URL, Python."""
    yield secret
    yield secret.hex().encode()
    yield secret.hex().upper().encode()
    for shift in range(3):
        # Within longer data, base64 shows a secret in one of three shapes; cut what its
        # neighbours change.
        text = base64.b64encode(bytes(shift) + secret)
        inner = text[4 if shift else 0 : len(text) // 4 * 4 - 4]
        yield inner
        yield inner.replace(b"+", b"-").replace(b"/", b"_")
        yield inner.replace(b"/", b"\\/")
    yield quote(secret, safe="").encode()
    yield quote(secret, safe="").lower().encode()
    yield repr(secret)[2:-1].encode()
    yield json.dumps(secret.decode("latin-1"))[1:-1].encode()
    with suppress(UnicodeDecodeError):
        yield json.dumps(secret.decode())[1:-1].replace("/", "\\/").encode()


def found_in(content: bytes, secret: bytes) -> bool:
    return any(form in content for form in forms(secret))


def files(*places: Path) -> dict[Path, bytes]:
    """Return the content of every file, but for the seal, which is the secret that stays."""
    found = {}
    for place in places:
        for path in (place, *place.rglob("*")):
            if path.is_file() and path.name != "seal.key":
                found[path] = path.read_bytes()
    return found


def leaks(contents: dict[Path, bytes], secrets: dict[str, bytes]) -> list[str]:
    """Return which secret is in which file."""
    return [
        f"{name} in {path}"
        for path, content in contents.items()
        for name, secret in secrets.items()
        if found_in(content, secret)
    ]


class Busy:
    """Uses a server with secrets, and remembers them."""

    def __init__(self, server: Server, root: Credentials) -> None:
        self._server = server
        self._root = root
        self.secrets: dict[str, bytes] = {"root's secret": root.secret.encode()}
        self.keys: list[str] = []

    def work(self) -> None:
        """Do something of everything, as several callers."""
        user, session = self._user(), self._session()
        for number in range(ROUNDS):
            for who in (self._root, user, session):
                self._use_a_key(f"{number} {who.key_id}", who)
        self._import(user)
        self._go_wrong(user)

    def _know(self, name: str, secret: bytes | str) -> None:
        self.secrets[name] = secret.encode() if isinstance(secret, str) else secret

    def _user(self) -> Credentials:
        iam = self._server.client("iam", self._root)
        iam.create_user(UserName="alice")
        iam.put_user_policy(
            UserName="alice", PolicyName="all", PolicyDocument=json.dumps(EVERYTHING)
        )
        made = iam.create_access_key(UserName="alice")["AccessKey"]
        self._know("alice's secret", made["SecretAccessKey"])
        return Credentials(made["AccessKeyId"], made["SecretAccessKey"])

    def _session(self) -> Credentials:
        iam = self._server.client("iam", self._root)
        iam.create_role(RoleName="worker", AssumeRolePolicyDocument=json.dumps(TRUST))
        iam.put_role_policy(
            RoleName="worker", PolicyName="all", PolicyDocument=json.dumps(EVERYTHING)
        )
        arn = iam.get_role(RoleName="worker")["Role"]["Arn"]
        # Only the root may not become a role, so a user does.
        iam.create_user(UserName="bob")
        iam.put_user_policy(UserName="bob", PolicyName="all", PolicyDocument=json.dumps(EVERYTHING))
        made = iam.create_access_key(UserName="bob")["AccessKey"]
        self._know("bob's secret", made["SecretAccessKey"])
        sts = self._server.client("sts", Credentials(made["AccessKeyId"], made["SecretAccessKey"]))
        got = sts.assume_role(RoleArn=arn, RoleSessionName="one")["Credentials"]
        self._know("the session's secret", got["SecretAccessKey"])
        return Credentials(got["AccessKeyId"], got["SecretAccessKey"], got["SessionToken"])

    def _use_a_key(self, name: str, who: Credentials) -> None:
        kms = self._server.client("kms", who)
        key = kms.create_key(Description=f"key {name}")["KeyMetadata"]["KeyId"]
        self.keys.append(key)
        plaintext = system_random(48)
        self._know(f"plaintext {name}", plaintext)
        self._know(f"text {name}", f'card 4111-{plaintext.hex()} "of" {name}/ß')
        for secret in (plaintext, self.secrets[f"text {name}"]):
            blob = kms.encrypt(KeyId=key, Plaintext=secret, EncryptionContext={"a": name})
            got = kms.decrypt(CiphertextBlob=blob["CiphertextBlob"], EncryptionContext={"a": name})
            assert got["Plaintext"] == secret
        self._know(
            f"data key {name}", kms.generate_data_key(KeyId=key, KeySpec="AES_256")["Plaintext"]
        )
        self._know(f"random {name}", kms.generate_random(NumberOfBytes=64)["Plaintext"])

    def _import(self, who: Credentials) -> None:
        """Bring in material that stays, material that goes, and what is refused."""
        kms = self._server.client("kms", who)
        private = ec.generate_private_key(ec.SECP384R1())
        pkcs8 = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        scalar = private.private_numbers().private_value.to_bytes(48, "big")
        self._know("imported scalar", scalar)
        for spec, usage, material, way in (
            ("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", system_random(32), OAEP),
            ("HMAC_512", "GENERATE_VERIFY_MAC", system_random(100), OAEP),
            ("ECC_NIST_P384", "SIGN_VERIFY", pkcs8, RSA_AES),
        ):
            self._know(f"imported {spec}", material)
            stays, goes = (self._external(kms, spec, usage) for _ in range(2))
            for key in (stays, goes):
                bring(kms, key, material, way)
            kms.delete_imported_key_material(KeyId=goes)
            self.keys.append(stays)
            wrong = system_random(27)
            self._know(f"refused {spec}", wrong)
            with pytest.raises(ClientError, match="InvalidCiphertextException"):
                bring(kms, goes, wrong, way)

    @staticmethod
    def _external(kms: Any, spec: str, usage: str) -> str:
        made = kms.create_key(Origin="EXTERNAL", KeySpec=spec, KeyUsage=usage)["KeyMetadata"]
        return str(made["KeyId"])

    def _go_wrong(self, who: Credentials) -> None:
        """Have secrets refused: too long, not base64, in broken JSON, signed with a wrong key."""
        kms = self._server.client("kms", who)
        marker = system_random(24).hex()
        self._know("refused secret", marker)
        with pytest.raises(ClientError, match="ValidationException"):
            kms.encrypt(KeyId=self.keys[0], Plaintext=marker.encode() * 100)
        key = self.keys[0]
        for body in (
            f'{{"KeyId": "{key}", "Plaintext": "{marker}!"}}',
            f'{{"KeyId": "{key}", "Plaintext": {{"{marker}": 1}}}}',
            f'{{"KeyId": "{key}", "Plaintext": "{marker}',
            f'{{"KeyId": "{key}", "Plaintext": ["{marker}"]}}',
        ):
            answer = post(self._server.port, who, "TrentService.Encrypt", body.encode())
            assert answer.status == 400
            assert marker.encode() not in answer.body
        wrong = Credentials(who.key_id, system_random(20).hex())
        self._know("wrong secret", wrong.secret)
        with pytest.raises(ClientError):
            self._server.client("kms", wrong).encrypt(KeyId=key, Plaintext=marker.encode())


def sealed_secrets(data: Path) -> dict[str, bytes]:
    """Return what only the vault can give: key material, domain keys, the seal itself."""
    secrets = {"the seal": (data / "seal.key").read_bytes()}
    with opened(data) as app, app.store.read() as unit:
        for scope in unit.scopes(MATERIALS):
            for material in unit.list(MATERIALS, scope):
                if material.sealed is None:
                    continue
                secret = app.vault.open(unit, scope, material.place, material.sealed)
                secrets[f"material of {material.key_id}"] = secret
        for scope in unit.scopes(DOMAIN_KEYS):
            for key in unit.list(DOMAIN_KEYS, scope):
                secrets[f"domain key of {scope}"] = app.vault._unwrap(scope, key)
    return secrets


def test_no_secret_in_any_file(tmp_path: Path) -> None:
    data, backup = tmp_path / "data", tmp_path / "backup"
    root = init(data)
    with Server(data, debug=True) as server:
        busy = Busy(server, root)
        busy.work()
        running = files(data, server.log)
        kill(server.workers()[0])  # its segment stays behind
        run("backup", "--data", str(data), str(backup))
        server.await_ready()
        server.kill()
        killed = files(data, server.log, backup)
    secrets = busy.secrets | sealed_secrets(data)
    assert sum(name.startswith("material") for name in secrets) == len(busy.keys)
    check_search(running, killed[backup], data, busy.keys[0])
    stopped = files(data, server.log, backup)
    for contents in (running, killed, stopped):
        assert leaks(contents, secrets) == []


def check_search(running: dict[Path, bytes], backup: bytes, data: Path, key: str) -> None:
    """Make sure that the search could find something: sealed, each secret is there."""
    box = box_of(data, key)
    assert found_in(running[data / "stockade.db"] + running[data / "stockade.db-wal"], box)
    assert found_in(backup, box)
    assert any(path.suffix == ".jsonl" and content for path, content in running.items())
    log = next(content for path, content in running.items() if path.suffix == ".log")
    assert b"DEBUG" in log


def box_of(data: Path, key: str) -> bytes:
    """Return the sealed material of a key."""
    with opened(data) as app, app.store.read() as unit:
        for scope in unit.scopes(MATERIALS):
            for material in unit.find(MATERIALS, scope, "key", key):
                assert material.sealed is not None
                return material.sealed.box
    raise AssertionError(f"{key} has no material")


def test_a_deleted_keys_material_is_gone_sealed_or_not(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with Server(data, mode="dev") as server:
        kms = server.client("kms")
        keys = [kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(ROUNDS)]
        doomed = keys[ROUNDS // 2]
        box = base64.b64encode(box_of(data, doomed))
        kept = base64.b64encode(box_of(data, keys[0]))
        blob = kms.encrypt(KeyId=doomed, Plaintext=b"x")["CiphertextBlob"]
        assert holders(data, box) != []
        kms.schedule_key_deletion(KeyId=doomed, PendingWindowInDays=30)
        run("clock", "advance", "31d", "--endpoint", server.endpoint)
        with pytest.raises(ClientError, match="NotFoundException"):
            kms.describe_key(KeyId=doomed)
        with pytest.raises(ClientError):
            kms.decrypt(CiphertextBlob=blob)
        await_absence(data, box)
        assert holders(data, kept) != []
    assert holders(data, box) == []


def test_deleted_imported_material_is_gone_sealed_or_not(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with Server(data, mode="dev") as server:
        kms = server.client("kms")
        keys = [kms.create_key(Origin="EXTERNAL")["KeyMetadata"]["KeyId"] for _ in range(2)]
        for key in keys:
            bring(kms, key, system_random(32))
        doomed, kept = (base64.b64encode(box_of(data, key)) for key in keys)
        assert holders(data, doomed) != []
        kms.delete_imported_key_material(KeyId=keys[0])
        await_absence(data, doomed)
        assert holders(data, kept) != []


def holders(data: Path, needle: bytes) -> list[str]:
    """Return the names of the files that hold these bytes."""
    return [path.name for path, content in files(data).items() if needle in content]


def await_absence(data: Path, needle: bytes) -> None:
    """Wait until the keeper has emptied the write-ahead log."""
    deadline = time.monotonic() + 15
    while found := holders(data, needle):
        assert time.monotonic() < deadline, found
        time.sleep(0.1)


AS_USER = ("setpriv", "--bounding-set=-sys_ptrace") if os.geteuid() == 0 else ()
"""Runs a program without root's right to look into every process."""
WITH_DUMPS = ("sh", "-c", 'ulimit -c "$(ulimit -H -c)"; exec "$@"', "sh")
"""Runs a program where dumps are switched on."""


def may_be_read(pid: int) -> bool:
    """Try to look into a process's memory as another process of its user."""
    command = [*AS_USER, "dd", f"if=/proc/{pid}/mem", "count=0"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def dump_limit(pid: int) -> str:
    limits = Path(f"/proc/{pid}/limits").read_text().splitlines()
    return next(line.split()[4] for line in limits if line.startswith("Max core file size"))


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc")
def test_memory_is_never_dumped(tmp_path: Path) -> None:
    init(tmp_path / "data")
    with Server(tmp_path / "data", before=(*AS_USER, *WITH_DUMPS)) as server:
        for pid in (server.listener, *server.children()):
            assert dump_limit(pid) == "0"
            assert not may_be_read(pid)
    with Server(tmp_path / "dev", mode="dev", before=(*AS_USER, *WITH_DUMPS)) as server:
        assert may_be_read(server.listener), "a dev server may be debugged"


def test_secrets_do_not_show_themselves(tmp_path: Path) -> None:
    """Neither repr nor a bug's traceback prints what is sealed."""
    data = tmp_path / "data"
    init(data)
    secrets = sealed_secrets(data)
    with opened(data) as app:
        shown = f"{app!r} {app.vault!r} {vars(app)!r} {vars(app.vault)!r}".encode()
    assert not any(found_in(shown, secret) for secret in secrets.values())
