# SPDX-License-Identifier: Apache-2.0
"""AWS STS; importing it declares every operation."""

from stockade.services.sts import (
    identity,
    messages,
    outbound,
    roles,
    root,
    saml_identity,
    users,
    web_identity,
)
from stockade.services.sts.service import sts

__all__ = [
    "identity",
    "messages",
    "outbound",
    "roles",
    "root",
    "saml_identity",
    "sts",
    "users",
    "web_identity",
]
