# SPDX-License-Identifier: Apache-2.0
"""Signing certificates of users and of the root: X.509, two each, known by their fingerprint."""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime
from typing import Any, Literal

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from msgspec.structs import replace

from stockade.core.context import Context
from stockade.core.operation import Output
from stockade.services.iam.access import user_or_caller
from stockade.services.iam.credential_errors import DuplicateCertificate, MalformedCertificate
from stockade.services.iam.errors import InvalidInput, LimitExceeded, NoSuchEntity
from stockade.services.iam.paging import PAGE, among, listed
from stockade.services.iam.resources import User, whole_second
from stockade.services.iam.server_keys import UNREADABLE
from stockade.services.iam.service import iam
from stockade.store.resources import Collection

CERTIFICATES_PER_USER = 2

Status = Literal["Active", "Inactive", "Expired"]


class SigningCertificate(msgspec.Struct, frozen=True, kw_only=True):
    """A signing certificate."""

    certificate_id: str
    user: str
    """The unique id of the user, or the number of the account for its root."""
    body: str
    status: Literal["Active", "Inactive"] = "Active"
    uploaded: datetime


SIGNING_CERTIFICATES: Collection[SigningCertificate] = Collection(
    SigningCertificate,
    service="iam",
    kind="signing-certificate",
    id=lambda certificate: certificate.certificate_id,
    indexes={"user": lambda certificate: certificate.user},
)


@iam.operation(access=user_or_caller("iam:UploadSigningCertificate"), writes=True)
def upload_signing_certificate(
    ctx: Context, user: User | None, *, user_name: str | None = None, certificate_body: str
) -> Output:
    """Keep a certificate; the same one again is no mistake and changes nothing."""
    del user_name
    owner, identifier = _owner(ctx, user), _identifier(ctx, certificate_body)
    kept = ctx.unit.get(SIGNING_CERTIFICATES, ctx.global_scope, identifier)
    if kept is not None:
        if kept.user != owner:
            raise DuplicateCertificate("Duplicate certificate uploaded.")
        return {"Certificate": _shown(replace(kept, status="Active"), user)}
    found = ctx.unit.find(SIGNING_CERTIFICATES, ctx.global_scope, "user", owner)
    if len(found) >= CERTIFICATES_PER_USER:
        raise LimitExceeded(f"Cannot exceed quota for CertificatesPerUser: {CERTIFICATES_PER_USER}")
    certificate = SigningCertificate(
        certificate_id=identifier,
        user=owner,
        body=certificate_body,
        uploaded=whole_second(ctx.now),
    )
    ctx.unit.put(SIGNING_CERTIFICATES, ctx.global_scope, certificate)
    return {"Certificate": _shown(certificate, user)}


@iam.operation(access=user_or_caller("iam:ListSigningCertificates"))
def list_signing_certificates(
    ctx: Context,
    user: User | None,
    *,
    user_name: str | None = None,
    max_items: int = PAGE,
    marker: str | None = None,
) -> Output:
    """Return a user's certificates."""
    del user_name
    found = ctx.unit.find(SIGNING_CERTIFICATES, ctx.global_scope, "user", _owner(ctx, user))

    def show(certificate: SigningCertificate) -> dict[str, Any]:
        return _shown(certificate, user)

    return listed("Certificates", among(found, _id), _id, show, max_items, marker)


@iam.operation(access=user_or_caller("iam:UpdateSigningCertificate"), writes=True)
def update_signing_certificate(
    ctx: Context,
    user: User | None,
    *,
    user_name: str | None = None,
    certificate_id: str,
    status: Status,
) -> Output:
    """Switch a certificate on or off."""
    del user_name
    certificate = _find(ctx, user, certificate_id)
    changed = replace(certificate, status=settable(status))
    ctx.unit.put(SIGNING_CERTIFICATES, ctx.global_scope, changed)
    return {}


@iam.operation(access=user_or_caller("iam:DeleteSigningCertificate"), writes=True)
def delete_signing_certificate(
    ctx: Context, user: User | None, *, user_name: str | None = None, certificate_id: str
) -> Output:
    """Delete a certificate."""
    del user_name
    certificate = _find(ctx, user, certificate_id)
    ctx.unit.delete(SIGNING_CERTIFICATES, ctx.global_scope, certificate.certificate_id)
    return {}


def settable(status: Status) -> Literal["Active", "Inactive"]:
    """Return a status that a request may set; Expired comes by itself alone."""
    if status == "Expired":
        raise InvalidInput("Operation does not support status Expired")
    return status


def _identifier(ctx: Context, body: str) -> str:
    """Return the id of a certificate that can be read and has not run out."""
    try:
        certificate = x509.load_pem_x509_certificate(body.encode())
    except UNREADABLE:
        raise _malformed(body) from None
    if certificate.not_valid_after_utc < ctx.now:
        raise _malformed(body)
    der = certificate.public_bytes(Encoding.DER)
    digest = hashlib.sha1(der, usedforsecurity=False).digest()
    return base64.b32encode(digest).decode()


def _malformed(body: str) -> MalformedCertificate:
    return MalformedCertificate(f"Certificate {body} is malformed.")


def _find(ctx: Context, user: User | None, certificate_id: str) -> SigningCertificate:
    certificate = ctx.unit.get(SIGNING_CERTIFICATES, ctx.global_scope, certificate_id)
    if certificate is None or certificate.user != _owner(ctx, user):
        raise NoSuchEntity(f"The Certificate with id {certificate_id} cannot be found.")
    return certificate


def _owner(ctx: Context, user: User | None) -> str:
    return ctx.account if user is None else user.unique_id


def _id(certificate: SigningCertificate) -> str:
    return certificate.certificate_id


def _shown(certificate: SigningCertificate, user: User | None) -> dict[str, Any]:
    shown = {
        "CertificateId": certificate.certificate_id,
        "CertificateBody": certificate.body,
        "Status": certificate.status,
        "UploadDate": certificate.uploaded,
    }
    return ({"UserName": user.name} if user else {}) | shown
