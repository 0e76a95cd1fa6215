# SPDX-License-Identifier: Apache-2.0
"""Organizations' errors: all are HTTP 400; where AWS gives a reason, it is the member `Reason`.

What a caller may not do that the organization reserves for others is AWS's AccessDeniedException,
which every service has.
"""

from __future__ import annotations

from stockade.core.errors import AwsError
from stockade.protocol.refusals import AccessDenied


class ConstraintViolationException(AwsError):
    """A minimum, a maximum or a rule of the organization."""

    code = "ConstraintViolationException"

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message, members={"Reason": reason})


class HandshakeConstraintViolationException(AwsError):
    """A handshake that must not be."""

    code = "HandshakeConstraintViolationException"

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message, members={"Reason": reason})


class InvalidInputException(AwsError):
    """A value that the model allows and Organizations does not."""

    code = "InvalidInputException"

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message, members={"Reason": reason})


class AWSOrganizationsNotInUseException(AwsError):
    """The caller's account belongs to no organization."""

    code = "AWSOrganizationsNotInUseException"
    template = "Your account is not a member of an organization."


class AccountAlreadyClosedException(AwsError):
    """An account that is closed already."""

    code = "AccountAlreadyClosedException"
    template = "The provided account is already closed."


class AccountAlreadyRegisteredException(AwsError):
    """A delegated administrator of this service already."""

    code = "AccountAlreadyRegisteredException"
    template = "The provided account is already a delegated administrator for your organization."


class AccountNotFoundException(AwsError):
    """No account of the organization."""

    code = "AccountNotFoundException"
    template = "You specified an account that doesn't exist."


class AccountNotRegisteredException(AwsError):
    """No delegated administrator of this service."""

    code = "AccountNotRegisteredException"
    template = (
        "The provided account is not a registered delegated administrator for your organization."
    )


class AlreadyInOrganizationException(AwsError):
    """An account belongs to one organization at most."""

    code = "AlreadyInOrganizationException"
    template = "The AWS account is already a member of an organization."


class ChildNotFoundException(AwsError):
    """No account and no unit of the organization."""

    code = "ChildNotFoundException"
    template = "You specified a child that doesn't exist."


class CreateAccountStatusNotFoundException(AwsError):
    """No request to create an account."""

    code = "CreateAccountStatusNotFoundException"
    template = "You specified a create account request that doesn't exist."


class DestinationParentNotFoundException(AwsError):
    """No root and no unit to move to."""

    code = "DestinationParentNotFoundException"
    template = "You specified a destination parent that doesn't exist."


class DuplicateAccountException(AwsError):
    """The account is where it is to be moved."""

    code = "DuplicateAccountException"
    template = "That account is already present in the specified destination."


class DuplicateHandshakeException(AwsError):
    """An invitation of the same account that is still open."""

    code = "DuplicateHandshakeException"
    template = "A handshake with the same action and target already exists."


class DuplicateOrganizationalUnitException(AwsError):
    """A name that is taken under the same parent."""

    code = "DuplicateOrganizationalUnitException"
    template = "An OU with the same name already exists."


class DuplicatePolicyAttachmentException(AwsError):
    """A policy that is attached already; AWS says it with the words for a name that is taken."""

    code = "DuplicatePolicyAttachmentException"
    template = "A policy with the specified name and type already exists."


class DuplicatePolicyException(AwsError):
    """A name that another policy of this type has."""

    code = "DuplicatePolicyException"
    template = "A policy with the specified name and type already exists."


class EffectivePolicyNotFoundException(AwsError):
    """Nothing of this type reaches the account."""

    code = "EffectivePolicyNotFoundException"
    template = "You do not have an effective policy of the specified type."


class HandshakeAlreadyInStateException(AwsError):
    """The handshake is what it is to become."""

    code = "HandshakeAlreadyInStateException"
    template = "The specified handshake is already in the requested state."


class HandshakeNotFoundException(AwsError):
    """No handshake that this account has to do with."""

    code = "HandshakeNotFoundException"
    template = "You specified a handshake that doesn't exist."


class InvalidHandshakeTransitionException(AwsError):
    """The handshake came to another end."""

    code = "InvalidHandshakeTransitionException"
    template = "You can't perform the operation on the handshake in its current state."


class MalformedPolicyDocumentException(AwsError):
    """A policy that breaks the rules of its type; AWS does not say which."""

    code = "MalformedPolicyDocumentException"
    template = (
        "The provided policy document does not meet the requirements of the specified policy type."
    )


class MasterCannotLeaveOrganizationException(AwsError):
    """The management account stays as long as the organization."""

    code = "MasterCannotLeaveOrganizationException"
    template = "You can't remove a management account from an organization."


class OrganizationNotEmptyException(AwsError):
    """An organization that has member accounts is not deleted."""

    code = "OrganizationNotEmptyException"
    template = (
        "To delete an organization you must first remove all member accounts (except the master)."
    )


class OrganizationalUnitNotEmptyException(AwsError):
    """A unit that has accounts or units is not deleted."""

    code = "OrganizationalUnitNotEmptyException"
    template = "The specified organizational unit is not empty."


class OrganizationalUnitNotFoundException(AwsError):
    """No unit of the organization."""

    code = "OrganizationalUnitNotFoundException"
    template = "You specified an organizational unit that doesn't exist."


class ParentNotFoundException(AwsError):
    """No root and no unit of the organization."""

    code = "ParentNotFoundException"
    template = "You specified parent that doesn't exist."


class PolicyInUseException(AwsError):
    """A policy that is attached is not deleted."""

    code = "PolicyInUseException"
    template = (
        "This policy is attached to one or more entities. You must detach it from all roots, OUs, "
        "and accounts before performing this operation."
    )


class PolicyNotAttachedException(AwsError):
    """Nothing to detach."""

    code = "PolicyNotAttachedException"
    template = "The specified policy is not attached to the specified target."


class PolicyNotFoundException(AwsError):
    """No policy of the organization."""

    code = "PolicyNotFoundException"
    template = "You specified a policy that doesn't exist."


class PolicyTypeAlreadyEnabledException(AwsError):
    """A type that is in force already."""

    code = "PolicyTypeAlreadyEnabledException"
    template = "The specified policy type is already enabled."


class PolicyTypeNotAvailableForOrganizationException(AwsError):
    """An organization for consolidated billing has no policies."""

    code = "PolicyTypeNotAvailableForOrganizationException"
    template = (
        "You can't use the specified policy type with the feature set currently enabled for this "
        "organization."
    )


class PolicyTypeNotEnabledException(AwsError):
    """A type that is not in force."""

    code = "PolicyTypeNotEnabledException"
    template = "This operation can be performed only for enabled policy types."


class ResourcePolicyNotFoundException(AwsError):
    """No delegation policy."""

    code = "ResourcePolicyNotFoundException"
    template = "No resource-based policy found."


class RootNotFoundException(AwsError):
    """No root of the organization."""

    code = "RootNotFoundException"
    template = "You specified a root that doesn't exist."


class SourceParentNotFoundException(AwsError):
    """Not where the account is."""

    code = "SourceParentNotFoundException"
    template = "You specified a source parent that doesn't exist."


class TargetNotFoundException(AwsError):
    """No root, unit or account, nor anything else that may be named."""

    code = "TargetNotFoundException"
    template = "You specified a target that doesn't exist."


NOT_YOURS = "You don't have permissions to access this resource."


def not_yours() -> AccessDenied:
    """Return what who has the permission hears of what the organization keeps from the account."""
    return AccessDenied(NOT_YOURS)
