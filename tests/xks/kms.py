# SPDX-License-Identifier: Apache-2.0
"""The KMS on the other side: signs with botocore, speaks JSON, believes nothing."""

from __future__ import annotations

import base64
import json
from typing import Any, NamedTuple

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from stockade.app import Stockade
from stockade.protocol.http import HttpRequest
from stockade.xks.stores import NewCredential

TOLD = {
    "awsPrincipalArn": "arn:aws:iam::123456789012:user/Alice",
    "kmsKeyArn": "arn:aws:kms:us-east-2:123456789012:/key/1234abcd-12ab-34cd-56ef-1234567890ab",
    "kmsOperation": "Encrypt",
    "kmsRequestId": "4112f4d6-db54-4af4-ae30-c55a22a8dfae",
    "kmsViaService": "ebs",
}
PLAINTEXT = "SGVsbG8gV29ybGQh"
AAD = base64.b64encode(b"project=nile,department=marketing").decode()


class Answer(NamedTuple):
    """What the proxy said."""

    status: int
    body: Any
    request_id: str = ""

    @property
    def error(self) -> str:
        """The error's name, empty for a success."""
        return "" if self.status == 200 else str(self.body["errorName"])


class Kms:
    """Asks the door of a deployment in this process."""

    def __init__(self, app: Stockade, credential: NewCredential) -> None:
        self.door = app.xks_door()
        self.path = credential.store.path
        self.access_key_id = credential.access_key_id
        self.secret = credential.secret_access_key

    def ask(self, what: str, body: Any, **given: Any) -> Answer:
        """Send a signed request."""
        return self.send(self.request(what, body, **given))

    def send(self, http: HttpRequest) -> Answer:
        """Send a request as it is."""
        response = self.door.answer(http)
        headers = dict(response.headers)
        return Answer(
            response.status,
            json.loads(response.body) if response.body else None,
            headers.get(b"x-amzn-requestid", b"").decode(),
        )

    def request(
        self,
        what: str,
        body: Any,
        *,
        path: str | None = None,
        access_key_id: str | None = None,
        secret: str | None = None,
        service: str = "kms-xks-proxy",
        method: str = "POST",
        region: str = "us-east-1",
    ) -> HttpRequest:
        """Return a signed request."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        target = f"{self.path if path is None else path}/{what}"
        request = AWSRequest(
            method,
            f"https://xks.example.com{target}",
            data=data,
            headers={"Content-Type": "application/json"},
        )
        credentials = Credentials(access_key_id or self.access_key_id, secret or self.secret)
        SigV4Auth(credentials, service, region).add_auth(request)
        headers = [
            (name.lower().encode(), value.encode()) for name, value in request.headers.items()
        ]
        if b"host" not in dict(headers):
            headers.append((b"host", b"xks.example.com"))
        return HttpRequest(method=method, raw_path=target.encode(), headers=headers, body=data)

    def encrypt(self, key_id: str, **members: Any) -> Answer:
        """Encrypt; a member that is None is left out."""
        body = {
            "requestMetadata": TOLD,
            "plaintext": PLAINTEXT,
            "encryptionAlgorithm": "AES_GCM",
            **members,
        }
        return self.ask(f"keys/{key_id}/encrypt", _given(body))

    def decrypt(self, key_id: str, encrypted: dict[str, Any], **members: Any) -> Answer:
        """Decrypt what Encrypt answered."""
        body = {
            "requestMetadata": TOLD | {"kmsOperation": "Decrypt"},
            "encryptionAlgorithm": "AES_GCM",
            **encrypted,
            "ciphertextDataIntegrityValue": None,
            **members,
        }
        return self.ask(f"keys/{key_id}/decrypt", _given(body))

    def metadata(self, key_id: str, **told: Any) -> Answer:
        """Ask for a key's metadata."""
        return self.ask(f"keys/{key_id}/metadata", {"requestMetadata": _given(TOLD | told)})


def _given(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}
