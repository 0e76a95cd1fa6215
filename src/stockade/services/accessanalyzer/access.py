# SPDX-License-Identifier: Apache-2.0
"""From a request to the analyzer that it touches; analyzers are decided by IAM alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stockade.core.access import ConditionKeys, Demand, Resolver, Touched
from stockade.core.arn import parse_arn
from stockade.core.context import Context
from stockade.services.accessanalyzer.errors import ResourceNotFoundException, ValidationException
from stockade.services.accessanalyzer.resources import ANALYZERS, Analyzer, analyzer_arn
from stockade.store.resources import Scope


def analyzer_named(action: str) -> Resolver:
    """Return the resolver of an operation on the analyzer that `analyzerName` names."""

    def resolve(ctx: Context, params: Mapping[str, Any]) -> Touched:
        name = params["analyzerName"]
        analyzer = ctx.unit.get(ANALYZERS, ctx.scope, name)
        return _touching(ctx, params, action, analyzer, name)

    return resolve


def analyzer_by_arn(action: str, member: str = "analyzerArn") -> Resolver:
    """Return the resolver of an operation on the analyzer that an ARN names."""

    def resolve(ctx: Context, params: Mapping[str, Any]) -> Touched:
        given = params[member]
        fields = parse_arn(given)
        if (
            fields is None
            or fields.service != "access-analyzer"
            or not fields.resource.startswith("analyzer/")
        ):
            raise ValidationException(f"{given} is not the ARN of an analyzer.")
        name = fields.resource.removeprefix("analyzer/")
        scope = Scope(fields.account, fields.region)
        own = scope == ctx.scope
        analyzer = ctx.unit.get(ANALYZERS, scope, name) if own else None
        touched = _touching(ctx, params, action, analyzer, name)
        if not own:
            touched.demands[0].arn = given
            touched.demands[0].account = fields.account
        return touched

    return resolve


def rule_named(action: str) -> Resolver:
    """Return the resolver of an operation on an archive rule; the handler gets its analyzer."""

    def resolve(ctx: Context, params: Mapping[str, Any]) -> Touched:
        name = params["analyzerName"]
        analyzer = ctx.unit.get(ANALYZERS, ctx.scope, name)
        arn = analyzer_arn(ctx.region, ctx.account, name)
        demand = Demand(
            action=action, arn=f"{arn}/archive-rule/{params['ruleName']}", account=ctx.account
        )
        absent = None if analyzer else ResourceNotFoundException("Analyzer", name)
        return Touched(demands=(demand,), resources=(analyzer,), absent=absent)

    return resolve


def creation(ctx: Context, params: Mapping[str, Any]) -> Touched:
    """Resolve CreateAnalyzer."""
    arn = analyzer_arn(ctx.region, ctx.account, params["analyzerName"])
    demand = Demand(
        action="access-analyzer:CreateAnalyzer",
        arn=arn,
        account=ctx.account,
        keys=_condition_keys(params, {}),
    )
    return Touched(demands=(demand,))


def _touching(
    ctx: Context, params: Mapping[str, Any], action: str, analyzer: Analyzer | None, name: str
) -> Touched:
    arn = analyzer_arn(ctx.region, ctx.account, name)
    keys = _condition_keys(params, analyzer.tags if analyzer else {})
    return Touched(
        demands=(Demand(action=action, arn=arn, account=ctx.account, keys=keys),),
        resources=(analyzer,),
        absent=None if analyzer else ResourceNotFoundException("Analyzer", name),
        audit=((arn, "AWS::AccessAnalyzer::Analyzer"),),
    )


def _condition_keys(params: Mapping[str, Any], tags: Mapping[str, str]) -> ConditionKeys:
    given: Mapping[str, str] = params.get("tags", {})

    def find(name: str) -> tuple[str, ...] | None:
        if name.startswith("aws:resourcetag/"):
            return _tag(tags, name)
        if name.startswith("aws:requesttag/"):
            return _tag(given, name)
        if name == "aws:tagkeys":
            return tuple(params.get("tagKeys", ())) or tuple(given) or None
        return None

    return find


def _tag(tags: Mapping[str, str], name: str) -> tuple[str, ...] | None:
    wanted = name.partition("/")[2]
    return tuple(value for key, value in tags.items() if key.lower() == wanted) or None
