# SPDX-License-Identifier: Apache-2.0
"""What STS asks of IAM: roles, and the credentials of their sessions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from stockade.core.context import Context
from stockade.policy.compile import Policy
from stockade.store.unit import Unit


class Role(Protocol):
    """An IAM role."""

    @property
    def account(self) -> str: ...
    @property
    def arn(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def role_id(self) -> str: ...
    @property
    def max_session_duration(self) -> int: ...
    @property
    def tags(self) -> Mapping[str, str]: ...


class IssuedSession(Protocol):
    """Temporary credentials."""

    @property
    def access_key_id(self) -> str: ...
    @property
    def secret_access_key(self) -> str: ...
    @property
    def session_token(self) -> str: ...


class Roles(Protocol):
    """IAM's roles, below its API."""

    def find_role(self, unit: Unit, role_arn: str) -> Role | None: ...
    def trust_policy(self, unit: Unit, role: Any) -> Policy | None: ...
    def policy_exists(self, unit: Unit, account: str, policy_arn: str) -> bool: ...
    def issue_session(
        self,
        ctx: Context,
        role: Any,
        *,
        name: str,
        expires: datetime,
        policy: str,
        policy_arns: tuple[str, ...],
        tags: dict[str, str],
    ) -> IssuedSession: ...
