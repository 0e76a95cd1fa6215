# SPDX-License-Identifier: Apache-2.0
"""AWS CloudTrail; importing it declares every operation."""

from stockade.services.cloudtrail import events
from stockade.services.cloudtrail.service import cloudtrail

__all__ = ["cloudtrail", "events"]
