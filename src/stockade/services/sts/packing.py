# SPDX-License-Identifier: Apache-2.0
"""How much of the room that a session has for policies and tags is taken.

AWS packs them into a binary form that it does not publish, and answers a percentage. Ours is
DEFLATE, held against a limit of 2,048 bytes.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence

import msgspec

from stockade.services.sts.errors import PackedPolicyTooLarge

ROOM = 2_048


def packed_percentage(policy: str, policy_arns: Sequence[str], tags: Mapping[str, str]) -> int:
    """Return the percentage of the room that is taken, or refuse what is more than all of it."""
    packed = zlib.compress(msgspec.json.encode([policy, policy_arns, tags]), level=9)
    percent = -(-100 * len(packed) // ROOM)
    if percent > 100:
        raise PackedPolicyTooLarge(percent=percent)
    return percent
