# SPDX-License-Identifier: Apache-2.0
"""Presigned POST policies of S3: a form that says itself what may be uploaded with it.

The Base64 text of the policy is what is signed. So it is verified before it is read; then every
condition must hold, in order, and every field must be named by a condition. In the end the file has
to have the right size: `allowed_sizes` says which before it is read.

    parse             what the form claims about its signature: a SignedRequest as any other
    check_signature   the claim is true
    check_policy      the policy is in force, and the form is one that it allows

Source: AWS's "Browser-based uploads using POST"; texts and their order from recorded answers of S3.
"""

from __future__ import annotations

import hmac
from base64 import b64decode
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from stockade.protocol import sigv4, sigv4a
from stockade.protocol.refusals import AccessDenied, SignatureDoesNotMatch
from stockade.protocol.s3_errors import (
    EntityTooLarge,
    EntityTooSmall,
    InvalidArgument,
    InvalidPolicyDocument,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stockade.protocol.sigv4 import SignedRequest

_SIGNING_FIELDS: Final = ("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Signature")
_NOT_NAMED: Final = frozenset({"policy", "x-amz-signature", "file"})
"""Fields that no condition has to name, as those that begin with x-ignore-."""
_BY_PREFIX: Final = frozenset(
    {
        "acl",
        "cache-control",
        "content-type",
        "content-disposition",
        "content-encoding",
        "expires",
        "key",
        "success_action_redirect",
        "redirect",
    }
)
"""What `starts-with` may speak of, beside x-amz-meta-*."""
_FAILED: Final = "Invalid according to Policy: Policy Condition failed: "


class Sizes(NamedTuple):
    """How many bytes the file may have."""

    smallest: int
    largest: int | None

    def check(self, size: int) -> None:
        """Refuse a file of another size."""
        if size < self.smallest:
            raise EntityTooSmall(
                elements={"ProposedSize": str(size), "MinSizeAllowed": str(self.smallest)}
            )
        if self.largest is not None and size > self.largest:
            raise EntityTooLarge(
                elements={"ProposedSize": str(size), "MaxSizeAllowed": str(self.largest)}
            )


def parse(fields: Mapping[str, str]) -> SignedRequest | None:
    """Return what a form claims about its signature, or None for an anonymous form."""
    if "key" not in fields:
        raise _missing("key")
    if "policy" not in fields or not any(name.lower() in fields for name in _SIGNING_FIELDS):
        return None
    for name in _SIGNING_FIELDS:
        if not fields.get(name.lower()):
            raise _missing(name)
    claimed = {name: fields[name.lower()] for name in _SIGNING_FIELDS}
    claimed |= {"X-Amz-SignedHeaders": "host", "X-Amz-Region-Set": "*"}  # a form signs neither
    if "x-amz-security-token" in fields:
        claimed["X-Amz-Security-Token"] = fields["x-amz-security-token"]
    return sigv4.parse_parameters(
        {name.encode(): value.encode("utf-8", "replace") for name, value in claimed.items()}
    )


def _missing(name: str) -> InvalidArgument:
    return InvalidArgument(
        f"Bucket POST must contain a field named '{name}'.  "
        "If it is specified, please check the order of the fields.",
        elements={"ArgumentName": name, "ArgumentValue": ""},
    )


def check_signature(
    fields: Mapping[str, str], signed: SignedRequest, key: bytes | sigv4a.PublicKey
) -> None:
    """Refuse a policy that was not signed with this key."""
    policy = fields["policy"].encode()
    if isinstance(key, bytes):
        right = hmac.digest(key, policy, "sha256").hex()
        matches = hmac.compare_digest(right.encode(), signed.signature.encode())
    else:
        matches = sigv4a.matches(key, policy, signed.signature)
    if not matches:
        raise SignatureDoesNotMatch(
            elements={
                "AWSAccessKeyId": signed.access_key_id,
                "StringToSign": fields["policy"],
                "SignatureProvided": signed.signature,
                "StringToSignBytes": policy.hex(" "),
            }
        )


def check_policy(fields: Mapping[str, str], bucket: str, now: datetime) -> Sizes:
    """Return which sizes the policy allows; refuse a form that it does not allow.

    `fields` are those before the file, `bucket` is the one that the form was sent to.
    """
    policy = _read(fields["policy"])
    if now >= policy.expiration:
        raise AccessDenied("Invalid according to Policy: Policy expired.")
    values = {**fields, "bucket": bucket}
    sizes = Sizes(0, None)
    named = set()
    for condition in policy.conditions:
        operator, name, value = condition
        if operator == "content-length-range":
            sizes = _narrowed(sizes, condition)
            continue
        named.add(_field(condition))
        if not _holds(operator, _field(condition), value, values):
            raise _failed(condition)
    for name in fields:
        if name not in named and name not in _NOT_NAMED and not name.startswith("x-ignore-"):
            raise AccessDenied(f"Invalid according to Policy: Extra input fields: {name}")
    return sizes


class _Policy(NamedTuple):
    expiration: datetime
    conditions: list[list[Any]]
    """Each of three parts; exact matches are `eq`."""


def _read(encoded: str) -> _Policy:
    try:
        policy = msgspec.json.decode(b64decode(encoded, validate=True))
    except ValueError:
        raise InvalidPolicyDocument("Invalid Policy: Invalid JSON.") from None
    if not isinstance(policy, dict):
        raise InvalidPolicyDocument("Invalid Policy: Invalid JSON.")
    conditions = policy.get("conditions")
    if not isinstance(conditions, list):
        raise InvalidPolicyDocument("Invalid Policy: Missing 'conditions'.")
    return _Policy(_expiration(policy.get("expiration")), [_condition(each) for each in conditions])


def _expiration(value: Any) -> datetime:
    if value is None:
        raise InvalidPolicyDocument("Invalid Policy: Missing 'expiration'.")
    if isinstance(value, str):
        for form in ("%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S.%fZ"):
            try:
                return datetime.strptime(value, form).replace(tzinfo=UTC)
            except ValueError:
                continue
    raise InvalidPolicyDocument(f"Invalid Policy: Invalid 'expiration' value: '{value}'")


def _condition(condition: Any) -> list[Any]:
    if isinstance(condition, dict):
        if len(condition) != 1:
            raise _invalid_simple("Simple-Conditions must have exactly one property specified.")
        [(name, value)] = condition.items()
        if not isinstance(value, str):
            raise _invalid_simple("value must be a string.")
        return ["eq", f"${name}", value]
    if not isinstance(condition, list) or len(condition) != 3:
        raise _failed(condition)
    return condition


def _invalid_simple(what: str) -> InvalidPolicyDocument:
    return InvalidPolicyDocument(f"Invalid Policy: Invalid Simple-Condition: {what}")


def _field(condition: list[Any]) -> str:
    """Return the field that a condition speaks of, in lower case."""
    name, value = condition[1:]
    if not isinstance(name, str) or not name.startswith("$") or not isinstance(value, str):
        raise _failed(condition)
    return name[1:].lower()


def _holds(operator: Any, name: str, value: str, values: Mapping[str, str]) -> bool:
    given = values.get(name)
    if given is None:
        return False
    if operator == "eq":
        return given == value
    if operator != "starts-with" or not (name in _BY_PREFIX or name.startswith("x-amz-meta-")):
        return False
    each = given.split(",") if name == "content-type" else [given]
    return all(item.strip().startswith(value) for item in each)


def _narrowed(sizes: Sizes, condition: list[Any]) -> Sizes:
    bounds = []
    for bound in condition[1:]:
        if isinstance(bound, bool) or not (isinstance(bound, int | str) and str(bound).isdigit()):
            raise _failed(condition)
        bounds.append(int(bound))
    smallest, largest = bounds
    if sizes.largest is not None:
        largest = min(largest, sizes.largest)
    return Sizes(max(smallest, sizes.smallest), largest)


def _failed(condition: Any) -> AccessDenied:
    """Return the refusal that repeats a condition, with blanks after its commas as S3 does."""
    if not isinstance(condition, list):
        return AccessDenied(_FAILED + msgspec.json.encode(condition).decode())
    items = [msgspec.json.encode(item).decode() for item in condition]
    return AccessDenied(f"{_FAILED}[{', '.join(items)}]")
