# SPDX-License-Identifier: Apache-2.0
"""Request quotas: AWS's table, a table of one's own, and ThrottlingException."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from stockade.app import Stockade
from stockade.config import Settings, SettingsError, kms_quotas
from stockade.core.clock import ManualClock
from stockade.protocol.http import HttpRequest, HttpResponse
from stockade.services.kms.quotas import aws_table, read_table
from stockade.services.kms.specs import SPECS
from stockade.store.errors import NotInMemory
from stockade.store.seal import RootKey
from stockade.store.store import Store
from stockade.testing.transport import session
from tests.services.iam.helpers import account, allow, refused, user

ONCE = Config(retries={"total_max_attempts": 1})
THROTTLED = (
    "ThrottlingException",
    400,
    "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.",
)
OWN = """
[[quota]]
name = "symmetric"
operations = ["Encrypt", "Decrypt", "GenerateRandom"]
key_specs = ["SYMMETRIC_DEFAULT"]
per_second = 3
regions = { eu-west-1 = 4 }

[[quota]]
name = "RSA"
operations = ["Encrypt"]
key_specs = ["RSA_2048"]
per_second = 1

[[quota]]
name = "DescribeKey"
operations = ["DescribeKey"]
per_second = 2
"""
Begin = Callable[..., Stockade]


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Begin]:
    """Start a deployment in memory with quotas, whose clock stands still."""
    begun: list[Stockade] = []

    def start(text: str = OWN, *, workers: int = 1) -> Stockade:
        path = tmp_path / "quotas.toml"
        path.write_text(text)
        settings = Settings(mode="dev", kms_quotas=str(path), workers=workers)
        store = Store.open("sqlite://")
        app = Stockade(settings, store, RootKey("memory", bytes(32)), clock=ManualClock.today())
        begun.append(app)
        return app

    yield start
    for app in begun:
        app.close()


def client(stockade: Stockade, region: str = "us-east-1") -> Any:
    return session(stockade).client("kms", region_name=region, config=ONCE)


def passes(call: Callable[..., Any], **arguments: Any) -> int:
    """Return how often a call passes before it is throttled."""
    for count in range(20):
        try:
            call(**arguments)
        except ClientError:
            assert refused(call, **arguments) == THROTTLED
            return count
    raise AssertionError("nothing throttles it")


def wait(stockade: Stockade, **by: float) -> None:
    stockade.travel(stockade.clock.now() + timedelta(**by))


@pytest.mark.fact("iam-18")
def test_a_quota_is_shared_by_its_operations_and_fills_again(begin: Begin) -> None:
    stockade = begin()
    kms = client(stockade)
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    blob = kms.encrypt(KeyId=key, Plaintext=b"a")["CiphertextBlob"]
    kms.generate_random(NumberOfBytes=1)
    assert passes(kms.decrypt, CiphertextBlob=blob) == 1
    assert refused(kms.encrypt, KeyId=key, Plaintext=b"a") == THROTTLED
    assert passes(kms.describe_key, KeyId=key) == 2
    wait(stockade, seconds=1)
    assert passes(kms.encrypt, KeyId=key, Plaintext=b"a") == 3


def test_each_region_and_each_account_has_its_own(begin: Begin) -> None:
    stockade = begin()
    assert passes(client(stockade).generate_random, NumberOfBytes=1) == 3
    assert passes(client(stockade, "eu-west-1").generate_random, NumberOfBytes=1) == 4
    other = account(stockade, "111122223333").client("kms", config=ONCE)
    assert passes(other.generate_random, NumberOfBytes=1) == 3


def test_who_calls_is_charged_not_whose_key_it_is(begin: Begin) -> None:
    stockade = begin()
    kms = client(stockade)
    everybody = allow("kms:*") | {"Principal": {"AWS": "*"}}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [everybody]})
    key = kms.create_key(Policy=policy)["KeyMetadata"]["Arn"]
    other = account(stockade, "111122223333").client("kms", config=ONCE)
    assert passes(other.encrypt, KeyId=key, Plaintext=b"a") == 3
    assert passes(kms.encrypt, KeyId=key, Plaintext=b"a") == 3


def test_who_is_not_allowed_uses_nothing_up(begin: Begin) -> None:
    stockade = begin()
    kms = client(stockade)
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    mallory = user(stockade, session(stockade), "mallory").client("kms", config=ONCE)
    for _ in range(5):
        assert refused(mallory.encrypt, KeyId=key, Plaintext=b"a")[0] == "AccessDeniedException"
    assert passes(kms.encrypt, KeyId=key, Plaintext=b"a") == 3


def test_a_throttled_call_leaves_its_record(begin: Begin) -> None:
    stockade = begin()
    kms = client(stockade)
    assert passes(kms.generate_random, NumberOfBytes=1) == 3
    stockade.ship_audit()
    with stockade.store.read() as unit:
        found, _ = stockade.journal.lookup(unit, "000000000000", "us-east-1", limit=1)
    record = json.loads(found[0])
    assert (record["eventName"], record["errorCode"]) == ("GenerateRandom", "ThrottlingException")


def test_workers_share_a_quota(begin: Begin) -> None:
    kms = client(begin(OWN.replace("per_second = 3", "per_second = 9"), workers=3))
    assert passes(kms.generate_random, NumberOfBytes=1) == 3


class AsTheShell:
    """Answers from memory where that is possible, as the server does."""

    def __init__(self, app: Stockade) -> None:
        self._app = app
        self.anew = 0

    def answer(self, http: HttpRequest) -> HttpResponse:
        held: list[bytes] = []
        try:
            answer = self._app.answer_from_memory(http, held)
        except NotInMemory:
            self.anew += 1
            return self._app.answer(http)
        self._app.record(held)
        return answer


def test_a_call_that_begins_anew_counts_once(begin: Begin) -> None:
    stockade = begin()
    shell = AsTheShell(stockade)
    kms = session(shell).client("kms", config=ONCE)
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    for _ in range(2):
        kms.describe_key(KeyId=key)  # the key and its policy are in memory now, its material is not
    before = shell.anew
    assert passes(kms.encrypt, KeyId=key, Plaintext=b"a") == 3
    assert shell.anew == before + 1


def test_off_is_the_default_and_counts_nothing(aws: boto3.Session) -> None:
    kms = aws.client("kms", config=ONCE)
    for _ in range(20):
        kms.list_keys()
    assert kms_quotas({}) == "off"
    assert kms_quotas({"STOCKADE_KMS_QUOTAS": "aws"}) == "aws"


def test_awss_table_speaks_of_every_operation_and_every_kind_of_key(aws: boto3.Session) -> None:
    table = read_table(aws_table())
    model = aws.client("kms").meta.service_model
    named = {operation for quota in table.quota for operation in quota.operations}
    assert named == set(model.operation_names)
    assert {spec for quota in table.quota for spec in quota.key_specs} == set(SPECS)
    pairs = {spec for quota in table.quota for spec in quota.key_pair_specs}
    assert pairs == set(model.shape_for("DataKeyPairSpec").enum)
    assert table.source
    assert table.date


@pytest.mark.fact("kms-35")
@pytest.mark.parametrize(
    ("region", "expected"),
    [("us-east-1", 100_000), ("eu-central-1", 20_000), ("ap-south-1", 10_000)],
)
def test_awss_symmetric_quota(region: str, expected: float) -> None:
    symmetric = read_table(aws_table()).quota[0]
    assert "Encrypt" in symmetric.operations
    assert symmetric.in_region(region) == expected


def test_awss_quota_of_create_key(begin: Begin) -> None:
    kms = client(begin(aws_table().decode()))
    assert passes(kms.create_key) == 5


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("no toml", "Expected"),
        ("[[quota]]\nname = 'a'", "missing required field"),
        (OWN + "burst = 3", "unknown field `burst`"),
        (OWN.replace("= 3", "= 0"), "'symmetric' allows nothing"),
        (OWN.replace("eu-west-1 = 4", "eu-west-1 = -1"), "'symmetric' allows nothing"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_at_the_start(
    begin: Begin, text: str, complaint: str
) -> None:
    with pytest.raises(SettingsError, match="is no file of quotas") as caught:
        begin(text)
    assert complaint in caught.value.sentence


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    settings = Settings(mode="dev", kms_quotas=str(tmp_path / "none"))
    with pytest.raises(SettingsError, match="cannot be read"):
        Stockade(settings, Store.open("sqlite://"), RootKey("memory", bytes(32)))


def test_what_is_not_there_counts_under_the_first_quota(begin: Begin) -> None:
    kms = client(begin())
    nothing = "12345678-1234-1234-1234-123456789012"
    for _ in range(3):
        assert refused(kms.encrypt, KeyId=nothing, Plaintext=b"a")[0] == "NotFoundException"
    assert refused(kms.encrypt, KeyId=nothing, Plaintext=b"a") == THROTTLED
    assert refused(kms.generate_random, NumberOfBytes=1) == THROTTLED


def test_each_kind_of_key_has_its_own(begin: Begin) -> None:
    kms = client(begin())
    waiting = {"KeySpec": "RSA_2048", "KeyUsage": "ENCRYPT_DECRYPT", "Origin": "EXTERNAL"}
    rsa = kms.create_key(**waiting)["KeyMetadata"]["KeyId"]
    other = kms.create_key()["KeyMetadata"]["KeyId"]
    call = {"KeyId": rsa, "Plaintext": b"a", "EncryptionAlgorithm": "RSAES_OAEP_SHA_256"}
    assert refused(kms.encrypt, **call)[0] == "KMSInvalidStateException"
    assert refused(kms.encrypt, **call) == THROTTLED
    assert passes(kms.encrypt, KeyId=other, Plaintext=b"a") == 3


def test_a_replica_costs_two_create_keys_there(begin: Begin) -> None:
    stockade = begin("""
[[quota]]
name = "CreateKey"
operations = ["CreateKey"]
per_second = 5
""")
    kms = client(stockade)
    for _ in range(2):
        key = kms.create_key(MultiRegion=True)["KeyMetadata"]["KeyId"]
        kms.replicate_key(KeyId=key, ReplicaRegion="eu-west-1")
    assert passes(client(stockade, "eu-west-1").create_key) == 1
    assert passes(kms.create_key) == 3
