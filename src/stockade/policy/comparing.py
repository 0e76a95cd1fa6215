# SPDX-License-Identifier: Apache-2.0
"""What Access Analyzer proves about policies: no new access, access not granted.

The reasoning is sound and not complete: a check passes only where no request can be found that it
should have failed for. Where it cannot tell (a resource covered only by several statements
together, conditions that it does not know to follow from each other) it fails, as AWS says of its
own: "might allow". Policies that are made to take long raise TooMuchWork.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from stockade.policy.globs import pattern
from stockade.policy.regions import Universe, regions

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stockade.policy.elements import Document
    from stockade.policy.regions import Region

_ACTIONS_A_STEP: Final = 8
"""How many members of a set are gone through in the time of one step."""


class Reason(msgspec.Struct, frozen=True):
    """A statement because of which a check fails."""

    index: int
    sid: str


def new_access(new: Document, existing: Document) -> list[Reason]:
    """Return the statements of a policy that may allow what the existing one does not."""
    universe = Universe((new, existing))
    sides = _Sides(new, universe), _Sides(existing, universe)
    return [
        Reason(allow.index, allow.sid) for allow in sides[0].allows if _grants_more(allow, *sides)
    ]


def granted_access(
    document: Document, actions: Sequence[str], resources: Sequence[str]
) -> list[Reason]:
    """Return the statements that may allow one of the actions on one of the resources.

    No actions mean any action, no resources any resource.
    """
    universe = Universe((document,), actions)
    asked = universe.expand(actions) if actions else universe.everything
    side = _Sides(document, universe)
    return [
        Reason(allow.index, allow.sid)
        for allow in side.allows
        if any(side.grants(allow, asked, text) for text in resources or ("*",))
    ]


class _Sides:
    """The allowing and the denying statements of a policy."""

    def __init__(self, document: Document, universe: Universe) -> None:
        self.work = universe.work
        self.allows = regions(document, universe, "Allow")
        self.denies = regions(document, universe, "Deny")

    def grants(self, allow: Region, asked: frozenset[str], text: str) -> bool:
        """Tell whether a statement may allow an action on a resource, its denies aside."""
        resource = pattern(text, variables=False)
        actions = allow.actions & asked
        if not actions or not allow.resources.touch(resource):
            return False
        for caller in allow.callers.atoms():
            for part in allow.resources.atoms():
                self.work.spend(1 + len(actions) // _ACTIONS_A_STEP)
                denied = _covered(
                    [
                        deny
                        for deny in self.denies
                        if deny.covers(part, caller, allow.terms)
                        or deny.covers(resource, caller, allow.terms)
                    ]
                )
                if not actions <= denied:
                    return True
        return False


def _grants_more(allow: Region, new: _Sides, existing: _Sides) -> bool:
    """Tell whether a new statement may allow what the existing policy does not."""
    for caller in allow.callers.atoms():
        for resource in allow.resources.atoms():
            new.work.spend(1 + len(allow.actions) // _ACTIONS_A_STEP)
            place = (resource, caller, allow.terms)
            left = allow.actions - _covered(one for one in new.denies if one.covers(*place))
            if not left <= _covered(one for one in existing.allows if one.covers(*place)):
                return True
    return any(
        deny.touches(allow) and not _still_denied(deny, allow, new) for deny in existing.denies
    )


def _still_denied(deny: Region, allow: Region, new: _Sides) -> bool:
    """Tell whether the new policy denies what the existing one denied of a statement."""
    left = deny.actions & allow.actions
    return all(
        left <= _covered(one for one in new.denies if one.covers(resource, caller, deny.terms))
        for caller in deny.callers.atoms()
        for resource in deny.resources.atoms()
    )


def _covered(among: Iterable[Region]) -> frozenset[str]:
    """Return the actions that at least one of several statements speaks of."""
    return frozenset().union(*(one.actions for one in among))
