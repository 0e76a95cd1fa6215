# SPDX-License-Identifier: Apache-2.0
"""What keys and requests would cost with AWS."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from stockade.app import Stockade
from stockade.services.kms.costs import Account, Period, Report, Row, Use, count, report
from stockade.services.kms.prices import aws_prices, read_prices
from stockade.services.kms.specs import SPECS
from tests.services.iam.helpers import ACCOUNT, OTHER, account, allow, refused, user

PRICES = read_prices(aws_prices())
SYMMETRIC = ("symmetric", "hmac")
NOVEMBER = Period(
    datetime(2026, 11, 1, tzinfo=UTC),
    datetime(2026, 12, 1, tzinfo=UTC),
    datetime(2026, 12, 1, tzinfo=UTC),
)


def month(stockade: Stockade) -> Period:
    """Return thirty days around now."""
    now = stockade.clock.now()
    start = now - timedelta(days=10)
    return Period(start, now + timedelta(days=20), start + timedelta(days=30))


def costs(stockade: Stockade, period: Period) -> Report:
    stockade.ship_audit()
    uses: Counter[Use] = Counter()
    for _share, records in stockade.journal.sweep(stockade.store, period.start, period.end):
        count(records, period, uses)
    with stockade.store.read() as unit:
        return report(unit, uses, period, PRICES)


def row_of(found: Report, key: Any, owner: str = ACCOUNT) -> Row:
    arn = key["Arn"] if key else ""
    return next(row for row in found.rows if (row.key, row.account) == (arn, owner))


def account_of(found: Report, name: str = ACCOUNT) -> Account:
    return next(each for each in found.accounts if each.account == name)


@pytest.mark.fact("kms-21")
@pytest.mark.parametrize(
    ("operation", "spec", "pair", "per_10_000", "free"),
    [
        ("Encrypt", "SYMMETRIC_DEFAULT", "", 0.03, True),
        ("GenerateMac", "HMAC_256", "", 0.03, True),
        ("ListKeys", "", "", 0.03, True),
        ("Sign", "RSA_2048", "", 0.03, False),
        ("Sign", "RSA_4096", "", 0.15, False),
        ("Sign", "ECC_NIST_P256", "", 0.15, False),
        ("GenerateDataKeyPair", "SYMMETRIC_DEFAULT", "RSA_2048", 12.0, False),
        ("GenerateDataKeyPairWithoutPlaintext", "SYMMETRIC_DEFAULT", "ECC_NIST_P384", 0.1, False),
    ],
)
def test_awss_price_of_a_request(
    operation: str, spec: str, pair: str, per_10_000: float, free: bool
) -> None:
    price = PRICES.of(operation, spec, pair)
    assert price is not None
    assert (price.per_10_000, price.free_tier) == (per_10_000, free)


def test_every_kind_of_key_has_a_price() -> None:
    named = {spec for price in PRICES.request for spec in price.key_specs}
    assert named == {name for name, spec in SPECS.items() if spec.family not in SYMMETRIC}


def test_a_key_costs_by_the_hour() -> None:
    assert NOVEMBER.share(datetime(2026, 10, 3, tzinfo=UTC)) == 1
    assert NOVEMBER.share(datetime(2026, 11, 16, tzinfo=UTC)) == 0.5
    assert NOVEMBER.share(datetime(2026, 12, 2, tzinfo=UTC)) == 0


@pytest.mark.fact("kms-17")
@pytest.mark.fact("kms-19")
def test_keys(stockade: Stockade, aws: boto3.Session) -> None:
    kms = aws.client("kms")
    kept = kms.create_key()["KeyMetadata"]
    rotated = kms.create_key()["KeyMetadata"]
    kms.enable_key_rotation(KeyId=rotated["KeyId"], RotationPeriodInDays=90)
    deleted = kms.create_key()["KeyMetadata"]
    kms.schedule_key_deletion(KeyId=deleted["KeyId"], PendingWindowInDays=30)
    found = costs(stockade, month(stockade))
    assert row_of(found, kept).storage == pytest.approx(2 / 3)
    assert row_of(found, deleted).storage == 0
    stockade.travel(stockade.clock.now() + timedelta(days=3 * 90 + 11))
    found = costs(stockade, month(stockade))
    assert row_of(found, kept).storage == 1
    assert (row_of(found, rotated).rotations, row_of(found, rotated).storage) == (2, 3)
    assert account_of(found).storage == 4


def test_requests_are_counted_by_key_and_operation(stockade: Stockade, aws: boto3.Session) -> None:
    kms = aws.client("kms")
    key = kms.create_key()["KeyMetadata"]
    for _ in range(3):
        kms.encrypt(KeyId=key["KeyId"], Plaintext=b"a")
    kms.list_keys()
    refused(user(stockade, aws, "mallory").client("kms").encrypt, KeyId=key["Arn"], Plaintext=b"a")
    found = costs(stockade, month(stockade))
    assert row_of(found, key).operations == {"CreateKey": 1, "Encrypt": 3}
    assert row_of(found, key).requests_cost == pytest.approx(4 * 0.03 / 10_000)
    assert row_of(found, None).operations == {"ListKeys": 1}
    assert [each.operations for each in found.requests] == [
        {"CreateKey": 1, "Encrypt": 3, "ListKeys": 1}
    ]
    paid = account_of(found)
    assert (paid.requests, paid.free_requests) == (5, 5)
    assert paid.total == pytest.approx(paid.storage)


def test_who_calls_pays(stockade: Stockade, aws: boto3.Session) -> None:
    kms = aws.client("kms")
    everybody = allow("kms:*") | {"Principal": {"AWS": "*"}}
    document = json.dumps({"Version": "2012-10-17", "Statement": [everybody]})
    key = kms.create_key(Policy=document)["KeyMetadata"]
    account(stockade, OTHER).client("kms").encrypt(KeyId=key["Arn"], Plaintext=b"a")
    found = costs(stockade, month(stockade))
    assert row_of(found, key).operations == {"CreateKey": 1}
    theirs = row_of(found, key, OTHER)
    assert (theirs.operations, theirs.storage) == ({"Encrypt": 1}, 0)
    assert theirs.key_spec == "SYMMETRIC_DEFAULT"


def test_the_free_requests_of_an_account(stockade: Stockade) -> None:
    uses = {
        Use("a", "r", "", "ListKeys", ""): 15_000,
        Use("a", "s", "", "GenerateRandom", ""): 15_000,
        Use("a", "s", "", "GenerateDataKeyPair", "RSA_2048"): 10_000,
        Use("b", "r", "", "ListKeys", ""): 5,
    }
    with stockade.store.read() as unit:
        found = report(unit, uses, NOVEMBER, PRICES)
    paid = account_of(found, "a")
    assert (paid.requests, paid.free_requests) == (40_000, 20_000)
    assert paid.requests_cost == pytest.approx(12.09)
    assert paid.total == pytest.approx(12.03)
    assert account_of(found, "b").total == pytest.approx(0)
    assert {each.price: each.cost for each in found.requests if each.account == "a"} == {
        "data key pairs, RSA": pytest.approx(12),
        "symmetric": pytest.approx(0.09),
    }


def test_a_month_has_its_own_requests_alone(stockade: Stockade, aws: boto3.Session) -> None:
    kms = aws.client("kms")
    before = stockade.clock.now()
    kms.list_keys()
    stockade.travel(before + timedelta(days=1))
    kms.list_aliases()
    end = before + timedelta(days=30)
    period = Period(before + timedelta(hours=1), end, end)
    assert row_of(costs(stockade, period), None).operations == {"ListAliases": 1}


def test_prices_of_ones_own() -> None:
    own = aws_prices().replace(b"key_month = 1.0", b"key_month = 7.5")
    assert read_prices(own).key_month == 7.5
    with pytest.raises(ValueError, match="unknown field `tax`"):
        read_prices(b"tax = 1\n" + own)
