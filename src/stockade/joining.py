# SPDX-License-Identifier: Apache-2.0
"""Which services there are, and what each does for the others below its API (`core/ports.py`)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from stockade.config import (
    Settings,
    SettingsError,
)
from stockade.core.clock import Clock
from stockade.core.operation import Service
from stockade.core.ports import (
    AuditLog,
    Calls,
    Credentials,
    ManagedKeys,
    Members,
    Organization,
    OwnedKeys,
    Ports,
    Principals,
    Transactions,
)
from stockade.core.quotas import RequestQuota
from stockade.services.accessanalyzer import accessanalyzer
from stockade.services.accessanalyzer.requires import (
    AllAnalyzedResources,
    AnalyzedResources,
    IdentityUse,
)
from stockade.services.cloudtrail import cloudtrail
from stockade.services.iam import iam
from stockade.services.iam.analyzed import AnalyzedRoles
from stockade.services.iam.credentials import IamDirectory
from stockade.services.iam.identity_use import TrackedIdentities
from stockade.services.iam.organization_accounts import OrganizationAccounts
from stockade.services.iam.requires import ResourcePolicies
from stockade.services.kms import kms
from stockade.services.kms.analyzed import AnalyzedKeys
from stockade.services.kms.key_store_links import KeyStoreLinks
from stockade.services.kms.managed_keys import KmsManagedKeys
from stockade.services.kms.owned_keys import KmsOwnedKeys
from stockade.services.kms.quotas import KmsQuotas, aws_table, read_table
from stockade.services.kms.recipient import AttestationRoots
from stockade.services.kms.trusted import KeyPolicies
from stockade.services.organizations import organizations
from stockade.services.organizations.membership import OrganizationDirectory
from stockade.services.organizations.requires import Accounts
from stockade.services.sts import sts
from stockade.services.sts.issuers import Issuers
from stockade.services.sts.requires import MfaDevices, OidcProviders, Roles, SamlProviders
from stockade.store.vault import Vault


def services() -> dict[str, Service]:
    """Return every service by its name: the one visible list."""
    every = (accessanalyzer, cloudtrail, iam, kms, organizations, sts)
    return {service.entry.name: service for service in every}


def operations_served(served: Mapping[str, Service]) -> dict[str, frozenset[str]]:
    """Return the operations of each service by its name in actions, which may be several's."""
    found: dict[str, frozenset[str]] = {}
    for service in served.values():
        name = service.entry.signing_name
        found[name] = found.get(name, frozenset()) | frozenset(service.operations)
    return found


def request_quotas(settings: Settings) -> dict[str, RequestQuota]:
    """Return the request quotas that are switched on, by service."""
    choice = settings.kms_quotas
    if choice == "off":
        return {}
    try:
        content = aws_table() if choice == "aws" else Path(choice).read_bytes()
        return {"kms": KmsQuotas(read_table(content), settings.workers)}
    except OSError as error:
        raise SettingsError(f"{choice} cannot be read: {error.strerror}") from error
    except ValueError as error:
        hint = "begin with what `stockade kms quotas` prints"
        raise SettingsError(f"{choice} is no file of quotas: {error}", hint) from error


def joined(
    settings: Settings,
    vault: Vault,
    clock: Clock,
    served: Mapping[str, Service],
    key_stores: KeyStoreLinks,
    *,
    deployment: object,
) -> Ports:
    """Return every port with who implements it; `deployment` has the audit log and the doors."""
    dev = settings.mode == "dev"
    directory = IamDirectory(vault, known_account=settings.account if dev else None)
    organization = OrganizationDirectory()
    return Ports(
        {
            Credentials: directory,
            Principals: directory,
            ResourcePolicies: KeyPolicies(),
            Roles: directory,
            MfaDevices: directory,
            OidcProviders: directory,
            SamlProviders: directory,
            AuditLog: deployment,
            Organization: organization,
            Members: organization,
            Accounts: OrganizationAccounts(every_number=dev),
            Calls: deployment,
            Transactions: deployment,
            ManagedKeys: KmsManagedKeys(),
            OwnedKeys: KmsOwnedKeys(),
            Clock: clock,
            KeyStoreLinks: key_stores,
            Issuers: Issuers(clock, loopback=dev),
            AnalyzedResources: AllAnalyzedResources((AnalyzedKeys(), AnalyzedRoles())),
            AttestationRoots: _attestation_roots(settings.attestation_roots),
            IdentityUse: TrackedIdentities(operations_served(served)),
        }
    )


def _attestation_roots(path: Path | None) -> AttestationRoots:
    """Return the roots of a file, or AWS's own."""
    if path is None:
        return AttestationRoots()
    try:
        return AttestationRoots(path.read_bytes())
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"the attestation roots in {path} cannot be read: {error}",
            "give a file of certificates in PEM with --attestation-roots FILE",
        ) from error
