# SPDX-License-Identifier: Apache-2.0
"""Behind an access key id: the secret, and the principal with the policies that speak for it.

Four kinds of credentials lead to a caller:

1. Dev's well-known ones: `test`/`test` is the root of the default account, a 12-digit key id with
   the secret `test` the root of that account. A deployment that serves knows none.
2. AKIA...: the root of the account that the key id carries.
3. AKIA...: an IAM user of that account.
4. ASIA... with a token: a session of a role, a user or a root (sessions.py). It ends when its time
   is over, and at once when the role or user is deleted, also if another takes the name.

A caller is derived from what is stored and forgotten when any of it changes: a key switched off, a
policy detached, a statement edited counts from the next request on. Only callers that exist are
remembered: guessed key ids and tokens are not kept, and those of accounts that do not exist are
refused without asking the database.
"""

from __future__ import annotations

from datetime import datetime

from stockade.core.arn import PARTITION, Arn, parse_arn
from stockade.core.context import Context
from stockade.core.identity import Credential
from stockade.core.ids import account_of
from stockade.core.sessions import Grant
from stockade.policy.compile import Policy
from stockade.protocol.refusals import ExpiredToken, InvalidClientToken, InvalidToken
from stockade.services.iam import (
    account_settings,
    accounts,
    callers,
    identity_providers,
    mfa_devices,
    session_callers,
    sessions,
    trusted,
)
from stockade.services.iam.identity_providers import OidcProvider, SamlProvider
from stockade.services.iam.lookup import (
    ACCOUNT,
    entity_of_arn,
    find_policy,
    find_role,
    find_user,
    role_of_arn,
)
from stockade.services.iam.resources import ACCESS_KEYS, Role, root_arn, scope_of
from stockade.services.iam.sessions import InvalidSessionToken, IssuedSession
from stockade.store.unit import Unit
from stockade.store.vault import Vault

KNOWN_KEY = "test"
KNOWN_SECRET = "test"  # noqa: S105  dev's well-known secret


