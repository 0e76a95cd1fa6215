# SPDX-License-Identifier: Apache-2.0
"""Server certificates: with their chain and private key, which is sealed and never shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec.structs import replace

from stockade.core.access import Demand, Touched
from stockade.core.arn import arn
from stockade.core.context import Context
from stockade.core.ids import unique_id
from stockade.core.operation import Output
from stockade.services.iam import view
from stockade.services.iam.access import creation, folder
from stockade.services.iam.errors import EntityAlreadyExists, LimitExceeded
from stockade.services.iam.named import (
    Named,
    first_tags,
    on_named,
    tagged,
    untagged,
)
from stockade.services.iam.paging import PAGE, listed
from stockade.services.iam.resources import whole_second
from stockade.services.iam.server_keys import check_pair, read_server_certificate
from stockade.services.iam.service import iam
from stockade.services.iam.tags import Tags, listed_tags
from stockade.store.resources import Collection
from stockade.store.vault import Sealed

CERTIFICATES = 20
KIND = "ServerCertificate"


class ServerCertificate(msgspec.Struct, frozen=True, kw_only=True):
    """A server certificate."""

    account: str
    name: str
    path: str = "/"
    unique_id: str
    body: str
    chain: str = ""
    expires: datetime
    uploaded: datetime
    sealed: Sealed
    """The private key as PEM."""
    tags: dict[str, str] = {}

    @property
    def id(self) -> str:
        return self.name.lower()

    @property
    def arn(self) -> str:
        return certificate_arn(self.account, self.path, self.name)

    @property
    def place(self) -> str:
        return _place(self.unique_id)


SERVER_CERTIFICATES: Collection[ServerCertificate] = Collection(
    ServerCertificate,
    service="iam",
    kind="server-certificate",
    id=lambda certificate: certificate.id,
)


def certificate_arn(account: str, path: str, name: str) -> str:
    """Return the ARN of a server certificate."""
    return arn("iam", "", account, f"server-certificate{path}{name}")


def _located(ctx: Context, params: Mapping[str, Any]) -> Named:
    name = params["ServerCertificateName"]
    found = ctx.unit.get(SERVER_CERTIFICATES, ctx.global_scope, name.lower())
    return Named(
        found.arn if found else certificate_arn(ctx.account, "/", name),
        found,
        found.tags if found else {},
        f"The Server Certificate with name {name} cannot be found.",
        asked=certificate_arn(ctx.account, "/", name),
    )


@iam.operation(
    access=creation(
        "iam:UploadServerCertificate",
        "iam:TagServerCertificate",
        certificate_arn,
        "ServerCertificateName",
    ),
    writes=True,
)
def upload_server_certificate(
    ctx: Context,
    *,
    path: str = "/",
    server_certificate_name: str,
    certificate_body: str,
    private_key: str,
    certificate_chain: str = "",
    tags: Tags = (),
) -> Output:
    """Keep a certificate whose key fits and whose chain holds."""
    _must_be_free(ctx, server_certificate_name)
    if len(ctx.unit.list(SERVER_CERTIFICATES, ctx.global_scope)) >= CERTIFICATES:
        raise LimitExceeded(f"Cannot exceed quota for ServerCertificatesPerAccount: {CERTIFICATES}")
    read = read_server_certificate(certificate_body, certificate_chain, ctx.now)
    check_pair(read, private_key)
    identifier = unique_id("ASCA", ctx.account, ctx.random)
    certificate = ServerCertificate(
        account=ctx.account,
        name=server_certificate_name,
        path=path,
        unique_id=identifier,
        body=certificate_body.strip(),
        chain=certificate_chain.strip(),
        expires=read.not_valid_after_utc,
        uploaded=whole_second(ctx.now),
        sealed=ctx.seal(ctx.global_scope, _place(identifier), private_key.encode()),
        tags=first_tags(tags),
    )
    ctx.unit.put(SERVER_CERTIFICATES, ctx.global_scope, certificate)
    shown = {"ServerCertificateMetadata": _metadata(certificate)}
    return {**shown, "Tags": view.tag_list(certificate.tags)} if tags else shown


@iam.operation(access=on_named("iam:GetServerCertificate", _located, KIND))
def get_server_certificate(
    _ctx: Context, certificate: ServerCertificate, *, server_certificate_name: str
) -> Output:
    """Return a certificate with its chain and without its key."""
    del server_certificate_name
    shown: dict[str, Any] = {
        "ServerCertificateMetadata": _metadata(certificate),
        "CertificateBody": certificate.body,
    }
    if certificate.chain:
        shown["CertificateChain"] = certificate.chain
    return {"ServerCertificate": {**shown, "Tags": view.tag_list(certificate.tags)}}


@iam.operation(access=folder("iam:ListServerCertificates", certificate_arn))
def list_server_certificates(
    ctx: Context, *, path_prefix: str = "/", max_items: int = PAGE, marker: str | None = None
) -> Output:
    """Return the account's certificates under a path, in the order of their names."""

    def certificates(after: str, count: int) -> list[ServerCertificate]:
        every = ctx.unit.list(SERVER_CERTIFICATES, ctx.global_scope, after=after)
        return [each for each in every if each.path.startswith(path_prefix)][:count]

    return listed(
        "ServerCertificateMetadataList",
        certificates,
        lambda certificate: certificate.id,
        _metadata,
        max_items,
        marker,
    )


