# SPDX-License-Identifier: Apache-2.0
"""Whom a key policy means: users and roles by their unique ids, as AWS keeps them.

A user or role that was deleted and made anew does not get its rights back, and GetKeyPolicy shows
the id in place of the ARN. A user who is renamed keeps them under the new name.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from msgspec.structs import replace

from stockade.core.context import Context
from stockade.core.ports import Principals
from stockade.policy import principal_ids
from stockade.policy.document import Document
from stockade.services.kms.resources import KEYS, Key
from stockade.store.unit import Unit


def unique_ids(ctx: Context, document: Document) -> dict[str, str]:
    """Return the unique id behind each ARN of a user or role that a key policy names."""
    return principal_ids.unique_ids(document, _id_of(ctx))


def policy_as_seen(ctx: Context, key: Key) -> str:
    """Return a key's policy as it counts: who is gone stands there by the id."""
    return principal_ids.as_seen(key.policy, key.trusted, _id_of(ctx))


class KeyPolicies:
    """The key policies, for IAM to tell of names that change."""

    def follow(self, unit: Unit, unique_id: str, names: Mapping[str, str]) -> None:
        """Have every key policy that means a user or role name it by its new ARN."""
        for old in names:
            for scope, key in unit.find_anywhere(KEYS, "trusted", old):
                if key.trusted[old] == unique_id:
                    trusted = {names.get(arn, arn): id_ for arn, id_ in key.trusted.items()}
                    text = principal_ids.renamed(key.policy, names)
                    unit.put(KEYS, scope, replace(key, policy=text, trusted=trusted))


def _id_of(ctx: Context) -> principal_ids.IdOf:
    return partial(ctx.port(Principals).unique_id, ctx.unit)