class IamDirectory:
    """What IAM does for the gateway and for other services below its API.

    `known_account` is the account of dev's well-known credentials; None where nothing is known.
    """

    def __init__(self, vault: Vault, *, known_account: str | None = None) -> None:
        self._vault = vault
        self._known_account = known_account
        self._attempts = mfa_devices.Attempts()

    def find_credential(
        self, unit: Unit, access_key_id: str, session_token: str | None, now: datetime
    ) -> Credential:
        """Return a credential that holds at this moment, or raise what AWS says of it."""
        kind = access_key_id[:4]
        if kind == "AKIA":
            return self._long_lived(unit, access_key_id, session_token)
        if kind == "ASIA" and session_token is not None:
            return self._of_session(unit, access_key_id, session_token, now)
        return self._known(unit, access_key_id)

    def principal_exists(self, unit: Unit, arn_or_account: str) -> bool:
        """Return whether a policy may name this account, user, role or role session."""
        if ACCOUNT.fullmatch(arn_or_account):
            return self._account_exists(unit, arn_or_account)
        fields = parse_arn(arn_or_account)
        if fields is None or fields.partition != PARTITION or fields.region:
            return False
        if not ACCOUNT.fullmatch(fields.account):
            return False
        if arn_or_account == root_arn(fields.account):
            return self._account_exists(unit, fields.account)
        return _entity_exists(unit, fields)

    def principal_id(self, unit: Unit, principal_arn: str) -> str | None:
        """Return the unique id behind the ARN of an account, user, role or session."""
        fields = parse_arn(principal_arn)
        if fields is None or not self.principal_exists(unit, principal_arn):
            return None
        return _unique_id(unit, fields)

    def unique_id(self, unit: Unit, arn: str) -> str:
        """Return the unique id of the user or role that an ARN names."""
        return trusted.unique_id(unit, arn)

    def find_role(self, unit: Unit, role_arn: str) -> Role | None:
        """Return the role of an ARN."""
        return role_of_arn(unit, role_arn)

    def trust_policy(self, unit: Unit, role: Role) -> Policy | None:
        """Return the compiled policy that says who may become a role."""
        return callers.trust_policy(unit, role)

    def policy_exists(self, unit: Unit, account: str, policy_arn: str) -> bool:
        """Return whether an account has a managed policy, or AWS has it for all."""
        return find_policy(unit, account, policy_arn) is not None

    def account_exists(self, unit: Unit, account: str) -> bool:
        """Return whether there is such an account here."""
        return bool(ACCOUNT.fullmatch(account)) and self._account_exists(unit, account)

    def issue_session(self, ctx: Context, grant: Grant) -> IssuedSession:
        """Make the temporary credentials of a session."""
        return sessions.issue(ctx, grant)

    def find_oidc_provider(self, unit: Unit, account: str, issuer: str) -> OidcProvider | None:
        """Return the provider of an issuer that an account trusts."""
        return identity_providers.find_oidc_provider(unit, account, issuer)

    def find_saml_provider(self, unit: Unit, provider_arn: str) -> SamlProvider | None:
        """Return the SAML provider of an ARN."""
        return identity_providers.find_saml_provider(unit, provider_arn)

    def saml_private_keys(self, unit: Unit, provider: SamlProvider) -> list[bytes]:
        """Return the keys, as PEM, that open a provider's encrypted assertions; newest first."""
        return identity_providers.saml_private_keys(unit, self._vault, provider)

    def outbound_issuer(self, unit: Unit, account: str) -> str | None:
        """Return the issuer of an account's tokens for others, None while there are to be none."""
        settings = account_settings.settings_of(unit, account)
        return settings.outbound_issuer if settings.outbound_enabled else None

    def root_features(self, unit: Unit, management_account: str) -> tuple[str, ...]:
        """Return what an organization may do with its members' roots."""
        return account_settings.settings_of(unit, management_account).root_features

    def check_mfa(self, ctx: Context, user: str, serial_number: str, code: str) -> bool:
        """Return whether a code is one of a user's MFA device and take it; the unit must write."""
        return mfa_devices.check(ctx, self._attempts, user, serial_number, code)

    def _known(self, unit: Unit, access_key_id: str) -> Credential:
        """Return one of dev's well-known credentials; nothing else has a key id of this form."""
        default = self._known_account
        if default is None:
            raise InvalidClientToken
        account = default if access_key_id == KNOWN_KEY else access_key_id
        if not ACCOUNT.fullmatch(account):
            raise InvalidClientToken
        return unit.derive(
            ("iam-known", default, access_key_id),
            lambda: _known_root(unit, account, access_key_id),
        )

    def _long_lived(self, unit: Unit, access_key_id: str, session_token: str | None) -> Credential:
        if session_token is not None:
            raise InvalidToken
        return unit.derive(
            ("iam-credential", access_key_id), lambda: self._load(unit, access_key_id)
        )

    def _load(self, unit: Unit, access_key_id: str) -> Credential:
        account = self._account_of(unit, access_key_id)
        scope = scope_of(account)
        key = unit.get(ACCESS_KEYS, scope, access_key_id)
        if key is None or key.status != "Active":
            raise InvalidClientToken
        if key.user:
            user = find_user(unit, account, key.user)
            if user is None:
                raise InvalidClientToken
            caller = callers.user(unit, user, access_key_id)
        else:
            caller = callers.root(account, access_key_id)
        secret = self._vault.open(unit, scope, key.place, key.sealed).decode()
        return Credential(secret=secret, caller=caller)

    def _of_session(self, unit: Unit, access_key_id: str, token: str, now: datetime) -> Credential:
        credential = unit.derive(
            ("iam-session", access_key_id, token),
            lambda: self._load_session(unit, access_key_id, token),
        )
        if credential.expires is not None and credential.expires <= now:
            raise ExpiredToken
        return credential

    def _load_session(self, unit: Unit, access_key_id: str, token: str) -> Credential:
        account = self._account_of(unit, access_key_id)
        try:
            session = sessions.read(unit, self._vault, account, access_key_id, token)
        except InvalidSessionToken:
            raise InvalidToken from None
        caller = session_callers.caller_of(unit, session, access_key_id)
        if caller is None:
            raise InvalidToken
        return Credential(
            secret=session.secret,
            caller=caller,
            expires=session.grant.expires,
            closed=session_callers.closed_to(session.grant),
        )

    def _account_of(self, unit: Unit, access_key_id: str) -> str:
        """Return the account that a key id carries, if there is such an account."""
        account = account_of(access_key_id)
        if account is None or not self._account_exists(unit, account):
            raise InvalidClientToken
        _must_be_open(unit, account)
        return account

    def _account_exists(self, unit: Unit, account: str) -> bool:
        return self._known_account is not None or account in accounts.everyone(unit)


def _known_root(unit: Unit, account: str, access_key_id: str) -> Credential:
    _must_be_open(unit, account)
    return Credential(secret=KNOWN_SECRET, caller=callers.root(account, access_key_id))


def _must_be_open(unit: Unit, account: str) -> None:
    """Refuse the credentials of a closed account."""
    if accounts.is_closed(unit, account):
        raise InvalidClientToken


def _unique_id(unit: Unit, fields: Arn) -> str | None:
    """Return the unique id of a principal that exists."""
    match (fields.service, *fields.resource.split("/", 2)):
        case ("sts", "assumed-role", name, session):
            role = find_role(unit, fields.account, name)
            return None if role is None else f"{role.role_id}:{session}"
        case ("sts", "federated-user", *name):
            return f"{fields.account}:{'/'.join(name)}"
    entity = entity_of_arn(unit, str(fields))
    return fields.account if entity is None else entity.unique_id


def _entity_exists(unit: Unit, fields: Arn) -> bool:
    """Return whether the user, role or role session of an ARN exists."""
    text = str(fields)
    match (fields.service, *fields.resource.split("/")):
        case ("iam", "user" | "role", *_):
            return entity_of_arn(unit, text) is not None
        case ("sts", "assumed-role", name, session) if session:
            role = find_role(unit, fields.account, name)
            return role is not None and role.name == name
        case ("sts", "federated-user", name):
            return bool(name)
        case _:
            return False
