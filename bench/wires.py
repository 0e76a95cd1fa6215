# SPDX-License-Identifier: Apache-2.0
"""The two wires that targets speak: how to make a key there, load requests, and check an answer.

The requests for AWS's wire are what botocore sends, byte for byte, signed by botocore; those for
OpenBao are what its documentation shows. Both ask for one operation under one key.
"""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import botocore.session
from botocore import xform_name
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from bench.operations import ENCRYPT, Operation, WrongAnswerError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

REGION = "us-east-1"
ROOT_KEY = ("test", "test")
ROOT_TOKEN = "root"


class Wire(Protocol):
    """A client of one server, before and while it is loaded."""

    def answers(self) -> bool:
        """Tell whether the server gives a good answer to a signed request."""
        ...

    def prepare(self) -> None:
        """Make the key, and the caller whose rights the load's requests are decided by."""
        ...

    def check(self, data: bytes) -> None:
        """Ask once for the operation; raise WrongAnswerError if the answer is not a good one."""
        ...

    def requests(self, data: Iterable[bytes]) -> list[bytes]:
        """Return one raw HTTP request for each piece of data, signed just now."""
        ...


class AwsWire:
    """AWS KMS. With `user`, the load is signed by an IAM user whose policy allows the key."""

    def __init__(self, port: int, operation: Operation = ENCRYPT, *, user: bool) -> None:
        self._port = port
        self._operation = operation
        self._user = user
        self._session = botocore.session.Session()
        self.kms = self._client("kms", ROOT_KEY)
        self._caller = self.kms
        self._key_id = ""

    def answers(self) -> bool:
        try:
            self.kms.list_keys(Limit=1)
        except (BotoCoreError, ClientError):
            return False
        return True

    def prepare(self) -> None:
        key = self.kms.create_key(**self._operation.aws_key)["KeyMetadata"]
        self._key_id = key["KeyId"]
        if self._user:
            self._caller = self._client("kms", self._make_user(key["Arn"]))

    def check(self, data: bytes) -> None:
        self._operation.aws_check(self._caller, self._key_id, data)

    def requests(self, data: Iterable[bytes]) -> list[bytes]:
        operation, caller = self._operation, self._caller
        asked = [operation.aws(caller, self._key_id, each) for each in data]
        call = getattr(caller, xform_name(operation.name))
        caught: list[bytes] = []

        def catch(request: Any, **_: Any) -> AWSResponse:
            caught.append(_raw(request, self._port))
            return AWSResponse(request.url, 200, {}, _Nothing())

        event = f"before-send.kms.{operation.name}"
        caller.meta.events.register(event, catch)
        for each in asked:
            call(**each)
        caller.meta.events.unregister(event, catch)
        return caught

    def _client(self, service: str, credentials: tuple[str, str]) -> Any:
        return self._session.create_client(
            service,
            region_name=REGION,
            endpoint_url=f"http://127.0.0.1:{self._port}",
            aws_access_key_id=credentials[0],
            aws_secret_access_key=credentials[1],
            config=Config(connect_timeout=1, read_timeout=10, retries={"total_max_attempts": 1}),
        )

    def _make_user(self, key_arn: str) -> tuple[str, str]:
        """Make an IAM user that may use the key, and return its access key."""
        iam = self._client("iam", ROOT_KEY)
        actions = self._operation.actions
        statement = {"Effect": "Allow", "Action": actions, "Resource": key_arn}
        policy = {"Version": "2012-10-17", "Statement": [statement]}
        iam.create_user(UserName="bench")
        iam.put_user_policy(
            UserName="bench", PolicyName="use-key", PolicyDocument=json.dumps(policy)
        )
        made = iam.create_access_key(UserName="bench")["AccessKey"]
        return made["AccessKeyId"], made["SecretAccessKey"]


class _Nothing:
    """The body of an answer that was never sent for."""

    def stream(self) -> Iterable[bytes]:
        return [b"{}"]


def _raw(request: Any, port: int) -> bytes:
    """Return a prepared botocore request as it goes over the connection."""
    lines = [f"{request.method} / HTTP/1.1", f"Host: 127.0.0.1:{port}"]
    for name, value in request.headers.items():
        text = value.decode() if isinstance(value, bytes) else value
        lines.append(f"{name}: {text}")
    return "\r\n".join([*lines, "", ""]).encode() + bytes(request.body)


@dataclass(frozen=True)
class TransitWire:
    """OpenBao's transit engine. With `user`, by a token whose policy allows the key."""

    port: int
    operation: Operation = ENCRYPT
    user: bool = False

    @property
    def token(self) -> str:
        return "bench-token" if self.user else ROOT_TOKEN

    def answers(self) -> bool:
        try:
            self._call("GET", "auth/token/lookup-self", {}, ROOT_TOKEN)
        except (OSError, http.client.HTTPException, WrongAnswerError):
            return False
        return True

    def prepare(self) -> None:
        self._call("POST", "sys/mounts/transit", {"type": "transit"}, ROOT_TOKEN)
        self._call("POST", "transit/keys/bench", self.operation.transit_key, ROOT_TOKEN)
        if self.user:
            self._make_user()

    def check(self, data: bytes) -> None:
        self.operation.transit_check(self._transit, data)

    def requests(self, data: Iterable[bytes]) -> list[bytes]:
        return [self._request(*self.operation.transit(self._transit, each)) for each in data]

    def _transit(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        said: dict[str, Any] = self._call("POST", f"transit/{path}", body, self.token)["data"]
        return said

    def _make_user(self) -> None:
        policy = 'path "transit/+/bench" { capabilities = ["update"] }'
        token = {"id": self.token, "policies": ["bench"]}
        self._call("POST", "sys/policies/acl/bench", {"policy": policy}, ROOT_TOKEN)
        self._call("POST", "auth/token/create", token, ROOT_TOKEN)

    def _request(self, path: str, asked: Mapping[str, Any]) -> bytes:
        body = json.dumps(asked)
        return (
            f"POST /v1/transit/{path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n"
            f"X-Vault-Token: {self.token}\r\nX-Vault-Request: true\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        ).encode()

    def _call(self, method: str, path: str, body: Mapping[str, Any], token: str) -> dict[str, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        headers = {"X-Vault-Token": token, "X-Vault-Request": "true"}
        connection.request(method, f"/v1/{path}", json.dumps(dict(body)), headers)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        if answer.status >= 300:
            raise WrongAnswerError(f"{path}: HTTP {answer.status} {text.decode()[:300]}")
        said: dict[str, Any] = json.loads(text or b"{}")
        return said
