# SPDX-License-Identifier: Apache-2.0
"""What analyzers of unused access are configured with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stockade.services.accessanalyzer.errors import ValidationException
from stockade.services.accessanalyzer.resources import Exclusion, UnusedAccess

DEFAULT_AGE, MAX_AGE = 90, 365
MAX_ACCOUNTS = 2000

Configuration = Mapping[str, Any]


def read_unused(given: Configuration, account: str, *, of_organization: bool) -> UnusedAccess:
    """Return the configuration of an analyzer of unused access."""
    if "internalAccess" in given:
        raise _invalid("The configuration of an analyzer of unused access is unusedAccess.")
    unused = given.get("unusedAccess", {})
    age = unused.get("unusedAccessAge", DEFAULT_AGE)
    if not 1 <= age <= MAX_AGE:
        raise _invalid(f"unusedAccessAge must be between 1 and {MAX_AGE}.")
    exclusions = unused.get("analysisRule", {}).get("exclusions", ())
    accounts = [one for each in exclusions for one in each.get("accountIds", ())]
    if accounts and not of_organization:
        raise _invalid("accountIds can be excluded by analyzers of an organization only.")
    if account in accounts:
        raise _invalid("The account of the analyzer cannot be excluded.")
    if len(accounts) > MAX_ACCOUNTS:
        raise _invalid(f"The list cannot include more than {MAX_ACCOUNTS} account IDs.")
    return UnusedAccess(
        age=age,
        exclusions=tuple(
            Exclusion(
                account_ids=tuple(one.get("accountIds", ())),
                resource_tags=tuple(dict(tags) for tags in one.get("resourceTags", ())),
            )
            for one in exclusions
        ),
    )


def show_unused(stored: UnusedAccess) -> dict[str, Any]:
    """Return a configuration as it was given."""
    shown: dict[str, Any] = {"unusedAccessAge": stored.age}
    if stored.exclusions:
        exclusions = [_show_exclusion(one) for one in stored.exclusions]
        shown["analysisRule"] = {"exclusions": exclusions}
    return {"unusedAccess": shown}


def _show_exclusion(stored: Exclusion) -> dict[str, Any]:
    lists = {"accountIds": stored.account_ids, "resourceTags": stored.resource_tags}
    return {name: list(values) for name, values in lists.items() if values}


def _invalid(message: str) -> ValidationException:
    return ValidationException(message, "fieldValidationFailed")
