# SPDX-License-Identifier: Apache-2.0
"""docs/key-ceremony.md: its commands run, in their order."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.house.test_operations import run
from tests.softhsm import SoftHsm

PAGE = (Path(__file__).parents[2] / "docs" / "key-ceremony.md").read_text()


def commands(kind: str) -> list[str]:
    """Return the lines of all fenced blocks of a kind."""
    found = re.findall(rf"^```{kind}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    lines = [line for block in found for line in block.splitlines()]
    assert all(line.startswith("$ ") for line in lines)
    return [line[2:] for line in lines]


def follow(lines: list[str], folder: Path) -> None:
    """Run commands below a folder."""
    for name in ("lib", "mnt/safe", "mnt/a", "mnt/b"):
        (folder / name).mkdir(parents=True)
    for line in lines:
        there = re.sub(r"(?<![\w/])/var/lib/", f"{folder}/lib/", line)
        run(there.replace("/mnt/", f"{folder}/mnt/"), folder)


@pytest.mark.slow
def test_the_commands_run(tmp_path: Path) -> None:
    for program in ("openssl", "shred"):
        if shutil.which(program) is None:
            pytest.skip(f"there is no {program}")
    follow(commands("console"), tmp_path)
    left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.glob("*/*")}
    assert {"lib/seal.key", "lib/seal-2.key", "lib/stockade"}.isdisjoint(left)


@pytest.mark.slow
def test_the_commands_for_a_token_run(softhsm: SoftHsm, tmp_path: Path) -> None:
    assert softhsm.settings.exists()
    follow(commands("hsm"), tmp_path)
    assert not (tmp_path / "lib/pin").exists()
