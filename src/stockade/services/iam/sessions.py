# SPDX-License-Identifier: Apache-2.0
"""Sessions: all that is known of one stands in its token, sealed, and nowhere else.

So any process of any host can check a session, and nothing has to be written to make one. A token
is sealed under the domain key of the session's account and bound to the access key id that it was
given with: changed by a bit, or sent with another key id, it does not open. It is packed, because
it travels in the head of every request.
"""

from __future__ import annotations

import base64
import zlib
from datetime import datetime

import msgspec

from stockade.core.context import Context
from stockade.core.ids import secret_access_key, unique_id
from stockade.core.sessions import Grant
from stockade.crypto import aead
from stockade.services.iam.resources import scope_of
from stockade.store.unit import Unit
from stockade.store.vault import Sealed, Vault

LONGEST_TOKEN = 16_384
"""Characters; a longer token is none of ours and is not looked at."""


class InvalidSessionToken(Exception):
    """A token that nobody here made for this access key id."""


class Session(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """What a token carries."""

    grant: Grant
    secret: str
    issued: datetime

    def __repr__(self) -> str:
        return f"Session({self.grant!r})"


class IssuedSession(msgspec.Struct, frozen=True, kw_only=True):
    """The temporary credentials of a session, handed out once."""

    access_key_id: str
    secret_access_key: str
    session_token: str

    def __repr__(self) -> str:
        return f"IssuedSession({self.access_key_id})"


def issue(ctx: Context, grant: Grant) -> IssuedSession:
    """Make the credentials of a new session."""
    access_key_id = unique_id("ASIA", grant.account, ctx.random)
    session = Session(grant=grant, secret=secret_access_key(ctx.random), issued=ctx.now)
    content = zlib.compress(msgspec.json.encode(session))
    sealed = ctx.seal(scope_of(grant.account), _place(access_key_id), content)
    return IssuedSession(
        access_key_id=access_key_id,
        secret_access_key=session.secret,
        session_token=base64.b64encode(sealed.box).decode(),
    )


def read(unit: Unit, vault: Vault, account: str, access_key_id: str, token: str) -> Session:
    """Return the session of a token that was given with this access key id."""
    if len(token) > LONGEST_TOKEN:
        raise InvalidSessionToken("longer than any token")
    try:
        sealed = Sealed(base64.b64decode(token, validate=True))
        content = vault.open(unit, scope_of(account), _place(access_key_id), sealed)
        return msgspec.json.decode(zlib.decompress(content), type=Session)
    except (aead.Tampered, ValueError, zlib.error) as problem:
        raise InvalidSessionToken("not a token of this access key") from problem


def _place(access_key_id: str) -> str:
    return f"sts/session/{access_key_id}/token"
