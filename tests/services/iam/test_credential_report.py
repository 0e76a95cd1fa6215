# SPDX-License-Identifier: Apache-2.0
"""The credential report: AWS's columns, kept for four hours, whatever changes meanwhile."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.services.iam.certificates import certificate, ec_key
from tests.services.iam.helpers import ACCOUNT, allow, refused, user
from tests.services.iam.test_mfa import enable, make

if TYPE_CHECKING:
    import boto3

    from stockade.app import Stockade

NONE = "N/A"


@pytest.fixture
def iam(aws: boto3.Session) -> Any:
    return aws.client("iam")


def rows(iam: Any) -> dict[str, dict[str, str]]:
    """Return the lines of the report, by user."""
    content = iam.get_credential_report()["Content"].decode()
    assert not content.endswith("\n")
    return {row["user"]: row for row in csv.DictReader(io.StringIO(content))}


def test_a_report_is_started_complete_and_expired(stockade: Stockade, iam: Any) -> None:
    assert refused(iam.get_credential_report)[:2] == ("ReportNotPresent", 410)
    started = iam.generate_credential_report()
    assert started["State"] == "STARTED"
    assert started["Description"] == "No report exists. Starting a new report generation task"
    complete = iam.generate_credential_report()
    assert complete["State"] == "COMPLETE"
    report = iam.get_credential_report()
    assert report["ReportFormat"] == "text/csv"
    iam.create_user(UserName="late")
    stockade.travel(stockade.clock.now() + timedelta(hours=3, minutes=59))
    assert iam.generate_credential_report()["State"] == "COMPLETE"
    assert iam.get_credential_report()["Content"] == report["Content"]
    stockade.travel(stockade.clock.now() + timedelta(minutes=2))
    assert refused(iam.get_credential_report)[:2] == ("ReportExpired", 410)
    assert iam.generate_credential_report()["State"] == "STARTED"
    assert "late" in rows(iam)


def test_the_lines_say_when_keys_were_last_used(
    stockade: Stockade, aws: boto3.Session, iam: Any
) -> None:
    alice = user(stockade, aws, "alice", allow("kms:ListKeys"))
    spare = iam.create_access_key(UserName="alice")["AccessKey"]["AccessKeyId"]
    key_id = alice.get_credentials().access_key
    kms = alice.client("kms", region_name="eu-west-1")
    kms.list_keys()
    used = stockade.clock.now()
    stockade.travel(used + timedelta(minutes=5))
    iam.generate_credential_report()
    found = rows(iam)
    order = sorted([key_id, spare])
    first, second = order.index(key_id) + 1, order.index(spare) + 1
    assert last_use(found["alice"], first) == [f"{used:%Y-%m-%dT%H:%M:%SZ}", "eu-west-1", "kms"]
    assert last_use(found["alice"], second) == [NONE, NONE, NONE]
    last = iam.get_access_key_last_used(AccessKeyId=key_id)["AccessKeyLastUsed"]
    assert (last["Region"], last["ServiceName"]) == ("eu-west-1", "kms")
    kms.list_keys()
    iam.generate_credential_report()
    assert rows(iam) == found


def last_use(row: dict[str, str], number: int) -> list[str]:
    """Return when and where the key of a number was last used, and for which service."""
    return [row[f"access_key_{number}_last_used_{what}"] for what in ("date", "region", "service")]


def test_the_lines_say_what_each_user_has(iam: Any) -> None:
    iam.update_account_password_policy(MaxPasswordAge=90)
    for name in ("Carol", "bare", "alice"):
        iam.create_user(UserName=name, Path="/eng/")
    iam.create_login_profile(UserName="Carol", Password="Correct-Horse-1")
    enable(iam, make(iam), "Carol")
    keys = [iam.create_access_key(UserName="Carol")["AccessKey"] for _ in range(2)]
    off = min(keys, key=lambda key: key["AccessKeyId"])
    iam.update_access_key(UserName="Carol", AccessKeyId=off["AccessKeyId"], Status="Inactive")
    iam.upload_signing_certificate(UserName="Carol", CertificateBody=certificate(ec_key()))
    iam.generate_credential_report()
    found = rows(iam)
    assert list(found) == ["<root_account>", "alice", "bare", "Carol"]
    carol = found["Carol"]
    assert len(carol) == 22
    assert carol["arn"] == f"arn:aws:iam::{ACCOUNT}:user/eng/Carol"
    created = iam.get_user(UserName="Carol")["User"]["CreateDate"]
    assert carol["user_creation_time"] == f"{created:%Y-%m-%dT%H:%M:%SZ}"
    changed = carol["password_last_changed"]
    assert (carol["password_enabled"], carol["password_last_used"]) == ("true", "no_information")
    assert carol["password_next_rotation"] > changed > "2026"
    assert carol["mfa_active"] == "true"
    assert [carol[f"access_key_{number}_active"] for number in (1, 2)] == ["false", "true"]
    assert [carol[f"cert_{number}_active"] for number in (1, 2)] == ["true", "false"]
    assert carol["cert_2_last_rotated"] == NONE
    bare = dict(found["bare"])
    assert {bare.pop(name) for name in ("user", "arn", "user_creation_time")}
    assert set(bare.values()) == {"false", NONE}
    root = found["<root_account>"]
    assert (root["password_enabled"], root["password_next_rotation"]) == ("false", "not_supported")
