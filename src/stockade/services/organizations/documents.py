# SPDX-License-Identifier: Apache-2.0
"""The content of policies: size and rules of each type.

Control policies are held to the grammar of their kind. Management policies (tags, backups, and the
newer ones) are JSON objects with the one key that their type has; the rest of them is kept as it
was put. AWS does not say what is wrong, and counts every character.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from stockade.policy.document import Document, MalformedPolicy, parse
from stockade.services.organizations.errors import (
    ConstraintViolationException,
    MalformedPolicyDocumentException,
)
from stockade.services.organizations.managed import RESOURCE_CONTROL, SERVICE_CONTROL

MANAGEMENT_SIZE = 10_000
SIZES: Mapping[str, int] = MappingProxyType(
    {SERVICE_CONTROL: 10_240, RESOURCE_CONTROL: 5_120, "AISERVICES_OPT_OUT_POLICY": 2_500}
)
"""Characters of a policy's content, where they are not those of other management policies."""
DEPTH_LIMIT = 32
"""Objects within objects: more than any management policy has."""
_TOP_KEYS: Mapping[str, str] = MappingProxyType(
    {
        "TAG_POLICY": "tags",
        "BACKUP_POLICY": "plans",
        "AISERVICES_OPT_OUT_POLICY": "services",
        "DECLARATIVE_POLICY_EC2": "ec2_attributes",
    }
)
"""The one key of a management policy, where it is known."""


def check(type_: str, content: str) -> None:
    """Refuse content that is too long or breaks the rules of its type."""
    if len(content) > SIZES.get(type_, MANAGEMENT_SIZE):
        raise ConstraintViolationException(
            "POLICY_CONTENT_LIMIT_EXCEEDED",
            "The provided policy document exceeds the maximum allowed size.",
        )
    if type_ in (SERVICE_CONTROL, RESOURCE_CONTROL):
        _check_control(type_, content)
    else:
        read_management(type_, content)


def parse_control(type_: str, content: str, *, managed: bool = False) -> Document:
    """Return the document of a control policy; what AWS manages may say more."""
    return parse(content, "scp" if type_ == SERVICE_CONTROL else "rcp", managed=managed)


def read_management(type_: str, content: str) -> dict[str, Any]:
    """Return the object of a management policy."""
    try:
        document = msgspec.json.decode(content.encode(), type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        raise MalformedPolicyDocumentException from None
    expected = _TOP_KEYS.get(type_)
    if not document or (expected is not None and set(document) != {expected}):
        raise MalformedPolicyDocumentException
    if _depth(document) > DEPTH_LIMIT:
        raise MalformedPolicyDocumentException
    return document


def _check_control(type_: str, content: str) -> None:
    try:
        document = parse_control(type_, content)
    except MalformedPolicy:
        raise MalformedPolicyDocumentException from None
    if document.version != "2012-10-17":
        raise MalformedPolicyDocumentException


def _depth(document: Any) -> int:
    """Return how deep objects and lists stand within each other; no recursion, it may be deep."""
    depth, level = 0, [document]
    while level:
        depth += 1
        inner = [list(x.values()) if isinstance(x, dict) else x for x in level]
        level = [y for x in inner if isinstance(x, list) for y in x if isinstance(y, (dict, list))]
    return depth
