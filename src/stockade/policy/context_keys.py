# SPDX-License-Identifier: Apache-2.0
"""Which condition keys a policy asks for: in conditions, in variables of resources and values."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from stockade.policy.elements import VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stockade.policy.elements import Document, Statement

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_LITERALS = frozenset({"*", "?", "$"})


def document_keys(document: Document) -> Iterator[str]:
    """Yield every key that a document asks for, as it is written, in its order."""
    for statement in document.statements:
        yield from statement_keys(statement, variables=document.version == VERSION)


def statement_keys(statement: Statement, *, variables: bool) -> Iterator[str]:
    """Yield every key that a statement asks for, as it is written, in its order."""
    if variables:
        for pattern in (*(statement.resources or ()), *(statement.not_resources or ())):
            yield from _variables(pattern)
    for condition in statement.conditions:
        yield condition.key
        if variables:
            for value in condition.values:
                yield from _variables(value)


def _variables(text: str) -> Iterator[str]:
    for inner in _VARIABLE.findall(text):
        if inner not in _LITERALS:
            yield inner.partition(",")[0].strip()
