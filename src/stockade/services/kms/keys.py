# SPDX-License-Identifier: Apache-2.0
"""Keys: made, described, listed, switched on and off, deleted after a waiting period."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from msgspec.structs import replace

from stockade.core.access import Demand, Touched, on_everything
from stockade.core.arn import arn
from stockade.core.context import Context
from stockade.core.ids import uuid_of
from stockade.core.operation import Output
from stockade.services.kms import (
    condition_keys,
    import_formats,
    imported,
    lifecycle,
    managed_keys,
    materials,
    policies,
    specs,
    stored_keys,
    view,
)
from stockade.services.kms.access import (
    Named,
    demand_on,
    find_key,
    own_key_named,
)
from stockade.services.kms.errors import (
    UnsupportedOperationException,
    ValidationException,
)
from stockade.services.kms.paging import listed
from stockade.services.kms.ready import check_tokens
from stockade.services.kms.resources import KEYS, Key, KeyState, MultiRegion, Origin
from stockade.services.kms.service import kms
from stockade.services.kms.tags import merged

DEFAULT_WINDOW = 30
WINDOWS = range(7, 31)


def _creation(ctx: Context, params: Mapping[str, Any]) -> Touched:
    """Resolve CreateKey: IAM's alone, plus kms:TagResource where it brings tags."""
    keys = condition_keys.of_new_key(ctx, params)
    actions = ["kms:CreateKey"] + (["kms:TagResource"] if params.get("Tags") else [])
    return Touched(
        demands=tuple(Demand(action=each, account=ctx.account, keys=keys) for each in actions)
    )


@kms.operation(access=_creation, writes=True)
def create_key(
    ctx: Context,
    *,
    policy: str | None = None,
    description: str = "",
    key_usage: str | None = None,
    customer_master_key_spec: str | None = None,
    key_spec: str | None = None,
    origin: Origin = "AWS_KMS",
    bypass_policy_lockout_safety_check: bool = False,
    tags: Sequence[Mapping[str, str]] = (),
    multi_region: bool = False,
    custom_key_store_id: str | None = None,
    xks_key_id: str | None = None,
) -> Output:
    """Make a key in the caller's account and Region."""
    spec, usage = specs.chosen(key_spec, customer_master_key_spec, key_usage)
    key_id = _new_id(ctx, multi_region=multi_region)
    key_arn = arn("kms", ctx.region, ctx.account, f"key/{key_id}")
    trusted: dict[str, str] = {}
    if policy is not None:
        trusted = policies.check_policy(
            ctx, policy, key_arn, bypass_lockout=bypass_policy_lockout_safety_check
        )
    key = Key(
        key_id=key_id,
        account=ctx.account,
        region=ctx.region,
        created=ctx.now,
        description=description,
        policy=policies.default_policy(ctx.account) if policy is None else policy,
        trusted=trusted,
        tags=merged({}, tags),
        origin=origin,
        key_spec=spec.name,
        key_usage=usage,
        multi_region=MultiRegion(primary=ctx.region) if multi_region else None,
        custom_key_store_id=custom_key_store_id or "",
        xks_key_id=xks_key_id or "",
    )
    key = _with_material(ctx, key)
    ctx.unit.put(KEYS, ctx.scope, key)
    ctx.created.append((key.arn, "AWS::KMS::Key"))
    return {"KeyMetadata": view.metadata(key)}


def _described(ctx: Context, params: Mapping[str, Any]) -> Touched:
    """Resolve DescribeKey: a predefined alias of AWS's is decided as if it had its key."""
    named = find_key(ctx, params["KeyId"])
    predefined = None
    if named.key is None and named.alias in managed_keys.NAMES and named.account == ctx.account:
        predefined = named.alias
        key = managed_keys.planned(ctx, ctx.scope, named.alias)
        named = Named(key, key.arn, key.account, named.alias, None)
    return Touched(
        demands=(demand_on(ctx, named, "kms:DescribeKey", params),),
        resources=(named.key, predefined),
        absent=named.absent,
        audit=((named.arn, "AWS::KMS::Key"),),
    )


@kms.operation(access=_described, quick=True)
def describe_key(
    ctx: Context,
    key: Key,
    predefined: str | None,
    *,
    key_id: str,
    grant_tokens: Sequence[str] = (),
) -> Output:
    """Return a key's metadata; a predefined alias of AWS's gets its key by that (kms-18)."""
    del key_id
    check_tokens(ctx, grant_tokens)
    if predefined is not None:
        key = managed_keys.make(ctx, predefined, key)
    return {"KeyMetadata": view.metadata(key)}


