# SPDX-License-Identifier: Apache-2.0
"""How management policies add up from the root down to an account: AWS's inheritance operators.

`@@assign` sets a value over what was inherited, `@@append` adds to a list, `@@remove` takes from
it. `@@operators_allowed_for_child_policies` says which of them policies further down may use on
that part of the document; what they may not is passed over. Pure: documents in, one document out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

ASSIGN, APPEND, REMOVE = "@@assign", "@@append", "@@remove"
ALLOWED = "@@operators_allowed_for_child_policies"
EVERY = frozenset({ASSIGN, APPEND, REMOVE})
_UNSET = object()


def effective(levels: Iterable[Iterable[Mapping[str, Any]]]) -> dict[str, Any]:
    """Return what is in force below all levels, each the policies attached to one node."""
    top = _Part()
    for level in levels:
        for policy in level:
            top.apply(policy, EVERY)
        top.settle()
    document = top.document()
    return document if isinstance(document, dict) else {}


class _Part:
    """One part of the document: further parts under names, or a value."""

    def __init__(self) -> None:
        self.parts: dict[str, _Part] = {}
        self.value: Any = _UNSET
        self.allowed: frozenset[str] | None = None
        self.allowed_below: frozenset[str] | None = None

    def apply(self, content: Mapping[str, Any], inherited: frozenset[str]) -> None:
        """Apply a policy of the next level, as far as the levels above allow it."""
        allowed = inherited if self.allowed is None else self.allowed
        for name, value in content.items():
            if name == ALLOWED:
                self.allowed_below = _named(value) & allowed
            elif name in EVERY:
                if name in allowed:
                    self.value = _operate(name, self.value, value)
            elif isinstance(value, Mapping):
                self.parts.setdefault(name, _Part()).apply(value, allowed)

    def settle(self) -> None:
        """Let what a level said of those below hold from the next level on."""
        if self.allowed_below is not None:
            self.allowed = self.allowed_below
        for part in self.parts.values():
            part.settle()

    def document(self) -> Any:
        """Return the part without operators; one that nothing was said about is not there."""
        if self.value is not _UNSET:
            return self.value
        shown = {name: part.document() for name, part in self.parts.items()}
        return {name: value for name, value in shown.items() if value is not _UNSET} or _UNSET


def _named(value: Any) -> frozenset[str]:
    """Return the operators that a list of them names."""
    names = frozenset(each for each in _values(value) if isinstance(each, str))
    return EVERY if "@@all" in names else EVERY & names


def _operate(operator: str, old: Any, given: Any) -> Any:
    if operator == ASSIGN:
        return given
    known = [] if old is _UNSET else _values(old)
    if operator == APPEND:
        return [*known, *(value for value in _values(given) if value not in known)]
    return [value for value in known if value not in _values(given)]


def _values(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list) else [value]
