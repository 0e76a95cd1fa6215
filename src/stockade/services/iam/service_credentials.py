# SPDX-License-Identifier: Apache-2.0
"""Service-specific credentials: passwords and API keys for single services, two each per service.

A secret is 45 random bytes in base64, shown once; what is kept is its SHA-256. API keys wrap alias
and secret behind the prefix of their service, as AWS's do.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final, Literal

import msgspec
from msgspec.structs import replace

from stockade.core.access import ConditionKeys, Demand, Resolver, Touched
from stockade.core.context import Context
from stockade.core.ids import unique_id
from stockade.core.operation import Output
from stockade.services.iam.access import user_named, user_or_caller
from stockade.services.iam.errors import LimitExceeded, NoSuchEntity, ValidationError
from stockade.services.iam.paging import PAGE, among, listed
from stockade.services.iam.resources import USERS, User, user_arn, whole_second
from stockade.services.iam.service import iam
from stockade.services.iam.signing_certificates import Status, settable
from stockade.store.resources import Collection

CREDENTIALS_PER_SERVICE = 2
SECRET_SIZE = 45
SERVICES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "codecommit.amazonaws.com": "",
        "cassandra.amazonaws.com": "",
        "bedrock.amazonaws.com": "ABSK",
        "logs.amazonaws.com": "ACWL",
        "cloudwatch.amazonaws.com": "APIAACWM",
        "aws-external-anthropic.amazonaws.com": "AEAA",
    }
)
"""The services and the prefix of their API keys; empty where they take name and password."""


class ServiceCredential(msgspec.Struct, frozen=True, kw_only=True):
    """A credential for one service."""

    credential_id: str
    user: str
    """The user's unique id."""
    service: str
    login: str
    """The user name or alias, which stays when the user is renamed."""
    digest: bytes
    """SHA-256 of the secret."""
    status: Literal["Active", "Inactive"] = "Active"
    created: datetime
    expires: datetime | None = None

    def __repr__(self) -> str:
        return f"ServiceCredential({self.credential_id})"


SERVICE_CREDENTIALS: Collection[ServiceCredential] = Collection(
    ServiceCredential,
    service="iam",
    kind="service-credential",
    id=lambda credential: credential.credential_id,
    indexes={"user": lambda credential: credential.user},
)


def _with_keys(resolver: Resolver) -> Resolver:
    """Return a resolver that also gives the service and the age as condition keys."""

    def resolve(ctx: Context, params: Mapping[str, Any]) -> Touched:
        touched = resolver(ctx, params)
        found = _stored(ctx, params.get("ServiceSpecificCredentialId", ""))
        service = found.service if found else params.get("ServiceName", "").lower()
        age = params.get("CredentialAgeDays")
        for demand in touched.demands:
            demand.keys = _keys(demand.keys, service, age)
        return touched

    return resolve


def _keys(others: ConditionKeys, service: str, age: int | None) -> ConditionKeys:
    def find(name: str) -> tuple[str, ...] | None:
        if name == "iam:servicespecificcredentialservicename":
            return (service,) if service else None
        if name == "iam:servicespecificcredentialagedays":
            return (str(age),) if age is not None else None
        return others(name)

    return find


@iam.operation(access=_with_keys(user_named("iam:CreateServiceSpecificCredential")), writes=True)
def create_service_specific_credential(
    ctx: Context,
    user: User,
    *,
    user_name: str,
    service_name: str,
    credential_age_days: int | None = None,
) -> Output:
    """Make a credential and return it with its secret, this once."""
    del user_name
    service = _service(service_name)
    mine = ctx.unit.find(SERVICE_CREDENTIALS, ctx.global_scope, "user", user.unique_id)
    if sum(each.service == service for each in mine) >= CREDENTIALS_PER_SERVICE:
        raise LimitExceeded(
            "Cannot exceed quota for ContextSpecificCredentialsPerUserPerContext: "
            f"{CREDENTIALS_PER_SERVICE}"
        )
    now = whole_second(ctx.now)
    login, secret = _free_login(ctx, user, service), _secret(ctx)
    credential = ServiceCredential(
        credential_id=unique_id("ACCA", ctx.account, ctx.random),
        user=user.unique_id,
        service=service,
        login=login,
        digest=_digest(secret),
        created=now,
        expires=now + timedelta(days=credential_age_days) if credential_age_days else None,
    )
    ctx.unit.put(SERVICE_CREDENTIALS, ctx.global_scope, credential)
    return {"ServiceSpecificCredential": _with_secret(credential, user.name, secret)}


def _listing(ctx: Context, params: Mapping[str, Any]) -> Touched:
    """Resolve ListServiceSpecificCredentials, which may mean all users of the account."""
    action = "iam:ListServiceSpecificCredentials"
    if not params.get("AllUsers"):
        return user_or_caller(action)(ctx, params)
    every = user_arn(ctx.account, "/", "*")
    demand = Demand(action=action, arn=every, account=ctx.account)
    return Touched(demands=(demand,), resources=(None,))


