# SPDX-License-Identifier: Apache-2.0
"""SAML providers: metadata that is read safely, keys that are never shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from stockade.core.ports import Credentials
from stockade.services.iam.credentials import IamDirectory
from stockade.services.iam.identity_providers import SAML_PROVIDERS
from stockade.services.iam.resources import scope_of
from tests.services.iam.certificates import certificate, ec_key, metadata, pem
from tests.services.iam.helpers import ACCOUNT, OTHER, account, below, refused

if TYPE_CHECKING:
    import boto3

    from stockade.app import Stockade

ARN = f"arn:aws:iam::{ACCOUNT}:saml-provider/corp"
NAMED = {"SAMLProviderArn": ARN}
GOOD = metadata(certificate(ec_key()))
UNREADABLE = ("InvalidInput", 400, "Could not parse metadata")


@pytest.fixture
def iam(aws: boto3.Session) -> Any:
    return aws.client("iam")


def create(iam: Any, document: str = GOOD, **more: Any) -> Any:
    return iam.create_saml_provider(Name="corp", SAMLMetadataDocument=document, **more)


def test_a_provider_is_made_shown_listed_and_deleted(iam: Any) -> None:
    tags = [{"Key": "A", "Value": "1"}]
    made = create(iam, Tags=tags)
    assert (made["SAMLProviderArn"], made["Tags"]) == (ARN, tags)
    shown = iam.get_saml_provider(**NAMED)
    assert shown["SAMLMetadataDocument"] == GOOD
    assert shown["SAMLProviderUUID"].startswith("SAMLSP")
    assert shown["ValidUntil"].year == shown["CreateDate"].year + 100
    assert (shown["AssertionEncryptionMode"], shown["PrivateKeyList"]) == ("Allowed", [])
    (listed,) = iam.list_saml_providers()["SAMLProviderList"]
    assert listed["Arn"] == ARN
    assert refused(create, iam=iam)[:2] == ("EntityAlreadyExists", 409)
    iam.delete_saml_provider(**NAMED)
    missing = ("NoSuchEntity", 404, f"Manifest not found for arn {ARN}")
    for call in (iam.get_saml_provider, iam.delete_saml_provider):
        assert refused(call, **NAMED) == missing


@pytest.mark.parametrize(
    "document",
    [
        "not xml at all".ljust(1000),
        metadata(),
        metadata(certificate(ec_key()), root="SomethingElse"),
        f'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>{GOOD}',
        '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>'
        + metadata(inner="<IDPSSODescriptor>&b;</IDPSSODescriptor>"),
    ],
    ids=["no xml", "no certificate", "another root", "a file", "entities"],
)
def test_metadata_that_is_none(iam: Any, document: str) -> None:
    assert refused(create, iam=iam, document=document) == UNREADABLE
    assert iam.list_saml_providers()["SAMLProviderList"] == []


def test_metadata_names_an_issuer(iam: Any) -> None:
    document = metadata(inner="<SPSSODescriptor/>")
    assert refused(create, iam=iam, document=document) == (
        "InvalidInput",
        400,
        "SAML Providers must reference at least one SAML assertion issuer.",
    )
    create(iam, metadata(inner="<IDPSSODescriptor/>", root="EntitiesDescriptor"))


def test_keys_come_and_go_and_are_never_shown(stockade: Stockade, iam: Any) -> None:
    key = pem(ec_key())
    create(iam)
    required = {"AssertionEncryptionMode": "Required"}
    assert refused(iam.update_saml_provider, **NAMED, **required)[2] == (
        "Failed to set assertion encryption mode to Required because no private key is present."
    )
    answer = iam.update_saml_provider(**NAMED, AddPrivateKey=key)
    record = stockade.find_record(answer["ResponseMetadata"]["RequestId"]) or b""
    assert b"PRIVATE KEY" not in record
    iam.update_saml_provider(**NAMED, AddPrivateKey=pem(ec_key()), **required)
    assert refused(iam.update_saml_provider, **NAMED, AddPrivateKey=key) == (
        "LimitExceeded",
        409,
        "Private key limit of 2 is reached.",
    )
    first, second = (each["KeyId"] for each in iam.get_saml_provider(**NAMED)["PrivateKeyList"])
    both = {"AddPrivateKey": key, "RemovePrivateKey": first}
    assert refused(iam.update_saml_provider, **NAMED, **both)[0] == "ValidationError"
    with below(stockade) as ctx:
        directory = ctx.port(Credentials)
        assert isinstance(directory, IamDirectory)
        found = directory.find_saml_provider(ctx.unit, ARN)
        assert found is not None
        assert found.metadata == GOOD
        assert directory.saml_private_keys(ctx.unit, found)[-1] == key.encode()
        (kept,) = ctx.unit.list(SAML_PROVIDERS, scope_of(ACCOUNT))
        assert b"PRIVATE KEY" not in kept.keys[0].sealed.box
    iam.update_saml_provider(**NAMED, RemovePrivateKey=first)
    last = refused(iam.update_saml_provider, **NAMED, RemovePrivateKey=second)
    assert last == ("InvalidInput", 400, "Failed to remove private key.")


def test_an_update_has_to_change_something(iam: Any) -> None:
    create(iam)
    other = metadata(certificate(ec_key(), "other"))
    assert iam.update_saml_provider(**NAMED, SAMLMetadataDocument=other)["SAMLProviderArn"] == ARN
    assert iam.get_saml_provider(**NAMED)["SAMLMetadataDocument"] == other
    code, _, text = refused(iam.update_saml_provider, **NAMED)
    assert code == "ValidationError"
    assert text.startswith("Unable to update identity provider. No updates are defined for")
    assert refused(create, iam=iam, AssertionEncryptionMode="Required")[1] == 409
    wrong = refused(iam.update_saml_provider, **NAMED, AddPrivateKey="none")
    assert wrong[0] == "InvalidInput"


def test_tags_and_strangers(stockade: Stockade, iam: Any) -> None:
    create(iam)
    iam.tag_saml_provider(**NAMED, Tags=[{"Key": "a", "Value": "1"}, {"Key": "A", "Value": "2"}])
    iam.untag_saml_provider(**NAMED, TagKeys=["a"])
    assert iam.list_saml_provider_tags(**NAMED)["Tags"] == [{"Key": "A", "Value": "2"}]
    other = account(stockade, OTHER).client("iam")
    assert refused(other.get_saml_provider, **NAMED)[0] == "AccessDenied"
