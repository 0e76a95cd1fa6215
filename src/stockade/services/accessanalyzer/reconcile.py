# SPDX-License-Identifier: Apache-2.0
"""What happens when an analyzer is due: the next step of a scan."""

from __future__ import annotations

from stockade.core.context import Context
from stockade.services.accessanalyzer.resources import ANALYZERS, Analyzer
from stockade.services.accessanalyzer.scanning import scan
from stockade.services.accessanalyzer.service import accessanalyzer


@accessanalyzer.reconciles(ANALYZERS, reads_audit=True)
def keep(ctx: Context, analyzer: Analyzer) -> Analyzer:
    """Return the analyzer after another step of its scan."""
    return scan(ctx, analyzer)
