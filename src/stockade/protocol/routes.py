# SPDX-License-Identifier: Apache-2.0
"""The routes of REST services: from method, path and query to an operation, and to its labels.

The `requestUri` templates of a service are put into a tree along their segments. A segment that
is written out goes before a label, a label before a greedy one (`{Key+}`), which takes slashes
too. Of the operations that share a path, the one wins whose constant query parts, required query
members and required headers are most and all there: so S3 tells UploadPart from PutObject.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl, unquote_to_bytes

from stockade.protocol.malformed import SerializationFailure

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from stockade.protocol.http import HttpRequest
    from stockade.protocol.operations import WireService

    Query = Mapping[str, Sequence[str]]

_MOST_PARAMETERS = 1_000
_LABEL = re.compile(r"\{([^}+]+)(\+?)\}")


class Route(NamedTuple):
    """An operation at the end of a path."""

    name: str
    query: tuple[tuple[str, str | None], ...]
    """Constant parts of the query; None where any value will do."""

    def fits(self, query: Query) -> bool:
        """Tell whether the constant parts are there."""
        return all(
            key in query and (value is None or value in query[key]) for key, value in self.query
        )


class _Node:
    """What may follow a part of a path."""

    def __init__(self) -> None:
        self.literals: dict[bytes, _Node] = {}
        self.label: _Node | None = None
        self.greedy: _Node | None = None
        self.routes: list[Route] = []


class Router:
    """The routes of one service."""

    def __init__(self, home: WireService) -> None:
        self._home = home
        self._roots: dict[str, _Node] = {}
        self._needs: dict[str, _Needs] = {}
        for name in sorted(home.operation_names):
            http = home.model.operation_model(name).http
            self._add(name, http.get("method", "POST"), http.get("requestUri", "/"))

    def find(self, http: HttpRequest) -> str | None:
        """Return the name of the operation that a request means, or None."""
        root = self._roots.get(http.method)
        if root is None:
            return None
        query = query_of(http.query)
        segments = http.raw_path.split(b"/")[1:]
        for routes in _ends(root, segments):
            fitting = [route for route in routes if route.fits(query)]
            if fitting:
                return self._best(fitting, query, http)
        return None

    def _add(self, name: str, method: str, uri: str) -> None:
        path, _, query = uri.partition("?")
        node = self._roots.setdefault(method, _Node())
        for segment in _segments(path):
            node = _next(node, segment)
        constants = (part.partition("=") for part in query.split("&") if part)
        node.routes.append(Route(name, tuple((k, v if eq else None) for k, eq, v in constants)))

    def _best(self, routes: Sequence[Route], query: Query, http: HttpRequest) -> str:
        """Return the most specific of the routes: most is asked for, and all of it is there."""
        if len(routes) == 1:
            return routes[0].name
        headers = http.table()

        def rank(route: Route) -> tuple[bool, int, int, bool]:
            needs = self._needs_of(route.name)
            absent = sum(key not in query for key in needs.query)
            absent += sum(key not in headers for key in needs.headers)
            there = len(needs.query) + len(needs.headers) - absent
            return absent == 0, len(route.query), there, not needs.deprecated

        return max(routes, key=rank).name  # the first by name where nothing else decides

    def _needs_of(self, name: str) -> _Needs:
        """Return what an operation asks for beside its path, computed once."""
        needs = self._needs.get(name)
        if needs is None:
            operation = self._home.model.operation_model(name)
            needs = _needs(operation.input_shape, deprecated=operation.deprecated)
            self._needs[name] = needs
        return needs


class _Needs(NamedTuple):
    """What requests for an operation must have beside its path."""

    query: tuple[str, ...]
    headers: tuple[bytes, ...]
    deprecated: bool


def _needs(shape: Any, *, deprecated: bool) -> _Needs:
    names = [] if shape is None else shape.required_members
    places = [
        (place.get("location"), place.get("name", ""))
        for place in (shape.members[name].serialization for name in names)
    ]
    query = tuple(name for location, name in places if location == "querystring")
    headers = tuple(name.lower().encode() for location, name in places if location == "header")
    return _Needs(query, headers, deprecated)


def _segments(path: str) -> list[str]:
    """Return the segments of a template; a slash at its end is none."""
    return [] if path == "/" else path.strip("/").split("/")


def _next(node: _Node, segment: str) -> _Node:
    label = _LABEL.fullmatch(segment)
    if label is None:
        return node.literals.setdefault(segment.encode(), _Node())
    if label[2]:
        node.greedy = node.greedy or _Node()
        return node.greedy
    node.label = node.label or _Node()
    return node.label


def _ends(node: _Node, segments: Sequence[bytes]) -> Iterator[list[Route]]:
    """Yield the routes at the ends of all ways through the tree, the most specific first."""
    if not segments or segments == [b""]:  # a slash at the end is no segment
        yield node.routes
        return
    first, rest = segments[0], segments[1:]
    if first in node.literals:
        yield from _ends(node.literals[first], rest)
    if node.label is not None and first:
        yield from _ends(node.label, rest)
    if node.greedy is not None and any(segments):
        yield from _greedy_ends(node.greedy, segments)


def _greedy_ends(node: _Node, segments: Sequence[bytes]) -> Iterator[list[Route]]:
    """Yield the routes behind a greedy label: what is written out after it stands at the end."""
    for last, after in node.literals.items():
        if len(segments) > 1 and segments[-1] == last:
            yield after.routes
    yield node.routes


@lru_cache(maxsize=4096)
def _pattern(path: str) -> tuple[re.Pattern[bytes], tuple[str, ...]]:
    """Return the pattern of a template's path and the names of its labels."""
    names = tuple(name for name, _ in _LABEL.findall(path))
    parts = [
        re.escape(segment.encode())
        if (label := _LABEL.fullmatch(segment)) is None
        else (b"(.+)" if label[2] else b"([^/]+)")
        for segment in _segments(path)
    ]
    return re.compile(b"/" + b"/".join(parts) + b"/?", re.DOTALL), names


def labels(path: str, raw_path: bytes) -> dict[str, str]:
    """Return the labels of a template in a path that a router has found it for."""
    pattern, names = _pattern(path)
    found = pattern.fullmatch(raw_path)
    if found is None:
        raise SerializationFailure(hint="the path is not that of the operation")
    return dict(zip(names, map(decoded, found.groups()), strict=True))


def decoded(raw: bytes) -> str:
    """Return a part of a path without its percent-encoding."""
    try:
        return unquote_to_bytes(raw).decode()
    except UnicodeDecodeError as error:
        raise SerializationFailure(hint="the path is not UTF-8") from error


def query_of(raw: bytes) -> dict[str, list[str]]:
    """Return the parameters of a query string, each with its values in order."""
    found: dict[str, list[str]] = {}
    for name, value in _pairs(raw):
        found.setdefault(name, []).append(value)
    return found


def _pairs(raw: bytes) -> Iterable[tuple[str, str]]:
    if not raw:
        return ()
    try:
        return parse_qsl(
            raw.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MOST_PARAMETERS,
        )
    except ValueError as error:
        raise SerializationFailure(hint="the query is not UTF-8, or has too many parts") from error
