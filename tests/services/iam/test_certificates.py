# SPDX-License-Identifier: Apache-2.0
"""Signing certificates, server certificates with their keys, and SSH public keys."""

from __future__ import annotations

import base64
import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    PublicFormat,
)

from stockade.services.iam.resources import scope_of
from stockade.services.iam.server_certificates import SERVER_CERTIFICATES
from tests.services.iam.certificates import DAY, certificate, der, ec_key, pem, rsa_key
from tests.services.iam.helpers import ACCOUNT, below, refused

if TYPE_CHECKING:
    import boto3
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    from stockade.app import Stockade

ALICE = {"UserName": "alice"}


@pytest.fixture
def iam(aws: boto3.Session) -> Any:
    iam = aws.client("iam")
    iam.create_user(UserName="alice")
    iam.create_user(UserName="bob")
    return iam


def test_a_signing_certificate_is_known_by_its_fingerprint(iam: Any) -> None:
    body = certificate(ec_key())
    made = iam.upload_signing_certificate(**ALICE, CertificateBody=body)["Certificate"]
    sha1 = hashlib.sha1(der(body), usedforsecurity=False).digest()
    identifier = base64.b32encode(sha1).decode()
    assert (made["CertificateId"], made["Status"]) == (identifier, "Active")
    named = {**ALICE, "CertificateId": identifier}
    iam.update_signing_certificate(**named, Status="Inactive")
    again = iam.upload_signing_certificate(**ALICE, CertificateBody=body)["Certificate"]
    assert again["Status"] == "Active"
    (kept,) = iam.list_signing_certificates(**ALICE)["Certificates"]
    assert kept["Status"] == "Inactive"
    assert refused(iam.update_signing_certificate, **named, Status="Expired") == (
        "InvalidInput",
        400,
        "Operation does not support status Expired",
    )
    assert refused(iam.upload_signing_certificate, UserName="bob", CertificateBody=body) == (
        "DuplicateCertificate",
        409,
        "Duplicate certificate uploaded.",
    )
    missing = refused(iam.delete_signing_certificate, UserName="bob", CertificateId=identifier)
    assert missing[2] == f"The Certificate with id {identifier} cannot be found."
    conflict = "Cannot delete entity, must delete certificates first."
    assert refused(iam.delete_user, **ALICE) == ("DeleteConflict", 409, conflict)
    iam.delete_signing_certificate(**named)
    iam.delete_user(**ALICE)


def test_signing_certificates_that_are_not_taken(iam: Any) -> None:
    upload = iam.upload_signing_certificate
    assert refused(upload, **ALICE, CertificateBody="no certificate") == (
        "MalformedCertificate",
        400,
        "Certificate no certificate is malformed.",
    )
    old = certificate(ec_key(), starts=-2 * DAY, ends=-DAY)
    assert refused(upload, **ALICE, CertificateBody=old)[0] == "MalformedCertificate"
    for name in ("one", "two"):
        upload(**ALICE, CertificateBody=certificate(ec_key(), name))
    upload(CertificateBody=certificate(ec_key(), "root's own"))
    assert "UserName" not in iam.list_signing_certificates()["Certificates"][0]
    over = refused(upload, **ALICE, CertificateBody=certificate(ec_key(), "three"))
    assert over == ("LimitExceeded", 409, "Cannot exceed quota for CertificatesPerUser: 2")


def upload(iam: Any, key: Any, body: str, name: str = "site", **more: Any) -> Any:
    return iam.upload_server_certificate(
        ServerCertificateName=name, CertificateBody=body, PrivateKey=pem(key), **more
    )


def test_a_server_certificate_is_kept_without_showing_its_key(stockade: Stockade, iam: Any) -> None:
    root, key = ec_key(), rsa_key()
    issuer = certificate(root, "ca")
    body = certificate(key, "leaf", issuer="ca", issuer_key=root)
    made = upload(iam, key, body, Path="/web/", CertificateChain=issuer)
    metadata = made["ServerCertificateMetadata"]
    assert metadata["Arn"] == f"arn:aws:iam::{ACCOUNT}:server-certificate/web/site"
    assert metadata["ServerCertificateId"].startswith("ASCA")
    shown = iam.get_server_certificate(ServerCertificateName="SITE")["ServerCertificate"]
    assert shown["ServerCertificateMetadata"] == metadata
    assert (shown["CertificateBody"], shown["CertificateChain"]) == (body.strip(), issuer.strip())
    listed = iam.list_server_certificates(PathPrefix="/web/")["ServerCertificateMetadataList"]
    assert listed == [metadata]
    assert iam.list_server_certificates(PathPrefix="/x/")["ServerCertificateMetadataList"] == []
    record = stockade.find_record(made["ResponseMetadata"]["RequestId"]) or b""
    assert b"BEGIN CERTIFICATE" in record
    assert b"PRIVATE KEY" not in record
    with below(stockade) as ctx:
        (kept,) = ctx.unit.list(SERVER_CERTIFICATES, scope_of(ACCOUNT))
        assert b"PRIVATE KEY" not in kept.sealed.box
        assert ctx.unseal(ctx.global_scope, kept.place, kept.sealed) == pem(key).encode()


