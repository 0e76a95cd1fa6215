# SPDX-License-Identifier: Apache-2.0
"""`stockade explain`: what allowed a call, or why it was refused and what would allow it.

All of it was written into the call's audit record when it was decided, so it tells what was true
then, not what the policies say by now. Of a call that was allowed the record names the statement
that did so in each layer, and no more.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from stockade.cli.options import client, data_option, endpoint_option, examples
from stockade.cli.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OK = 200
NO_DECISION = "no policy decided this call: it ended before"
NOT_KEPT = "by what is not known: its record is from before that was kept"
NO_PERMISSION = "it needs no permission"
CONTROLS = ("service control policy", "resource control policy")
"""The kinds of policy that have levels."""


@click.command(
    epilog=examples(
        "stockade explain 1e7b2b5c-4c58-4a8e-9a40-2f2a4a0f6f0d",
        "stockade explain --data /var/lib/stockade 1e7b2b5c-4c58-4a8e-9a40-2f2a4a0f6f0d",
    )
)
@endpoint_option
@data_option(required=False, text="Ask the audit trail in this data directory, not a dev server.")
@click.argument("request_id")
def explain(endpoint: str, data: Path | None, request_id: str) -> None:
    """Explain what allowed a call, or why it was refused.

    What is shown was recorded when the call was decided; policies may have been changed since.

    REQUEST_ID is what AWS's tools call `RequestId`, and what is in the answer's header
    x-amzn-RequestId.
    """
    record = _asked(endpoint, request_id) if data is None else _read(data, request_id)
    click.echo("\n".join(story(record)))


def story(record: dict[str, Any]) -> Iterator[str]:
    """Yield the lines that tell a call's record."""
    identity = record.get("userIdentity") or {}
    who = identity.get("arn") or identity.get("accessKeyId") or "nobody known"
    service = record["eventSource"].removesuffix(".amazonaws.com")
    yield f"{record['eventTime']}  {who}"
    yield f"called {service}:{record['eventName']} in {record['awsRegion']}"
    if "errorCode" not in record:
        yield "and was allowed"
        yield ""
        yield from _permissions(record.get("allowedBy"))
        return
    yield f"and was refused: {record['errorCode']}"
    if record.get("errorMessage"):
        yield f"  {record['errorMessage']}"
    decision = (record.get("additionalEventData") or {}).get("decision")
    yield ""
    if decision is not None:
        yield from _decision(decision)
    elif "allowedBy" in record:
        yield "but not by a policy:"
        yield from _permissions(record["allowedBy"])
    else:
        yield NO_DECISION


def _permissions(permissions: list[list[Any]] | None) -> Iterator[str]:
    """Tell what allowed each action that a call needs, layer by layer."""
    if permissions is None:
        yield NOT_KEPT
        return
    if not permissions:
        yield NO_PERMISSION
    for action, resource, allows in permissions:
        yield f"{action} on {resource} was allowed by"
        seen: Counter[str] = Counter()
        for kind, reference in allows:
            level = _level({"level": seen[kind]}) if kind in CONTROLS else ""
            seen[kind] += 1
            yield f"  {kind}{level}{_referred(reference)}"


def _referred(reference: list[Any] | None) -> str:
    """Return which statement of which policy allowed, as far as the record tells."""
    if reference is None:
        return ""
    policy, named = reference
    sid, index = (named, None) if isinstance(named, str) else ("", named)
    return f": {_statement_name(sid, index)}{f' of {policy}' if policy else ''}"


def _decision(decision: dict[str, Any]) -> Iterator[str]:
    trace = decision["trace"]
    yield f"{decision['action']} on {decision['resource']}: {_verdict(trace['decision'])}"
    for layer in trace["layers"]:
        yield ""
        yield from _layer(layer)
    if trace["missing_context_keys"]:
        yield ""
        yield f"the request lacks: {', '.join(trace['missing_context_keys'])}"
    for change in trace["proposal"]:
        yield ""
        yield from _change(change)


def _verdict(decision: dict[str, Any]) -> str:
    kind = decision["policy_type"]
    if decision["outcome"] != "explicitDeny":
        return f"no {kind} allows it"
    statement = _statement_name(decision["sid"], decision["statement"])
    policy = f" of {decision['policy_arn']}" if decision["policy_arn"] else ""
    return f"{statement}{policy} ({kind}) denies it"


def _layer(layer: dict[str, Any]) -> Iterator[str]:
    yield f"{layer['policy_type']}{_level(layer)}:"
    if not layer["policies"]:
        yield "  there is none"
    for policy in layer["policies"]:
        yield f"  {policy['name'] or policy['arn'] or 'the policy'}"
        for statement in policy["statements"]:
            name = _statement_name(statement["sid"], statement["index"])
            yield f"    {statement['effect']:5}  {name}: {_match(statement)}"


def _match(statement: dict[str, Any]) -> str:
    if statement["matched"]:
        return "applies"
    condition = statement["condition"]
    if condition is None:
        return f"is about another {statement['reason']}"
    actual = condition["actual"]
    has = "the request has none" if actual is None else f"the request has {', '.join(actual)}"
    wanted = f"{condition['operator']} {condition['key']} {', '.join(condition['expected'])}"
    return f"asks for {wanted}; {has}"


def _change(change: dict[str, Any]) -> Iterator[str]:
    where = f" {change['policy_arn']}" if change["policy_arn"] else ""
    if change["action"] == "add":
        yield f"to allow it, add to the {change['policy_type']}{where}{_level(change)}:"
    else:
        yield f"to allow it, take out of the {change['policy_type']}{where}:"
    yield from json.dumps(change["statement"], indent=2, ensure_ascii=False).splitlines()


def _level(told: dict[str, Any]) -> str:
    """Return where a control policy stands; records from before there were any say nothing."""
    level = told.get("level")
    if level is None:
        return ""
    return (
        " at the organization's root" if level == 0 else f" {level} below the organization's root"
    )


def _statement_name(sid: str, index: int | None) -> str:
    return f"statement {sid!r}" if sid else f"statement {(index or 0) + 1}"


def _asked(endpoint: str, request_id: str) -> dict[str, Any]:
    from urllib.parse import quote

    reply = client(endpoint).get(f"/_stockade/explain?request_id={quote(request_id, safe='')}")
    said = reply.fields()
    if reply.status == OK and "eventName" in said:
        return said
    if "nothing at" in said.get("error", ""):
        hint = "a server that is not in dev explains nothing over HTTP: give its --data DIR"
        raise Problem(f"{endpoint} does not explain", hint)
    raise _unknown(request_id)


def _read(data: Path, request_id: str) -> dict[str, Any]:
    """Return a record of the audit trail in a data directory; no seal is needed for that."""
    from stockade.cli.deployment import open_store
    from stockade.core.ids import system_random
    from stockade.store.journal import Journal

    with open_store(data) as store:
        journal = Journal(data, system_random)
        try:
            journal.ship(store)
            with store.read() as unit:
                records = journal.by_request_id(unit, request_id)
        finally:
            journal.close()
    if not records:
        raise _unknown(request_id)
    record: dict[str, Any] = json.loads(records[-1])
    return record


def _unknown(request_id: str) -> Problem:
    hint = "AWS's tools show it with an error; the AWS CLI shows every one with --debug"
    return Problem(f"there is no call with the request id {request_id!r}", hint)
