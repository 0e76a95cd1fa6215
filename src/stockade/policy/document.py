# SPDX-License-Identifier: Apache-2.0
"""Policy documents: strict JSON in, frozen structs out, AWS's own words for what is wrong."""

from __future__ import annotations

from stockade.policy import grammar
from stockade.policy.elements import (
    OLD_VERSION,
    VERSION,
    Condition,
    Document,
    InvalidJson,
    Kind,
    MalformedPolicy,
    PrincipalName,
    Statement,
)
from stockade.policy.reading import MAX_DOCUMENT, read

__all__ = [
    "MAX_DOCUMENT",
    "OLD_VERSION",
    "VERSION",
    "Condition",
    "Document",
    "InvalidJson",
    "Kind",
    "MalformedPolicy",
    "PrincipalName",
    "Statement",
    "parse",
]


def parse(text: str | bytes, kind: Kind, *, managed: bool = False) -> Document:
    """Read a policy document and hold it to the grammar of its kind.

    `managed` asks for the version that managed policies must have; inline policies may be
    of the old one. Of a resource control policy it says that AWS manages it, so it may allow.
    """
    document = read(text, kind, grammar.syntax(kind))
    grammar.check(document, managed=managed)
    return document
