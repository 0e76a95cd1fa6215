# SPDX-License-Identifier: Apache-2.0
"""AssumeRoleWithSAML: assertions that were really signed, good ones, forged ones, wrapped ones."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from lxml import etree

from tests.services.iam.helpers import ACCOUNT, OTHER, allow, policy, refused, with_key
from tests.services.sts.joined import Joined, Saml, join
from tests.services.sts.records import record_of, record_of_refusal
from tests.services.sts.saml_provider import (
    SIGN_IN,
    A,
    encode,
    instant,
    metadata,
    response,
    sign,
)

if TYPE_CHECKING:
    import boto3

    from stockade.app import Stockade

ROLE = f"arn:aws:iam::{ACCOUNT}:role/staff"
PROVIDER = f"arn:aws:iam::{ACCOUNT}:saml-provider/idp"
ALL = ["sts:AssumeRoleWithSAML", "sts:TagSession", "sts:SetSourceIdentity"]
USUAL: dict[str, str | list[str]] = {"Role": f"{ROLE},{PROVIDER}", "RoleSessionName": "alice"}
UNSIGNED = ("InvalidIdentityToken", 400, "Response signature invalid")
LATE = ("ExpiredTokenException", 400, "Token must be redeemed within 5 minutes of issuance")


def asserted(**more: Any) -> str:
    return encode(sign(response(USUAL, **more)))


class World:
    """A provider, and a role that trusts it."""

    def __init__(self, stockade: Stockade, aws: boto3.Session) -> None:
        self.stockade = stockade
        self.joined: Joined = join(stockade)
        self.joined.saml[PROVIDER] = Saml(arn=PROVIDER, metadata=metadata("idp"))
        self.iam = aws.client("iam")
        self.sts = aws.client("sts")
        self.iam.create_role(RoleName="staff", AssumeRolePolicyDocument=self.trust())

    def trust(self, actions: Any = "sts:AssumeRoleWithSAML", **more: Any) -> str:
        principal = {"Federated": PROVIDER}
        return policy({"Effect": "Allow", "Principal": principal, "Action": actions, **more})

    def trusts(self, document: str) -> None:
        self.iam.update_assume_role_policy(RoleName="staff", PolicyDocument=document)

    def asks(self, assertion: str, **more: Any) -> dict[str, Any]:
        return {"RoleArn": ROLE, "PrincipalArn": PROVIDER, "SAMLAssertion": assertion} | more

    def assume(self, assertion: str, **more: Any) -> Any:
        return self.sts.assume_role_with_saml(**self.asks(assertion, **more))

    def refuses(self, assertion: str, **more: Any) -> tuple[str, int, str]:
        return refused(self.sts.assume_role_with_saml, **self.asks(assertion, **more))


@pytest.fixture
def world(stockade: Stockade, aws: boto3.Session) -> World:
    return World(stockade, aws)


@pytest.mark.parametrize("whole", [False, True], ids=["assertion", "response"])
def test_an_assertion_opens_a_role(world: World, whole: bool) -> None:
    answer = world.assume(encode(sign(response(USUAL), whole=whole)))
    named = f"https://idp.example.com/saml{ACCOUNT}/idp".encode()
    assert answer["Subject"] == "alice"
    assert answer["SubjectType"] == "persistent"
    assert answer["Issuer"] == "https://idp.example.com/saml"
    assert answer["Audience"] == SIGN_IN
    assert answer["NameQualifier"] == base64.b64encode(hashlib.sha1(named).digest()).decode()
    who = with_key(world.stockade, answer["Credentials"]).client("sts").get_caller_identity()
    assert who["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/staff/alice"


def test_the_trust_policy_decides_on_what_the_assertion_says(world: World) -> None:
    mine = {
        "StringEquals": {"saml:aud": SIGN_IN, "saml:sub": "alice", "saml:doc": f"{ACCOUNT}/idp"}
    }
    world.trusts(world.trust(Condition=mine))
    world.assume(asserted())
    no = ("AccessDenied", 403, "Not authorized to perform sts:AssumeRoleWithSAML")
    assert world.refuses(asserted(subject="bob")) == no
    absent = f"arn:aws:iam::{ACCOUNT}:role/absent"
    elsewhere = USUAL | {"Role": f"{PROVIDER},{absent}"}
    assert world.refuses(encode(sign(response(elsewhere))), RoleArn=absent) == no


def test_a_provider_belongs_to_the_account_of_the_role(world: World) -> None:
    unknown = ("InvalidIdentityToken", 400, "Specified provider doesn't exist")
    assert world.refuses(asserted(), PrincipalArn=f"{PROVIDER}x") == unknown
    assert world.refuses(asserted(), RoleArn=f"arn:aws:iam::{OTHER}:role/staff") == unknown


def test_a_role_that_the_assertion_does_not_give_is_refused(world: World) -> None:
    for given in (f"{ROLE}x,{PROVIDER}", f"{ROLE},{PROVIDER}x", ROLE):
        assert world.refuses(encode(sign(response(USUAL | {"Role": given})))) == (
            "InvalidIdentityToken",
            400,
            "SAML Assertion doesn't contain the requested Role and Metadata in the attributes",
        )
    several = [f"{ROLE}x,{PROVIDER}", f"{PROVIDER}, {ROLE}"]
    world.assume(encode(sign(response(USUAL | {"Role": several}))))


def test_nothing_unsigned_or_signed_by_others_is_taken(world: World) -> None:
    assert world.refuses(encode(response(USUAL))) == UNSIGNED
    assert world.refuses(encode(sign(response(USUAL), "stranger"))) == UNSIGNED
    world.joined.saml[PROVIDER] = Saml(arn=PROVIDER, metadata=metadata("other", "idp"))
    world.assume(asserted())
    world.joined.saml[PROVIDER] = Saml(arn=PROVIDER, metadata=metadata())
    assert world.refuses(asserted()) == UNSIGNED


def test_a_changed_assertion_is_refused(world: World) -> None:
    root = sign(response(USUAL))
    root.find(f"{A}Assertion/{A}Subject/{A}NameID").text = "admin"
    assert world.refuses(encode(root)) == UNSIGNED
    root = sign(response(USUAL), whole=True)
    root.find(f"{A}Assertion/{A}Subject/{A}NameID").text = "admin"
    assert world.refuses(encode(root)) == UNSIGNED


def forged_beside(root: Any) -> Any:
    """A forged assertion stands before the signed one."""
    forged = forged_of(root)
    root.insert(0, forged)
    return root


def forged_around(root: Any) -> Any:
    """The signed assertion is hidden inside a forged one, which keeps the signature."""
    real = root.find(f"{A}Assertion")
    forged = forged_of(root)
    signature = real.find("{http://www.w3.org/2000/09/xmldsig#}Signature")
    hidden = etree.SubElement(forged, "Extensions")
    root.replace(real, forged)
    forged.append(copy.deepcopy(signature))
    hidden.append(real)
    return root


def forged_with_the_same_id(root: Any) -> Any:
    """A forged assertion has the id that the signature refers to."""
    real = root.find(f"{A}Assertion")
    forged = forged_of(root)
    forged.set("ID", real.get("ID"))
    root.insert(0, forged)
    return root


def forged_of(root: Any) -> Any:
    forged = copy.deepcopy(root.find(f"{A}Assertion"))
    for signature in forged.findall("{http://www.w3.org/2000/09/xmldsig#}Signature"):
        forged.remove(signature)
    forged.set("ID", "_forged")
    forged.find(f"{A}Subject/{A}NameID").text = "admin"
    return forged


@pytest.mark.parametrize("wrap", [forged_beside, forged_around, forged_with_the_same_id])
def test_wrapping_gets_nobody_anything(world: World, wrap: Any) -> None:
    """Either the document is refused, or what counts is what was signed."""
    asked = world.asks(encode(wrap(sign(response(USUAL)))))
    try:
        answer = world.sts.assume_role_with_saml(**asked)
    except world.sts.exceptions.InvalidIdentityTokenException:
        return
    assert answer["Subject"] == "alice"


def test_a_comment_cuts_no_name_short(world: World) -> None:
    root = response(USUAL, subject="alice.evil.example")
    name = root.find(f"{A}Assertion/{A}Subject/{A}NameID")
    sent = base64.b64decode(encode(sign(root)))
    cut = sent.replace(b"alice.evil.example", b"alice<!-- x -->.evil.example")
    assert name is not None
    answer = world.assume(base64.b64encode(cut).decode())
    assert answer["Subject"] == "alice.evil.example"


def test_documents_that_are_none_or_bring_a_dtd_are_refused(world: World) -> None:
    sent = base64.b64decode(asserted())
    entity = b'<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + sent
    bomb = b'<!DOCTYPE r [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>' + sent
    for document in (entity, bomb, b"<a", b"<a/>", b""):
        text = base64.b64encode(document).decode() or "    "
        assert world.refuses(text)[:2] == ("InvalidIdentityToken", 400)
    assert world.refuses("not base64")[:2] == ("InvalidIdentityToken", 400)


def test_an_assertion_is_for_us(world: World) -> None:
    assert world.refuses(asserted(audience="https://other")) == (
        "InvalidIdentityToken",
        400,
        "Response does not contain the required audience.",
    )
    world.assume(asserted(audience="urn:amazon:webservices"))
    for elsewhere in (
        "https://other/saml",
        "https://signin.aws.amazon.com.evil/saml",
        "https://evil/.signin.aws.amazon.com/saml",
        "http://signin.aws.amazon.com/saml",
    ):
        assert world.refuses(asserted(recipient=elsewhere))[0] == "InvalidIdentityToken"
    world.assume(asserted(recipient="https://us-east-2.signin.aws.amazon.com/saml"))
    assert world.refuses(asserted(entity="https://other"))[2] == (
        "Issuer not present in specified provider"
    )


def test_an_assertion_is_redeemed_soon(world: World) -> None:
    assert world.refuses(asserted(issued=instant(-301))) == LATE
    assert world.refuses(asserted(ends=instant(-1))) == LATE
    assert world.refuses(asserted(confirmed=instant(-1))) == LATE
    assert world.refuses(asserted(begins=instant(600)))[0] == "InvalidIdentityToken"
    assert world.refuses(asserted(issued="yesterday"))[0] == "InvalidIdentityToken"
    world.assume(asserted(issued=instant(-240)))


def test_the_session_has_a_good_name(world: World) -> None:
    nameless = {name: each for name, each in USUAL.items() if name != "RoleSessionName"}
    told = world.refuses(encode(sign(response(nameless))))
    assert told == ("InvalidIdentityToken", 400, "RoleSessionName is required in AuthnResponse")
    bad = USUAL | {"RoleSessionName": "a b"}
    assert world.refuses(encode(sign(response(bad)))) == (
        "InvalidIdentityToken",
        400,
        "RoleSessionName in AuthnResponse must match [a-zA-Z_0-9+=,.@-]{2,64}",
    )


def test_tags_and_source_identity_come_with_the_assertion(world: World) -> None:
    said = USUAL | {
        "PrincipalTag:team": "red",
        "PrincipalTag:own": "x",
        "TransitiveTagKeys": ["team"],
        "SourceIdentity": "alice",
    }
    assertion = encode(sign(response(said)))
    assert world.refuses(assertion)[2] == "Not authorized to perform sts:TagSession"
    red = {"StringEquals": {"aws:RequestTag/team": "red", "sts:SourceIdentity": "alice"}}
    world.trusts(world.trust(ALL, Condition=red))
    answer = world.assume(assertion)
    assert answer["SourceIdentity"] == "alice"
    own = f"arn:aws:iam::{ACCOUNT}:user/${{aws:PrincipalTag/team}}"
    mine = {"StringEquals": {"saml:sub": "alice", "aws:SourceIdentity": "alice"}}
    world.iam.put_role_policy(
        RoleName="staff",
        PolicyName="p",
        PolicyDocument=policy(allow("iam:GetUser", own, Condition=mine)),
    )
    world.iam.create_user(UserName="red")
    with_key(world.stockade, answer["Credentials"]).client("iam").get_user(UserName="red")
    bad = encode(sign(response(USUAL | {"SourceIdentity": "aws:x"})))
    assert world.refuses(bad)[2].startswith("Source Identity must match")


def test_the_provider_says_how_long(world: World) -> None:
    def lasts(answer: Any) -> float:
        left = answer["Credentials"]["Expiration"] - world.stockade.clock.now()
        return float(left.total_seconds())

    half = USUAL | {"SessionDuration": "1800"}
    assert lasts(world.assume(encode(sign(response(half))))) == 1800
    assert lasts(world.assume(encode(sign(response(half))), DurationSeconds=900)) == 900
    ends = (datetime.now(UTC) + timedelta(seconds=1000)).isoformat()
    soon = world.assume(asserted(session=f' SessionNotOnOrAfter="{ends}"'))
    assert 900 < lasts(soon) <= 1000
    for bad in ("10", "x", "99999999"):
        told = world.refuses(encode(sign(response(USUAL | {"SessionDuration": bad}))))
        assert told[0] == "InvalidIdentityToken"


def test_the_record_names_the_saml_user(world: World) -> None:
    assertion = asserted()
    answer = world.assume(assertion)
    record = record_of(world.stockade, answer)
    assert record["userIdentity"] == {
        "type": "SAMLUser",
        "principalId": f"{answer['NameQualifier']}:alice",
        "userName": "alice",
        "identityProvider": answer["NameQualifier"],
    }
    assert record["recipientAccountId"] == ACCOUNT
    assert record["resources"][0]["ARN"] == ROLE
    assert assertion not in json.dumps(record)
    refusal = record_of_refusal(
        world.stockade, world.sts.assume_role_with_saml, **world.asks(encode(response(USUAL)))
    )
    assert refusal["errorCode"] == "InvalidIdentityToken"
    assert refusal["recipientAccountId"] == ACCOUNT
