# SPDX-License-Identifier: Apache-2.0
"""Environments for programs that must not share ours: stock clients, and peers to measure.

An environment is made from a lock with hashes and carries a stamp of that lock; it is made anew
when the lock changes. Python's are virtual environments, JavaScript's a folder of packages (where
Node.js and npm are). As a command: `python tests/clients/environment.py LOCK FOLDER`.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parents[2]
STAMP = "stockade-lock.sha256"
SECONDS_TO_INSTALL = 540.0


class EnvironmentUnavailableError(Exception):
    """The environment could not be made; the text says why, for a skip's reason."""


def environment(lock: Path, folder: Path, *, seconds: float = SECONDS_TO_INSTALL) -> Path:
    """Return the `bin` folder of an environment that holds exactly what `lock` names."""
    _make(lock, folder, lambda: _install(lock, folder, seconds))
    return folder / "bin"


def packages(lock: Path, folder: Path, *, seconds: float = SECONDS_TO_INSTALL) -> Path:
    """Return the `node_modules` folder that holds exactly what a `package-lock.json` names."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        raise EnvironmentUnavailableError("there is no Node.js with npm")
    _make(lock, folder, lambda: _install_packages(npm, lock, folder, seconds))
    return folder / "node_modules"


def _make(lock: Path, folder: Path, install: Callable[[], None]) -> None:
    """Have an environment made, unless its stamp says that it is what the lock wants."""
    stamp = folder / STAMP
    wanted = _digest(lock)
    if _stamped(stamp, wanted):
        return
    with _alone(lock):
        if not _stamped(stamp, wanted):
            install()
            stamp.write_text(wanted)


def _digest(lock: Path) -> str:
    """Return what the stamp must say: the lock's content and the interpreter that reads it."""
    return hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()


def _stamped(stamp: Path, wanted: str) -> bool:
    return stamp.is_file() and stamp.read_text() == wanted


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Let one process at a time make the environment: test workers ask together."""
    with lock.open("rb") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _install(lock: Path, folder: Path, seconds: float) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
    _run([sys.executable, "-m", "venv", str(folder)], seconds)
    _run([*pip, "install", "--quiet", "--require-hashes", "-r", str(lock)], seconds)


def _install_packages(npm: str, lock: Path, folder: Path, seconds: float) -> None:
    """Install what a lock names, running none of the packages' own scripts."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in ("package.json", lock.name):
        shutil.copy(lock.with_name(name), folder)
    quietly = ["--ignore-scripts", "--engine-strict", "--no-audit", "--no-fund", "--loglevel=error"]
    _run([npm, "ci", *quietly, "--prefix", str(folder)], seconds)


def _run(command: list[str], seconds: float) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired as late:
        raise EnvironmentUnavailableError(f"{command[0]} took over {seconds:.0f} s") from late
    if done.returncode != 0:
        last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        raise EnvironmentUnavailableError(" ".join(last) or f"{command[0]} failed")


def main() -> None:
    """Make the environment that the command line names and print its `bin` folder."""
    lock, folder = (Path(argument) for argument in sys.argv[1:3])
    print(environment(lock, folder.absolute()))


if __name__ == "__main__":
    main()