@iam.operation(access=_listing)
def list_service_specific_credentials(
    ctx: Context,
    user: User | None,
    *,
    user_name: str | None = None,
    service_name: str = "",
    all_users: bool = False,
    max_items: int = PAGE,
    marker: str | None = None,
) -> Output:
    """Return the credentials of a user, or of all, without their secrets."""
    if all_users and user_name is not None:
        raise ValidationError("UserName and AllUsers cannot be given together.")
    service = _service(service_name) if service_name else ""
    if user is not None:
        names = {user.unique_id: user.name}
        found = ctx.unit.find(SERVICE_CREDENTIALS, ctx.global_scope, "user", user.unique_id)
    elif all_users:
        names = {each.unique_id: each.name for each in ctx.unit.list(USERS, ctx.global_scope)}
        found = ctx.unit.list(SERVICE_CREDENTIALS, ctx.global_scope)
    else:
        raise ValidationError("Must specify userName when calling with non-User credentials")
    wanted = [each for each in found if not service or each.service == service]

    def show(credential: ServiceCredential) -> dict[str, Any]:
        return _shown(credential, names[credential.user])

    page = among(wanted, _id)
    return listed("ServiceSpecificCredentials", page, _id, show, max_items, marker)


@iam.operation(
    access=_with_keys(user_or_caller("iam:UpdateServiceSpecificCredential")), writes=True
)
def update_service_specific_credential(
    ctx: Context,
    user: User | None,
    *,
    user_name: str | None = None,
    service_specific_credential_id: str,
    status: Status,
) -> Output:
    """Switch a credential on or off."""
    del user_name
    credential, _ = _find(ctx, user, service_specific_credential_id)
    changed = replace(credential, status=settable(status))
    ctx.unit.put(SERVICE_CREDENTIALS, ctx.global_scope, changed)
    return {}


@iam.operation(access=_with_keys(user_or_caller("iam:ResetServiceSpecificCredential")), writes=True)
def reset_service_specific_credential(
    ctx: Context,
    user: User | None,
    *,
    user_name: str | None = None,
    service_specific_credential_id: str,
) -> Output:
    """Give a credential another secret and return it, this once; all else stays."""
    del user_name
    credential, owner = _find(ctx, user, service_specific_credential_id)
    secret = _secret(ctx)
    changed = replace(credential, digest=_digest(secret))
    ctx.unit.put(SERVICE_CREDENTIALS, ctx.global_scope, changed)
    return {"ServiceSpecificCredential": _with_secret(changed, owner.name, secret)}


@iam.operation(
    access=_with_keys(user_or_caller("iam:DeleteServiceSpecificCredential")), writes=True
)
def delete_service_specific_credential(
    ctx: Context,
    user: User | None,
    *,
    user_name: str | None = None,
    service_specific_credential_id: str,
) -> Output:
    """Delete a credential."""
    del user_name
    credential, _ = _find(ctx, user, service_specific_credential_id)
    ctx.unit.delete(SERVICE_CREDENTIALS, ctx.global_scope, credential.credential_id)
    return {}


def _service(name: str) -> str:
    """Return a service's name in small letters, if it is one that has such credentials."""
    if not re.fullmatch(r"[a-zA-Z0-9.-]*", name):
        raise ValidationError("ServiceName must match [a-zA-Z0-9.-]*")
    if name.lower() not in SERVICES:
        raise NoSuchEntity(f"No such service {name} is supported for Service Specific Credentials")
    return name.lower()


def _free_login(ctx: Context, user: User, service: str) -> str:
    """Return a login that nobody in the account has for the service."""
    every = ctx.unit.list(SERVICE_CREDENTIALS, ctx.global_scope)
    taken = {each.login for each in every if each.service == service}
    login, number = f"{user.name}-at-{ctx.account}", 0
    while login in taken:
        number += 1
        login = f"{user.name}+{number}-at-{ctx.account}"
    return login


def _secret(ctx: Context) -> str:
    return base64.b64encode(ctx.random(SECRET_SIZE)).decode()


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _stored(ctx: Context, credential_id: str) -> ServiceCredential | None:
    return ctx.unit.get(SERVICE_CREDENTIALS, ctx.global_scope, credential_id)


def _find(ctx: Context, user: User | None, credential_id: str) -> tuple[ServiceCredential, User]:
    if user is None:
        raise ValidationError("Must specify userName when calling with non-User credentials")
    credential = _stored(ctx, credential_id)
    if credential is None:
        raise NoSuchEntity(f"No such credential {credential_id} exists")
    if credential.user != user.unique_id:
        raise ValidationError(
            f"User {user.name} does not have a service specific credential with id {credential_id}"
        )
    return credential, user


def _id(credential: ServiceCredential) -> str:
    return credential.credential_id


def _shown(credential: ServiceCredential, user_name: str) -> dict[str, Any]:
    login = "ServiceCredentialAlias" if SERVICES[credential.service] else "ServiceUserName"
    shown: dict[str, Any] = {
        "UserName": user_name,
        "Status": credential.status,
        login: credential.login,
        "CreateDate": credential.created,
        "ServiceSpecificCredentialId": credential.credential_id,
        "ServiceName": credential.service,
    }
    return shown | ({"ExpirationDate": credential.expires} if credential.expires else {})


def _with_secret(credential: ServiceCredential, user_name: str, secret: str) -> dict[str, Any]:
    shown, prefix = _shown(credential, user_name), SERVICES[credential.service]
    if not prefix:
        return shown | {"ServicePassword": secret}
    wrapped = base64.b64encode(f"{credential.login}:{secret}".encode()).decode()
    return shown | {"ServiceCredentialSecret": prefix + wrapped}
