# SPDX-License-Identifier: Apache-2.0
"""From JSON text to structs: the shape that every kind of policy document shares.

Unknown elements, repeated JSON keys and wrong types are refused, and so is a text beyond the
model's largest policy or nested deeper than any policy needs.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec

from stockade.policy.elements import (
    OLD_VERSION,
    VERSION,
    Condition,
    Document,
    InvalidJson,
    MalformedPolicy,
    PrincipalName,
    Statement,
)

if TYPE_CHECKING:
    from stockade.policy.elements import Kind

MAX_DOCUMENT = 131_072
"""The longest policy that any service's model accepts, in characters."""

_TOP_ELEMENTS = frozenset({"Version", "Id", "Statement"})
_STATEMENT_ELEMENTS = frozenset(
    {
        "Sid",
        "Effect",
        "Principal",
        "NotPrincipal",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
        "Condition",
    }
)
_EITHER_OR = (
    ("Principal", "NotPrincipal"),
    ("Action", "NotAction"),
    ("Resource", "NotResource"),
)


class Syntax(msgspec.Struct, frozen=True):
    """What the service behind a kind of policy says when the shape is wrong."""

    json: str
    shape: str
    version: str
    statement: str
    effect: str
    principal: str
    unknown: str = ""
    """Begins what is said of an element that there is not, if that has words of its own."""


class _Number(str):
    """A JSON number, as it was written; not a string where the grammar asks for one."""

    __slots__ = ()


def read(text: str | bytes, kind: Kind, syntax: Syntax) -> Document:
    """Read the shape of a document, before the rules of its kind are checked."""
    try:
        raw = _read_json(text)
    except (ValueError, RecursionError) as problem:
        raise InvalidJson(syntax.json) from problem
    return _Reader(syntax).document(raw, kind)


def _read_json(text: str | bytes) -> object:
    decoded = text.decode() if isinstance(text, bytes) else text
    if len(decoded) > MAX_DOCUMENT:
        raise ValueError("too long")
    decoded.encode()  # half a character, which no output can carry, is refused here
    raw = json.loads(
        decoded,
        object_pairs_hook=_object,
        parse_int=_Number,
        parse_float=_Number,
        parse_constant=_no_constant,
    )
    if "\\u" in decoded:  # and here, where an escape may spell one
        json.dumps(raw, ensure_ascii=False).encode()
    return raw


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("repeated key")
    return found


def _no_constant(name: str) -> object:
    raise ValueError(name)


class _Reader:
    """Turns parsed JSON into structs, or raises the words of its service."""

    def __init__(self, syntax: Syntax) -> None:
        self.syntax = syntax

    def document(self, raw: object, kind: Kind) -> Document:
        if type(raw) is not dict:
            raise MalformedPolicy(self.syntax.shape)
        self.known(raw, _TOP_ELEMENTS)
        version = raw.get("Version", OLD_VERSION)
        if version not in (OLD_VERSION, VERSION):
            raise MalformedPolicy(self.syntax.version)
        statements = raw.get("Statement")
        if type(statements) is dict:
            statements = [statements]
        if type(statements) is not list or not statements:
            raise MalformedPolicy(self.syntax.statement)
        return Document(
            version=version,
            id=self.text(raw.get("Id", "")),
            statements=tuple(self.statement(statement) for statement in statements),
            kind=kind,
        )

    def statement(self, raw: object) -> Statement:
        if type(raw) is not dict:
            raise MalformedPolicy(self.syntax.shape)
        self.known(raw, _STATEMENT_ELEMENTS)
        if any(one in raw and other in raw for one, other in _EITHER_OR):
            raise MalformedPolicy(self.syntax.shape)
        return Statement(
            effect=self.effect(raw),
            sid=self.text(raw.get("Sid", "")),
            principals=self.principals(raw, "Principal"),
            not_principals=self.principals(raw, "NotPrincipal"),
            actions=self.texts(raw, "Action"),
            not_actions=self.texts(raw, "NotAction"),
            resources=self.texts(raw, "Resource"),
            not_resources=self.texts(raw, "NotResource"),
            conditions=self.conditions(raw.get("Condition", {})),
        )

    def known(self, raw: dict[str, Any], elements: frozenset[str]) -> None:
        strangers = raw.keys() - elements
        if strangers and self.syntax.unknown:
            raise MalformedPolicy(f"{self.syntax.unknown} {min(strangers)}")
        if strangers:
            raise MalformedPolicy(self.syntax.shape)

    def effect(self, raw: dict[str, Any]) -> str:
        if "Effect" not in raw:
            raise MalformedPolicy(self.syntax.effect)
        return self.text(raw["Effect"])

    def text(self, raw: object) -> str:
        if type(raw) is not str:
            raise MalformedPolicy(self.syntax.shape)
        return raw

    def texts(self, raw: dict[str, Any], element: str) -> tuple[str, ...] | None:
        if element not in raw:
            return None
        value = raw[element]
        values = value if type(value) is list else [value]
        return tuple(self.text(one) for one in values)

    def principals(self, raw: dict[str, Any], element: str) -> tuple[PrincipalName, ...] | None:
        if element not in raw:
            return None
        value = raw[element]
        if value == "*":
            return (PrincipalName("*", "*"),)
        if type(value) is not dict or "*" in value:
            raise MalformedPolicy(self.syntax.principal)
        return tuple(
            PrincipalName(of_type, name)
            for of_type in value
            for name in self.texts(value, of_type) or ()
        )

    def conditions(self, raw: object) -> tuple[Condition, ...]:
        if type(raw) is not dict:
            raise MalformedPolicy(self.syntax.shape)
        return tuple(
            Condition(operator, key, self.condition_values(value))
            for operator, block in raw.items()
            for key, value in self.block(block).items()
        )

    def block(self, raw: object) -> dict[str, object]:
        if type(raw) is not dict:
            raise MalformedPolicy(self.syntax.shape)
        return raw

    def condition_values(self, raw: object) -> tuple[str, ...]:
        values = raw if type(raw) is list else [raw]
        return tuple(self.condition_value(value) for value in values)

    def condition_value(self, raw: object) -> str:
        if isinstance(raw, bool):
            return "true" if raw else "false"
        return str(raw) if isinstance(raw, _Number) else self.text(raw)
