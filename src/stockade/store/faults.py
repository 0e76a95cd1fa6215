# SPDX-License-Identifier: Apache-2.0
"""The boundary where a driver's errors become one clear sentence for an operator.

It is a hook of the engine, so that it also covers statements run on `unit.connection`. What is
the program's own mistake (a constraint, a syntax error) passes unchanged. Statements and
parameters never enter a text: they hold what people keep secret.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import event

from stockade.store.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Engine
    from sqlalchemy.engine import ExceptionContext


def translate_errors(
    engine: Engine,
    name: str,
    reason_of: Callable[[BaseException], str | None],
    *,
    discard: bool = True,
) -> None:
    """Make the engine raise StoreUnavailable where the database, not the program, is at fault.

    `reason_of` says why the database does not work, or None when that is not what an error tells.

    A connection on which that happened is not used again (`discard`): SQLite may have undone its
    transaction, and what a caller that swallows the error writes next must not stand alone.
    """

    def translate(context: ExceptionContext) -> StoreUnavailable | None:
        reason = reason_of(context.original_exception)
        if reason is None or context.is_pre_ping:
            return None  # who pings replaces the connection
        if discard and not context.is_disconnect:
            context.is_disconnect = True
            context.invalidate_pool_on_disconnect = False
        return StoreUnavailable(f"{name}: {reason}")

    event.listen(engine, "handle_error", translate)
