# SPDX-License-Identifier: Apache-2.0
"""The query wire: parameters that AWS reads, parameters that it does not, XML answers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stockade.protocol.catalogue import Catalogue, ServiceEntry, WireOperation
from stockade.protocol.errors import AwsError
from stockade.protocol.http import HttpRequest
from stockade.protocol.malformed import MalformedQuery, SerializationFailure, ValidationFailure
from stockade.protocol.query import QUERY
from stockade.protocol.refusals import AccessDenied, MissingAuthenticationToken
from stockade.protocol.xml import escape

_CATALOGUE = Catalogue(
    [
        ServiceEntry("iam", "iam", None),
        ServiceEntry("sts", "sts", None),
        ServiceEntry("sns", "sns", None),
        ServiceEntry("cloudwatch", "monitoring", None),
        ServiceEntry("sdb", "sdb", None),
    ]
)
_FORM = (b"content-type", b"application/x-www-form-urlencoded; charset=utf-8")
_ROLE = "RoleArn=arn:aws:iam::123456789012:role/a&RoleSessionName=session"


def operation(name: str, service: str = "iam") -> WireOperation:
    home = _CATALOGUE.service(service)
    assert home is not None
    found = home.operation(name)
    assert found is not None
    return found


def read(name: str, body: str | bytes, service: str = "iam", query: str = "") -> dict[str, Any]:
    raw = body.encode() if isinstance(body, str) else body
    http = HttpRequest(
        method="POST", raw_path=b"/", query=query.encode(), headers=[_FORM], body=raw
    )
    return QUERY.read(http, operation(name, service))


def outcome(name: str, body: bytes) -> dict[str, Any] | AwsError:
    """Return params or refusal; any other exception fails the test."""
    try:
        return read(name, body)
    except AwsError as refused:
        return refused


def refusal(name: str, body: str, service: str = "iam") -> SerializationFailure:
    with pytest.raises(SerializationFailure) as refused:
        read(name, body, service)
    assert refused.value.on("query") == ("MalformedInput", 400)
    return refused.value


def test_a_request_is_read() -> None:
    body = (
        "Action=CreateUser&Version=2010-05-08&UserName=alice&Path=%2Fa%2F"
        "&Tags.member.2.Value=x+y&Tags.member.2.Key=b&Tags.member.10.Key=c"
        "&Tags.member.10.Value=%C3%BC&Tags.member.1.Key=a&Tags.member.1.Value=&Unknown.1=z"
    )
    assert read("CreateUser", body) == {
        "UserName": "alice",
        "Path": "/a/",
        "Tags": [
            {"Key": "a", "Value": ""},
            {"Key": "b", "Value": "x y"},
            {"Key": "c", "Value": "ü"},
        ],
    }


def test_parameters_may_stand_in_the_target() -> None:
    assert read("GetUser", "", query="Action=GetUser&UserName=alice") == {"UserName": "alice"}
    assert read("GetUser", "UserName=b", query="UserName=a") == {"UserName": "a"}


def test_the_first_of_several_values_counts_as_measured_on_aws() -> None:
    assert read("GetUser", "UserName=a&UserName=b") == {"UserName": "a"}
    body = f"{_ROLE}&DurationSeconds=900&DurationSeconds=899"
    assert read("AssumeRole", body, "sts")["DurationSeconds"] == 900


def test_an_empty_list_is_an_empty_parameter() -> None:
    assert read("CreateUser", "UserName=a&Tags=") == {"UserName": "a", "Tags": []}


def test_maps_and_flattened_lists_are_read() -> None:
    body = "Name=t&Attributes.entry.1.key=a&Attributes.entry.1.value=b&Attributes.entry.2.key=c"
    assert read("CreateTopic", f"{body}&Attributes.entry.2.value=", "sns") == {
        "Name": "t",
        "Attributes": {"a": "b", "c": ""},
    }
    body = "DomainName=abc&ItemName=i&AttributeName.2=b&AttributeName.1=a"
    assert read("GetAttributes", body, "sdb")["AttributeNames"] == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "seconds"), [("900", 900), ("+900", 900), ("0900", 900), ("43200", 43200)]
)
def test_whole_numbers_are_read_as_measured_on_aws(text: str, seconds: int) -> None:
    body = f"{_ROLE}&DurationSeconds={quote(text)}"
    assert read("AssumeRole", body, "sts")["DurationSeconds"] == seconds


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "missing value for decimal type"),
        ("abc", ""),
        ("900.0", ""),
        ("2147483648", ""),
        ("-2147483649", ""),
        ("9" * 5000, ""),
        ("٩٠٠", ""),
        (" 900", ""),
    ],
)
def test_what_is_no_whole_number_is_refused_as_measured_on_aws(text: str, message: str) -> None:
    body = f"{_ROLE}&DurationSeconds={quote(text)}"
    assert refusal("AssumeRole", body, "sts").message == message


@pytest.mark.parametrize("text", ["2147483647", "-2147483648", "-1"])
def test_what_is_one_reaches_validation(text: str) -> None:
    with pytest.raises(ValidationFailure, match=f"Value '{text}' at 'durationSeconds'"):
        read("AssumeRole", f"{_ROLE}&DurationSeconds={text}", "sts")


@pytest.mark.parametrize(
    ("name", "body", "message"),
    [
        ("GetUser", "UserName.member.1=a", "Start of structure or map found where not expected."),
        (
            "GetUser",
            "UserName=a&UserName.b=a",
            "Start of structure or map found where not expected.",
        ),
        ("CreateUser", "UserName=a&Tags=x", "Unexpected list element termination"),
        ("CreateUser", "UserName=a&Tags.1.Key=x", "Unexpected list element termination"),
        (
            "CreateUser",
            "UserName=a&Tags.member.x.Key=x",
            "Start of structure or map found where not expected.",
        ),
        (
            "CreateUser",
            "UserName=a&Tags.member.0.Key=x",
            "Start of structure or map found where not expected.",
        ),
        ("ListUsers", "MaxItems=x", ""),
        (
            "CreateLoginProfile",
            "UserName=a&PasswordResetRequired=yes",
            "boolean must follow xsd1.1 definition",
        ),
    ],
)
def test_a_known_parameter_of_another_form_is_refused(name: str, body: str, message: str) -> None:
    assert refusal(name, body).message == message


def test_moments_numbers_and_booleans_are_read() -> None:
    body = (
        "Namespace=n&MetricData.member.1.MetricName=m&MetricData.member.1.Value=-1.5e3"
        "&MetricData.member.1.Timestamp=2026-01-01T00%3A00%3A00Z"
    )
    assert read("PutMetricData", body, "cloudwatch")["MetricData"] == [
        {"MetricName": "m", "Value": -1500.0, "Timestamp": datetime(2026, 1, 1, tzinfo=UTC)}
    ]
    wrong = body.replace("2026", "now")
    assert refusal("PutMetricData", wrong, "cloudwatch").message == "timestamp must follow ISO8601"
    assert refusal("PutMetricData", body.replace("-1.5e3", "1_0"), "cloudwatch").message == ""
    body = "UserName=a&Password=password&PasswordResetRequired="
    for text, value in (("true", True), ("1", True), ("false", False), ("0", False)):
        assert read("CreateLoginProfile", body + text)["PasswordResetRequired"] is value


@pytest.mark.parametrize(
    "body",
    [
        b"UserName=%ff",
        b"UserName=\xff",
        b"%ff=a",
        b"&".join(b"a%d=1" % number for number in range(10_001)),
        b"a." * 100 + b"a=1",
        b"&".join(b"a%d" % number + b".a" * 60 + b"=1" for number in range(1000)),
    ],
    ids=["value", "raw", "name", "many", "deep", "wide"],
)
def test_a_form_that_nobody_sends_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedQuery) as refused:
        read("GetUser", body)
    assert refused.value.status == 400


_STEPS = st.sampled_from(
    ["Tags", "member", "entry", "UserName", "Path", "Key", "Value", "key", "1", "2", "0", "01", ""]
)
_NAMES = st.lists(_STEPS, min_size=1, max_size=5).map(".".join) | st.text(max_size=6)


@given(
    st.sampled_from(["CreateUser", "ListUsers", "SimulateCustomPolicy", "CreateRole"]),
    st.lists(st.tuples(_NAMES, st.text(max_size=6)), max_size=8),
    st.binary(max_size=20),
)
def test_any_parameters_give_params_or_an_aws_error(
    name: str, pairs: list[tuple[str, str]], rest: bytes
) -> None:
    encoded = urlencode(pairs, errors="surrogatepass").encode()
    result = outcome(name, encoded + b"&" + rest)
    if not isinstance(result, dict):
        assert result.on("query")[1] == 400
        assert result.message or result.hint


def document(body: bytes) -> ET.Element:
    return ET.fromstring(body.decode())


def test_an_answer_is_written() -> None:
    output = {
        "User": {
            "UserName": "alice",
            "Path": "/",
            "UserId": "AIDA",
            "Arn": "arn:a",
            "CreateDate": datetime(2026, 1, 1, tzinfo=UTC),
            "Tags": [{"Key": "<&>", "Value": "\"'"}],
        }
    }
    response = QUERY.render(operation("CreateUser"), output, "an-id")
    assert response.status == 200
    assert response.headers == [
        (b"x-amzn-requestid", b"an-id"),
        (b"content-type", b"text/xml"),
    ]
    assert response.body.decode() == (
        '<CreateUserResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><CreateUserResult>'
        "<User><UserName>alice</UserName><Path>/</Path><UserId>AIDA</UserId><Arn>arn:a</Arn>"
        "<CreateDate>2026-01-01T00:00:00Z</CreateDate>"
        "<Tags><member><Key>&lt;&amp;&gt;</Key><Value>&quot;&#39;</Value></member></Tags></User>"
        "</CreateUserResult><ResponseMetadata><RequestId>an-id</RequestId></ResponseMetadata>"
        "</CreateUserResponse>"
    )


def test_an_operation_without_output_answers_with_its_metadata() -> None:
    response = QUERY.render(operation("DeleteUser"), {}, "an-id")
    assert response.body.decode() == (
        '<DeleteUserResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/">'
        "<ResponseMetadata><RequestId>an-id</RequestId></ResponseMetadata></DeleteUserResponse>"
    )
    with pytest.raises(TypeError, match="DeleteUser has no member User"):
        QUERY.render(operation("DeleteUser"), {"User": 1}, "an-id")


_SECRET = "c2VjcmV0"


@pytest.mark.parametrize(
    ("name", "output"),
    [
        ("GetUser", {"Secret": _SECRET}),
        ("GetUser", {"User": {"Secret": _SECRET}}),
        ("GetUser", {"User": _SECRET}),
        ("GetUser", {"User": {"UserName": _SECRET.encode()}}),
        ("GetUser", {"User": {"UserName": None}}),
        ("GetUser", {"User": {"CreateDate": _SECRET}}),
        ("ListUsers", {"Users": {"a": _SECRET}}),
        ("ListUsers", {"IsTruncated": _SECRET}),
        ("GetAccountSummary", {"SummaryMap": [_SECRET]}),
        ("GetAccountSummary", {"SummaryMap": {"Users": _SECRET}}),
        ("GetAccountSummary", {"SummaryMap": {"Users": True}}),
        ("GetCredentialReport", {"Content": _SECRET}),
    ],
)
def test_output_that_the_model_does_not_have_is_a_bug_and_tells_no_value(
    name: str, output: Any
) -> None:
    with pytest.raises(TypeError) as bug:
        QUERY.render(operation(name), output, "an-id")
    assert _SECRET not in str(bug.value)


def test_maps_and_blobs_are_written() -> None:
    response = QUERY.render(operation("GetAccountSummary"), {"SummaryMap": {"Users": 3}}, "an-id")
    assert b"<SummaryMap><entry><key>Users</key><value>3</value></entry>" in response.body
    response = QUERY.render(operation("GetCredentialReport"), {"Content": b"\x00\xff"}, "an-id")
    assert b"<Content>AP8=</Content>" in response.body


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_text_is_escaped_so_that_every_parser_gives_it_back(text: str) -> None:
    parsed = document(f"<a b='{escape(text)}'>{escape(text)}</a>".encode()).text or ""
    unheld = {c for c in text if ord(c) < 32 and c not in "\t\n\r"} | {"\ufffe", "\uffff"}
    assert parsed == "".join("\ufffd" if c in unheld else c for c in text)


def test_a_lone_surrogate_does_not_break_an_answer() -> None:
    response = QUERY.render(operation("GetUser"), {"User": {"UserName": "\ud800"}}, "an-id")
    assert "<UserName>\ufffd</UserName>".encode() in response.body


class _Refused(AwsError):
    code = "NoSuchEntity"
    status = 404
    template = "The user with name {name} cannot be found."


class _Broken(AwsError):
    code = "ServiceFailure"
    status = 500
    template = "It failed."


def test_an_error_is_written_in_the_namespace_of_its_service() -> None:
    response = QUERY.render_error(_Refused(name="<a>"), "an-id", operation("GetUser"))
    assert response.status == 404
    assert (b"x-amzn-requestid", b"an-id") in response.headers
    assert response.body.decode() == (
        '<ErrorResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><Error>'
        "<Type>Sender</Type><Code>NoSuchEntity</Code>"
        "<Message>The user with name &lt;a&gt; cannot be found.</Message>"
        "</Error><RequestId>an-id</RequestId></ErrorResponse>"
    )


def test_an_error_before_any_operation_is_a_fault() -> None:
    response = QUERY.render_error(MissingAuthenticationToken(), "an-id")
    assert response.status == 403
    assert b'xmlns="http://webservices.amazon.com/AWSFault/2005-15-09"' in response.body
    assert b"<Message>Request is missing Authentication Token</Message>" in response.body


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (AccessDenied("no"), 403, "AccessDenied"),
        (ValidationFailure("no"), 400, "ValidationError"),
        (SerializationFailure("no"), 400, "MalformedInput"),
        (MalformedQuery("no"), 400, "MalformedQueryString"),
    ],
)
def test_the_code_depends_on_the_family(error: AwsError, status: int, code: str) -> None:
    response = QUERY.render_error(error, "an-id", operation("GetUser"))
    assert response.status == status
    assert f"<Code>{code}</Code><Message>no</Message>".encode() in response.body


def test_an_empty_message_is_left_out_as_measured_on_aws() -> None:
    response = QUERY.render_error(SerializationFailure(), "an-id", operation("GetUser"))
    assert b"Message" not in response.body


def test_a_failure_of_ours_is_the_receivers_and_tells_no_details() -> None:
    response = QUERY.render_error(_Broken("password=hunter2"), "an-id", operation("GetUser"))
    assert response.status == 500
    assert b"<Type>Receiver</Type><Code>ServiceFailure</Code>" in response.body
    assert b"hunter2" not in response.body
    response = QUERY.render_error(_Broken(), "an-id", operation("GetUser"))
    assert b"<Message>It failed.</Message>" in response.body


def test_members_of_an_error_are_written_by_the_model() -> None:
    with pytest.raises(TypeError, match="has no member Secret"):
        QUERY.render_error(_Refused(name="a", members={"Secret": 1}), "i", operation("GetUser"))
    response = QUERY.render_error(_Refused(name="a", members={"Secret": 1}), "an-id")
    assert b"Secret" not in response.body
