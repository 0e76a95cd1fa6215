# SPDX-License-Identifier: Apache-2.0
"""SSH public keys of users: RSA, five each, in SSH's encoding or as PEM."""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime
from typing import Any, Literal

import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
    load_ssh_public_key,
)
from msgspec.structs import replace

from stockade.core.context import Context
from stockade.core.ids import unique_id
from stockade.core.operation import Output
from stockade.services.iam.access import user_named, user_or_caller
from stockade.services.iam.credential_errors import (
    DuplicateSSHPublicKey,
    InvalidPublicKey,
    UnrecognizedPublicKeyEncoding,
)
from stockade.services.iam.errors import LimitExceeded, NoSuchEntity, ValidationError
from stockade.services.iam.paging import PAGE, among, listed
from stockade.services.iam.resources import User, whole_second
from stockade.services.iam.server_keys import UNREADABLE
from stockade.services.iam.service import iam
from stockade.services.iam.signing_certificates import Status, settable
from stockade.store.resources import Collection

KEYS_PER_USER = 5
SHORTEST, LONGEST = 2048, 16384
"""Bits."""


class SshPublicKey(msgspec.Struct, frozen=True, kw_only=True):
    """A public key."""

    key_id: str
    user: str
    """The user's unique id."""
    body: str
    """In SSH's encoding, without a comment."""
    status: Literal["Active", "Inactive"] = "Active"
    uploaded: datetime


SSH_PUBLIC_KEYS: Collection[SshPublicKey] = Collection(
    SshPublicKey,
    service="iam",
    kind="ssh-public-key",
    id=lambda key: key.key_id,
    indexes={"user": lambda key: key.user},
)


@iam.operation(access=user_named("iam:UploadSSHPublicKey"), writes=True)
def upload_ssh_public_key(
    ctx: Context, user: User, *, user_name: str, ssh_public_key_body: str
) -> Output:
    """Keep a key that the user does not have yet; the answer has it as it was given."""
    del user_name
    body = _ssh(_read(ssh_public_key_body))
    kept = ctx.unit.find(SSH_PUBLIC_KEYS, ctx.global_scope, "user", user.unique_id)
    if any(each.body == body for each in kept):
        raise DuplicateSSHPublicKey("Duplicate SSH public key uploaded.")
    if len(kept) >= KEYS_PER_USER:
        raise LimitExceeded(f"Cannot exceed quota for PublicKeysPerUser: {KEYS_PER_USER}")
    key = SshPublicKey(
        key_id=unique_id("APKA", ctx.account, ctx.random),
        user=user.unique_id,
        body=body,
        uploaded=whole_second(ctx.now),
    )
    ctx.unit.put(SSH_PUBLIC_KEYS, ctx.global_scope, key)
    return {"SSHPublicKey": _detail(user, key, ssh_public_key_body)}


@iam.operation(access=user_named("iam:GetSSHPublicKey"))
def get_ssh_public_key(
    ctx: Context,
    user: User,
    *,
    user_name: str,
    ssh_public_key_id: str,
    encoding: Literal["SSH", "PEM"],
) -> Output:
    """Return a key in one of the two encodings."""
    del user_name
    key = _find(ctx, user, ssh_public_key_id)
    body = key.body if encoding == "SSH" else _pem(key.body)
    return {"SSHPublicKey": _detail(user, key, body)}


@iam.operation(access=user_or_caller("iam:ListSSHPublicKeys"))
def list_ssh_public_keys(
    ctx: Context,
    user: User | None,
    *,
    user_name: str | None = None,
    max_items: int = PAGE,
    marker: str | None = None,
) -> Output:
    """Return a user's keys without the keys themselves."""
    del user_name
    if user is None:
        raise ValidationError("Must specify userName when calling with non-User credentials")
    owner = user
    found = ctx.unit.find(SSH_PUBLIC_KEYS, ctx.global_scope, "user", owner.unique_id)

    def show(key: SshPublicKey) -> dict[str, Any]:
        return _shown(owner, key)

    return listed("SSHPublicKeys", among(found, _id), _id, show, max_items, marker)


@iam.operation(access=user_named("iam:UpdateSSHPublicKey"), writes=True)
def update_ssh_public_key(
    ctx: Context, user: User, *, user_name: str, ssh_public_key_id: str, status: Status
) -> Output:
    """Switch a key on or off."""
    del user_name
    key = _find(ctx, user, ssh_public_key_id)
    ctx.unit.put(SSH_PUBLIC_KEYS, ctx.global_scope, replace(key, status=settable(status)))
    return {}


@iam.operation(access=user_named("iam:DeleteSSHPublicKey"), writes=True)
def delete_ssh_public_key(
    ctx: Context, user: User, *, user_name: str, ssh_public_key_id: str
) -> Output:
    """Delete a key."""
    del user_name
    key = _find(ctx, user, ssh_public_key_id)
    ctx.unit.delete(SSH_PUBLIC_KEYS, ctx.global_scope, key.key_id)
    return {}


def _read(body: str) -> RSAPublicKey:
    """Return the key of a body in either encoding, if it is one that IAM takes."""
    text = body.strip().encode()
    try:
        if text.startswith(b"-----BEGIN"):
            key: object = load_pem_public_key(text)
        else:
            key = load_ssh_public_key(text)
    except UNREADABLE:
        raise UnrecognizedPublicKeyEncoding("Invalid public key uploaded.") from None
    if not isinstance(key, RSAPublicKey) or not SHORTEST <= key.key_size <= LONGEST:
        raise InvalidPublicKey("Invalid body for public key")
    return key


def _ssh(key: RSAPublicKey) -> str:
    return key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def _pem(body: str) -> str:
    key = load_ssh_public_key(body.encode())
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def _fingerprint(body: str) -> str:
    """Return the MD5 of a key, which names it and proves nothing."""
    blob = base64.b64decode(body.split()[1])
    return hashlib.md5(blob, usedforsecurity=False).digest().hex(":")


def _find(ctx: Context, user: User, key_id: str) -> SshPublicKey:
    key = ctx.unit.get(SSH_PUBLIC_KEYS, ctx.global_scope, key_id)
    if key is None:
        raise NoSuchEntity(f"The Public Key with id {key_id} cannot be found.")
    if key.user != user.unique_id:
        raise NoSuchEntity(f"User has no Public Key with id {key_id}.")
    return key


def _id(key: SshPublicKey) -> str:
    return key.key_id


def _shown(user: User, key: SshPublicKey) -> dict[str, Any]:
    return {
        "UserName": user.name,
        "SSHPublicKeyId": key.key_id,
        "Status": key.status,
        "UploadDate": key.uploaded,
    }


def _detail(user: User, key: SshPublicKey, body: str) -> dict[str, Any]:
    return {
        **_shown(user, key),
        "Fingerprint": _fingerprint(key.body),
        "SSHPublicKeyBody": body,
    }
