# SPDX-License-Identifier: Apache-2.0
"""The file that root credentials are written to, in the form that `credential_process` expects.

AWS's tools read it with `credential_process = cat FILE` in a profile, so that no secret has to
stand in their own configuration.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, Literal

import click
import msgspec

from stockade.cli.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stockade.app import RootCredentials

_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


class KeyPair(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """The content of the file."""

    version: Literal[1] = 1
    access_key_id: str
    secret_access_key: str

    def __repr__(self) -> str:
        return f"KeyPair({self.access_key_id})"


class Handover:
    """Hands the root credentials over once: into a file made beforehand, or onto the terminal."""

    def __init__(self, path: Path | None, file: BinaryIO | None) -> None:
        self._path = path
        self._file = file

    def give(self, root: RootCredentials) -> None:
        """Write or show the credentials."""
        if self._file is None:
            _show(root)
            return
        pair = KeyPair(access_key_id=root.access_key_id, secret_access_key=root.secret_access_key)
        self.write(pair)
        click.echo(f"The credentials of the account's root are in {self._path}; keep it safe.")

    @property
    def path(self) -> Path | None:
        """The file, None where the terminal is to show it."""
        return self._path

    def write(self, content: msgspec.Struct) -> None:
        """Write what is handed over into the file."""
        assert self._file is not None, "there is a file to write to"
        self._file.write(msgspec.json.encode(content) + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())


@contextmanager
def handover(path: Path | None) -> Iterator[Handover]:
    """Make the file first, so that credentials are never made that cannot be kept."""
    if path is None:
        yield Handover(None, None)
        return
    with os.fdopen(_reserve(path), "wb") as file:
        try:
            yield Handover(path, file)
        except BaseException:
            path.unlink()
            raise


def read(path: Path) -> KeyPair:
    """Return the credentials of a file that `handover` wrote."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=KeyPair, strict=False)
    except OSError as error:
        raise Problem(f"{path} cannot be read ({error.strerror})") from None
    except msgspec.MsgspecError:
        hint = "`stockade init --credentials-file FILE` writes such a file"
        raise Problem(f"{path} holds no credentials", hint) from None


def _reserve(path: Path) -> int:
    try:
        return os.open(path, _FLAGS, 0o600)
    except FileExistsError:
        raise Problem(f"{path} exists already", "name a new file, or take that one away") from None
    except OSError as error:
        raise Problem(f"{path} cannot be written ({error.strerror})") from None


def _show(root: RootCredentials) -> None:
    click.echo(f"The credentials of the root of account {root.account}, shown this once:\n")
    click.echo(f"  AWS_ACCESS_KEY_ID={root.access_key_id}")
    click.echo(f"  AWS_SECRET_ACCESS_KEY={root.secret_access_key}\n")
