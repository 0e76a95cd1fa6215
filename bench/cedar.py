# SPDX-License-Identifier: Apache-2.0
"""A decision of Cedar, AWS's other policy language, to hold ours against.

Run by the interpreter of the peers' environment: `python bench/cedar.py` prints microseconds. It
decides over ten policies of ten statements of which one allows, parsed beforehand, as ours are.
"""

from __future__ import annotations

import timeit
from statistics import median

import cedarpy

REPEATS = 5


def decision() -> float:
    """Return the median time of a decision in microseconds."""
    others = (
        f'permit(principal == User::"bench", action == Action::"s3:{number}", '
        f'resource == Key::"{number}") when {{ context.source like "127.*" }};'
        for number in range(99)
    )
    own = 'permit(principal == User::"bench", action == Action::"kms:Encrypt", resource);'
    policies = cedarpy.PolicySet.from_str("\n".join([*others, own]))
    entities = cedarpy.Entities.from_json_str("[]")
    request = {
        "principal": 'User::"bench"',
        "action": 'Action::"kms:Encrypt"',
        "resource": 'Key::"one"',
        "context": {"source": "127.0.0.1"},
    }

    def decide() -> None:
        if not cedarpy.is_authorized(request, policies, entities).allowed:
            raise AssertionError("the last policy allows it")

    timer = timeit.Timer(decide)
    number, _ = timer.autorange()
    return median(timer.repeat(REPEATS, number)) / number * 1e6


if __name__ == "__main__":
    print(decision())
