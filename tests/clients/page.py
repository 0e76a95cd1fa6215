# SPDX-License-Identifier: Apache-2.0
"""A page of the documentation as something to run: its blocks in sh, Python and JavaScript.

A section is one bash script, so that what a block of it sets is there in the next. A comment before
a block (`<!-- runs with: keyrings -->`) names the environment that has what it imports.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_BLOCK = re.compile(
    r"^(?:<!-- runs with: (?P<environment>\w+) -->\n)?"
    r"```(?P<language>sh|python|javascript)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_HEADING = re.compile(r"^## (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block that is to run as it stands."""

    language: str
    text: str
    environment: str

    def script(self, interpreters: Mapping[str, str]) -> str:
        """Return the lines of a bash script that run the block and end it where it fails."""
        if self.language == "sh":
            return f"{self.text}test $? = 0  # what `!` negates does not end a script by itself\n"
        interpreter = interpreters[self.environment]
        return f"{interpreter} <<'END OF BLOCK'\n{self.text}END OF BLOCK\n"


def sections(page: Path) -> Iterator[tuple[str, list[Block]]]:
    """Give the sections of a page that have something to run."""
    _, *parts = _HEADING.split(page.read_text())
    for heading, text in zip(parts[::2], parts[1::2], strict=True):
        blocks = [_block(match) for match in _BLOCK.finditer(text)]
        if blocks:
            yield heading, blocks


def _block(match: re.Match[str]) -> Block:
    language = match["language"]
    usual = "javascript" if language == "javascript" else "clients"
    return Block(language, match["text"], match["environment"] or usual)


def script(blocks: list[Block], interpreters: Mapping[str, str]) -> str:
    """Return a bash script that runs blocks in turn and says on stderr which one it is at."""
    lines = ["set -eu -o pipefail\n"]
    for number, block in enumerate(blocks, 1):
        lines += [f"echo 'block {number}' >&2\n", block.script(interpreters)]
    return "".join(lines)
