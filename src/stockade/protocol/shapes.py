# SPDX-License-Identifier: Apache-2.0
"""Shapes of the model compiled into readers and writers of JSON values.

A reader turns a decoded JSON value into Python: blobs become bytes, timestamps aware datetimes
in UTC, members are named as the model names them. As AWS does it, unknown members and members
that are null are ignored, a fraction given for an integer is cut off, a text that names a
boolean is one, and any other wrong type is a SerializationException whose text is AWS's.

A writer turns a plain dict into what `msgspec.json` encodes and refuses, with a TypeError, what
the model does not have: that is a bug of ours and not an answer to a client. Neither puts a
value into an exception.

Closures instead of a walk over the model, because this is on the path of every request. A
structure is compiled once per compiler and found by its name, which also ends recursion.
"""

from __future__ import annotations

from binascii import a2b_base64
from math import isfinite, isinf
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from stockade.protocol import timestamps
from stockade.protocol.malformed import SerializationFailure

if TYPE_CHECKING:
    from collections.abc import Callable

    Convert = Callable[[Any], Any]

_LONG: Final = 2**63
_INTEGER: Final = 2**31
_NOT_FINITE: Final = MappingProxyType(
    {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}
)
_TRUE: Final = frozenset({"true", "yes", "y", "t", "1"})
_FALSE: Final = frozenset({"false", "no", "n", "f", "0"})
_MAPPINGS: Final = (dict, MappingProxyType)
_SEQUENCES: Final = (list, tuple)
_PYTHON_TYPES: Final = MappingProxyType(
    {
        "integer": (int,),
        "long": (int,),
        "boolean": (bool,),
        "blob": (bytes, bytearray, memoryview),
    }
)
_TARGETS: Final = MappingProxyType(
    {
        "string": "a String",
        "integer": "an Integer",
        "long": "a Long",
        "float": "a Float",
        "double": "a Double",
        "boolean": "a Boolean",
        "blob": "a Blob",
        "timestamp": "milliseconds since epoch",
    }
)
_CONTAINERS: Final = MappingProxyType(
    {"structure": "Expected null", "list": "Expected list or null", "map": "Expected map or null"}
)


def timestamp_format(shape: Any, default: str) -> str:
    """Return the format of a timestamp: its own, else the protocol's."""
    own: str = shape.serialization.get("timestampFormat", default)
    return own


def wrong_type(value: Any, wanted: str) -> SerializationFailure:
    """Return AWS's words for a JSON value where the model has another type."""
    if isinstance(value, list):
        return SerializationFailure("Start of list found where not expected")
    if isinstance(value, dict):
        return SerializationFailure("Start of structure or map found where not expected.")
    if wanted in _CONTAINERS:
        return SerializationFailure(_CONTAINERS[wanted])
    target = _TARGETS[wanted]
    if isinstance(value, str):
        # AWS's grammar differs with what it found.
        return _not_converted("STRING", "an Boolean" if wanted == "boolean" else target)
    if isinstance(value, bool):
        return _not_converted("TRUE" if value else "FALSE", target)
    return _not_converted("NUMBER" if isinstance(value, int | float) else "BINARY", target)


def _not_converted(found: str, target: str) -> SerializationFailure:
    return SerializationFailure(f"{found}_VALUE can not be converted to {target}")


class JsonReaders:
    """Compiles readers of JSON values for the shapes of one model."""

    def __init__(self) -> None:
        self._structures: dict[str, Convert] = {}

    def reader(self, shape: Any) -> Convert:
        """Return the reader of a shape."""
        match shape.type_name:
            case "structure":
                return self._structure(shape)
            case "list":
                return self._list(shape)
            case "map":
                return self._map(shape)
            case "integer" | "long":
                return _integer_reader(shape)
            case "timestamp":
                return _timestamp_reader(shape)
            case "float" | "double":
                return _float_reader(shape)
            case "boolean":
                return _read_boolean
            case "blob":
                return _read_blob
            case _:
                return _read_string

    def _structure(self, shape: Any) -> Convert:
        if shape.is_document_type:
            return _same
        if shape.name in self._structures:
            return self._structures[shape.name]
        members: dict[str, tuple[str, Convert]] = {}

        def read(value: Any) -> dict[str, Any]:
            if type(value) is not dict:
                raise wrong_type(value, "structure")
            result = {}
            for key, item in value.items():
                member = members.get(key)
                if member is not None and item is not None:
                    result[member[0]] = member[1](item)
            return result

        self._structures[shape.name] = read
        for name, member in shape.members.items():
            members[member.serialization.get("name", name)] = (name, self.reader(member))
        return read

    def _list(self, shape: Any) -> Convert:
        member = self.reader(shape.member)

        def read(value: Any) -> list[Any]:
            if type(value) is not list:
                raise wrong_type(value, "list")
            return [None if item is None else member(item) for item in value]

        return read

    def _map(self, shape: Any) -> Convert:
        member = self.reader(shape.value)

        def read(value: Any) -> dict[str, Any]:
            if type(value) is not dict:
                raise wrong_type(value, "map")
            return {key: None if item is None else member(item) for key, item in value.items()}

        return read


def _same(value: Any) -> Any:
    return value


def _read_string(value: Any) -> str:
    if type(value) is str:
        return value
    raise wrong_type(value, "string")


def _read_boolean(value: Any) -> bool:
    if type(value) is bool:
        return value
    if type(value) is str:
        text = value.lower()
        if text in _TRUE or text in _FALSE:
            return text in _TRUE
    raise wrong_type(value, "boolean")