@kms.operation(access=on_everything("kms:ListKeys"))
def list_keys(ctx: Context, *, limit: int = 100, marker: str | None = None) -> Output:
    """Return the keys of the account and Region in the order of their ids."""

    def keys(after: str, count: int) -> list[Key]:
        return ctx.unit.list(KEYS, ctx.scope, after=after, limit=count)

    def show(key: Key) -> dict[str, str]:
        return {"KeyId": key.key_id, "KeyArn": key.arn}

    return listed("Keys", keys, lambda key: key.key_id, show, limit, marker)


@kms.operation(access=own_key_named("kms:UpdateKeyDescription"), writes=True)
def update_key_description(ctx: Context, key: Key, *, key_id: str, description: str) -> Output:
    """Change a key's description."""
    del key_id
    lifecycle.must_allow(key, lifecycle.CHANGE)
    return _store(ctx, replace(key, description=description))


@kms.operation(access=own_key_named("kms:EnableKey"), writes=True)
def enable_key(ctx: Context, key: Key, *, key_id: str) -> Output:
    """Switch a key on."""
    del key_id
    return _switch(ctx, key, "Enabled")


@kms.operation(access=own_key_named("kms:DisableKey"), writes=True)
def disable_key(ctx: Context, key: Key, *, key_id: str) -> Output:
    """Switch a key off: it does nothing cryptographic until it is switched on again (kms-4)."""
    del key_id
    return _switch(ctx, key, "Disabled")


@kms.operation(access=own_key_named("kms:ScheduleKeyDeletion"), writes=True)
def schedule_key_deletion(
    ctx: Context, key: Key, *, key_id: str, pending_window_in_days: int = DEFAULT_WINDOW
) -> Output:
    """Start the waiting period of 7 to 30 days after which the material is wiped."""
    del key_id
    if pending_window_in_days not in WINDOWS:
        raise ValidationException("PendingWindowInDays must be between 7 and 30 inclusive.")
    lifecycle.must_allow(key, lifecycle.SCHEDULE_DELETION)
    changed = _waiting(ctx, key, pending_window_in_days)
    _store(ctx, changed)
    answer = {
        "KeyId": key.arn,
        "KeyState": changed.state,
        "PendingWindowInDays": pending_window_in_days,
    }
    if changed.deletion_date is not None:
        answer["DeletionDate"] = changed.deletion_date
    return answer


@kms.operation(access=own_key_named("kms:CancelKeyDeletion"), writes=True)
def cancel_key_deletion(ctx: Context, key: Key, *, key_id: str) -> Output:
    """End the waiting period; the key is disabled then, as AWS leaves it, or without material."""
    del key_id
    lifecycle.must_be_pending_deletion(key)
    state = imported.usable_state(ctx, key, "Disabled")
    _store(ctx, replace(key, state=state, deletion_date=None))
    return {"KeyId": key.arn}


def _new_id(ctx: Context, *, multi_region: bool) -> str:
    """Return a key id; one of a multi-Region key begins with `mrk-` and has no dashes (kms-29)."""
    fresh = ctx.random(16)
    return f"mrk-{fresh.hex()}" if multi_region else uuid_of(fresh)


def _with_material(ctx: Context, key: Key) -> Key:
    """Return a new key with its first material, or waiting for it, as its origin has it."""
    if key.origin in ("AWS_CLOUDHSM", "EXTERNAL_KEY_STORE"):
        return stored_keys.with_material(ctx, key)
    if key.custom_key_store_id or key.xks_key_id:
        raise ValidationException(
            f"CustomKeyStoreId and XksKeyId are not valid with Origin {key.origin}."
        )
    if key.origin == "EXTERNAL":
        import_formats.must_be_importable(key.key_spec)
        return replace(key, state="PendingImport")
    if key.origin != "AWS_KMS" or key.key_spec != specs.SYMMETRIC:
        raise UnsupportedOperationException(
            f"Stockade does not make keys of {key.key_spec} with Origin {key.origin} yet."
        )
    return replace(key, material_id=materials.generate(ctx, key.scope, key.key_id).material_id)


def _waiting(ctx: Context, key: Key, days: int) -> Key:
    """Return a key that waits for its deletion; a primary waits for its replicas' first."""
    if key.multi_region is not None and not key.is_replica and key.multi_region.replicas:
        return replace(key, state="PendingReplicaDeletion", pending_window_days=days)
    end = ctx.now + timedelta(days=days)
    return replace(key, state="PendingDeletion", deletion_date=end)


def _switch(ctx: Context, key: Key, state: KeyState) -> Output:
    lifecycle.must_allow(key, lifecycle.SWITCH)
    return _store(ctx, replace(key, state=state))


def _store(ctx: Context, key: Key) -> Output:
    ctx.unit.put(KEYS, key.scope, key)
    return {}
