# SPDX-License-Identifier: Apache-2.0
"""The S3 Encryption Client with a bucket in this process's memory; prints what it saw as JSON.

Usage: s3_objects.py KEY-ARN. S3 is answered here, before a request is sent; KMS is the server's.
"""

from __future__ import annotations

import io
import json
import sys
from typing import Any

import boto3
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from s3_encryption import S3EncryptionClient, S3EncryptionClientConfig
from s3_encryption.exceptions import S3EncryptionClientError
from s3_encryption.materials.kms_keyring import KmsKeyring

PLAINTEXT = b"the ledger " * 1000
CONTEXT = {"tenant": "a"}


class Body(io.BytesIO):
    """A body as botocore reads it from a connection."""

    def stream(self, *_: Any, **__: Any) -> Any:
        yield self.read()


class Bucket:
    """What was put, by its URL: the body and the metadata."""

    def __init__(self) -> None:
        self.objects: dict[str, tuple[bytes, dict[str, str]]] = {}

    def answer(self, request: Any, **_: Any) -> AWSResponse:
        """Answer a request as S3 would."""
        url = request.url.split("?")[0]
        if request.method == "PUT":
            self.objects[url] = (self._read(request), self._metadata(request))
            return AWSResponse(url, 200, {}, Body())
        body, metadata = self.objects[url]
        headers = metadata | {"content-length": str(len(body))}
        return AWSResponse(url, 200, headers, Body(body))

    def _read(self, request: Any) -> bytes:
        return bytes(request.body if isinstance(request.body, bytes) else request.body.read())

    def _metadata(self, request: Any) -> dict[str, str]:
        headers = {name.lower(): value for name, value in request.headers.items()}
        return {
            name: value.decode() if isinstance(value, bytes) else value
            for name, value in headers.items()
            if name.startswith("x-amz-meta-")
        }


def main() -> None:
    """Put an object, get it, and get it with another context."""
    bucket = Bucket()
    config = Config(request_checksum_calculation="when_required")
    s3 = boto3.client("s3", config=config)
    s3.meta.events.register("before-send.s3", bucket.answer)
    keyring = KmsKeyring(kms_client=boto3.client("kms"), kms_key_id=sys.argv[1])
    client = S3EncryptionClient(s3, S3EncryptionClientConfig(keyring=keyring))

    named = {"Bucket": "ledgers", "Key": "today"}
    client.put_object(**named, Body=PLAINTEXT, EncryptionContext=CONTEXT)
    ((stored, metadata),) = bucket.objects.values()
    opened = client.get_object(**named, EncryptionContext=CONTEXT)["Body"].read()
    try:
        client.get_object(**named, EncryptionContext={"tenant": "b"})["Body"].read()
        refused = ""
    except S3EncryptionClientError as error:
        refused = str(error)
    said = {
        "same": opened == PLAINTEXT,
        "hidden": PLAINTEXT[:11] not in stored,
        "metadata": sorted(metadata),
        "refused": refused,
    }
    print(json.dumps(said))


if __name__ == "__main__":
    main()
