# SPDX-License-Identifier: Apache-2.0
"""What it weighs to hold many policies: parsed and compiled in a process of their own.

`python -m bench.policies` prints the figures as JSON; `loaded` runs it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass

from bench.server import resident_mb
from stockade.policy.compile import compile_policy
from stockade.policy.document import parse

POLICIES = 100_000
SECONDS_AT_MOST = 300


@dataclass(frozen=True)
class Loaded:
    """A process that holds many policies."""

    policies: int
    megabytes: float
    """What the process weighs, the interpreter included."""
    seconds: float


def loaded() -> Loaded:
    """Load the policies in another process and return what that took."""
    command = [sys.executable, "-m", "bench.policies"]
    said = subprocess.run(command, check=True, capture_output=True, timeout=SECONDS_AT_MOST)
    return Loaded(**json.loads(said.stdout))


def _load() -> Loaded:
    began = time.perf_counter()
    held = [compile_policy(parse(_document(number), "identity")) for number in range(POLICIES)]
    seconds = time.perf_counter() - began
    return Loaded(len(held), resident_mb(os.getpid())[0], seconds)


def _document(number: int) -> str:
    """Return a policy of three statements that no other policy has."""
    table, bucket = f"arn:aws:dynamodb:*:*:table/t{number}", f"arn:aws:s3:::bucket-{number}"
    statements = [
        {"Effect": "Allow", "Action": ["dynamodb:GetItem", "dynamodb:Query"], "Resource": table},
        {"Effect": "Allow", "Action": "s3:*", "Resource": [bucket, f"{bucket}/*"]},
        {
            "Effect": "Deny",
            "Action": "*",
            "Resource": "*",
            "Condition": {"NotIpAddress": {"aws:SourceIp": f"10.{number % 256}.0.0/16"}},
        },
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


if __name__ == "__main__":
    print(json.dumps(asdict(_load())))
