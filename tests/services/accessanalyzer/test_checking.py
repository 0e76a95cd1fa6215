# SPDX-License-Identifier: Apache-2.0
"""ValidatePolicy and the checks of access through boto3."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

ALLOW = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"}


@pytest.fixture
def analyzer(aws: boto3.Session) -> Any:
    return aws.client("accessanalyzer")


def text(*statements: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def verdict(answer: Any) -> Any:
    return {key: answer[key] for key in ("result", "message", "reasons") if key in answer}


def test_validate_policy_tells_code_words_and_place(analyzer: Any) -> None:
    document = text(ALLOW | {"Action": "s3:GetObjekt"})
    answer = analyzer.validate_policy(policyDocument=document, policyType="IDENTITY_POLICY")
    (finding,) = answer["findings"]
    span = finding["locations"][0]["span"]
    assert document[span["start"]["offset"] : span["end"]["offset"]] == '"s3:GetObjekt"'
    assert finding["locations"][0]["path"] == [
        {"value": "Statement"},
        {"index": 0},
        {"value": "Action"},
    ]
    assert finding["issueCode"] == "INVALID_ACTION"
    assert finding["findingType"] == "ERROR"
    assert finding["findingDetails"].startswith("The action s3:GetObjekt does not exist.")
    assert finding["learnMoreLink"].endswith("-error-invalid-action")


def test_validate_policy_pages(analyzer: Any) -> None:
    document = text(*(ALLOW | {"Action": f"s3:No{number}"} for number in range(5)))
    pages = analyzer.get_paginator("validate_policy").paginate(
        policyDocument=document, policyType="IDENTITY_POLICY", PaginationConfig={"PageSize": 2}
    )
    found = [finding["issueCode"] for page in pages for finding in page["findings"]]
    assert found == ["INVALID_ACTION"] * 5


def test_resource_types_are_for_resource_policies(analyzer: Any) -> None:
    with pytest.raises(ClientError) as caught:
        analyzer.validate_policy(
            policyDocument=text(ALLOW),
            policyType="IDENTITY_POLICY",
            validatePolicyResourceType="AWS::S3::Bucket",
        )
    assert caught.value.response["Error"]["Code"] == "ValidationException"


def test_check_no_new_access(analyzer: Any) -> None:
    def check(new: Any, existing: Any) -> Any:
        return verdict(
            analyzer.check_no_new_access(
                newPolicyDocument=text(new),
                existingPolicyDocument=text(existing),
                policyType="IDENTITY_POLICY",
            )
        )

    wide = ALLOW | {"Sid": "Wide", "Action": ["s3:GetObject", "s3:GetObjectAcl"]}
    assert check(ALLOW, wide) == {
        "result": "PASS",
        "message": "The modified permissions do not grant new access compared to your existing "
        "policy.",
    }
    assert check(wide, ALLOW) == {
        "result": "FAIL",
        "message": "The modified permissions grant new access compared to your existing policy.",
        "reasons": [
            {
                "description": "New access in the statement with sid: Wide.",
                "statementId": "Wide",
                "statementIndex": 0,
            }
        ],
    }
    del wide["Sid"]
    assert check(wide, ALLOW)["reasons"] == [
        {"description": "New access in the statement with index: 0.", "statementIndex": 0}
    ]


def test_check_access_not_granted(analyzer: Any) -> None:
    def check(access: Any) -> Any:
        return verdict(
            analyzer.check_access_not_granted(
                policyDocument=text(ALLOW), access=[access], policyType="IDENTITY_POLICY"
            )
        )

    assert check({"actions": ["s3:PutObject"]}) == {
        "result": "PASS",
        "message": "The policy document does not grant access to perform the listed actions or "
        "resources.",
    }
    assert check({"actions": ["s3:GetObject"], "resources": ["arn:aws:s3:::b/x"]}) == {
        "result": "FAIL",
        "message": "The policy document grants access to perform one or more of the listed "
        "actions or resources.",
        "reasons": [
            {
                "description": "One or more of the listed actions or resources in the statement "
                "with index: 0.",
                "statementIndex": 0,
            }
        ],
    }
    with pytest.raises(ClientError) as caught:
        check({})
    assert caught.value.response["Error"]["Code"] == "InvalidParameterException"


def test_check_no_public_access(analyzer: Any) -> None:
    def check(principal: Any) -> Any:
        statement = {"Sid": "Bob", "Effect": "Allow", "Action": ["s3:GetObject"]}
        return verdict(
            analyzer.check_no_public_access(
                policyDocument=text(statement | {"Principal": principal}),
                resourceType="AWS::S3::Bucket",
            )
        )

    assert check("*") == {
        "result": "FAIL",
        "message": "The resource policy grants public access for the given resource type.",
        "reasons": [
            {
                "description": "Public access granted in the following statement with sid: Bob.",
                "statementId": "Bob",
                "statementIndex": 0,
            }
        ],
    }
    assert check({"AWS": "111122223333"}) == {
        "result": "PASS",
        "message": "The resource policy does not grant public access for the given resource type.",
    }


def test_a_policy_that_cannot_be_read(analyzer: Any) -> None:
    with pytest.raises(ClientError) as caught:
        analyzer.check_no_public_access(policyDocument="{", resourceType="AWS::KMS::Key")
    assert caught.value.response["Error"]["Code"] == "InvalidParameterException"


def test_hostile_policies_are_given_up_soon(analyzer: Any) -> None:
    patterns = [f"arn:aws:s3:::*{'a' * 60}b{number}" for number in range(150)]
    texts = [f"arn:aws:s3:::{'a' * 400}{number}x" for number in range(150)]
    wide = {"Effect": "Allow", "Action": "s3:*", "Resource": patterns}
    all_ = {"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::a*"}
    new = {"Effect": "Allow", "Action": "s3:*", "Resource": texts}
    asked = {
        "newPolicyDocument": json.dumps({"Version": "2012-10-17", "Statement": [new]}),
        "existingPolicyDocument": json.dumps({"Version": "2012-10-17", "Statement": [wide, all_]}),
        "policyType": "IDENTITY_POLICY",
    }
    with pytest.raises(ClientError) as caught:
        analyzer.check_no_new_access(**asked)
    assert caught.value.response["Error"]["Code"] == "UnprocessableEntityException"
    actions = [f"*{number}x*" for number in range(1000)]
    many = {"Effect": "Allow", "Action": actions, "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [many]})
    asked = {"newPolicyDocument": document, "existingPolicyDocument": document}
    with pytest.raises(ClientError) as caught:
        analyzer.check_no_new_access(**asked, policyType="IDENTITY_POLICY")
    assert caught.value.response["Error"]["Code"] == "UnprocessableEntityException"
