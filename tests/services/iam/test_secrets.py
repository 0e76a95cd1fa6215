# SPDX-License-Identifier: Apache-2.0
"""What users sign in with stays secret: in no record, no list and no row is it in clear."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from stockade.services.iam.credential_counts import credential_counts
from stockade.store.tables import resources
from tests.services.iam.certificates import certificate, ec_key, metadata, pem
from tests.services.iam.helpers import ACCOUNT, allow, below, refused, user
from tests.services.iam.test_mfa import SERIAL, codes

if TYPE_CHECKING:
    import boto3

    from stockade.app import Stockade

PASSWORDS = ["Correct-Horse-1", "Battery-Staple-2", "Tr0ub4dor&3"]


def busy(stockade: Stockade, aws: boto3.Session) -> dict[str, str]:
    """Do something with every kind of secret, and return the secrets."""
    iam = aws.client("iam")
    mine = user(stockade, aws, "alice", allow("iam:*")).client("iam")
    iam.create_login_profile(UserName="alice", Password=PASSWORDS[0])
    iam.update_login_profile(UserName="alice", Password=PASSWORDS[1])
    mine.change_password(OldPassword=PASSWORDS[1], NewPassword=PASSWORDS[2])
    refused(mine.change_password, OldPassword=PASSWORDS[0], NewPassword="weak-secret")
    made = iam.create_virtual_mfa_device(VirtualMFADeviceName="phone")["VirtualMFADevice"]
    text = made["Base32StringSeed"].decode()
    seed = base64.b32decode(text)
    wrong = {"AuthenticationCode1": "000000", "AuthenticationCode2": "000000"}
    refused(mine.enable_mfa_device, UserName="alice", SerialNumber=SERIAL, **wrong)
    mine.enable_mfa_device(UserName="alice", SerialNumber=SERIAL, **codes(seed))
    keys = [ec_key() for _ in range(2)]
    iam.upload_server_certificate(
        ServerCertificateName="site",
        CertificateBody=certificate(keys[0]),
        PrivateKey=pem(keys[0]),
    )
    refused(
        iam.upload_server_certificate,
        ServerCertificateName="other",
        CertificateBody=certificate(keys[0]),
        PrivateKey=pem(keys[1]),
    )
    iam.create_saml_provider(
        Name="corp",
        SAMLMetadataDocument=metadata(certificate(keys[1])),
        AddPrivateKey=pem(keys[1]),
    )
    service = {"UserName": "alice", "ServiceName": "codecommit.amazonaws.com"}
    given = iam.create_service_specific_credential(**service)["ServiceSpecificCredential"]
    named = {
        "UserName": "alice",
        "ServiceSpecificCredentialId": given["ServiceSpecificCredentialId"],
    }
    reset = iam.reset_service_specific_credential(**named)["ServiceSpecificCredential"]
    return {
        **{f"password {number}": each for number, each in enumerate(PASSWORDS)},
        "a password that was refused": "weak-secret",
        "the seed": text,
        "the seed in hex": seed.hex(),
        "the seed in base64": base64.b64encode(seed).decode(),
        "the seed twice encoded": base64.b64encode(text.encode()).decode(),
        **{f"key {number}": pem(key).splitlines()[1] for number, key in enumerate(keys)},
        "a service's password": given["ServicePassword"],
        "its successor": reset["ServicePassword"],
    }


@pytest.fixture
def secrets(stockade: Stockade, aws: boto3.Session) -> dict[str, str]:
    return busy(stockade, aws)


def found_in(content: str, secrets: dict[str, str]) -> list[str]:
    return [name for name, secret in secrets.items() if secret in content]


def test_no_secret_is_in_the_trail(aws: boto3.Session, secrets: dict[str, str]) -> None:
    pages = aws.client("cloudtrail").get_paginator("lookup_events").paginate()
    events = [event["CloudTrailEvent"] for page in pages for event in page["Events"]]
    names = {json.loads(event)["eventName"] for event in events}
    assert {"ChangePassword", "EnableMFADevice", "CreateSAMLProvider"} <= names
    assert found_in("\n".join(events), secrets) == []


def test_no_secret_is_in_a_row(stockade: Stockade, secrets: dict[str, str]) -> None:
    with stockade.store.read() as unit:
        rows = unit.connection.execute(select(resources.c.body)).scalars().all()
    text = "\n".join(str(row) for row in rows)
    assert '"serial"' in text
    assert found_in(text, secrets) == []


def test_no_secret_is_in_a_list(aws: boto3.Session, secrets: dict[str, str]) -> None:
    iam: Any = aws.client("iam")
    named = {"UserName": "alice"}
    answers = [
        iam.get_login_profile(**named),
        iam.list_mfa_devices(**named),
        iam.list_virtual_mfa_devices(),
        iam.list_server_certificates(),
        iam.get_server_certificate(ServerCertificateName="site"),
        iam.list_saml_providers(),
        iam.get_saml_provider(SAMLProviderArn=f"arn:aws:iam::{ACCOUNT}:saml-provider/corp"),
        iam.list_service_specific_credentials(**named),
    ]
    assert found_in(json.dumps(answers, default=str), secrets) == []


def test_everything_is_counted(stockade: Stockade, secrets: dict[str, str]) -> None:
    with below(stockade) as ctx:
        assert credential_counts(ctx.unit, ACCOUNT) == {
            "AccountMFAEnabled": 0,
            "AccountPasswordPresent": 0,
            "AccountSigningCertificatesPresent": 0,
            "GlobalEndpointTokenVersion": 1,
            "MFADevices": 1,
            "MFADevicesInUse": 1,
            "Providers": 1,
            "ServerCertificates": 1,
        }
