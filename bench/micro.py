# SPDX-License-Identifier: Apache-2.0
"""Single steps of a request's way, in process, in microseconds, against the budgets."""

from __future__ import annotations

import json
import subprocess
import timeit
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from bench.targets import PEERS, PEERS_LOCK
from bench.workshop import CONTEXT, Workshop, user_policy, workshop
from stockade.app import Stockade
from stockade.core import audit
from stockade.core.clock import ManualClock
from stockade.core.context import Context
from stockade.core.ids import RandomPool, system_random
from stockade.core.ports import Ports
from stockade.gateway import Bound
from stockade.policy.compile import compile_policy
from stockade.policy.decide import Layers, decide
from stockade.policy.document import parse
from stockade.policy.request import Principal, Query
from stockade.protocol import sigv4
from stockade.protocol.catalogue import Catalogue
from stockade.services.iam.credentials import IamDirectory
from stockade.store.errors import NotInMemory
from tests.clients.environment import environment

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from stockade.policy.compile import Policy
    from stockade.policy.elements import Kind
    from stockade.protocol.http import HttpResponse

REPEATS = 7
ACCOUNT = "000000000000"
FIVE_MINUTES = timedelta(minutes=5)


VERIFY = "SigV4 verify, signing key cached"
DECIDE_MUCH = "decision, ten policies of ten statements, three SCP and RCP levels, a boundary"


@dataclass(frozen=True)
class Step:
    """One step: `make` prepares it and returns what is timed."""

    name: str
    make: Callable[[Workshop], Callable[[], object]]
    at_most_us: float | None = None
    """The budget."""
    does: str = ""
    """Of another's way to do it: the name of our step that does the same."""


@dataclass(frozen=True)
class Timed:
    """What a step takes, and may take."""

    us: float
    at_most_us: float | None = None
    ratio: float | None = None
    """How many times as long as ours another's way takes."""


def steps() -> list[Step]:
    """Return every step, in the order of a request's way."""
    return [
        Step(VERIFY, _verify, 10),
        Step("the same request signed again by botocore, to compare", _sign_again, does=VERIFY),
        Step("Encrypt's body read and validated", _read),
        Step("decision, user policy and key policy", _decide, 20),
        Step(DECIDE_MUCH, _decide_much, 100),
        Step("audit record built and appended to the journal on disk", _record, 20),
        *(
            Step(f"gateway, a whole {name}", _gateway(name))
            for name in ("Encrypt", "Decrypt", "GenerateDataKey", "DescribeKey")
        ),
        Step("testing kit, a deployment started and closed", _deployment, 50_000),
    ]


def micro() -> dict[str, Timed]:
    """Return what each step takes, by its name."""
    timed: dict[str, Timed] = {}
    with workshop() as shop:
        for step in steps():
            us = _microseconds(step.make(shop))
            ratio = us / timed[step.does].us if step.does else None
            timed[step.name] = Timed(us, step.at_most_us, ratio)
    us = cedar()
    timed["Cedar (cedarpy), ten policies of ten statements, to compare"] = Timed(
        us, ratio=us / timed[DECIDE_MUCH].us
    )
    return timed


def _microseconds(action: Callable[[], object]) -> float:
    timer = timeit.Timer(action)
    number, _ = timer.autorange()
    return median(timer.repeat(REPEATS, number)) / number * 1e6


def _verify(shop: Workshop) -> Callable[[], object]:
    http = shop.requests["Encrypt"]
    claim, now = sigv4.parse(http), shop.app.clock.host()
    key = sigv4.signing_key(shop.secret_access_key, claim.date, claim.region, claim.service)

    def verify() -> None:
        http.joined = None  # what the request would remember from one time to the next
        signed = sigv4.parse(http)
        sigv4.check_scope(signed, ("kms",))
        sigv4.check_time(signed, now, FIVE_MINUTES)
        sigv4.check_signature(http, signed, key)

    return verify


def _sign_again(shop: Workshop) -> Callable[[], object]:
    """Do what an emulator may: sign what was received with the stock signer, and compare."""
    http = shop.requests["Encrypt"]
    credentials = Credentials(shop.access_key_id, shop.secret_access_key)
    headers = {name.decode(): value.decode() for name, value in http.headers}
    del headers["authorization"]

    def sign() -> None:
        request = AWSRequest(http.method, f"http://{headers['host']}/", headers, http.body)
        SigV4Auth(credentials, "kms", "us-east-1").add_auth(request)

    return sign


def cedar() -> float:
    """Return what a decision of Cedar takes; its library lives in the peers' environment."""
    python = environment(PEERS_LOCK, PEERS) / "python"
    said = subprocess.run(
        [python, Path(__file__).with_name("cedar.py")], check=True, capture_output=True, timeout=60
    )
    return float(said.stdout)


def _deployment(_shop: Workshop) -> Callable[[], object]:
    return lambda: Stockade.in_memory(clock=ManualClock.today()).close()


def _read(shop: Workshop) -> Callable[[], object]:
    http = shop.requests["Encrypt"]
    catalogue = Catalogue([service.entry for service in shop.app.services.values()])
    wire = catalogue.wire(http)
    operation = catalogue.operation(http, wire, "kms")
    return lambda: wire.read(http, operation)


