# SPDX-License-Identifier: Apache-2.0
"""DecodeAuthorizationMessage: what an encoded message in a refusal says, for who may read it."""

from __future__ import annotations

from stockade.core.access import on_everything
from stockade.core.authorization import decode_message
from stockade.core.context import Context
from stockade.core.operation import Output
from stockade.services.sts.access import unless_session
from stockade.services.sts.errors import InvalidAuthorizationMessage
from stockade.services.sts.service import sts


@sts.operation(
    access=unless_session(
        on_everything("sts:DecodeAuthorizationMessage"), "DecodeAuthorizationMessage"
    )
)
def decode_authorization_message(ctx: Context, *, encoded_message: str) -> Output:
    """Return the decision that a message of this account's refusals tells of, as JSON."""
    decoded = decode_message(ctx.unit, ctx.vault, ctx.account, encoded_message)
    if decoded is None:
        raise InvalidAuthorizationMessage
    return {"DecodedMessage": decoded}
