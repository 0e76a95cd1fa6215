# SPDX-License-Identifier: Apache-2.0
"""The credential report: one line of CSV for the root and for each user, kept for four hours.

The report is made within GenerateCredentialReport, so that nobody waits: the call that makes one
answers STARTED as AWS's does, the next COMPLETE, and INPROGRESS is never seen. Columns, dates and
words are those that AWS was recorded with. When keys were last used is asked of the audit trail
before the write, since the trail ships what was recorded, which is a write of its own.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from stockade.core import audit
from stockade.core.access import on_everything
from stockade.core.context import Context
from stockade.core.operation import Output
from stockade.services.iam import accounts, passwords
from stockade.services.iam.account_settings import settings_of
from stockade.services.iam.credential_errors import ReportExpired, ReportNotPresent
from stockade.services.iam.last_used import namespace, newest
from stockade.services.iam.mfa_devices import MFA_DEVICES
from stockade.services.iam.passwords import LOGIN_PROFILES
from stockade.services.iam.resources import (
    ACCESS_KEYS,
    USERS,
    AccessKey,
    User,
    root_arn,
    whole_second,
)
from stockade.services.iam.service import iam
from stockade.services.iam.signing_certificates import SIGNING_CERTIFICATES, SigningCertificate
from stockade.store import entries
from stockade.store.entries import Entry
from stockade.store.resources import Collection

LIFETIME = timedelta(hours=4)
ROW = "report"
NONE, NOT_SUPPORTED, NO_INFORMATION = "N/A", "not_supported", "no_information"
KEYS = CERTIFICATES = 2
HEADER = (
    "user",
    "arn",
    "user_creation_time",
    "password_enabled",
    "password_last_used",
    "password_last_changed",
    "password_next_rotation",
    "mfa_active",
    "access_key_1_active",
    "access_key_1_last_rotated",
    "access_key_1_last_used_date",
    "access_key_1_last_used_region",
    "access_key_1_last_used_service",
    "access_key_2_active",
    "access_key_2_last_rotated",
    "access_key_2_last_used_date",
    "access_key_2_last_used_region",
    "access_key_2_last_used_service",
    "cert_1_active",
    "cert_1_last_rotated",
    "cert_2_active",
    "cert_2_last_rotated",
)


class CredentialReport(msgspec.Struct, frozen=True, kw_only=True):
    """A report as it was made."""

    content: str
    generated: datetime


Uses = Mapping[str, Entry]
"""The id of an access key -> the newest record of a call that was signed with it."""

REPORTS: Collection[CredentialReport] = Collection(
    CredentialReport, service="iam", kind="credential-report", id=lambda _report: ROW
)


def _uses(ctx: Context, _params: Mapping[str, Any]) -> Uses:
    """Return when the account's keys were last used, where a report is to be made."""
    if _is_fresh(ctx, ctx.unit.get(REPORTS, ctx.global_scope, ROW)):
        return {}
    keys = [key.access_key_id for key in ctx.unit.list(ACCESS_KEYS, ctx.global_scope)]
    found = ((key_id, newest(ctx, (entries.ACCESS_KEY, key_id))) for key_id in keys)
    return {key_id: entry for key_id, entry in found if entry is not None}


@iam.operation(access=on_everything("iam:GenerateCredentialReport"), writes=True, prepare=_uses)
def generate_credential_report(ctx: Context, uses: Uses) -> Output:
    """Make a report, unless there is one that is younger than four hours."""
    if _is_fresh(ctx, ctx.unit.get(REPORTS, ctx.global_scope, ROW)):
        return {"State": "COMPLETE"}
    made = CredentialReport(content=_content(ctx, uses), generated=whole_second(ctx.now))
    ctx.unit.put(REPORTS, ctx.global_scope, made)
    return {
        "State": "STARTED",
        "Description": "No report exists. Starting a new report generation task",
    }


def _is_fresh(ctx: Context, report: CredentialReport | None) -> bool:
    return report is not None and ctx.now - report.generated < LIFETIME