def _renaming(ctx: Context, params: Mapping[str, Any]) -> Touched:
    """Resolve UpdateServerCertificate: the permission is needed on the old ARN and on the new."""
    touched = on_named("iam:UpdateServerCertificate", _located, KIND)(ctx, params)
    certificate: ServerCertificate | None = touched.resources[0]
    if certificate is not None:
        changed = _renamed(
            certificate, params.get("NewPath"), params.get("NewServerCertificateName")
        )
        old = touched.demands[0]
        new = Demand(action=old.action, arn=changed.arn, account=old.account, keys=old.keys)
        touched.demands = (old, new)
    return touched


@iam.operation(access=_renaming, writes=True)
def update_server_certificate(
    ctx: Context,
    certificate: ServerCertificate,
    *,
    server_certificate_name: str,
    new_path: str | None = None,
    new_server_certificate_name: str | None = None,
) -> Output:
    """Give a certificate another name or path; its id and tags stay."""
    del server_certificate_name
    changed = _renamed(certificate, new_path, new_server_certificate_name)
    if changed.id != certificate.id:
        _must_be_free(ctx, changed.name)
        ctx.unit.delete(SERVER_CERTIFICATES, ctx.global_scope, certificate.id)
    ctx.unit.put(SERVER_CERTIFICATES, ctx.global_scope, changed)
    return {}


@iam.operation(access=on_named("iam:DeleteServerCertificate", _located, KIND), writes=True)
def delete_server_certificate(
    ctx: Context, certificate: ServerCertificate, *, server_certificate_name: str
) -> Output:
    """Delete a certificate and its key."""
    del server_certificate_name
    ctx.unit.delete(SERVER_CERTIFICATES, ctx.global_scope, certificate.id)
    return {}


@iam.operation(access=on_named("iam:TagServerCertificate", _located, KIND), writes=True)
def tag_server_certificate(
    ctx: Context, certificate: ServerCertificate, *, server_certificate_name: str, tags: Tags
) -> Output:
    """Add or replace tags of a certificate."""
    del server_certificate_name
    changed = replace(certificate, tags=tagged(certificate.tags, tags))
    ctx.unit.put(SERVER_CERTIFICATES, ctx.global_scope, changed)
    return {}


@iam.operation(access=on_named("iam:UntagServerCertificate", _located, KIND), writes=True)
def untag_server_certificate(
    ctx: Context,
    certificate: ServerCertificate,
    *,
    server_certificate_name: str,
    tag_keys: Sequence[str],
) -> Output:
    """Take tags off a certificate."""
    del server_certificate_name
    left = replace(certificate, tags=untagged(certificate.tags, tag_keys))
    ctx.unit.put(SERVER_CERTIFICATES, ctx.global_scope, left)
    return {}


@iam.operation(access=on_named("iam:ListServerCertificateTags", _located, KIND))
def list_server_certificate_tags(
    _ctx: Context,
    certificate: ServerCertificate,
    *,
    server_certificate_name: str,
    max_items: int = PAGE,
    marker: str | None = None,
) -> Output:
    """Return a certificate's tags, sorted by name."""
    del server_certificate_name
    return listed_tags(certificate.tags, max_items, marker)


def _renamed(
    certificate: ServerCertificate, path: str | None, name: str | None
) -> ServerCertificate:
    return replace(certificate, path=path or certificate.path, name=name or certificate.name)


def _must_be_free(ctx: Context, name: str) -> None:
    if ctx.unit.get(SERVER_CERTIFICATES, ctx.global_scope, name.lower()) is not None:
        raise EntityAlreadyExists(f"The Server Certificate with name {name} already exists.")


def _metadata(certificate: ServerCertificate) -> dict[str, Any]:
    return {
        "Path": certificate.path,
        "ServerCertificateName": certificate.name,
        "ServerCertificateId": certificate.unique_id,
        "Arn": certificate.arn,
        "UploadDate": certificate.uploaded,
        "Expiration": certificate.expires,
    }


def _place(identifier: str) -> str:
    return f"iam/server-certificate/{identifier}/sealed"
