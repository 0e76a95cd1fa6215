# SPDX-License-Identifier: Apache-2.0
"""The constraints of the model: required, length, range, pattern, enum, and AWS's words for them.

Every structure compiles to a quick test that says yes or no; only after a no is the model walked
again to say what is wrong. Length is counted in Unicode characters, as AWS was measured to do.
At most ten violations are told, in the order of the model.

AWS repeats the offending value, except where its shape is sensitive, and its services differ a
little in what else they leave out; `_WORDINGS` has what is on record of the services we serve.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from stockade.protocol.malformed import ValidationFailure
from stockade.protocol.patterns import compile_pattern

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from stockade.protocol.operations import WireOperation

    Test = Callable[[Any], bool]
    Place = tuple[Any, Any, str]
    """A shape, the value that it has and where that stands."""

_MOST_VIOLATIONS: Final = 10
_LONGEST_MATCHED: Final = 8192
_LENGTHS: Final = frozenset({"string", "blob", "list", "map"})
_RANGES: Final = frozenset({"integer", "long", "float", "double"})
_NOT_NULL: Final = "Member must not be null"


class Wording(msgspec.Struct, frozen=True, kw_only=True):
    """How a service words its violations."""

    hides_blobs: bool = False
    """Blobs are not described by their length."""
    hides_all: bool = False
    """No value is repeated."""
    pattern_first: bool = False
    """A broken pattern is told before a wrong length."""
    spoken: Mapping[str, str] = MappingProxyType({})
    """Patterns that are told in a sentence, when nothing else is wrong."""


_PLAIN: Final = Wording()
_WORDINGS: Final = MappingProxyType(
    {
        "kms": Wording(hides_blobs=True),
        "sts": Wording(pattern_first=True),
        "iam": Wording(
            hides_all=True,
            spoken=MappingProxyType(
                {
                    r"[\w+=,.@-]+": (
                        "The specified value for {name} is invalid. It must contain only "
                        "alphanumeric characters and/or the following: +=,.@_-"
                    ),
                    r"(\u002F)|(\u002F[\u0021-\u007E]+\u002F)": (
                        "The specified value for {name} is invalid. It must begin and end with / "
                        "and contain only alphanumeric characters and/or / characters."
                    ),
                }
            ),
        ),
    }
)


class Validator:
    """Holds input against a shape; made once per operation."""

    def __init__(self, shape: Any, service: str) -> None:
        self._shape = shape
        self._wording = _WORDINGS.get(service, _PLAIN)
        self._holds = _Tests().of(shape) or _always

    def check(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return the params, or raise a ValidationFailure in AWS's words."""
        if self._holds(params):
            return params
        raise ValidationFailure(self.explain(params))

    def explain(self, params: dict[str, Any]) -> str:
        """Return what AWS says of params that break the model, or nothing when they do not."""
        report = _Report(self._wording)
        report.structure(self._shape, params, "")
        return report.text()


def _always(_value: Any) -> bool:
    return True


class _Tests:
    """Compiles the quick tests; None stands for a shape without constraints."""

    def __init__(self) -> None:
        self._structures: dict[str, Test] = {}

    def of(self, shape: Any) -> Test | None:
        match shape.type_name:
            case "structure":
                return self._structure(shape)
            case "list":
                return self._list(shape)
            case "map":
                return self._map(shape)
            case _:
                return _all_of(constraint.holds for constraint in _constraints(shape, _PLAIN))

    def _structure(self, shape: Any) -> Test | None:
        if shape.is_document_type:
            return None
        if shape.name in self._structures:
            return self._structures[shape.name]
        required = frozenset(shape.required_members)
        tests: list[tuple[str, Test]] = []

        def holds(value: Any) -> bool:
            if not required <= value.keys():
                return False
            return all(test(value[name]) for name, test in tests if name in value)

        self._structures[shape.name] = holds
        tests += ((n, test) for n, member in shape.members.items() if (test := self.of(member)))
        return holds

    def _list(self, shape: Any) -> Test | None:
        member = self.of(shape.member)

        def members_hold(value: list[Any]) -> bool:
            return None not in value and (member is None or all(map(member, value)))

        return _all_of([*(c.holds for c in _constraints(shape, _PLAIN)), members_hold])

    def _map(self, shape: Any) -> Test | None:
        key = self.of(shape.key)
        member = self.of(shape.value)

        def members_hold(value: dict[str, Any]) -> bool:
            values = value.values()
            return (
                None not in values
                and (member is None or all(map(member, values)))
                and (key is None or all(map(key, value)))
            )

        return _all_of([*(c.holds for c in _constraints(shape, _PLAIN)), members_hold])


