# SPDX-License-Identifier: Apache-2.0
"""AssumeRoleWithWebIdentity: tokens of a real issuer on this host, good ones and every bad kind."""

from __future__ import annotations

import hashlib
import json
import time
from typing import TYPE_CHECKING, Any

import jwt
import pytest

from stockade.services.sts.fetch import LIMIT
from stockade.services.sts.issuers import Issuers
from tests.services.iam.helpers import ACCOUNT, OTHER, allow, policy, refused, with_key
from tests.services.sts.issuer import Issuer, rsa_key
from tests.services.sts.joined import Joined, Oidc, join
from tests.services.sts.records import record_of, record_of_refusal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import boto3

    from stockade.app import Stockade

ROLE = f"arn:aws:iam::{ACCOUNT}:role/deploy"
ALL = ["sts:AssumeRoleWithWebIdentity", "sts:TagSession", "sts:SetSourceIdentity"]
NO_KEY = (
    "Couldn't retrieve verification key from your identity provider,  please reference "
    "AssumeRoleWithWebIdentity documentation for requirements"
)
NO_JWT = (
    "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"
)
UNVERIFIABLE = ("InvalidIdentityToken", 400, NO_KEY)
NO_TOKEN = ("InvalidIdentityToken", 400, NO_JWT)


class World:
    """An issuer, a provider that stands for it, and a role that trusts the provider."""

    def __init__(self, stockade: Stockade, aws: boto3.Session, issuer: Issuer) -> None:
        self.stockade = stockade
        self.issuer = issuer
        self.joined: Joined = join(stockade)
        self.provider = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{issuer.name}"
        self.register()
        self.iam = aws.client("iam")
        self.sts = aws.client("sts")
        self.iam.create_role(RoleName="deploy", AssumeRolePolicyDocument=self.trust())

    def register(self, **more: Any) -> None:
        self.joined.oidc[ACCOUNT, self.issuer.url] = Oidc(
            arn=self.provider, url=self.issuer.name, **more
        )

    def trust(self, actions: Any = "sts:AssumeRoleWithWebIdentity", **more: Any) -> str:
        return policy(
            {
                "Effect": "Allow",
                "Principal": {"Federated": self.provider},
                "Action": actions,
                **more,
            }
        )

    def trusts(self, document: str) -> None:
        self.iam.update_assume_role_policy(RoleName="deploy", PolicyDocument=document)

    def asks(self, token: str | None = None, **more: Any) -> dict[str, Any]:
        usual = {"RoleArn": ROLE, "RoleSessionName": "ci"}
        return usual | {"WebIdentityToken": token or self.issuer.token()} | more

    def assume(self, token: str | None = None, **more: Any) -> Any:
        return self.sts.assume_role_with_web_identity(**self.asks(token, **more))

    def refuses(self, token: str | None = None, **more: Any) -> tuple[str, int, str]:
        return refused(self.sts.assume_role_with_web_identity, **self.asks(token, **more))


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with Issuer() as serving:
        yield serving


@pytest.fixture
def world(stockade: Stockade, aws: boto3.Session, issuer: Issuer) -> World:
    return World(stockade, aws, issuer)


