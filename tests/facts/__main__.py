# SPDX-License-Identifier: Apache-2.0
"""Run every test that is marked with a fact, and print fact by fact whether it holds."""

from __future__ import annotations

import re
import sys
from collections import defaultdict

import pytest

KNOWN = {"kms": 39, "iam": 18}
"""How many numbered facts each page of the reference has."""


class Collector:
    """Gathers the outcome of every marked test."""

    def __init__(self) -> None:
        self.facts: dict[str, list[str]] = defaultdict(list)
        self.outcomes: dict[str, str] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        marked = []
        for item in items:
            for mark in item.iter_markers("fact"):
                self.facts[mark.args[0]].append(item.nodeid)
                marked.append(item)
        items[:] = list(dict.fromkeys(marked))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or report.outcome != "passed":
            self.outcomes[report.nodeid] = report.outcome

    def verdict(self, fact: str) -> str:
        outcomes = {self.outcomes.get(test, "not run") for test in self.facts[fact]}
        return "holds" if outcomes == {"passed"} else ", ".join(sorted(outcomes))


def main() -> int:
    """Print the table; 1 where a marked fact does not hold."""
    collector = Collector()
    pytest.main(["-q", "-p", "no:randomly", "tests"], plugins=[collector])
    order = sorted(collector.facts, key=lambda fact: (fact[:3], int(re.sub(r"\D", "", fact))))
    print()
    for fact in order:
        tests = len(collector.facts[fact])
        print(f"{fact:8} {collector.verdict(fact):8} {tests} test{'s' if tests > 1 else ''}")
    for page, count in KNOWN.items():
        held = [f for f in order if f.startswith(page) and collector.verdict(f) == "holds"]
        print(f"{page}: {len(held)} of {count} facts hold by a test; the others are not built yet")
    return int(any(collector.verdict(fact) != "holds" for fact in order))


if __name__ == "__main__":
    sys.exit(main())
