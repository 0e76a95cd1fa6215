# SPDX-License-Identifier: Apache-2.0
"""Multi-Region keys: one id and one material in several Regions (kms-28 to kms-33).

Each Region has a row of its own and its own sealed copy of the material, so a replica works with
what is stored in its Region alone. Shared are id, spec, usage, origin, material and rotation, which
the primary hands on (`synchronize`); policy, state, description, tags, aliases and grants are each
Region's own. Imported material is not handed on: it is imported in every Region (kms-29).

ReplicateKey leaves the replica Creating, UpdatePrimaryRegion both keys Updating, until the
reconciler comes by; which of them is the primary, both say at once. Codes and texts are those that
AWS was recorded with in September 2026.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from msgspec.structs import replace

from stockade.core.access import Demand, Touched
from stockade.core.arn import arn
from stockade.core.context import Context
from stockade.core.operation import Output
from stockade.services.kms import condition_keys, imported, lifecycle, materials, policies, view
from stockade.services.kms.access import Named, demand_on, find_own_key
from stockade.services.kms.errors import (
    AlreadyExistsException,
    InvalidArnException,
    KMSInvalidStateException,
    UnsupportedOperationException,
    ValidationException,
)
from stockade.services.kms.resources import KEYS, Key, KeyState, MultiRegion
from stockade.services.kms.service import kms
from stockade.services.kms.tags import merged
from stockade.services.kms.telling import tell
from stockade.store.resources import Scope

_OTHER_PARTITIONS = ("cn-", "us-gov-", "us-iso", "eu-iso", "eusc-")
"""How the names of Regions outside the partition `aws` begin."""


def _replication(ctx: Context, params: Mapping[str, Any]) -> Touched:
    """Resolve ReplicateKey: the primary, and CreateKey where the replica is to be."""
    named = _find(ctx, params["KeyId"])
    keys = condition_keys.of_new_key(ctx, params)
    creation = ["kms:CreateKey"] + (["kms:TagResource"] if params.get("Tags") else [])
    return Touched(
        demands=(
            demand_on(ctx, named, "kms:ReplicateKey", params),
            *(Demand(action=each, account=ctx.account, keys=keys) for each in creation),
        ),
        resources=(named.key,),
        absent=named.absent,
        audit=((named.arn, "AWS::KMS::Key"),),
    )


def _promotion(ctx: Context, params: Mapping[str, Any]) -> Touched:
    """Resolve UpdatePrimaryRegion: the primary, and the replica that is to take its place."""
    named = _find(ctx, params["KeyId"])
    heir = _heir(ctx, named, params["PrimaryRegion"])
    wanted = [named] if heir is None else [named, heir]
    return Touched(
        demands=tuple(demand_on(ctx, each, "kms:UpdatePrimaryRegion", params) for each in wanted),
        resources=(named.key, None if heir is None else heir.key),
        absent=named.absent,
        audit=((named.arn, "AWS::KMS::Key"),),
    )


def _find(ctx: Context, text: str) -> Named:
    """Return what a KeyId names; these operations refuse an alias in words of their own."""
    if text.startswith("alias/") or ":alias/" in text:
        raise InvalidArnException("Key Aliases are not supported for this operation.")
    return find_own_key(ctx, text)


def _heir(ctx: Context, named: Named, region: str) -> Named | None:
    """Return the key's row in another Region, if it has one."""
    if named.key is None or named.key.multi_region is None or region == named.key.region:
        return None
    key = ctx.unit.get(KEYS, Scope(named.account, region), named.key.key_id)
    return None if key is None else Named(key, key.arn, key.account, None, None)


@kms.operation(access=_replication, writes=True)
def replicate_key(
    ctx: Context,
    key: Key,
    *,
    key_id: str,
    replica_region: str,
    policy: str | None = None,
    bypass_policy_lockout_safety_check: bool = False,
    description: str = "",
    tags: Sequence[Mapping[str, str]] = (),
) -> Output:
    """Make a replica of a multi-Region primary key in another Region."""
    del key_id
    where = _must_be_primary(key)
    lifecycle.must_allow(key, lifecycle.REPLICATE)
    scope = Scope(key.account, replica_region)
    _must_be_free(ctx, key, scope)
    replica_arn = arn("kms", replica_region, key.account, f"key/{key.key_id}")
    trusted: dict[str, str] = {}
    if policy is not None:
        trusted = policies.check_policy(
            ctx, policy, replica_arn, bypass_lockout=bypass_policy_lockout_safety_check
        )
    shared = replace(where, replicas=tuple(sorted({*where.replicas, replica_region})))
    replica = Key(
        key_id=key.key_id,
        account=key.account,
        region=replica_region,
        created=ctx.now,
        description=description,
        state="Creating",
        origin=key.origin,
        policy=policies.default_policy(key.account) if policy is None else policy,
        trusted=trusted,
        tags=merged({}, tags),
        key_spec=key.key_spec,
        key_usage=key.key_usage,
        rotation=key.rotation,
        multi_region=shared,
        ready=ctx.now,
        # AWS shows these of imported material until the replica is found to have none.
        expiration_model=key.expiration_model,
        valid_to=key.valid_to,
    )
    ctx.unit.put(KEYS, scope, replica)
    _put_everywhere(ctx, key, shared)
    ctx.created.append((replica.arn, "AWS::KMS::Key"))
    tell(ctx, replica, "CreateKey")
    answer: dict[str, Any] = {
        "ReplicaKeyMetadata": view.metadata(replica),
        "ReplicaPolicy": replica.policy,
    }
    if replica.tags:
        answer["ReplicaTags"] = [
            {"TagKey": name, "TagValue": value} for name, value in replica.tags.items()
        ]
    return answer


