# SPDX-License-Identifier: Apache-2.0
"""`stockade dev`, and the commands that talk to it."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.cli.conftest import Run, Start
from tests.cli.programs import Server, aws, start, stockade


@pytest.fixture(scope="module")
def dev() -> Iterator[Server]:
    """A dev server for all tests of this module."""
    server = start("dev", "--port", "0")
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def _endpoint(dev: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", dev.endpoint)


def test_what_is_printed_is_what_a_newcomer_needs(dev: Server) -> None:
    lines = dict(re.findall(r"export (\w+)=(\S+)", dev.output))
    assert lines == {
        "AWS_ENDPOINT_URL": dev.endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    assert "aws kms create-key" in dev.output
    assert "in memory: when it stops, all is gone" in dev.output


def test_it_serves_the_known_credentials(dev: Server) -> None:
    assert aws("sts", dev.endpoint).get_caller_identity()["Account"] == "000000000000"
    other = aws("sts", dev.endpoint, "111122223333")
    assert other.get_caller_identity()["Account"] == "111122223333"


def test_wait_ends_at_once_when_it_is_ready(run: Run) -> None:
    assert run("wait", "--timeout", "5") == (0, "", "")


def test_wait_gives_up_in_time(run: Run) -> None:
    began = time.monotonic()
    ended = run("wait", "--timeout", "0.3", "--endpoint", "http://127.0.0.1:1")
    assert time.monotonic() - began < 3
    assert ended.status == 1
    assert ended.err.startswith("stockade: error: http://127.0.0.1:1 is not ready after 0.3 s\n")


def test_status_shows_the_services(run: Run, dev: Server) -> None:
    ended = run("status")
    assert ended.status == 0
    assert ended.out.startswith("Stockade ")
    assert f" (dev) at {dev.endpoint}: ok\n" in ended.out
    assert re.search(r"^kms +running$", ended.out, re.MULTILINE)


def test_status_of_nothing_ends_with_1_and_a_hint(run: Run) -> None:
    ended = run("status", "--endpoint", "http://127.0.0.1:1")
    assert (ended.status, ended.out) == (1, "")
    assert ended.err.splitlines() == [
        "stockade: error: no Stockade answers at http://127.0.0.1:1",
        "hint: start one with `stockade dev`, or name another with --endpoint",
    ]


def test_the_clock_goes_where_it_is_sent(run: Run) -> None:
    out = run("clock", "set", "2031-03-01T12:00:00Z").out
    assert out.startswith("2031-03-01T12:00:00Z, ")
    assert out.endswith("ahead of the host's clock\n")
    assert run("clock", "freeze").out.endswith(", frozen\n")
    assert run("clock", "advance", "1d12h").out.startswith("2031-03-03T00:00:0")
    assert run("clock", "show").out.startswith("2031-03-03T00:00:0")
    assert "frozen" not in run("clock", "resume").out
    assert "behind the host's clock" in run("clock", "set", "2020-01-01").out
    assert run("clock", "set", datetime.now(UTC).isoformat()).status == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("advance", "soon"), "'soon' is not a duration such as 60d"),
        (("advance", "-1d"), "no such option"),
        (("advance", "999999999d"), "the clock cannot go 999999999d ahead"),
        (("advance", "300000d"), "advance_seconds is from 0 to"),
        (("set", "tomorrow"), "'tomorrow' is not a time such as"),
        (("set", "9999-01-01"), "does not go farther than 200 years"),
    ],
)
def test_where_the_clock_cannot_go(run: Run, arguments: tuple[str, str], says: str) -> None:
    ended = run("clock", *arguments)
    assert ended.status in {1, 2}
    assert says in ended.err


def test_a_key_that_waits_is_deleted_when_the_clock_passes(run: Run, dev: Server) -> None:
    kms = aws("kms", dev.endpoint)
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    assert run("clock", "advance", "8d").status == 0
    assert key not in {each["KeyId"] for each in kms.list_keys()["Keys"]}


def _refusal(dev: Server, policy: Mapping[str, object]) -> str:
    """Have a user with this policy be refused, and return the request's id."""
    iam = aws("iam", dev.endpoint)
    name = f"user-{time.monotonic_ns()}"
    iam.create_user(UserName=name)
    document = {"Version": "2012-10-17", "Statement": [policy]}
    iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=json.dumps(document))
    pair = iam.create_access_key(UserName=name)["AccessKey"]
    kms = aws("kms", dev.endpoint, pair["AccessKeyId"], pair["SecretAccessKey"])
    with pytest.raises(kms.exceptions.ClientError) as refused:
        kms.list_aliases()
    request_id: str = refused.value.response["ResponseMetadata"]["RequestId"]
    return request_id


