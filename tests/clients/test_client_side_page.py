# SPDX-License-Identifier: Apache-2.0
"""docs/client-side-encryption.md runs as it stands, section by section, against a server."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.clients.page import Block, script, sections

if TYPE_CHECKING:
    from tests.clients.clients import Clients

pytestmark = pytest.mark.slow
PAGE = Path(__file__).resolve().parents[2] / "docs" / "client-side-encryption.md"
SECTIONS = dict(sections(PAGE))
BEFORE = SECTIONS.pop("Before you start")
SECONDS = 120.0


@pytest.fixture
def interpreters(clients: Clients) -> dict[str, str]:
    """How programs of an environment are run; others are added by the tests that need them."""
    return {"clients": f"{clients.programs}/python -"}


def runs(clients: Clients, blocks: list[Block], interpreters: dict[str, str]) -> str:
    """Run what is to be done before and then some blocks, as one reader would."""
    path = clients.file("page.sh", script(BEFORE + blocks, interpreters).encode())
    return clients.done("/bin/bash", str(path), seconds=SECONDS)


@pytest.mark.parametrize("section", SECTIONS)
def test_a_section_runs_as_it_stands(
    clients: Clients,
    section: str,
    interpreters: dict[str, str],
    request: pytest.FixtureRequest,
    enforced: None,
) -> None:
    blocks = SECTIONS[section]
    wanted = {block.environment for block in blocks if block.language != "sh"}
    if "keyrings" in wanted:
        interpreters["keyrings"] = f"{request.getfixturevalue('keyrings')}/python -"
    if "javascript" in wanted:
        modules = request.getfixturevalue("javascript")
        (clients.home / "node_modules").symlink_to(modules)
        interpreters["javascript"] = f"{shutil.which('node')} --input-type=module -"
    runs(clients, blocks, interpreters)


def test_the_page_has_every_client() -> None:
    assert list(SECTIONS) == [
        "The AWS Encryption SDK for Python",
        "The command line",
        "JavaScript",
        "Multi-Region keys",
        "Data key caching",
        "Tink",
        "SOPS",
        "DynamoDB items",
        "Who may read: key policy and denial",
    ]


@pytest.mark.parametrize(
    ("language", "text", "ends"),
    [
        ("sh", "true\n", 0),
        ("sh", "false\n", 1),
        ("sh", "! false\n", 0),
        ("sh", "! true\n", 1),
        ("python", "assert True\n", 0),
        ("python", "assert False\n", 1),
    ],
)
def test_a_block_that_fails_ends_the_page(
    tmp_path: Path, language: str, text: str, ends: int
) -> None:
    blocks = [Block(language, text, "ours"), Block("sh", "true\n", "ours")]
    path = tmp_path / "page.sh"
    path.write_text(script(blocks, {"ours": f"{sys.executable} -"}))
    assert subprocess.run(["/bin/bash", str(path)], check=False).returncode == ends
