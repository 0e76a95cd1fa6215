# SPDX-License-Identifier: Apache-2.0
"""The `stockade` program as a process: run to its end, or started as a server and stopped."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, datetime, timedelta
from io import StringIO
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NamedTuple

PROGRAM = str(Path(sys.executable).with_name("stockade"))
SECONDS = 60.0
ADDRESS = re.compile(r"https?://\S+:[0-9]+")


class Outcome(NamedTuple):
    """How a command ended and what it printed."""

    status: int
    out: str
    err: str


def stockade(
    *arguments: str, environment: dict[str, str] | None = None, before: tuple[str, ...] = ()
) -> Outcome:
    """Run the program to its end; `before` is a program that runs it."""
    ended = subprocess.run(
        [*before, PROGRAM, *arguments],
        env=_environment(environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return Outcome(ended.returncode, ended.stdout, ended.stderr)


def here(*arguments: str) -> Outcome:
    """Run a command in this process, which spares starting one."""
    from stockade.cli.main import main

    with redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as err:
        status = main(arguments)
    return Outcome(status, out.getvalue(), err.getvalue())


class Server:
    """A started server that has said that it is ready."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.output = ""
        self._ready = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if not self._ready.wait(SECONDS) or self.endpoint == "":
            self.stop()
            raise AssertionError(f"the server did not become ready:\n{self.output}")

    @property
    def endpoint(self) -> str:
        """The address that it printed."""
        found = ADDRESS.search(self.output)
        return found.group() if found else ""

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self.endpoint.rpartition(":")[2])

    def stop(self) -> int:
        """Stop it as a service manager would, and return its exit status."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            status = self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        self._reader.join(5)
        return status

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                self.output += line
                if "ready" in line.lower():
                    self._ready.set()
        self._ready.set()


def start(*arguments: str, environment: dict[str, str] | None = None) -> Server:
    """Start a server and wait until it is ready."""
    process = subprocess.Popen(
        [PROGRAM, *arguments],
        env=_environment(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return Server(process)


def _environment(more: dict[str, str] | None) -> dict[str, str]:
    ours = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return ours | {"PYTHONWARNINGS": "ignore"} | (more or {})


def aws(service: str, endpoint: str, key_id: str = "test", secret: str = "test") -> Any:
    """Return a boto3 client of a started server, which tries once."""
    import boto3
    from botocore.config import Config

    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=key_id,
        aws_secret_access_key=secret,
        config=Config(retries={"max_attempts": 0}, connect_timeout=5, read_timeout=20),
    )


def init(data: Path, *options: str, environment: dict[str, str] | None = None) -> tuple[str, str]:
    """Make a data directory and return its root credentials."""
    file = data.with_name(f"{data.name}-root.json")
    command = ("init", "--data", str(data), "--credentials-file", str(file), *options)
    made = stockade(*command, environment=environment) if environment else here(*command)
    assert made.status == 0, made.err
    root = json.loads(file.read_bytes())
    return root["AccessKeyId"], root["SecretAccessKey"]


def serve(data: Path) -> tuple[str, ...]:
    """Return the command that serves a data directory on a free port."""
    return ("serve", "--data", str(data), "--listen", "127.0.0.1:0")


def certificate(folder: Path) -> tuple[Path, Path]:
    """Write a self-signed certificate for loopback, and its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "stockade.test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    cert_file, key_file = folder / "cert.pem", folder / "key.pem"
    cert_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return cert_file, key_file
