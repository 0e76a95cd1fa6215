# SPDX-License-Identifier: Apache-2.0
"""What happens when a key is due: rotation, the end of imported material or of the waiting period.

All are idempotent: a crash before the store commits means that it is done again from the start.
"""

from __future__ import annotations

from stockade.core.context import Context
from stockade.services.kms import imported, materials, multi_region, rotating, stored_keys
from stockade.services.kms.grant_resources import GRANTS, SHAPES, scope_of
from stockade.services.kms.resources import ALIASES, KEYS, ROTATING, Key
from stockade.services.kms.service import kms
from stockade.services.kms.telling import tell

GRANTS_AT_ONCE = 500
"""How many grants are deleted in one transaction: others want to write as well."""


@kms.reconciles(KEYS)
def keep(ctx: Context, key: Key) -> Key | None:
    """Return the key as it is from now on, or None once it is deleted."""
    if key.deletion_date is not None and key.deletion_date <= ctx.now:
        if _forget_grants(ctx, key):
            return key
        _delete(ctx, key)
        tell(ctx, key, "DeleteKey")
        return None
    if key.ready is not None and key.ready <= ctx.now:
        key = multi_region.make_ready(ctx, key)
    if key.expires is not None and key.expires <= ctx.now:
        key = imported.expire(ctx, key)
    if key.state in ROTATING:
        key = rotating.on_demand(ctx, key)
    if key.state == "Enabled":
        key = rotating.automatic(ctx, key)
    return key


def _forget_grants(ctx: Context, key: Key) -> bool:
    """Take some grants of a key with it; True while there may be more, so it stays due."""
    scope = scope_of(key)
    grants = ctx.unit.list(GRANTS, scope, limit=GRANTS_AT_ONCE)
    for grant in grants:
        ctx.unit.delete(GRANTS, scope, grant.grant_id)
        ctx.unit.delete(SHAPES, scope, grant.grantee.id)
    return len(grants) == GRANTS_AT_ONCE


def _delete(ctx: Context, key: Key) -> None:
    """Wipe the material and take the aliases with it; nothing brings the key back."""
    if key.custom_key_store_id:
        stored_keys.wipe(ctx, key)
    materials.wipe(ctx, key)
    multi_region.forget(ctx, key)
    for alias in ctx.unit.find(ALIASES, key.scope, "key", key.key_id):
        ctx.unit.delete(ALIASES, key.scope, alias.name)
