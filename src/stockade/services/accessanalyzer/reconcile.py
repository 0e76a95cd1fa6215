# SPDX-License-Identifier: Apache-2.0
"""What happens when an analyzer is due: the next step of a scan; what is forgotten in time."""

from __future__ import annotations

from stockade.core.context import Context
from stockade.services.accessanalyzer.generation import gather
from stockade.services.accessanalyzer.resources import (
    ANALYZERS,
    GENERATIONS,
    PREVIEWS,
    RECOMMENDATIONS,
    Analyzer,
    Generation,
    Preview,
    Recommendation,
)
from stockade.services.accessanalyzer.scanning import scan
from stockade.services.accessanalyzer.service import accessanalyzer


@accessanalyzer.reconciles(ANALYZERS, reads_audit=True)
def keep(ctx: Context, analyzer: Analyzer) -> Analyzer:
    """Return the analyzer after another step of its scan."""
    return scan(ctx, analyzer)


@accessanalyzer.reconciles(PREVIEWS)
def forget_preview(_ctx: Context, _preview: Preview) -> Preview | None:
    """Forget an old access preview."""
    return None


@accessanalyzer.reconciles(RECOMMENDATIONS)
def forget_recommendation(_ctx: Context, _one: Recommendation) -> Recommendation | None:
    """Forget an old recommendation."""
    return None


@accessanalyzer.reconciles(GENERATIONS, reads_audit=True)
def generate(ctx: Context, generation: Generation) -> Generation | None:
    """Return a generation with what it gathered; an old one is forgotten."""
    return gather(ctx, generation) if generation.status == "IN_PROGRESS" else None
