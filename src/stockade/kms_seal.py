# SPDX-License-Identifier: Apache-2.0
"""A seal that is a key of AWS KMS, or of another Stockade: `aws-kms:KEY_ARN[?deployment=NAME]`.

The domain keys are wrapped by Encrypt and unwrapped by Decrypt, once in each process; the
encryption context names the deployment and the domain key, so a policy can be bound to them and
the remote trail tells what was opened. Endpoint and credentials are found as AWS's SDKs find them
(AWS_ENDPOINT_URL_KMS leads to another Stockade). Where the remote KMS does not answer, a server
does not start; one that runs goes on with the domain keys it has opened and refuses the rest.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Any

import msgspec

from stockade.crypto import aead
from stockade.store.errors import StoreUnavailable
from stockade.store.seal import Description, Random, Seal, SealError

CONNECT_SECONDS = 2
READ_SECONDS = 5
ATTEMPTS = 3

_VERSION = b"\x03"
_SETTING = re.compile(
    r"(?P<arn>arn:[a-z-]+:kms:(?P<region>[a-z0-9-]+):(?P<account>[0-9]{12}):key/(?P<key>[0-9a-zA-Z-]+))"
    r"(?:\?deployment=(?P<deployment>[A-Za-z0-9._-]{1,128}))?"
)
_DEPLOYMENT = "stockade"
_REFUSED = frozenset({"InvalidCiphertextException", "IncorrectKeyException"})


class KmsSeal:
    """A seal whose key is in a KMS elsewhere."""

    def __init__(self, client: Callable[[], Any], arn: str, deployment: str) -> None:
        self._make = client
        self._made: tuple[int, Any] = (0, None)
        self._arn = arn
        self._deployment = deployment
        self._description = Description(kind="aws-kms", fingerprint=_fingerprint(arn, deployment))

    def __repr__(self) -> str:
        return f"KmsSeal({self._arn})"

    def wrap(self, key: bytes, aad: bytes, nonce: bytes) -> bytes:
        """Return version || CiphertextBlob; the KMS brings its own nonce."""
        del nonce
        with self._asking():
            answer = self._client.encrypt(
                KeyId=self._arn, Plaintext=key, EncryptionContext=self._context(aad)
            )
        return _VERSION + bytes(answer["CiphertextBlob"])

    def unwrap(self, blob: bytes, aad: bytes) -> bytes:
        """Return the key that `wrap` wrapped with the same `aad`, or raise Tampered."""
        if blob[:1] != _VERSION:
            raise aead.Tampered("the wrapped key has an unknown format")
        with self._asking():
            answer = self._client.decrypt(
                KeyId=self._arn, CiphertextBlob=blob[1:], EncryptionContext=self._context(aad)
            )
        return bytes(answer["Plaintext"])

    def describe(self) -> Description:
        return self._description

    def check(self) -> None:
        """Raise StoreUnavailable where the key does not encrypt and decrypt."""
        probe = bytes(aead.KEY_SIZE)
        if self.unwrap(self.wrap(probe, b"probe", b""), b"probe") != probe:
            raise StoreUnavailable(f"the KMS key {self._arn} decrypts what it did not encrypt")

    @property
    def _client(self) -> Any:
        """This process's client: a child does not speak over its parent's connections."""
        pid = os.getpid()
        if self._made[0] != pid:
            self._made = (pid, self._make())
        return self._made[1]

    def _context(self, aad: bytes) -> dict[str, str]:
        return {"stockade:deployment": self._deployment, "stockade:domain-key": aad.decode("ascii")}

    @contextmanager
    def _asking(self) -> Iterator[None]:
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415  takes long

        try:
            yield
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "an error")
            if code in _REFUSED:
                raise aead.Tampered("the wrapped key does not open") from None
            raise StoreUnavailable(f"the seal cannot be used: {self._arn} answers {code}") from None
        except BotoCoreError as error:
            reason = type(error).__name__
            raise StoreUnavailable(
                f"the seal cannot be used: no KMS for {self._arn} ({reason})"
            ) from None


class KmsChoice(msgspec.Struct, frozen=True, kw_only=True):
    """A key in a KMS elsewhere, as configured."""

    arn: str
    region: str
    deployment: str

    @property
    def kind(self) -> str:
        return "aws-kms"

    def exists(self, secret: Callable[[], str]) -> bool:
        """Say that it is there: such a key is never made here."""
        del secret
        return True

    def create(self, random: Random, secret: Callable[[], str]) -> Seal:
        """Take the key as it is."""
        del random
        return self.open(secret)

    def open(self, secret: Callable[[], str]) -> Seal:
        """See that the key encrypts and decrypts."""
        del secret
        seal = KmsSeal(lambda: _client(self.region), self.arn, self.deployment)
        try:
            seal.check()
        except (StoreUnavailable, aead.Tampered) as fault:
            raise SealError(
                str(fault),
                "credentials and endpoint are found as AWS's SDKs find them: look at AWS_PROFILE,"
                " AWS_ENDPOINT_URL_KMS and at the key's policy; then start again",
            ) from None
        return seal


def kms_choice(text: str) -> KmsChoice | None:
    """Read the setting of a seal in a KMS; None for other kinds."""
    if not text.startswith("aws-kms:"):
        return None
    found = _SETTING.fullmatch(text.removeprefix("aws-kms:"))
    if found is None:
        raise SealError(
            f"the seal {text!r} names no key of a KMS",
            "it is like aws-kms:arn:aws:kms:eu-west-1:111122223333:key/ID?deployment=NAME",
        )
    return KmsChoice(
        arn=found["arn"], region=found["region"], deployment=found["deployment"] or _DEPLOYMENT
    )


def _client(region: str) -> Any:
    import botocore.session  # noqa: PLC0415  takes long
    from botocore.config import Config  # noqa: PLC0415  takes long

    config = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
    )
    return botocore.session.get_session().create_client("kms", region_name=region, config=config)


def _fingerprint(arn: str, deployment: str) -> str:
    """Tell seals apart: by account and key, so that a multi-Region key is one in all Regions."""
    _, _, _, _, account, key = arn.split(":", 5)
    return sha256(f"stockade seal aws-kms:{account}:{key}:{deployment}".encode()).hexdigest()[:32]
