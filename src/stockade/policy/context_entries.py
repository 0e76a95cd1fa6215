# SPDX-License-Identifier: Apache-2.0
"""The context that a simulation is given: condition keys with values of a declared type."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from stockade.policy.values import parse_binary, parse_instant, parse_network, parse_number

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Entry = tuple[str, str, "Sequence[str]"]
"""Name of the key, type (`string`, `dateList`), values."""


class UnreadableValue(ValueError):
    """A value that is not of its type."""


_READABLE: Final[Mapping[str, Callable[[str], bool]]] = MappingProxyType(
    {
        "numeric": lambda value: parse_number(value) is not None,
        "boolean": lambda value: value.lower() in {"true", "false"},
        "ip": lambda value: parse_network(value) is not None,
        "binary": lambda value: parse_binary(value) is not None,
        "date": lambda value: parse_instant(value) is not None,
    }
)


def read_entries(entries: Iterable[Entry]) -> Mapping[str, tuple[str, ...]]:
    """Return the values by key in lower case, as requests have them."""
    return {name.lower(): _values(name, of_type, values) for name, of_type, values in entries}


def _values(name: str, of_type: str, values: Sequence[str]) -> tuple[str, ...]:
    """Return the values of one key; a type that is no list takes one value."""
    single = of_type.removesuffix("List")
    readable = _READABLE.get(single)
    for value in values:
        if readable is not None and not readable(value):
            raise UnreadableValue(f"Invalid value for context key {name}: {value} is no {single}.")
    if single == of_type and len(values) > 1:
        raise UnreadableValue(f"Context key {name} of type {of_type} must have one value.")
    return tuple(values)
