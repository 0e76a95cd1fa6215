# SPDX-License-Identifier: Apache-2.0
"""Policy variables: `${aws:username}`, `${aws:PrincipalTag/team, 'none'}`, `${*}`, `${?}`, `${$}`.

A pattern is cut into tokens once: literal text, wildcards, variables. What a variable
brings in is literal text, so a value with a `*` in it never becomes a wildcard. Documents
of version 2008-10-17 know no variables: there `${` is plain text.
"""

from __future__ import annotations

import enum
import re
from typing import TYPE_CHECKING, TypeVar

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from stockade.policy.request import Lookup


class Wild(enum.Enum):
    """A wildcard."""

    MANY = "*"
    ONE = "?"


class Variable(msgspec.Struct, frozen=True):
    """A place that the request fills."""

    key: str
    default: str | None = None


_Special = TypeVar("_Special", bound="Wild | Variable")
_WILDCARD = re.compile(r"([*?])")

Resolved = tuple[str | Wild, ...]
Tokens = tuple[str | Wild | Variable, ...]


def tokenize(text: str, *, variables: bool, wildcards: bool) -> Tokens:
    """Cut a pattern into literal text, wildcards and variables."""
    return tuple(_joined(_tokens(text, variables=variables, wildcards=wildcards)))


def resolve(tokens: Tokens, lookup: Lookup) -> Resolved | None:
    """Fill the variables from the request; None when one has neither a value nor a default.

    A key with several values cannot fill a variable, and counts as absent.
    """
    resolved: list[str | Wild] = []
    for token in tokens:
        if not isinstance(token, Variable):
            resolved.append(token)
            continue
        values = lookup(token.key)
        value = values[0] if values is not None and len(values) == 1 else token.default
        if value is None:
            return None
        resolved.append(value)
    return tuple(_joined(resolved))


def static(tokens: Tokens) -> Resolved | None:
    """Return the pattern when it has no variables, else None."""
    plain = tuple(token for token in tokens if not isinstance(token, Variable))
    return plain if len(plain) == len(tokens) else None


def literal(tokens: Resolved) -> str:
    """Return the text of a pattern that was cut without wildcards."""
    return "".join(token for token in tokens if isinstance(token, str))


def _tokens(text: str, *, variables: bool, wildcards: bool) -> Iterator[str | Wild | Variable]:
    position = 0
    while variables:
        start = text.find("${", position)
        end = text.find("}", start)
        if start < 0 or end < 0:
            break
        yield from _plain(text[position:start], wildcards=wildcards)
        yield _variable(text[start + 2 : end])
        position = end + 1
    yield from _plain(text[position:], wildcards=wildcards)


def _plain(text: str, *, wildcards: bool) -> Iterator[str | Wild]:
    if not wildcards:
        yield text
        return
    for part in _WILDCARD.split(text):
        yield Wild(part) if part in {"*", "?"} else part


def _variable(inner: str) -> str | Variable:
    if inner in {"*", "?", "$"}:
        return inner
    key, _, rest = inner.partition(",")
    quoted = rest.strip()
    has_default = len(quoted) >= 2 and quoted[0] == quoted[-1] == "'"
    return Variable(key.strip().lower(), quoted[1:-1] if has_default else None)


def _joined(tokens: Iterable[str | _Special]) -> Iterator[str | _Special]:
    """Merge neighbouring literal text and drop what is empty."""
    texts: list[str] = []
    for token in tokens:
        if isinstance(token, str):
            texts.append(token)
            continue
        if any(texts):
            yield "".join(texts)
        texts.clear()
        yield token
    if any(texts):
        yield "".join(texts)
