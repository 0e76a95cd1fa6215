# SPDX-License-Identifier: Apache-2.0
"""KMS's request quotas: so many calls a second for each account and Region.

The figures are data (`quotas_aws.toml`, or a file of one's own). All cryptographic operations with
one kind of key share a quota, every other operation has one of its own. Whoever calls is charged,
not whoever owns the key; what a service asks for on somebody's behalf is charged to that account.
Each of several workers keeps its share: the quota divided by their number.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from types import MappingProxyType
from typing import Any, Literal

import msgspec

from stockade.core.access import Touched
from stockade.core.context import Context
from stockade.core.quotas import Buckets, Charge
from stockade.services.kms.errors import ThrottlingException
from stockade.services.kms.resources import Key

_ELSEWHERE: Mapping[str, tuple[str, str, float]] = MappingProxyType(
    {
        "ReplicateKey": ("CreateKey", "ReplicaRegion", 2.0),
        "UpdatePrimaryRegion": ("UpdatePrimaryRegion", "PrimaryRegion", 1.0),
    }
)
"""What a call costs in another Region: operation -> the operation that it counts as there, the
member that names the Region, how many calls it counts as."""


class Quota(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One quota of the table."""

    name: str
    operations: tuple[str, ...]
    """What shares the quota."""
    per_second: float
    regions: dict[str, float] = {}
    """Regions where it is another figure."""
    key_specs: tuple[str, ...] = ()
    """Only for keys of these specs; empty: whatever the key."""
    key_pair_specs: tuple[str, ...] = ()
    """Only for data key pairs of these specs."""
    per: Literal["account", "custom_key_store"] = "account"

    def in_region(self, region: str) -> float:
        """Return how many calls a second there are in a Region."""
        return self.regions.get(region, self.per_second)


class Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file of quotas."""

    source: str = ""
    date: str = ""
    quota: tuple[Quota, ...]


def aws_table() -> bytes:
    """Return AWS's own quotas as a file."""
    return (resources.files("stockade.services.kms") / "quotas_aws.toml").read_bytes()


def read_table(content: bytes) -> Table:
    """Return the quotas of a file, or raise ValueError with what is wrong with it."""
    try:
        table = msgspec.toml.decode(content, type=Table)
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from error
    for quota in table.quota:
        if min(quota.per_second, *quota.regions.values(), 1) <= 0:
            raise ValueError(f"{quota.name!r} allows nothing: a quota is more than 0 a second")
    return table


class KmsQuotas:
    """The quotas that one worker keeps."""

    def __init__(self, table: Table, workers: int) -> None:
        self._workers = workers
        self._buckets = Buckets()
        found: dict[str, list[Quota]] = {}
        for quota in table.quota:
            for operation in quota.operations:
                found.setdefault(operation, []).append(quota)
        self._of_operation = {name: tuple(quotas) for name, quotas in found.items()}

    def spend(
        self, ctx: Context, operation: str, params: Mapping[str, Any], touched: Touched
    ) -> Sequence[Charge]:
        """Count a call and return what it was charged, or refuse it in AWS's words."""
        charges = tuple(self._charges(ctx, operation, params, touched))
        if charges and not self._buckets.take(charges, ctx.now.timestamp()):
            raise ThrottlingException
        return charges

    def give_back(self, charges: Sequence[Charge]) -> None:
        """Undo what `spend` did for a call that begins anew."""
        self._buckets.give_back(charges)

    def _charges(
        self, ctx: Context, operation: str, params: Mapping[str, Any], touched: Touched
    ) -> Iterator[Charge]:
        account = ctx.account or ctx.source_account
        keys = [each for each in touched.resources if isinstance(each, Key)]
        for quota in self._of_operation.get(operation, ()):
            if quota.per == "custom_key_store":
                for store in _stores(keys, params):
                    yield self._charge(quota, ctx.region, store)
        for quota in _meant(self._of_operation.get(operation, ()), keys, params):
            yield self._charge(quota, ctx.region, account)
        if operation in _ELSEWHERE:
            counts_as, member, cost = _ELSEWHERE[operation]
            if params[member] != ctx.region:
                for quota in self._of_operation.get(counts_as, ()):
                    yield self._charge(quota, params[member], account)._replace(cost=cost)

    def _charge(self, quota: Quota, region: str, whose: str) -> Charge:
        share = quota.in_region(region) / self._workers
        return Charge((whose, region, quota.name), share)


def _meant(
    quotas: Sequence[Quota], keys: Sequence[Key], params: Mapping[str, Any]
) -> Iterator[Quota]:
    """Yield an account's quotas that a call falls under.

    Without a key, or with one that is not there, it is the first of those for kinds of keys.
    """
    specs = {key.key_spec for key in keys}
    found = False
    for quota in quotas:
        if quota.per == "custom_key_store":
            continue
        if quota.key_pair_specs and params.get("KeyPairSpec") not in quota.key_pair_specs:
            continue
        if quota.key_specs:
            if specs.isdisjoint(quota.key_specs) if specs else found:
                continue
            found = True
        yield quota


def _stores(keys: Sequence[Key], params: Mapping[str, Any]) -> list[str]:
    named = {key.custom_key_store_id for key in keys} | {params.get("CustomKeyStoreId") or ""}
    return sorted(named - {""})