@iam.operation(access=on_everything("iam:GetCredentialReport"))
def get_credential_report(ctx: Context) -> Output:
    """Return the report as it was made."""
    report = ctx.unit.get(REPORTS, ctx.global_scope, ROW)
    if report is None:
        raise ReportNotPresent
    if ctx.now - report.generated > LIFETIME:
        raise ReportExpired
    return {
        "Content": report.content.encode(),
        "ReportFormat": "text/csv",
        "GeneratedTime": report.generated,
    }


class _Found:
    """What the account's users have, by user, read once for all lines."""

    def __init__(self, ctx: Context, uses: Uses) -> None:
        unit, scope = ctx.unit, ctx.global_scope
        self.uses = uses
        self.policy = settings_of(unit, ctx.account).password_policy
        self.profiles = {each.user: each for each in unit.list(LOGIN_PROFILES, scope)}
        self.with_mfa = {each.user for each in unit.list(MFA_DEVICES, scope)}
        self.keys: dict[str, list[AccessKey]] = {}
        for key in unit.list(ACCESS_KEYS, scope):
            self.keys.setdefault(key.user, []).append(key)
        self.certificates: dict[str, list[SigningCertificate]] = {}
        for certificate in unit.list(SIGNING_CERTIFICATES, scope):
            self.certificates.setdefault(certificate.user, []).append(certificate)


def _content(ctx: Context, uses: Uses) -> str:
    """Return the whole report; its last line ends without a line feed."""
    found = _Found(ctx, uses)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerow(_root(ctx, found))
    writer.writerows(_user(found, user) for user in ctx.unit.list(USERS, ctx.global_scope))
    return text.getvalue().removesuffix("\n")


def _root(ctx: Context, found: _Found) -> list[str]:
    created = accounts.created(ctx.unit, ctx.account)
    return [
        "<root_account>",
        root_arn(ctx.account),
        _date(created),
        *("false", NONE, NONE, NOT_SUPPORTED),
        _flag(ctx.account in found.with_mfa),
        *_keys(found, ""),
        *_certificates(found.certificates.get(ctx.account, ())),
    ]


def _user(found: _Found, user: User) -> list[str]:
    return [
        user.name,
        user.arn,
        _date(user.created),
        *_password(found, user),
        _flag(user.unique_id in found.with_mfa),
        *_keys(found, user.id),
        *_certificates(found.certificates.get(user.unique_id, ())),
    ]


def _password(found: _Found, user: User) -> Sequence[str]:
    profile = found.profiles.get(user.unique_id)
    if profile is None:
        return ("false", NONE, NONE, NONE)
    rotation = passwords.expires(profile, found.policy)
    return ("true", NO_INFORMATION, _date(profile.changed), _date(rotation))


def _keys(found: _Found, user: str) -> Iterator[str]:
    """Yield the columns of two keys, in the order of their ids."""
    keys = found.keys.get(user, [])
    for key in keys[:KEYS]:
        yield from (_flag(key.status == "Active"), _date(key.created))
        yield from _used(found.uses.get(key.access_key_id))
    for _ in range(KEYS - len(keys)):
        yield from ("false", NONE, NONE, NONE, NONE)


def _used(entry: Entry | None) -> Sequence[str]:
    """Return date, Region and service of a key's last use."""
    if entry is None:
        return (NONE, NONE, NONE)
    return (entry.event_time, entry.region, namespace(entry))


def _certificates(certificates: Sequence[SigningCertificate]) -> Iterator[str]:
    """Yield the columns of two certificates, those that are switched off first."""
    ordered = sorted(certificates, key=lambda each: (each.status == "Active", each.uploaded))
    for certificate in ordered[:CERTIFICATES]:
        yield from (_flag(certificate.status == "Active"), _date(certificate.uploaded))
    for _ in range(CERTIFICATES - len(ordered)):
        yield from ("false", NONE)


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _date(moment: datetime | None) -> str:
    return NONE if moment is None else audit.event_time(moment)
