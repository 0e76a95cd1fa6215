# SPDX-License-Identifier: Apache-2.0
"""The policy simulator: what policies would decide, of documents or of those that somebody has.

A simulation asks nobody's permission but the one to simulate, and changes nothing. Control policies
are those that the request brings, or those of the simulated principal's account.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stockade.core.access import Demand, Resolver, Touched, on_everything
from stockade.core.arn import parse_arn
from stockade.core.condition_keys import membership
from stockade.core.context import Context
from stockade.core.operation import Output
from stockade.policy.compile import Policy, compile_policy
from stockade.policy.context_entries import UnreadableValue, read_entries
from stockade.policy.context_keys import document_keys
from stockade.policy.decide import Levels
from stockade.policy.document import Kind, MalformedPolicy, parse
from stockade.policy.request import Principal
from stockade.policy.simulate import ASSUMING, RESOURCE_POLICY, Simulation, Source, simulate
from stockade.services.iam import callers
from stockade.services.iam.errors import InvalidInput, NoSuchEntity
from stockade.services.iam.exclusions import Exclusions, Held, check, excluded, excludes_type
from stockade.services.iam.lookup import find_group, find_policy, find_role, find_user
from stockade.services.iam.paging import PAGE, listed
from stockade.services.iam.resources import Entity, Group, Role, User
from stockade.services.iam.service import iam

KINDS = ("user", "group", "role")


def entity_of(action: str) -> Resolver:
    """Return the resolver of an operation on the user or role that `PolicySourceArn` names."""

    def resolve(ctx: Context, params: Mapping[str, Any]) -> Touched:
        arn = params["PolicySourceArn"]
        kind, account, name = _named(arn)
        entity = _find(ctx, kind, account, name)
        missing = NoSuchEntity(f"The {kind} with name {name} cannot be found.")
        return Touched(
            demands=(Demand(action=action, arn=arn, account=account),),
            resources=(entity,),
            absent=None if entity else missing,
        )

    return resolve


@iam.operation(access=on_everything("iam:SimulateCustomPolicy"))
def simulate_custom_policy(
    ctx: Context,
    *,
    policy_input_list: Sequence[str],
    action_names: Sequence[str],
    permissions_boundary_policy_input_list: Sequence[str] = (),
    ordered_organization_policy_input_list: Sequence[Mapping[str, Any]] | None = None,
    resource_arns: Sequence[str] = (),
    resource_policy: str | None = None,
    resource_owner: str | None = None,
    caller_arn: str | None = None,
    context_entries: Sequence[Mapping[str, Any]] = (),
    max_items: int = PAGE,
    marker: str | None = None,
) -> Output:
    """Simulate policies that are given as documents."""
    if resource_policy is not None and caller_arn is None:
        raise InvalidInput("CallerArn is required when a ResourcePolicy is provided.")
    simulation = Simulation(
        principal=_caller(caller_arn, ctx.account),
        sources=tuple(_given(policy_input_list)),
        resource=_resource(resource_policy, action_names),
        resource_owner=_owner(resource_owner),
        boundary=_boundary(permissions_boundary_policy_input_list),
        organization=_levels(ordered_organization_policy_input_list),
        context=_context(context_entries),
    )
    return _answer(simulation, action_names, resource_arns, max_items, marker)


@iam.operation(access=entity_of("iam:SimulatePrincipalPolicy"))
def simulate_principal_policy(
    ctx: Context,
    entity: User | Group | Role,
    *,
    policy_source_arn: str,
    action_names: Sequence[str],
    policy_input_list: Sequence[str] = (),
    permissions_boundary_policy_input_list: Sequence[str] = (),
    policy_exclusion_list: Exclusions = (),
    resource_arns: Sequence[str] = (),
    resource_policy: str | None = None,
    resource_owner: str | None = None,
    caller_arn: str | None = None,
    context_entries: Sequence[Mapping[str, Any]] = (),
    max_items: int = PAGE,
    marker: str | None = None,
) -> Output:
    """Simulate the policies that a user or role has, and further ones if given."""
    place = membership(ctx, entity.account)
    if excludes_type(policy_exclusion_list, "scp"):
        place = None
    given = _boundary(permissions_boundary_policy_input_list)
    simulation = Simulation(
        principal=_caller(caller_arn or policy_source_arn, entity.account),
        sources=(
            *_kept(ctx, entity, policy_exclusion_list),
            *_given(policy_input_list),
        ),
        resource=_resource(resource_policy, action_names),
        resource_owner=_owner(resource_owner),
        boundary=given or _own_boundary(ctx, entity, policy_exclusion_list),
        organization=None if place is None else place.service_control,
        context=_context(context_entries),
    )
    return _answer(simulation, action_names, resource_arns, max_items, marker)


@iam.operation(access=on_everything("iam:GetContextKeysForCustomPolicy"))
def get_context_keys_for_custom_policy(
    _ctx: Context, *, policy_input_list: Sequence[str]
) -> Output:
    """Return the condition keys that policies ask for."""
    return _keys(_given(policy_input_list))


@iam.operation(access=entity_of("iam:GetContextKeysForPrincipalPolicy"))
def get_context_keys_for_principal_policy(
    ctx: Context,
    entity: User | Group | Role,
    *,
    policy_source_arn: str,
    policy_input_list: Sequence[str] = (),
) -> Output:
    """Return the condition keys that the policies of a user or role ask for."""
    del policy_source_arn
    return _keys((*_kept(ctx, entity, ()), *_given(policy_input_list)))


def _answer(
    simulation: Simulation,
    actions: Sequence[str],
    resources: Sequence[str],
    max_items: int,
    marker: str | None,
) -> Output:
    """Return a page of results; only what is shown is simulated."""
    for action in actions:
        vendor, colon, name = action.partition(":")
        if not (vendor and colon and name) or "*" in action:
            raise InvalidInput(f"Invalid Action Name: {action}")
    wrong = [resource for resource in resources if resource != "*" and parse_arn(resource) is None]
    if wrong:
        raise InvalidInput(f"ResourceNames are not in a valid ARN format: {', '.join(wrong)}.")
    numbers = range(len(actions))

    def fetch(after: str, count: int) -> list[int]:
        first = int(after) + 1 if after else 0
        return list(numbers[first : first + count])

    def show(number: int) -> dict[str, Any]:
        return simulate(simulation, actions[number], resources)

    return listed("EvaluationResults", fetch, str, show, max_items, marker)


def _keys(sources: Iterator[Source] | Sequence[Source]) -> Output:
    asked: dict[str, str] = {}
    for source in sources:
        for key in document_keys(source.policy.document):
            asked.setdefault(key.lower(), key)
    return {"ContextKeyNames": list(asked.values())}


def _given(texts: Sequence[str]) -> Iterator[Source]:
    for number, text in enumerate(texts, start=1):
        yield Source(f"PolicyInputList.{number}", _compiled(text, "identity"), text)


def _own(ctx: Context, entity: Entity) -> Iterator[Held]:
    """Yield the policies of a user, group or role, named as AWS's simulator names them.

    Those of a user's groups speak for the user, too.
    """
    kind = type(entity).__name__.lower()
    for name, text in sorted(entity.inline.items()):
        source = Source(f"{kind}_{entity.name}_{name}", _compiled(text, "identity"), text)
        yield Held(source, kind, entity.name, name)
    for arn in entity.attached:
        policy = callers.managed_policy(ctx.unit, entity.account, arn)
        stored = find_policy(ctx.unit, entity.account, arn)
        if policy is not None and stored is not None:
            source = Source(stored.name, policy, stored.document)
            yield Held(source, kind, entity.name, stored.name, arn)
    for each in entity.groups if isinstance(entity, User) else ():
        group = find_group(ctx.unit, entity.account, each)
        if group is not None:
            yield from _own(ctx, group)


def _kept(ctx: Context, entity: Entity, exclusions: Exclusions) -> Iterator[Source]:
    """Yield the policies of a user or role that are not left out."""
    check(exclusions)
    for held in _own(ctx, entity):
        if not excluded(exclusions, held):
            yield held.source


def _own_boundary(
    ctx: Context, entity: User | Group | Role, exclusions: Exclusions
) -> Policy | None:
    if isinstance(entity, Group) or excludes_type(exclusions, "permission-boundary"):
        return None
    return callers.boundary_of(ctx.unit, entity)


def _boundary(texts: Sequence[str]) -> Policy | None:
    if len(texts) > 1:
        raise InvalidInput("Only one permissions boundary policy can be provided.")
    return _compiled(texts[0], "identity") if texts else None


def _resource(text: str | None, actions: Sequence[str]) -> Source | None:
    """Return the resource policy; for actions that assume roles it is a trust policy."""
    if text is None:
        return None
    kind: Kind = "trust" if all(action in ASSUMING for action in actions) else "resource"
    return Source("ResourcePolicy", _compiled(text, kind), text, RESOURCE_POLICY)


def _levels(given: Sequence[Mapping[str, Any]] | None) -> Levels | None:
    if given is None:
        return None
    return tuple(
        tuple(_compiled(text, "scp") for text in level.get("ServiceControlPolicyInputList", ()))
        for level in given
    )


def _compiled(text: str, kind: Kind) -> Policy:
    try:
        return compile_policy(parse(text, kind))
    except MalformedPolicy as malformed:
        raise InvalidInput(str(malformed)) from None


def _context(entries: Sequence[Mapping[str, Any]]) -> Mapping[str, tuple[str, ...]]:
    try:
        return read_entries(
            (
                entry.get("ContextKeyName", ""),
                entry.get("ContextKeyType", "string"),
                entry.get("ContextKeyValues", ()),
            )
            for entry in entries
        )
    except UnreadableValue as unreadable:
        raise InvalidInput(str(unreadable)) from None


def _caller(arn: str | None, account: str) -> Principal:
    """Return the simulated caller; nobody in particular where no ARN names one."""
    if arn is None:
        return Principal("user", "", account)
    kind, owner, _ = _named(arn)
    if kind == "role":
        return Principal("session", "", owner, role_arn=arn)
    return Principal("user", arn, owner)


def _owner(text: str | None) -> str:
    """Return the account that `ResourceOwner` names, by its number or its root's ARN."""
    if text is None:
        return ""
    fields = parse_arn(text)
    return text if fields is None else fields.account


def _named(arn: str) -> tuple[str, str, str]:
    """Return the kind, the account and the name that the ARN of an entity says."""
    fields = parse_arn(arn)
    kind, _, path = (fields.resource if fields else "").partition("/")
    name = path.rpartition("/")[2]
    if fields is None or fields.service != "iam" or kind not in KINDS or not name:
        raise InvalidInput(
            f"Invalid Entity Arn: {arn} does not clearly define entity type and name."
        )
    return kind, fields.account, name


def _find(ctx: Context, kind: str, account: str, name: str) -> User | Group | Role | None:
    if kind == "user":
        return find_user(ctx.unit, account, name)
    if kind == "group":
        return find_group(ctx.unit, account, name)
    return find_role(ctx.unit, account, name)
