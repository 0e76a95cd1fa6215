# SPDX-License-Identifier: Apache-2.0
"""Statements as sets of requests: which actions, resources and callers they speak of.

A request is an action, a resource, a caller and its condition keys; a statement speaks of the
product of four sets. Three questions are asked of two statements, and each has a careful side:
"covers" is said only of what is certain, "touches" of whatever is possible.

Actions are sets of names: what patterns stand for among AWS's actions, and the patterns and names
that AWS does not have (yet), each as one name that only a wider pattern covers.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from stockade.policy import actions
from stockade.policy.elements import VERSION
from stockade.policy.globs import Pattern, Work, includes, overlap, pattern
from stockade.policy.implication import Terms
from stockade.policy.match import glob
from stockade.policy.variables import Variable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stockade.policy.elements import Document, PrincipalName, Statement

EVERYONE = ("*", "*")
"""What `Principal: "*"` and `Principal: {"AWS": "*"}` both say."""

_ANY_SERVICE, _ONE = 100_000, 500
"""What it costs to hold a pattern against the actions of all services, or of one."""

Name = tuple[str, str]
"""A principal's type and value."""


class Universe:
    """All the actions that a comparison is about, and what the comparison may cost."""

    def __init__(self, documents: Iterable[Document], more: Iterable[str] = ()) -> None:
        self.work = Work()
        self._expanded: dict[str, frozenset[str]] = {}
        written = {
            text.lower()
            for document in documents
            for statement in document.statements
            for text in statement.actions or statement.not_actions or ()
        }
        written |= {text.lower() for text in more}
        self._strange = frozenset(text for text in written if not self._known(text))
        self.everything = _known("*") | self._strange

    def expand(self, patterns: Iterable[str]) -> frozenset[str]:
        """Return the actions that patterns stand for."""
        found: set[str] = set()
        for text in patterns:
            fits = glob(text.lower())
            found |= self._known(text.lower())
            self.work.spend(len(self._strange))
            found.update(name for name in self._strange if fits(name))
        return frozenset(found)

    def _known(self, text: str) -> frozenset[str]:
        found = self._expanded.get(text)
        if found is None:
            wide = text != "*" and {"*", "?"} & set(text.partition(":")[0])
            self.work.spend(_ANY_SERVICE if wide else _ONE)
            found = self._expanded[text] = _known(text)
        return found


@lru_cache(maxsize=128)  # what a wide pattern stands for takes a megabyte
def _known(text: str) -> frozenset[str]:
    return frozenset(name.lower() for name in actions.expand(text))


class Resources:
    """A Resource or NotResource element, or the lack of both, which means everything."""

    def __init__(self, statement: Statement, *, variables: bool, work: Work | None = None) -> None:
        self._work = Work() if work is None else work
        self.negated = statement.not_resources is not None
        written = statement.not_resources if self.negated else statement.resources
        self.patterns = frozenset(
            pattern(text, variables=variables) for text in ("*",) if written is None
        ) | frozenset(pattern(text, variables=variables) for text in written or ())
        self._open = any(isinstance(symbol, Variable) for one in self.patterns for symbol in one)

    def atoms(self) -> Sequence[Resources | Pattern]:
        """Return the parts that can be covered one by one."""
        return (self,) if self.negated else tuple(self.patterns)

    def cover(self, part: Resources | Pattern) -> bool:
        """Tell whether every resource of a part is one of these."""
        if isinstance(part, Resources):
            return self._cover_negated(part)
        if self.negated:
            return not self._open and not any(
                overlap(one, part, self._work) for one in self.patterns
            )
        return any(includes(one, part, self._work) for one in self.patterns)

    def touch(self, part: Resources | Pattern) -> bool:
        """Tell whether a resource of a part may be one of these."""
        if isinstance(part, Resources):
            return not self._within_exceptions(part)
        if self.negated:
            return not any(includes(one, part, self._work) for one in self.patterns)
        return any(overlap(one, part, self._work) for one in self.patterns)

    def _cover_negated(self, part: Resources) -> bool:
        """Tell whether all that a NotResource leaves is among these."""
        if not self.negated:
            return any(
                includes(one, pattern("*", variables=False), self._work) for one in self.patterns
            )
        if self.patterns == part.patterns:
            return True
        return not self._open and part.excludes(self.patterns)

    def excludes(self, patterns: Iterable[Pattern]) -> bool:
        """Tell whether all of these patterns lie within what a NotResource leaves out."""
        return all(
            any(includes(wide, one, self._work) for wide in self.patterns) for one in patterns
        )

    def _within_exceptions(self, part: Resources) -> bool:
        """Tell whether all of these are what a NotResource leaves out."""
        return not self.negated and part.excludes(self.patterns)


class Callers:
    """A Principal or NotPrincipal element; identity policies have none and speak of everyone."""

    def __init__(self, statement: Statement, *, identity: bool) -> None:
        self.negated = not identity and statement.not_principals is not None
        written = statement.not_principals if self.negated else statement.principals
        self.names: frozenset[Name] = (
            frozenset({EVERYONE}) if identity else frozenset(map(normal, written or ()))
        )

    def atoms(self) -> Sequence[Callers | Name]:
        """Return the parts that can be covered one by one."""
        return (self,) if self.negated else tuple(self.names)

    def cover(self, part: Callers | Name) -> bool:
        """Tell whether the statement names every caller of a part, as firmly as the part does."""
        if not self.negated:
            return EVERYONE in self.names or part in self.names
        return isinstance(part, Callers) and self.names == part.names


def normal(name: PrincipalName) -> Name:
    """Return a principal in the one form that several spellings have."""
    if name.value == "*" and name.type in {"*", "AWS"}:
        return EVERYONE
    parts = name.value.split(":")
    if name.type == "AWS" and len(parts) == 6 and parts[2:4] == ["iam", ""] and parts[5] == "root":
        return ("AWS", parts[4])
    return (name.type, name.value)


class Region:
    """What one statement speaks of."""

    def __init__(
        self, index: int, statement: Statement, document: Document, universe: Universe
    ) -> None:
        variables = document.version == VERSION
        self.index = index
        self.sid = statement.sid
        self.effect = statement.effect
        self.actions = _actions(statement, universe)
        self.resources = Resources(statement, variables=variables, work=universe.work)
        self.callers = Callers(statement, identity=document.kind == "identity")
        self.terms = Terms(statement.conditions, variables=variables, work=universe.work)

    def covers(self, resource: Resources | Pattern, caller: Callers | Name, terms: Terms) -> bool:
        """Tell whether, of its actions, it speaks of all requests with these traits."""
        return (
            self.callers.cover(caller)
            and self.resources.cover(resource)
            and terms.imply(self.terms)
        )

    def touches(self, other: Region) -> bool:
        """Tell whether some request may be spoken of by both."""
        return not self.actions.isdisjoint(other.actions) and any(
            self.resources.touch(part) for part in other.resources.atoms()
        )


def _actions(statement: Statement, universe: Universe) -> frozenset[str]:
    if statement.not_actions is not None:
        return universe.everything - universe.expand(statement.not_actions)
    return universe.expand(statement.actions or ())


def regions(document: Document, universe: Universe, effect: str) -> tuple[Region, ...]:
    """Return the regions of the statements of a document that have an effect."""
    return tuple(
        Region(index, statement, document, universe)
        for index, statement in enumerate(document.statements)
        if statement.effect == effect
    )
