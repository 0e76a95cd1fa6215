# SPDX-License-Identifier: Apache-2.0
"""Who somebody is: the one question that needs no permission, and whose a key id is."""

from __future__ import annotations

from stockade.core.access import on_everything, open_to_all
from stockade.core.context import Context
from stockade.core.ids import account_of
from stockade.core.operation import Output
from stockade.services.sts.access import unless_session
from stockade.services.sts.errors import ValidationError
from stockade.services.sts.service import sts


@sts.operation(access=open_to_all, quick=True)
def get_caller_identity(ctx: Context) -> Output:
    """Return the caller's account, unique id and ARN."""
    return {"UserId": ctx.caller.user_id, "Account": ctx.account, "Arn": ctx.caller.arn}


@sts.operation(
    access=unless_session(on_everything("sts:GetAccessKeyInfo"), "GetAccessKeyInfo"), quick=True
)
def get_access_key_info(_ctx: Context, *, access_key_id: str) -> Output:
    """Return the account that an access key id belongs to; the id itself tells."""
    account = account_of(access_key_id)
    if account is None or access_key_id[:4] not in ("AKIA", "ASIA"):
        raise ValidationError(f"Invalid AWS access key: {access_key_id}")
    return {"Account": account}
