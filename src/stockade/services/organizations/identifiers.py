# SPDX-License-Identifier: Apache-2.0
"""Identifiers as AWS makes them: `o-a1b2c3d4e5`, `r-ab12`, `ou-ab12-1a2b3c4d`, `p-1a2b3c4d`."""

from __future__ import annotations

from stockade.core.ids import Random, random_letters


def organization_id(random: Random) -> str:
    """Return a new id of an organization."""
    return f"o-{_letters(10, random)}"


def root_id(random: Random) -> str:
    """Return a new id of a root."""
    return f"r-{_letters(4, random)}"


def unit_id(root: str, random: Random) -> str:
    """Return a new id of an organizational unit; it carries its root's."""
    return f"ou-{root.removeprefix('r-')}-{_letters(8, random)}"


def policy_id(random: Random) -> str:
    """Return a new id of a policy."""
    return f"p-{_letters(8, random)}"


def resource_policy_id(random: Random) -> str:
    """Return a new id of a delegation policy."""
    return f"rp-{_letters(8, random)}"


def handshake_id(random: Random) -> str:
    """Return a new id of a handshake."""
    return f"h-{_letters(8, random)}"


def account_request_id(random: Random) -> str:
    """Return a new id of a request to create an account."""
    return f"car-{_letters(32, random)}"


def account_id(random: Random) -> str:
    """Return 12 random digits, the first of them not zero."""
    return str(10**11 + int.from_bytes(random(16), "big") % (9 * 10**11))


def _letters(count: int, random: Random) -> str:
    return random_letters(count, random).lower()