def test_a_server_certificate_is_renamed_and_keeps_the_rest(iam: Any) -> None:
    key = ec_key()
    tags = [{"Key": "Team", "Value": "1"}, {"Key": "team", "Value": "2"}]
    made = upload(iam, key, certificate(key), Tags=tags)
    upload(iam, key, certificate(key), "taken")
    named = {"ServerCertificateName": "site"}
    taken = refused(iam.update_server_certificate, **named, NewServerCertificateName="TAKEN")
    assert taken[2] == "The Server Certificate with name TAKEN already exists."
    iam.update_server_certificate(**named, NewServerCertificateName="shop", NewPath="/x/")
    renamed = {"ServerCertificateName": "shop"}
    shown = iam.get_server_certificate(**renamed)["ServerCertificate"]
    identifier = made["ServerCertificateMetadata"]["ServerCertificateId"]
    assert shown["ServerCertificateMetadata"]["ServerCertificateId"] == identifier
    assert shown["Tags"] == tags
    iam.tag_server_certificate(**renamed, Tags=[{"Key": "team", "Value": "3"}])
    iam.untag_server_certificate(**renamed, TagKeys=["Team"])
    left = iam.list_server_certificate_tags(**renamed)["Tags"]
    assert left == [{"Key": "team", "Value": "3"}]
    missing = ("NoSuchEntity", 404, "The Server Certificate with name site cannot be found.")
    for call in (iam.get_server_certificate, iam.delete_server_certificate):
        assert refused(call, **named) == missing
    iam.delete_server_certificate(**renamed)


def test_server_certificates_that_are_not_taken(iam: Any) -> None:
    key, other = ec_key(), ec_key()
    body = certificate(key)

    def text(key_: Any, body_: str, **more: Any) -> tuple[str, str]:
        code, status, words = refused(upload, iam=iam, key=key_, body=body_, **more)
        assert status == 400
        return code, words

    assert text(key, "nothing")[1].startswith("Unable to parse certificate.")
    code, words = text(other, body)
    assert code == "KeyPairMismatch"
    assert words.startswith("The private key did not match the public key provided.")
    old = certificate(key, starts=-2 * DAY, ends=-DAY)
    assert "'Not After' date restriction" in text(key, old)[1]
    early = certificate(key, starts=timedelta(hours=1))
    assert "'Not Before' date restriction" in text(key, early)[1]
    assert text(key, body, CertificateChain="nothing") == ("MalformedCertificate", "")
    chain = "The index within the chain of the invalid certificate is: "
    assert text(key, body, CertificateChain=certificate(other))[1].endswith(f"{chain}-1")
    signed = certificate(key, "leaf", issuer="ca", issuer_key=other)
    root = certificate(other, "ca")
    assert text(key, signed, CertificateChain=root + signed)[1].endswith(f"{chain}1")
    upload(iam, key, signed, CertificateChain=root + root)
    secret = key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
    ).decode()
    encrypted = refused(
        iam.upload_server_certificate,
        ServerCertificateName="more",
        CertificateBody=body,
        PrivateKey=secret,
    )
    assert encrypted[0] == "MalformedCertificate"


def public(key: RSAPrivateKey, encoding: str) -> str:
    if encoding == "PEM":
        form = PublicFormat.SubjectPublicKeyInfo
        return key.public_key().public_bytes(Encoding.PEM, form).decode()
    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def test_an_ssh_key_is_shown_in_both_encodings(iam: Any) -> None:
    key = rsa_key()
    given = f"{public(key, 'SSH')} alice@example.com"
    made = iam.upload_ssh_public_key(**ALICE, SSHPublicKeyBody=given)["SSHPublicKey"]
    assert made["SSHPublicKeyBody"] == given
    blob = base64.b64decode(given.split()[1])
    assert made["Fingerprint"].replace(":", "") == hashlib.md5(blob).hexdigest()
    named = {**ALICE, "SSHPublicKeyId": made["SSHPublicKeyId"]}
    for encoding in ("SSH", "PEM"):
        shown = iam.get_ssh_public_key(**named, Encoding=encoding)["SSHPublicKey"]
        assert shown["SSHPublicKeyBody"] == public(key, encoding)
    (listed,) = iam.list_ssh_public_keys(**ALICE)["SSHPublicKeys"]
    assert "SSHPublicKeyBody" not in listed
    iam.update_ssh_public_key(**named, Status="Inactive")
    assert iam.list_ssh_public_keys(**ALICE)["SSHPublicKeys"][0]["Status"] == "Inactive"
    assert refused(iam.upload_ssh_public_key, **ALICE, SSHPublicKeyBody=public(key, "PEM")) == (
        "DuplicateSSHPublicKey",
        400,
        "Duplicate SSH public key uploaded.",
    )
    iam.upload_ssh_public_key(UserName="bob", SSHPublicKeyBody=given)
    wrong = refused(iam.delete_ssh_public_key, **{**named, "UserName": "bob"})
    assert wrong[2] == f"User has no Public Key with id {made['SSHPublicKeyId']}."
    conflict = "Cannot delete entity, must remove referenced objects first."
    assert refused(iam.delete_user, **ALICE)[2] == conflict
    iam.delete_ssh_public_key(**named)
    absent = refused(iam.get_ssh_public_key, **named, Encoding="SSH")
    assert absent[2] == f"The Public Key with id {made['SSHPublicKeyId']} cannot be found."


def test_ssh_keys_that_are_not_taken(iam: Any) -> None:
    short = public(rsa_key(1024), "SSH")
    curve = ec_key().public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    for body in (short, curve):
        assert refused(iam.upload_ssh_public_key, **ALICE, SSHPublicKeyBody=body) == (
            "InvalidPublicKey",
            400,
            "Invalid body for public key",
        )
    for body in ("none", certificate(ec_key())):
        assert refused(iam.upload_ssh_public_key, **ALICE, SSHPublicKeyBody=body) == (
            "UnrecognizedPublicKeyEncoding",
            400,
            "Invalid public key uploaded.",
        )