def _all_of(tests: Any) -> Test | None:
    """Return one test for several, without a loop where one or two are all there is."""
    several: list[Test] = list(tests)
    if len(several) < 2:
        return several[0] if several else None
    if len(several) == 2:
        first, second = several
        return lambda value: first(value) and second(value)
    return lambda value: all(test(value) for test in several)


class Constraint(NamedTuple):
    """One rule of a shape: its test and its words."""

    holds: Test
    words: str
    pattern: str = ""


def _constraints(shape: Any, wording: Wording) -> list[Constraint]:
    """Return the rules of a shape in the order in which a service tells them."""
    rules = [*_lengths(shape), *_ranges(shape)]
    patterns = [*_patterns(shape)]
    return [*patterns, *rules] if wording.pattern_first else [*rules, *patterns]


def _lengths(shape: Any) -> Iterator[Constraint]:
    if shape.type_name not in _LENGTHS:
        return
    if (most := shape.metadata.get("max")) is not None:
        words = f"Member must have length less than or equal to {most}"
        yield Constraint(lambda value: len(value) <= most, words)
    if least := shape.metadata.get("min"):
        words = f"Member must have length greater than or equal to {least}"
        yield Constraint(lambda value: len(value) >= least, words)


def _ranges(shape: Any) -> Iterator[Constraint]:
    if shape.type_name not in _RANGES:
        return
    number = int if shape.type_name in ("integer", "long") else float
    if (most := shape.metadata.get("max")) is not None:
        words = f"Member must have value less than or equal to {number(most)}"
        yield Constraint(lambda value: value <= most, words)
    if (least := shape.metadata.get("min")) is not None:
        words = f"Member must have value greater than or equal to {number(least)}"
        yield Constraint(lambda value: value >= least, words)


def _patterns(shape: Any) -> Iterator[Constraint]:
    if shape.type_name != "string":
        return
    if pattern := shape.metadata.get("pattern"):
        compiled = compile_pattern(pattern)
        if compiled is not None:
            words = f"Member must satisfy regular expression pattern: {pattern}"
            yield Constraint(_matcher(compiled.fullmatch, shape), words, pattern)
    if values := shape.metadata.get("enum"):
        words = f"Member must satisfy enum value set: [{', '.join(values)}]"
        yield Constraint(frozenset(values).__contains__, words)


def _matcher(match: Callable[[str], object], shape: Any) -> Test:
    """Return the test of a pattern; what is too long anyway is not matched at any cost."""
    longest = max(shape.metadata.get("max", 0), _LONGEST_MATCHED)
    if "max" not in shape.metadata:
        return lambda value: match(value) is not None
    return lambda value: len(value) > longest or match(value) is not None


