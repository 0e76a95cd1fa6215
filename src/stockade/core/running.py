# SPDX-License-Identifier: Apache-2.0
"""Running one operation: what it touches is resolved and decided, and only then handed over.

A write that has something slow to do has it prepared before its turn, so that no other write waits
(see `Service.operation`). It is decided then, so that nobody has others work who may not, and again
within the write, with what is stored by then.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stockade.core import audit, authorization
from stockade.core.access import Touched
from stockade.core.audit import Record
from stockade.core.context import Context, Outside
from stockade.core.operation import BoundOperation, Output
from stockade.store.errors import NotInMemory

Prepared = tuple[Any, ...]
"""What was prepared; empty for an operation that prepares nothing."""


def prepare(
    ctx: Context, bound: BoundOperation, params: Mapping[str, Any], record: Record
) -> Prepared:
    """Return what an operation prepares before its write."""
    prepares = bound.operation.prepare
    if prepares is None:
        return ()
    bound.arguments(params)  # says first which member is not honoured
    touched = _permitted(ctx, bound, params, record)
    if bound.quota is not None:
        bound.quota.spend(ctx, bound.name, params, touched)
    return (prepares(ctx, params, *touched.resources),)


def run(
    ctx: Context,
    bound: BoundOperation,
    params: Mapping[str, Any],
    record: Record,
    prepared: Prepared = (),
) -> Output:
    """Resolve what is touched, authorize, count, and hand it to the handler."""
    arguments = bound.arguments(params)
    touched = _permitted(ctx, bound, params, record)
    quota = None if prepared else bound.quota  # what was prepared has been counted
    charges = None if quota is None else quota.spend(ctx, bound.name, params, touched)
    try:
        output = bound.operation.handler(ctx, *touched.resources, *prepared, **arguments)
    except (NotInMemory, Outside):
        if quota is not None and charges is not None:
            quota.give_back(charges)
        raise
    if ctx.created:
        audit.touch(record, (*touched.audit, *ctx.created))
    return output


def _permitted(
    ctx: Context, bound: BoundOperation, params: Mapping[str, Any], record: Record
) -> Touched:
    """Return what a call touches, once it is known that the caller may and that it is there."""
    touched = bound.operation.access(ctx, params)
    audit.touch(record, touched.audit)
    if touched.noted is not None:
        record.additional_event_data = touched.noted
    record.allowed_by = authorization.require(ctx, touched)
    if touched.absent is not None:
        if bound.quota is not None:
            bound.quota.spend(ctx, bound.name, params, touched)
        raise touched.absent
    return touched
