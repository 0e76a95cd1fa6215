# SPDX-License-Identifier: Apache-2.0
"""Keys of every spec are made; RSA keys come from the pool, and else from before the write."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import boto3
import pytest

from stockade.app import Stockade
from stockade.core.clock import ManualClock
from stockade.core.ids import system_random
from stockade.crypto import keypairs
from stockade.services.kms import fresh, pool
from stockade.services.kms.resources import MATERIALS
from stockade.services.kms.specs import SPECS
from stockade.store.resources import Scope

SCOPE = Scope("000000000000", "us-east-1")
QUICK = sorted(set(SPECS) - {"SM2", "RSA_3072", "RSA_4096"})


@pytest.fixture
def kms(aws: boto3.Session) -> Any:
    return aws.client("kms")


def fill(stockade: Stockade, spec: str, private_key: bytes) -> None:
    with stockade.store.write() as unit:
        pool.add(unit, stockade.vault, system_random, spec, private_key)


def pooled(stockade: Stockade, spec: str) -> int:
    with stockade.store.read() as unit:
        return len(unit.find(pool.POOL, pool.SCOPE, "spec", spec))


def material(stockade: Stockade, key_id: str) -> bytes:
    with stockade.store.read() as unit:
        (row,) = unit.find(MATERIALS, SCOPE, "key", key_id)
        assert row.sealed is not None
        return stockade.vault.open(unit, SCOPE, row.place, row.sealed)


def create_rsa(kms: Any, spec: str = "RSA_2048") -> str:
    made = kms.create_key(KeySpec=spec, KeyUsage="SIGN_VERIFY")["KeyMetadata"]
    return str(made["KeyId"])


@pytest.mark.fact("kms-14")
@pytest.mark.parametrize("spec", QUICK)
def test_a_key_of_every_spec_is_made(stockade: Stockade, kms: Any, spec: str) -> None:
    usage = next(iter(SPECS[spec].algorithms))
    made = kms.create_key(KeySpec=spec, KeyUsage=usage)["KeyMetadata"]
    assert (made["KeySpec"], made["KeyUsage"], made["KeyState"]) == (spec, usage, "Enabled")
    secret = material(stockade, made["KeyId"])
    if spec in keypairs.GENERATORS:
        assert keypairs.private_der(keypairs.load_private(secret)) == secret
    else:
        assert len(secret) == fresh.HMAC_SIZES.get(spec, 32)


def test_a_spec_that_wants_an_extra_is_refused_with_a_hint(kms: Any) -> None:
    with pytest.raises(kms.exceptions.UnsupportedOperationException, match="extra `sm2`"):
        kms.create_key(KeySpec="SM2", KeyUsage="SIGN_VERIFY")


def test_a_key_comes_from_the_pool_once(stockade: Stockade, kms: Any) -> None:
    ready = keypairs.generate("RSA_2048")
    fill(stockade, "RSA_2048", ready)
    assert material(stockade, create_rsa(kms)) == ready
    assert pooled(stockade, "RSA_2048") == 0
    assert material(stockade, create_rsa(kms)) != ready


def test_a_key_of_another_size_is_left_in_the_pool(stockade: Stockade, kms: Any) -> None:
    fill(stockade, "RSA_3072", b"three")
    create_rsa(kms)
    assert pooled(stockade, "RSA_3072") == 1


def test_a_refused_creation_leaves_the_pool_as_it_was(stockade: Stockade, kms: Any) -> None:
    fill(stockade, "RSA_2048", b"two")
    with pytest.raises(kms.exceptions.MalformedPolicyDocumentException):
        kms.create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY", Policy="{}")
    assert pooled(stockade, "RSA_2048") == 1


def test_the_key_is_sealed_in_the_pool(stockade: Stockade) -> None:
    fill(stockade, "RSA_2048", b"nobody reads this")
    with stockade.store.read() as unit:
        (row,) = unit.find(pool.POOL, pool.SCOPE, "spec", "RSA_2048")
    assert b"nobody reads" not in row.sealed.box


def test_with_an_empty_pool_no_write_waits_for_a_key(
    stockade: Stockade, kms: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    generate, written = keypairs.generate, []

    def and_meanwhile_somebody_writes(spec: str) -> bytes:
        fill(stockade, "RSA_3072", b"three")
        written.append(spec)
        return generate(spec)

    monkeypatch.setattr(keypairs, "generate", and_meanwhile_somebody_writes)
    create_rsa(kms)
    assert written == ["RSA_2048"]


def test_every_key_is_another_one(stockade: Stockade, kms: Any) -> None:
    assert material(stockade, create_rsa(kms)) != material(stockade, create_rsa(kms))


def test_a_data_key_pair_and_a_wrapping_key_come_from_the_pool(
    stockade: Stockade, kms: Any
) -> None:
    ready = keypairs.generate("RSA_2048")
    fill(stockade, "RSA_2048", ready)
    key_id = kms.create_key()["KeyMetadata"]["KeyId"]
    pair = kms.generate_data_key_pair(KeyId=key_id, KeyPairSpec="RSA_2048")
    assert pair["PrivateKeyPlaintext"] == ready
    fill(stockade, "RSA_2048", ready)
    key_id = kms.create_key(Origin="EXTERNAL")["KeyMetadata"]["KeyId"]
    parameters = kms.get_parameters_for_import(
        KeyId=key_id, WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_2048"
    )
    assert parameters["PublicKey"] == pair["PublicKey"]
    assert pooled(stockade, "RSA_2048") == 0


def test_a_young_deployment_fills_no_pool(stockade: Stockade) -> None:
    pool.PoolKeeper(stockade.store, stockade.vault, stockade.clock, system_random).tend()
    assert not any(pooled(stockade, spec) for spec in pool.SIZES)


class LaterClock(ManualClock):
    """A clock of a host that has been up for long."""

    ahead = timedelta()

    def host(self) -> datetime:
        return super().host() + self.ahead


def keeper_of(stockade: Stockade) -> pool.PoolKeeper:
    clock = LaterClock(stockade.clock.now())
    keeper = pool.PoolKeeper(
        stockade.store, stockade.vault, clock, system_random, make=lambda spec: spec.encode()
    )
    clock.ahead = pool.SETTLING
    return keeper


def test_the_keeper_makes_one_key_at_a_time_until_the_pool_is_full(
    stockade: Stockade, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "BUSY_SLACK_SECONDS", 60.0)
    keeper = keeper_of(stockade)
    keeper.tend()
    assert pooled(stockade, "RSA_2048") == 1
    for _ in range(2 * sum(pool.SIZES.values())):
        keeper.tend()
    assert {spec: pooled(stockade, spec) for spec in pool.SIZES} == dict(pool.SIZES)


def test_the_keeper_rests_while_the_host_is_busy(
    stockade: Stockade, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "BUSY_SLACK_SECONDS", -1.0)
    keeper = keeper_of(stockade)
    keeper.tend()
    keeper.tend()
    assert sum(pooled(stockade, spec) for spec in pool.SIZES) == 1
