# SPDX-License-Identifier: Apache-2.0
"""Key policies: a key always has exactly one, named `default` (kms-25 to kms-27)."""

from __future__ import annotations

from msgspec.structs import replace

from stockade.core.access import Demand, no_keys
from stockade.core.authorization import question
from stockade.core.context import Context
from stockade.core.operation import Output
from stockade.core.ports import Principals
from stockade.policy import principal_ids
from stockade.policy.compile import compile_policy
from stockade.policy.decide import decide
from stockade.policy.document import Document, MalformedPolicy, parse
from stockade.services.kms.access import own_key_named
from stockade.services.kms.errors import (
    LimitExceededException,
    MalformedPolicyDocumentException,
    NotFoundException,
)
from stockade.services.kms.paging import listed
from stockade.services.kms.resources import KEYS, Key
from stockade.services.kms.service import kms
from stockade.services.kms.trusted import policy_as_seen, unique_ids

NAME = "default"
SIZE_LIMIT = 32_768

_DEFAULT_POLICY = """{{
  "Version" : "2012-10-17",
  "Id" : "key-default-1",
  "Statement" : [ {{
    "Sid" : "Enable IAM User Permissions",
    "Effect" : "Allow",
    "Principal" : {{
      "AWS" : "arn:aws:iam::{account}:root"
    }},
    "Action" : "kms:*",
    "Resource" : "*"
  }} ]
}}"""


def default_policy(account: str) -> str:
    """Return the policy of a key that was made without one: it delegates to the account."""
    return _DEFAULT_POLICY.format(account=account)


@kms.operation(access=own_key_named("kms:GetKeyPolicy"))
def get_key_policy(ctx: Context, key: Key, *, key_id: str, policy_name: str = NAME) -> Output:
    """Return a key's policy as it was put, but for who is gone."""
    del key_id
    _named(policy_name)
    return {"Policy": policy_as_seen(ctx, key), "PolicyName": NAME}


@kms.operation(access=own_key_named("kms:PutKeyPolicy"), writes=True)
def put_key_policy(
    ctx: Context,
    key: Key,
    *,
    key_id: str,
    policy: str,
    policy_name: str = NAME,
    bypass_policy_lockout_safety_check: bool = False,
) -> Output:
    """Replace a key's policy."""
    del key_id
    _named(policy_name)
    trusted = check_policy(ctx, policy, key.arn, bypass_lockout=bypass_policy_lockout_safety_check)
    ctx.unit.put(KEYS, key.scope, replace(key, policy=policy, trusted=trusted))
    return {}


@kms.operation(access=own_key_named("kms:ListKeyPolicies"))
def list_key_policies(
    _ctx: Context, key: Key, *, key_id: str, limit: int = 100, marker: str | None = None
) -> Output:
    """Return the names of a key's policies: always the one."""
    del key, key_id

    def names(after: str, _count: int) -> list[str]:
        return [NAME] if after < NAME else []

    return listed("PolicyNames", names, str, str, limit, marker)


def check_policy(ctx: Context, text: str, key_arn: str, *, bypass_lockout: bool) -> dict[str, str]:
    """Refuse a policy that is malformed, names nobody who exists, or locks its author out.

    What comes back is for `Key.trusted`: the unique ids of the users and roles that it names.
    """
    if len(text.encode()) > SIZE_LIMIT:
        raise LimitExceededException(f"The key policy exceeds the limit of {SIZE_LIMIT} bytes.")
    try:
        document = parse(text, "resource")
    except MalformedPolicy as malformed:
        raise MalformedPolicyDocumentException(str(malformed)) from None
    _principals_exist(ctx, document)
    if not bypass_lockout and not _keeps_control(ctx, document, key_arn):
        raise MalformedPolicyDocumentException(
            "The new key policy will not allow you to update the key policy in the future."
        )
    return unique_ids(ctx, document)


def _principals_exist(ctx: Context, document: Document) -> None:
    directory = ctx.port(Principals)
    for name in principal_ids.named(document):
        if name != "*" and not directory.principal_exists(ctx.unit, name):
            raise MalformedPolicyDocumentException(
                "Policy contains a statement with one or more invalid principals."
            )


def _keeps_control(ctx: Context, document: Document, key_arn: str) -> bool:
    demand = Demand(
        action="kms:PutKeyPolicy",
        arn=key_arn,
        account=ctx.account,
        policy=compile_policy(document),
        must_allow=True,
        keys=no_keys,
    )
    return decide(*question(ctx, demand)).allowed


def _named(policy_name: str) -> None:
    if policy_name != NAME:
        raise NotFoundException("No such policy exists")
