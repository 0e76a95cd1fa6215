# SPDX-License-Identifier: Apache-2.0
"""Stock clients as a user runs them: subprocesses that know an endpoint and credentials only."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

REGION = "us-east-1"
SECONDS = 60.0


class Credentials(NamedTuple):
    """An access key."""

    access_key_id: str
    secret_access_key: str


ROOT = Credentials("test", "test")


@dataclass(frozen=True)
class Clients:
    """The programs of an environment, pointed at one server by one caller."""

    programs: Path
    home: Path
    endpoint: str
    caller: Credentials = ROOT

    def by(self, caller: Credentials) -> Clients:
        """Return the same programs, run by another caller."""
        return replace(self, caller=caller)

    def run(
        self, program: str, *arguments: str, seconds: float = SECONDS
    ) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment to its end."""
        return subprocess.run(
            [str(self.programs / program), *arguments],
            env=self._environment(),
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def done(self, program: str, *arguments: str, seconds: float = SECONDS) -> str:
        """Run a program that has to succeed, and return what it printed."""
        ended = self.run(program, *arguments, seconds=seconds)
        assert ended.returncode == 0, f"{program} {' '.join(arguments)}: {ended.stderr}"
        return ended.stdout

    def aws(self, *arguments: str) -> Any:
        """Run the AWS CLI and return what it printed as JSON (None if it printed nothing)."""
        text = self.done("aws", *arguments)
        return json.loads(text) if text.strip() else None

    def refused(self, *arguments: str) -> str:
        """Run the AWS CLI, which has to be refused by the service, and return what it says."""
        ended = self.run("aws", *arguments)
        assert ended.returncode in {254, 255}, f"aws {' '.join(arguments)}: {ended.stdout}"
        return ended.stderr.strip()

    def file(self, name: str, content: bytes) -> Path:
        """Write a file in the clients' working folder."""
        path = self.home / name
        path.write_bytes(content)
        return path

    def python(self, interpreter: Path, program: Path, *arguments: str) -> Any:
        """Run a Python program that has to succeed, and return the JSON that it printed."""
        elsewhere = replace(self, programs=interpreter.parent)
        return json.loads(elsewhere.done(interpreter.name, str(program), *arguments))

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": f"{self.programs}{os.pathsep}{os.defpath}",
            "HOME": str(self.home),
            "LC_ALL": "C.UTF-8",
            "PYTHONWARNINGS": "ignore",
            "AWS_CONFIG_FILE": str(self.home / "config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(self.home / "credentials"),
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_PAGER": "",
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": self.caller.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.caller.secret_access_key,
        }


def user(clients: Clients, name: str, *statements: dict[str, Any]) -> Credentials:
    """Make an IAM user with one inline policy and return its access key."""
    clients.aws("iam", "create-user", "--user-name", name)
    if statements:
        policy = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        named = ["--user-name", name, "--policy-name", "inline"]
        clients.aws("iam", "put-user-policy", *named, "--policy-document", policy)
    made = clients.aws("iam", "create-access-key", "--user-name", name)["AccessKey"]
    return Credentials(made["AccessKeyId"], made["SecretAccessKey"])


def allow(action: str, resource: str) -> dict[str, Any]:
    """Return a statement that allows one action on one resource."""
    return {"Effect": "Allow", "Action": action, "Resource": resource}
