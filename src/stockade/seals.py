# SPDX-License-Identifier: Apache-2.0
"""Every kind of seal by its setting: the one list."""

from __future__ import annotations

from pathlib import Path

from stockade.kms_seal import kms_choice
from stockade.store.seal import SealChoice, SealError, file_choice
from stockade.store.token_seal import token_choice

KINDS = ("file:PATH", "passphrase", "pkcs11:URI", "aws-kms:KEY_ARN")


def parse_seal(text: str, directory: Path) -> SealChoice:
    """Read the `seal` setting of a store that lives in `directory`."""
    choice = file_choice(text, directory) or token_choice(text) or kms_choice(text)
    if choice is None:
        known = ", ".join(KINDS)
        raise SealError(f"there is no seal {text!r}", f"the setting is one of: {known}")
    return choice


def named(setting: str) -> str:
    """Return what a seal is called in a sentence."""
    kind, _, rest = setting.partition(":")
    names = {
        "passphrase": "your passphrase",
        "pkcs11": f"the key {setting.partition('?')[0]}",
        "aws-kms": f"the KMS key {rest}",
    }
    return names.get(kind, f"the file {rest}")
