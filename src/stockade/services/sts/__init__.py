# SPDX-License-Identifier: Apache-2.0
"""AWS STS; importing it declares every operation."""

from stockade.services.sts import identity, roles, users
from stockade.services.sts.service import sts

__all__ = ["identity", "roles", "sts", "users"]
