# SPDX-License-Identifier: Apache-2.0
"""SoftHSM 2 for tests: tokens of their own in a directory of their own."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from stockade.store.tokens import library

MODULE = "/usr/lib/softhsm/libsofthsm2.so"
PIN = "kmsuser-1234"
SO_PIN = "12345678"


class SoftHsm:
    """A directory of tokens, and the processes' setting that names it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory / "tokens"
        self.directory.mkdir()
        self.settings = directory / "softhsm2.conf"
        self.settings.write_text(f"directories.tokendir = {self.directory}\nlog.level = ERROR\n")
        self.environment = {"SOFTHSM2_CONF": str(self.settings)}

    def make_token(self, label: str, pin: str = PIN) -> None:
        """Make a token; libraries that are loaded see it once they begin anew."""
        self._tool("--init-token", "--free", "--label", label, "--so-pin", SO_PIN, "--pin", pin)
        forget()

    def delete_token(self, label: str) -> None:
        self._tool("--delete-token", "--token", label)
        forget()

    def uri(self, label: str, key: str = "", pin_file: Path | None = None) -> str:
        path = f"pkcs11:token={quote(label)}" + (f";object={quote(key)}" if key else "")
        source = f"&pin-source=file:{pin_file}" if pin_file else ""
        return f"{path}?module-path={MODULE}{source}"

    def begin_anew(self) -> None:
        """Have this process look at the tokens again."""
        forget()

    def _tool(self, *arguments: str) -> None:
        subprocess.run(
            ["softhsm2-util", *arguments], env=self.environment, check=True, capture_output=True
        )


def forget() -> None:
    """Have this process begin anew with SoftHSM: it reads its settings only then."""
    library(MODULE).end()


def missing() -> str:
    """Return why there is no SoftHSM here, or nothing."""
    if not Path(MODULE).exists() or shutil.which("softhsm2-util") is None:
        return "Debian's softhsm2 is not installed"
    return ""


@pytest.fixture
def softhsm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SoftHsm]:
    """Yield a SoftHSM without tokens."""
    if reason := missing():
        pytest.skip(reason)
    directory = tmp_path / "softhsm"
    directory.mkdir()
    hsm = SoftHsm(directory)
    monkeypatch.setenv("SOFTHSM2_CONF", str(hsm.settings))
    forget()
    yield hsm
    forget()
