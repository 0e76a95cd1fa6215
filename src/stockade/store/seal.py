# SPDX-License-Identifier: Apache-2.0
"""The root of trust: a seal wraps the domain keys, and nothing else in the store opens without it.

    seal -> domain key of an account and Region (vault.py) -> key material and sealed fields

A seal is 32 random bytes in a private file (`file:PATH`), or comes from a passphrase through
Argon2id (`passphrase`; salt and cost stand in `seal.json` beside the store and are not secret), or
is a key that never leaves a PKCS#11 token (`pkcs11:...`, token_seal.py). Only domain keys are
wrapped by it, so that changing the seal re-wraps those alone. A lost seal is lost data: there is no
second way in.
"""

from __future__ import annotations

import hmac
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, BinaryIO, Literal, Protocol

import msgspec

from stockade.crypto import aead, kdf, passwords
from stockade.store import files

Random = Callable[[int], bytes]

PARAMETERS_FILE = "seal.json"
_VERSION = b"\x01"


class SealError(Exception):
    """Something is wrong with the seal: one sentence for a person, and what to do about it."""

    def __init__(self, sentence: str, hint: str = "") -> None:
        self.sentence = sentence
        self.hint = hint
        super().__init__(sentence)


class SealMissing(SealError):
    """There is no seal where one was looked for."""


class WrongSeal(SealError):
    """This seal is not the one that the store was sealed with."""


class Derivation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a seal comes from a passphrase; the content of `seal.json`."""

    kdf: Literal["argon2id"] = "argon2id"
    salt: Annotated[bytes, msgspec.Meta(min_length=passwords.SALT_SIZE)]
    cost: passwords.Cost = passwords.Cost()

    def seal(self, passphrase: str) -> Seal:
        return RootKey("passphrase", passwords.derive(passphrase, self.salt, self.cost), self)


class Description(msgspec.Struct, frozen=True, kw_only=True):
    """What may be known of a seal by everybody: kept in the store, shown by the command line."""

    kind: str
    fingerprint: str
    """Tells seals apart and gives nothing away: 16 bytes of an HMAC of a constant, in hex."""
    derivation: Derivation | None = None
    """What a passphrase seal needs beside the passphrase: its second copy, after `seal.json`."""


class Seal(Protocol):
    """Something that wraps 32-byte keys so that only it can unwrap them."""

    def wrap(self, key: bytes, aad: bytes, nonce: bytes) -> bytes: ...
    def unwrap(self, blob: bytes, aad: bytes) -> bytes: ...
    def describe(self) -> Description: ...


class RootKey:
    """A seal whose root key is in this process's memory, however it came there.

    The root key itself encrypts nothing: wrapping and fingerprint use keys derived from it.
    """

    def __init__(self, kind: str, root: bytes, derivation: Derivation | None = None) -> None:
        derived = kdf.counter_hmac_sha256(root, b"stockade seal", b"wrap", aead.KEY_SIZE)
        self._cipher = aead.cipher(derived)
        check = kdf.counter_hmac_sha256(root, b"stockade seal", b"fingerprint", 16)
        self._description = Description(kind=kind, fingerprint=check.hex(), derivation=derivation)

    def __repr__(self) -> str:
        return f"RootKey({self._description.kind}, {self._description.fingerprint})"

    def wrap(self, key: bytes, aad: bytes, nonce: bytes) -> bytes:
        """Return version || nonce || ciphertext and tag, bound to `aad`."""
        return _VERSION + nonce + aead.seal_with(self._cipher, nonce, key, _VERSION + aad)

    def unwrap(self, blob: bytes, aad: bytes) -> bytes:
        """Return the key that `wrap` wrapped with the same `aad`, or raise Tampered."""
        if blob[:1] != _VERSION:
            raise aead.Tampered("the wrapped key has an unknown format")
        nonce, box = blob[1 : 1 + aead.NONCE_SIZE], blob[1 + aead.NONCE_SIZE :]
        return aead.open_with(self._cipher, nonce, box, _VERSION + aad)

    def describe(self) -> Description:
        return self._description


def same_seal(one: str, other: str) -> bool:
    """Compare two fingerprints."""
    return hmac.compare_digest(one, other)


class SealChoice(Protocol):
    """A seal as configured, before it is made or opened.

    `secret` gives a passphrase or a PIN, and is asked only if this seal needs one.
    """

    @property
    def kind(self) -> str: ...
    def exists(self, secret: Callable[[], str]) -> bool: ...
    def create(self, random: Random, secret: Callable[[], str]) -> Seal: ...
    def open(self, secret: Callable[[], str]) -> Seal: ...


class FileChoice(msgspec.Struct, frozen=True, kw_only=True):
    """A seal that is in a file, or comes from a passphrase with what is in a file."""

    kind: Literal["file", "passphrase"]
    path: Path

    def exists(self, secret: Callable[[], str]) -> bool:
        """Say whether the file is there."""
        del secret
        return self.path.exists()

    def create(self, random: Random, secret: Callable[[], str]) -> Seal:
        """Make a new seal."""
        if self.kind == "file":
            return create_file_seal(self.path, random)
        return create_passphrase_seal(self.path, secret(), random)

    def open(self, secret: Callable[[], str]) -> Seal:
        """Open the existing seal."""
        if self.kind == "file":
            return open_file_seal(self.path)
        return open_passphrase_seal(self.path, secret)


def file_choice(text: str, directory: Path) -> FileChoice | None:
    """Read the setting of a seal in a file, or from a passphrase; None for other kinds."""
    kind, _, rest = text.partition(":")
    if kind == "file" and rest:
        return FileChoice(kind="file", path=Path(rest).expanduser())
    if text == "passphrase":
        return FileChoice(kind="passphrase", path=directory / PARAMETERS_FILE)
    return None


def create_file_seal(path: Path, random: Random) -> Seal:
    """Make a seal of 32 random bytes in a new file that only its owner can read."""
    root = random(aead.KEY_SIZE)
    _write_new(path, root)
    return RootKey("file", root)


def open_file_seal(path: Path) -> Seal:
    """Read a seal file, refusing one that others can read or that is not 32 bytes long."""
    root = read_private(path)
    if len(root) != aead.KEY_SIZE:
        raise SealError(
            f"the seal file {path} holds {len(root)} bytes instead of {aead.KEY_SIZE}",
            "put the seal file back from your safe copy",
        )
    return RootKey("file", root)


def create_passphrase_seal(path: Path, passphrase: str, random: Random) -> Seal:
    """Make a seal from a passphrase; salt and cost go into a new parameters file."""
    if not passphrase:
        raise SealError("the passphrase of the seal is empty", "choose a long one")
    parameters = Derivation(salt=random(passwords.SALT_SIZE))
    restore_parameters(path, parameters)
    return parameters.seal(passphrase)


def restore_parameters(path: Path, parameters: Derivation) -> None:
    """Write a passphrase seal's parameters file, new or from the description in a store."""
    _write_new(path, msgspec.json.format(msgspec.json.encode(parameters)) + b"\n")


