# SPDX-License-Identifier: Apache-2.0
"""The token of the next page: where the last one ended, and of which lookup.

CloudTrail wants the same parameters with every page, so the token carries a digest of them. It is
opaque and not secret: the account and Region of a lookup come from the signature every time.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Hashable
from hashlib import sha256

import msgspec

from stockade.services.cloudtrail.errors import InvalidNextTokenException
from stockade.store.journal import Moment


class _Token(msgspec.Struct, frozen=True, array_like=True):
    time: int
    position: int
    lookup: str


def write(end: Moment, lookup: Hashable) -> str:
    """Return the token that continues a lookup after a page's end."""
    token = _Token(end.time, end.position, _digest(lookup))
    return base64.urlsafe_b64encode(msgspec.json.encode(token)).decode()


def read(token: str, lookup: Hashable) -> Moment:
    """Return where to go on with a lookup."""
    try:
        found = msgspec.json.decode(base64.urlsafe_b64decode(token), type=_Token)
    except (binascii.Error, ValueError):
        raise InvalidNextTokenException("Invalid token.") from None
    if found.lookup != _digest(lookup):
        raise InvalidNextTokenException("Invalid token.")
    return Moment(found.time, found.position)


def _digest(lookup: Hashable) -> str:
    return sha256(repr(lookup).encode()).hexdigest()[:16]