def _decide(shop: Workshop) -> Callable[[], object]:
    own = _compiled(user_policy(shop.key_arn))
    return _decision(shop.key_arn, Layers((own,), _key_policy(), ACCOUNT, resource_must_allow=True))


def _decide_much(shop: Workshop) -> Callable[[], object]:
    others = tuple(_compiled(_unrelated(number)) for number in range(9))
    own, boundary = _compiled(user_policy(shop.key_arn)), _compiled(user_policy("*"))
    layers = Layers(
        (*others, own),
        _key_policy(),
        ACCOUNT,
        resource_must_allow=True,
        boundary=boundary,
        scp=((_control("identity"),),) * 3,
        rcp=((_control("resource"),),) * 3,
    )
    return _decision(shop.key_arn, layers)


def _control(kind: Kind) -> Policy:
    """Return a control policy that allows everything but calls from outside."""
    outside = {"NotIpAddress": {"aws:SourceIp": "127.0.0.0/8"}}
    statements: list[dict[str, Any]] = [
        {"Effect": "Allow", "Action": "*", "Resource": "*"},
        {"Effect": "Deny", "Action": "kms:*", "Resource": "*", "Condition": outside},
    ]
    if kind == "resource":
        statements = [{**statement, "Principal": "*"} for statement in statements]
    document = {"Version": "2012-10-17", "Statement": statements}
    return compile_policy(parse(json.dumps(document), kind))


def _decision(key_arn: str, layers: Layers) -> Callable[[], object]:
    caller = Principal("user", f"arn:aws:iam::{ACCOUNT}:user/bench", ACCOUNT)
    values = {f"kms:encryptioncontext:{name}": (value,) for name, value in CONTEXT.items()}
    values["aws:sourceip"] = ("127.0.0.1",)
    query = Query(caller, "kms:Encrypt", key_arn, values.get)
    assert decide(query, layers).allowed
    return lambda: decide(query, layers)


def _compiled(policy: dict[str, Any]) -> Policy:
    return compile_policy(parse(json.dumps(policy), "identity"))


def _key_policy() -> Policy:
    """Return the default key policy, which delegates to the account."""
    root = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    statement = {"Effect": "Allow", "Principal": root, "Action": "kms:*", "Resource": "*"}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    return compile_policy(parse(json.dumps(document), "resource"))


def _unrelated(number: int) -> dict[str, Any]:
    """Return a policy of ten statements that speak of KMS under conditions, but not of our key."""
    other = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/other-{number}"
    inside = {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}
    tenant = {"StringEquals": {"kms:EncryptionContext:tenant": f"t{number}"}}
    statements = [
        {"Effect": "Allow", "Action": "kms:*", "Resource": f"{other}-{each}", "Condition": inside}
        for each in range(9)
    ]
    deny = {"Effect": "Deny", "Action": "kms:*", "Resource": "*", "Condition": tenant}
    return {"Version": "2012-10-17", "Statement": [*statements, deny]}


def _record(shop: Workshop) -> Callable[[], object]:
    app, http = shop.app, shop.requests["Encrypt"]
    catalogue = Catalogue([service.entry for service in app.services.values()])
    named = catalogue.operation(http, catalogue.wire(http), "kms")
    bound = Bound(app.services["kms"], app.services["kms"].operations["encrypt"], named)
    params = catalogue.wire(http).read(http, named)
    opener, touched = audit.Audit(RandomPool()), ((shop.key_arn, "AWS::KMS::Key"),)
    with app.store.read() as unit:
        ctx = _context(shop, unit)

    def record() -> None:
        entry = opener.open(ctx, bound.event_source, bound.name, read_only=True)
        entry.request_parameters = bound.shapes.request(params)
        audit.touch(entry, touched)
        for line in opener.succeed(entry, None, ctx.now):
            app.journal.append(line)

    return record


def _context(shop: Workshop, unit: Any) -> Context:
    """Return the context of the user's call, as the gateway makes it."""
    app, now = shop.app, shop.app.clock.now()
    directory = IamDirectory(app.vault, known_account=None)
    return Context(
        now=now,
        request_id=RandomPool().uuid(),
        region="us-east-1",
        caller=directory.find_credential(unit, shop.access_key_id, None, now).caller,
        unit=unit,
        record=app.journal.append,
        random=system_random,
        nonce=lambda: bytes(28),
        vault=app.vault,
        ports=Ports({}),
        source_ip="127.0.0.1",
        user_agent="Boto3/1.44.5 md/Botocore#1.44.5 ua/2.1 os/linux lang/python#3.11.7",
        secure=False,
        host="127.0.0.1:4566",
    )


def _gateway(name: str) -> Callable[[Workshop], Callable[[], object]]:
    """Return the step of a whole call, from the request's bytes to the answer's."""

    def make(shop: Workshop) -> Callable[[], object]:
        app, http = shop.app, shop.requests[name]
        answer = app.answer(http)
        assert answer.status == 200, answer.body

        def call() -> HttpResponse:
            http.joined = None
            try:
                return app.answer_from_memory(http, [])
            except NotInMemory:
                return app.answer(http)

        return call

    return make
