# SPDX-License-Identifier: Apache-2.0
"""The one exception that becomes an AWS error on the wire.

AwsError                a code, an HTTP status and a message, the same over every protocol
  └─ FamilyError        one failure whose code and status differ between protocol families
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar


class AwsError(Exception):
    """An error that a client sees: subclasses set `code`, `status` and a message template.

    `members` are further modelled members of the error shape. `hint` never goes into the AWS
    answer: it is for the log and, in dev, for the `x-stockade-hint` header.
    """

    code: ClassVar[str] = "InternalFailure"
    status: ClassVar[int] = 400
    template: ClassVar[str] = ""

    def __init__(
        self,
        message: str | None = None,
        *,
        hint: str = "",
        members: Mapping[str, object] | None = None,
        **values: object,
    ) -> None:
        self.message = self.template.format(**values) if message is None else message
        self.hint = hint
        self.members = dict(members or {})
        super().__init__(self.message)

    def on(self, family: str) -> tuple[str, int]:
        """Return the code and the HTTP status that this error has in a protocol family."""
        del family
        return self.code, self.status

    def message_on(self, family: str) -> str:
        """Return the words that this error has in a protocol family."""
        del family
        return self.message

    def elements_on(self, family: str) -> Mapping[str, str]:
        """Return what an answer tells beside code and message, in order; only S3's do."""
        del family
        return {}


class FamilyError(AwsError):
    """A failure before any operation runs; families: query, json, rest-json, s3, ec2."""

    forms: ClassVar[Mapping[str, tuple[str, int]]] = {}

    def on(self, family: str) -> tuple[str, int]:
        return self.forms.get(family, (self.code, self.status))
