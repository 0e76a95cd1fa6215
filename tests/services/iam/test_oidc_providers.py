# SPDX-License-Identifier: Apache-2.0
"""OIDC providers: URLs, audiences and thumbprints as AWS takes and shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from stockade.core.ports import Credentials
from stockade.services.iam.credentials import IamDirectory
from tests.services.iam.helpers import ACCOUNT, OTHER, account, allow, below, refused, user

if TYPE_CHECKING:
    import boto3

    from stockade.app import Stockade

URL = "https://token.actions.example.com/path"
ARN = f"arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.example.com/path"
PRINT = "A" * 40


@pytest.fixture
def iam(aws: boto3.Session) -> Any:
    return aws.client("iam")


def named(arn: str = ARN) -> dict[str, str]:
    return {"OpenIDConnectProviderArn": arn}


def test_a_provider_is_shown_as_aws_keeps_it(iam: Any) -> None:
    tags = [{"Key": "Key", "Value": "1"}, {"Key": "key", "Value": "2"}]
    made = iam.create_open_id_connect_provider(
        Url=URL,
        ClientIDList=["z", "a", "z"],
        ThumbprintList=[PRINT, PRINT.lower()],
        Tags=tags,
    )
    assert (made["OpenIDConnectProviderArn"], made["Tags"]) == (ARN, tags)
    shown = iam.get_open_id_connect_provider(**named())
    assert shown["Url"] == "token.actions.example.com/path"
    assert shown["ClientIDList"] == ["z", "a"]
    assert shown["ThumbprintList"] == [PRINT.lower()] * 2
    assert shown["Tags"] == tags
    listed = iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]
    assert listed == [{"Arn": ARN}]


def test_audiences_and_thumbprints_change(iam: Any) -> None:
    iam.create_open_id_connect_provider(Url=URL)
    for client_id in ("one", "two", "two"):
        iam.add_client_id_to_open_id_connect_provider(**named(), ClientID=client_id)
    for client_id in ("one", "absent"):
        iam.remove_client_id_from_open_id_connect_provider(**named(), ClientID=client_id)
    iam.update_open_id_connect_provider_thumbprint(**named(), ThumbprintList=["B" * 40])
    shown = iam.get_open_id_connect_provider(**named())
    assert (shown["ClientIDList"], shown["ThumbprintList"]) == (["two"], ["b" * 40])
    empty = refused(iam.update_open_id_connect_provider_thumbprint, **named(), ThumbprintList=[])
    assert empty[2] == "Thumbprint list must contain at least one entry."


@pytest.mark.parametrize(
    ("url", "arn"),
    [
        ("https://a.example.com:443", "a.example.com"),
        ("https://a.example.com/x/", "a.example.com/x/"),
        ("https://A.EXAMPLE.com/Mixed", "A.EXAMPLE.com/Mixed"),
        ("https://a.example.com:8443/x", "a.example.com:8443/x"),
    ],
)
def test_the_arn_comes_from_the_url(iam: Any, url: str, arn: str) -> None:
    made = iam.create_open_id_connect_provider(Url=url)["OpenIDConnectProviderArn"]
    assert made == f"arn:aws:iam::{ACCOUNT}:oidc-provider/{arn}"
    assert iam.get_open_id_connect_provider(**named(made))["Url"] == arn


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("invalid-url", "ValidationError"),
        ("http://a.example.com", "ValidationError"),
        ("https://", "ValidationError"),
        ("https://[", "ValidationError"),
        ("https://a.example.com/?q=1", "InvalidInput"),
        ("https://a.example.com/#f", "InvalidInput"),
    ],
)
def test_urls_that_are_none(iam: Any, url: str, code: str) -> None:
    assert refused(iam.create_open_id_connect_provider, Url=url)[:2] == (code, 400)


def test_limits_and_conflicts(iam: Any) -> None:
    create = iam.create_open_id_connect_provider
    create(Url=URL, ClientIDList=[str(number) for number in range(100)])
    assert refused(create, Url=URL) == (
        "EntityAlreadyExists",
        409,
        f"Provider with url {URL} already exists.",
    )
    quota = (
        "LimitExceeded",
        409,
        "Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: 100",
    )
    more = iam.add_client_id_to_open_id_connect_provider
    assert refused(more, **named(), ClientID="more") == quota
    assert refused(create, Url=f"{URL}2", ThumbprintList=[PRINT] * 6) == (
        "InvalidInput",
        400,
        "Thumbprint list must contain fewer than 5 entries.",
    )
    tags = [{"Key": str(number), "Value": ""} for number in range(50)]
    iam.tag_open_id_connect_provider(**named(), Tags=tags)
    over = refused(iam.tag_open_id_connect_provider, **named(), Tags=[{"Key": "x", "Value": ""}])
    assert over == ("LimitExceeded", 409, "The number of tags has reached the maximum limit.")
    iam.untag_open_id_connect_provider(**named(), TagKeys=["0"])
    page = iam.list_open_id_connect_provider_tags(**named(), MaxItems=48)
    assert (len(page["Tags"]), page["IsTruncated"]) == (48, True)


def test_what_is_not_there(iam: Any) -> None:
    assert refused(iam.get_open_id_connect_provider, **named()) == (
        "NoSuchEntity",
        404,
        f"OpenIDConnect Provider not found for arn {ARN}",
    )
    assert refused(iam.delete_open_id_connect_provider, **named())[2] == (
        f"OpenId connect Provider {ARN} cannot be found."
    )
    iam.create_open_id_connect_provider(Url=URL)
    iam.delete_open_id_connect_provider(**named())
    assert iam.list_open_id_connect_providers()["OpenIDConnectProviderList"] == []


def test_permissions_are_decided_on_the_arn_and_its_tags(
    stockade: Stockade, aws: boto3.Session
) -> None:
    iam = aws.client("iam")
    tagged = allow("iam:Get*", Condition={"StringEquals": {"aws:ResourceTag/team": "red"}})
    mine = user(stockade, aws, "carol", tagged, allow("iam:CreateOpenIDConnectProvider", ARN))
    client = mine.client("iam")
    assert refused(client.create_open_id_connect_provider, Url=f"{URL}2")[0] == "AccessDenied"
    client.create_open_id_connect_provider(Url=URL)
    assert refused(client.get_open_id_connect_provider, **named())[0] == "AccessDenied"
    iam.tag_open_id_connect_provider(**named(), Tags=[{"Key": "team", "Value": "red"}])
    assert client.get_open_id_connect_provider(**named())["ClientIDList"] == []
    other = account(stockade, OTHER).client("iam")
    assert refused(other.get_open_id_connect_provider, **named())[0] == "AccessDenied"


def test_services_find_a_provider_by_its_issuer(stockade: Stockade, iam: Any) -> None:
    iam.create_open_id_connect_provider(Url=URL, ClientIDList=["sts"], ThumbprintList=[PRINT])
    with below(stockade) as ctx:
        directory = ctx.port(Credentials)
        assert isinstance(directory, IamDirectory)
        found = directory.find_oidc_provider(ctx.unit, ACCOUNT, URL)
        assert found is not None
        assert (found.arn, found.client_ids) == (ARN, ("sts",))
        assert directory.find_oidc_provider(ctx.unit, ACCOUNT, f"{URL}/") is None
        assert directory.find_oidc_provider(ctx.unit, OTHER, URL) is None