@kms.operation(access=_promotion, writes=True)
def update_primary_region(
    ctx: Context, key: Key, heir: Key | None, *, key_id: str, primary_region: str
) -> Output:
    """Have a replica take the primary's place; the primary becomes a replica."""
    del key_id
    if key.is_replica:
        raise KMSInvalidStateException(f"{key.arn} is not a multi-Region primary key.")
    where = _must_be_primary(key)
    lifecycle.must_allow(key, lifecycle.UPDATE_PRIMARY)
    if primary_region == key.region:
        return {}
    if heir is None:
        raise ValidationException(
            f"{key.key_id} does not have a replica key in the specified Region."
        )
    lifecycle.must_allow(heir, lifecycle.UPDATE_PRIMARY)
    replicas = {*where.replicas, key.region} - {primary_region}
    shared = MultiRegion(primary=primary_region, replicas=tuple(sorted(replicas)))
    _put_everywhere(ctx, key, shared)
    # A rotation on demand that was not carried out yet is the new primary's to do.
    moving = {"state": "Updating", "ready": ctx.now, "multi_region": shared}
    _put(ctx, replace(heir, **moving, on_demand_since=key.on_demand_since))
    _put(ctx, replace(key, **moving, on_demand_since=None))
    return {}


def _must_be_primary(key: Key) -> MultiRegion:
    """Return where a multi-Region primary key stands; refuse every other key."""
    if key.multi_region is None or key.is_replica:
        raise UnsupportedOperationException(f"{key.arn} is not a multi-region primary key.")
    return key.multi_region


def _must_be_free(ctx: Context, key: Key, scope: Scope) -> None:
    """Refuse a Region that a primary key cannot have a replica in, or has one in already."""
    if scope.region == key.region:
        raise ValidationException(
            f"{key.region} cannot have a replica because it contains the primary."
        )
    if scope.region.startswith(_OTHER_PARTITIONS):
        raise ValidationException(
            "The replica key Region must be in the same AWS partition as the primary key Region."
        )
    if ctx.unit.get(KEYS, scope, key.key_id) is not None:
        raise AlreadyExistsException(
            "You can create only one replica of each primary key in each AWS Region."
        )


def make_ready(ctx: Context, key: Key) -> Key:
    """Do what a key that is Creating or Updating waits for; return it as it is from now on."""
    where = key.multi_region
    assert where is not None, "only multi-Region keys are Creating or Updating"
    if key.state == "Updating":
        return replace(key, state="Enabled", ready=None)
    primary = ctx.unit.get(KEYS, Scope(key.account, where.primary), key.key_id)
    assert primary is not None, "a primary outlives its replicas"
    # A replica whose deletion was begun and taken back before this is Disabled by now.
    state: KeyState = "Enabled" if key.state == "Creating" else key.state
    replica = replace(key, state=state, ready=None)
    tell(ctx, primary, "SynchronizeMultiRegionKey")
    return _in_line(ctx, primary, replica)


def synchronize(ctx: Context, primary: Key) -> None:
    """Hand a primary's shared properties on to its replicas, its material among them."""
    if primary.multi_region is None:
        return
    for replica in _related(ctx, primary):
        _put(ctx, _in_line(ctx, primary, replica))
    if primary.multi_region.replicas:
        tell(ctx, primary, "SynchronizeMultiRegionKey")


def forget(ctx: Context, key: Key) -> None:
    """Have the other Regions forget a key that is deleted in its own.

    The waiting period of a primary begins when the last of its replicas is gone (kms-32).
    """
    if key.multi_region is None:
        return
    left = tuple(region for region in key.multi_region.replicas if region != key.region)
    shared = replace(key.multi_region, replicas=left)
    for other in _related(ctx, key):
        changed = replace(other, multi_region=shared)
        if not left and other.state == "PendingReplicaDeletion":
            end = ctx.now + timedelta(days=other.pending_window_days)
            changed = replace(changed, state="PendingDeletion", deletion_date=end)
        _put(ctx, changed)


def _in_line(ctx: Context, primary: Key, replica: Key) -> Key:
    """Return a replica with its primary's shared properties, its material copied."""
    changed = replace(
        replica,
        rotation=primary.rotation,
        on_demand_rotations=primary.on_demand_rotations,
        multi_region=primary.multi_region,
        material_id=primary.material_id,
    )
    if primary.origin == "AWS_KMS":
        materials.copy_missing(ctx, primary, replica)
        return changed
    waiting = primary.pending_material_id
    return imported.summed_up(ctx, replace(changed, pending_material_id=waiting))


def _related(ctx: Context, key: Key) -> Iterator[Key]:
    """Yield the key's rows in its other Regions."""
    where = key.multi_region
    assert where is not None, "only a multi-Region key has relatives"
    for region in (where.primary, *where.replicas):
        if region != key.region:
            other = ctx.unit.get(KEYS, Scope(key.account, region), key.key_id)
            if other is not None:
                yield other


def _put_everywhere(ctx: Context, key: Key, shared: MultiRegion) -> None:
    for other in (key, *_related(ctx, key)):
        _put(ctx, replace(other, multi_region=shared))


def _put(ctx: Context, key: Key) -> None:
    ctx.unit.put(KEYS, key.scope, key)