def test_explain_tells_what_is_missing_and_what_would_help(run: Run, dev: Server) -> None:
    vpc = {"StringEquals": {"aws:SourceVpc": "vpc-1"}}
    policy = {"Effect": "Allow", "Action": "kms:*", "Resource": "*", "Condition": vpc}
    ended = run("explain", _refusal(dev, policy))
    assert ended.status == 0
    head, _, proposal = ended.out.partition("to allow it, add to the identity-based policy:\n")
    assert "called kms:ListAliases in us-east-1" in head
    assert "kms:ListAliases on *: no identity-based policy allows it" in head
    assert (
        "Allow  statement 1: asks for StringEquals aws:SourceVpc vpc-1; the request has none"
        in head
    )
    assert "the request lacks: aws:SourceVpc" in head
    assert json.loads(proposal) == {
        "Effect": "Allow",
        "Action": "kms:ListAliases",
        "Resource": "*",
    }


def test_explain_names_the_statement_that_denied(run: Run, dev: Server) -> None:
    policy = {"Sid": "NoAliases", "Effect": "Deny", "Action": "kms:*Alias*", "Resource": "*"}
    out = run("explain", _refusal(dev, policy)).out
    assert "statement 'NoAliases' (identity-based policy) denies it" in out
    assert "Deny   statement 'NoAliases': applies" in out
    assert "to allow it, take out of the identity-based policy:" in out


def test_explain_a_call_that_was_allowed(run: Run, dev: Server) -> None:
    answer = aws("kms", dev.endpoint).list_keys()
    out = run("explain", answer["ResponseMetadata"]["RequestId"]).out
    assert "arn:aws:iam::000000000000:root" in out
    assert out.endswith(
        "called kms:ListKeys in us-east-1\nand was allowed\n\n"
        "kms:ListKeys on * was allowed by\n  account root\n"
    )


def test_explain_an_unknown_request(run: Run) -> None:
    ended = run("explain", "no such & id")
    assert ended.status == 1
    assert "there is no call with the request id 'no such & id'" in ended.err


def test_the_port_is_taken(dev: Server) -> None:
    for host in ("127.0.0.1", "localhost"):
        ended = stockade("dev", "--port", str(dev.port), "--host", host)
        assert ended == (
            1,
            "",
            f"stockade: error: port {dev.port} is taken\nhint: choose another with --port\n",
        )


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com"])
def test_dev_listens_to_this_host_alone(run: Run, host: str) -> None:
    ended = run("dev", "--host", host)
    assert ended.status == 1
    assert ended.err.startswith("stockade: error: dev has known credentials")
    assert "hint: `stockade serve " in ended.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--workers", "2"), "more than one worker needs --data DIR"),
        (("--memory", "--data", "x"), "--memory and --data exclude each other"),
        (("--workers", "0"), "invalid value for '--workers'"),
        (("--port", "65536"), "invalid value for '--port'"),
        (("--account", "42"), "an account is twelve digits"),
        (("--region", "Mars"), "a Region is like us-east-1"),
    ],
)
def test_options_that_cannot_be(run: Run, arguments: tuple[str, ...], says: str) -> None:
    ended = run("dev", *arguments)
    assert ended.status == 2
    assert says in ended.err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_cleanly(started: Start, tmp_path: Path, number: signal.Signals) -> None:
    for workers in ("1", "2"):
        server = started("dev", "--port", "0", "--data", str(tmp_path), "--workers", workers)
        server.process.send_signal(number)
        assert server.stop() == 0
        assert "Traceback" not in server.output


def test_a_worker_that_is_killed_is_replaced(started: Start, tmp_path: Path) -> None:
    server = started("dev", "--port", "0", "--data", str(tmp_path / "data"), "--workers", "2")
    pid = server.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children")
    kms = aws("kms", server.endpoint)
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    before = children.read_text().split()
    os.kill(int(before[0]), signal.SIGKILL)
    until = time.monotonic() + 10
    while len(after := set(children.read_text().split()) - {before[0]}) < len(before):
        assert time.monotonic() < until
        time.sleep(0.05)
    assert len(after) == len(before)
    assert aws("kms", server.endpoint).describe_key(KeyId=key)["KeyMetadata"]["Enabled"]
    assert server.output.count("Ready") == 1


def test_data_stays(started: Start, tmp_path: Path) -> None:
    data = tmp_path / "deep" / "data"
    command = ("dev", "--port", "0", "--data", str(data), "--account", "111122223333")
    first = started(*command)
    key = aws("kms", first.endpoint).create_key()["KeyMetadata"]
    assert key["AWSAccountId"] == "111122223333"
    first.stop()
    second = started(*command[:-2])
    assert aws("kms", second.endpoint).describe_key(KeyId=key["KeyId"])
    assert {path.name for path in data.iterdir()} >= {"seal.key", "stockade.db", "stockade.json"}
    for path in (data, *data.rglob("*")):
        assert path.stat().st_mode & 0o077 == 0, path


def test_data_was_made_for_another_account(tmp_path: Path) -> None:
    stockade("init", "--data", str(tmp_path / "data"), "--account", "111122223333")
    ended = stockade("dev", "--data", str(tmp_path / "data"), "--account", "444455556666")
    assert ended.status == 1
    assert "was made with another account" in ended.err


def test_ipv6(started: Start) -> None:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("this host has no ::1")
    server = started("dev", "--port", "0", "--host", "::1")
    assert server.endpoint.startswith("http://[::1]:")
    assert aws("sts", server.endpoint).get_caller_identity()
