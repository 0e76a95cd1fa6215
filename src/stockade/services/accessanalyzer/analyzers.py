# SPDX-License-Identifier: Apache-2.0
"""Analyzers: made, shown, deleted with all they found; their tags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from stockade.core.access import on_everything
from stockade.core.context import Context
from stockade.core.operation import Output
from stockade.services.accessanalyzer import view
from stockade.services.accessanalyzer.access import analyzer_by_arn, analyzer_named, creation
from stockade.services.accessanalyzer.configuration import (
    Configuration,
    read_unused,
    show_unused,
)
from stockade.services.accessanalyzer.errors import (
    ConflictException,
    ServiceQuotaExceededException,
    ValidationException,
)
from stockade.services.accessanalyzer.paging import MAX_PAGE, paged
from stockade.services.accessanalyzer.resources import (
    ANALYZERS,
    FINDINGS,
    PREVIEWS,
    RECOMMENDATIONS,
    RESOURCES,
    Analyzer,
)
from stockade.services.accessanalyzer.rules import new_rule
from stockade.services.accessanalyzer.scanning import scan
from stockade.services.accessanalyzer.service import accessanalyzer
from stockade.services.accessanalyzer.zone import must_administer
from stockade.store.resources import Collection

T = TypeVar("T", bound=msgspec.Struct)

ANALYZER_LIMIT, ORGANIZATION_LIMIT = 1, 5
"""Analyzers of an account and of an organization: of each type, per account and Region."""
TAG_LIMIT = 50
SERVED = frozenset(
    {"ACCOUNT", "ORGANIZATION", "ACCOUNT_UNUSED_ACCESS", "ORGANIZATION_UNUSED_ACCESS"}
)


@accessanalyzer.operation(access=creation, writes=True)
def create_analyzer(
    ctx: Context,
    *,
    analyzer_name: str,
    type: str,  # noqa: A002 - AWS's word
    archive_rules: Sequence[Mapping[str, Any]] = (),
    tags: Mapping[str, str] | None = None,
    configuration: Configuration | None = None,
    client_token: str | None = None,
) -> Output:
    """Make an analyzer; one of external access in the account looks at everything at once.

    The other ones have more to look at, which is due at once.
    """
    del client_token
    if type not in SERVED:
        raise ValidationException(f"The analyzer type {type} is not supported.", "notSupported")
    of_organization = type.startswith("ORGANIZATION")
    if of_organization:
        must_administer(ctx)
    _must_fit(ctx, analyzer_name, type, ORGANIZATION_LIMIT if of_organization else ANALYZER_LIMIT)
    unused = None
    if type.endswith("UNUSED_ACCESS"):
        unused = read_unused(configuration or {}, ctx.account, of_organization=of_organization)
    elif configuration:
        raise _not_configurable(type)
    rules = [new_rule(ctx, one["ruleName"], one["filter"]) for one in archive_rules]
    analyzer = Analyzer(
        name=analyzer_name,
        account=ctx.account,
        region=ctx.region,
        type=type,
        created=ctx.now,
        tags=merged({}, tags or {}),
        rules={rule.name: rule for rule in rules},
        last_scan=ctx.now,
        next_scan=ctx.now,
        unused=unused,
    )
    ctx.unit.put(ANALYZERS, ctx.scope, scan(ctx, analyzer) if type == "ACCOUNT" else analyzer)
    ctx.created.append((analyzer.arn, "AWS::AccessAnalyzer::Analyzer"))
    return {"arn": analyzer.arn}


@accessanalyzer.operation(access=analyzer_named("access-analyzer:GetAnalyzer"))
def get_analyzer(_ctx: Context, analyzer: Analyzer, *, analyzer_name: str) -> Output:
    """Return an analyzer."""
    del analyzer_name
    shown = view.analyzer(analyzer)
    if analyzer.unused is not None:
        shown["configuration"] = show_unused(analyzer.unused)
    return {"analyzer": shown}


@accessanalyzer.operation(access=on_everything("access-analyzer:ListAnalyzers"))
def list_analyzers(
    ctx: Context,
    *,
    type: str | None = None,  # noqa: A002 - AWS's word
    max_results: int = MAX_PAGE,
    next_token: str | None = None,
) -> Output:
    """Return the analyzers of the account and Region."""
    found = [one for one in ctx.unit.list(ANALYZERS, ctx.scope) if type in (None, one.type)]
    return paged("analyzers", found, lambda one: one.name, view.analyzer, max_results, next_token)


@accessanalyzer.operation(access=analyzer_named("access-analyzer:UpdateAnalyzer"), writes=True)
def update_analyzer(
    ctx: Context,
    analyzer: Analyzer,
    *,
    analyzer_name: str,
    configuration: Configuration | None = None,
) -> Output:
    """Change whom an analyzer of unused access leaves out; it looks at everybody again."""
    del analyzer_name
    old = analyzer.unused
    if old is None:
        raise _not_configurable(analyzer.type)
    given = (configuration or {}).get("unusedAccess", {})
    config = {**(configuration or {}), "unusedAccess": {"unusedAccessAge": old.age, **given}}
    new = read_unused(config, ctx.account, of_organization=analyzer.of_organization)
    if new.age != old.age:
        raise ValidationException("unusedAccessAge cannot be changed.", "fieldValidationFailed")
    changed = replace(analyzer, unused=new, cursor="", next_scan=ctx.now)
    ctx.unit.put(ANALYZERS, ctx.scope, changed)
    return {"configuration": show_unused(new)}


@accessanalyzer.operation(access=analyzer_named("access-analyzer:DeleteAnalyzer"), writes=True)
def delete_analyzer(
    ctx: Context, analyzer: Analyzer, *, analyzer_name: str, client_token: str | None = None
) -> Output:
    """Delete an analyzer with all that it found."""
    del client_token
    prefix = f"{analyzer_name}/"
    _delete_all(ctx, FINDINGS, prefix)
    _delete_all(ctx, RESOURCES, prefix)
    _delete_all(ctx, PREVIEWS, prefix)
    _delete_all(ctx, RECOMMENDATIONS, prefix)
    ctx.unit.delete(ANALYZERS, ctx.scope, analyzer.name)
    return {}


@accessanalyzer.operation(
    access=analyzer_by_arn("access-analyzer:TagResource", "resourceArn"), writes=True
)
def tag_resource(
    ctx: Context, analyzer: Analyzer, *, resource_arn: str, tags: Mapping[str, str]
) -> Output:
    """Add or replace tags of an analyzer."""
    del resource_arn
    changed = replace(analyzer, tags=merged(analyzer.tags, tags))
    ctx.unit.put(ANALYZERS, ctx.scope, changed)
    return {}


@accessanalyzer.operation(
    access=analyzer_by_arn("access-analyzer:UntagResource", "resourceArn"), writes=True
)
def untag_resource(
    ctx: Context, analyzer: Analyzer, *, resource_arn: str, tag_keys: Sequence[str]
) -> Output:
    """Take tags off an analyzer."""
    del resource_arn
    left = {key: value for key, value in analyzer.tags.items() if key not in tag_keys}
    ctx.unit.put(ANALYZERS, ctx.scope, replace(analyzer, tags=left))
    return {}


@accessanalyzer.operation(
    access=analyzer_by_arn("access-analyzer:ListTagsForResource", "resourceArn")
)
def list_tags_for_resource(_ctx: Context, analyzer: Analyzer, *, resource_arn: str) -> Output:
    """Return an analyzer's tags."""
    del resource_arn
    return {"tags": analyzer.tags}


