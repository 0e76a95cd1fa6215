# SPDX-License-Identifier: Apache-2.0
"""Files that must be whole or absent, even after a power cut: private, synced, never replaced."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

PRIVATE = 0o600
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def write_new(path: Path, content: bytes) -> None:
    """Create a private file with this content, durably; FileExistsError when the name is taken."""
    with writing_new(path, path) as file:
        file.write(content)


@contextmanager
def writing_new(path: Path, meanwhile: Path) -> Iterator[BinaryIO]:
    """Give a private file to write, called `meanwhile` until it is whole and on the disk.

    It is deleted when the block fails.
    """
    with os.fdopen(os.open(meanwhile, _NEW, PRIVATE), "wb") as file:
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
            meanwhile.rename(path)
        except BaseException:
            meanwhile.unlink(missing_ok=True)
            raise
    sync_directory(path.parent)
