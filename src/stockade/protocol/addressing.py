# SPDX-License-Identifier: Apache-2.0
"""What the host of a request tells: service, Region, account, bucket.

AWS's names are read below the configured base domains, from the right:

    kms.eu-west-1.amazonaws.com                  service and Region
    bucket.s3.eu-west-1.localhost:4566           a bucket, however many dots it has
    000000000000.ddb.eu-west-1.localhost         an account
    s3.dualstack.eu-west-1.localhost             `dualstack` is passed over, `-fips` cut off

They are hints: what decides is the scope of the signature, and it covers the host.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

DOMAINS: Final = ("localhost", "amazonaws.com")

_REGION: Final = re.compile(r"[a-z]{2,4}(?:-[a-z]+){1,3}-\d{1,2}")
_ACCOUNT: Final = re.compile(r"\d{12}")
_S3_IN_REGION: Final = re.compile(r"s3-([a-z]{2}-[a-z-]+-\d)")


class Place(NamedTuple):
    """What a host tells; empty where it does not."""

    service: str = ""
    region: str = ""
    account: str = ""
    bucket: str = ""


class ObjectPath(NamedTuple):
    """A bucket and the path of an object in it, undecoded and without the slash before it."""

    bucket: bytes
    key: bytes


def place_of(host: bytes | None, domains: Sequence[str] = DOMAINS) -> Place:
    """Return what a Host header tells."""
    name = (host or b"").decode("latin-1").lower()
    name = name.rpartition(":")[0] if re.search(r":\d*$", name) else name
    name = name.rstrip(".")
    for domain in domains:
        if name.endswith(f".{domain}"):
            return _place(name.removesuffix(f".{domain}").split("."))
    return Place()


def _place(labels: list[str]) -> Place:
    region = labels.pop() if _REGION.fullmatch(labels[-1]) else ""
    if labels and labels[-1] in {"dualstack", "fips"}:
        labels.pop()
    if not labels:
        return Place(region=region)
    service = labels.pop().removesuffix("-fips")
    old = _S3_IN_REGION.fullmatch(service)
    if old is not None:
        service, region = "s3", old[1]
    rest = ".".join(labels)
    if service == "s3":
        return Place(service, region, bucket=rest)
    return Place(service, region, account=rest if _ACCOUNT.fullmatch(rest) else "")


def object_path(host: bytes | None, path: bytes, domains: Sequence[str] = DOMAINS) -> ObjectPath:
    """Return bucket and key of a request to S3, whichever way it is addressed.

    The bucket is a label of the host, or else the first segment of the path.
    """
    bucket = place_of(host, domains).bucket
    if bucket:
        return ObjectPath(bucket.encode("latin-1"), path[1:])
    first, _, key = path[1:].partition(b"/")
    return ObjectPath(first, key)


def path_style(host: bytes | None, path: bytes, domains: Sequence[str] = DOMAINS) -> bytes:
    """Return the path that says the same with its bucket in it, as S3's model has paths."""
    bucket = place_of(host, domains).bucket
    return b"/%b%b" % (bucket.encode("latin-1"), path) if bucket else path