def _delete_all(ctx: Context, collection: Collection[T], prefix: str) -> None:
    for found in ctx.unit.list(collection, ctx.scope, prefix=prefix):
        ctx.unit.delete(collection, ctx.scope, collection.id(found))


def _must_fit(ctx: Context, name: str, type_: str, limit: int) -> None:
    """Refuse a name that is taken, and an analyzer too many."""
    existing = ctx.unit.list(ANALYZERS, ctx.scope)
    if any(one.name == name for one in existing):
        raise ConflictException("Analyzer", name)
    if sum(one.type == type_ for one in existing) >= limit:
        raise ServiceQuotaExceededException("Analyzer", name, limit)


def _not_configurable(type_: str) -> ValidationException:
    return ValidationException(
        f"An analyzer of the type {type_} has no configuration.", "notSupported"
    )


def merged(old: Mapping[str, str], new: Mapping[str, str]) -> dict[str, str]:
    """Return the tags an analyzer has after `new` were put on it."""
    if any(key.lower().startswith("aws:") for key in new):
        raise ValidationException("Tag keys that begin with aws: are reserved.")
    tags = {**old, **new}
    if len(tags) > TAG_LIMIT:
        raise ValidationException(f"An analyzer can have {TAG_LIMIT} tags.")
    return tags
