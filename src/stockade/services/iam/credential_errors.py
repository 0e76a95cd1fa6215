# SPDX-License-Identifier: Apache-2.0
"""The errors of passwords, devices, certificates, keys and providers, as AWS's model has them."""

from __future__ import annotations

from stockade.core.errors import AwsError


class DuplicateCertificate(AwsError):
    """A signing certificate that another user of the account has."""

    code = "DuplicateCertificate"
    status = 409


class DuplicateSSHPublicKey(AwsError):
    """A public key that the user has already, in whatever encoding."""

    code = "DuplicateSSHPublicKey"


class FeatureDisabled(AwsError):
    """Outbound federation is not switched on."""

    code = "FeatureDisabled"
    status = 404


class FeatureEnabled(AwsError):
    """Outbound federation is switched on already."""

    code = "FeatureEnabled"
    status = 409


class InvalidAuthenticationCode(AwsError):
    """Codes that are not two of the device, one after the other."""

    code = "InvalidAuthenticationCode"
    status = 403


class InvalidPublicKey(AwsError):
    """A public key that is none for SSH: not RSA, or of a length that IAM does not take."""

    code = "InvalidPublicKey"


class InvalidUserType(AwsError):
    """A caller that is no IAM user and so has no password to change."""

    code = "InvalidUserType"


class KeyPairMismatch(AwsError):
    """A private key that is not the certificate's."""

    code = "KeyPairMismatch"


class MalformedCertificate(AwsError):
    """A certificate that cannot be read, is out of its time, or has a chain that does not hold."""

    code = "MalformedCertificate"


class PasswordPolicyViolation(AwsError):
    """A password that the account's policy does not take."""

    code = "PasswordPolicyViolation"


class ReportExpired(AwsError):
    """The credential report is older than four hours."""

    code = "ReportExpired"
    status = 410


class ReportNotPresent(AwsError):
    """No credential report was made yet."""

    code = "ReportNotPresent"
    status = 410


class UnrecognizedPublicKeyEncoding(AwsError):
    """A public key that is neither in SSH's encoding nor in PEM."""

    code = "UnrecognizedPublicKeyEncoding"


class AccountNotManagementOrDelegatedAdministrator(AwsError):
    """An account that does not speak for its organization."""

    code = "AccountNotManagementOrDelegatedAdministratorException"


class CallerIsNotManagementAccount(AwsError):
    """An account that is not the management account of its organization."""

    code = "CallerIsNotManagementAccountException"


class OrganizationNotFound(AwsError):
    """An account without an organization."""

    code = "OrganizationNotFoundException"
