# SPDX-License-Identifier: Apache-2.0
"""The policies that AWS manages: name, path, document in force, its version and AWS's dates.

They stand in aws_managed.jsonl, which tools/write_aws_policies.py writes. They belong to nobody
here: an account may attach and read them, and nobody may change them. Only the version in force is
known of each, and AWS's ids are not: ours have AWS's form and are the same in every Stockade.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from hashlib import blake2b
from importlib.resources import files
from types import MappingProxyType

import msgspec

from stockade.core.ids import unique_id
from stockade.services.iam.resources import AWS_OWNED, ManagedPolicy, PolicyVersion

_NUMBER_OF_AWS = "0" * 12


class _Line(msgspec.Struct, frozen=True):
    """One policy as the file has it."""

    name: str
    path: str
    version: str
    created: datetime
    updated: datetime
    document: msgspec.Raw


def find(name: str) -> ManagedPolicy | None:
    """Return the policy of a name, whatever its case."""
    return policies().get(name.lower())


@cache
def policies() -> Mapping[str, ManagedPolicy]:
    """Return the policies by their names in small letters, read when the first one is asked for."""
    data = files(__package__).joinpath("aws_managed.jsonl").read_bytes()
    read = msgspec.json.Decoder(_Line).decode_lines(data)
    return MappingProxyType({line.name.lower(): _policy(line) for line in read})


def _policy(line: _Line) -> ManagedPolicy:
    in_force = PolicyVersion(
        version_id=line.version, document=bytes(line.document).decode(), created=line.updated
    )
    return ManagedPolicy(
        account=AWS_OWNED,
        name=line.name,
        path=line.path,
        policy_id=_policy_id(line.name),
        created=line.created,
        updated=line.updated,
        versions=(in_force,),
        default_version=line.version,
        last_version=int(line.version[1:]),
    )


def _policy_id(name: str) -> str:
    return unique_id(
        "ANPA", _NUMBER_OF_AWS, lambda size: blake2b(name.encode(), digest_size=size).digest()
    )
