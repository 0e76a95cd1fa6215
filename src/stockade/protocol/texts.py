# SPDX-License-Identifier: Apache-2.0
"""Scalars of the model as text: in parameters, headers, paths, query strings and XML elements.

Readers raise a SerializationFailure in AWS's words for text that is not of the shape's type and
never repeat it; writers raise a TypeError for a value of another type, which is a bug of ours.
A timestamp has its own format or that of the place where it stands.
"""

from __future__ import annotations

import re
from base64 import b64encode
from binascii import a2b_base64
from math import isinf, isnan
from typing import TYPE_CHECKING, Any, Final

from stockade.protocol import timestamps
from stockade.protocol.malformed import SerializationFailure
from stockade.protocol.shapes import exactly, misfit, timestamp_format

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

_WHOLE: Final = re.compile(r"[+-]?\d{1,19}", re.ASCII)
_DECIMAL: Final = re.compile(
    r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?|Infinity)|NaN", re.ASCII
)


def reader_of(shape: Any, moment: str = "iso8601") -> Callable[[str], Any] | None:
    """Return what reads a scalar of that shape, or None where text is kept as it is."""
    match shape.type_name:
        case "integer":
            return lambda text: _whole(text, 2**31)
        case "long":
            return lambda text: _whole(text, 2**63)
        case "float" | "double":
            return _decimal
        case "boolean":
            return _boolean
        case "blob":
            return _blob
        case "timestamp":
            parse = timestamps.text_parser(timestamp_format(shape, moment))
            return lambda text: _moment(text, parse)
        case _:
            return None


def _whole(text: str, limit: int) -> int:
    if not text:
        raise SerializationFailure("missing value for decimal type")
    if _WHOLE.fullmatch(text) is None or not -limit <= int(text) < limit:
        raise SerializationFailure(hint="a parameter is not a whole number, or too large")
    return int(text)


def _decimal(text: str) -> float:
    if not text:
        raise SerializationFailure("missing value for decimal type")
    if _DECIMAL.fullmatch(text) is None:
        raise SerializationFailure(hint="a parameter is not a number")
    return float(text)


def _boolean(text: str) -> bool:
    if text not in ("true", "false", "1", "0"):
        raise SerializationFailure("boolean must follow xsd1.1 definition")
    return text in ("true", "1")


def _blob(text: str) -> bytes:
    try:
        return a2b_base64(text, strict_mode=True)
    except ValueError as error:
        raise SerializationFailure(hint="a blob is not Base64") from error


def _moment(text: str, parse: Callable[[str], datetime]) -> datetime:
    try:
        return parse(text)
    except ValueError as error:
        raise SerializationFailure("timestamp must follow ISO8601") from error


def text_of(shape: Any, moment: str = "iso8601") -> Callable[[Any], str]:
    """Return what writes a scalar of that shape as text."""
    check = exactly(shape)
    match shape.type_name:
        case "timestamp":
            form = timestamps.formatter(timestamp_format(shape, moment))
            return lambda value: str(form(value))
        case "boolean":
            return lambda value: "true" if check(value) else "false"
        case "integer" | "long":
            return lambda value: str(int(check(value)))
        case "float" | "double":
            return lambda value: _number(shape, value)
        case "blob":
            return lambda value: b64encode(check(value)).decode()
        case _:
            return check


def _number(shape: Any, value: Any) -> str:
    if type(value) not in (float, int):
        raise misfit(shape, value)
    if isnan(value):
        return "NaN"
    if isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return repr(value)
