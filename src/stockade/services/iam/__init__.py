# SPDX-License-Identifier: Apache-2.0
"""AWS IAM; importing it declares every operation."""

from stockade.services.iam import (
    access_keys,
    attachments,
    inline,
    login_profiles,
    managed,
    mfa,
    oidc_providers,
    password_policy,
    roles,
    saml_providers,
    tags,
    users,
    versions,
)
from stockade.services.iam.service import iam

__all__ = [
    "access_keys",
    "attachments",
    "iam",
    "inline",
    "login_profiles",
    "managed",
    "mfa",
    "oidc_providers",
    "password_policy",
    "roles",
    "saml_providers",
    "tags",
    "users",
    "versions",
]