def open_passphrase_seal(path: Path, passphrase: Callable[[], str]) -> Seal:
    """Derive a passphrase's seal with the salt and cost of the parameters file."""
    with _open(path) as file:
        content = file.read()
    try:
        parameters = msgspec.json.decode(content, type=Derivation)
    except msgspec.MsgspecError as error:
        raise SealError(
            f"the seal's parameters file {path} is damaged ({error})",
            "put it back from a safe copy, or from the store's description of its seal",
        ) from None
    return parameters.seal(passphrase())


def _write_new(path: Path, content: bytes) -> None:
    if path.exists():
        raise SealError(
            f"there already is a seal at {path}",
            "a seal is never overwritten, because what it sealed would be lost with it",
        )
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        files.write_new(path, content)
    except OSError as error:
        raise SealError(f"the seal {path} cannot be written ({error.strerror})") from None


def read_private(path: Path, what: str = "seal file") -> bytes:
    """Return the content of a file, refusing one that others can read."""
    with _open(path) as file:
        mode = os.fstat(file.fileno()).st_mode
        if mode & 0o077:
            raise SealError(
                f"the {what} {path} can be read by others (mode {stat.S_IMODE(mode):04o})",
                f"chmod 600 {path}; if others have access to this host, rotate the seal",
            )
        return file.read()


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except FileNotFoundError:
        raise SealMissing(
            f"there is no seal at {path}",
            "put it back from your safe copy: without it, what the store has sealed is lost",
        ) from None
    except OSError as error:
        raise SealError(f"the seal {path} cannot be read ({error.strerror})") from None
