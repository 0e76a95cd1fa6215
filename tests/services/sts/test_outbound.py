# SPDX-License-Identifier: Apache-2.0
"""GetWebIdentityToken: a token that the published keys prove, and nothing else does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import jwt
import pytest

from stockade.protocol.http import HttpRequest
from tests.services.iam.helpers import ACCOUNT, OTHER, allow, refused, trust, user, with_key
from tests.services.sts.joined import join
from tests.services.sts.records import record_of

if TYPE_CHECKING:
    import boto3

    from stockade.app import Stockade
    from stockade.testing.plugin import TestClock

ISSUER = f"http://stockade.invalid/_stockade/oidc/{ACCOUNT}"
ALICE = f"arn:aws:iam::{ACCOUNT}:user/alice"
NAMESPACE = "https://sts.amazonaws.com/"
MAY = "sts:GetWebIdentityToken"


def fetched(stockade: Stockade, url: str) -> Any:
    path = url.removeprefix("http://stockade.invalid")
    http = HttpRequest(
        method="GET", raw_path=path.encode(), headers=[(b"host", b"stockade.invalid")]
    )
    answer = stockade.beside(http)
    assert answer is not None
    return json.loads(answer.body) if answer.status == 200 else answer.status


def proven(stockade: Stockade, token: str, audience: str) -> dict[str, Any]:
    """Return what a token says, as a service outside would find out."""
    header = jwt.get_unverified_header(token)
    said = jwt.decode(token, options={"verify_signature": False})["iss"]
    discovery = fetched(stockade, f"{said}/.well-known/openid-configuration")
    assert discovery["issuer"] == said
    keys = jwt.PyJWKSet.from_dict(fetched(stockade, discovery["jwks_uri"]))
    key = next(each for each in keys.keys if each.key_id == header["kid"])
    claims: dict[str, Any] = jwt.decode(
        token, key.key, algorithms=[header["alg"]], audience=audience, issuer=ISSUER
    )
    return claims


@pytest.mark.parametrize("algorithm", ["RS256", "ES384"])
def test_a_token_says_who_the_caller_is(
    stockade: Stockade, aws: boto3.Session, algorithm: str
) -> None:
    sts = user(stockade, aws, "alice", allow(MAY)).client("sts")
    aws.client("iam").tag_user(UserName="alice", Tags=[{"Key": "team", "Value": "red"}])
    answer = sts.get_web_identity_token(Audience=["https://api"], SigningAlgorithm=algorithm)
    claims = proven(stockade, answer["WebIdentityToken"], "https://api")
    assert claims["sub"] == ALICE
    assert claims["exp"] - claims["iat"] == 300
    assert claims["exp"] == answer["Expiration"].timestamp()
    assert claims[NAMESPACE]["aws_account"] == ACCOUNT
    assert claims[NAMESPACE]["source_region"] == "us-east-1"
    assert claims[NAMESPACE]["principal_tags"] == {"team": "red"}
    again = sts.get_web_identity_token(Audience=["a", "b"], SigningAlgorithm=algorithm)
    assert proven(stockade, again["WebIdentityToken"], "b")["aud"] == ["a", "b"]
    record = record_of(stockade, answer)
    assert answer["WebIdentityToken"] not in json.dumps(record)


def test_tags_of_the_request_need_a_permission(stockade: Stockade, aws: boto3.Session) -> None:
    sts = user(stockade, aws, "alice", allow(MAY)).client("sts")
    asked = {
        "Audience": ["a"],
        "SigningAlgorithm": "ES384",
        "Tags": [{"Key": "job", "Value": "7"}],
    }
    assert "sts:TagGetWebIdentityToken" in refused(sts.get_web_identity_token, **asked)[2]
    token = aws.client("sts").get_web_identity_token(**asked)["WebIdentityToken"]
    assert proven(stockade, token, "a")[NAMESPACE]["request_tags"] == {"job": "7"}
    assert refused(sts.get_web_identity_token, Audience=["a"], SigningAlgorithm="HS256")[0] == (
        "ValidationError"
    )


def test_a_token_does_not_outlive_the_session(
    stockade: Stockade, aws: boto3.Session, clock: TestClock
) -> None:
    alice = user(stockade, aws, "alice")
    iam = aws.client("iam")
    role = iam.create_role(RoleName="r", AssumeRolePolicyDocument=trust(ALICE))["Role"]["Arn"]
    document = json.dumps({"Version": "2012-10-17", "Statement": [allow(MAY)]})
    iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=document)
    assumed = alice.client("sts").assume_role(
        RoleArn=role, RoleSessionName="me", DurationSeconds=900
    )
    sts = with_key(stockade, assumed["Credentials"]).client("sts")
    asked = {"Audience": ["a"], "SigningAlgorithm": "ES384"}
    token = sts.get_web_identity_token(**asked, DurationSeconds=900)["WebIdentityToken"]
    assert jwt.decode(token, options={"verify_signature": False})["sub"] == role
    clock.advance(seconds=1)
    told = refused(sts.get_web_identity_token, **asked, DurationSeconds=900)
    assert told[:2] == ("SessionDurationEscalationException", 403)


def test_only_who_signed_something_publishes(stockade: Stockade, aws: boto3.Session) -> None:
    join(stockade)
    discovery = ".well-known/openid-configuration"
    assert fetched(stockade, f"{ISSUER}/{discovery}") == 404
    aws.client("sts").get_web_identity_token(Audience=["a"], SigningAlgorithm="ES384")
    assert fetched(stockade, f"{ISSUER}/{discovery}")["issuer"] == ISSUER
    (key,) = fetched(stockade, f"{ISSUER}/.well-known/jwks.json")["keys"]
    assert "d" not in key
    assert fetched(stockade, f"{ISSUER}/other") == 404
    assert fetched(stockade, f"{ISSUER[:-12]}{OTHER}/{discovery}") == 404
    assert fetched(stockade, f"{ISSUER[:-12]}none/{discovery}") == 404
