# SPDX-License-Identifier: Apache-2.0
"""AWS IAM Access Analyzer; importing it declares every operation."""

from stockade.services.accessanalyzer import (
    analyzers,
    checking,
    findings,
    generation,
    previews,
    recommendations,
    reconcile,
    rules,
    service_linked,
    statistics,
)
from stockade.services.accessanalyzer.service import accessanalyzer

__all__ = [
    "accessanalyzer",
    "analyzers",
    "checking",
    "findings",
    "generation",
    "previews",
    "recommendations",
    "reconcile",
    "rules",
    "service_linked",
    "statistics",
]
