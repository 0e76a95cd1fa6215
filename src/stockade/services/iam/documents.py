# SPDX-License-Identifier: Apache-2.0
"""Policy documents at IAM's door: grammar, size, and the encoding that answers use.

IAM counts a document's characters without its white space, keeps it as it was put, and returns it
URL-encoded by RFC 3986.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote

from stockade.core.context import Context
from stockade.core.ports import Principals
from stockade.policy.document import Document, Kind, MalformedPolicy, parse
from stockade.services.iam.errors import LimitExceeded, MalformedPolicyDocument

MANAGED_LIMIT = 6_144
TRUST_LIMIT = 2_048
INLINE_LIMITS = (("user", 2_048), ("group", 5_120), ("role", 10_240))


def check_managed(text: str) -> None:
    """Refuse a managed policy's document that is malformed or too long."""
    if size(text) > MANAGED_LIMIT:
        raise LimitExceeded(f"Cannot exceed quota for PolicySize: {MANAGED_LIMIT}")
    _parsed(text, "identity", managed=True)


def check_inline(text: str, others: Iterable[str], kind: str, name: str) -> None:
    """Refuse an inline policy that is malformed, or too long together with its siblings."""
    limit = dict(INLINE_LIMITS)[kind]
    if size(text) + sum(map(size, others)) > limit:
        raise LimitExceeded(f"Maximum policy size of {limit} bytes exceeded for {kind} {name}")
    _parsed(text, "identity")


def check_trust(ctx: Context, text: str) -> Document:
    """Return a trust policy; refuse one that is malformed, too long, or names who is not there."""
    if size(text) > TRUST_LIMIT:
        raise LimitExceeded(f"Cannot exceed quota for ACLSizePerRole: {TRUST_LIMIT}")
    directory = ctx.port(Principals)
    trust = _parsed(text, "trust")
    for statement in trust.statements:
        for name in statement.principals or ():
            if name.type != "AWS" or name.value == "*":
                continue
            if not directory.principal_exists(ctx.unit, name.value):
                raise MalformedPolicyDocument(
                    f'Invalid principal in policy: "{name.type}":"{name.value}"'
                )
    return trust


def size(text: str) -> int:
    """Return a document's length as IAM's quotas count it."""
    return sum(1 for letter in text if not letter.isspace())


def encoded(text: str) -> str:
    """Return a document as answers carry it."""
    return quote(text, safe="")


def _parsed(text: str, kind: Kind, *, managed: bool = False) -> Document:
    try:
        return parse(text, kind, managed=managed)
    except MalformedPolicy as malformed:
        raise MalformedPolicyDocument(str(malformed)) from None