class _Report:
    """Walks input and model together and collects what is wrong."""

    def __init__(self, wording: Wording) -> None:
        self._wording = wording
        self._violations: list[str] = []
        self._sentences: list[str] = []

    def text(self) -> str:
        told = self._violations[:_MOST_VIOLATIONS]
        if not told:
            return self._sentences[0] if self._sentences else ""
        noun = "validation error" if len(told) == 1 else "validation errors"
        return f"{len(told)} {noun} detected: {'; '.join(told)}"

    def structure(self, shape: Any, value: dict[str, Any], path: str) -> None:
        required = frozenset(shape.required_members)
        for name, member in shape.members.items():
            here = f"{path}{name[:1].lower()}{name[1:]}"
            if name in value:
                self._value(member, value[name], here)
            elif name in required:
                self._tell(member, None, here, _NOT_NULL)

    def _value(self, shape: Any, value: Any, path: str) -> None:
        if value is None:
            self._tell(shape, None, path, _NOT_NULL)
            return
        for constraint in _constraints(shape, self._wording):
            if not constraint.holds(value):
                self._break(constraint, shape, value, path)
        if len(self._violations) >= _MOST_VIOLATIONS:
            return
        match shape.type_name:
            case "structure" if not shape.is_document_type:
                self.structure(shape, value, f"{path}.")
            case "list":
                self._members(shape.member, enumerate(value, 1), "Member", (shape, value, path))
            case "map":
                self._scalars(shape.key, value, "Map keys", (shape, value, path))
                self._members(shape.value, value.items(), "Map value", (shape, value, path))

    def _break(self, constraint: Constraint, shape: Any, value: Any, path: str) -> None:
        sentence = self._wording.spoken.get(constraint.pattern)
        if sentence is None:
            self._tell(shape, value, path, constraint.words)
        else:
            self._sentences.append(sentence.format(name=path))

    def _members(self, member: Any, items: Any, what: str, place: Place) -> None:
        """Tell what is wrong with members: scalars all at once, others one by one."""
        if member.type_name in ("structure", "list", "map"):
            for key, item in items:
                self._value(member, item, f"{place[2]}.{key}.member")
        else:
            self._scalars(member, [item for _, item in items], what, place)

    def _scalars(self, member: Any, items: Any, what: str, place: Place) -> None:
        rules = _constraints(member, self._wording)
        words = [rule.words for rule in rules]
        if any(item is None for item in items):
            words.append(_NOT_NULL)
        elif all(rule.holds(item) for item in items for rule in rules):
            return
        self._tell(*place, f"{what} must satisfy constraint: [{', '.join(words)}]")

    def _tell(self, shape: Any, value: Any, path: str, words: str) -> None:
        shown = "" if self._hidden(shape, value) else f" {_shown(value)}"
        self._violations.append(f"Value{shown} at '{path}' failed to satisfy constraint: {words}")

    def _hidden(self, shape: Any, value: Any) -> bool:
        """Say whether AWS does not repeat a value; structures print as addresses in its memory."""
        if self._wording.hides_all or shape.metadata.get("sensitive"):
            return True
        match shape.type_name:
            case "list":
                return bool(value) and self._hidden(shape.member, value)
            case "map":
                return self._hidden(shape.key, value) or self._hidden(shape.value, value)
            case "blob":
                return self._wording.hides_blobs
            case "structure":
                return value is not None
            case _:
                return False


def _shown(value: Any) -> str:
    return "null" if value is None else f"'{_printed(value)}'"


def _printed(value: Any) -> str:
    """Return a value as Java prints it."""
    match value:
        case None:
            return "null"
        case bytes():
            return f"java.nio.HeapByteBuffer[pos=0 lim={len(value)} cap={len(value)}]"
        case list():
            return f"[{', '.join(_printed(item) for item in value)}]"
        case dict():
            return f"{{{', '.join(f'{k}={_printed(v)}' for k, v in value.items())}}}"
        case _:
            return str(value)


def checked_reader(
    operation: WireOperation, compile_reader: Callable[[Any], Callable[[Any], dict[str, Any]]]
) -> Callable[[Any], dict[str, Any]]:
    """Return what reads an operation's input and validates it.

    `compile_reader` makes what reads the shape in the protocol's own way.
    """
    shape = operation.input_shape
    if shape is None:
        return lambda _given: {}
    read = compile_reader(shape)
    check = Validator(shape, operation.service).check
    return lambda given: check(read(given))
