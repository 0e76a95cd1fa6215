# SPDX-License-Identifier: Apache-2.0
"""The four APIs of the specification: GetHealthStatus, GetKeyMetadata, Encrypt, Decrypt."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from stockade import __version__
from stockade.core import audit, authorization
from stockade.core.access import Touched
from stockade.core.arn import parse_arn
from stockade.core.audit import Record
from stockade.core.context import Context
from stockade.protocol import xks as wire
from stockade.protocol.xks import RequestMetadata
from stockade.store.vault import Vault
from stockade.xks import questions
from stockade.xks.questions import Route
from stockade.xks.refusals import Refusal
from stockade.xks.requires import Keys
from stockade.xks.resources import KeyStore


class Question(NamedTuple):
    """An authenticated request."""

    ctx: Context
    store: KeyStore
    route: Route
    body: bytes
    record: Record


class Apis:
    """Answers authenticated requests."""

    def __init__(self, keys: Keys, vault: Vault) -> None:
        self._keys = keys
        self._vault = vault
        self._by_name: Mapping[str, Callable[[Question], msgspec.Struct]] = MappingProxyType(
            {
                "health": self._health,
                "metadata": self._metadata,
                "encrypt": self._encrypt,
                "decrypt": self._decrypt,
            }
        )

    def answer(self, question: Question) -> msgspec.Struct:
        """Return the answer, or raise what the specification or KMS says against it."""
        return self._by_name[question.route.api](question)

    def _health(self, question: Question) -> wire.Health:
        """Answer GetHealthStatus: to get here took the store and the seal, and takes the journal.

        A credential was found in the store and opened with the seal; the answer leaves once its
        record is in the journal.
        """
        _tell(question, questions.read_health(question.body).request_metadata)
        self._vault.check(question.ctx.unit)
        model = f"Stockade {__version__}"
        manager = wire.KeyManager(id=question.store.name, model=model, health_status="ACTIVE")
        return wire.Health(
            xks_proxy_fleet_size=1,
            xks_proxy_vendor="Stockade",
            xks_proxy_model=model,
            ekm_vendor="Stockade",
            ekm_fleet_details=(manager,),
        )

    def _metadata(self, question: Question) -> wire.KeyMetadata:
        asked = questions.read_metadata(question.body)
        return self._keys.describe(self._key(question, asked.request_metadata))

    def _encrypt(self, question: Question) -> wire.Encrypted:
        asked = questions.read_encrypt(question.body)
        key = self._key(question, asked.request_metadata)
        aad = asked.additional_authenticated_data
        encrypted = self._keys.encrypt(question.ctx, key, asked.plaintext, aad)
        if asked.ciphertext_data_integrity_value_algorithm is None:
            return encrypted
        # First the value, then the proof that it opens: the specification's order, so that what
        # is damaged in between does not get a value that fits the damage.
        value = wire.integrity_value(aad, encrypted)
        opened = self._keys.decrypt(question.ctx, key, encrypted, aad)
        if not hmac.compare_digest(opened, asked.plaintext):
            raise Refusal("InternalException")
        return replace(encrypted, ciphertext_data_integrity_value=value)

    def _decrypt(self, question: Question) -> wire.Decrypted:
        asked = questions.read_decrypt(question.body)
        key = self._key(question, asked.request_metadata)
        encrypted = wire.Encrypted(
            ciphertext=asked.ciphertext,
            initialization_vector=asked.initialization_vector,
            authentication_tag=asked.authentication_tag,
            ciphertext_metadata=asked.ciphertext_metadata,
        )
        aad = asked.additional_authenticated_data
        return wire.Decrypted(plaintext=self._keys.decrypt(question.ctx, key, encrypted, aad))

    def _key(self, question: Question, told: RequestMetadata) -> Any:
        """Return the key of a request, if its policy allows what is asked."""
        _tell(question, told)
        touched = self._touch(question, question.route.api, told)
        audit.touch(question.record, touched.audit)
        try:
            authorization.require(question.ctx, touched)
        except authorization.Denied as denied:
            # Who may neither use nor describe a key does not hear that there is one.
            visible = _allows(question.ctx, self._touch(question, "metadata", told))
            name = "AccessDeniedException" if visible else "KeyNotFoundException"
            raise Refusal(name, cause=denied) from None
        if touched.absent is not None:
            raise touched.absent
        return touched.resources[0]

    def _touch(self, question: Question, api: str, told: RequestMetadata) -> Touched:
        return self._keys.touch(
            question.ctx, question.store.scope, question.route.key_id, api, told
        )


def _tell(question: Question, told: RequestMetadata) -> None:
    """Enter what the asking KMS says of the call behind a request."""
    question.record.request_parameters["requestMetadata"] = msgspec.to_builtins(told)
    behind = parse_arn(told.kms_key_arn or told.aws_principal_arn or "")
    question.ctx.source_arn = told.kms_key_arn or ""
    question.ctx.source_account = "" if behind is None else behind.account


def _allows(ctx: Context, touched: Touched) -> bool:
    try:
        authorization.require(ctx, touched)
    except authorization.Denied:
        return False
    return True
