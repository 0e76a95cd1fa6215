# SPDX-License-Identifier: Apache-2.0
"""A started server and stock clients for it.

STOCKADE_TEST_ENDPOINT names a server that runs already: then none is started, and tests of what
only Stockade does are skipped.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.clients.clients import Clients
from tests.clients.environment import ROOT, EnvironmentUnavailableError, environment, packages

if TYPE_CHECKING:
    from collections.abc import Iterator

READY_WITHIN_SECONDS = 30.0
STOP_WITHIN_SECONDS = 10.0
ENDPOINT = os.environ.get("STOCKADE_TEST_ENDPOINT")


@pytest.fixture(scope="session")
def programs() -> Path:
    """The `bin` folder of the environment that holds the stock clients."""
    return _installed("clients")


@pytest.fixture(scope="session")
def keyrings() -> Path:
    """The `bin` folder of the environment with the newest Encryption SDK and its keyrings."""
    return _installed("keyrings")


@pytest.fixture(scope="session")
def javascript() -> Path:
    """The `node_modules` folder with the Encryption SDK for JavaScript; skips without Node.js."""
    lock = ROOT / "requirements" / "javascript" / "package-lock.json"
    try:
        return packages(lock, ROOT / ".venv-javascript")
    except EnvironmentUnavailableError as reason:
        pytest.skip(f"the clients in JavaScript cannot be installed: {reason}")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The endpoint of a server with durable data and enforcement on."""
    if ENDPOINT:
        yield ENDPOINT
        return
    with _started(tmp_path_factory.mktemp("server")) as endpoint:
        yield endpoint


@pytest.fixture
def clients(server: str, programs: Path, tmp_path: Path) -> Clients:
    """The stock clients with an empty home, called by the account's root."""
    return Clients(programs=programs, home=tmp_path, endpoint=server)


@pytest.fixture
def key(clients: Clients) -> str:
    """The ARN of a new symmetric key."""
    made: str = clients.aws("kms", "create-key")["KeyMetadata"]["Arn"]
    return made


@pytest.fixture
def enforced() -> None:
    """Skip where another server is asked: it verifies, decides or records nothing."""
    if ENDPOINT:
        pytest.skip("only Stockade does this")


def _installed(lock: str) -> Path:
    """Return the `bin` folder of the environment of a lock; without one, skip (but fail in CI)."""
    try:
        return environment(ROOT / "requirements" / f"{lock}.txt", ROOT / f".venv-{lock}")
    except EnvironmentUnavailableError as reason:
        if os.environ.get("CI"):
            pytest.fail(f"the stock clients cannot be installed: {reason}")
        pytest.skip(f"the stock clients cannot be installed: {reason}")


@contextmanager
def _started(folder: Path) -> Iterator[str]:
    port = _free_port()
    log = folder / "server.log"
    command = [str(Path(sys.executable).with_name("stockade")), "dev"]
    options = ["--port", str(port), "--data", str(folder / "data")]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, *options], cwd=folder, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        endpoint = f"http://127.0.0.1:{port}"
        _await_ready(process, endpoint, log)
        yield endpoint
    finally:
        _stop(process)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await_ready(process: subprocess.Popen[bytes], endpoint: str, log: Path) -> None:
    until = time.monotonic() + READY_WITHIN_SECONDS
    while not _ready(endpoint):
        if process.poll() is not None or time.monotonic() > until:
            pytest.fail(f"stockade dev did not become ready:\n{log.read_text()[-2000:]}")
        time.sleep(0.05)


def _ready(endpoint: str) -> bool:
    try:
        with urllib.request.urlopen(f"{endpoint}/_stockade/ready", timeout=1) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_WITHIN_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
