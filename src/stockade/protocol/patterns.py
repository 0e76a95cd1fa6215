# SPDX-License-Identifier: Apache-2.0
r"""The model's `pattern`s, which are Java regular expressions, as Python ones.

AWS matches the whole value and knows ASCII only in `\w`, `\d` and `\s`, so patterns are
compiled with `re.ASCII` and used with `fullmatch`. Translated: Unicode and POSIX properties
(`\p{L}`), surrogate pairs, `\x{..}`, `\z`, what Python takes for set operations, and `.`,
which in Java stops at five line terminators. A pattern that means something else in Python
(`&&` in a class, flags in the middle) is not checked: `compile_pattern` returns None, and
`tests/protocol/test_patterns.py` lists every one of those in the services we serve.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from functools import cache
from itertools import groupby
from types import MappingProxyType
from typing import Final

_DOT: Final = r"[^\n\r\x85\u2028\u2029]"
_POSIX: Final = MappingProxyType(
    {
        "ASCII": r"\x00-\x7f",
        "Alnum": "a-zA-Z0-9",
        "Alpha": "a-zA-Z",
        "Blank": r" \t",
        "Digit": "0-9",
        "Graph": r"\x21-\x7e",
        "Lower": "a-z",
        "Print": r"\x20-\x7e",
        "Punct": r"!-/:-@\[-`{-~",
        "Space": r"\s",
        "Upper": "A-Z",
        "XDigit": "0-9a-fA-F",
    }
)
_TOKEN: Final = re.compile(
    r"\\u(?P<high>[dD][89abAB]..)\\u(?P<low>[dD][c-fC-F]..)"
    r"|\\(?P<not>[pP])(?:\{(?P<property>\w+)\}|(?P<letter>[A-Z]))"
    r"|\\x\{(?P<code>[0-9a-fA-F]+)\}"
    r"|(?P<escape>\\.)"
    r"|(?P<plain>.)",
    re.DOTALL,
)


@cache
def compile_pattern(pattern: str) -> re.Pattern[str] | None:
    """Return the Python form of a Java pattern, or None when it cannot be checked."""
    try:
        return re.compile(_translate(pattern), re.ASCII)
    except (re.error, LookupError):
        return None


def _translate(pattern: str) -> str:
    if "&&" in pattern:
        raise LookupError("an intersection of classes")
    dot = "." if pattern.startswith("(?s)") else _DOT
    parts: list[str] = []
    in_class = False
    for token in _TOKEN.finditer(pattern):
        plain = token["plain"]
        if plain is None:
            parts.append(_escape(token, in_class=in_class))
        elif in_class:
            in_class = plain != "]"
            parts.append(plain if plain in "]^-" or plain.isalnum() else re.escape(plain))
        else:
            in_class = plain == "["
            parts.append(dot if plain == "." else plain)
    return "".join(parts)


def _escape(token: re.Match[str], *, in_class: bool) -> str:
    if token["high"]:
        low = int(token["low"], 16) - 0xDC00
        return re.escape(chr(0x10000 + ((int(token["high"], 16) - 0xD800) << 10) + low))
    if token["code"]:
        return re.escape(chr(int(token["code"], 16)))
    if token["not"]:
        return _property(token["property"] or token["letter"], token["not"], in_class=in_class)
    if token["escape"] == r"\z":
        return r"\Z"
    if in_class and token["escape"] in (r"\w", r"\d", r"\s"):
        # Followed by a hyphen, Python reads a range where Java reads a set and a hyphen.
        return token["escape"] + ("\\" if token.string[token.end() :].startswith("-") else "")
    return token["escape"]


def _property(name: str, kind: str, *, in_class: bool) -> str:
    posix = _POSIX.get(name) if kind == "p" else None
    ranges = posix or _category_ranges(name, outside=kind == "P")
    return ranges if in_class else f"[{ranges}]"


@cache
def _category_ranges(name: str, *, outside: bool) -> str:
    """Return the ranges of a general category such as `L` or `Zs`, or of all but it."""
    categories = _categories()
    if not any(category.startswith(name) for category, _, _ in categories):
        raise LookupError(name)
    return "".join(
        f"{_code(first)}-{_code(last)}"
        for category, first, last in categories
        if category.startswith(name) is not outside
    )


@cache
def _categories() -> tuple[tuple[str, int, int], ...]:
    """Return every run of one general category as (category, first, last)."""
    runs: list[tuple[str, int, int]] = []
    for category, group in groupby(
        range(sys.maxunicode + 1), key=lambda code: unicodedata.category(chr(code))
    ):
        codes = tuple(group)
        runs.append((category, codes[0], codes[-1]))
    return tuple(runs)


def _code(code: int) -> str:
    return f"\\U{code:08x}"
