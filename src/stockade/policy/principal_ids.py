# SPDX-License-Identifier: Apache-2.0
"""The users and roles that a policy names, kept by what they are and not by what they are called.

AWS keeps the unique id behind each ARN of a user or role. One who takes the name of somebody
deleted is not meant: the policy then shows the id in place of the ARN, and nobody has it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from stockade.policy.elements import Document

IdOf = Callable[[str], str]
"""From an ARN to the unique id of the user or role that has it now; empty where nobody has."""


def named(document: Document) -> list[str]:
    """Return every principal of AWS that a policy names."""
    return [
        name.value
        for statement in document.statements
        for name in (*(statement.principals or ()), *(statement.not_principals or ()))
        if name.type == "AWS"
    ]


def unique_ids(document: Document, id_of: IdOf) -> dict[str, str]:
    """Return the unique id behind each ARN of a user or role that a policy names."""
    found = {arn: id_of(arn) for arn in named(document)}
    return {arn: unique_id for arn, unique_id in found.items() if unique_id}


def as_seen(text: str, ids: Mapping[str, str], id_of: IdOf) -> str:
    """Return a policy as it counts: who is gone stands there by the id."""
    gone = {arn: unique_id for arn, unique_id in ids.items() if id_of(arn) != unique_id}
    return renamed(text, gone) if gone else text


def renamed(text: str, names: Mapping[str, str]) -> str:
    """Return a policy with other names for some of the principals of AWS that it names."""
    document = msgspec.json.decode(text)
    statements = document["Statement"]
    for statement in statements if isinstance(statements, list) else [statements]:
        for element in ("Principal", "NotPrincipal"):
            principals = statement.get(element)
            if isinstance(principals, dict) and "AWS" in principals:
                principals["AWS"] = _each(principals["AWS"], names)
    return msgspec.json.encode(document).decode()


def _each(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, list):
        return [names.get(each, each) for each in value]
    return names.get(value, value)