@pytest.mark.parametrize("algorithm", ["RS256", "RS384", "RS512", "ES256"])
def test_a_token_opens_a_role(world: World, algorithm: str) -> None:
    kid = "ec" if algorithm == "ES256" else "rsa"
    answer = world.assume(world.issuer.token(kid=kid, algorithm=algorithm))
    assert answer["SubjectFromWebIdentityToken"] == "repo:a/b"
    assert answer["Audience"] == "sts.amazonaws.com"
    assert answer["Provider"] == world.provider
    who = with_key(world.stockade, answer["Credentials"]).client("sts").get_caller_identity()
    assert who["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/deploy/ci"
    assert who["Arn"] == answer["AssumedRoleUser"]["Arn"]


def test_the_request_carries_no_signature(world: World) -> None:
    seen = []
    world.sts.meta.events.register_first(
        "before-send", lambda request, **_: seen.append(dict(request.headers))
    )
    world.assume()
    assert "Authorization" not in seen[0]


def test_the_trust_policy_decides_on_what_the_token_says(world: World) -> None:
    name = world.issuer.name
    mine = {"StringLike": {f"{name}:sub": "repo:a/*"}, "StringEquals": {f"{name}:aud": "other"}}
    world.register(client_ids=("sts.amazonaws.com", "other"))
    world.trusts(world.trust(Condition=mine))
    no = ("AccessDenied", 403, "Not authorized to perform sts:AssumeRoleWithWebIdentity")
    assert world.refuses() == no
    world.assume(world.issuer.token(aud="other"))
    assert world.refuses(world.issuer.token(aud="other", sub="repo:b/c")) == no
    absent = f"arn:aws:iam::{ACCOUNT}:role/absent"
    assert world.refuses(RoleArn=absent) == no
    amr = {"ForAnyValue:StringLike": {f"{name}:amr": "authenticated"}}
    world.trusts(world.trust(Condition=amr))
    assert world.refuses() == no
    world.assume(world.issuer.token(amr=["authenticated", "x"]))


def test_another_provider_or_an_account_is_not_trusted(world: World) -> None:
    for principal in (
        {"Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/other"},
        {"AWS": ACCOUNT},
    ):
        statement = json.loads(world.trust())["Statement"][0] | {"Principal": principal}
        world.trusts(policy(statement))
        assert world.refuses()[0] == "AccessDenied"


def test_a_provider_belongs_to_an_account(world: World) -> None:
    there = world.refuses(RoleArn=f"arn:aws:iam::{OTHER}:role/deploy")
    assert there == (
        "InvalidIdentityToken",
        400,
        f"No OpenIDConnect provider found in your account for {world.issuer.url}",
    )


def test_an_audience_that_was_not_registered_is_refused(world: World) -> None:
    assert world.refuses(world.issuer.token(aud="other")) == (
        "InvalidIdentityToken",
        400,
        "Incorrect token audience",
    )
    world.assume(world.issuer.token(aud=["other", "sts.amazonaws.com"]))
    both = world.issuer.token(aud=["other", "sts.amazonaws.com"], azp="other")
    assert world.refuses(both)[2] == "Incorrect token audience"


@pytest.mark.parametrize("claim", ["sub", "aud", "exp", "iat"])
def test_what_a_token_must_say(world: World, claim: str) -> None:
    told = world.refuses(world.issuer.token({claim: None}))
    assert told == ("InvalidIdentityToken", 400, f"Missing a required claim: {claim}")


def test_an_expired_token_is_refused_by_the_hosts_clock(world: World) -> None:
    now = int(time.time())
    code, status, text = world.refuses(world.issuer.token(iat=now - 600, exp=now - 300))
    assert (code, status) == ("ExpiredTokenException", 400)
    assert text.startswith("Token expired: current date/time ")
    assert text.endswith(f" must be before the expiration date/time {now - 300}")
    old = world.refuses(world.issuer.token(iat=now - 90_000))
    assert old[0] == "ExpiredTokenException"
    assert old[2].startswith("Token too old: ")
    for early in ({"nbf": now + 3600}, {"iat": now + 3600, "exp": now + 7200}):
        assert world.refuses(world.issuer.token(early))[0] == "InvalidIdentityToken"


def test_what_is_no_token_is_refused(world: World) -> None:
    key = rsa_key("stranger")
    claims = jwt.decode(world.issuer.token(), options={"verify_signature": False})
    assert world.refuses("abcd") == NO_TOKEN
    assert world.refuses("a.b.c") == NO_TOKEN
    assert world.refuses(jwt.encode(claims, "", algorithm="none")) == NO_TOKEN
    symmetric = jwt.encode(claims, "s" * 64, algorithm="HS256", headers={"kid": "rsa"})
    assert world.refuses(symmetric) == NO_TOKEN
    forged = jwt.encode(claims, key, algorithm="RS256", headers={"kid": "rsa"})
    assert world.refuses(forged)[::2] == ("InvalidIdentityToken", "Token signature invalid")
    good = world.issuer.token()
    head, body, signature = good.split(".")
    changed = body[:20] + ("A" if body[20] != "A" else "B") + body[21:]
    assert world.refuses(f"{head}.{changed}.{signature}")[0] == "InvalidIdentityToken"
    stranger = jwt.encode(claims, key, algorithm="RS256", headers={"kid": "other"})
    assert world.refuses(stranger) == UNVERIFIABLE


def test_keys_are_fetched_once(world: World) -> None:
    world.assume()
    world.assume()
    assert world.issuer.asked == ["/.well-known/openid-configuration", "/keys"]
    claims = jwt.decode(world.issuer.token(), options={"verify_signature": False})
    unknown = jwt.encode(claims, world.issuer.rsa, algorithm="RS256", headers={"kid": "new"})
    assert world.refuses(unknown) == UNVERIFIABLE
    assert len(world.issuer.asked) == 2


def test_an_issuer_that_says_nothing_useful_proves_nothing(
    stockade: Stockade, aws: boto3.Session
) -> None:
    discovery, keys = "/.well-known/openid-configuration", "/keys"
    said: list[dict[str, bytes]] = [
        {discovery: b"{"},
        {discovery: b'{"issuer":"https://other","jwks_uri":"https://other/keys"}'},
        {keys: b"[]"},
        {keys: b'{"keys":[1,{"kty":"RSA"},{"kty":"oct","k":"AAAA"}]}'},
        {keys: b" " * (LIMIT + 1)},
    ]
    for each in said:
        with Issuer() as issuer:
            issuer.said |= each
            world = World(stockade, aws, issuer)
            assert world.refuses() == UNVERIFIABLE
            asked = len(issuer.asked)
            assert world.refuses() == UNVERIFIABLE
            assert len(issuer.asked) == asked, "a failure is not asked for again at once"
            world.iam.delete_role(RoleName="deploy")


def test_an_issuer_that_is_gone_is_said_so(world: World) -> None:
    gone = "http://127.0.0.1:9"
    world.joined.oidc[ACCOUNT, gone] = Oidc(arn=world.provider, url=gone)
    assert world.refuses(world.issuer.token(iss=gone)) == UNVERIFIABLE
    outside = "http://example.invalid"
    world.joined.oidc[ACCOUNT, outside] = Oidc(arn=world.provider, url=outside)
    assert world.refuses(world.issuer.token(iss=outside)) == UNVERIFIABLE


def test_plain_http_is_for_dev_alone(world: World) -> None:
    ports = world.stockade.gateway._ports._implementations
    ports[Issuers] = Issuers(world.stockade.clock, loopback=False)
    assert world.refuses() == UNVERIFIABLE
    assert world.issuer.asked == []


def test_a_certificate_is_known_by_its_thumbprint(
    stockade: Stockade, aws: boto3.Session, tmp_path: Path
) -> None:
    with Issuer(tmp_path) as issuer:
        world = World(stockade, aws, issuer)
        untrusted = (
            "InvalidIdentityToken",
            400,
            "OpenIDConnect provider's HTTPS certificate doesn't match configured thumbprint",
        )
        assert world.refuses() == untrusted
        world.register(thumbprints=("0" * 40,))
        assert world.refuses() == untrusted
        print_ = hashlib.sha1(issuer.certificate, usedforsecurity=False).hexdigest()
        world.register(thumbprints=(print_,))
        world.assume()


def test_tags_and_source_identity_come_with_the_token(world: World) -> None:
    said = {
        "https://aws.amazon.com/tags": {
            "principal_tags": {"team": ["red"], "own": ["x"]},
            "transitive_tag_keys": ["team"],
        },
        "https://aws.amazon.com/source_identity": "alice",
    }
    token = world.issuer.token(said)
    assert world.refuses(token)[2] == "Not authorized to perform sts:TagSession"
    red = {"StringEquals": {"aws:RequestTag/team": "red", "sts:SourceIdentity": "alice"}}
    world.trusts(world.trust(ALL, Condition=red))
    answer = world.assume(token)
    assert answer["SourceIdentity"] == "alice"
    assert answer["PackedPolicySize"] > 0
    own = f"arn:aws:iam::{ACCOUNT}:user/${{aws:PrincipalTag/team}}"
    world.iam.put_role_policy(
        RoleName="deploy", PolicyName="p", PolicyDocument=policy(allow("iam:GetUser", own))
    )
    world.iam.create_user(UserName="red")
    iam = with_key(world.stockade, answer["Credentials"]).client("iam")
    iam.get_user(UserName="red")
    spread = {
        "https://aws.amazon.com/tags/principal_tags/team": "red",
        "https://aws.amazon.com/source_identity": "alice",
    }
    world.assume(world.issuer.token(spread))
    bad = world.issuer.token({"https://aws.amazon.com/source_identity": "aws:alice"})
    assert world.refuses(bad)[0] == "InvalidIdentityToken"


def test_what_the_token_says_stays_a_condition(world: World) -> None:
    name = world.issuer.name
    mine = {
        "StringEquals": {f"{name}:sub": "repo:a/b", "aws:FederatedProvider": world.provider},
        "Bool": {"aws:MultiFactorAuthPresent": "false"},
    }
    world.iam.put_role_policy(
        RoleName="deploy",
        PolicyName="p",
        PolicyDocument=policy(allow("iam:ListUsers", Condition=mine)),
    )
    with_key(world.stockade, world.assume()["Credentials"]).client("iam").list_users()
    other = world.assume(world.issuer.token(sub="other"))["Credentials"]
    assert refused(with_key(world.stockade, other).client("iam").list_users)[0] == "AccessDenied"


def test_the_role_and_session_policies_bound_the_session(world: World) -> None:
    assert world.refuses(DurationSeconds=3601)[2] == (
        "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
    )
    world.iam.put_role_policy(
        RoleName="deploy", PolicyName="p", PolicyDocument=policy(allow("iam:*"))
    )
    limited = world.assume(Policy=policy(allow("iam:ListUsers")))["Credentials"]
    iam = with_key(world.stockade, limited).client("iam")
    iam.list_users()
    assert refused(iam.list_roles)[0] == "AccessDenied"
    assert world.refuses(Policy="{")[0] == "MalformedPolicyDocument"


def test_the_session_of_a_token_may_chain(world: World) -> None:
    world.iam.create_role(
        RoleName="next",
        AssumeRolePolicyDocument=policy(
            {"Effect": "Allow", "Principal": {"AWS": ROLE}, "Action": "sts:AssumeRole"}
        ),
    )
    sts = with_key(world.stockade, world.assume()["Credentials"]).client("sts")
    sts.assume_role(RoleArn=f"arn:aws:iam::{ACCOUNT}:role/next", RoleSessionName="me")


def test_the_record_names_the_web_identity(world: World) -> None:
    token = world.issuer.token()
    answer = world.assume(token)
    record = record_of(world.stockade, answer)
    assert record["userIdentity"] == {
        "type": "WebIdentityUser",
        "principalId": f"{world.provider}:sts.amazonaws.com:repo:a/b",
        "userName": "repo:a/b",
        "identityProvider": world.provider,
    }
    assert record["recipientAccountId"] == ACCOUNT
    assert record["resources"] == [{"accountId": ACCOUNT, "type": "AWS::IAM::Role", "ARN": ROLE}]
    assert record["requestParameters"] == {"roleArn": ROLE, "roleSessionName": "ci"}
    text = json.dumps(record)
    assert token not in text
    assert answer["Credentials"]["SecretAccessKey"] not in text
    called = with_key(world.stockade, answer["Credentials"]).client("sts").get_caller_identity()
    context = record_of(world.stockade, called)["userIdentity"]["sessionContext"]
    assert context["webIdFederationData"] == {
        "federatedProvider": world.provider,
        "attributes": {},
    }


def test_refusals_are_recorded(world: World) -> None:
    call = world.sts.assume_role_with_web_identity
    record = record_of_refusal(world.stockade, call, **world.asks("abcd"))
    assert record["errorCode"] == "InvalidIdentityToken"
    assert record["userIdentity"]["type"] == "Unknown"
    assert record["recipientAccountId"] == ACCOUNT
    world.trusts(policy({"Effect": "Deny", "Principal": "*", "Action": ALL}))
    record = record_of_refusal(world.stockade, call, **world.asks())
    assert record["errorCode"] == "AccessDenied"
    assert record["userIdentity"]["type"] == "WebIdentityUser"
    short = world.asks() | {"RoleSessionName": "a b"}
    record = record_of_refusal(world.stockade, call, **short)
    assert record["errorCode"] == "ValidationError"
