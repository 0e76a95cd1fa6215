# SPDX-License-Identifier: Apache-2.0
"""Which key a CiphertextBlob asks for, whichever kind of key made it."""

from __future__ import annotations

from stockade.services.kms import envelope, hsm_envelope, xks_envelope
from stockade.services.kms.envelope import Header


def read_header(blob: bytes) -> Header:
    """Return the header of a blob, or raise `NotABlob`."""
    if blob[:3] == envelope.VERSION:
        return envelope.read_header(blob)
    if xks_envelope.is_external(blob):
        return xks_envelope.read_header(blob)
    return hsm_envelope.read_header(blob)
