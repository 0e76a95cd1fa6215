# SPDX-License-Identifier: Apache-2.0
"""What each write changed, for the caches of all processes.

Every write that changes resources has a number, the epoch; numbers have no gaps and are in the
order of commits. Its rows in `changes` are in its own transaction. Old ones are pruned: a cache
that is too far behind starts anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, delete, func, insert, select

from stockade.store.resources import Scope
from stockade.store.tables import changes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection

    from stockade.store.cache import ResourceKey

MANY_CHANGES = 4096
"""More changes than this are not worth walking: a cache that far behind starts anew."""
_PRUNE_EVERY = 256

_LAST_EPOCH = select(func.max(changes.c.epoch))
_CHANGES = (
    select(changes)
    .where(changes.c.epoch > bindparam("since"))
    .order_by(changes.c.epoch)
    .limit(MANY_CHANGES)
)
_RECORD = insert(changes)
_PRUNE = delete(changes).where(changes.c.epoch <= bindparam("until"))


def last_epoch(connection: Connection) -> int:
    """Return the number of the last write."""
    return connection.execute(_LAST_EPOCH).scalar() or 0


def changes_since(connection: Connection, since: int) -> tuple[int, list[ResourceKey] | None]:
    """Return the number of the last write and what changed after write number `since`.

    None stands for "anything": `since` is too long ago, or in the future.
    """
    last = last_epoch(connection)
    if last == since:
        return last, []
    found = connection.execute(_CHANGES, {"since": since}).all()
    if not found or found[0].epoch != since + 1 or len(found) == MANY_CHANGES:
        return last, None
    return last, [
        (f"{row.service}/{row.kind}", Scope(row.account, row.region), row.id) for row in found
    ]


def record_changes(connection: Connection, epoch: int, keys: Iterable[ResourceKey]) -> None:
    """Write down what write number `epoch` changed, for the caches of all processes."""
    entries = []
    for name, scope, resource_id in keys:
        service, kind = name.split("/")
        entries.append(
            {
                "epoch": epoch,
                "service": service,
                "kind": kind,
                "account": scope.account,
                "region": scope.region,
                "id": resource_id,
            }
        )
    connection.execute(_RECORD, entries)
    if epoch % _PRUNE_EVERY == 0:
        connection.execute(_PRUNE, {"until": epoch - MANY_CHANGES})
