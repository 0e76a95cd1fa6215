# SPDX-License-Identifier: Apache-2.0
"""Grant tokens: proof that a grant was made, sealed so that nobody else can make one.

AWS has them for the minutes until a grant is known everywhere. Ours are known at once, so a token
adds nothing to a request; but one that no grant stands behind is refused. Every CreateGrant gives
a new one, and all tokens of a grant are good for the same.
"""

from __future__ import annotations

import base64
import binascii
from typing import NamedTuple

from stockade.core.context import Context
from stockade.crypto.aead import Tampered
from stockade.services.kms.errors import InvalidGrantTokenException
from stockade.services.kms.grant_resources import GRANTS, Grant, grants_scope
from stockade.store.resources import Scope
from stockade.store.vault import Sealed

_PLACE = "kms/grant/token"
_VERSION = b"\x01"
_ACCOUNT_SIZE = 5
_HEAD = len(_VERSION) + _ACCOUNT_SIZE
_ID_SIZE = 32


class Found(NamedTuple):
    """What a token was given for."""

    account: str
    """The key's."""
    key_id: str
    grant_id: str
    grant: Grant | None
    """None once it is retired or revoked."""


def make(ctx: Context, grant: Grant) -> str:
    """Return a new token of a grant."""
    content = bytes.fromhex(grant.grant_id) + grant.key_id.encode()
    sealed = ctx.seal(Scope(grant.account, grant.region), _PLACE, content)
    account = int(grant.account).to_bytes(_ACCOUNT_SIZE, "big")
    return base64.b64encode(_VERSION + account + sealed.box).decode()


def find(ctx: Context, token: str) -> Found:
    """Return what stands behind a token, or refuse one that was never given."""
    try:
        packed = base64.b64decode(token, validate=True)
        account = f"{int.from_bytes(packed[len(_VERSION) : _HEAD], 'big'):012}"
        scope = Scope(account, ctx.region)
        content = ctx.unseal(scope, _PLACE, Sealed(packed[_HEAD:]))
    except (binascii.Error, ValueError, Tampered):
        raise InvalidGrantTokenException from None
    key_id = content[_ID_SIZE:].decode()
    grants = grants_scope(account, ctx.region, key_id)
    grant_id = content[:_ID_SIZE].hex()
    return Found(account, key_id, grant_id, ctx.unit.get(GRANTS, grants, grant_id))
