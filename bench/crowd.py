# SPDX-License-Identifier: Apache-2.0
"""Encrypt among 100,000 keys, under one with 50,000 grants: whole calls, in process.

The caller is a user without any policy, so that it is a grant that allows each call. The crowd is
written into the store directly, as the operations would write it.
"""

from __future__ import annotations

import timeit
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from msgspec.structs import replace

from bench.workshop import PLAINTEXT, Workshop, caught, workshop
from stockade.core.ids import uuid_of
from stockade.services.kms.grant_resources import GRANTS, Constraints, Grant, Party, scope_of
from stockade.services.kms.resources import KEYS
from stockade.store.errors import NotInMemory
from stockade.store.resources import Scope
from stockade.testing.transport import session

if TYPE_CHECKING:
    from collections.abc import Callable

    from stockade.protocol.http import HttpRequest
    from stockade.services.kms.resources import Key

KEYS_AMONG, GRANTS_AMONG = 100_000, 50_000
REPEATS, CALLS = 9, 500


@dataclass(frozen=True)
class Crowd:
    """One Encrypt, alone and among many keys and grants."""

    keys: int
    grants: int
    alone_us: float
    among_us: float

    @property
    def slower(self) -> float:
        """How many times as long it takes among many."""
        return self.among_us / self.alone_us


def crowd(keys: int = KEYS_AMONG, grants: int = GRANTS_AMONG) -> Crowd:
    """Measure Encrypt, fill the store, and measure it again."""
    with workshop() as shop:
        call = _call(shop, _by_a_grant(shop))
        alone = _time(call)
        _fill(shop, keys, grants)
        return Crowd(keys, grants, alone, _time(call))


def _by_a_grant(shop: Workshop) -> HttpRequest:
    """Return an Encrypt signed by a user whom nothing but a grant allows it."""
    root = session(shop.app)
    iam = root.client("iam")
    user = iam.create_user(UserName="grantee")["User"]["Arn"]
    made = iam.create_access_key(UserName="grantee")["AccessKey"]
    root.client("kms").create_grant(
        KeyId=shop.key_arn, GranteePrincipal=user, Operations=["Encrypt"]
    )
    return caught(
        shop.app,
        (made["AccessKeyId"], made["SecretAccessKey"]),
        lambda kms: kms.encrypt(KeyId=shop.key_arn, Plaintext=PLAINTEXT),
    )


def _call(shop: Workshop, http: HttpRequest) -> Callable[[], object]:
    app = shop.app

    def call() -> object:
        http.joined = None
        try:
            answer = app.answer_from_memory(http, [])
        except NotInMemory:
            answer = app.answer(http)
        assert answer.status == 200, answer.body
        return answer

    return call


def _time(call: Callable[[], object]) -> float:
    call()
    return median(timeit.repeat(call, number=CALLS, repeat=REPEATS)) / CALLS * 1e6


def _fill(shop: Workshop, keys: int, grants: int) -> None:
    """Write keys like ours, and grants on ours for others."""
    account, key_id = shop.key_arn.split(":")[4], shop.key_arn.rpartition("/")[2]
    scope = Scope(account, shop.key_arn.split(":")[3])
    with shop.app.store.write() as unit:
        ours = unit.get(KEYS, scope, key_id)
        assert ours is not None
        for number in range(keys - 1):
            unit.put(KEYS, scope, replace(ours, key_id=uuid_of(number.to_bytes(16, "big"))))
        for number in range(grants - 1):
            unit.put(GRANTS, scope_of(ours), _grant(ours, number))


def _grant(key: Key, number: int) -> Grant:
    name = f"arn:aws:iam::{key.account}:role/role-{number}"
    return Grant(
        grant_id=f"{number:064x}",
        key_id=key.key_id,
        account=key.account,
        region=key.region,
        issuing_account=key.account,
        name="",
        created=key.created,
        grantee=Party(name=name, id=f"AROA{number:016d}"),
        retiring=None,
        operations=("Encrypt", "Decrypt"),
        constraints=Constraints(),
    )
