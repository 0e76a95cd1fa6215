# SPDX-License-Identifier: Apache-2.0
"""`python -m bench`: measure Stockade and its peers and print the tables.

A run of all parts and targets is also written to bench/results.json and bench/README.md. Everything
runs on loopback and is bounded in time; the peers come from requirements/bench.txt into an
environment of their own. The exit status is 1 when an answer was wrong, a request failed or a
budget was not kept.
"""

from __future__ import annotations

import argparse
import sys

from bench.creation import creation
from bench.crowd import crowd
from bench.load import Load, LoadError, require_generator
from bench.micro import micro
from bench.operations import OTHERS, WrongAnswerError
from bench.policies import loaded
from bench.report import Results, missed, render, write
from bench.server import ServerError
from bench.startup import startup
from bench.targets import PEERS, PEERS_LOCK, RIVALS, starting, targets
from bench.throughput import throughput
from tests.clients.environment import EnvironmentUnavailableError, environment

PARTS = ("throughput", "operations", "micro", "crowd", "creation", "startup", "policies")


def main() -> int:
    """Run the parts that were asked for."""
    asked = _arguments()
    load = Load(seconds=asked.seconds)
    results = Results(load, targets() | starting())
    try:
        _measure(results, asked)
    except (LoadError, ServerError, WrongAnswerError, EnvironmentUnavailableError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    print(f"\n{render(results)}")
    if results.complete:
        write(results)
    for sentence in missed(results):
        print(f"missed: {sentence}")
    return 1 if missed(results) else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    names = list(targets())
    parser.add_argument("parts", nargs="*", default=PARTS, help=f"of {', '.join(PARTS)}")
    parser.add_argument("--targets", default=",".join(names), help="names, parted by commas")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=6, help="of one measured round")
    asked = parser.parse_args()
    asked.targets = asked.targets.split(",")
    if wrong := [*set(asked.parts) - set(PARTS), *set(asked.targets) - set(names)]:
        parser.error(f"unknown: {', '.join(wrong)}")
    return asked


def _measure(results: Results, asked: argparse.Namespace) -> None:
    if "micro" in asked.parts:
        print("micro ...", flush=True)
        results.micro = micro()
    if "policies" in asked.parts:
        print("policies ...", flush=True)
        results.policies = loaded()
    if "crowd" in asked.parts:
        print("crowd ...", flush=True)
        results.crowd = crowd()
    if "creation" in asked.parts:
        print("creation ...", flush=True)
        results.creation = creation()
    if {"throughput", "operations", "startup"} & set(asked.parts):
        print("environment of the peers ...", flush=True)
        environment(PEERS_LOCK, PEERS)
    if "startup" in asked.parts:
        print("startup ...", flush=True)
        wanted = {name: each for name, each in starting().items() if _asked(name, asked.targets)}
        results.starts = {name: startup(each, asked.rounds) for name, each in wanted.items()}
    if "throughput" in asked.parts:
        require_generator()
        print("throughput ...", flush=True)
        chosen = [target for name, target in targets().items() if name in asked.targets]
        results.rounds = throughput(chosen, results.load, asked.rounds)
    if "operations" in asked.parts:
        require_generator()
        print("operations ...", flush=True)
        chosen = [targets()[name] for name in RIVALS if name in asked.targets]
        results.operations = {
            each.title: throughput(chosen, results.load, asked.rounds, each) for each in OTHERS
        }


def _asked(name: str, names: list[str]) -> bool:
    return name.removesuffix("-dev") in names


if __name__ == "__main__":
    sys.exit(main())
