# SPDX-License-Identifier: Apache-2.0
"""Java patterns in Python: what they match, and which ones cannot be checked."""

from __future__ import annotations

import pytest

from stockade.protocol.catalogue import Catalogue, ServiceEntry
from stockade.protocol.patterns import compile_pattern

_SERVED = ("kms", "iam", "sts", "cloudtrail")
_COMING = ("acm", "acm-pca", "events", "lambda", "organizations", "secretsmanager", "sns", "sqs")

UNCHECKED: frozenset[str] = frozenset()
"""Patterns of the services we serve that Python cannot check: none."""


def matches(pattern: str, text: str) -> bool:
    compiled = compile_pattern(pattern)
    assert compiled is not None
    return compiled.fullmatch(text) is not None


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        (r"[\w]+", "aZ_9", "é"),
        (r"\d{3}", "123", "١٢٣"),
        (r"^[\w+=,.@-]*$", "", "a/b"),
        (r"^abc$", "abc", "abc\n"),
        (r"abc", "abc", "xabcx"),
        (r".*", "a b", "a\nb"),
        (r".", "\x0b", "\u2028"),
        (r"(?s).*", "a\nb\u2028", None),
        (r"[.]", ".", "a"),
        (r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*", "Ünï 日本²", "—"),
        (r"\p{Lu}\p{Ll}", "Ää", "ää"),
        (r"[^\p{C}]+", "a—b", "a\x00"),
        (r"\P{C}*", "a—b", "a\u200b"),
        (r"[\P{M}\p{M}]*", "e\u0301\n", None),
        (r"\p{ASCII}+", "a\x00", "é"),
        (r"[\p{Alnum}\p{Punct}]+", "a1!~`", " "),
        (r"\pL", "é", "1"),
        (r"[\u0009\u0020-\u00FF]+", "é\t", "Ā"),
        (r"[\uE000-\uFFFD\u10000-\u10FFFF]+", "\uffe0", "😀"),
        (r"[\u0020-\uD7FF\uD800\uDC00-\uDBFF\uDFFF\t]*", "a😀", "\n"),
        (r"\x{40}", "@", "x"),
        (r"\Aa\z", "a", "b"),
        (r"[\w-_]+", "a-_", "."),
        (r"[\w- ]+", "a- ", "."),
        (r"[a-zA-Z0-9-_.]+", "a-_.", "+"),
        (r"[[a]+", "[a", "b"),
        (r"[a|b&~]+", "a|&~", "-"),
        (r"a{2}+", "aa", "aaa"),
        (r"(?!aws:)[a-z:]+", "awk:", "aws:"),
    ],
)
def test_a_java_pattern_matches_as_in_java(pattern: str, good: str, bad: str | None) -> None:
    assert matches(pattern, good)
    if bad is not None:
        assert not matches(pattern, bad)


@pytest.mark.parametrize(
    "pattern",
    [
        r"[\p{Print}&&[^|]]+",
        r"^(?i)(true|false)$",
        r"\p{IsAlphabetic}",
        r"\P{ASCII}",
        r"(",
        r"a${2}",
    ],
)
def test_what_python_would_take_for_something_else_is_not_checked(pattern: str) -> None:
    assert compile_pattern(pattern) is None


@pytest.mark.parametrize("name", [*_SERVED, *_COMING])
def test_every_pattern_of_our_services_is_checked(name: str) -> None:
    service = Catalogue([ServiceEntry(name, name, None)]).service(name)
    assert service is not None
    shapes = (service.model.shape_for(shape) for shape in service.model.shape_names)
    patterns = {shape.metadata["pattern"] for shape in shapes if "pattern" in shape.metadata}
    assert {p for p in patterns if compile_pattern(p) is None} == UNCHECKED
