# SPDX-License-Identifier: Apache-2.0
"""A new seal for a data directory, so that a crash at any moment leaves one that opens it.

1. `seal.next` is written: which seal is to come.
2. The new seal is made; nothing is sealed with it yet.
3. `seal.next` is written again, with the new seal's fingerprint; where servers run, also
   `seal.handover`, by which they follow (succession.py).
4. One transaction wraps every domain key anew and writes the fingerprint into the store.
5. `stockade.json` names the new seal, `seal.next` goes.

Until 4 the old seal opens the store and `stockade.json` names it. After 4 the store has the
fingerprint in `seal.next`: whoever opens the directory next sees that and does 5 (`settle`). A
rotation that ended before 4 is repeated by the same command, which takes the seal made in 2. No
seal is ever deleted or overwritten here: an older backup may need it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from stockade import config
from stockade.cli.deployment import existing, open_store, settings
from stockade.cli.occupancy import NEXT_FILE
from stockade.core.ids import system_random
from stockade.seals import parse_seal
from stockade.store import files
from stockade.store.seal import PARAMETERS_FILE, FileChoice, Seal
from stockade.store.vault import Vault, describe
from stockade.succession import hand_over

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from stockade.store.store import Store

NEXT_PARAMETERS = f"{PARAMETERS_FILE}.next"
"""The salt of a passphrase that is to come; `seal.json` has that of the present one."""


class Next(msgspec.Struct, frozen=True, kw_only=True):
    """The content of `seal.next`."""

    seal: str
    fingerprint: str = ""


def rotate(
    data: Path,
    to: str,
    passphrase: Callable[[], str],
    new_passphrase: Callable[[], str],
    *,
    running: bool = False,
) -> None:
    """Seal a data directory anew; `running` servers are handed the new seal."""
    if settle(data) and existing(data).seal == to:
        return  # this command's earlier run, which was interrupted
    choice = parse_seal(settings("serve", data, existing(data)).seal_choice, data)
    old = choice.open(passphrase)
    asked: list[str] = []

    def secret() -> str:
        asked.append(new_passphrase())
        return asked[-1]

    new = prepare(data, to, secret)
    if running:
        hand_over(data, old, new, to, asked[-1] if asked else "", system_random)
    with open_store(data) as store:
        wrap(store, old, new)
    settle(data)


def prepare(data: Path, to: str, passphrase: Callable[[], str]) -> Seal:
    """Do steps 1 to 3, and return the new seal."""
    choice = parse_seal(to, data)
    begun = read_next(data)
    if isinstance(choice, FileChoice) and choice.kind == "passphrase":
        # An earlier attempt's salt: nothing was sealed with it, or `settle` had put it in place.
        choice = msgspec.structs.replace(choice, path=data / NEXT_PARAMETERS)
        choice.path.unlink(missing_ok=True)
    if begun is not None and begun.seal == to and choice.exists(passphrase):
        seal = choice.open(passphrase)
    else:
        write_next(data, Next(seal=to))
        seal = choice.create(system_random, passphrase)
    write_next(data, Next(seal=to, fingerprint=seal.describe().fingerprint))
    return seal


def wrap(store: Store, old: Seal, new: Seal) -> None:
    """Do step 4."""
    with store.write() as unit:
        Vault(old, system_random).rotate(unit, new)


def settle(data: Path) -> bool:
    """Do step 5 if a rotation came as far as 4; say whether one had."""
    begun = read_next(data)
    if begun is None or begun.fingerprint != _fingerprint(data):
        return False
    parameters = data / NEXT_PARAMETERS
    if begun.seal == "passphrase" and parameters.exists():
        parameters.rename(data / PARAMETERS_FILE)
    config.write_deployment(data, msgspec.structs.replace(existing(data), seal=begun.seal))
    (data / NEXT_FILE).unlink()
    files.sync_directory(data)
    return True


def read_next(data: Path) -> Next | None:
    """Return what `seal.next` says, if there is one that was written to its end."""
    try:
        return msgspec.json.decode((data / NEXT_FILE).read_bytes(), type=Next)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None


def write_next(data: Path, content: Next) -> None:
    """Write `seal.next`, all of it or nothing."""
    path = data / NEXT_FILE
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    files.write_new(fresh, msgspec.json.encode(content))
    fresh.rename(path)
    files.sync_directory(data)


def _fingerprint(data: Path) -> str | None:
    with open_store(data) as store, store.read() as unit:
        description = describe(unit)
    return None if description is None else description.fingerprint
