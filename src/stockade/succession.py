# SPDX-License-Identifier: Apache-2.0
"""How a running server follows when its store is sealed anew (`stockade seal rotate`).

Before the domain keys are wrapped with the new seal, `seal.handover` beside the store says how that
one is opened: its setting, and the passphrase or PIN it takes, encrypted under a key that the old
seal wraps. A process that finds the store under another seal than its own reads there how to go on,
over several rotations if need be; where it finds nothing, it refuses what it cannot open. Whoever
has the old seal and the file has the new seal: so it is written only while a server runs, and the
next start without another server beside it deletes it.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from stockade.crypto import aead
from stockade.seals import parse_seal
from stockade.store import files
from stockade.store.seal import Derivation, Random, Seal, SealError, same_seal

HANDOVER_FILE = "seal.handover"


class Handover(msgspec.Struct, frozen=True, kw_only=True):
    """The way from one seal to the next."""

    before: str
    """The fingerprint of the old seal."""
    after: str
    """The fingerprint of the new one."""
    setting: str
    derivation: Derivation | None
    """What a passphrase seal needs beside the passphrase."""
    key: bytes
    """Wrapped by the old seal."""
    box: bytes
    """The passphrase or PIN of the new seal, under that key; empty where it takes none."""

    def __repr__(self) -> str:
        return f"Handover({self.before[:8]} -> {self.after[:8]})"

    @property
    def aad(self) -> bytes:
        return f"seal handover {self.before} {self.after}".encode()


def hand_over(data: Path, old: Seal, new: Seal, setting: str, secret: str, random: Random) -> None:
    """Write how the processes that have `old` come to `new`."""
    description, key = new.describe(), random(aead.KEY_SIZE)
    way = Handover(
        before=old.describe().fingerprint,
        after=description.fingerprint,
        setting=setting,
        derivation=description.derivation,
        key=b"",
        box=b"",
    )
    nonce = random(aead.NONCE_SIZE)
    box = nonce + aead.seal(key, nonce, secret.encode(), way.aad)
    wrapped = old.wrap(key, way.aad, random(aead.NONCE_SIZE))
    others = [each for each in _read(data) if (each.before, each.after) != (way.before, way.after)]
    _write(data, [*others, msgspec.structs.replace(way, key=wrapped, box=box)])


def forget(data: Path) -> None:
    """Delete what was handed over: every process has started with the present seal."""
    (data / HANDOVER_FILE).unlink(missing_ok=True)


class Succession:
    """Finds the seal that came after another, for the vault of a running process."""

    def __init__(self, data: Path) -> None:
        self._data = data

    def __call__(self, seal: Seal, wanted: str) -> Seal | None:
        """Return the seal of this fingerprint, or None where no way leads there."""
        ways = {way.before: way for way in _read(self._data)}
        while not same_seal(seal.describe().fingerprint, wanted):
            way = ways.pop(seal.describe().fingerprint, None)
            if way is None:
                return None
            seal = self._next(seal, way)
        return seal

    def _next(self, seal: Seal, way: Handover) -> Seal:
        key = seal.unwrap(way.key, way.aad)
        nonce, box = way.box[: aead.NONCE_SIZE], way.box[aead.NONCE_SIZE :]
        secret = aead.open(key, nonce, box, way.aad).decode()
        if way.derivation is not None:
            return way.derivation.seal(secret)
        return parse_seal(way.setting, self._data).open(lambda: secret)


def _read(data: Path) -> list[Handover]:
    path = data / HANDOVER_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[Handover])
    except FileNotFoundError:
        return []
    except (OSError, msgspec.MsgspecError) as error:
        raise SealError(f"{path} cannot be read ({error})", "start the server again") from None


def _write(data: Path, ways: list[Handover]) -> None:
    path = data / HANDOVER_FILE
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    files.write_new(fresh, msgspec.json.encode(ways))
    fresh.rename(path)
    files.sync_directory(data)
