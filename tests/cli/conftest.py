# SPDX-License-Identifier: Apache-2.0
"""Commands in this process, and real servers in processes of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from stockade.cli.main import main
from tests.cli.programs import Outcome, Server, start

Run = Callable[..., Outcome]
Start = Callable[..., Server]


@pytest.fixture(autouse=True)
def _no_aws_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start every test without the developer's own AWS environment."""
    import os

    for name in os.environ:
        if name.startswith(("AWS_", "STOCKADE_PASS", "STOCKADE_NEW", "STOCKADE_KMS")):
            monkeypatch.delenv(name)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process and return what it printed."""

    def call(*arguments: str) -> Outcome:
        status = main(arguments)
        out, err = capsys.readouterr()
        return Outcome(status, out, err)

    return call


@pytest.fixture
def started() -> Iterator[Start]:
    """Start servers that are stopped when the test ends."""
    servers: list[Server] = []

    def begin(*arguments: str, environment: dict[str, str] | None = None) -> Server:
        servers.append(start(*arguments, environment=environment))
        return servers[-1]

    yield begin
    for server in servers:
        server.stop()
