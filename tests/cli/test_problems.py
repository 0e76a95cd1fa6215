# SPDX-License-Identifier: Apache-2.0
"""What is said when something goes wrong, and what a strange server is taken for."""

from __future__ import annotations

import errno
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from stockade.cli.problems import as_problem
from stockade.config import SettingsError
from stockade.store.backup import BackupError
from stockade.store.errors import StoreTooNew, StoreUnavailable
from stockade.store.seal import SealError
from stockade.store.segments import JournalUnavailable
from tests.cli.conftest import Run
from tests.cli.programs import PROGRAM


@pytest.mark.parametrize(
    ("fault", "sentence", "hint"),
    [
        (SettingsError("it is so", "do that"), "it is so", "do that"),
        (SealError("it is so", "do that"), "it is so", "do that"),
        (BackupError("it is so", "do that"), "it is so", "do that"),
        (
            StoreTooNew("the store has schema 9 and this knows 1: run the newer version"),
            "the store has schema 9 and this knows 1",
            "run the newer version",
        ),
        (
            StoreUnavailable("x.db: the file is damaged: restore the last backup"),
            "x.db: the file is damaged",
            "restore the last backup",
        ),
        (StoreUnavailable("x.db: read-only"), "x.db: read-only", ""),
        (JournalUnavailable("no room"), "no room", ""),
        (
            OSError(errno.ENOSPC, "No space left on device"),
            "no space left on device",
            "make room, then try again",
        ),
        (
            PermissionError(errno.EACCES, "Permission denied", "/a/b"),
            "/a/b: permission denied",
            "",
        ),
    ],
)
def test_known_faults_are_one_sentence(fault: Exception, sentence: str, hint: str) -> None:
    problem = as_problem(fault)
    assert (problem.message, problem.hint, problem.status) == (sentence, hint, 1)


def test_what_nobody_expected_shows_its_kind_alone() -> None:
    problem = as_problem(KeyError("a secret, perhaps"))
    assert problem.message == "unexpected KeyError"
    assert "--debug" in problem.hint
    assert "secret" not in problem.message + problem.hint


def test_nobody_reads_what_is_printed() -> None:
    command = [PROGRAM, "services", "--format", "json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.close()
        _, err = process.communicate(timeout=30)
    assert err == b""


@contextmanager
def _answering(status: int, body: bytes) -> Iterator[str]:
    """Serve one answer to every request, as a server that is no Stockade."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815  the name that BaseHTTPRequestHandler looks for

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("status", "body"),
    [(404, b"not found"), (200, b'{"services": {}}'), (200, b"[]"), (500, b"")],
)
def test_another_server_is_not_taken_for_a_stockade(run: Run, status: int, body: bytes) -> None:
    with _answering(status, body) as endpoint:
        ended = run("status", "--endpoint", endpoint)
        assert ended.status == 1
        assert f"what answers at {endpoint} is not a Stockade" in ended.err
        assert run("clock", "show", "--endpoint", endpoint).status == 1
        assert run("explain", "x", "--endpoint", endpoint).status == 1


def test_a_stockade_that_does_not_serve(run: Run) -> None:
    body = (
        b'{"edition": "stockade", "version": "1", "mode": "serve", "status": "unavailable",'
        b' "services": {"kms": "error"}, "error": "x.db: the disk is full"}'
    )
    with _answering(503, body) as endpoint:
        ended = run("status", "--endpoint", endpoint)
        assert ended.status == 1
        assert ended.err == "stockade: error: x.db: the disk is full\n"
        assert "kms      error" in ended.out
        assert run("wait", "--timeout", "0.2", "--endpoint", endpoint).status == 1


def test_a_server_that_hangs_up_may_speak_tls(run: Run) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]

        def hang_up() -> None:
            connection, _ = listener.accept()
            connection.recv(100)
            connection.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        ended = run("status", "--endpoint", f"http://127.0.0.1:{port}")
        thread.join()
    assert ended.status == 1
    assert f"it may be https://127.0.0.1:{port}" in ended.err


def test_an_endpoint_is_an_address(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = run("status", "--endpoint", "file:///etc/passwd")
    assert ended.err.startswith("stockade: error: 'file:///etc/passwd' is not the address of")
    monkeypatch.setenv("AWS_CA_BUNDLE", "/none/such.pem")
    ended = run("status", "--endpoint", "https://127.0.0.1:1")
    assert "AWS_CA_BUNDLE /none/such.pem cannot be read" in ended.err


def test_no_proxy_is_asked(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with _answering(200, b"") as endpoint:
        assert run("wait", "--timeout", "2", "--endpoint", endpoint).status == 0