def _integer_reader(shape: Any) -> Convert:
    kind: str = shape.type_name
    limit = _LONG if kind == "long" else _INTEGER
    # What the model bounds is refused by validation, in its words, as AWS does.
    lowest = -_LONG if "min" in shape.metadata else -limit
    highest = _LONG if "max" in shape.metadata else limit

    def read(value: Any) -> int:
        if type(value) is float:
            value = int(value)
        if type(value) is not int:
            raise wrong_type(value, kind)
        if lowest <= value < highest:
            return value
        raise SerializationFailure(hint=f"a number is outside of what {shape.name} can hold")

    return read


def _float_reader(shape: Any) -> Convert:
    def read(value: Any) -> float:
        if type(value) is float:
            return value
        if type(value) is int:
            return _as_float(value)
        if type(value) is str and value in _NOT_FINITE:
            return _NOT_FINITE[value]
        raise wrong_type(value, shape.type_name)

    return read


def _as_float(value: int) -> float:
    try:
        return float(value)
    except OverflowError as error:
        raise SerializationFailure(hint="a number is too large") from error


def _read_blob(value: Any) -> bytes:
    if type(value) is not str:
        raise wrong_type(value, "blob")
    try:
        return a2b_base64(value, strict_mode=True)
    except ValueError as error:
        raise SerializationFailure(hint="a blob is not Base64") from error


def _timestamp_reader(shape: Any) -> Convert:
    form = timestamp_format(shape, "unixTimestamp")
    text = timestamps.text_parser(form)

    def read(value: Any) -> Any:
        try:
            if form == "unixTimestamp" and type(value) in (int, float):
                return timestamps.parse_epoch(value)
            if form != "unixTimestamp" and type(value) is str:
                return text(value)
        except ValueError as error:
            raise SerializationFailure(hint="a timestamp cannot be read") from error
        raise wrong_type(value, "timestamp")

    return read


class JsonWriters:
    """Compiles writers of JSON values for the shapes of one model."""

    def __init__(self) -> None:
        self._structures: dict[str, Convert] = {}

    def writer(self, shape: Any) -> Convert:
        """Return the writer of a shape."""
        match shape.type_name:
            case "structure":
                return self._structure(shape)
            case "list":
                return self._list(shape)
            case "map":
                return self._map(shape)
            case "timestamp":
                return timestamps.formatter(timestamp_format(shape, "unixTimestamp"))
            case "float" | "double":
                return _write_float
            case _:
                return exactly(shape)

    def _structure(self, shape: Any) -> Convert:
        if shape.is_document_type:
            return _same
        if shape.name in self._structures:
            return self._structures[shape.name]
        members: dict[str, tuple[str, Convert]] = {}

        def write(value: Any) -> dict[str, Any]:
            if not isinstance(value, _MAPPINGS):
                raise misfit(shape, value)
            result = {}
            for key, item in value.items():
                member = members.get(key)
                if member is None:
                    raise no_member(shape, key)
                result[member[0]] = member[1](item)
            return result

        self._structures[shape.name] = write
        for name, member in shape.members.items():
            members[name] = (member.serialization.get("name", name), self.writer(member))
        return write

    def _list(self, shape: Any) -> Convert:
        member = self.writer(shape.member)

        def write(value: Any) -> list[Any]:
            if not isinstance(value, _SEQUENCES):
                raise misfit(shape, value)
            return [member(item) for item in value]

        return write

    def _map(self, shape: Any) -> Convert:
        member = self.writer(shape.value)
        key_of = exactly(shape.key)

        def write(value: Any) -> dict[str, Any]:
            if not isinstance(value, _MAPPINGS):
                raise misfit(shape, value)
            return {key_of(key): member(item) for key, item in value.items()}

        return write


def _write_float(value: Any) -> float | str:
    if type(value) not in (float, int):
        raise TypeError(f"a {type(value).__name__} where the model has a number")
    if isfinite(value):
        return float(value)
    if isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return "NaN"


def exactly(shape: Any) -> Convert:
    """Return a function that returns values of the shape's Python type and refuses others."""
    wanted = _PYTHON_TYPES.get(shape.type_name, (str,))

    def check(value: Any) -> Any:
        if type(value) in wanted or (isinstance(value, wanted) and not isinstance(value, bool)):
            return value
        raise misfit(shape, value)

    return check


def nothing_of(operation: Any) -> Callable[[Any], bytes]:
    """Return the writer of an operation without output: no bytes, and a TypeError for more."""

    def write(output: Any) -> bytes:
        if output:
            raise no_member(operation, next(iter(output)))
        return b""

    return write


def name_of(member: Any, name: str) -> str:
    """Return what a member is called on the wire.

    A flattened list without a name of its own goes by the name of its elements.
    """
    own = member.serialization.get("name")
    if own is None and member.type_name == "list" and member.serialization.get("flattened"):
        own = member.member.serialization.get("name")
    return name if own is None else str(own)


def no_member(shape: Any, key: Any) -> TypeError:
    """Return the error for a member that the model lacks."""
    return TypeError(f"{shape.name} has no member {key}")


def misfit(shape: Any, value: Any) -> TypeError:
    """Return the error for a value of the wrong type, which it does not repeat."""
    return TypeError(f"a {type(value).__name__} where {shape.name} is a {shape.type_name}")
