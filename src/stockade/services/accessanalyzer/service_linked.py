# SPDX-License-Identifier: Apache-2.0
"""Service-linked analyzers, which services of AWS make for themselves: here none does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stockade.core.access import on_everything
from stockade.core.context import Context
from stockade.core.operation import Output
from stockade.protocol.refusals import AccessDenied
from stockade.services.accessanalyzer.access import analyzer_named
from stockade.services.accessanalyzer.errors import ValidationException
from stockade.services.accessanalyzer.resources import Analyzer
from stockade.services.accessanalyzer.service import accessanalyzer


@accessanalyzer.operation(
    access=on_everything("access-analyzer:CreateServiceLinkedAnalyzer"), writes=True
)
def create_service_linked_analyzer(
    ctx: Context,
    *,
    type: str,  # noqa: A002 - AWS's word
    archive_rules: Sequence[Mapping[str, Any]] = (),
    configuration: Mapping[str, Any] | None = None,
    client_token: str | None = None,
) -> Output:
    """Refuse: services of AWS alone may call it."""
    del type, archive_rules, configuration, client_token
    raise AccessDenied(
        f"User: {ctx.caller.arn} is not authorized to perform: "
        "access-analyzer:CreateServiceLinkedAnalyzer"
    )


@accessanalyzer.operation(
    access=analyzer_named("access-analyzer:DeleteServiceLinkedAnalyzer"), writes=True
)
def delete_service_linked_analyzer(
    _ctx: Context, analyzer: Analyzer, *, analyzer_name: str, client_token: str | None = None
) -> Output:
    """Refuse: what there is was made by customers."""
    del analyzer, client_token
    raise ValidationException(f"The analyzer {analyzer_name} is not service-linked.")
